/*
 * Modified UTF-7, and names of a server as paths: every path stays below the root, and leads back.
 */
#include <string.h>

#include "maildir/maildir.h"
#include "model/name.h"
#include "tests/fuzz/fuzz.h"

static bool is_harmless(struct slice path, enum maildir_layout layout)
{
	struct slice rest = path, level;

	if (path.n == 0 || path.p[0] == '/' || path.p[path.n - 1] == '/' ||
		memchr(path.p, 0, path.n))
		return false;
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] < 0x20 || path.p[i] == 0x7f)
			return false;
	if (layout == MAILDIR_PLUSPLUS)
		return path.p[0] == '.' && !memchr(path.p, '/', path.n) && path.n <= 255 &&
		       (path.n == 1 || path.p[1] != '.');
	while (name_next_level(&rest, &level))
		if (level.n == 0 || level.n > 255 || level.p[0] == '.' ||
			slice_eq_str(level, "cur") || slice_eq_str(level, "new") ||
			slice_eq_str(level, "tmp"))
			return false;
	return true;
}

static void check_path(enum maildir_layout layout, struct slice canonical)
{
	struct buf path = {0}, back = {0};

	if (maildir_path(layout, canonical, &path)) {
		ASSERT(is_harmless(buf_slice(&path), layout));
		ASSERT(maildir_name(layout, buf_slice(&path), &back));
		ASSERT(slice_eq(buf_slice(&back), canonical));
	}
	buf_fini(&path);
	buf_fini(&back);
}

/* A folder that somebody made. */
static void check_folder(enum maildir_layout layout, struct slice path)
{
	struct buf name = {0}, back = {0};

	if (maildir_name(layout, path, &name)) {
		ASSERT(maildir_path(layout, buf_slice(&name), &back));
		/* Or a spelling of it, which shows. */
		ASSERT(slice_eq(buf_slice(&back), path) || back.len < path.n);
	}
	buf_fini(&name);
	buf_fini(&back);
}

static void check_utf7(struct slice text)
{
	struct buf decoded = {0}, encoded = {0};

	if (utf7_decode(text, &decoded)) {
		ASSERT(utf7_encode(buf_slice(&decoded), &encoded));
		ASSERT(slice_eq(buf_slice(&encoded), text));
	}
	buf_clear(&encoded);
	buf_clear(&decoded);
	if (utf7_encode(text, &encoded)) {
		ASSERT(utf7_decode(buf_slice(&encoded), &decoded));
		ASSERT(slice_eq(buf_slice(&decoded), text));
	}
	buf_fini(&decoded);
	buf_fini(&encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = {(const char *)data, size};
	uint8_t how = fuzz_octet(&input);
	struct name_rules rules = {
		.delimiter = (char)(fuzz_octet(&input) & 0x7f),
		.utf8 = how & 1,
		.prefix = how & 2 ? "INBOX." : "",
	};
	struct buf canonical = {0};

	check_utf7(input);
	check_folder(MAILDIR_NESTED, input);
	check_folder(MAILDIR_PLUSPLUS, input);
	if (name_to_canonical(&rules, input, &canonical)) {
		check_path(MAILDIR_NESTED, buf_slice(&canonical));
		check_path(MAILDIR_PLUSPLUS, buf_slice(&canonical));
	}
	buf_fini(&canonical);
	return 0;
}

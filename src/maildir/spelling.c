/*
 * Second spellings of names that the file system can't tell apart (fit.c): the first characters of
 * a level as %XX, as many as it takes. No canonical name is written so, and maildir_name() undoes
 * it.
 */
#include "base/buf.h"
#include "maildir/part.h"
#include "model/name.h"

#define LEVEL_MOST 255

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* How many bytes the character at I takes, in UTF-8 and with what is already written %XX. */
static size_t length_at(struct slice level, size_t i, bool *escaped)
{
	size_t n = 1;

	*escaped = i + 2 < level.n && level.p[i] == '%' && is_hex(level.p[i + 1]) &&
		   is_hex(level.p[i + 2]);
	if (*escaped)
		return 3;
	while (i + n < level.n && ((unsigned char)level.p[i + n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* What maildir++ writes as one entry of a directory has its last level behind the last dot. */
static size_t start_of(enum maildir_layout layout, struct slice level)
{
	size_t i = layout == MAILDIR_PLUSPLUS ? level.n : 0;

	while (i > 0 && level.p[i - 1] != '.')
		i--;
	return i;
}

bool spelling_respell(
	enum maildir_layout layout, struct slice level, unsigned count, struct buf *out)
{
	size_t start = out->len, i = start_of(layout, level);
	bool escaped;

	buf_add(out, level.p, i);
	for (size_t n; i < level.n; i += n) {
		n = length_at(level, i, &escaped);
		if (escaped || count == 0) {
			buf_add(out, level.p + i, n);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			buf_addf(out, "%%%02X", (unsigned char)level.p[i + k]);
		count--;
	}
	return count == 0 && out->len - start <= LEVEL_MOST;
}

/* Is LEVEL one of the ways to spell PLAIN? */
static bool is_spelling(enum maildir_layout layout, struct slice plain, struct slice level)
{
	struct buf again = {0};
	bool same = slice_eq(plain, level), more = true;

	for (unsigned count = 1; !same && more && plain.n < level.n; count++) {
		buf_clear(&again);
		more = spelling_respell(layout, plain, count, &again) && again.len <= level.n;
		same = more && slice_eq(buf_slice(&again), level);
	}
	buf_fini(&again);
	return same;
}

bool spelling_stands_for(enum maildir_layout layout, struct slice plain, struct slice path)
{
	struct slice level, spelled;

	if (path.n > 0 && path.p[path.n - 1] == '/')
		return false;
	while (name_next_level(&plain, &level))
		if (!name_next_level(&path, &spelled) || !is_spelling(layout, level, spelled))
			return false;
	return !name_next_level(&path, &spelled);
}

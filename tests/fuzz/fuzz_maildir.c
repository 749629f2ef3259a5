/*
 * Names of message files, keyword letters among them, and dates of messages.
 */
#include <string.h>

#include "maildir/letters.h"
#include "maildir/part.h"
#include "model/date.h"
#include "tests/fuzz/fuzz.h"

static void check_flags(const struct maildir *maildir, struct slice base, struct slice info)
{
	struct flags flags = maildir_flags(maildir, info), back;
	char path[512];
	size_t n = maildir_filename(maildir, base, false, info, &flags, path, sizeof(path));
	struct slice again_base, again_info;

	ASSERT(n < sizeof(path));
	if (n == 0)
		return;
	ASSERT(strlen(path) == n);
	maildir_split((struct slice){path + 4, n - 4}, &again_base, &again_info);
	ASSERT(slice_eq(again_base, base));
	back = maildir_flags(maildir, again_info);
	ASSERT(flags_equal(&flags, &back));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = {(const char *)data, size}, base, info;
	struct keywords *keywords = keywords_new();
	struct maildir maildir = {.fd = -1, .letters = letters_new(keywords)};
	int64_t date;

	maildir_split(input, &base, &info);
	ASSERT(base.n + info.n <= input.n);
	if (base.n > 0 && !memchr(input.p, '/', input.n) && !memchr(input.p, 0, input.n))
		check_flags(&maildir, base, info);
	if (date_parse(input, &date)) {
		struct slice same = input;
		int64_t again;
		ASSERT(date_parse(same, &again) && again == date);
	}
	letters_free(maildir.letters);
	keywords_free(keywords);
	return 0;
}

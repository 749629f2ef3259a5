/*
 * A message's file name and its parts: BASE, ":" and INFO, whose letters are flags and keywords.
 */
#include <string.h>

#include "maildir/letters.h"

void maildir_split(struct slice filename, struct slice *base, struct slice *info)
{
	const char *colon = filename.n ? memchr(filename.p, ':', filename.n) : NULL;
	size_t n = colon ? (size_t)(colon - filename.p) : filename.n;

	*base = (struct slice){filename.p, n};
	*info = colon ? (struct slice){colon + 1, filename.n - n - 1} : (struct slice){0};
}

/* What follows "2,", up to a second comma. */
struct slice letters_in(struct slice info, struct slice *tail)
{
	*tail = (struct slice){0};
	if (info.n < 2 || info.p[0] != '2' || info.p[1] != ',')
		return (struct slice){0};
	struct slice letters = {info.p + 2, info.n - 2};
	const char *comma = letters.n ? memchr(letters.p, ',', letters.n) : NULL;
	if (comma) {
		*tail = (struct slice){comma, (size_t)(letters.p + letters.n - comma)};
		letters.n = (size_t)(comma - letters.p);
	}
	return letters;
}

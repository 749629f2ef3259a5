#include "model/pattern.h"

#include <string.h>

/*
 * Dynamic programming by hand: two fallback points, one for the last '*' (may swallow anything) and
 * one for the last '%' behind it (may not swallow '/'). On a mismatch the '%' gives way first, then
 * the '*'.
 */
static bool match(const char *p, const char *s, const char *end)
{
	const char *star = NULL, *star_s = NULL, *level = NULL, *level_s = NULL;

	for (;;) {
		if (*p == '*') {
			star = ++p;
			star_s = s;
			level = NULL;
			continue;
		}
		if (*p == '%') {
			level = ++p;
			level_s = s;
			continue;
		}
		if (s == end && *p == '\0')
			return true;
		if (s < end && *p != '\0' && *p == *s) {
			p++;
			s++;
			continue;
		}
		if (level && level_s < end && *level_s != '/') {
			p = level;
			s = ++level_s;
			continue;
		}
		level = NULL;
		if (!star || star_s >= end)
			return false;
		p = star;
		s = ++star_s;
	}
}

static bool is_inbox(const char *pattern)
{
	return slice_eq_nocase(slice_str(pattern), SLICE("INBOX"));
}

bool pattern_match(const char *pattern, struct slice name)
{
	if (is_inbox(pattern))
		return slice_eq_nocase(name, SLICE("INBOX"));
	return match(pattern, name.p ? name.p : "", (name.p ? name.p : "") + name.n);
}

bool pattern_selects(char *const *patterns, size_t count, struct slice name)
{
	bool selected = false;

	for (size_t i = 0; i < count; i++) {
		bool take = patterns[i][0] != '!';
		if (pattern_match(patterns[i] + !take, name))
			selected = take;
	}
	return selected;
}

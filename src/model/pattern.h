/*
 * Which mailboxes an account syncs: an ordered list of patterns over canonical names; '*' matches
 * anything, '%' anything within one level, a leading '!' takes away; the last pattern that matches
 * wins. "INBOX" matches in any case.
 */
#ifndef MODEL_PATTERN_H
#define MODEL_PATTERN_H

#include "base/slice.h"

/* Does one PATTERN (without '!') match NAME? Linear time in the product of lengths, no recursion.
 */
bool pattern_match(const char *pattern, struct slice name);
/* Verdict of the list; an empty list selects nothing. */
bool pattern_selects(char *const *patterns, size_t count, struct slice name);

#endif

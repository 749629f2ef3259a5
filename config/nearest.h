/*
 * "Did you mean": the word of a list that is nearest to a mistyped one. Pure.
 */
#ifndef CONFIG_NEAREST_H
#define CONFIG_NEAREST_H

#include "base/slice.h"

/* Edits (insert, delete, change, swap of neighbours) between A and B; LIMIT + 1 if more. Words over
 * 63 bytes count as far. */
unsigned nearest_distance(struct slice a, struct slice b, unsigned limit);
/* The nearest of COUNT words, at most a third of its letters wrong; NULL if none is near. */
const char *nearest_word(struct slice word, const char *const *words, size_t count);

#endif

/*
 * A borrowed run of bytes. Never owns, is not NUL-terminated, may hold NUL.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include "base/base.h"

struct slice {
	const char *p; /* may be NULL only if n == 0 */
	size_t n;
};

/* A slice of a string literal. */
#define SLICE(literal) ((struct slice){"" literal, sizeof(literal) - 1})
/* printf("%.*s", SLICE_ARG(s)) */
#define SLICE_ARG(s) (int)(s).n, (s).p ? (s).p : ""

struct slice slice_str(const char *s); /* s may be NULL: empty */
bool slice_eq(struct slice a, struct slice b);
bool slice_eq_str(struct slice a, const char *s);
bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII letters only */
bool slice_starts_nocase(struct slice s, const char *prefix);
/* Order as memcmp, shorter first on a tie. */
int slice_cmp(struct slice a, struct slice b);

/* FNV-1a: the same in every run, and no secret. */
uint32_t slice_hash(struct slice s);

/*
 * Whole slice as an unsigned decimal number: only digits, at least one, value <= MAX. Leading zeros
 * are allowed. Returns false (and leaves OUT alone) otherwise; never wraps.
 */
bool slice_number(struct slice s, uint64_t max, uint64_t *out);

#endif

/*
 * A set of message UIDs as sorted, disjoint, non-adjacent ranges. Never expanded: 1:4294967295 is
 * one range.
 */
#ifndef MODEL_UIDSET_H
#define MODEL_UIDSET_H

#include "base/buf.h"

struct uid_range {
	uint32_t first;
	uint32_t last; /* included; >= first >= 1 */
};

struct uidset {
	struct uid_range *ranges; /* owned */
	size_t count;
	size_t room;
};

/* { 0 } is the empty set. */
void uidset_fini(struct uidset *set);
void uidset_clear(struct uidset *set);
/* Adding in rising order is O(1); elsewhere O(log n) to find and O(n) to insert. UID 0 is ignored.
 */
void uidset_add(struct uidset *set, uint32_t uid);
void uidset_add_range(struct uidset *set, uint32_t first, uint32_t last); /* in either order */
void uidset_remove(struct uidset *set, uint32_t uid);
bool uidset_contains(const struct uidset *set, uint32_t uid);
/* The first UID of SET that is not below UID, 0: there is none. */
uint32_t uidset_from(const struct uidset *set, uint32_t uid);
uint64_t uidset_size(const struct uidset *set); /* number of UIDs */
bool uidset_empty(const struct uidset *set);
void uidset_copy(struct uidset *out, const struct uidset *set); /* OUT must be released or empty */
void uidset_union(struct uidset *set, const struct uidset *other);     /* set |= other */
void uidset_subtract(struct uidset *set, const struct uidset *other);  /* set &= ~other */
void uidset_intersect(struct uidset *set, const struct uidset *other); /* set &= other */
/* From an array in any order, repeats allowed; sorts UIDS in place. O(n log n). */
void uidset_from_array(struct uidset *out, uint32_t *uids, size_t count);

/* Ranges in any order and direction; sorts RANGES in place. O(n log n + size of SET). */
void uidset_add_ranges(struct uidset *set, struct uid_range *ranges, size_t count);

/* Adding many UIDs one by one that may come in any order: O(n log n) for all of them. Between the
 * first and the end SET lacks some. */
struct uid_gather {
	uint32_t *late; /* owned: below the end of the set when they came */
	size_t count, room;
};
void uid_gather(struct uid_gather *gather, struct uidset *set, uint32_t uid);
void uid_gather_end(struct uid_gather *gather, struct uidset *set); /* releases */

/* Iterate single UIDs in rising order:  struct uid_iter it = { 0 }; while ((uid = uidset_next(&set,
 * &it)) != 0) ... */
struct uid_iter {
	size_t range;
	uint32_t after; /* last UID returned within the range, 0: none */
};
uint32_t uidset_next(const struct uidset *set, struct uid_iter *it);
/* The next range, cut to at most LIMIT UIDs; false at the end. May be mixed with uidset_next(). */
bool uidset_next_range(
	const struct uidset *set, struct uid_iter *it, uint32_t limit, struct uid_range *out);

/*
 * Append the set as IMAP text (RFC 9051 sequence-set, "1:3,7") to OUT, rising, from where IT
 * stands, at most MAX_UIDS UIDs and about MAX_BYTES bytes, at least one range. Returns the number
 * of UIDs written; 0 at the end.
 */
uint64_t uidset_format(const struct uidset *set, struct uid_iter *it, uint64_t max_uids,
	size_t max_bytes, struct buf *out);
/* The whole set as text. */
void uidset_format_all(const struct uidset *set, struct buf *out);
/*
 * Parse RFC 9051 uid-set text (no "*"): ranges in any order and direction, no empty items, no 0,
 * nothing > 2^32-1, at most MAX_RANGES items. Adds to OUT. false: not such text (OUT may then hold
 * a part).
 */
bool uidset_parse(struct slice text, size_t max_ranges, struct uidset *out);
/* As uidset_parse(), but keeps the order of the text (for APPENDUID and COPYUID): ranges in RANGES,
 * at most MAX. -1 on bad text. */
ssize_t uidset_parse_ordered(struct slice text, struct uid_range *ranges, size_t max);

#endif

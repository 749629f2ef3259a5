#include "model/uidset.h"

#include <stdlib.h>
#include <string.h>

void uidset_fini(struct uidset *set)
{
	free(set->ranges);
	*set = (struct uidset){0};
}

void uidset_clear(struct uidset *set)
{
	set->count = 0;
}

/* Index of the first range whose last UID is not below UID. */
static size_t lower_bound(const struct uidset *set, uint32_t uid)
{
	size_t low = 0, high = set->count;

	/* Most work is at the end: UIDs come in rising order. */
	if (high > 0 && set->ranges[high - 1].last < uid)
		return high;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (set->ranges[middle].last < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void insert_at(struct uidset *set, size_t at, struct uid_range range)
{
	set->ranges = base_reserve(set->ranges, set->count, &set->room, sizeof(*set->ranges));
	memmove(set->ranges + at + 1, set->ranges + at, (set->count - at) * sizeof(*set->ranges));
	set->ranges[at] = range;
	set->count++;
}

static void remove_at(struct uidset *set, size_t at, size_t count)
{
	memmove(set->ranges + at, set->ranges + at + count,
		(set->count - at - count) * sizeof(*set->ranges));
	set->count -= count;
}

void uidset_add(struct uidset *set, uint32_t uid)
{
	uidset_add_range(set, uid, uid);
}

void uidset_add_range(struct uidset *set, uint32_t first, uint32_t last)
{
	if (first > last) {
		uint32_t swap = first;
		first = last;
		last = swap;
	}
	if (first == 0)
		first = 1;
	if (last == 0)
		return;
	/* Ranges that touch or overlap [first - 1, last + 1] melt into one. */
	size_t from = lower_bound(set, first - 1 > 0 ? first - 1 : 1), to = from;
	while (to < set->count && (last == UINT32_MAX || set->ranges[to].first <= last + 1))
		to++;
	if (from == to) {
		insert_at(set, from, (struct uid_range){first, last});
		return;
	}
	if (set->ranges[from].first < first)
		first = set->ranges[from].first;
	if (set->ranges[to - 1].last > last)
		last = set->ranges[to - 1].last;
	set->ranges[from] = (struct uid_range){first, last};
	remove_at(set, from + 1, to - from - 1);
}

void uidset_remove(struct uidset *set, uint32_t uid)
{
	size_t at = lower_bound(set, uid);

	if (at == set->count || set->ranges[at].first > uid)
		return;
	struct uid_range *range = &set->ranges[at];
	if (range->first == range->last) {
		remove_at(set, at, 1);
	} else if (range->first == uid) {
		range->first++;
	} else if (range->last == uid) {
		range->last--;
	} else {
		struct uid_range rest = {uid + 1, range->last};
		range->last = uid - 1;
		insert_at(set, at + 1, rest);
	}
}

bool uidset_contains(const struct uidset *set, uint32_t uid)
{
	size_t at = lower_bound(set, uid);
	return at < set->count && set->ranges[at].first <= uid && uid != 0;
}

uint32_t uidset_from(const struct uidset *set, uint32_t uid)
{
	size_t at = lower_bound(set, uid);

	if (at == set->count)
		return 0;
	return set->ranges[at].first < uid ? uid : set->ranges[at].first;
}

uint64_t uidset_size(const struct uidset *set)
{
	uint64_t n = 0;
	for (size_t i = 0; i < set->count; i++)
		n += (uint64_t)set->ranges[i].last - set->ranges[i].first + 1;
	return n;
}

bool uidset_empty(const struct uidset *set)
{
	return set->count == 0;
}

void uidset_copy(struct uidset *out, const struct uidset *set)
{
	uidset_fini(out);
	if (set->count == 0)
		return;
	out->ranges = xrealloc_array(NULL, set->count, sizeof(*out->ranges));
	memcpy(out->ranges, set->ranges, set->count * sizeof(*out->ranges));
	out->count = out->room = set->count;
}

/* A result in the making: ranges come in rising order and may touch. */
static void append(struct uidset *out, uint32_t first, uint32_t last)
{
	struct uid_range *end = out->count ? &out->ranges[out->count - 1] : NULL;

	if (end && (end->last == UINT32_MAX || first <= end->last + 1)) {
		if (last > end->last)
			end->last = last;
		return;
	}
	out->ranges = base_reserve(out->ranges, out->count, &out->room, sizeof(*out->ranges));
	out->ranges[out->count++] = (struct uid_range){first, last};
}

static void replace(struct uidset *set, struct uidset *with)
{
	uidset_fini(set);
	*set = *with;
}

void uidset_union(struct uidset *set, const struct uidset *other)
{
	struct uidset out = {0};
	size_t a = 0, b = 0;

	while (a < set->count || b < other->count) {
		bool left = b == other->count ||
			    (a < set->count && set->ranges[a].first <= other->ranges[b].first);
		struct uid_range r = left ? set->ranges[a++] : other->ranges[b++];
		append(&out, r.first, r.last);
	}
	replace(set, &out);
}

void uidset_subtract(struct uidset *set, const struct uidset *other)
{
	struct uidset out = {0};
	size_t b = 0;

	for (size_t a = 0; a < set->count; a++) {
		uint64_t first = set->ranges[a].first, last = set->ranges[a].last;
		while (b < other->count && other->ranges[b].last < first)
			b++;
		for (size_t k = b;
			k < other->count && other->ranges[k].first <= last && first <= last; k++) {
			if (other->ranges[k].first > first)
				append(&out, (uint32_t)first, other->ranges[k].first - 1);
			first = (uint64_t)other->ranges[k].last + 1;
		}
		if (first <= last)
			append(&out, (uint32_t)first, (uint32_t)last);
	}
	replace(set, &out);
}

void uidset_intersect(struct uidset *set, const struct uidset *other)
{
	struct uidset out = {0};
	size_t a = 0, b = 0;

	while (a < set->count && b < other->count) {
		struct uid_range x = set->ranges[a], y = other->ranges[b];
		uint32_t first = x.first > y.first ? x.first : y.first;
		uint32_t last = x.last < y.last ? x.last : y.last;
		if (first <= last)
			append(&out, first, last);
		if (x.last < y.last)
			a++;
		else
			b++;
	}
	replace(set, &out);
}

static int compare_uids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

void uidset_from_array(struct uidset *out, uint32_t *uids, size_t count)
{
	uidset_clear(out);
	if (count > 0)
		qsort(uids, count, sizeof(*uids), compare_uids);
	for (size_t i = 0; i < count; i++)
		if (uids[i] != 0)
			append(out, uids[i], uids[i]);
}

static int compare_ranges(const void *a, const void *b)
{
	const struct uid_range *x = a, *y = b;
	return x->first < y->first ? -1 : x->first > y->first;
}

void uidset_add_ranges(struct uidset *set, struct uid_range *ranges, size_t count)
{
	struct uidset sorted = {0};

	for (size_t i = 0; i < count; i++)
		if (ranges[i].first > ranges[i].last)
			ranges[i] = (struct uid_range){ranges[i].last, ranges[i].first};
	if (count > 0)
		qsort(ranges, count, sizeof(*ranges), compare_ranges);
	for (size_t i = 0; i < count; i++)
		uidset_add_range(&sorted, ranges[i].first, ranges[i].last);
	uidset_union(set, &sorted);
	uidset_fini(&sorted);
}

#define GATHER_MOST 200000

void uid_gather(struct uid_gather *gather, struct uidset *set, uint32_t uid)
{
	if (set->count == 0 || uid >= set->ranges[set->count - 1].first) {
		uidset_add(set, uid);
		return;
	}
	gather->late =
		base_reserve(gather->late, gather->count, &gather->room, sizeof(*gather->late));
	gather->late[gather->count++] = uid;
	/* One UID may be told any number of times. */
	if (gather->count >= GATHER_MOST && gather->count >= set->count)
		uid_gather_end(gather, set);
}

void uid_gather_end(struct uid_gather *gather, struct uidset *set)
{
	struct uidset late = {0};

	uidset_from_array(&late, gather->late, gather->count);
	if (gather->count > 0)
		uidset_union(set, &late);
	uidset_fini(&late);
	free(gather->late);
	*gather = (struct uid_gather){0};
}

uint32_t uidset_next(const struct uidset *set, struct uid_iter *it)
{
	struct uid_range range;
	return uidset_next_range(set, it, 1, &range) ? range.first : 0;
}

bool uidset_next_range(
	const struct uidset *set, struct uid_iter *it, uint32_t limit, struct uid_range *out)
{
	if (it->range < set->count && it->after == set->ranges[it->range].last) {
		it->range++;
		it->after = 0;
	}
	if (it->range >= set->count || limit == 0)
		return false;
	const struct uid_range *range = &set->ranges[it->range];
	out->first = it->after ? it->after + 1 : range->first;
	out->last = range->last - out->first < limit ? range->last : out->first + (limit - 1);
	it->after = out->last;
	return true;
}

uint64_t uidset_format(const struct uidset *set, struct uid_iter *it, uint64_t max_uids,
	size_t max_bytes, struct buf *out)
{
	size_t start = out->len;
	uint64_t done = 0;
	struct uid_range r;

	while (done < max_uids && (done == 0 || out->len - start + 22 <= max_bytes)) {
		uint64_t left = max_uids - done;
		if (!uidset_next_range(
			    set, it, left < UINT32_MAX ? (uint32_t)left : UINT32_MAX, &r))
			break;
		buf_addf(out, r.first == r.last ? "%s%u" : "%s%u:%u", done ? "," : "", r.first,
			r.last);
		done += (uint64_t)r.last - r.first + 1;
	}
	return done;
}

void uidset_format_all(const struct uidset *set, struct buf *out)
{
	struct uid_iter it = {0};
	uidset_format(set, &it, UINT64_MAX, SIZE_MAX / 2, out);
}

/* One item at the front of *TEXT, which goes on behind it and its comma. */
static bool parse_item(struct slice *text, struct uid_range *out)
{
	const char *comma = text->n ? memchr(text->p, ',', text->n) : NULL;
	struct slice item = {text->p, comma ? (size_t)(comma - text->p) : text->n};
	const char *colon = item.n ? memchr(item.p, ':', item.n) : NULL;
	struct slice first = {item.p, colon ? (size_t)(colon - item.p) : item.n};
	struct slice last = colon ? (struct slice){colon + 1, item.n - first.n - 1} : first;
	uint64_t a, b;

	if (!slice_number(first, UINT32_MAX, &a) || !slice_number(last, UINT32_MAX, &b) || a == 0 ||
		b == 0)
		return false;
	*out = (struct uid_range){(uint32_t)a, (uint32_t)b};
	text->p += item.n;
	text->n -= item.n;
	if (!comma)
		return true;
	text->p++;
	text->n--;
	return text->n > 0; /* no comma at the end */
}

ssize_t uidset_parse_ordered(struct slice text, struct uid_range *ranges, size_t max)
{
	size_t count = 0;

	do
		if (count == max || !parse_item(&text, &ranges[count++]))
			return -1;
	while (text.n > 0);
	return (ssize_t)count;
}

bool uidset_parse(struct slice text, size_t max_ranges, struct uidset *out)
{
	struct uid_range range;

	for (size_t i = 0; i < max_ranges; i++) {
		if (!parse_item(&text, &range))
			return false;
		uidset_add_range(out, range.first, range.last);
		if (text.n == 0)
			return true;
	}
	return false;
}

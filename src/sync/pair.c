/*
 * The header digest finds candidates, the size proves them, the content digest decides where size
 * can't (see pair.h). Rejected: Message-ID alone (copies made by people and list servers share it,
 * some messages have none) and RFC822.SIZE alone.
 */
#include "sync/pair.h"

#include <stdlib.h>

/* A server may add the final line end that a message lacks. */
#define SIZE_SLACK 2

static int compare_sizes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

void pair_sizes_init(
	struct arena *arena, const struct new_here *here, size_t count, struct pair_sizes *out)
{
	out->sizes = arena_alloc(arena, (count + 1) * sizeof(uint64_t));
	out->count = 0;
	for (size_t i = 0; i < count; i++)
		if (here[i].has_facts)
			out->sizes[out->count++] = here[i].wire_size;
	qsort(out->sizes, out->count, sizeof(uint64_t), compare_sizes);
}

bool pair_size_fits(const struct pair_sizes *sizes, uint64_t size)
{
	uint64_t least = size > SIZE_SLACK ? size - SIZE_SLACK : 0;
	size_t low = 0, high = sizes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (sizes->sizes[middle] < least)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizes->count && sizes->sizes[low] <= size + SIZE_SLACK;
}

static bool same_header(const struct new_there *there, const struct new_here *here)
{
	return here->has_facts && digest_equal(&there->header, &here->header);
}

bool pair_needs_content(const struct new_there *there, const struct new_here *here, size_t count)
{
	if (digest_is_zero(&there->header))
		return false;
	for (size_t i = 0; i < count; i++)
		if (same_header(there, &here[i]) &&
			(!there->message_id || there->size != here[i].wire_size))
			return true;
	return false;
}

static bool equal(const struct new_there *there, const struct new_here *here)
{
	if (!same_header(there, here))
		return false;
	if (!digest_is_zero(&there->content))
		return digest_equal(&there->content, &here->content);
	return there->message_id && there->size == here->wire_size;
}

/* How well two equal messages go together: date first, then flags. */
static int likeness(const struct new_there *there, const struct new_here *here)
{
	return 2 * (there->date == here->date) + flags_equal(&there->flags, &here->flags);
}

struct entry {
	struct digest header;
	int32_t index;
};

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = digest_cmp(&x->header, &y->header);
	return order != 0 ? order : x->index - y->index;
}

/* First entry whose header is not less than HEADER. */
static size_t lower_bound(const struct entry *entries, size_t count, const struct digest *header)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (digest_cmp(&entries[middle].header, header) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void pair_match(struct arena *arena, const struct new_there *there, size_t there_count,
	const struct new_here *here, size_t here_count, bool *used, int32_t *partner)
{
	struct entry *entries = arena_alloc(arena, (here_count + 1) * sizeof(struct entry));
	size_t count = 0;

	for (size_t i = 0; i < here_count; i++)
		if (here[i].has_facts)
			entries[count++] = (struct entry){here[i].header, (int32_t)i};
	qsort(entries, count, sizeof(struct entry), compare_entries);

	for (size_t i = 0; i < there_count; i++) {
		int best = -1;
		partner[i] = -1;
		if (!there[i].has_facts || digest_is_zero(&there[i].header))
			continue;
		for (size_t k = lower_bound(entries, count, &there[i].header);
			k < count && digest_equal(&entries[k].header, &there[i].header); k++) {
			const struct new_here *file = &here[entries[k].index];
			if (used[entries[k].index] || !equal(&there[i], file) ||
				likeness(&there[i], file) <= best)
				continue;
			best = likeness(&there[i], file);
			partner[i] = entries[k].index;
		}
		if (partner[i] >= 0)
			used[partner[i]] = true;
	}
}

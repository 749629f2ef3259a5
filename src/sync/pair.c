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

static int compare_entries(const void *a, const void *b)
{
	const struct pair_entry *x = a, *y = b;
	int order = digest_cmp(&x->header, &y->header);
	return order != 0 ? order : x->index - y->index;
}

void pair_index_init(
	struct arena *arena, const struct new_here *here, size_t count, struct pair_index *out)
{
	out->here = here;
	out->entries = arena_alloc(arena, (count + 1) * sizeof(struct pair_entry));
	out->count = 0;
	for (size_t i = 0; i < count; i++)
		if (here[i].has_facts)
			out->entries[out->count++] =
				(struct pair_entry){here[i].header, (int32_t)i};
	qsort(out->entries, out->count, sizeof(struct pair_entry), compare_entries);
}

/* First entry whose header is not less than HEADER. */
static size_t lower_bound(const struct pair_index *index, const struct digest *header)
{
	size_t low = 0, high = index->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (digest_cmp(&index->entries[middle].header, header) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The file of entry K if its header is HEADER's, else NULL. */
static const struct new_here *file_at(
	const struct pair_index *index, size_t k, const struct digest *header)
{
	if (k >= index->count || !digest_equal(&index->entries[k].header, header))
		return NULL;
	return &index->here[index->entries[k].index];
}

bool pair_needs_content(const struct pair_index *index, const struct new_there *there)
{
	const struct new_here *file;

	if (digest_is_zero(&there->header))
		return false;
	for (size_t k = lower_bound(index, &there->header);
		(file = file_at(index, k, &there->header)); k++)
		if (!there->message_id || there->size != file->wire_size)
			return true;
	return false;
}

/* The best file for THERE that is not used, -1: none. */
static int32_t best_file(
	const struct pair_index *index, const struct new_there *there, const bool *used)
{
	const struct new_here *file;
	int32_t out = -1;
	int best = -1;

	for (size_t k = lower_bound(index, &there->header);
		(file = file_at(index, k, &there->header)); k++) {
		int32_t i = index->entries[k].index;
		if (used[i] || !equal(there, file) || likeness(there, file) <= best)
			continue;
		best = likeness(there, file);
		out = i;
	}
	return out;
}

void pair_match(struct arena *arena, const struct new_there *there, size_t there_count,
	const struct new_here *here, size_t here_count, bool *used, int32_t *partner)
{
	struct pair_index index;

	pair_index_init(arena, here, here_count, &index);
	for (size_t i = 0; i < there_count; i++) {
		partner[i] = -1;
		if (!there[i].has_facts || digest_is_zero(&there[i].header))
			continue;
		partner[i] = best_file(&index, &there[i], used);
		if (partner[i] >= 0)
			used[partner[i]] = true;
	}
}

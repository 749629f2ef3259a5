/*
 * The header digest finds candidates, the size proves them, the content digest decides where size
 * can't (see pair.h). Rejected: Message-ID alone (copies made by people and list servers share it,
 * some messages have none), except where the state itself says that there must be a partner; and
 * RFC822.SIZE alone.
 */
#include "sync/pair.h"

#include <stdlib.h>

/* How far a server's idea of a size may be off. */
static uint64_t slack(uint64_t size)
{
	return 128 + size / 16;
}

static int compare_sizes(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

void pair_sizes_sort(struct pair_sizes *sizes)
{
	if (sizes->count > 0)
		qsort(sizes->sizes, sizes->count, sizeof(uint64_t), compare_sizes);
}

void pair_sizes_here(
	struct arena *arena, const struct new_here *here, size_t count, struct pair_sizes *out)
{
	*out = (struct pair_sizes){arena_alloc(arena, (count + 1) * sizeof(uint64_t)), 0};
	for (size_t i = 0; i < count; i++)
		if (here[i].has_facts)
			out->sizes[out->count++] = here[i].wire_size;
	pair_sizes_sort(out);
}

void pair_sizes_there(
	struct arena *arena, const struct new_there *there, size_t count, struct pair_sizes *out)
{
	*out = (struct pair_sizes){arena_alloc(arena, (count + 1) * sizeof(uint64_t)), 0};
	for (size_t i = 0; i < count; i++)
		if (there[i].has_facts)
			out->sizes[out->count++] = there[i].size;
	pair_sizes_sort(out);
}

static bool any_between(const struct pair_sizes *sizes, uint64_t least, uint64_t most)
{
	size_t low = 0, high = sizes->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (sizes->sizes[middle] < least)
			low = middle + 1;
		else
			high = middle;
	}
	return low < sizes->count && sizes->sizes[low] <= most;
}

bool pair_size_fits(const struct pair_sizes *sizes, uint64_t size)
{
	return any_between(sizes, size > slack(size) ? size - slack(size) : 0, size + slack(size));
}

bool pair_file_fits(const struct pair_sizes *sizes, uint64_t size)
{
	return any_between(
		sizes, size > slack(size) ? size - slack(size) : 0, 2 * (size + slack(size)));
}

bool pair_may_be(const struct new_here *file, uint64_t size)
{
	uint64_t off = size > file->wire_size ? size - file->wire_size : file->wire_size - size;

	return file->has_facts && off <= slack(size);
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
	return !digest_is_zero(&there->message_id) && there->size == here->wire_size;
}

/* How well two equal messages go together: date first, then flags. */
static int likeness(const struct new_there *there, const struct new_here *here)
{
	return 2 * (there->date == here->date) + flags_equal(&there->flags, &here->flags);
}

static int compare_entries(const void *a, const void *b)
{
	const struct pair_entry *x = a, *y = b;
	int order = digest_cmp(&x->key, &y->key);
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

/* First entry whose key is not less than KEY. */
static size_t lower_bound(const struct pair_index *index, const struct digest *key)
{
	size_t low = 0, high = index->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (digest_cmp(&index->entries[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The file of entry K if KEY is its key, else NULL. */
static const struct new_here *file_at(
	const struct pair_index *index, size_t k, const struct digest *key)
{
	if (k >= index->count || !digest_equal(&index->entries[k].key, key))
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
		if (digest_is_zero(&there->message_id) || there->size != file->wire_size)
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

/* ---- what the state vouches for ---- */

bool pair_is_vouched(const struct new_here *file)
{
	return file->doubtful || file->has_former;
}

/* Did an upload of FILE, if it was one, make a message under this UID? */
static bool may_be(const struct new_there *there, const struct new_here *file)
{
	return file->has_former || there->uid >= file->uidnext_before;
}

static const struct digest *header_there(const struct new_there *there)
{
	return &there->header;
}

static const struct digest *header_here(const struct new_here *here)
{
	return &here->header;
}

static const struct digest *id_there(const struct new_there *there)
{
	return &there->message_id;
}

static const struct digest *id_here(const struct new_here *here)
{
	return &here->message_id;
}

static bool has_its_date(const struct new_there *there, const struct new_here *file)
{
	return there->date == file->date || (file->has_former && there->date == file->former_date);
}

/* Versions of a draft can have all headers alike, and lie in one mailbox one after the other. */
static bool has_its_date_if_known(const struct new_there *there, const struct new_here *file)
{
	return !file->has_former || has_its_date(there, file);
}

static bool was_answered(const struct new_there *there UNUSED, const struct new_here *file)
{
	return file->answered;
}

/* By which digests messages and files are compared, and what has to go with it. */
struct by {
	const struct digest *(*there)(const struct new_there *there);
	const struct digest *(*here)(const struct new_here *here);
	bool (*fits)(const struct new_there *there, const struct new_here *here);
};

/* All that is looked at while leftovers are given to one another. */
struct leftovers {
	const struct new_there *there;
	size_t there_count;
	const struct new_here *here;
	size_t here_count;
	bool *used;
	int32_t *partner;
};

static void index_vouched(
	struct arena *arena, const struct leftovers *l, const struct by *by, struct pair_index *out)
{
	*out = (struct pair_index){.here = l->here,
		.entries = arena_alloc(arena, (l->here_count + 1) * sizeof(struct pair_entry))};
	for (size_t i = 0; i < l->here_count; i++)
		if (!l->used[i] && pair_is_vouched(&l->here[i]) &&
			!digest_is_zero(by->here(&l->here[i])))
			out->entries[out->count++] =
				(struct pair_entry){*by->here(&l->here[i]), (int32_t)i};
	qsort(out->entries, out->count, sizeof(struct pair_entry), compare_entries);
}

static void give(struct leftovers *l, size_t there, int32_t here)
{
	l->partner[there] = here;
	l->used[here] = true;
}

static void pair_by(struct arena *arena, struct leftovers *l, const struct by *by)
{
	struct pair_index index;

	index_vouched(arena, l, by, &index);
	for (size_t i = 0; i < l->there_count && index.count > 0; i++) {
		const struct new_there *there = &l->there[i];
		const struct digest *key = by->there(there);
		const struct new_here *file;
		int32_t found = -1;
		int best = -1;
		if (l->partner[i] >= 0 || digest_is_zero(key))
			continue;
		for (size_t k = lower_bound(&index, key); (file = file_at(&index, k, key)); k++) {
			int32_t n = index.entries[k].index;
			if (l->used[n] || !may_be(there, file) || likeness(there, file) <= best ||
				!by->fits(there, file))
				continue;
			best = likeness(there, file);
			found = n;
		}
		if (found >= 0)
			give(l, i, found);
	}
}

static bool is_answered_leftover(const struct leftovers *l, size_t i)
{
	return !l->used[i] && l->here[i].answered && l->here[i].uidnext_before > 0;
}

/* Message I for file K: do they tell that they are not the same? */
static bool differ(const struct leftovers *l, size_t i, size_t k)
{
	return !digest_is_zero(&l->there[i].message_id) &&
	       !digest_is_zero(&l->here[k].message_id) &&
	       !digest_equal(&l->there[i].message_id, &l->here[k].message_id);
}

static void pair_by_count(struct arena *arena, struct leftovers *l)
{
	size_t *files = arena_alloc(arena, (l->here_count + 1) * sizeof(*files));
	size_t *messages = arena_alloc(arena, (l->there_count + 1) * sizeof(*messages));
	size_t m = 0, n = 0;
	uint32_t since = UINT32_MAX;

	for (size_t k = 0; k < l->here_count; k++) {
		if (!is_answered_leftover(l, k))
			continue;
		files[n++] = k;
		if (l->here[k].uidnext_before < since)
			since = l->here[k].uidnext_before;
	}
	for (size_t i = 0; n > 0 && i < l->there_count; i++)
		if (l->partner[i] < 0 && l->there[i].uid >= since)
			messages[m++] = i;
	bool same = m == n;
	for (size_t i = 0; same && i < n; i++)
		same = !differ(l, messages[i], files[i]);
	for (size_t i = 0; same && i < n; i++)
		give(l, messages[i], (int32_t)files[i]);
}

void pair_vouched(struct arena *arena, const struct new_there *there, size_t there_count,
	const struct new_here *here, size_t here_count, bool *used, int32_t *partner)
{
	static const struct by ways[] = {{header_there, header_here, has_its_date_if_known},
		{id_there, id_here, has_its_date}, {id_there, id_here, was_answered}};
	struct leftovers l = {there, there_count, here, here_count, used, partner};

	for (size_t i = 0; i < COUNT_OF(ways); i++)
		pair_by(arena, &l, &ways[i]);
	pair_by_count(arena, &l);
}

/*
 * Pairing: which unknown server messages and which unknown files are the same message. One to one,
 * never one to two. Pure.
 */
#ifndef SYNC_PAIR_H
#define SYNC_PAIR_H

#include "base/arena.h"
#include "model/change.h"

/* Sizes of files in order, for the first sieve: only server messages whose size fits some file need
 * their header fetched. */
struct pair_sizes {
	uint64_t *sizes; /* sorted wire sizes */
	size_t count;
};
void pair_sizes_init(
	struct arena *arena, const struct new_here *here, size_t count, struct pair_sizes *out);
/* Does a file exist whose size in wire form is SIZE, give or take a final line end? */
bool pair_size_fits(const struct pair_sizes *sizes, uint64_t size);

/* Files by header digest. */
struct pair_entry {
	struct digest header;
	int32_t index;
};
struct pair_index {
	const struct new_here *here; /* borrowed */
	struct pair_entry *entries;  /* arena; sorted */
	size_t count;
};
void pair_index_init(
	struct arena *arena, const struct new_here *here, size_t count, struct pair_index *out);
/*
 * Is the body of THERE needed to decide? True if a file has the same header digest, but size or a
 * missing Message-ID leave doubt.
 */
bool pair_needs_content(const struct pair_index *index, const struct new_there *there);

/*
 * PARTNER[i] = index of the file equal to there[i], or -1. Files with used[k] set are taken; those
 * that find a partner are marked. Among equal files the one with the same date is preferred, then
 * the one with the same flags, then the first.
 */
void pair_match(struct arena *arena, const struct new_there *there, size_t there_count,
	const struct new_here *here, size_t here_count, bool *used, int32_t *partner);

#endif

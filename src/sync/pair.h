/*
 * Pairing: which unknown server messages and which unknown files are the same message. One to one,
 * never one to two. Pure.
 */
#ifndef SYNC_PAIR_H
#define SYNC_PAIR_H

#include "base/arena.h"
#include "model/change.h"

/*
 * Sizes of messages or files in order, for the first sieve: only a message whose size fits some
 * file needs its header fetched, only a file whose size fits some message needs to be read. It is a
 * coarse sieve, as there are servers whose RFC822.SIZE is rounded, or counts line ends their way.
 */
struct pair_sizes {
	uint64_t *sizes; /* sorted wire sizes */
	size_t count;
};
void pair_sizes_here(
	struct arena *arena, const struct new_here *here, size_t count, struct pair_sizes *out);
void pair_sizes_there(
	struct arena *arena, const struct new_there *there, size_t count, struct pair_sizes *out);
void pair_sizes_sort(struct pair_sizes *sizes); /* filled by hand */
/* Is there one of about SIZE? */
bool pair_size_fits(const struct pair_sizes *sizes, uint64_t size);
/* May FILE be a message of SIZE bytes? */
bool pair_may_be(const struct new_here *file, uint64_t size);
/* Is there one that a file of SIZE bytes may have in wire form, whatever its line ends are? */
bool pair_file_fits(const struct pair_sizes *sizes, uint64_t size);

/* Files by a digest. */
struct pair_entry {
	struct digest key;
	int32_t index;
};
struct pair_index {
	const struct new_here *here; /* borrowed */
	struct pair_entry *entries;  /* arena; sorted */
	size_t count;
};
/* By the digest of their header. */
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

/*
 * What the state vouches for: it says that this very file was sent, or that the mailbox held it
 * under its former UIDVALIDITY. The server may have changed the message meanwhile, so less is
 * enough for these: header or Message-ID, and date. Neither is enough alone: the versions of a
 * draft share them. Only if the server said that it stored the file, the Message-ID is, and only
 * for an upload whose end is not known the header: what came since it began.
 */
bool pair_is_vouched(const struct new_here *file);
/*
 * Give vouched files that pair_match() left over to messages that it left over. Last of all, as
 * many new messages as uploads that were answered are these, in their order, unless a Message-ID
 * says otherwise.
 */
void pair_vouched(struct arena *arena, const struct new_there *there, size_t there_count,
	const struct new_here *here, size_t here_count, bool *used, int32_t *partner);

#endif

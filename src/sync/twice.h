/*
 * A scan of a folder (here.c), and what to do about what it lists twice. For here.c only.
 */
#ifndef SYNC_TWICE_H
#define SYNC_TWICE_H

#include "sync/pass.h"

struct doubled {
	const char *base; /* arena */
	uint64_t inode;   /* of the first file of that name; 0: none seen yet */
};

struct scanning {
	struct worker *w;
	struct box *box;
	struct look *look;
	struct state_read *read; /* NULL: no state */
	bool all_new;
	size_t to_send;       /* of the new files: as many as may be sent in this pass */
	struct flags mask;    /* what file names can show */
	struct flags carried; /* ... and changes of which are carried */
	uint32_t *seen;       /* UIDs whose file was listed */
	size_t seen_count, seen_room;
	uint64_t seen_there;     /* of these, so many that the server had, too */
	struct doubled *doubled; /* BASEs that were listed more than once; sorted */
	size_t doubled_count, doubled_room;
	unsigned files;
};

/* "new/x" or "cur/x:2,S", in the worker's arena. */
const char *here_name(struct scanning *scanning, const struct maildir_file *file);

/* For qsort(): changes by UID. */
int here_compare_changes(const void *a, const void *b);

/* Sort what was listed, and note every BASE that was listed twice. */
int here_find_doubled(struct scanning *scanning, struct err *err) MUST_USE;
/* Find the copies that share their BASE with another file and rename them. 1: some were, 0: none
 * (it was one file, seen twice), -1. */
int here_separate_copies(struct scanning *scanning, struct err *err) MUST_USE;
/*
 * A file with two names (whoever renames by link and unlink was killed in between) is one message.
 * The name that the row knows counts, else the first one. The other one is taken away as soon as it
 * is sure that nobody is at it (maildir/linked.c).
 */
int here_drop_second_names(struct scanning *scanning, struct err *err) MUST_USE;

#endif

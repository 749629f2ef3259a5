/*
 * What the files of state/ share. Internal.
 */
#ifndef STATE_IMPL_H
#define STATE_IMPL_H

#include <lmdb.h>
#include <pthread.h>

#include "state/codec.h"
#include "state/state.h"

struct state {
	MDB_env *env;
	MDB_dbi tables[TABLE_COUNT];
	char *dir;
	char id[33]; /* 32 hex digits */
	bool read_only, fresh, opened;
	size_t map_size;
	bool grow;  /* a put met MDB_MAP_FULL: grow when the transaction is gone */
	bool stuck; /* ... but there is no address space for it */
	/* Readers hold it shared, growing the map holds it alone: LMDB must not move the map under
	 * anybody. */
	pthread_rwlock_t map_lock;
	int statm; /* /proc/self/statm, -1: there is none */
};

struct state_read {
	struct state *state;
	MDB_txn *txn;
	MDB_cursor *cursors[TABLE_COUNT]; /* NULL until used */
	unsigned steps;                   /* look-ups so far, see trim.c */
	struct buf key;
};

struct state_write {
	struct state *state;
	MDB_txn *txn;
	struct buf key, key2, value;
	unsigned steps;
	struct tally_change *tallies; /* owned; see tally.c */
	size_t tally_count, tally_room;
};

/* ---- put.c: by w->key and w->value. put, del: 0, 1 (map full), -1; get: 1, 0, -1. ---- */

MDB_val write_val(const struct buf *buf); /* borrows */
int write_put(struct state_write *write, enum state_table table, struct err *err) MUST_USE;
/* It is fine if it is not there. */
int write_del(struct state_write *write, enum state_table table, struct err *err) MUST_USE;
/* *VALUE as this transaction sees it. */
int write_get(struct state_write *write, enum state_table table, struct slice *value,
	struct err *err) MUST_USE;
/* What LMDB's RC means. */
int write_checked(struct state_write *write, int rc, struct err *err) MUST_USE;

/* ---- tally.c: the counts of a mailbox's rows ---- */

/* A row of mailbox ID whose `where` was WAS is now NOW (0: there is none). */
void tally_change(struct state_write *write, uint32_t id, unsigned was, unsigned now);
/* All rows of ID go, the tally with them. */
void tally_drop(struct state_write *write, uint32_t id);
/* Before the commit: write what changed. 0, 1 (map full), -1. */
int tally_flush(struct state_write *write, struct err *err) MUST_USE;

extern const char *const state_table_names[TABLE_COUNT];

/* An LMDB return code as an error: trouble of the disk is ERR_DISK, everything else ERR_STATE.
 * Always -1. */
int state_mdb_error(const struct state *state, struct err *err, int rc, const char *what);
/* A value that does not decode. Always -1. */
int state_damaged(const struct state *state, struct err *err, enum state_table table);
/* ---- trim.c: how much of the map is in our memory ---- */

void trim_init(struct state *state);
void trim_fini(struct state *state);
/* Called for each row that is read or written; *STEPS counts them. */
void trim_step(const struct state *state, unsigned *steps);

/* ---- verify.c ---- */

/*
 * LMDB trusts its pages: a damaged one can end the process or the walk. So unless the file is just
 * as the last run left it when it ended in good order, all of it is read once by a child process,
 * which may die of it. -1 with EUCLEAN: it is damaged. READ_ONLY: not if a pass writes it
 * meanwhile, which makes every such look worthless.
 */
int verify_unless_clean(const char *dir, bool read_only, struct err *err) MUST_USE;
/* The environment was closed in good order: remember how its file looks. */
void verify_note_clean(const char *dir);

/* For tests: size of the map of environments opened from here on; 0: the default. */
void state_set_map_size(size_t bytes);

#endif

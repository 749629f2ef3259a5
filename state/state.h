/*
 * LMDB's door: open, read, write, check. Any number of threads read; one thread at a time writes
 * (the account's settler).
 *
 * Errors: ERR_STATE where the database is damaged, foreign or unusable, ERR_DISK where the disk is
 * (full, read-only). A damaged value is ERR_STATE, never a wrong answer; err->sys is EUCLEAN then.
 * Map growth (MDB_MAP_FULL) is handled inside: the write transaction is repeated by the caller when
 * state_commit() says so, see there.
 */
#ifndef STATE_STATE_H
#define STATE_STATE_H

#include "base/arena.h"
#include "base/err.h"
#include "model/keywords.h"
#include "state/schema.h"

struct state;
struct state_read;  /* a snapshot: one thread, short-lived */
struct state_write; /* the write transaction */

/*
 * Open or make DIR (0700) and the database in it (0600). IDENTITY says what the state belongs to; a
 * state of another identity is ERR_STATE with a line that names both, but for one in which no pass
 * has noted anything: that becomes IDENTITY's. READ_ONLY: never makes or
 * changes anything; ENOENT in err->sys if there is none. Takes no account lock.
 */
int state_open(struct state **out, const char *dir, const char *identity, bool read_only,
	struct err *err) MUST_USE;
void state_close(struct state *state); /* NULL is allowed */
/* The error says that the database is damaged: state_set_aside() and a new one are the way out. */
bool state_is_damaged(const struct err *err);
/* It is sound, but another account's, or of another version of the program: whoever set it there
 * has to say what is meant. */
bool state_is_foreign(const struct err *err);
/* Move the damaged database of DIR out of the way, for the curious. TO (of SIZE) receives where it
 * is now. */
int state_set_aside(const char *dir, char *to, size_t size, struct err *err) MUST_USE;
/* 32 hex digits: the account's random identity, made with the state. Valid as long as the state. */
const char *state_id(const struct state *state);
/* Was the database made by this state_open()? */
bool state_is_new(const struct state *state);
/* Fill KEYWORDS from meta. */
int state_load_keywords(struct state *state, struct keywords *keywords, struct err *err) MUST_USE;

/*
 * The account's lock (flock on DIR/lock): one pass at a time. WAIT: until it is free (or
 * cancelled). 1: taken, 0: held by another (only without WAIT), -1. *FD is owned by the caller;
 * closing it releases the lock.
 */
int state_lock(const char *dir, bool wait, int *fd, struct err *err) MUST_USE;

/* ---- reading ---- */

/* A NULL read is an empty database: every getter and cursor below answers 0. `plan` of an account
 * that was never synced uses that. */
int state_read_begin(struct state *state, struct state_read **out, struct err *err) MUST_USE;
void state_read_end(struct state_read *read); /* slices from this read die here. NULL is allowed */
/* Let go of the snapshot and take a fresh one (long scans do so every some thousand rows). Slices
 * die; cursors below go on by key. */
int state_read_renew(struct state_read *read, struct err *err) MUST_USE;

/* 1: found, 0: not there, -1: error; for all getters. */
int state_get_number(struct state_read *read, const char *key, uint64_t *out,
	struct err *err) MUST_USE; /* meta */
int state_get_text(struct state_read *read, const char *key, struct slice *out,
	struct err *err) MUST_USE; /* meta */
int state_get_mailbox(
	struct state_read *read, uint32_t id, struct state_mailbox *out, struct err *err) MUST_USE;
int state_get_message(struct state_read *read, uint32_t id, uint32_t uid, struct state_message *out,
	struct err *err) MUST_USE;
int state_get_by_base(struct state_read *read, uint32_t id, struct slice base, uint32_t *uid,
	struct err *err) MUST_USE;
int state_get_arrival(struct state_read *read, uint32_t id, uint32_t uid, struct state_message *out,
	struct err *err) MUST_USE;
int state_get_upload(struct state_read *read, uint32_t id, struct slice base,
	struct state_upload *out, struct err *err) MUST_USE;
int state_get_pending(struct state_read *read, uint32_t id, enum state_pending_kind kind,
	uint32_t uid, struct slice base, struct state_pending *out, struct err *err) MUST_USE;
/* Number of rows of one mailbox, as counted by the transactions that wrote them. */
int state_count_messages(struct state_read *read, uint32_t id, uint64_t *there, uint64_t *here,
	struct err *err) MUST_USE;

/*
 * Cursors: the first row with a key >= the one given; then advance the key yourself: the UID just
 * seen + 1 (beyond 32 bits is the end), or the BASE just seen (strictly greater rows are returned).
 * So a cursor survives state_read_renew().   1 / 0 at the end / -1.
 */
int state_next_mailbox(struct state_read *read, uint32_t after_id, struct state_mailbox *out,
	struct err *err) MUST_USE;
int state_next_message(struct state_read *read, uint32_t id, uint64_t from_uid,
	struct state_message *out, struct err *err) MUST_USE;
int state_next_arrival(struct state_read *read, uint32_t id, uint64_t from_uid,
	struct state_message *out, struct err *err) MUST_USE;
int state_next_upload(struct state_read *read, uint32_t id, struct slice after_base,
	struct state_upload *out, struct err *err) MUST_USE;
/* AFTER: NULL for the first of mailbox ID; else strictly greater in (kind, uid, base). */
int state_next_pending(struct state_read *read, uint32_t id, const struct state_pending *after,
	struct state_pending *out, struct err *err) MUST_USE;

/* ---- writing ---- */

int state_write_begin(struct state *state, struct state_write **out, struct err *err) MUST_USE;
/*
 * 0: committed and durable. 1: the map was full; it has been grown, nothing was written: do the
 * whole transaction again (which can't begin if there is no address space for a larger map). -1:
 * error, nothing was written. Frees the transaction in every case. The put functions below return
 * 0, 1 (map full: call state_abort(), then do it all again, the map is grown there) or -1.
 */
int state_commit(struct state_write *write, struct err *err) MUST_USE;
void state_abort(struct state_write *write); /* NULL is allowed */

int state_put_number(
	struct state_write *write, const char *key, uint64_t value, struct err *err) MUST_USE;
int state_put_text(
	struct state_write *write, const char *key, struct slice value, struct err *err) MUST_USE;
int state_delete_text(
	struct state_write *write, const char *key, struct err *err) MUST_USE; /* no such: 0 */
int state_put_keyword(
	struct state_write *write, unsigned id, struct slice name, struct err *err) MUST_USE;
int state_put_mailbox(
	struct state_write *write, const struct state_mailbox *mailbox, struct err *err) MUST_USE;
/* Also keeps by_base: an old BASE of this UID goes, the new one (if any) comes. */
int state_put_message(struct state_write *write, uint32_t id, const struct state_message *message,
	struct err *err) MUST_USE;
/* What the count of a mailbox's rows shall be, whatever this transaction changed: for `check`. */
int state_put_tally(
	struct state_write *write, const struct state_tally *tally, struct err *err) MUST_USE;
int state_delete_message(struct state_write *write, uint32_t id, uint32_t uid,
	struct err *err) MUST_USE; /* no row: 0 */
int state_put_arrival(struct state_write *write, uint32_t id, const struct state_message *message,
	struct err *err) MUST_USE;
int state_delete_arrival(
	struct state_write *write, uint32_t id, uint32_t uid, struct err *err) MUST_USE;
int state_put_upload(struct state_write *write, uint32_t id, const struct state_upload *upload,
	struct err *err) MUST_USE;
int state_delete_upload(
	struct state_write *write, uint32_t id, struct slice base, struct err *err) MUST_USE;
int state_put_pending(struct state_write *write, uint32_t id, const struct state_pending *pending,
	struct err *err) MUST_USE;
int state_delete_pending(struct state_write *write, uint32_t id, enum state_pending_kind kind,
	uint32_t uid, struct slice base, struct err *err) MUST_USE;
/* Everything of a mailbox: its row and all rows of all tables under its id. */
int state_delete_mailbox(struct state_write *write, uint32_t id, struct err *err) MUST_USE;
/* The highest mailbox id in use + 1, as this transaction sees it. */
int state_fresh_mailbox_id(struct state_write *write, uint32_t *out, struct err *err) MUST_USE;
/* The rows as this transaction sees them (the settler refuses a UID that has one). 1 / 0 / -1 */
int state_write_has_message(
	struct state_write *write, uint32_t id, uint32_t uid, struct err *err) MUST_USE;
/* As state_get_message / _mailbox / _arrival within the write transaction; slices die at the next
 * put. */
int state_write_get_message(struct state_write *write, uint32_t id, uint32_t uid,
	struct state_message *out, struct err *err) MUST_USE;
int state_write_get_pending(struct state_write *write, uint32_t id, enum state_pending_kind kind,
	uint32_t uid, struct slice base, struct state_pending *out, struct err *err) MUST_USE;
int state_write_get_mailbox(struct state_write *write, uint32_t id, struct state_mailbox *out,
	struct err *err) MUST_USE;

/* ---- dump (dump.c) ---- */

/* The whole database as text, one row a line, tables in schema order: "message 3 17 base=...
 * where=th flags=..." Calls LINE for each. Strings are escaped. */
typedef int state_dump_line(const char *line, void *arg); /* non-zero ends the dump */
int state_dump(
	struct state *state, bool json, state_dump_line *line, void *arg, struct err *err) MUST_USE;

#endif

/*
 * The write transaction. Every put encodes into a buffer of ours before LMDB is asked to change
 * anything: slices that the caller got from the same transaction point into pages that a put may
 * move.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/thread.h"
#include "state/state_impl.h"

int state_write_begin(struct state *s, struct state_write **out, struct err *err)
{
	if (s->stuck)
		return err_set(err, ERR_DISK,
			"state %s: the database needs more than %zu MiB of address space, and gets "
			"none (ulimit -v)",
			s->dir, s->map_size >> 20);
	struct state_write *w = xcalloc(1, sizeof(*w));
	int rc = mdb_txn_begin(s->env, NULL, 0, &w->txn);

	w->state = s;
	if (rc != 0) {
		free(w);
		return state_mdb_error(s, err, rc, "begin a transaction");
	}
	*out = w;
	return 0;
}

static void release(struct state_write *w)
{
	buf_fini(&w->key);
	buf_fini(&w->key2);
	buf_fini(&w->value);
	free(w->tallies);
	free(w);
}

/* LMDB lets go of the old map first, and is lost if it does not get the new one. */
static bool is_room_for(size_t size)
{
	void *trial =
		mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return trial != MAP_FAILED && munmap(trial, size) == 0;
}

/* No transaction is open in this thread. */
static void grow(struct state *s)
{
	s->grow = false;
	if (!is_room_for(s->map_size * 2)) {
		s->stuck = true;
		return;
	}
	ASSERT(pthread_rwlock_wrlock(&s->map_lock) == 0);
	int rc = mdb_env_set_mapsize(s->env, s->map_size * 2);
	if (rc == 0)
		s->map_size *= 2;
	pthread_rwlock_unlock(&s->map_lock);
	log_debug(LOG_STATE, "the map is now %zu MiB%s", s->map_size >> 20,
		rc == 0 ? "" : " (it could not grow)");
}

int state_commit(struct state_write *w, struct err *err)
{
	struct state *s = w->state;
	int rc = tally_flush(w, err);

	if (rc != 0) {
		state_abort(w);
		return rc;
	}
	rc = mdb_txn_commit(w->txn);
	release(w);
	if (rc == MDB_MAP_FULL) {
		grow(s);
		return 1;
	}
	return rc == 0 ? 0 : state_mdb_error(s, err, rc, "commit");
}

void state_abort(struct state_write *w)
{
	if (!w)
		return;
	struct state *s = w->state;
	mdb_txn_abort(w->txn);
	release(w);
	if (s->grow)
		grow(s);
}

static void set_key_text(struct state_write *w, const char *text)
{
	buf_clear(&w->key);
	buf_add_str(&w->key, text);
}

static void set_key(struct state_write *w, uint32_t id)
{
	buf_clear(&w->key);
	key_number(&w->key, id);
}

static void set_key2(struct state_write *w, uint32_t id, uint32_t uid)
{
	set_key(w, id);
	key_number(&w->key, uid);
}

static void set_key_base(struct state_write *w, uint32_t id, struct slice base)
{
	buf_clear(&w->key);
	key_base(&w->key, id, base);
}

int state_put_number(struct state_write *w, const char *key, uint64_t value, struct err *err)
{
	set_key_text(w, key);
	encode_number(&w->value, TABLE_META, buf_slice(&w->key), value);
	return write_put(w, TABLE_META, err);
}

int state_put_text(struct state_write *w, const char *key, struct slice value, struct err *err)
{
	set_key_text(w, key);
	encode_text(&w->value, TABLE_META, buf_slice(&w->key), value);
	return write_put(w, TABLE_META, err);
}

int state_delete_text(struct state_write *w, const char *key, struct err *err)
{
	set_key_text(w, key);
	return write_del(w, TABLE_META, err);
}

int state_put_keyword(struct state_write *w, unsigned id, struct slice name, struct err *err)
{
	char key[32];
	snprintf(key, sizeof(key), "keyword/%03u", id);
	return state_put_text(w, key, name, err);
}

int state_put_mailbox(struct state_write *w, const struct state_mailbox *mailbox, struct err *err)
{
	set_key(w, mailbox->id);
	encode_mailbox(&w->value, buf_slice(&w->key), mailbox);
	return write_put(w, TABLE_MAILBOX, err);
}

/* ---- messages ---- */

/* The by_base row of BASE, unless it belongs to another UID by now. */
static int drop_base(
	struct state_write *w, uint32_t id, uint32_t uid, struct slice base, struct err *err)
{
	struct slice value;
	uint64_t owner;

	if (base.n == 0)
		return 0;
	set_key_base(w, id, base);
	int rc = write_get(w, TABLE_BY_BASE, &value, err);
	if (rc <= 0)
		return rc;
	if (!decode_number(value, TABLE_BY_BASE, buf_slice(&w->key), &owner))
		return state_damaged(w->state, err, TABLE_BY_BASE);
	return owner == uid ? write_del(w, TABLE_BY_BASE, err) : 0;
}

/* The row of (ID, UID) is about to become one that is NOW: counted. Its present BASE is copied into
 * w->key2; empty if there is no row. */
static int leave_old(
	struct state_write *w, uint32_t id, uint32_t uid, unsigned now, struct err *err)
{
	struct state_message old = {0};

	buf_clear(&w->key2);
	int rc = state_write_get_message(w, id, uid, &old, err);
	if (rc < 0)
		return -1;
	if (rc == 1)
		buf_add_slice(&w->key2, old.base);
	tally_change(w, id, rc == 1 ? old.where : 0, now);
	return 0;
}

int state_put_message(
	struct state_write *w, uint32_t id, const struct state_message *message, struct err *err)
{
	struct buf encoded = {0}, base = {0};

	set_key2(w, id, message->uid);
	encode_message(&encoded, TABLE_MESSAGE, buf_slice(&w->key), message);
	buf_add_slice(&base, message->base);
	int rc = leave_old(w, id, message->uid, message->where, err);
	bool same = rc == 0 && slice_eq(buf_slice(&w->key2), buf_slice(&base));
	if (rc == 0 && !same)
		rc = drop_base(w, id, message->uid, buf_slice(&w->key2), err);
	if (rc == 0 && !same && base.len > 0) {
		set_key_base(w, id, buf_slice(&base));
		encode_number(&w->value, TABLE_BY_BASE, buf_slice(&w->key), message->uid);
		rc = write_put(w, TABLE_BY_BASE, err);
	}
	if (rc == 0) {
		set_key2(w, id, message->uid);
		buf_clear(&w->value);
		buf_add_slice(&w->value, buf_slice(&encoded));
		rc = write_put(w, TABLE_MESSAGE, err);
	}
	buf_fini(&encoded);
	buf_fini(&base);
	return rc;
}

int state_delete_message(struct state_write *w, uint32_t id, uint32_t uid, struct err *err)
{
	int rc = leave_old(w, id, uid, 0, err);

	if (rc == 0)
		rc = drop_base(w, id, uid, buf_slice(&w->key2), err);
	if (rc != 0)
		return rc;
	set_key2(w, id, uid);
	return write_del(w, TABLE_MESSAGE, err);
}

static int get_message(struct state_write *w, enum state_table table, uint32_t id, uint32_t uid,
	struct state_message *out, struct err *err)
{
	struct slice value;

	set_key2(w, id, uid);
	out->uid = uid;
	int rc = write_get(w, table, &value, err);
	if (rc <= 0)
		return rc;
	return decode_message(value, table, buf_slice(&w->key), out)
		       ? 1
		       : state_damaged(w->state, err, table);
}

int state_write_get_message(struct state_write *w, uint32_t id, uint32_t uid,
	struct state_message *out, struct err *err)
{
	return get_message(w, TABLE_MESSAGE, id, uid, out, err);
}

int state_write_has_message(struct state_write *w, uint32_t id, uint32_t uid, struct err *err)
{
	struct slice value;
	set_key2(w, id, uid);
	return write_get(w, TABLE_MESSAGE, &value, err);
}

int state_write_get_mailbox(
	struct state_write *w, uint32_t id, struct state_mailbox *out, struct err *err)
{
	struct slice value;

	set_key(w, id);
	out->id = id;
	int rc = write_get(w, TABLE_MAILBOX, &value, err);
	if (rc <= 0)
		return rc;
	return decode_mailbox(value, buf_slice(&w->key), out)
		       ? 1
		       : state_damaged(w->state, err, TABLE_MAILBOX);
}

int state_put_arrival(
	struct state_write *w, uint32_t id, const struct state_message *message, struct err *err)
{
	set_key2(w, id, message->uid);
	encode_message(&w->value, TABLE_ARRIVAL, buf_slice(&w->key), message);
	return write_put(w, TABLE_ARRIVAL, err);
}

int state_delete_arrival(struct state_write *w, uint32_t id, uint32_t uid, struct err *err)
{
	set_key2(w, id, uid);
	return write_del(w, TABLE_ARRIVAL, err);
}

/* ---- uploads, pending ---- */

int state_put_upload(
	struct state_write *w, uint32_t id, const struct state_upload *upload, struct err *err)
{
	set_key_base(w, id, upload->base);
	encode_upload(&w->value, buf_slice(&w->key), upload);
	return write_put(w, TABLE_UPLOAD, err);
}

int state_delete_upload(struct state_write *w, uint32_t id, struct slice base, struct err *err)
{
	set_key_base(w, id, base);
	return write_del(w, TABLE_UPLOAD, err);
}

int state_put_pending(
	struct state_write *w, uint32_t id, const struct state_pending *pending, struct err *err)
{
	buf_clear(&w->key);
	key_pending(&w->key, id, pending->kind, pending->uid, pending->base);
	encode_pending(&w->value, buf_slice(&w->key), pending);
	return write_put(w, TABLE_PENDING, err);
}

int state_write_get_pending(struct state_write *w, uint32_t id, enum state_pending_kind kind,
	uint32_t uid, struct slice base, struct state_pending *out, struct err *err)
{
	struct slice value;

	buf_clear(&w->key);
	key_pending(&w->key, id, kind, uid, base);
	*out = (struct state_pending){.kind = kind, .uid = uid, .base = base};
	int rc = write_get(w, TABLE_PENDING, &value, err);
	if (rc <= 0)
		return rc;
	return decode_pending(value, buf_slice(&w->key), out)
		       ? 1
		       : state_damaged(w->state, err, TABLE_PENDING);
}

int state_delete_pending(struct state_write *w, uint32_t id, enum state_pending_kind kind,
	uint32_t uid, struct slice base, struct err *err)
{
	buf_clear(&w->key);
	key_pending(&w->key, id, kind, uid, base);
	return write_del(w, TABLE_PENDING, err);
}

/* ---- mailboxes ---- */

/* Every row of TABLE whose key begins with ID. */
static int delete_all(struct state_write *w, enum state_table table, uint32_t id, struct err *err)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(w->txn, w->state->tables[table], &cursor);

	if (rc != 0)
		return write_checked(w, rc, err);
	set_key(w, id);
	for (;;) { /* by key each time: cursors of 0.9 stand in odd places after a deletion */
		key = write_val(&w->key);
		rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
		if (rc != 0 || key.mv_size < 4 || memcmp(key.mv_data, w->key.data, 4) != 0)
			break;
		rc = mdb_cursor_del(cursor, 0);
		if (rc != 0)
			break;
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND || rc == 0 ? 0 : write_checked(w, rc, err);
}

int state_delete_mailbox(struct state_write *w, uint32_t id, struct err *err)
{
	static const enum state_table tables[] = {TABLE_MESSAGE, TABLE_BY_BASE, TABLE_ARRIVAL,
		TABLE_UPLOAD, TABLE_PENDING, TABLE_TALLY, TABLE_MAILBOX};

	tally_drop(w, id);
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		int rc = delete_all(w, tables[i], id, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int state_fresh_mailbox_id(struct state_write *w, uint32_t *out, struct err *err)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc = mdb_cursor_open(w->txn, w->state->tables[TABLE_MAILBOX], &cursor);

	if (rc != 0)
		return write_checked(w, rc, err);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_LAST);
	*out = 1;
	if (rc == 0) {
		struct slice last = {key.mv_data, key.mv_size};
		uint32_t id = 0;
		if (!key_read_number(&last, &id) || id == UINT32_MAX)
			rc = MDB_CORRUPTED;
		*out = id + 1;
	}
	mdb_cursor_close(cursor);
	return rc == 0 || rc == MDB_NOTFOUND ? 0 : write_checked(w, rc, err);
}

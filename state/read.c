/*
 * Snapshots. Cursors are found again by key at each step, so a scan survives state_read_renew();
 * LMDB keeps the path of the last look-up, which makes the next key cheap.
 */
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "state/state_impl.h"

int state_read_begin(struct state *s, struct state_read **out, struct err *err)
{
	struct state_read *r = xcalloc(1, sizeof(*r));

	r->state = s;
	ASSERT(pthread_rwlock_rdlock(&s->map_lock) == 0);
	int rc = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &r->txn);
	if (rc != 0) {
		pthread_rwlock_unlock(&s->map_lock);
		free(r);
		return state_mdb_error(s, err, rc, "read");
	}
	*out = r;
	return 0;
}

void state_read_end(struct state_read *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < TABLE_COUNT; i++)
		if (r->cursors[i])
			mdb_cursor_close(r->cursors[i]);
	mdb_txn_abort(r->txn);
	pthread_rwlock_unlock(&r->state->map_lock);
	buf_fini(&r->key);
	free(r);
}

int state_read_renew(struct state_read *r, struct err *err)
{
	if (!r)
		return 0;
	mdb_txn_reset(r->txn);
	/* The map may grow here, between the two snapshots. */
	pthread_rwlock_unlock(&r->state->map_lock);
	ASSERT(pthread_rwlock_rdlock(&r->state->map_lock) == 0);
	int rc = mdb_txn_renew(r->txn);
	for (size_t i = 0; rc == 0 && i < TABLE_COUNT; i++)
		if (r->cursors[i])
			rc = mdb_cursor_renew(r->txn, r->cursors[i]);
	return rc == 0 ? 0 : state_mdb_error(r->state, err, rc, "read");
}

static MDB_val val(struct slice s)
{
	return (MDB_val){s.n, (void *)(uintptr_t)s.p};
}

static struct slice slice_of(MDB_val v)
{
	return (struct slice){v.mv_data, v.mv_size};
}

/* Move TABLE's cursor to *KEY as OP says: it looks at the page where it stands before it goes down
 * the tree, and neighbours are often asked for one after the other. An LMDB code. */
static int cursor_to(struct state_read *r, enum state_table table, MDB_cursor_op op, MDB_val *key,
	MDB_val *found)
{
	int rc = 0;

	trim_step(r->state, &r->steps);
	if (!r->cursors[table])
		rc = mdb_cursor_open(r->txn, r->state->tables[table], &r->cursors[table]);
	return rc == 0 ? mdb_cursor_get(r->cursors[table], key, found, op) : rc;
}

/* 1: *VALUE of r->key, 0: not there, -1. */
static int get(struct state_read *r, enum state_table table, struct slice *value, struct err *err)
{
	MDB_val key = val(buf_slice(&r->key)), found;
	int rc = cursor_to(r, table, MDB_SET, &key, &found);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return state_mdb_error(r->state, err, rc, "read");
	*value = slice_of(found);
	return 1;
}

static int judged(struct state_read *r, enum state_table table, bool good, struct err *err)
{
	return good ? 1 : state_damaged(r->state, err, table);
}

static void set_key_text(struct state_read *r, const char *text)
{
	buf_clear(&r->key);
	buf_add_str(&r->key, text);
}

static void set_key(struct state_read *r, uint32_t id)
{
	buf_clear(&r->key);
	key_number(&r->key, id);
}

int state_get_number(struct state_read *r, const char *key, uint64_t *out, struct err *err)
{
	struct slice value;
	if (!r)
		return 0;
	set_key_text(r, key);
	int rc = get(r, TABLE_META, &value, err);
	return rc == 1 ? judged(r, TABLE_META,
				 decode_number(value, TABLE_META, buf_slice(&r->key), out), err)
		       : rc;
}

int state_get_text(struct state_read *r, const char *key, struct slice *out, struct err *err)
{
	struct slice value;
	if (!r)
		return 0;
	set_key_text(r, key);
	int rc = get(r, TABLE_META, &value, err);
	return rc == 1 ? judged(r, TABLE_META,
				 decode_text(value, TABLE_META, buf_slice(&r->key), out), err)
		       : rc;
}

int state_get_mailbox(struct state_read *r, uint32_t id, struct state_mailbox *out, struct err *err)
{
	struct slice value;
	if (!r)
		return 0;
	set_key(r, id);
	out->id = id;
	int rc = get(r, TABLE_MAILBOX, &value, err);
	return rc == 1 ? judged(r, TABLE_MAILBOX, decode_mailbox(value, buf_slice(&r->key), out),
				 err)
		       : rc;
}

static int get_message(struct state_read *r, enum state_table table, uint32_t id, uint32_t uid,
	struct state_message *out, struct err *err)
{
	struct slice value;
	if (!r)
		return 0;
	set_key(r, id);
	key_number(&r->key, uid);
	out->uid = uid;
	int rc = get(r, table, &value, err);
	return rc == 1 ? judged(r, table, decode_message(value, table, buf_slice(&r->key), out),
				 err)
		       : rc;
}

int state_get_message(
	struct state_read *r, uint32_t id, uint32_t uid, struct state_message *out, struct err *err)
{
	return get_message(r, TABLE_MESSAGE, id, uid, out, err);
}

int state_get_arrival(
	struct state_read *r, uint32_t id, uint32_t uid, struct state_message *out, struct err *err)
{
	return get_message(r, TABLE_ARRIVAL, id, uid, out, err);
}

/* Longer than any key that LMDB takes: it can't be in a table. */
static bool too_long(struct slice base)
{
	return base.n > 480;
}

int state_get_by_base(
	struct state_read *r, uint32_t id, struct slice base, uint32_t *uid, struct err *err)
{
	struct slice value;
	uint64_t number = 0;

	if (!r || too_long(base))
		return 0;
	set_key(r, id);
	buf_add_slice(&r->key, base);
	int rc = get(r, TABLE_BY_BASE, &value, err);
	if (rc == 1)
		rc = judged(r, TABLE_BY_BASE,
			decode_number(value, TABLE_BY_BASE, buf_slice(&r->key), &number) &&
				number <= UINT32_MAX,
			err);
	*uid = (uint32_t)number;
	return rc;
}

int state_get_upload(struct state_read *r, uint32_t id, struct slice base, struct state_upload *out,
	struct err *err)
{
	struct slice value;
	if (!r || too_long(base))
		return 0;
	set_key(r, id);
	buf_add_slice(&r->key, base);
	out->base = base;
	int rc = get(r, TABLE_UPLOAD, &value, err);
	return rc == 1 ? judged(r, TABLE_UPLOAD, decode_upload(value, buf_slice(&r->key), out), err)
		       : rc;
}

int state_get_pending(struct state_read *r, uint32_t id, enum state_pending_kind kind, uint32_t uid,
	struct slice base, struct state_pending *out, struct err *err)
{
	struct slice value;
	if (!r || too_long(base))
		return 0;
	buf_clear(&r->key);
	key_pending(&r->key, id, kind, uid, base);
	*out = (struct state_pending){.kind = kind, .uid = uid, .base = base};
	int rc = get(r, TABLE_PENDING, &value, err);
	return rc == 1 ? judged(r, TABLE_PENDING, decode_pending(value, buf_slice(&r->key), out),
				 err)
		       : rc;
}

/* ---- cursors ---- */

/* The first row of TABLE whose key is not below r->key (STRICT: above it). 1, 0 at the end, -1. */
static int seek(struct state_read *r, enum state_table table, bool strict, struct slice *key,
	struct slice *value, struct err *err)
{
	MDB_val k = val(buf_slice(&r->key)), v;
	int rc = cursor_to(r, table, MDB_SET_RANGE, &k, &v);

	if (rc == 0 && strict && slice_eq(slice_of(k), buf_slice(&r->key)))
		rc = mdb_cursor_get(r->cursors[table], &k, &v, MDB_NEXT);
	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return state_mdb_error(r->state, err, rc, "read");
	*key = slice_of(k);
	*value = slice_of(v);
	return 1;
}

int state_next_mailbox(
	struct state_read *r, uint32_t after_id, struct state_mailbox *out, struct err *err)
{
	struct slice key, value;

	if (!r)
		return 0;
	set_key(r, after_id);
	int rc = seek(r, TABLE_MAILBOX, false, &key, &value, err);
	if (rc <= 0)
		return rc;
	struct slice rest = key;
	return judged(r, TABLE_MAILBOX,
		decode_mailbox(value, key, out) && key_read_number(&rest, &out->id) && rest.n == 0,
		err);
}

static int next_message(struct state_read *r, enum state_table table, uint32_t id, uint64_t uid,
	struct state_message *out, struct err *err)
{
	struct slice key, value;
	uint32_t found;

	if (!r || uid > UINT32_MAX)
		return 0;
	set_key(r, id);
	key_number(&r->key, (uint32_t)uid);
	int rc = seek(r, table, false, &key, &value, err);
	if (rc <= 0)
		return rc;
	struct slice rest = key;
	if (!key_read_number(&rest, &found))
		return state_damaged(r->state, err, table);
	if (found != id)
		return 0;
	return judged(r, table,
		decode_message(value, table, key, out) && key_read_number(&rest, &out->uid) &&
			rest.n == 0,
		err);
}

int state_next_message(struct state_read *r, uint32_t id, uint64_t from_uid,
	struct state_message *out, struct err *err)
{
	return next_message(r, TABLE_MESSAGE, id, from_uid, out, err);
}

int state_next_arrival(struct state_read *r, uint32_t id, uint64_t from_uid,
	struct state_message *out, struct err *err)
{
	return next_message(r, TABLE_ARRIVAL, id, from_uid, out, err);
}

int state_next_upload(struct state_read *r, uint32_t id, struct slice after_base,
	struct state_upload *out, struct err *err)
{
	struct slice key, value;
	uint32_t found;

	if (!r)
		return 0;
	set_key(r, id);
	buf_add_slice(&r->key, after_base);
	int rc = seek(r, TABLE_UPLOAD, after_base.n > 0, &key, &value, err);
	if (rc <= 0)
		return rc;
	struct slice rest = key;
	if (!key_read_number(&rest, &found))
		return state_damaged(r->state, err, TABLE_UPLOAD);
	if (found != id)
		return 0;
	out->base = rest;
	return judged(r, TABLE_UPLOAD, decode_upload(value, key, out), err);
}

int state_next_pending(struct state_read *r, uint32_t id, const struct state_pending *after,
	struct state_pending *out, struct err *err)
{
	struct slice key, value;
	uint32_t found;

	if (!r)
		return 0;
	set_key(r, id);
	if (after) {
		buf_clear(&r->key);
		key_pending(&r->key, id, after->kind, after->uid, after->base);
	}
	int rc = seek(r, TABLE_PENDING, after != NULL, &key, &value, err);
	if (rc <= 0)
		return rc;
	if (!key_read_pending(key, &found, out))
		return state_damaged(r->state, err, TABLE_PENDING);
	if (found != id)
		return 0;
	return judged(r, TABLE_PENDING, decode_pending(value, key, out), err);
}

int state_count_messages(
	struct state_read *r, uint32_t id, uint64_t *there, uint64_t *here, struct err *err)
{
	struct state_tally tally = {.id = id};
	struct slice value;

	*there = *here = 0;
	if (!r)
		return 0;
	buf_clear(&r->key);
	key_number(&r->key, id);
	int rc = get(r, TABLE_TALLY, &value, err);
	if (rc <= 0)
		return rc;
	if (!decode_tally(value, buf_slice(&r->key), &tally))
		return state_damaged(r->state, err, TABLE_TALLY);
	*there = tally.there;
	*here = tally.here;
	return 0;
}

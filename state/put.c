/*
 * Single values within a write transaction.
 */
#include "state/state_impl.h"

MDB_val write_val(const struct buf *b)
{
	return (MDB_val){b->len, b->data};
}

int write_checked(struct state_write *w, int rc, struct err *err)
{
	if (rc == MDB_MAP_FULL) {
		w->state->grow = true;
		return 1;
	}
	return rc == 0 ? 0 : state_mdb_error(w->state, err, rc, "write");
}

int write_put(struct state_write *w, enum state_table table, struct err *err)
{
	MDB_val key = write_val(&w->key), value = write_val(&w->value);
	return write_checked(w, mdb_put(w->txn, w->state->tables[table], &key, &value, 0), err);
}

int write_del(struct state_write *w, enum state_table table, struct err *err)
{
	MDB_val key = write_val(&w->key);
	int rc = mdb_del(w->txn, w->state->tables[table], &key, NULL);
	return rc == MDB_NOTFOUND ? 0 : write_checked(w, rc, err);
}

int write_get(struct state_write *w, enum state_table table, struct slice *value, struct err *err)
{
	MDB_val key = write_val(&w->key), found;
	trim_step(w->state, &w->steps);
	int rc = mdb_get(w->txn, w->state->tables[table], &key, &found);

	if (rc == MDB_NOTFOUND)
		return 0;
	if (rc != 0)
		return state_mdb_error(w->state, err, rc, "read");
	*value = (struct slice){found.mv_data, found.mv_size};
	return 1;
}

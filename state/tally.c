/*
 * How many rows a mailbox has, without reading them: absence is proven by comparing counts with the
 * server's (I3), and a pass must not cost what is stored. Changes are added up during a transaction
 * and written once, before its commit.
 */
#include <stdlib.h>

#include "state/state_impl.h"

struct tally_change {
	uint32_t id;
	int64_t there, here;
	bool dropped; /* what the table says does not count any more */
};

static struct tally_change *change_of(struct state_write *w, uint32_t id)
{
	for (size_t i = w->tally_count; i-- > 0;)
		if (w->tallies[i].id == id)
			return &w->tallies[i];
	w->tallies = base_reserve(w->tallies, w->tally_count, &w->tally_room, sizeof(*w->tallies));
	w->tallies[w->tally_count] = (struct tally_change){.id = id};
	return &w->tallies[w->tally_count++];
}

void tally_change(struct state_write *w, uint32_t id, unsigned was, unsigned now)
{
	struct tally_change *change = change_of(w, id);

	change->there += ((now & STATE_THERE) != 0) - ((was & STATE_THERE) != 0);
	change->here += ((now & STATE_HERE) != 0) - ((was & STATE_HERE) != 0);
}

void tally_drop(struct state_write *w, uint32_t id)
{
	*change_of(w, id) = (struct tally_change){.id = id, .dropped = true};
}

static int flush_one(struct state_write *w, const struct tally_change *change, struct err *err)
{
	struct state_tally tally = {.id = change->id};
	struct slice value;
	int rc = 0;

	buf_clear(&w->key);
	key_number(&w->key, change->id);
	if (!change->dropped)
		rc = write_get(w, TABLE_TALLY, &value, err);
	if (rc < 0)
		return -1;
	if (rc == 1 && !decode_tally(value, buf_slice(&w->key), &tally))
		return state_damaged(w->state, err, TABLE_TALLY);
	tally.there += (uint64_t)change->there;
	tally.here += (uint64_t)change->here;
	encode_tally(&w->value, buf_slice(&w->key), &tally);
	return write_put(w, TABLE_TALLY, err);
}

int tally_flush(struct state_write *w, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->tally_count; i++) {
		const struct tally_change *change = &w->tallies[i];
		if (change->there != 0 || change->here != 0)
			rc = flush_one(w, change, err);
	}
	return rc;
}

int state_put_tally(struct state_write *w, const struct state_tally *tally, struct err *err)
{
	tally_drop(w, tally->id); /* what was added up does not count */
	buf_clear(&w->key);
	key_number(&w->key, tally->id);
	encode_tally(&w->value, buf_slice(&w->key), tally);
	return write_put(w, TABLE_TALLY, err);
}

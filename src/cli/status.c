/*
 * Mailboxes first, then their numbers: a cursor over the mailbox table is let go before the long
 * scans begin.
 */
#include "cli/status.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "state/state.h"
#include "sync/sync.h"

const char *status_pending_name(enum state_pending_kind kind)
{
	switch (kind) {
	case STATE_PENDING_FETCH:
		return "fetch";
	case STATE_PENDING_APPEND:
		return "append";
	case STATE_PENDING_FLAGS:
		return "flags";
	case STATE_PENDING_DELETE:
		return "delete";
	case STATE_PENDING_MAILBOX:
		return "mailbox";
	}
	return "?";
}

/* A mailbox row while reading. */
struct row {
	uint32_t id;
	uint32_t former;
	struct status_box box;
};

struct reading {
	struct state_read *read;
	struct arena *arena;
	struct row *rows; /* malloc */
	size_t count, room;
	struct status_pending *pending; /* malloc */
	size_t pending_count, pending_room;
};

static char *arena_text(struct arena *arena, struct slice s)
{
	return arena_strndup(arena, s.n != 0 ? s.p : "", s.n);
}

static void add_row(struct reading *reading, const struct state_mailbox *mailbox)
{
	reading->rows =
		base_reserve(reading->rows, reading->count, &reading->room, sizeof(*reading->rows));
	reading->rows[reading->count++] = (struct row){
		.id = mailbox->id,
		.former = mailbox->former,
		.box =
			{
				.name = arena_text(reading->arena, mailbox->name),
				.synced = mailbox->synced,
				.letterless = mailbox->letterless,
			},
	};
}

static int read_rows(struct reading *reading, struct err *err)
{
	struct state_mailbox mailbox;
	uint32_t after = 0;
	int rc;

	while ((rc = state_next_mailbox(reading->read, after, &mailbox, err)) == 1) {
		if (mailbox.where != 0)
			add_row(reading, &mailbox);
		if (mailbox.id == UINT32_MAX)
			return 0;
		after = mailbox.id + 1;
	}
	return rc;
}

/* Rows of a former UIDVALIDITY wait to be paired; the mailbox itself stands in its new row. */
static void drop_former(struct reading *reading)
{
	size_t kept = 0;

	for (size_t i = 0; i < reading->count; i++) {
		bool former = false;

		for (size_t j = 0; j < reading->count && !former; j++)
			former = reading->rows[j].former == reading->rows[i].id;
		if (!former)
			reading->rows[kept++] = reading->rows[i];
	}
	reading->count = kept;
}

static void add_pending(
	struct reading *reading, const struct row *row, const struct state_pending *entry)
{
	struct status_pending *copy;

	reading->pending = base_reserve(reading->pending, reading->pending_count,
		&reading->pending_room, sizeof(*reading->pending));
	copy = &reading->pending[reading->pending_count++];
	*copy = (struct status_pending){.mailbox = row->box.name, .entry = *entry};
	copy->entry.base = slice_str(arena_text(reading->arena, entry->base));
	copy->entry.reason = slice_str(arena_text(reading->arena, entry->reason));
}

static int read_pending(struct reading *reading, struct row *row, struct err *err)
{
	const struct state_pending *after = NULL;
	struct state_pending entry;
	int rc;

	while ((rc = state_next_pending(reading->read, row->id, after, &entry, err)) == 1) {
		add_pending(reading, row, &entry);
		row->box.pending++;
		after = &reading->pending[reading->pending_count - 1].entry;
	}
	return rc;
}

/*
 * Each mailbox under a snapshot of its own: an old one would make the file of a pass that runs
 * meanwhile grow.
 */
static int read_counts(struct reading *reading, struct err *err)
{
	for (size_t i = 0; i < reading->count; i++) {
		struct row *row = &reading->rows[i];

		if (cancel_check(err) != 0 || state_read_renew(reading->read, err) != 0)
			return -1;
		if (state_count_messages(
			    reading->read, row->id, &row->box.there, &row->box.here, err) < 0)
			return -1;
		if (read_pending(reading, row, err) != 0)
			return -1;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct row *left = a, *right = b;

	return strcmp(left->box.name, right->box.name);
}

/* From malloc to the arena. */
static void finish(const struct reading *reading, struct status *out)
{
	size_t pending_size = reading->pending_count * sizeof(*reading->pending);

	out->count = reading->count;
	out->boxes = arena_alloc(reading->arena, reading->count * sizeof(*out->boxes) + 1);
	for (size_t i = 0; i < reading->count; i++)
		out->boxes[i] = reading->rows[i].box;
	out->pending_count = reading->pending_count;
	out->pending = arena_alloc(reading->arena, pending_size + 1);
	if (pending_size != 0)
		memcpy(out->pending, reading->pending, pending_size);
}

static int read_state(
	struct state *state, bool counts, struct arena *arena, struct status *out, struct err *err)
{
	struct reading reading = {.arena = arena};
	int rc = -1;

	if (state_read_begin(state, &reading.read, err) != 0 || read_rows(&reading, err) != 0)
		goto out;
	drop_former(&reading);
	if (reading.count != 0)
		qsort(reading.rows, reading.count, sizeof(*reading.rows), by_name);
	if (counts && read_counts(&reading, err) != 0)
		goto out;
	finish(&reading, out);
	rc = 0;
out:
	state_read_end(reading.read);
	free(reading.rows);
	free(reading.pending);
	return rc;
}

int status_read(const struct config_account *account, bool counts, struct arena *arena,
	struct status *out, struct err *err)
{
	struct buf identity = {0};
	struct state *state = NULL;
	struct err local = {0};
	int rc;

	*out = (struct status){0};
	sync_identity(account, &identity);
	rc = state_open(&state, account->state_dir, identity.data, true, &local);
	buf_fini(&identity);
	if (rc != 0 && local.sys == ENOENT) {
		out->none = true;
		return 0;
	}
	if (rc == 0)
		rc = read_state(state, counts, arena, out, &local);
	state_close(state);
	if (rc != 0 && err)
		*err = local;
	return rc;
}

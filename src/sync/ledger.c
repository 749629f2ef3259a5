/*
 * The ledger of what a side refused (table `pending`). A refused message is noted and told where it
 * happens, and not tried again by itself, as the same message will be refused by the same server
 * for ever; what changes that is another file (here.c), another server, or --retry. Until then
 * every pass says so once: as long as something is not in sync, no pass ends with 0.
 */
#include <stdio.h>
#include <string.h>

#include "sync/pass.h"

/* ---- another server ---- */

static void describe_server(struct imap *imap, struct buf *out)
{
	buf_addf(out, "%llu", (unsigned long long)imap_append_limit(imap));
	for (unsigned c = 0; c < IMAP_CAP_COUNT; c++)
		if (imap_can(imap, (enum imap_capability)c))
			buf_addf(out, " %s", imap_capability_name((enum imap_capability)c));
}

int ledger_open(struct pass *pass, struct imap *imap, struct err *err)
{
	struct state_read *read = NULL;
	struct buf now = {0};
	struct slice then;

	if (!pass->settler)
		return 0;
	describe_server(imap, &now);
	int rc = state_read_begin(pass->state, &read, err);
	if (rc == 0)
		rc = state_get_text(read, "server", &then, err);
	bool same = rc == 1 && slice_eq(then, buf_slice(&now));
	pass->policy.retry |= rc == 1 && !same;
	state_read_end(read);
	if (rc >= 0 && !same)
		rc = settle_text(pass->settler, "server", buf_slice(&now), err);
	buf_fini(&now);
	return rc < 0 ? -1 : 0;
}

/* ---- what still waits ---- */

/* Is the cause of ENTRY gone? 1, 0, -1. */
static int is_solved(struct state_read *read, const struct box *box,
	const struct state_pending *entry, struct err *err)
{
	struct state_message row;
	uint32_t uid;
	int rc;

	switch (entry->kind) {
	case STATE_PENDING_FETCH:
		rc = state_get_message(read, box->row.id, entry->uid, &row, err);
		return rc < 0 ? -1 : rc == 0 || !(row.where & STATE_REFUSED);
	case STATE_PENDING_APPEND:
		return state_get_by_base(read, box->row.id, entry->base, &uid, err);
	case STATE_PENDING_FLAGS: /* tried in every pass that looks at the mailbox */
		rc = state_get_message(read, box->row.id, entry->uid, &row, err);
		return rc < 0 ? -1 : rc == 0 || box->looked;
	case STATE_PENDING_DELETE:
	case STATE_PENDING_MAILBOX:
		break;
	}
	return 0;
}

static void tell(struct pass *pass, const struct box *box, const struct state_pending *entry)
{
	char reason[1100], file[ROW_FILE_SIZE];
	struct report_event event = {
		.kind = REPORT_FAILED,
		.account = pass->account->name,
		.mailbox = box->name,
		.uid = entry->uid,
		.file = entry->base.n ? file : NULL,
		.reason = reason,
	};

	snprintf(file, sizeof(file), "%.*s", SLICE_ARG(entry->base));
	snprintf(reason, sizeof(reason), "%.*s (tried %u %s; --retry tries again)",
		SLICE_ARG(entry->reason), entry->count, entry->count == 1 ? "time" : "times");
	atomic_fetch_add(&pass->report->totals.waiting, 1);
	report_event(pass->report, &event);
}

static int close_entry(struct pass *pass, struct state_read *read, const struct box *box,
	const struct state_pending *entry, struct err *err)
{
	int solved = entry->pass == pass->number ? 0 : is_solved(read, box, entry, err);

	if (solved == 1)
		return settle_not_pending(
			pass->settler, box->row.id, entry->kind, entry->uid, entry->base, err);
	if (solved == 0 && entry->pass != pass->number)
		tell(pass, box, entry);
	return solved;
}

static int close_box(struct pass *pass, const struct box *box, struct err *err)
{
	struct state_read *read = NULL;
	struct state_pending entry;
	struct arena arena = {0};
	const struct state_pending *after = NULL;
	int rc = 0;

	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	while (rc >= 0 && (rc = state_next_pending(read, box->row.id, after, &entry, err)) == 1) {
		struct state_pending *copy = arena_alloc(&arena, sizeof(*copy));
		*copy = entry;
		copy->base = arena_slice(&arena, entry.base);
		copy->reason = arena_slice(&arena, entry.reason);
		after = copy;
		rc = close_entry(pass, read, box, copy, err);
	}
	state_read_end(read);
	arena_fini(&arena);
	return rc < 0 ? -1 : 0;
}

int ledger_close(struct pass *pass, struct err *err)
{
	if (!pass->settler)
		return 0;
	if (settler_flush(pass->settler, err) != 0)
		return -1;
	for (size_t i = 0; i < pass->box_count; i++)
		if (close_box(pass, &pass->boxes[i], err) != 0)
			return -1;
	return 0;
}

/* ---- what an earlier pass left ---- */

int pass_has_leftovers(struct pass *pass, const struct box *box, struct err *err)
{
	struct state_read *read = NULL;
	struct state_upload upload;
	struct state_pending pending;

	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	int rc = state_next_upload(read, box->row.id, (struct slice){0}, &upload, err);
	if (rc == 0 && pass->policy.retry)
		rc = state_next_pending(read, box->row.id, NULL, &pending, err);
	state_read_end(read);
	return rc;
}

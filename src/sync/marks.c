/*
 * Flag changes. There: messages that get the same change go together in one STORE, several in
 * flight. Here: the file is renamed.
 *
 * A STORE names only the flags that changed here: +FLAGS, -FLAGS. Rejected: whole sets with
 * UNCHANGEDSINCE (RFC 7162), which would say so if another client was faster. There is nothing to
 * say: a flag has two values, so who changes one from what both sides last had changes it to the
 * same value as we do, and what others do to all other flags of the message stays as it is. The
 * server merges by itself, and the next look finds the rest. Whole sets need to know every flag,
 * also those that have no place here, group worse, and take a lost race for a conflict.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/pass.h"

/* ---- there ---- */

#define STORES 32 /* groups in flight */

/* Messages that get the same bits added and removed. */
struct group {
	const struct op **ops; /* arena */
	size_t count;
	struct flags add, remove;
	imap_ticket add_ticket, remove_ticket;
};

static void split(const struct op *op, struct flags *add, struct flags *remove)
{
	*add = flags_and(&op->change, &op->flags);
	*remove = flags_minus(&op->change, &op->flags);
}

static int compare_groups(const void *a, const void *b)
{
	const struct op *x = *(const struct op *const *)a, *y = *(const struct op *const *)b;
	struct flags added[2], removed[2];

	split(x, &added[0], &removed[0]);
	split(y, &added[1], &removed[1]);
	int order = memcmp(added[0].keywords, added[1].keywords, sizeof(added[0].keywords));
	if (order == 0)
		order = memcmp(
			removed[0].keywords, removed[1].keywords, sizeof(removed[0].keywords));
	if (order == 0)
		order = (added[0].system > added[1].system) - (added[0].system < added[1].system);
	if (order == 0)
		order = (removed[0].system > removed[1].system) -
			(removed[0].system < removed[1].system);
	return order != 0 ? order : (x->uid > y->uid) - (x->uid < y->uid);
}

static bool same_group(const struct op *x, const struct op *y)
{
	struct flags x_set = flags_and(&x->change, &x->flags),
		     y_set = flags_and(&y->change, &y->flags);
	return flags_equal(&x->change, &y->change) && flags_equal(&x_set, &y_set);
}

static int send_group(struct worker *w, struct group *g, struct err *err)
{
	struct uidset uids = {0};
	int rc = 0;

	split(g->ops[0], &g->add, &g->remove);
	for (size_t i = 0; i < g->count; i++)
		uidset_add(&uids, g->ops[i]->uid);
	if (!flags_empty(&g->add))
		rc = imap_store_send(w->imap, &uids, IMAP_STORE_ADD, &g->add, &g->add_ticket, err);
	if (rc == 0 && !flags_empty(&g->remove))
		rc = imap_store_send(
			w->imap, &uids, IMAP_STORE_REMOVE, &g->remove, &g->remove_ticket, err);
	uidset_fini(&uids);
	return rc;
}

/* A refused STORE is noted and told; the mailbox goes on. */
static int note_refused(struct worker *w, struct box *box, const struct group *g,
	const struct err *why, struct err *err)
{
	char reason[1100];
	for (size_t i = 0; i < g->count; i++) {
		struct state_pending pending = {.kind = STATE_PENDING_FLAGS, .uid = g->ops[i]->uid};
		pending.reason = slice_str(err_line(why, reason, sizeof(reason)));
		pass_failed(w->pass, box, g->ops[i]->uid, NULL, why);
		if (settle_pending(w->pass->settler, box->row.id, &pending, err) != 0)
			return -1;
	}
	box->incomplete = true;
	return 0;
}

/* 1: OK, 0: refused (WHY filled), -1. */
static int wait_for(struct worker *w, const struct flags *flags, imap_ticket ticket,
	struct err *why, struct err *err)
{
	struct imap_result result;

	if (flags_empty(flags))
		return 1;
	if (imap_wait(w->imap, ticket, &result, err) != 0)
		return -1;
	if (result.ok)
		return 1;
	bool later = imap_means_later(&result);
	if (later)
		why = err;
	err_set(why, later ? ERR_SERVER_BUSY : ERR_SERVER_NO, "the server refuses the flags");
	err_server(why, result.text, strlen(result.text));
	why->wait_ms = imap_suggested_wait_ms(result.words);
	return later ? -1 : 0;
}

static int finish_group(struct worker *w, struct box *box, const struct group *g, struct err *err)
{
	struct err why = {0};
	int added = wait_for(w, &g->add, g->add_ticket, &why, err);
	int removed = added < 0 ? -1 : wait_for(w, &g->remove, g->remove_ticket, &why, err);

	if (added < 0 || removed < 0)
		return -1;
	if (!added || !removed)
		return note_refused(w, box, g, &why, err);
	for (size_t i = 0; i < g->count; i++)
		if (settle_flags(w->pass->settler, box->row.id, g->ops[i]->uid, &g->ops[i]->change,
			    &g->ops[i]->flags, box->maildir, NULL, err) != 0)
			return -1;
	atomic_fetch_add(&w->pass->report->totals.flags_there, g->count);
	report_advance(w->pass->report, w->number, g->count, 0);
	return 0;
}

int carry_flags_there(
	struct worker *w, struct box *box, const struct op *ops, size_t count, struct err *err)
{
	const struct op **sorted = arena_alloc(&w->arena, count * sizeof(*sorted));
	struct group groups[STORES];
	size_t done = 0;

	report_begin(w->pass->report, w->number, box->name, "flags", count, 0);
	for (size_t i = 0; i < count; i++)
		sorted[i] = &ops[i];
	qsort(sorted, count, sizeof(*sorted), compare_groups);
	while (done < count) {
		size_t n = 0;
		for (; n < STORES && done < count; n++) {
			struct group *g = &groups[n];
			*g = (struct group){.ops = sorted + done};
			while (done < count && same_group(g->ops[0], sorted[done])) {
				g->count++;
				done++;
			}
			if (send_group(w, g, err) != 0)
				return -1;
		}
		for (size_t i = 0; i < n; i++)
			if (finish_group(w, box, &groups[i], err) != 0)
				return -1;
	}
	return 0;
}

/* ---- here ---- */

/* The file's name now: what the scan found, else what the row says. 1, 0: there is no file, -1. */
static int present_name(struct worker *w, struct box *box, const struct op *op, char *out,
	size_t size, struct err *err)
{
	struct state_read *read = NULL;
	struct state_message row;
	int rc;

	if (op->name) {
		snprintf(out, size, "%s", op->name);
		return 1;
	}
	if (state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	rc = state_get_message(read, box->row.id, op->uid, &row, err);
	if (rc == 1 && !(row.where & STATE_HERE))
		rc = 0;
	if (rc == 1)
		row_file(&row, out, size);
	state_read_end(read);
	return rc;
}

/* The flags OP carries, on top of whatever the file shows under the name FROM. */
static int new_name(struct box *box, const struct op *op, const char *from, char *to, size_t size,
	struct err *err)
{
	struct state_message row = {0};

	row_set_file(&row, from);
	struct flags shown = maildir_flags(box->maildir, row.info);
	struct flags keep = flags_minus(&shown, &op->change);
	struct flags set = flags_and(&op->flags, &op->change);
	struct flags flags = flags_or(&keep, &set);
	if (maildir_letters_add(box->maildir, &flags, NULL, err) != 0)
		return -1;
	bool stay_new = row.in_new && flags_empty(&flags);
	if (maildir_filename(box->maildir, row.base, stay_new, row.info, &flags, to, size) == 0) {
		err_set(err, ERR_CONFLICT, "%s: the file name would be too long", from);
		err->sys = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

/* 1: renamed, TO is the name now; 0: the file is gone (the next look will tell); -1. */
static int rename_file(
	struct box *box, const struct op *op, char *from, char *to, size_t size, struct err *err)
{
	for (int attempt = 0; attempt < 3; attempt++) {
		struct state_message row = {0};
		char base[ROW_FILE_SIZE];

		if (new_name(box, op, from, to, size, err) != 0)
			return -1;
		if (strcmp(from, to) == 0 || maildir_rename(box->maildir, from, to, err) == 0)
			return 1;
		if (err->sys != ENOENT)
			return -1;
		row_set_file(&row, from);
		snprintf(base, sizeof(base), "%.*s", SLICE_ARG(row.base));
		int rc = maildir_find(box->maildir, slice_str(base), from, size, err);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

/* A name with no room for another flag: the message stays as it is, the others go on. */
static int note_too_long(struct worker *w, struct box *box, uint32_t uid, struct err *err)
{
	struct err why = *err;
	struct state_pending pending = {
		.kind = STATE_PENDING_FLAGS, .uid = uid, .reason = slice_str(why.msg)};

	why.kind = ERR_CONFLICT;
	err_clear(err);
	box->incomplete = true;
	pass_failed(w->pass, box, uid, NULL, &why);
	return settle_pending(w->pass->settler, box->row.id, &pending, err);
}

int carry_flags_here(
	struct worker *w, struct box *box, const struct op *ops, size_t count, struct err *err)
{
	char from[ROW_FILE_SIZE], to[ROW_FILE_SIZE];

	report_begin(w->pass->report, w->number, box->name, "flags", count, 0);
	for (size_t i = 0; i < count; i++) {
		if (cancel_check(err) != 0)
			return -1;
		int rc = present_name(w, box, &ops[i], from, sizeof(from), err);
		if (rc == 1)
			rc = rename_file(box, &ops[i], from, to, sizeof(to), err);
		if (rc < 0 && err->sys == ENAMETOOLONG) {
			if (note_too_long(w, box, ops[i].uid, err) != 0)
				return -1;
			continue;
		}
		if (rc < 0)
			return -1;
		if (rc == 0) {
			box->incomplete = true;
			continue;
		}
		if (settle_flags(w->pass->settler, box->row.id, ops[i].uid, &ops[i].change,
			    &ops[i].flags, box->maildir, to, err) != 0)
			return -1;
		atomic_fetch_add(&w->pass->report->totals.flags_here, 1);
		report_advance(w->pass->report, w->number, 1, 0);
	}
	return 0;
}

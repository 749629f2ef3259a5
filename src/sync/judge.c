/*
 * Between the phases: which of the planned deletions may be carried out? The guard (guard.c) sees
 * every mailbox first and then the account; what it refuses stays on both sides, and everything
 * else goes on.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "sync/guard.h"
#include "sync/pass.h"

static struct uidset *deletions(struct box *box, enum side side)
{
	return side == SIDE_HERE ? &box->delete_here : &box->delete_there;
}

/* Those that are deletions: what moves left behind lies elsewhere. */
static uint64_t count_deletions(struct box *box, enum side side)
{
	struct uidset left = {0};
	uint64_t count = uidset_size(deletions(box, side));

	if (side == SIDE_THERE && !uidset_empty(&box->left_there)) {
		uidset_copy(&left, &box->delete_there);
		uidset_intersect(&left, &box->left_there);
		count -= uidset_size(&left);
		uidset_fini(&left);
	}
	return count;
}

/* What to run: the whole account, or only MAILBOX. Quoted as a shell wants it. */
static void add_command(const struct pass *pass, const char *mailbox, struct buf *out)
{
	struct buf name = {0};
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./@+";

	buf_addf(&name, "%s%s%s", pass->account->name, mailbox[0] ? "/" : "", mailbox);
	buf_add_str(out, "`godwit sync --approve ");
	if (strspn(name.data, plain) == name.len) {
		buf_add_slice(out, buf_slice(&name));
	} else {
		buf_add_char(out, '\'');
		for (size_t i = 0; i < name.len; i++)
			if (name.data[i] == '\'')
				buf_add_str(out, "'\\''");
			else
				buf_add_char(out, name.data[i]);
		buf_add_char(out, '\'');
	}
	buf_add_char(out, '`');
	buf_fini(&name);
}

static void add_cause(const struct pass *pass, struct guard_count count, struct buf *out)
{
	if (guard_is_window(count))
		buf_addf(out,
			"they are just its oldest ones, and the server shows %llu: a window of the "
			"newest?",
			(unsigned long long)count.shown);
	else
		buf_addf(out, "more than %u%%", pass->policy.max_delete);
}

#define NAMED_MOST 5 /* mailboxes that the refusal of a whole account names */

/* ": A 10, B 10, and 3 more" */
static void add_mailboxes(struct pass *pass, enum side side, struct buf *out)
{
	unsigned named = 0, others = 0;

	for (size_t i = 0; i < pass->box_count; i++) {
		uint64_t n = count_deletions(&pass->boxes[i], side);
		if (n == 0)
			continue;
		if (named == NAMED_MOST)
			others++;
		else
			buf_addf(out, "%s%s %llu", named++ > 0 ? ", " : ": ", pass->boxes[i].name,
				(unsigned long long)n);
	}
	if (others > 0)
		buf_addf(out, ", and %u more", others);
}

/* BOX NULL: the account as a whole. */
static void refuse(
	struct pass *pass, const struct box *box, enum side side, struct guard_count count)
{
	struct buf reason = {0};
	struct report_event event = {
		.kind = REPORT_REFUSED,
		.account = pass->account->name,
		.mailbox = box ? box->name : "",
		.side = side == SIDE_HERE ? "here" : "there",
		.deletions = count.deletions,
		.messages = count.messages,
	};

	buf_addf(&reason, "%llu of %llu messages would be deleted %s",
		(unsigned long long)count.deletions, (unsigned long long)count.messages,
		side == SIDE_HERE ? "here" : "on the server");
	if (!box)
		add_mailboxes(pass, side, &reason);
	buf_add_str(&reason, ": refused (");
	add_cause(pass, count, &reason);
	buf_add_str(&reason, "). If that is meant, run ");
	add_command(pass, box ? box->name : "", &reason);
	event.reason = reason.data;
	atomic_fetch_add(&pass->report->totals.refused, count.deletions);
	report_event(pass->report, &event);
	buf_fini(&reason);
}

static void drop_deletions(struct box *box, enum side side)
{
	if (count_deletions(box, side) == 0)
		return;
	if (side == SIDE_THERE)
		uidset_intersect(&box->delete_there, &box->left_there);
	else
		uidset_clear(&box->delete_here);
	box->incomplete = true;
}

/* Is everything that goes older than everything that stays? Then from when to when. */
static int look_at_oldest(struct state_read *read, struct box *box, struct err *err)
{
	struct state_message row;
	int64_t first = INT64_MAX, last = INT64_MIN;
	uint64_t from = 0;
	uint32_t gone = 0;
	int rc;

	box->oldest = false;
	if (uidset_empty(&box->delete_here))
		return 0;
	while ((rc = state_next_message(read, box->row.id, from, &row, err)) == 1) {
		bool goes = uidset_contains(&box->delete_here, row.uid);
		if (row.where & STATE_THERE && !goes)
			break;
		gone += goes;
		if (goes && row.date < first)
			first = row.date;
		if (goes && row.date > last)
			last = row.date;
		from = (uint64_t)row.uid + 1;
	}
	box->oldest = rc == 1 && gone == uidset_size(&box->delete_here);
	box->oldest_span = box->oldest ? last - first : 0;
	return rc < 0 ? -1 : 0;
}

/* ---- what is remembered of windows: "window/ID" is how many messages one showed when it was
 * refused, or "accepted" ---- */

#define ACCEPTED "accepted"

static int recall_window(struct state_read *read, struct box *box, struct err *err)
{
	struct slice text;
	uint64_t shown = 0;
	char key[GUARD_KEY_SIZE];

	box->shown_before = box->row.watermark.messages;
	guard_window_key(box->row.id, key);
	int rc = state_get_text(read, key, &text, err);
	if (rc <= 0)
		return rc;
	box->window_accepted = slice_eq_str(text, ACCEPTED);
	if (!box->window_accepted && slice_number(text, UINT32_MAX, &shown))
		box->shown_before = shown;
	return 0;
}

/* COUNT looks like a window: refused in this pass, or let through by the user. */
static int remember_window(
	struct pass *pass, const struct box *box, struct guard_count count, struct err *err)
{
	char key[GUARD_KEY_SIZE], shown[32];

	if (pass->options->plan)
		return 0;
	guard_window_key(box->row.id, key);
	snprintf(shown, sizeof(shown), "%llu", (unsigned long long)count.shown);
	return settle_text(
		pass->settler, key, slice_str(pass->policy.approve ? ACCEPTED : shown), err);
}

/* ---- judging ---- */

static int count_rows(struct pass *pass, struct err *err)
{
	struct state_read *read = NULL;
	int rc = 0;

	if (!pass->state)
		return 0;
	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		rc = state_count_messages(
			read, box->row.id, &box->rows_there, &box->rows_here, err);
		if (rc == 0)
			rc = look_at_oldest(read, box, err);
		if (rc == 0 && box->oldest)
			rc = recall_window(read, box, err);
	}
	state_read_end(read);
	return rc < 0 ? -1 : 0;
}

static struct guard_count count_box(struct box *box, enum side side)
{
	struct guard_count count = {
		.deletions = count_deletions(box, side),
		.messages = side == SIDE_HERE ? box->rows_here : box->rows_there,
	};

	if (side != SIDE_HERE || !box->oldest)
		return count;
	count.oldest = true;
	count.told = !box->inferred;
	count.accepted = box->window_accepted;
	count.shown = box->watermark.messages;
	count.shown_before = box->shown_before;
	count.span = box->oldest_span;
	count.since = (int64_t)time(NULL) - box->row.synced;
	return count;
}

static int guard_box(struct pass *pass, struct box *box, enum side side,
	struct guard_count *account, struct err *err)
{
	struct guard_count count = count_box(box, side);

	account->messages += count.messages;
	if (guard_is_window(count) && remember_window(pass, box, count, err) != 0)
		return -1;
	if (guard_allows(&pass->policy, count)) {
		account->deletions += count.deletions;
		return 0;
	}
	refuse(pass, box, side, count);
	drop_deletions(box, side);
	return 0;
}

/* One side of every mailbox by itself, then of the account as a whole. */
static int guard_side(struct pass *pass, enum side side, struct err *err)
{
	struct guard_count account = {0};

	for (size_t i = 0; i < pass->box_count; i++)
		if (guard_box(pass, &pass->boxes[i], side, &account, err) != 0)
			return -1;
	if (guard_allows(&pass->policy, account))
		return 0;
	refuse(pass, NULL, side, account);
	for (size_t i = 0; i < pass->box_count; i++)
		drop_deletions(&pass->boxes[i], side);
	return 0;
}

static bool wants_deletions(const struct box *box)
{
	return (box->lost != SIDE_NONE && box->looked) || !uidset_empty(&box->delete_here) ||
	       !uidset_empty(&box->delete_there);
}

/* Deletions of a pass that paired, or could not see everything, wait for the next one. */
static void postpone(struct pass *pass)
{
	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (!box->paired || !wants_deletions(box))
			continue;
		atomic_fetch_add(&pass->report->totals.pending,
			uidset_size(&box->delete_here) + uidset_size(&box->delete_there));
		pass_tell(pass, REPORT_NOTE, box->name,
			"messages were paired in this pass; what was deleted meanwhile is deleted "
			"by the next one");
		drop_deletions(box, SIDE_HERE);
		drop_deletions(box, SIDE_THERE);
	}
}

/*
 * Where what is deleted here is kept. If there is no place for it, nothing is deleted here: told,
 * and left for a later pass.
 */
static void open_attic(struct pass *pass)
{
	const struct config_account *account = pass->account;
	struct err err = {0};
	bool wanted = false;

	for (size_t i = 0; i < pass->box_count; i++)
		wanted |= !uidset_empty(&pass->boxes[i].delete_here);
	if (!wanted || account->keep_deleted == 0)
		return;
	if (attic_open(&pass->attic, &pass->root, account->state_dir, account->name, true, &err) ==
		0)
		return;
	pass_failed(pass, NULL, 0, NULL, &err);
	for (size_t i = 0; i < pass->box_count; i++)
		drop_deletions(&pass->boxes[i], SIDE_HERE);
}

static void tell_deletions(struct pass *pass, const struct box *box, enum side side)
{
	const struct uidset *set = side == SIDE_HERE ? &box->delete_here : &box->delete_there;
	struct op op = {
		.kind = side == SIDE_HERE ? OP_DELETE_HERE : OP_DELETE_THERE,
		.reason = side == SIDE_HERE ? "deleted on the server" : "deleted here",
	};
	struct uid_iter it = {0};

	while ((op.uid = uidset_next(set, &it)) != 0)
		pass_tell_op(pass, box, &op);
}

int pass_delete(struct pass *pass, struct err *err)
{
	struct box **jobs = arena_alloc(&pass->arena, (pass->box_count + 1) * sizeof(*jobs));
	size_t count = 0;

	for (size_t i = 0; i < pass->box_count; i++)
		if (wants_deletions(&pass->boxes[i]))
			jobs[count++] = &pass->boxes[i];
	if (count == 0)
		return 0;
	if (count_rows(pass, err) != 0)
		return -1;
	postpone(pass);
	if (guard_side(pass, SIDE_HERE, err) != 0 || guard_side(pass, SIDE_THERE, err) != 0)
		return -1;
	for (size_t i = 0; pass->options->plan && i < count; i++) {
		tell_deletions(pass, jobs[i], SIDE_THERE);
		tell_deletions(pass, jobs[i], SIDE_HERE);
	}
	if (pass->options->plan)
		return 0;
	open_attic(pass);
	/* Mailboxes that lost their deletions still need their rows finished. */
	return pass_run(pass, mailbox_delete, jobs, count, UINT_MAX, err);
}

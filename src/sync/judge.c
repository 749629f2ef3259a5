/*
 * Between the phases: which of the planned deletions may be carried out? The guard (guard.c) sees
 * every mailbox first and then the account; what it refuses stays on both sides, and everything
 * else goes on.
 */
#include <limits.h>
#include <stdio.h>

#include "sync/guard.h"
#include "sync/pass.h"

static void refuse(struct pass *pass, const char *mailbox, enum side side, struct guard_count count)
{
	char reason[400];

	int n = snprintf(reason, sizeof(reason),
		"%llu of %llu messages would be deleted %s: refused ",
		(unsigned long long)count.deletions, (unsigned long long)count.messages,
		side == SIDE_HERE ? "here" : "on the server");
	if (guard_is_window(count))
		n += snprintf(reason + n, sizeof(reason) - (size_t)n,
			"(they are the oldest ones, and the server shows just %llu: a window)",
			(unsigned long long)count.shown);
	else
		n += snprintf(reason + n, sizeof(reason) - (size_t)n, "(more than %u%%)",
			pass->policy.max_delete);
	snprintf(reason + n, sizeof(reason) - (size_t)n,
		". If that is meant, run `godwit sync --approve %s`", pass->account->name);
	atomic_fetch_add(&pass->report->totals.refused, count.deletions);
	pass_tell(pass, REPORT_REFUSED, mailbox, reason);
}

static struct uidset *deletions(struct box *box, enum side side)
{
	return side == SIDE_HERE ? &box->delete_here : &box->delete_there;
}

static void drop_deletions(struct box *box, enum side side)
{
	if (uidset_empty(deletions(box, side)))
		return;
	uidset_clear(deletions(box, side));
	box->incomplete = true;
}

/* Is everything that goes older than everything that stays? *OLDEST. */
static int are_oldest(struct state_read *read, const struct box *box, bool *oldest, struct err *err)
{
	struct state_message row;
	uint32_t uid = 0, gone = 0;
	int rc;

	*oldest = false;
	if (uidset_empty(&box->delete_here))
		return 0;
	while ((rc = state_next_message(read, box->row.id, uid, &row, err)) == 1) {
		if (row.where & STATE_THERE && !uidset_contains(&box->delete_here, row.uid))
			break;
		gone += uidset_contains(&box->delete_here, row.uid);
		if (row.uid == UINT32_MAX)
			break;
		uid = row.uid + 1;
	}
	*oldest = rc == 1 && gone == uidset_size(&box->delete_here);
	return rc < 0 ? -1 : 0;
}

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
			rc = are_oldest(read, box, &box->oldest, err);
	}
	state_read_end(read);
	return rc < 0 ? -1 : 0;
}

/* One side of every mailbox by itself, then of the account as a whole. */
static void guard_side(struct pass *pass, enum side side)
{
	struct guard_count account = {0};

	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		struct guard_count count = {
			.deletions = uidset_size(deletions(box, side)),
			.messages = side == SIDE_HERE ? box->rows_here : box->rows_there,
			.oldest = side == SIDE_HERE && box->oldest,
			.shown = box->watermark.messages,
		};
		account.messages += count.messages;
		if (guard_allows(&pass->policy, count)) {
			account.deletions += count.deletions;
			continue;
		}
		refuse(pass, box->name, side, count);
		drop_deletions(box, side);
	}
	if (guard_allows(&pass->policy, account))
		return;
	refuse(pass, "", side, account);
	for (size_t i = 0; i < pass->box_count; i++)
		drop_deletions(&pass->boxes[i], side);
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
	guard_side(pass, SIDE_HERE);
	guard_side(pass, SIDE_THERE);
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

/*
 * A plan is carried out, kind after kind: by whoever does that kind, or, with `plan`, told instead.
 *
 * Two things are not done here. Deletions are collected in the box: the guard has to see those of
 * all mailboxes, and what seems deleted may only have moved. And copying may have to wait, for the
 * same reason: see holds().
 */
#include <stdio.h>

#include "sync/pass.h"

static int adopt(struct worker *w, struct box *box, const struct op *op, struct err *err)
{
	struct state_message row = {
		.uid = op->uid,
		.where = STATE_THERE | STATE_HERE,
		.flags = op->flags,
		.size = op->from_here->wire_size,
		.date = op->from_there->date,
		.header = op->from_here->header,
		.content = op->from_here->content,
	};
	row_set_file(&row, op->name);
	/* What we sent ourselves to a server that tells no UIDs was counted when it was sent. */
	if (!op->from_here->answered)
		atomic_fetch_add(&w->pass->report->totals.adopted, 1);
	return settle_message(w->pass->settler, box->row.id, box->maildir, &row, err);
}

/* Operations that need no connection and touch no file. */
static int settle_op(struct worker *w, struct box *box, const struct op *op, struct err *err)
{
	struct settler *settler = w->pass->settler;
	static const struct flags none = {0};

	if (op->kind == OP_ADOPT)
		return adopt(w, box, op, err);
	if (op->kind == OP_AGREE)
		return settle_flags(settler, box->row.id, op->uid, &op->change, &op->flags,
			box->maildir, NULL, err);
	if (op->kind == OP_REFRESH)
		return settle_flags(
			settler, box->row.id, op->uid, &none, &none, box->maildir, op->name, err);
	if (op->kind == OP_FORGET)
		return settle_forget(settler, box->row.id, op->uid, box->maildir, err);
	return settle_where(settler, box->row.id, op->uid,
		op->left == SIDE_HERE ? STATE_HERE : STATE_THERE, box->maildir, err);
}

static int settle_ops(
	struct worker *w, struct box *box, const struct op *ops, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i++)
		if (settle_op(w, box, &ops[i], err) != 0)
			return -1;
	/* What follows looks adopted files up in the state. */
	return ops[0].kind == OP_ADOPT ? settler_flush(w->pass->settler, err) : 0;
}

static void collect(struct uidset *set, const struct op *ops, size_t count)
{
	for (size_t i = 0; i < count; i++)
		uidset_add(set, ops[i].uid);
}

/*
 * Copying that has to wait: until it is known what has only moved, or for good, as one side has no
 * such mailbox any more and what is new in it must not go with the rest.
 */
static bool holds(struct worker *w, struct box *box, enum op_kind kind)
{
	bool fetch = kind == OP_FETCH, append = kind == OP_APPEND;

	if (!fetch && !append)
		return false;
	if (box->lost != SIDE_NONE) {
		box->remains = true;
		return true;
	}
	if (append && box->restless)
		return true; /* looked at again, see look_and_carry() in mailbox.c */
	box->held_there |= fetch && w->pass->hold_there;
	bool hold_here = w->pass->hold_here || (w->pass->hold_there && box->in_doubt > 0);

	box->held_here |= append && hold_here;
	return fetch ? w->pass->hold_there : hold_here;
}

/* COUNT operations of one kind. */
static int carry(struct worker *w, struct box *box, const struct op *ops, size_t count, bool *again,
	struct err *err)
{
	switch (ops[0].kind) {
	case OP_APPEND:
		return carry_appends(w, box, ops, count, again, err);
	case OP_FLAGS_THERE:
		return carry_flags_there(w, box, ops, count, err);
	case OP_FETCH:
		return carry_fetches(w, box, ops, count, err);
	case OP_FLAGS_HERE:
		return carry_flags_here(w, box, ops, count, err);
	case OP_ADOPT:
	case OP_AGREE:
	case OP_REFRESH:
	case OP_FORGET:
	case OP_KEEP:
		return settle_ops(w, box, ops, count, err);
	case OP_DELETE_THERE:
		collect(&box->delete_there, ops, count);
		return 0;
	case OP_DELETE_HERE:
		collect(&box->delete_here, ops, count);
		return 0;
	case OP_MOVE_HERE: /* not planned for one mailbox */
	case OP_MOVE_THERE:
	case OP_KIND_COUNT:
		break;
	}
	base_bug(__FILE__, __LINE__, "no such operation");
}

/* `plan`: say it instead. Deletions are said by pass_delete(), when it is known which are moves,
 * and what the guard thinks of the others. */
static void tell_plan(struct worker *w, struct box *box, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		const struct op *op = &plan->ops[i];
		bool deletes = op->kind == OP_DELETE_THERE || op->kind == OP_DELETE_HERE;
		if (!holds(w, box, op->kind) && !deletes)
			pass_tell_op(w->pass, box, op);
		if (deletes)
			collect(op->kind == OP_DELETE_THERE ? &box->delete_there
							    : &box->delete_here,
				op, 1);
	}
}

/* Nobody knows whether a message that only one side marks as deleted is meant to go: it is unmarked
 * (plan.c), and that is said. */
static void tell_unmarked(struct worker *w, const struct box *box, const struct plan *plan)
{
	char text[160];
	size_t count = 0;

	for (size_t i = 0; i < plan->count && plan->ops[i].kind == OP_ADOPT; i++) {
		const struct op *op = &plan->ops[i];
		uint32_t one_side = op->from_there->flags.system ^ op->from_here->flags.system;
		count += !op->from_here->has_former && one_side & FLAG_DELETED;
	}
	if (count == 0)
		return;
	snprintf(text, sizeof(text),
		"%zu of the messages found on both sides %s marked as deleted on one of them only: "
		"the mark is taken away, nothing is deleted",
		count, count == 1 ? "is" : "are");
	pass_tell(w->pass, REPORT_NOTE, box->name, text);
}

int carry_out(
	struct worker *w, struct box *box, const struct plan *plan, bool *again, struct err *err)
{
	tell_unmarked(w, box, plan);
	if (w->pass->options->plan) {
		tell_plan(w, box, plan);
		return 0;
	}
	for (size_t i = 0, n; i < plan->count; i += n) {
		for (n = 1; i + n < plan->count && plan->ops[i + n].kind == plan->ops[i].kind;)
			n++;
		if (!holds(w, box, plan->ops[i].kind) &&
			carry(w, box, &plan->ops[i], n, again, err) != 0)
			return -1;
	}
	return 0;
}

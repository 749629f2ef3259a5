/*
 * The pass over one mailbox, up to but not including its deletions:
 *
 *     select, take the watermark -> look at both sides -> pair what is unknown on both -> plan ->
 * carry out
 *
 * in rounds, as long as a round says that looking again will find more to do (too many changes for
 * one round, a message whose UID the server did not tell, a file that moved under our hands).
 * Deletions are collected in the box for the account's second phase.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "sync/bulk.h"
#include "sync/pass.h"
#include "sync/plan.h"

#define RESTLESS                                                                                   \
	5 /* rounds in a row that files moved under our hands: then the next pass goes on */
#define FETCH_WINDOW 10000 /* new messages planned at once */

/* ---- opening ---- */

static void set_mask(struct worker *w, struct box *box, const struct imap_mailbox *selected)
{
	box->mask_there = selected->permanent;
	if (selected->new_keywords)
		memset(box->mask_there.keywords, 0xff, sizeof(box->mask_there.keywords));
	if (w->pass->options->plan) /* EXAMINE tells that nothing can be stored: not what the pass
				       would meet */
		box->mask_there = flags_full();
}

static void take_mailboxid(struct box *box, const struct imap_mailbox *selected)
{
	memcpy(box->mailboxid, selected->mailboxid, sizeof(box->mailboxid));
	box->row.mailboxid = slice_str(box->mailboxid);
}

static int open_there(struct worker *w, struct box *box, struct err *err)
{
	if (worker_select_ahead(w, box, err) != 0)
		return -1;
	const struct imap_mailbox *selected = imap_selected(w->imap);
	/* Of an older copy of the mailbox (a restored server): UIDs may mean other messages now. */
	uint32_t known = box->row.watermark.uidnext;
	bool went_back = selected->uidnext != 0 && selected->uidnext < known;
	bool same = box->row.uidvalidity == selected->uidvalidity && !went_back &&
		    !identity_is_another(box, selected);
	set_mask(w, box, selected);
	take_mailboxid(box, selected);
	box->watermark = (struct state_watermark){
		.uidnext = selected->uidnext   ? selected->uidnext
			   : box->status.known ? box->status.uidnext
					       : 0,
		.messages = selected->exists,
		.highestmodseq = selected->highestmodseq,
	};
	return identity_check_there(w, box, same, err);
}

/* ---- carrying out ---- */

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
		return true; /* looked at again, see look_and_carry() */
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

static int carry_out(
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

/* ---- a round ---- */

struct round {
	struct worker *w;
	struct box *box;
	struct look look;
	struct pairing pairing;
	bool pairs; /* messages of whose history nothing is known */
	bool again;
	size_t planned; /* operations */
};

static int plan_and_carry(struct round *r, const struct changes *changes, struct err *err)
{
	struct plan_input input = {
		.policy = &r->w->pass->policy,
		.changes = changes,
		.partner = changes->new_there_count > 0 ? r->pairing.partner : NULL,
		.mask_there = r->box->mask_there,
		.mask_here = flags_full(),
	};
	struct plan plan;

	plan_make(&r->w->arena, &input, &plan);
	r->pairs |= plan.pairs;
	r->planned += plan.count;
	return carry_out(r->w, r->box, &plan, &r->again, err);
}

/* New messages, window by window: their number must not decide how much memory is used. */
static int fetch_rest(struct round *r, struct err *err)
{
	struct uid_iter it = {0};
	struct uid_range range;
	bool more = true;

	while (more) {
		struct changes changes = {.new_there = arena_zalloc(&r->w->arena,
						  FETCH_WINDOW * sizeof(struct new_there))};
		while (changes.new_there_count < FETCH_WINDOW &&
			(more = uidset_next_range(&r->look.new_there, &it,
				 (uint32_t)(FETCH_WINDOW - changes.new_there_count), &range)))
			for (uint32_t uid = range.first; uid >= range.first && uid <= range.last;
				uid++)
				changes.new_there[changes.new_there_count++].uid = uid;
		if (changes.new_there_count > 0 && plan_and_carry(r, &changes, err) != 0)
			return -1;
		/* The first plan's operations are done, too: nothing of this arena is needed any
		 * more. */
		arena_reset(&r->w->arena);
	}
	return 0;
}

/* What can't be proven to be gone is not gone. */
static size_t without_gone(struct change *changes, size_t count)
{
	size_t kept = 0;
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind != CHANGE_GONE)
			changes[kept++] = changes[i];
	return kept;
}

static void add_uids(struct uidset *set, const struct change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		uidset_add(set, changes[i].uid);
}

/* What the server or the disk refused looks the same in the next round, which has to come to the
 * others. */
static void note_done(struct round *r, const struct changes *changes)
{
	if (!r->look.truncated)
		return;
	add_uids(&r->box->done_there, changes->there, changes->there_count);
	add_uids(&r->box->done_here, changes->here, changes->here_count);
}

static void forget_done(struct box *box)
{
	uidset_clear(&box->done_there);
	uidset_clear(&box->done_here);
}

static int carry_look(struct round *r, struct err *err)
{
	struct look *look = &r->look;
	struct changes changes = {
		.there = look->there,
		.there_count = look->there_complete ? look->there_count
						    : without_gone(look->there, look->there_count),
		.here = look->here,
		.here_count = look->here_complete ? look->here_count
						  : without_gone(look->here, look->here_count),
		.new_there = r->pairing.there,
		.new_there_count = r->pairing.there_count,
		.new_here = look->new_here,
		.new_here_count = look->new_here_count,
	};

	r->box->incomplete |= !look->there_complete || !look->here_complete;
	if (plan_and_carry(r, &changes, err) != 0)
		return -1;
	note_done(r, &changes);
	r->pairing.partner = NULL; /* what is left was paired with nothing */
	return fetch_rest(r, err);
}

/* Adopt what is the same on both sides, more of it than one look holds. The next round finds what
 * is left. */
static int adopt_in_bulk(struct round *r, struct err *err)
{
	struct bulk *bulk;
	struct changes changes;
	int rc = bulk_open(&bulk, r->w, r->box, &r->look.new_there, err);

	r->look.new_here_count = r->look.here_count = 0; /* their names are gone with the arena */
	while (rc >= 0 && (rc = bulk_next(bulk, &changes, &r->pairing, err)) == 1)
		rc = plan_and_carry(r, &changes, err);
	bulk_close(bulk);
	r->box->in_bulk = rc == 0;
	r->again = r->look.truncated = true;
	return rc < 0 ? -1 : 0;
}

static int look_and_carry(struct round *r, struct err *err)
{
	struct look *look = &r->look;

	report_begin(r->w->pass->report, r->w->number, r->box->name, "looking", 0, 0);
	if (r->box->there || r->box->lost == SIDE_THERE) {
		if (look_there(r->w, r->box, look, err) != 0)
			return -1;
	}
	if (look_here(r->w, r->box, false, look, err) != 0)
		return -1;
	log_debug(LOG_SYNC, "server: %llu new, %zu changed; here: %zu new, %zu changed",
		(unsigned long long)uidset_size(&look->new_there), look->there_count,
		look->new_here_count, look->here_count);
	if (follow_renames(r->w, r->box, look, err) != 0 ||
		astray_settle(r->w, r->box, look, &r->again, err) != 0)
		return -1;
	if (bulk_suits(r->w, r->box, look))
		return adopt_in_bulk(r, err);
	if (!uidset_empty(&look->new_there) && look->new_here_count > 0 &&
		pairing_find(r->w, r->box, look, &r->pairing, err) != 0)
		return -1;
	int waited = doubt_wait(r->w, r->box, look, &r->pairing, err);
	if (waited != 0) {
		r->again = waited > 0;
		return waited < 0 ? -1 : 0;
	}
	if (doubt_settle(r->w, r->box, look, &r->pairing, err) != 0 || carry_look(r, err) != 0)
		return -1;
	/* What waits is found again by whoever takes it up. */
	r->again |= look->truncated && !r->box->held_there;
	r->again |= r->box->restless && look->new_here_count > 0;
	return 0;
}

static bool has_deletions(const struct box *box)
{
	return !uidset_empty(&box->delete_here) || !uidset_empty(&box->delete_there);
}

/* What a round leaves to say. */
struct outcome {
	bool again;   /* looking again will find more to do */
	bool goes_on; /* because there was too much for one round, which did its part */
	struct maildir_times times;
};

/*
 * A look that pairs proves no deletion: what is gone may be gone from a mailbox that was put
 * together anew. The next look, by the rows as they are then, has to find it gone once more.
 */
static void look_once_more(struct round *r)
{
	if (!r->pairs || !has_deletions(r->box) || !r->w->pass->settler)
		return;
	uidset_clear(&r->box->delete_here);
	uidset_clear(&r->box->delete_there);
	forget_done(r->box);
	r->again = true;
}

static int run_round(struct worker *w, struct box *box, struct outcome *out, struct err *err)
{
	struct round r = {.w = w, .box = box};
	int rc = look_and_carry(&r, err);

	if (rc == 0 && w->pass->settler)
		rc = settler_flush(w->pass->settler, err);
	look_once_more(&r);
	*out = (struct outcome){r.again, r.look.truncated && r.planned > 0, r.look.times};
	look_fini(&r.look);
	arena_reset(&w->arena);
	return rc;
}

/* Rounds until nothing is left to do. *TIMES: of the directories, before the first of them. */
static int run_rounds(
	struct worker *w, struct box *box, struct maildir_times *times, struct err *err)
{
	struct outcome out = {.again = true};
	unsigned restless = 0;

	forget_done(box); /* of a connection that was lost */
	for (unsigned i = 0; out.again && restless < RESTLESS; i++) {
		/* What was sent has to show: Courier lists nothing new before a NOOP. */
		if (i > 0 && box->there && imap_noop(w->imap, err) != 0)
			return -1;
		if (run_round(w, box, &out, err) != 0)
			return -1;
		if (i == 0)
			*times = out.times;
		restless = out.goes_on ? 0 : restless + 1;
	}
	forget_done(box);
	if (!out.again)
		return 0;
	pass_unproven(w->pass, box, "files come and go all the time; the next pass goes on");
	box->incomplete = true;
	return 0;
}

/* Directory times that a later pass may trust; zero where they may hide a change. */
static void take_times(struct box *box, const struct maildir_times *times)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (!maildir_times_settled(times, fs_time_ns(now)))
		return;
	box->watermark.new_mtime = times->new_mtime;
	box->watermark.new_ctime = times->new_ctime;
	box->watermark.cur_mtime = times->cur_mtime;
	box->watermark.cur_ctime = times->cur_ctime;
}

int mailbox_finish(struct worker *w, struct box *box, struct err *err)
{
	if (!w->pass->settler)
		return 0;
	if (box->incomplete)
		box->watermark = (struct state_watermark){0};
	box->row.watermark = box->watermark;
	box->row.synced = (int64_t)time(NULL);
	box->row.where = STATE_THERE | STATE_HERE;
	uint32_t former = box->incomplete ? 0 : box->former;
	if (former != 0)
		box->row.former = 0;
	return settle_mailbox(w->pass->settler, &box->row, former, err);
}

/* The messages of a mailbox that was empty here came with the SELECT. 1: all of them, and there is
 * nothing else to do; 0: look as ever; -1. */
static int pull_ahead(struct worker *w, struct box *box, struct err *err)
{
	bool all = false;

	w->ahead.bodies = false;
	line_up(w);
	if (carry_ahead(w, box, &all, err) != 0)
		return -1;
	box->looked = all;
	if (all)
		return 1;
	if (line_break(w, err) != 0 || settler_flush(w->pass->settler, err) != 0)
		return -1;
	return w->selected == box ? 0 : open_there(w, box, err);
}

/* Its files are in the folder of another mailbox: see turned.c. */
static int wait_for_files(struct worker *w, struct box *box, struct err *err)
{
	box->turned = box->held_there = box->held_here = true;
	w->ahead = (struct ahead){0};
	return line_break(w, err);
}

int mailbox_work(struct worker *w, struct box *box, struct err *err)
{
	struct maildir_times times = {0};

	box->held_there = box->held_here = box->remains = false;

	if (mailbox_open_here(w, box, err) != 0 || (box->there && open_there(w, box, err) != 0))
		return -1;
	if (box->maildir && w->pass->settler && maildir_sweep(box->maildir, err) != 0)
		return -1;
	if (box->there && turned_has(w->pass, box))
		return wait_for_files(w, box, err);
	if (box->there && w->ahead.bodies) {
		int all = pull_ahead(w, box, err);
		if (all != 0)
			return all < 0 ? -1 : mailbox_finish(w, box, err);
	}
	if (run_rounds(w, box, &times, err) != 0)
		return -1;
	take_times(box, &times);
	box->looked = true;
	/* What waits is finished by a later phase. */
	if (has_deletions(box) || box->held_there || box->held_here || box->lost != SIDE_NONE)
		return 0;
	return mailbox_finish(w, box, err);
}

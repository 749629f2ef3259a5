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
	if (letters_note(w, box, err) != 0)
		return -1;
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

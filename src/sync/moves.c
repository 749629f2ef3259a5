/*
 * Moves. A message that one mailbox lost and another one has new was moved: the file follows by a
 * rename, or the message by UID MOVE, and nothing is copied.
 *
 * Moves are matched between the two halves of the work phase: when all mailboxes were looked at (so
 * that what is gone anywhere is known, proven complete, and waits in the boxes' delete sets) and
 * before anything new is copied. Holding back the copies costs a second look at mailboxes with
 * news, so it is done only if the survey leaves room for a move: one mailbox that may have lost a
 * message, and another one that may have a new one.
 *
 *     on the server   what is new there has size and header of a file whose message is gone there
 *     here            what is new here has the content of a file that is gone here; a BASE proves
 *                     nothing
 *
 * Mailboxes that were renamed on the server, or changed places there, go first: renamed.c,
 * turned.c.
 *
 * A move changes two rows: the new one comes first, the old one goes after it. Killed in between,
 * the next pass finds a row that neither side has, and forgets it. Killed before, it finds the same
 * message unknown on both sides of the new mailbox, and pairs it.
 *
 * An upload whose answer was never seen (killed, cut off), or told no UID, may have been moved by
 * another client since: its file counts as one whose message is gone there, and is neither sent nor
 * given up before it is known whether another mailbox has that message new.
 *
 * What does not match is copied and deleted as ever. Moved to two places: both copies stay. Matches
 * are not deletions, so the guard does not count them.
 */
#include "sync/moves.h"

/* ---- could anything have moved? ---- */

struct chances {
	size_t lost, news; /* mailboxes that may have lost something, that may have something new */
	const struct box *only_lost, *only_news;
};

static void add_chance(struct chances *c, const struct box *box, bool lost, bool news)
{
	if (lost) {
		c->lost++;
		c->only_lost = box;
	}
	if (news) {
		c->news++;
		c->only_news = box;
	}
}

static bool any_chance(const struct chances *c)
{
	return c->lost > 0 && c->news > 0 &&
	       !(c->lost == 1 && c->news == 1 && c->only_lost == c->only_news);
}

/* By the counts of STATUS: UIDs given out since the watermark bound what can have come. */
static void judge_there(struct chances *c, const struct box *box, uint64_t rows)
{
	const struct imap_status *now = &box->status;
	const struct state_watermark *then = &box->row.watermark;
	bool known = now->known && then->uidnext != 0 && now->uidnext >= then->uidnext;
	uint64_t came = known ? now->uidnext - then->uidnext : 0;
	bool lost =
		box->in_doubt > 0 ||
		(rows > 0 && (box->lost == SIDE_THERE || !known || now->messages < rows + came));

	add_chance(c, box, lost, box->there && (!known || came > 0));
}

static void judge_here(struct chances *c, const struct box *box, uint64_t rows)
{
	const struct state_watermark *mark = &box->row.watermark;
	struct maildir_times then = {
		mark->new_mtime, mark->new_ctime, mark->cur_mtime, mark->cur_ctime};

	bool changed = then.new_mtime == 0 || !maildir_times_equal(&box->times, &then);

	if (!box->times_known) /* lost, or not there */
		add_chance(c, box, rows > 0, box->here);
	else
		add_chance(c, box, changed && rows > 0, changed);
}

int pass_expect_moves(struct pass *pass, struct err *err)
{
	struct chances there = {0}, here = {0};
	struct state_read *read = NULL;
	uint64_t rows_there = 0, rows_here = 0;
	int rc = 0;

	pass->hold_there = pass->hold_here = false;
	if (!pass->state)
		return 0;
	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		rc = state_count_messages(read, box->row.id, &rows_there, &rows_here, err);
		if (rc != 0 || (rc = moves_count_doubts(pass, read, box, err)) != 0)
			break;
		judge_there(&there, box, rows_there);
		judge_here(&here, box, rows_here);
	}
	state_read_end(read);
	pass->hold_there = any_chance(&there) && policy_moves_here(&pass->policy);
	pass->hold_here = any_chance(&here) && policy_moves_there(&pass->policy);
	return rc;
}

/* ---- one mailbox with news ---- */

/* `plan`: what is not a move is copied. */
static void tell_copies(struct worker *w, const struct box *box, struct look *look)
{
	struct op fetch = {.kind = OP_FETCH, .reason = "new on the server"};
	struct op append = {.kind = OP_APPEND, .reason = "new here"};
	struct uid_iter it = {0};

	for (size_t i = 0; box->held_here && i < look->new_here_count; i++) {
		const struct new_here *file = &look->new_here[i];
		append.name = file->name;
		if (!file->has_former || !uidset_contains(&box->told_here, file->former_uid))
			pass_tell_op(w->pass, box, &append);
	}
	uidset_subtract(&look->new_there, &box->told_there);
	while (box->held_there && (fetch.uid = uidset_next(&look->new_there, &it)) != 0)
		pass_tell_op(w->pass, box, &fetch);
}

static int match_there(struct worker *w, struct box *box, struct look *look, struct err *err)
{
	if (!box->there)
		return 0;
	if (worker_select(w, box, err) != 0 || look_there(w, box, look, err) != 0)
		return -1;
	return box->held_there ? moves_match_there(w, box, look, err) : 0;
}

/* LOOK was taken of the folder. */
static int match_here(struct worker *w, struct box *box, struct look *look, struct err *err)
{
	if (follow_renames(w, box, look, err) != 0)
		return -1;
	return box->maildir && box->held_here ? moves_match_here(w, box, look, err) : 0;
}

/* What is left of LOOK has not moved. */
static int end_match(struct worker *w, struct box *box, struct look *look, int rc, struct err *err)
{
	if (rc == 0 && w->pass->options->plan)
		tell_copies(w, box, look);
	if (rc == 0 && w->pass->settler)
		rc = settler_flush(w->pass->settler, err);
	look_fini(look);
	return rc;
}

/* More new files than may be held (I7): part by part. */
static int match_parts(struct worker *w, struct box *box, unsigned parts, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < parts; i++) {
		struct look look = {.part = i, .parts = parts};
		arena_reset(&w->arena);
		rc = look_here(w, box, true, &look, err);
		if (rc == 0)
			rc = match_here(w, box, &look, err);
		rc = end_match(w, box, &look, rc, err);
	}
	return rc;
}

static int match_box(struct worker *w, struct box *box, struct err *err)
{
	struct look look = {.new_here_most = moves_window()};
	unsigned parts = 1;

	w->ahead = (struct ahead){0};
	int rc = mailbox_open_here(w, box, err);
	if (rc == 0)
		rc = match_there(w, box, &look, err);
	if (rc == 0)
		rc = look_here(w, box, true, &look, err);
	if (rc == 0 && look.new_here_total > moves_window()) {
		parts = (unsigned)(look.new_here_total / moves_window()) + 1;
		look.new_here_count = 0;
	} else if (rc == 0) {
		rc = match_here(w, box, &look, err);
	}
	rc = end_match(w, box, &look, rc, err);
	return rc == 0 && parts > 1 ? match_parts(w, box, parts, err) : rc;
}

/* Before what is lost is loaded: this may take it all. */
static int follow_renamed(struct pass *pass, struct box **jobs, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < pass->box_count; i++)
		if (pass->boxes[i].held_there && pass->boxes[i].there &&
			renamed_may_be(pass, &pass->boxes[i]))
			jobs[count++] = &pass->boxes[i];
	return count > 0 ? pass_run(pass, renamed_follow, jobs, count, 1, err) : 0;
}

int pass_match_moves(struct pass *pass, struct err *err)
{
	struct box **jobs = arena_alloc(&pass->arena, (pass->box_count + 1) * sizeof(*jobs));
	struct moves moves = {0};
	size_t count = 0;
	int rc = follow_renamed(pass, jobs, err);

	pass->moves = &moves;
	turned_settle(pass);
	if (rc == 0)
		rc = moves_load_lost(pass, err);
	bool any = moves.there_count > 0 || moves.here_count > 0;
	for (size_t i = 0; i < pass->box_count; i++)
		if ((pass->boxes[i].held_there || pass->boxes[i].held_here) &&
			(any || pass->options->plan))
			jobs[count++] = &pass->boxes[i];
	/* One connection: what one mailbox takes, no other one can have. */
	if (rc == 0)
		rc = pass_run(pass, match_box, jobs, count, 1, err);
	pass->moves = NULL;
	return rc;
}

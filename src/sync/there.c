/*
 * What changed on the server, by the best of the ladder that works for this mailbox:
 *
 *     QRESYNC     UID FETCH 1:4294967295 (FLAGS) (CHANGEDSINCE n VANISHED): what changed and went
 *     CONDSTORE   the same without VANISHED; what went is searched for if the counts disagree
 *     plain       every UID with its flags, streamed past the state
 *     unknown     nothing is known of the mailbox: its UIDs, flags come with the messages
 *
 * In memory stay only ranges of UIDs and what differs. On every rung absence counts only if the
 * messages known, less those that went, and those that are new make up what the mailbox holds (I3).
 * A message is new if it has no row, whatever UIDNEXT says.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "sync/ahead.h"
#include "sync/plan.h"

#define RENEW_ROWS 2000 /* rows a read snapshot is held for */

struct looking {
	struct worker *w;
	struct box *box;
	struct look *look;
	struct state_read *read;               /* NULL: no state */
	uint64_t known;                        /* rows of messages that the server holds */
	bool may_lack;                         /* a row could count as gone */
	struct flags mask;                     /* changes of which flags are carried */
	struct uidset seen;                    /* listed */
	struct uid_gather late_seen, late_new; /* ... what is not in `seen` and new_there yet */
	unsigned since_renew;
};

static int renew(struct looking *l, struct err *err)
{
	if (++l->since_renew < RENEW_ROWS || !l->read)
		return 0;
	l->since_renew = 0;
	return state_read_renew(l->read, err);
}

/* The next row from *FROM on, which moves behind it. 1, 0 at the end, -1. */
static int next_row(struct looking *l, uint64_t *from, struct state_message *row, struct err *err)
{
	if (renew(l, err) != 0)
		return -1;
	int rc = state_next_message(l->read, l->box->row.id, *from, row, err);
	if (rc == 1)
		*from = (uint64_t)row->uid + 1;
	return rc;
}

static struct change *add_change(
	struct looking *l, const struct state_message *row, enum change_kind kind)
{
	struct look *look = l->look;
	look->there = base_reserve(
		look->there, look->there_count, &look->there_room, sizeof(*look->there));
	struct change *change = &look->there[look->there_count++];
	*change = (struct change){
		.uid = row->uid,
		.kind = kind,
		.base = row->flags,
		.kept = !(row->where & STATE_THERE),
		.alone = !(row->where & STATE_HERE),
	};
	return change;
}

/* `plan` shows everything at once, a pass goes on in the next round. */
static bool full(struct looking *l)
{
	if (l->look->there_count < look_most() || l->w->pass->options->plan)
		return false;
	l->look->truncated = true;
	return true;
}

/* ROW is of a message that was refused: is it to be tried again, and was not in this pass? 1, 0,
 * -1. */
static int is_tried_again(struct looking *l, const struct state_message *row, struct err *err)
{
	struct state_pending pending;

	if (!(row->where & STATE_REFUSED) || !l->w->pass->policy.retry)
		return 0;
	int rc = state_get_pending(l->read, l->box->row.id, STATE_PENDING_FETCH, row->uid,
		(struct slice){0}, &pending, err);
	return rc < 0 ? -1 : rc == 0 || pending.pass != l->w->pass->number;
}

/* One message that the server lists. */
static int compare(struct looking *l, const struct imap_message *m, struct err *err)
{
	struct state_message row;
	int rc = renew(l, err) != 0 ? -1
				    : state_get_message(l->read, l->box->row.id, m->uid, &row, err);

	if (rc < 0)
		return -1;
	uid_gather(&l->late_seen, &l->seen, m->uid);
	int again = rc == 1 ? is_tried_again(l, &row, err) : 0;
	if (again < 0)
		return -1;
	if (rc == 0 || again) {
		uid_gather(&l->late_new, &l->look->new_there, m->uid);
		return 0;
	}
	if (!m->has_flags || uidset_contains(&l->box->delete_there, m->uid) ||
		uidset_contains(&l->box->done_there, m->uid))
		return 0;
	struct flags diff = flags_xor(&m->flags, &row.flags);
	diff = flags_and(&diff, row.where & STATE_HERE ? &l->mask : &l->box->mask_there);
	if (!flags_empty(&diff) && !full(l)) {
		struct change *change = add_change(l, &row, CHANGE_FLAGS);
		change->flags = m->flags;
		change->modseq = m->modseq;
	}
	return 0;
}

/* ---- listing ---- */

static const char *rung_name(enum rung rung)
{
	static const char *const names[] = {"UIDs", "UIDs and flags", "CONDSTORE", "QRESYNC"};
	return names[rung];
}

/* Every UID that the server has, and those of them without a row. */
static int search_all(struct looking *l, bool begun, struct err *err)
{
	uidset_clear(&l->seen);
	return begun ? imap_search_all_end(l->w->imap, &l->seen, err)
		     : imap_search_all(l->w->imap, &l->seen, err);
}

/* What the fetch of flags brings. */
static enum imap_fetch_event take_flags(struct looking *l, struct err *err)
{
	struct imap_message m;
	enum imap_fetch_event event;

	while ((event = imap_fetch_next(l->w->imap, &m, err)) > 0)
		if (event == IMAP_FETCH_MESSAGE && compare(l, &m, err) != 0) {
			event = IMAP_FETCH_ERROR;
			break;
		}
	uid_gather_end(&l->late_seen, &l->seen);
	uid_gather_end(&l->late_new, &l->look->new_there);
	return event;
}

/* One fetch of flags to its end. */
static int list_flags(struct looking *l, enum rung rung, bool begun, struct err *err)
{
	if (!begun && ahead_begin_flags(l->w, l->box, rung, err) != 0)
		return -1;
	if (take_flags(l, err) == IMAP_FETCH_END)
		return 0;
	if (err->kind != ERR_SERVER_NO || imap_selected(l->w->imap)->exists > 0)
		return -1;
	/* Some servers refuse 1:* when there is nothing; but then only a number says so. */
	err_clear(err);
	return l->may_lack ? search_all(l, false, err) : 0;
}

static void forget_listed(struct looking *l)
{
	uidset_clear(&l->seen);
	uidset_clear(&l->look->new_there);
	l->look->there_count = 0;
	l->look->truncated = false;
}

/* The UIDs that have a row. */
static int all_rows(struct looking *l, struct uidset *out, struct err *err)
{
	struct state_message row;
	uint64_t from = 0;
	int rc;

	while ((rc = next_row(l, &from, &row, err)) == 1)
		uidset_add(out, row.uid);
	return rc;
}

/* Is ROW gone, and not found so already in an earlier round? Then it is a change. false: there are
 * too many for this round. */
static bool take_gone(struct looking *l, const struct state_message *row)
{
	if (uidset_contains(&l->box->delete_here, row->uid) ||
		uidset_contains(&l->box->sent, row->uid) ||
		uidset_contains(&l->box->done_there, row->uid))
		return true;
	if (full(l))
		return false;
	add_change(l, row, CHANGE_GONE);
	return true;
}

/* Does the row say that the server has the message, or that it was kept here when it went there, as
 * is not the policy any more? */
static bool counts_as_gone(const struct looking *l, const struct state_message *row)
{
	return row->where & STATE_THERE ||
	       plan_carries_kept(&l->w->pass->policy, SIDE_THERE, &row->flags);
}

/* Rows that the server does not show any more, behind the flag changes found so far. */
static int find_gone(struct looking *l, struct err *err)
{
	struct state_message row;
	uint64_t from = 0;
	int rc;

	while ((rc = next_row(l, &from, &row, err)) == 1) {
		bool gone = !uidset_contains(&l->seen, row.uid) && counts_as_gone(l, &row);
		l->box->inferred |= gone;
		if (gone && !take_gone(l, &row))
			return 0;
	}
	return rc;
}

/* ---- plain and unknown ---- */

static int list(struct looking *l, enum rung rung, bool begun, struct err *err)
{
	forget_listed(l);
	bool empty = imap_selected(l->w->imap)->exists == 0;
	if (empty && !begun && !l->may_lack)
		return 0;
	if (empty && !begun) /* a number alone proves nothing: what does the list say? */
		return search_all(l, false, err);
	if (rung != RUNG_UNKNOWN)
		return list_flags(l, rung, begun, err);
	if (search_all(l, begun, err) != 0)
		return -1;
	uidset_union(&l->look->new_there, &l->seen);
	return 0;
}

/* Do COUNT messages make up what the mailbox holds, as far as that can be believed? */
static bool adds_up(const struct looking *l, uint64_t count)
{
	const struct imap_mailbox *selected = imap_selected(l->w->imap);

	return count == selected->exists && !selected->doubtful;
}

static bool all_seen(const struct looking *l)
{
	return adds_up(l, uidset_size(&l->seen));
}

static void warn_incomplete(const struct looking *l)
{
	char reason[200];

	snprintf(reason, sizeof(reason),
		"the server lists %llu messages and says that it holds %u%s: nothing is deleted "
		"here in this pass",
		(unsigned long long)uidset_size(&l->seen), imap_selected(l->w->imap)->exists,
		imap_selected(l->w->imap)->doubtful ? ", after a count that can't be followed"
						    : "");
	pass_unproven(l->w->pass, l->box, reason);
}

static int look_plain(struct looking *l, enum rung rung, bool begun, struct err *err)
{
	if (list(l, rung, begun, err) != 0)
		return -1;
	/* Something came or went meanwhile, or the server searches only so far (Yahoo names 1,000
	 * messages): listen, and let all of them be shown. */
	if (!all_seen(l) &&
		(imap_noop(l->w->imap, err) != 0 || list(l, RUNG_PLAIN, false, err) != 0))
		return -1;
	l->look->there_complete = all_seen(l);
	if (!l->look->there_complete)
		warn_incomplete(l);
	else if (l->may_lack)
		return find_gone(l, err);
	return 0;
}

/* ---- CONDSTORE and QRESYNC ---- */

/*
 * Of what the server says has gone only what has a row counts. By turns the next UID that is said
 * to be gone, and the next row from there on: the set may name every UID that there can be, in as
 * many ranges as the line holds.
 */
static int find_vanished(struct looking *l, uint64_t *count, struct err *err)
{
	const struct uidset *vanished = &l->w->vanished;
	struct state_message row;
	uint64_t from = 1;
	int rc;

	*count = 0;
	while (from <= UINT32_MAX && (from = uidset_from(vanished, (uint32_t)from)) != 0) {
		rc = next_row(l, &from, &row, err);
		if (rc <= 0)
			return rc;
		if (row.where & STATE_THERE && uidset_contains(vanished, row.uid) &&
			!uidset_contains(&l->seen, row.uid)) {
			++*count;
			take_gone(l, &row);
		}
	}
	return 0;
}

/* Rows from UID on. */
static int count_rows_from(struct looking *l, uint32_t uid, uint64_t *count, struct err *err)
{
	struct state_message row;
	uint64_t from = uid;
	int rc;

	for (*count = 0; (rc = next_row(l, &from, &row, err)) == 1;)
		++*count;
	return rc;
}

/* UIDs from FIRST to LAST. */
static uint64_t count_uids(const struct uidset *set, uint32_t first, uint32_t last)
{
	struct uid_iter it = {0};
	struct uid_range range;
	uint64_t count = 0;

	while (uidset_next_range(set, &it, UINT32_MAX, &range)) {
		if (range.first < first)
			range.first = first;
		if (range.last > last) /* told to be gone, and never was */
			range.last = last;
		if (range.first <= range.last)
			count += (uint64_t)range.last - range.first + 1;
	}
	return count;
}

/*
 * The count alone does not see that one message went and another one, which the server left out,
 * came. So every UID that was given out since the last pass has to be accounted for, too: it is
 * new, has a row (we sent it), or has vanished again. 1, 0, -1.
 */
static int news_add_up(struct looking *l, struct err *err)
{
	uint32_t then = l->box->row.watermark.uidnext;
	uint32_t now = imap_selected(l->w->imap)->uidnext;
	uint64_t rows;

	if (then == 0 || now <= then)
		return 1;
	if (count_rows_from(l, then, &rows, err) != 0)
		return -1;
	return rows + count_uids(&l->look->new_there, then, now - 1) +
		       count_uids(&l->w->vanished, then, now - 1) >=
	       now - then;
}

/* The counts disagree: which messages are there? Flag changes found so far stay. */
static int look_again(struct looking *l, struct err *err)
{
	struct uidset rows = {0};
	size_t kept = 0;
	int rc = -1;

	for (size_t i = 0; i < l->look->there_count; i++)
		if (l->look->there[i].kind != CHANGE_GONE)
			l->look->there[kept++] = l->look->there[i];
	l->look->there_count = kept;
	l->look->truncated = kept == look_most(); /* of what counted as gone nothing was left out */
	if (imap_noop(l->w->imap, err) != 0 || search_all(l, false, err) != 0 ||
		all_rows(l, &rows, err) != 0)
		goto out;
	uidset_clear(&l->look->new_there);
	uidset_union(&l->look->new_there, &l->seen);
	uidset_subtract(&l->look->new_there, &rows);
	l->look->there_complete = all_seen(l);
	rc = l->look->there_complete ? find_gone(l, err) : look_plain(l, RUNG_PLAIN, false, err);
out:
	uidset_fini(&rows);
	return rc;
}

/* As list_flags(), by CONDSTORE if QRESYNC was expected and is not on after all. */
static int list_changes(struct looking *l, enum rung rung, bool begun, struct err *err)
{
	forget_listed(l);
	int rc = list_flags(l, rung, begun, err);
	if (rung != RUNG_QRESYNC || imap_qresync(l->w->imap))
		return rc;
	uidset_clear(&l->w->vanished); /* what is said so means nothing */
	if (rc == 0 || err->kind != ERR_SERVER_NO)
		return rc;
	log_info("%s: the server announces QRESYNC and refuses it", l->box->name);
	err_clear(err);
	forget_listed(l);
	return list_flags(l, RUNG_CONDSTORE, false, err);
}

static int look_changes(struct looking *l, enum rung rung, bool begun, struct err *err)
{
	uint64_t gone;

	if (list_changes(l, rung, begun, err) != 0) {
		if (err->kind != ERR_SERVER_NO)
			return -1;
		log_info("%s: the server announces CONDSTORE and refuses it: everything is listed",
			l->box->name);
		err_clear(err);
		return look_plain(l, RUNG_PLAIN, false, err);
	}
	if (find_vanished(l, &gone, err) != 0)
		return -1;
	int accounted = news_add_up(l, err);
	if (accounted < 0)
		return -1;
	l->look->there_complete =
		accounted && adds_up(l, l->known - gone + uidset_size(&l->look->new_there));
	return l->look->there_complete ? 0 : look_again(l, err);
}

/* ---- the result ---- */

/* By UID; of several about one message what is newer, and that it is gone before all, comes last.
 */
static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;

	if (x->uid != y->uid)
		return x->uid < y->uid ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind == CHANGE_GONE ? 1 : -1;
	return (x->modseq > y->modseq) - (x->modseq < y->modseq);
}

/* A server may list a message twice, and in any order: sort, the last word about a message counts.
 */
static void sort_changes(struct look *look)
{
	size_t kept = 0;
	if (look->there_count > 0)
		qsort(look->there, look->there_count, sizeof(*look->there), compare_changes);
	for (size_t i = 0; i < look->there_count; i++) {
		if (kept > 0 && look->there[kept - 1].uid == look->there[i].uid)
			kept--;
		look->there[kept++] = look->there[i];
	}
	look->there_count = kept;
}

int look_there(struct worker *w, struct box *box, struct look *look, struct err *err)
{
	static const struct flags none = {0};
	struct looking l = {.w = w, .box = box, .look = look};
	uint64_t here;

	l.mask = plan_flags_carried(&w->pass->policy, SIDE_THERE, box->mask_there);
	int rc = -1;

	if (w->pass->state && state_read_begin(w->pass->state, &l.read, err) != 0)
		return -1;
	if (state_count_messages(l.read, box->row.id, &l.known, &here, err) != 0)
		goto out;
	l.may_lack =
		l.known > 0 || (here > 0 && plan_carries_kept(&w->pass->policy, SIDE_THERE, &none));
	if (box->lost == SIDE_THERE) { /* proven by the survey: nothing is there */
		look->there_complete = true;
		rc = find_gone(&l, err);
		goto out;
	}
	bool begun = ahead_serves(w, box);
	enum rung rung = begun ? (enum rung)w->ahead.rung : ahead_choose(w, box, l.known + here);
	w->ahead.listing = false;
	log_debug(LOG_SYNC, "listing the server by %s", rung_name(rung));
	rc = rung == RUNG_PLAIN || rung == RUNG_UNKNOWN ? look_plain(&l, rung, begun, err)
							: look_changes(&l, rung, begun, err);
	sort_changes(look);
out:
	state_read_end(l.read);
	uidset_fini(&l.seen);
	return rc;
}

void look_fini(struct look *look)
{
	uidset_fini(&look->new_there);
	free(look->there);
	free(look->here);
	free(look->new_here);
	*look = (struct look){0};
}

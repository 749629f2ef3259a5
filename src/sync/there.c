/*
 * What changed on the server. This is the plain rung: every UID with its flags is listed, streamed
 * past the state; in memory stay only the ranges of UIDs seen and what differs. Absence counts only
 * if as many messages were listed as the mailbox holds (I3).
 */
#include <stdlib.h>

#include "base/log.h"
#include "sync/pass.h"

#define RENEW_ROWS 2000 /* rows a read snapshot is held for */

struct looking {
	struct worker *w;
	struct box *box;
	struct look *look;
	struct state_read *read; /* NULL: no state */
	struct uidset seen;
	unsigned since_renew;
};

static int renew(struct looking *l, struct err *err)
{
	if (++l->since_renew < RENEW_ROWS || !l->read)
		return 0;
	l->since_renew = 0;
	return state_read_renew(l->read, err);
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
		.alone = !(row->where & STATE_HERE),
	};
	return change;
}

/* `plan` shows everything at once, a pass goes on in the next round. */
static bool full(struct looking *l)
{
	if (l->look->there_count < LOOK_CHANGES || l->w->pass->options->plan)
		return false;
	l->look->truncated = true;
	return true;
}

/* One message that the server lists. */
static int compare(struct looking *l, const struct imap_message *m, struct err *err)
{
	struct state_message row;
	int rc = renew(l, err) != 0 ? -1
				    : state_get_message(l->read, l->box->row.id, m->uid, &row, err);

	if (rc < 0)
		return -1;
	uidset_add(&l->seen, m->uid);
	if (rc == 0 || (row.where & STATE_REFUSED && l->w->pass->policy.retry)) {
		uidset_add(&l->look->new_there, m->uid);
		return 0;
	}
	if (!m->has_flags || uidset_contains(&l->box->delete_there, m->uid))
		return 0;
	struct flags diff = flags_xor(&m->flags, &row.flags);
	diff = flags_and(&diff, &l->box->mask_there);
	if (!flags_empty(&diff) && !full(l)) {
		struct change *change = add_change(l, &row, CHANGE_FLAGS);
		change->flags = m->flags;
		change->modseq = m->modseq;
	}
	return 0;
}

static int list_flags(struct looking *l, struct err *err)
{
	struct imap_fetch_request request = {.flags = true};
	struct imap_message m;
	enum imap_fetch_event event;

	uidset_clear(&l->seen);
	uidset_clear(&l->look->new_there);
	l->look->there_count = 0;
	if (imap_fetch_begin(l->w->imap, &request, err) != 0)
		return -1;
	while ((event = imap_fetch_next(l->w->imap, &m, err)) > 0)
		if (event == IMAP_FETCH_MESSAGE && compare(l, &m, err) != 0)
			return -1;
	return event == IMAP_FETCH_END ? 0 : -1;
}

/* Nothing is known of this mailbox yet: the UIDs will do, flags come with the messages. */
static int list_uids(struct looking *l, struct err *err)
{
	uidset_clear(&l->seen);
	uidset_clear(&l->look->new_there);
	if (imap_search_all(l->w->imap, &l->seen, err) != 0)
		return -1;
	uidset_union(&l->look->new_there, &l->seen);
	return 0;
}

static int list(struct looking *l, bool known, struct err *err)
{
	if (imap_selected(l->w->imap)->exists == 0) {
		uidset_clear(&l->seen);
		uidset_clear(&l->look->new_there);
		l->look->there_count = 0;
		return 0;
	}
	return known ? list_flags(l, err) : list_uids(l, err);
}

/* Rows that the server does not show any more, behind the flag changes found so far. */
static int find_gone(struct looking *l, struct err *err)
{
	struct state_message row;
	uint32_t uid = 0;
	int rc;

	while ((rc = state_next_message(l->read, l->box->row.id, uid, &row, err)) == 1) {
		uid = row.uid;
		if (row.where & STATE_THERE && !uidset_contains(&l->seen, uid) &&
			!uidset_contains(&l->box->delete_here, uid)) {
			if (full(l))
				return 0;
			add_change(l, &row, CHANGE_GONE);
		}
		if (uid++ == UINT32_MAX)
			break;
		if (renew(l, err) != 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

static int compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
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

static int any_row(struct looking *l, struct err *err)
{
	struct state_message row;
	return state_next_message(l->read, l->box->row.id, 0, &row, err);
}

int look_there(struct worker *w, struct box *box, struct look *look, struct err *err)
{
	struct looking l = {.w = w, .box = box, .look = look};
	int known, rc = -1;

	if (w->pass->state && state_read_begin(w->pass->state, &l.read, err) != 0)
		return -1;
	known = any_row(&l, err);
	if (known < 0 || list(&l, known, err) != 0)
		goto out;
	if (uidset_size(&l.seen) != imap_selected(w->imap)->exists) {
		/* Something came or went meanwhile: listen, and list once more. */
		if (imap_noop(w->imap, err) != 0 || list(&l, known, err) != 0)
			goto out;
	}
	look->there_complete = uidset_size(&l.seen) == imap_selected(w->imap)->exists;
	if (!look->there_complete)
		log_warn("the server lists %llu messages and says that it holds %u: nothing is "
			 "deleted here in this pass",
			(unsigned long long)uidset_size(&l.seen), imap_selected(w->imap)->exists);
	else if (known && find_gone(&l, err) != 0)
		goto out;
	sort_changes(look);
	rc = 0;
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

/*
 * Downloads: body, flags and date of many messages in one stream of pipelined FETCHes, each body
 * straight from the connection's buffer into tmp/. The settler does the rest. A message that the
 * server answers with OK but without its body is not gone: it is asked for once more by itself, and
 * then noted as refused if the server still lists it.
 *
 * A mailbox with very many new messages is shared out (share.c): once one connection is at it for a
 * while, those that have nothing to do ask it for parts. Many servers limit what a connection
 * brings, not what a user gets; and a long line that loses packets does the same.
 *
 * A server that says "later" gets its time. If it says so again and again about the same few
 * messages, these failed in this pass, and the others come.
 */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "sync/pass.h"

struct pulling {
	struct worker *w;
	struct box *box;
	struct uidset missing;        /* asked for, not here yet */
	struct uidset *got;           /* instead of that: everything is wanted, this is here */
	struct uidset untold;         /* came without its flags */
	char base[MAILDIR_BASE_SIZE]; /* of the message on its way */
	bool open;                    /* a delivery has begun */
	bool sure;                    /* what is asked for was there a moment ago */
	struct err refusal;           /* what the server said to a FETCH, if anything */
	bool patient;                 /* a refusal for now ends the fetch: it is repeated later */
	struct share *share;          /* others help, or are helped; NULL: not, or not yet */
	struct share own;             /* the one that is opened here */
	int64_t share_from;           /* clock_ms(): when it is; 0: never */
};

static int receive_body(struct pulling *p, struct err *err)
{
	struct worker *w = p->w;
	struct slice data;
	int rc;

	maildir_fresh_base(p->base);
	if (maildir_delivery_begin(w->delivery, p->box->maildir, p->base, err) != 0)
		return -1;
	p->open = true;
	while ((rc = imap_fetch_read(w->imap, &data, err)) == 1) {
		if (maildir_delivery_write(w->delivery, data.p, data.n, err) != 0)
			return -1;
		report_advance(w->pass->report, w->number, 0, data.n);
	}
	return rc;
}

static void drop_delivery(struct pulling *p)
{
	if (p->open)
		maildir_delivery_abort(p->w->delivery);
	p->open = false;
}

/* Give the message its row and hand it to the settler. */
static int deliver(struct pulling *p, const struct imap_message *m, struct err *err)
{
	struct pass *pass = p->w->pass;
	struct maildir_delivered delivered;
	char path[ROW_FILE_SIZE];
	int64_t date = m->has_date ? m->date : (int64_t)time(NULL);
	struct state_message row = {
		.uid = m->uid, .where = STATE_THERE | STATE_HERE, .flags = m->flags, .date = date};

	if (maildir_letters_add(p->box->maildir, &m->flags, NULL, err) != 0)
		return -1;
	if (maildir_delivery_end(p->w->delivery, date, &delivered, err) != 0)
		return -1;
	if (maildir_filename(p->box->maildir, slice_str(p->base), flags_empty(&m->flags),
		    (struct slice){0}, &m->flags, path, sizeof(path)) == 0)
		return err_set(
			err, ERR_DISK, "the file name of message %u would be too long", m->uid);
	row_set_file(&row, path);
	row.size = delivered.wire_size;
	row.header = delivered.header;
	row.content = delivered.content;
	uidset_remove(&p->missing, m->uid);
	if (p->got)
		uidset_add(p->got, m->uid);
	if (!m->has_flags)
		uidset_add(&p->untold, m->uid);
	atomic_fetch_add(&pass->report->totals.fetched, 1);
	atomic_fetch_add(&pass->report->totals.fetched_bytes, delivered.wire_size);
	report_advance(pass->report, p->w->number, 1, 0);
	if (pass->policy.retry && settle_not_pending(pass->settler, p->box->row.id,
					  STATE_PENDING_FETCH, m->uid, (struct slice){0}, err) != 0)
		return -1;
	maildir_delivery_hand_over(p->w->delivery);
	p->open = false;
	return settle_arrival(pass->settler, p->box->row.id, p->box->maildir, &row, err);
}

static bool is_wanted(const struct pulling *p, uint32_t uid)
{
	return p->got ? !uidset_contains(p->got, uid) : uidset_contains(&p->missing, uid);
}

/* Courier answers for a message that another session has removed, until the next NOOP, with one
 * that it makes up ("message unavailable") and that has this size. */
#define MADE_UP_SIZE 129

static bool may_be_made_up(const struct pulling *p, const struct imap_message *m)
{
	return !p->sure && m->body_size == MADE_UP_SIZE;
}

/* A body that nobody asked for, or one that came twice, is dropped: nothing is doubled. One that
 * may be made up is asked for again. */
static int take(struct pulling *p, const struct imap_message *m, struct err *err)
{
	if (!p->open)
		return 0;
	if (m->uid == 0 || !m->has_body || !is_wanted(p, m->uid) || may_be_made_up(p, m)) {
		drop_delivery(p);
		return 0;
	}
	return deliver(p, m, err);
}

#define SHARE_FIRST 1000    /* messages not asked for that make sharing worth a login or two */
#define SHARE_LEAST 50      /* a part, at least */
#define SHARE_AFTER_MS 1000 /* a line that brings all so soon needs no help */

bool is_shareable(const struct pass *pass, const struct box *box)
{
	return !pass->options->plan && box->there && box->status.known &&
	       box->status.messages >= box->row.watermark.messages + (uint64_t)SHARE_FIRST;
}

/* Between two messages: is it time for help, or does a helper wait? */
static void give_away(struct pulling *p)
{
	struct uidset part = {0};

	if (p->share_from != 0 && clock_ms() >= p->share_from) {
		p->share_from = 0;
		if (imap_fetch_ahead(p->w->imap) >= SHARE_FIRST) {
			p->share = &p->own;
			share_open(p->share, &p->w->pass->pool, p->box);
		}
	}
	if (!p->share || !share_wants(p->share))
		return;
	imap_fetch_give_up(p->w->imap, SHARE_LEAST, &part);
	if (!uidset_empty(&part)) {
		uidset_subtract(&p->missing, &part);
		report_give_away(p->w->pass->report, p->w->number, uidset_size(&part));
		share_give(p->share, &part);
	}
	uidset_fini(&part);
}

/* Take what the fetch that has begun brings. What the server refuses stays missing; -1 only if the
 * connection or the disk failed. */
static int receive(struct pulling *p, struct err *err)
{
	struct imap_message m;
	enum imap_fetch_event event;
	bool local = false;

	while ((event = imap_fetch_next(p->w->imap, &m, err)) > 0) {
		int rc = event == IMAP_FETCH_BODY ? receive_body(p, err) : take(p, &m, err);
		if (rc != 0) {
			local = true;
			break;
		}
		if (event == IMAP_FETCH_MESSAGE)
			give_away(p);
	}
	drop_delivery(p);
	if (event == IMAP_FETCH_END)
		return 0;
	if (local) {
		worker_disconnect(p->w); /* in the middle of an answer */
		return -1;
	}
	bool stubborn = err->kind == ERR_SERVER_BUSY && imap_is_alive(p->w->imap) &&
			err->wait_ms == 0 && !p->patient;
	if (err->kind != ERR_SERVER_NO && !stubborn)
		return -1;
	p->refusal = *err;
	err_clear(err);
	return 0;
}

/* One fetch of all that is missing. */
static int fetch(struct pulling *p, unsigned batch, struct err *err)
{
	struct uidset asked = {0};
	struct imap_fetch_request request = {
		.uids = &asked, .flags = true, .date = true, .body = true, .batch = batch};

	uidset_copy(&asked, &p->missing);
	int rc = imap_fetch_begin(p->w->imap, &request, err);
	uidset_fini(&asked);
	return rc == 0 ? receive(p, err) : -1;
}

/* The parts that others leave, one by one; the first is that which P has now. What the server did
 * not send is missing in the end. */
static int fetch_parts(struct pulling *p, bool owner, struct err *err)
{
	int rc;

	do {
		report_begin(p->w->pass->report, p->w->number, p->box->name, "fetching",
			uidset_size(&p->missing), 0);
		rc = fetch(p, 0, err);
		share_return(p->share, &p->missing, rc == 0);
	} while (rc == 0 && share_take(p->share, owner, &p->missing));
	return rc;
}

int carry_share(struct worker *w, struct share *share, struct err *err)
{
	struct pulling p = {.w = w, .box = share->box, .patient = true, .share = share};
	int rc = 0;

	if (share_take(share, false, &p.missing)) {
		/* Anew: so that it is the mailbox that the owner has selected. */
		rc = worker_compress(w, share->box, err);
		if (rc == 0)
			rc = worker_select_anew(w, share->box, err);
		if (rc == 0)
			rc = fetch_parts(&p, false, err);
		else
			share_return(share, &p.missing, false);
	}
	share_untold(share, &p.untold);
	uidset_fini(&p.missing);
	uidset_fini(&p.untold);
	return rc;
}

/* All that is missing, with the help of others if it is much. */
static int fetch_shared(struct pulling *p, struct err *err)
{
	p->share_from = clock_ms() + SHARE_AFTER_MS;
	int rc = fetch(p, 0, err);
	p->share_from = 0;
	if (!p->share)
		return rc;
	share_return(p->share, &p->missing, rc == 0);
	if (rc == 0 && share_take(p->share, true, &p->missing))
		rc = fetch_parts(p, true, err);
	share_close(p->share, &p->missing, &p->untold);
	p->share = NULL;
	return rc;
}

int carry_ahead(struct worker *w, struct box *box, bool *all, struct err *err)
{
	struct uidset got = {0};
	struct pulling p = {.w = w, .box = box, .got = &got};

	report_begin(w->pass->report, w->number, box->name, "fetching",
		imap_selected(w->imap)->exists, 0);
	int rc = receive(&p, err);
	*all = rc == 0 && p.refusal.kind == ERR_NONE && uidset_empty(&p.untold) &&
	       uidset_size(&got) == imap_selected(w->imap)->exists;
	uidset_fini(&got);
	uidset_fini(&p.untold);
	return rc;
}

static int note_refused(struct pulling *p, const struct imap_message *m, struct err *err)
{
	struct pass *pass = p->w->pass;
	struct state_message row = {.uid = m->uid,
		.where = STATE_THERE | STATE_REFUSED,
		.flags = m->flags,
		.size = m->size,
		.date = m->date};
	struct err why = p->refusal;

	if (why.kind == ERR_NONE)
		err_set(&why, ERR_SERVER_NO,
			"the server answers OK, but does not send the message");
	struct state_pending pending = {.kind = STATE_PENDING_FETCH,
		.uid = m->uid,
		.reason = slice_str(why.msg),
		.size = m->size};
	pass_failed(pass, p->box, m->uid, NULL, &why);
	if (why.kind == ERR_SERVER_BUSY) { /* the next pass asks again */
		p->box->incomplete = true;
		return 0;
	}
	if (settle_message(pass->settler, p->box->row.id, NULL, &row, err) != 0)
		return -1;
	return settle_pending(pass->settler, p->box->row.id, &pending, err);
}

/* Which of the missing does the server still list? Those are refused; the others went away
 * meanwhile. */
static int ask_after(struct pulling *p, struct err *err)
{
	struct imap_fetch_request request = {
		.uids = &p->missing, .flags = true, .date = true, .size = true};
	struct imap_message m;
	enum imap_fetch_event event;

	if (imap_noop(p->w->imap, err) != 0 || imap_fetch_begin(p->w->imap, &request, err) != 0)
		return -1;
	while ((event = imap_fetch_next(p->w->imap, &m, err)) > 0)
		if (event == IMAP_FETCH_MESSAGE && note_refused(p, &m, err) != 0)
			return -1;
	return event == IMAP_FETCH_END ? 0 : -1;
}

/*
 * A server may send the flags in a response of their own. They did not change since the listing
 * from which the next pass goes on, so that nobody would ever ask for them again.
 */
static int fetch_flags(struct pulling *p, struct err *err)
{
	struct worker *w = p->w;
	struct imap_fetch_request request = {.uids = &p->untold, .flags = true};
	size_t count = 0, most = uidset_size(&p->untold);
	struct op *ops = arena_zalloc(&w->arena, most * sizeof(*ops));
	struct imap_message m;
	enum imap_fetch_event event;

	/* Their rows tell where the files are. */
	if (settler_flush(w->pass->settler, err) != 0 ||
		imap_fetch_begin(w->imap, &request, err) != 0)
		return -1;
	while ((event = imap_fetch_next(w->imap, &m, err)) > 0)
		if (event == IMAP_FETCH_MESSAGE && uidset_contains(&p->untold, m.uid)) {
			uidset_remove(&p->untold, m.uid);
			if (flags_empty(&m.flags))
				continue;
			ops[count++] = (struct op){.kind = OP_FLAGS_HERE,
				.uid = m.uid,
				.change = m.flags,
				.flags = m.flags};
		}
	if (event != IMAP_FETCH_END)
		return -1;
	return carry_flags_here(w, p->box, ops, count, err);
}

#define SINGLE_MOST                                                                                \
	200 /* messages that are asked for one by one after the server refused them in a batch */
#define STUBBORN_MOST 20 /* messages of which we say that the server does not give them now */

/* What did not come, or is not believed, once more: behind a NOOP, after which the server speaks of
 * no message that is gone. */
static int fetch_again(struct pulling *p, struct err *err)
{
	p->sure = true;
	if (imap_noop(p->w->imap, err) != 0)
		return -1;
	return fetch(p, uidset_size(&p->missing) <= SINGLE_MOST ? 1 : 0, err);
}

int carry_fetches(
	struct worker *w, struct box *box, const struct op *ops, size_t count, struct err *err)
{
	struct pulling p = {.w = w, .box = box, .patient = !box->patience.troubled};
	int rc;

	for (size_t i = 0; i < count; i++)
		uidset_add(&p.missing, ops[i].uid);
	report_begin(w->pass->report, w->number, box->name, "fetching", count, 0);
	rc = fetch_shared(&p, err);
	if (rc == 0 && !uidset_empty(&p.missing))
		rc = fetch_again(&p, err);
	if (rc == 0 && p.refusal.kind == ERR_SERVER_BUSY &&
		uidset_size(&p.missing) > STUBBORN_MOST) {
		*err = p.refusal;
		rc = -1;
	}
	if (rc == 0 && !uidset_empty(&p.missing))
		rc = ask_after(&p, err);
	bool untold = !uidset_empty(&p.untold);
	if (rc == 0 && untold)
		rc = fetch_flags(&p, err);
	box->incomplete |= rc != 0 && untold; /* nobody else would ask for them */
	uidset_fini(&p.missing);
	uidset_fini(&p.untold);
	return rc;
}

/*
 * Uploads, in groups of GROUP files: read each file once for its facts, commit an `upload` row for
 * all of them, then send the APPENDs in one stream. Killed in between, the next pass finds the
 * rows, pairs the files with what arrived on the server, and sends only what is proven not to be
 * there.
 *
 * Two groups are on their way: while the server works on one, the next is read, committed and sent
 * behind it; only then the answers about the first are collected. No file is open meanwhile: it is
 * opened again to be sent, and must be the same.
 *
 * With MULTIAPPEND a group goes in a few commands, each of which stores all its messages or none,
 * says RFC 3502. Stalwart says NO when its quota is full and keeps those that still fitted. So what
 * was refused as a whole is sent again only by the next round: it looks at the mailbox anew, pairs
 * what is there, and the rest goes message by message.
 *
 * An answered APPEND is never sent again. Its UID comes with the answer (UIDPLUS); else the next
 * look finds the message as new there and pairs it with the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/uploads.h"

#define JOINED_BYTES (4u << 20) /* messages that go in one command: if one is refused, all are */

static struct slice base_of(const struct op *op)
{
	return slice_str(op->from_here->base);
}

/* FOR_NOW: nothing is wrong with the message itself. */
static int refused(struct pushing *p, const struct sending *s, const struct err *why, bool for_now,
	struct err *err)
{
	struct pass *pass = p->w->pass;
	struct state_pending pending = {.kind = STATE_PENDING_APPEND,
		.base = base_of(s->op),
		.size = s->facts.wire_size,
		.for_now = for_now};
	char reason[1100];
	uint64_t size;

	if (maildir_file_stat(p->box->maildir, s->op->name, &size, &pending.stamp, err) != 0)
		err_clear(err); /* gone meanwhile: so will be what is noted here */
	pending.reason = slice_str(err_line(why, reason, sizeof(reason)));
	p->box->incomplete |= for_now;
	pass_failed(pass, p->box, 0, s->op->name, why);
	if (settle_upload_gone(pass->settler, p->box->row.id, base_of(s->op), NULL, err) != 0)
		return -1;
	return settle_pending(pass->settler, p->box->row.id, &pending, err);
}

/* A file that we may not read is trouble of this message, not of the disk. */
static int unreadable(struct pushing *p, const struct sending *s, struct err *err)
{
	struct err why = *err;

	why.kind = ERR_CONFLICT;
	err_clear(err);
	return refused(p, s, &why, true, err);
}

/* Messages from this size on have no room any more: they are not sent just to hear it again. */
static void note_over_quota(struct pass *pass, uint64_t size)
{
	uint64_t known = atomic_load(&pass->over_quota);

	while ((known == 0 || size < known) &&
		!atomic_compare_exchange_weak(&pass->over_quota, &known, size))
		;
}

static bool is_over_quota(struct pass *pass, uint64_t size)
{
	uint64_t known = atomic_load(&pass->over_quota);

	return known != 0 && size >= known;
}

/* A reader renamed or removed the file: the next look will tell. */
static void went_away(struct pushing *p, struct sending *s, struct err *err)
{
	log_debug(LOG_SYNC, "%s: %s; looking again", s->op->name, err->msg);
	err_clear(err);
	maildir_reader_close(s->reader);
	s->reader = NULL;
	p->box->incomplete = true;
	*p->again = true;
}

/* Read one file for its facts and note that it is about to be sent. */
static int prepare(struct pushing *p, struct sending *s, struct err *err)
{
	const struct imap_mailbox *selected = imap_selected(p->w->imap);

	if (maildir_reader_open(&s->reader, p->box->maildir, s->op->name, &s->facts, err) != 0) {
		s->reader = NULL;
		if (err->sys == EACCES)
			return unreadable(p, s, err);
		if (err->sys != ENOENT && err->kind != ERR_CONFLICT)
			return -1;
		went_away(p, s, err);
		return 0;
	}
	maildir_reader_rest(&s->reader);
	if (is_over_quota(p->w->pass, s->facts.wire_size)) {
		struct err why = {0};
		err_set(&why, ERR_SERVER_NO, "the server has no room for the message (%llu bytes)",
			(unsigned long long)s->facts.wire_size);
		maildir_reader_close(s->reader);
		s->reader = NULL;
		return refused(p, s, &why, true, err);
	}
	s->uidnext_before = selected ? selected->uidnext : 0;
	struct state_upload upload = {
		.base = base_of(s->op),
		.content = s->facts.content,
		.header = s->facts.header,
		.size = s->facts.wire_size,
		.date = s->facts.date,
		.uidnext_before = s->uidnext_before,
	};
	return settle_upload(p->w->pass->settler, p->box->row.id, &upload, err);
}

/* Open the file again. 1; 0: it went away, or may not be read any more (which the next look tells),
 * and was not sent; -1. */
static int wake(struct pushing *p, struct sending *s, struct err *err)
{
	if (maildir_reader_wake(&s->reader, p->box->maildir, s->op->name, err) == 0)
		return 1;
	if (err->sys != ENOENT && err->sys != EACCES && err->kind != ERR_CONFLICT)
		return -1;
	went_away(p, s, err);
	return settle_upload_gone(p->w->pass->settler, p->box->row.id, base_of(s->op), NULL, err);
}

static int stream(struct pushing *p, struct sending *s, struct err *err)
{
	struct slice data;
	int rc;

	while ((rc = maildir_reader_next(s->reader, &data, err)) == 1) {
		if (imap_append_data(p->w->imap, data.p, data.n, err) != 0)
			return -1;
		report_advance(p->w->pass->report, p->w->number, 0, data.n);
	}
	maildir_reader_close(s->reader);
	s->reader = NULL;
	if (rc == 0)
		return 0;
	/*
	 * The file changed under our hands in the middle of a literal: only closing the connection
	 * keeps the server from storing a torn message. The mailbox is taken again on a new one.
	 */
	if (err->kind == ERR_CONFLICT)
		err_set(err, ERR_NET, "%s changed while it was sent", s->op->name);
	worker_disconnect(p->w);
	return -1;
}

/* The server refused it before it was sent. */
static int leave_unsent(struct sending *s)
{
	maildir_reader_close(s->reader);
	s->reader = NULL;
	return 0;
}

static int send_one(struct pushing *p, struct sending *s, struct err *err)
{
	struct flags flags = push_flags_sent(p, s);
	int rc = imap_append_begin(p->w->imap, p->box->wire, &flags, s->facts.date,
		s->facts.wire_size, &s->ticket, err);

	if (rc < 0)
		return -1;
	s->sent = true;
	s->joined = 1;
	if (rc == 1)
		return leave_unsent(s);
	return stream(p, s, err) != 0 ? -1 : imap_append_end(p->w->imap, err);
}

/* How many of COUNT files from FIRST on go in one command. */
static size_t count_joined(const struct pushing *p, const struct sending *first, size_t count)
{
	uint64_t bytes = 0;
	size_t n = 0;

	for (; n < count && !p->box->alone; n++) {
		const struct sending *s = &first[n];
		if (!s->reader || !imap_append_joins(p->w->imap, s->facts.wire_size))
			break;
		bytes += s->facts.wire_size;
		if (n > 0 && bytes > JOINED_BYTES)
			break;
	}
	return n;
}

/*
 * N files from FIRST on, n > 1, in one command: all are stored or none (MULTIAPPEND). FIRST is
 * awake; if another one went away, the command ends before it. The rest stands alone.
 */
static int send_joined(struct pushing *p, struct sending *first, size_t n, struct err *err)
{
	struct imap *imap = p->w->imap;
	struct flags flags = push_flags_sent(p, first);
	int rc = imap_append_begin(imap, p->box->wire, &flags, first->facts.date,
		first->facts.wire_size, &first->ticket, err);

	if (rc < 0)
		return -1;
	first->sent = true;
	first->joined = 1;
	if (rc == 1)
		return leave_unsent(first);
	rc = stream(p, first, err);
	while (rc == 0 && first->joined < n) {
		struct sending *s = &first[first->joined];
		int awake = wake(p, s, err);
		if (awake < 0) {
			/* In the middle of a command: the server would wait for its end, and we for
			 * the answer. */
			worker_disconnect(p->w);
			return -1;
		}
		if (awake == 0)
			break;
		flags = push_flags_sent(p, s);
		rc = imap_append_more(imap, &flags, s->facts.date, s->facts.wire_size, err);
		if (rc == 0)
			rc = stream(p, s, err);
		first->joined++;
	}
	return rc == 0 ? imap_append_end(imap, err) : -1;
}

static int row_for(struct pushing *p, const struct sending *s, uint32_t uid, struct err *err)
{
	struct pass *pass = p->w->pass;
	struct state_message row = {
		.uid = uid,
		.where = STATE_THERE | STATE_HERE,
		.flags = s->op->flags,
		.size = s->facts.wire_size,
		.date = s->facts.date,
		.header = s->facts.header,
		.content = s->facts.content,
	};
	row_set_file(&row, s->op->name);
	if ((pass->policy.retry || s->op->from_here->pending) &&
		settle_not_pending(pass->settler, p->box->row.id, STATE_PENDING_APPEND, 0,
			base_of(s->op), err) != 0)
		return -1;
	return settle_message(pass->settler, p->box->row.id, p->box->maildir, &row, err);
}

/* OK, but we were not told the UID: remember that it was answered, and let pairing find it. */
static int answered(struct pushing *p, const struct sending *s, struct err *err)
{
	struct state_upload upload = {
		.base = base_of(s->op),
		.content = s->facts.content,
		.header = s->facts.header,
		.size = s->facts.wire_size,
		.date = s->facts.date,
		.uidnext_before = s->uidnext_before,
		.answered = true,
	};
	*p->again = true;
	return settle_upload(p->w->pass->settler, p->box->row.id, &upload, err);
}

/* The server has the message, under UID if it told. */
static int stored(struct pushing *p, struct sending *s, uint32_t uid, struct err *err)
{
	struct report_totals *totals = &p->w->pass->report->totals;

	s->uid = uid;
	if (uid != 0)
		uidset_add(&p->box->sent, uid);
	atomic_fetch_add(&totals->appended, 1);
	atomic_fetch_add(&totals->appended_bytes, s->facts.wire_size);
	report_advance(p->w->pass->report, p->w->number, 1, 0);
	return uid != 0 ? row_for(p, s, uid, err) : answered(p, s, err);
}

static int collect(struct pushing *p, struct sending *s, struct err *err);

/* A message that went alone, once more: the server says that it is its own fault. */
static int send_again(struct pushing *p, struct sending *s, struct err *err)
{
	maildir_reader_close(s->reader);
	s->reader = NULL;
	s->again = true;
	if (prepare(p, s, err) != 0)
		return -1;
	if (s->reader && (settler_flush(p->w->pass->settler, err) != 0 || wake(p, s, err) < 0))
		return -1;
	return s->reader && (send_one(p, s, err) != 0 || collect(p, s, err) != 0) ? -1 : 0;
}

/* None of the messages in S's command is on its way any more: the next look tells what became of
 * them. */
static int let_go(struct pushing *p, const struct sending *s, struct err *err)
{
	for (size_t k = 0; k < s->joined; k++)
		if (settle_upload_gone(
			    p->w->pass->settler, p->box->row.id, base_of(s[k].op), NULL, err) != 0)
			return -1;
	return 0;
}

/* Which of them is it that the server does not want? */
static int take_apart(struct pushing *p, const struct sending *s, struct err *err)
{
	p->apart = p->box->alone = *p->again = true;
	return let_go(p, s, err);
}

/* Nothing is wrong with the messages: they are sent when the mailbox is taken again. */
static int postpone(struct pushing *p, const struct sending *s, const struct imap_result *result,
	struct err *err)
{
	err_set(&p->later, ERR_SERVER_BUSY, "the server takes no message now");
	err_server(&p->later, result->text, strlen(result->text));
	p->later.wait_ms = imap_suggested_wait_ms(result->words);
	return let_go(p, s, err);
}

static int collect(struct pushing *p, struct sending *s, struct err *err)
{
	struct imap_result result;
	struct err why = {0};

	if (imap_wait(p->w->imap, s->ticket, &result, err) != 0)
		return -1;
	if (imap_means_later(&result))
		return postpone(p, s, &result, err);
	if (!result.ok && s->joined > 1)
		return take_apart(p, s, err);
	if (!result.ok && result.code == IMAP_CODE_SERVERBUG && !s->again)
		return send_again(p, s, err);
	if (!result.ok) {
		bool full = result.code == IMAP_CODE_OVERQUOTA;
		if (full)
			note_over_quota(p->w->pass, s->facts.wire_size);
		err_set(&why, ERR_SERVER_NO, "the server refuses the message (%llu bytes)",
			(unsigned long long)s->facts.wire_size);
		err_server(&why, result.text, strlen(result.text));
		return refused(p, s, &why, full, err);
	}
	bool told = result.code == IMAP_CODE_APPENDUID && result.uid != 0 &&
		    result.uidvalidity == p->box->row.uidvalidity &&
		    result.uid_last - result.uid + 1 == s->joined;
	for (size_t k = 0; k < s->joined; k++)
		if (stored(p, &s[k], told ? result.uid + (uint32_t)k : 0, err) != 0)
			return -1;
	return 0;
}

static int send_group(struct pushing *p, struct group *g, struct err *err)
{
	for (size_t i = 0, n; i < g->count; i += n) {
		struct sending *s = &g->items[i];
		int rc = s->reader ? wake(p, s, err) : 0;
		n = 1;
		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		n = count_joined(p, s, g->count - i);
		if ((n > 1 ? send_joined(p, s, n, err) : send_one(p, s, err)) != 0)
			return -1;
		n = s->joined;
	}
	return 0;
}

static int collect_group(struct pushing *p, struct group *g, struct err *err)
{
	for (size_t i = 0, n; i < g->count; i += n) {
		struct sending *s = &g->items[i];
		n = s->joined > 1 ? s->joined : 1;
		if (s->sent && collect(p, s, err) != 0)
			return -1;
	}
	return 0;
}

/* Everything about G that can be done before the group before it is answered. */
static int begin_group(struct pushing *p, struct group *g, struct err *err)
{
	if (cancel_check(err) != 0)
		return -1;
	for (size_t i = 0; i < g->count; i++)
		if (prepare(p, &g->items[i], err) != 0)
			return -1;
	return settler_flush(p->w->pass->settler, err) != 0 || send_group(p, g, err) != 0 ? -1 : 0;
}

static int end_group(struct pushing *p, struct group *g, struct err *err)
{
	if (collect_group(p, g, err) != 0 || push_check_flags(p, g, err) != 0)
		return -1;
	g->count = 0;
	return 0;
}

/* The next files of OPS. */
static void fill_group(struct group *g, const struct op *ops, size_t count)
{
	g->count = count < GROUP ? count : GROUP;
	for (size_t i = 0; i < g->count; i++)
		g->items[i] = (struct sending){.op = &ops[i]};
}

static int push(struct pushing *p, const struct op *ops, size_t count, struct err *err)
{
	struct group *now = &p->groups[0], *before = &p->groups[1];

	for (size_t done = 0; done < count && p->later.kind == ERR_NONE; done += now->count) {
		struct group *empty = before;
		before = now;
		now = empty;
		fill_group(now, ops + done, count - done);
		if (begin_group(p, now, err) != 0 || end_group(p, before, err) != 0)
			return -1;
	}
	return end_group(p, now, err);
}

static void close_group(struct group *g)
{
	for (size_t i = 0; i < g->count; i++)
		maildir_reader_close(g->items[i].reader);
}

int carry_appends(struct worker *w, struct box *box, const struct op *ops, size_t count,
	bool *again, struct err *err)
{
	struct pushing *p = xcalloc(1, sizeof(*p));

	*p = (struct pushing){.w = w, .box = box, .again = again};
	report_begin(w->pass->report, w->number, box->name, "sending", count, 0);
	int rc = push(p, ops, count, err);
	if (rc == 0 && p->later.kind != ERR_NONE) {
		*err = p->later;
		rc = -1;
	}
	if (rc == 0 && p->apart) /* for a look that shows all that came */
		rc = worker_select_anew(w, box, err);
	close_group(&p->groups[0]);
	close_group(&p->groups[1]);
	free(p);
	return rc;
}

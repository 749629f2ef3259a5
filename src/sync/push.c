/*
 * Uploads, in groups of GROUP files: read each file once for its facts, commit an `upload` row for
 * all of them, then send the APPENDs in one stream and collect the answers. Killed in between, the
 * next pass finds the rows, pairs the files with what arrived on the server, and sends only what is
 * proven not to be there.
 *
 * An answered APPEND is never sent again. Its UID comes with the answer (UIDPLUS); else the next
 * look finds the message as new there and pairs it with the file.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/pass.h"

#define GROUP 64 /* files open at once, and APPENDs between two commits */

struct sending {
	const struct op *op;
	struct maildir_reader *reader; /* NULL: the file went away */
	struct maildir_facts facts;
	imap_ticket ticket;
	bool sent;
};

struct pushing {
	struct worker *w;
	struct box *box;
	struct sending group[GROUP];
	size_t count;
	bool *again;
};

static struct slice base_of(const struct op *op)
{
	return slice_str(op->from_here->base);
}

/* Open one file and note that it is about to be sent. */
static int prepare(struct pushing *p, struct sending *s, struct err *err)
{
	const struct imap_mailbox *selected = imap_selected(p->w->imap);

	if (maildir_reader_open(&s->reader, p->box->maildir, s->op->name, &s->facts, err) != 0) {
		s->reader = NULL;
		if (err->sys != ENOENT && err->kind != ERR_CONFLICT)
			return -1;
		log_debug(LOG_SYNC, "%s: %s; looking again", s->op->name, err->msg);
		/* A reader renamed or removed it: the next look will tell. */
		p->box->incomplete = true;
		*p->again = true;
		return 0;
	}
	struct state_upload upload = {
		.base = base_of(s->op),
		.content = s->facts.content,
		.header = s->facts.header,
		.size = s->facts.wire_size,
		.date = s->facts.date,
		.uidnext_before = selected ? selected->uidnext : 0,
	};
	return settle_upload(p->w->pass->settler, p->box->row.id, &upload, err);
}

static int refused(
	struct pushing *p, const struct sending *s, const struct err *why, struct err *err)
{
	struct pass *pass = p->w->pass;
	struct state_pending pending = {.kind = STATE_PENDING_APPEND,
		.base = base_of(s->op),
		.reason = slice_str(why->msg),
		.size = s->facts.wire_size};
	char reason[1100];

	pending.reason = slice_str(err_line(why, reason, sizeof(reason)));
	pass_failed(pass, p->box, 0, s->op->name, why);
	if (settle_upload_gone(pass->settler, p->box->row.id, base_of(s->op), err) != 0)
		return -1;
	return settle_pending(pass->settler, p->box->row.id, &pending, err);
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
	if (rc == 0)
		return imap_append_end(p->w->imap, err);
	/*
	 * The file changed under our hands in the middle of a literal: only closing the connection
	 * keeps the server from storing a torn message. The mailbox is taken again on a new one.
	 */
	if (err->kind == ERR_CONFLICT)
		err_set(err, ERR_NET, "%s changed while it was sent", s->op->name);
	worker_disconnect(p->w);
	return -1;
}

static int send_one(struct pushing *p, struct sending *s, struct err *err)
{
	struct flags flags = flags_and(&s->op->flags, &p->box->mask_there);
	int rc = imap_append_begin(p->w->imap, p->box->wire, &flags, s->facts.date,
		s->facts.wire_size, &s->ticket, err);

	if (rc < 0)
		return -1;
	s->sent = true;
	return rc == 1 ? 0 : stream(p, s, err);
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
	if (pass->policy.retry && settle_not_pending(pass->settler, p->box->row.id,
					  STATE_PENDING_APPEND, 0, base_of(s->op), err) != 0)
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
		.answered = true,
	};
	*p->again = true;
	return settle_upload(p->w->pass->settler, p->box->row.id, &upload, err);
}

static int collect(struct pushing *p, struct sending *s, struct err *err)
{
	struct report_totals *totals = &p->w->pass->report->totals;
	struct imap_result result;
	struct err why = {0};

	if (imap_wait(p->w->imap, s->ticket, &result, err) != 0)
		return -1;
	if (!result.ok) {
		err_set(&why, ERR_SERVER_NO, "the server refuses the message (%llu bytes)",
			(unsigned long long)s->facts.wire_size);
		err_server(&why, result.text, strlen(result.text));
		return refused(p, s, &why, err);
	}
	atomic_fetch_add(&totals->appended, 1);
	atomic_fetch_add(&totals->appended_bytes, s->facts.wire_size);
	report_advance(p->w->pass->report, p->w->number, 1, 0);
	if (result.code == IMAP_CODE_APPENDUID && result.uid != 0 &&
		result.uidvalidity == p->box->row.uidvalidity)
		return row_for(p, s, result.uid, err);
	return answered(p, s, err);
}

static int push_group(struct pushing *p, struct err *err)
{
	int rc = -1;

	for (size_t i = 0; i < p->count; i++)
		if (prepare(p, &p->group[i], err) != 0)
			goto out;
	if (settler_flush(p->w->pass->settler, err) != 0)
		goto out;
	for (size_t i = 0; i < p->count; i++)
		if (p->group[i].reader && send_one(p, &p->group[i], err) != 0)
			goto out;
	for (size_t i = 0; i < p->count; i++)
		if (p->group[i].sent && collect(p, &p->group[i], err) != 0)
			goto out;
	rc = 0;
out:
	for (size_t i = 0; i < p->count; i++)
		maildir_reader_close(p->group[i].reader);
	p->count = 0;
	return rc;
}

int carry_appends(struct worker *w, struct box *box, const struct op *ops, size_t count,
	bool *again, struct err *err)
{
	struct pushing *p = xcalloc(1, sizeof(*p));
	int rc = 0;

	*p = (struct pushing){.w = w, .box = box, .again = again};
	report_begin(w->pass->report, w->number, box->name, "sending", count, 0);
	for (size_t i = 0; rc == 0 && i < count; i++) {
		p->group[p->count++] = (struct sending){.op = &ops[i]};
		if (p->count == GROUP || i + 1 == count)
			rc = cancel_check(err) != 0 ? -1 : push_group(p, err);
	}
	free(p);
	return rc;
}

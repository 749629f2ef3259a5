/*
 * SELECT, EXAMINE, leaving a mailbox, and what the server tells about it without being asked.
 *
 * Sequence numbers are not kept: only counts. An EXPUNGE beyond the count changes nothing. An
 * EXISTS that goes down is taken as told, and so is a VANISHED of more messages than there are, but
 * neither is a way in which messages go: the count is not worth much then, and whoever deletes
 * because of absence must not rely on it (mailbox->doubtful).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "imap/command.h"
#include "imap/fetch.h"
#include "imap/search.h"
#include "imap/select.h"

static void take_exists(struct imap_mailbox *mailbox, uint32_t exists, bool selecting)
{
	if (exists > mailbox->exists)
		mailbox->arrived += exists - mailbox->exists;
	mailbox->doubtful |= exists < mailbox->exists && !selecting;
	mailbox->exists = exists;
}

static void take_expunged(struct imap_mailbox *mailbox, uint64_t count)
{
	uint32_t n = count < mailbox->exists ? (uint32_t)count : mailbox->exists;

	if (count > mailbox->exists)
		mailbox->doubtful = true;
	mailbox->exists -= n;
	mailbox->expunged += n;
}

static void take_expunged_number(struct imap_mailbox *mailbox, uint64_t number)
{
	if (number <= mailbox->exists)
		take_expunged(mailbox, 1);
	else
		mailbox->doubtful = true;
}

static uint64_t range_size(const struct response *response)
{
	uint64_t size = 0;

	for (size_t i = 0; i < response->range_count; i++)
		size += (uint64_t)response->ranges[i].last - response->ranges[i].first + 1;
	return size;
}

void select_take_data(struct imap *imap, const struct response *response)
{
	struct imap_mailbox *mailbox = &imap->mailbox;

	if (!imap->selected && !imap->selecting)
		return;
	if (response->kind == RESPONSE_EXISTS)
		take_exists(mailbox, response->number, imap->selecting);
	else if (response->kind == RESPONSE_EXPUNGE)
		take_expunged_number(mailbox, response->number);
	else if (response->kind == RESPONSE_VANISHED && !response->earlier)
		take_expunged(mailbox, range_size(response));
	else if (response->kind == RESPONSE_FLAGS)
		imap->defined = response->flags;
}

/* $Forwarded is a keyword on the wire: where new ones can be made, it can. */
static void take_permanent(struct imap *imap, const struct response_code *code)
{
	imap->permanent_known = true;
	imap->mailbox.permanent = code->flags;
	imap->mailbox.new_keywords = code->any_flag;
	if (code->any_flag)
		imap->mailbox.permanent.system |= FLAG_FORWARDED;
}

static void read_only(struct imap *imap)
{
	imap->mailbox.read_only = true;
	imap->mailbox.permanent = (struct flags){0};
	imap->mailbox.new_keywords = false;
}

/* One that does not fit is as good as none: half of it would stand for two mailboxes. */
static void take_object_id(struct imap_mailbox *mailbox, struct slice id)
{
	if (id.n < sizeof(mailbox->mailboxid))
		snprintf(mailbox->mailboxid, sizeof(mailbox->mailboxid), "%.*s", SLICE_ARG(id));
}

static void reset(struct imap *imap)
{
	imap->mailbox = (struct imap_mailbox){0};
	imap->defined = (struct flags){0};
	imap->permanent_known = false;
}

void select_take_code(struct imap *imap, const struct response_code *code)
{
	struct imap_mailbox *mailbox = &imap->mailbox;

	if (code->note == NOTE_PERMANENTFLAGS && imap->selected && !mailbox->read_only)
		take_permanent(imap, code);
	if (code->note == NOTE_READ_ONLY && imap->selected)
		read_only(imap);
	if (!imap->selecting)
		return;

	if (code->note == NOTE_CLOSED)
		reset(imap); /* what came before was about the mailbox we left */
	else if (code->note == NOTE_PERMANENTFLAGS)
		take_permanent(imap, code);
	else if (code->note == NOTE_READ_ONLY)
		mailbox->read_only = true;
	else if (code->note == NOTE_UIDVALIDITY)
		mailbox->uidvalidity = (uint32_t)code->number;
	else if (code->note == NOTE_UIDNEXT)
		mailbox->uidnext = (uint32_t)code->number;
	else if (code->note == NOTE_HIGHESTMODSEQ)
		mailbox->highestmodseq = code->number;
	else if (code->note == NOTE_MAILBOXID)
		take_object_id(mailbox, code->object_id);
	else if (code->note == NOTE_NOMODSEQ)
		mailbox->highestmodseq = 0;
}

/* The SELECT was answered with OK. */
static void settle(struct imap *imap, bool examine)
{
	imap->selected = imap->has_selected = true;
	imap->mailbox.arrived = imap->mailbox.expunged = 0;
	if (!imap->permanent_known) /* RFC 9051 7.1: then all that are defined can be changed */
		imap->mailbox.permanent = imap->defined;
	if (examine || imap->mailbox.read_only)
		read_only(imap);
}

static int send_select(
	struct imap *imap, struct slice wire, bool examine, imap_ticket *ticket, struct err *err)
{
	*ticket = command_ticket(imap, examine ? "EXAMINE" : "SELECT", TICKET_PLAIN);
	if (command_begin(imap, *ticket, err) < 0)
		return -1;
	command_text(imap, examine ? "EXAMINE " : "SELECT ");
	if (command_astring(imap, wire, err) < 0) {
		if (imap->dead.kind == ERR_NONE)
			command_abort(imap);
		command_forget(imap, *ticket);
		return -1;
	}
	if (imap_can(imap, IMAP_CAP_CONDSTORE))
		command_text(imap, " (CONDSTORE)");
	command_end(imap);
	return 0;
}

/* What comes now is about WIRE. */
static void turn_to(struct imap *imap, struct slice wire, bool examine)
{
	imap->selected = false;
	imap->selecting = true;
	imap->examining = examine;
	reset(imap);
	buf_clear(&imap->wire);
	buf_add_slice(&imap->wire, wire);
}

int imap_select_begin(struct imap *imap, struct slice wire, bool examine, struct err *err)
{
	if (command_settle(imap, err) < 0 ||
		send_select(imap, wire, examine, &imap->select_ticket, err) < 0)
		return -1;
	turn_to(imap, wire, examine);
	return 0;
}

int imap_select_end(struct imap *imap, struct err *err)
{
	int rc = command_await(imap, imap->select_ticket, err);

	imap->selecting = false;
	if (rc < 0)
		return -1;
	if (!command_result(imap, imap->select_ticket)->ok) {
		/* What was sent ahead is refused, too. */
		search_forget(imap);
		if (imap->fetch.active && fetch_abandon(imap, err) < 0)
			return -1;
		return imap_wait_ok(imap, imap->select_ticket, err);
	}
	command_forget(imap, imap->select_ticket);
	settle(imap, imap->examining);
	return 0;
}

int imap_select(struct imap *imap, struct slice wire, bool examine, struct err *err)
{
	if (imap_select_begin(imap, wire, examine, err) < 0)
		return -1;
	return imap_select_end(imap, err);
}

/* ---- one behind another ---- */

static int send_queued(struct imap *imap, struct slice wire, struct queued *q, struct err *err)
{
	imap->queueing = true;
	int rc = send_select(imap, wire, q->examine, &q->select_ticket, err);
	if (rc == 0)
		rc = fetch_send_all(imap, &q->request, &q->fetch_ticket, err);
	imap->queueing = false;
	return rc < 0 ? -1 : connection_flush(imap, err);
}

int imap_select_queue(struct imap *imap, struct slice wire, bool examine,
	const struct imap_fetch_request *request, struct err *err)
{
	struct queued q = {.examine = examine, .request = *request};

	ASSERT(imap->fetch.active && imap->fetch.all_sent && !request->uids && imap->qresync);
	if (imap->queued == IMAP_QUEUE_MOST || imap->command_used + 2 > COMMAND_WINDOW ||
		!command_has_room(imap) || command_waits(imap, wire))
		return 0;
	if (send_queued(imap, wire, &q, err) < 0)
		return -1;
	q.wire = xstrndup(wire.p, wire.n);
	imap->queue[imap->queued++] = q;
	return 1;
}

static struct queued take_queued(struct imap *imap)
{
	struct queued first = imap->queue[0];

	ASSERT(imap->queued > 0);
	imap->queued--;
	memmove(&imap->queue[0], &imap->queue[1], imap->queued * sizeof(imap->queue[0]));
	return first;
}

int imap_select_queued(struct imap *imap, struct err *err)
{
	if (imap->fetch.active && fetch_abandon(imap, err) < 0)
		return -1;
	struct queued q = take_queued(imap);
	turn_to(imap, slice_str(q.wire), q.examine);
	free(q.wire);
	imap->select_ticket = q.select_ticket;
	fetch_take_over(imap, &q.request, q.fetch_ticket);
	return imap_select_end(imap, err);
}

int imap_select_forget(struct imap *imap, struct err *err)
{
	struct err refused = {0};

	while (imap->queued > 0)
		if (imap_select_queued(imap, &refused) < 0 && connection_alive(imap, err) < 0)
			return -1;
	if (imap->fetch.active && fetch_abandon(imap, err) < 0)
		return -1;
	imap->selected = false;
	return 0;
}

void select_drop_queue(struct imap *imap)
{
	for (unsigned i = 0; i < imap->queued; i++)
		free(imap->queue[i].wire);
	imap->queued = 0;
}

const struct imap_mailbox *imap_selected(const struct imap *imap)
{
	return imap->selected ? &imap->mailbox : NULL;
}

/* CLOSE expunges nothing if the mailbox is read-only. EXAMINE may be refused (the mailbox is gone):
 * nothing is selected then. */
static int leave_by_close(struct imap *imap, struct err *err)
{
	struct buf wire = {0};
	struct err e = {0};
	int rc = 0;

	if (!imap->mailbox.read_only) {
		buf_add_slice(&wire, buf_slice(&imap->wire));
		rc = imap_select(imap, buf_slice(&wire), true, &e);
		buf_fini(&wire);
	}
	if (rc == 0)
		return command_run(imap, "CLOSE", err);
	return imap->dead.kind == ERR_NONE ? 0 : connection_alive(imap, err);
}

int imap_unselect(struct imap *imap, struct err *err)
{
	int rc;

	if (!imap->selected)
		return connection_alive(imap, err);
	if (command_settle(imap, err) < 0)
		return -1;
	rc = imap_can(imap, IMAP_CAP_UNSELECT) ? command_run(imap, "UNSELECT", err)
					       : leave_by_close(imap, err);
	imap->selected = false;
	return rc;
}

int imap_noop(struct imap *imap, struct err *err)
{
	return command_run(imap, "NOOP", err);
}

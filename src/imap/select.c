/*
 * SELECT, EXAMINE, one behind another, and leaving a mailbox.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "imap/command.h"
#include "imap/fetch.h"
#include "imap/search.h"
#include "imap/selected.h"

static int send_select(
	struct imap *imap, struct slice wire, bool examine, imap_ticket *ticket, struct err *err)
{
	*ticket = ticket_new(imap, examine ? "EXAMINE" : "SELECT", TICKET_PLAIN);
	if (command_begin(imap, *ticket, err) < 0)
		return -1;
	command_text(imap, examine ? "EXAMINE " : "SELECT ");
	if (command_astring(imap, wire, err) < 0) {
		if (imap->dead.kind == ERR_NONE)
			command_abort(imap);
		ticket_forget(imap, *ticket);
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
	selected_reset(imap);
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
	if (!ticket_result(imap, imap->select_ticket)->ok) {
		/* What was sent ahead is refused, too. */
		search_forget(imap);
		if (imap->fetch.active && fetch_abandon(imap, err) < 0)
			return -1;
		return imap_wait_ok(imap, imap->select_ticket, err);
	}
	ticket_forget(imap, imap->select_ticket);
	selected_settle(imap, imap->examining);
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

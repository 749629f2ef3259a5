/*
 * UID FETCH as an iterator. The window: before each response is read, commands for further batches
 * go out until IN_FLIGHT of them are unanswered. The caller sees one message after another and
 * never waits for a round trip between batches.
 *
 * A FETCH response is taken item by item in whatever order they come. A body is handed out where it
 * stands, straight from the read buffer, even if the UID comes behind it. What the server tells of
 * its own accord looks the same as an answer; so an answer is only what has a UID of the request
 * and the item that the request is about.
 */
#include "imap/command.h"
#include "imap/receive.h"
#include "imap/fetch.h"

#define IN_FLIGHT 4
#define BATCH_BODIES 100
#define BATCH_HEADERS 500
#define BATCH_ITEMS 50000

/* ---- asking ---- */

static unsigned batch_size(const struct imap_fetch_request *request)
{
	if (request->batch)
		return request->batch;
	if (request->body)
		return BATCH_BODIES;
	return request->header ? BATCH_HEADERS : BATCH_ITEMS;
}

static void add_items(struct imap *imap, const struct imap_fetch_request *request)
{
	command_text(imap, " (UID");
	if (request->flags)
		command_text(imap, " FLAGS");
	if (request->date)
		command_text(imap, " INTERNALDATE");
	if (request->size)
		command_text(imap, " RFC822.SIZE");
	if (request->modseq)
		command_text(imap, " MODSEQ");
	if (request->body)
		command_text(imap, " BODY.PEEK[]");
	else if (request->header)
		command_text(imap, " BODY.PEEK[HEADER]");
	command_text(imap, ")");
	if (request->changed_since)
		command_textf(imap, " (CHANGEDSINCE %llu%s)",
			(unsigned long long)request->changed_since,
			request->vanished ? " VANISHED" : "");
}

static int send_batch(struct imap *imap, struct fetch *fetch, const char *set, struct err *err)
{
	if (command_begin(imap, fetch->ticket, err) < 0)
		return -1;
	command_text(imap, "UID FETCH ");
	command_text(imap, set);
	add_items(imap, &fetch->request);
	command_end(imap);
	return 0;
}

/*
 * All messages. Who wants to hear what vanished names every UID that there can be: '*' is the
 * highest UID that is left, and Cyrus tells nothing that went above it.
 */
static const char *all_uids(const struct imap_fetch_request *request)
{
	return request->vanished ? "1:4294967295" : "1:*";
}

/* The text of the next batch; false: there is none. */
static bool next_set(struct fetch *fetch, struct buf *out)
{
	if (fetch->request.uids)
		return uidset_format(&fetch->uids, &fetch->sent_to, batch_size(&fetch->request),
			       COMMAND_LINE_MAX, out) > 0;
	buf_add_str(out, all_uids(&fetch->request));
	fetch->all_sent = true;
	return true;
}

static unsigned in_flight(struct imap *imap)
{
	unsigned n = 0;

	for (size_t i = 0; i < imap->command_used; i++)
		n += imap->commands[i].ticket == imap->fetch.ticket;
	return n;
}

static int top_up(struct imap *imap, struct err *err)
{
	struct fetch *fetch = &imap->fetch;
	struct buf set = {0};
	int rc = 0;

	while (rc == 0 && !fetch->all_sent && in_flight(imap) < IN_FLIGHT &&
		command_has_room(imap)) {
		buf_clear(&set);
		if (next_set(fetch, &set))
			rc = send_batch(imap, fetch, set.data, err);
		else
			fetch->all_sent = true;
	}
	buf_fini(&set);
	return rc;
}

int imap_fetch_begin(struct imap *imap, const struct imap_fetch_request *request, struct err *err)
{
	static const struct imap_result nothing_to_do = {.ok = true};
	struct fetch *fetch = &imap->fetch;

	if (connection_alive(imap, err) < 0 || (fetch->active && fetch_abandon(imap, err) < 0))
		return -1;
	ASSERT((imap->selected || imap->selecting) && !imap->append_open);
	uidset_fini(&fetch->uids);
	*fetch = (struct fetch){.active = true, .abandon = fetch_abandon, .request = *request};
	if (request->uids) {
		uidset_copy(&fetch->uids, request->uids);
		fetch->wanted = uidset_size(&fetch->uids);
	} else if (imap->selected && imap->mailbox.exists == 0) /* some servers refuse 1:* then */
		fetch->all_sent = true;
	fetch->ticket = ticket_new(imap, "FETCH", TICKET_PLAIN);
	ticket_answer(imap, fetch->ticket, &nothing_to_do);
	return imap->selecting ? top_up(imap, err) : 0;
}

int fetch_send_all(struct imap *imap, const struct imap_fetch_request *request, imap_ticket *out,
	struct err *err)
{
	struct fetch fetch = {
		.request = *request, .ticket = ticket_new(imap, "FETCH", TICKET_PLAIN)};

	*out = fetch.ticket;
	return send_batch(imap, &fetch, all_uids(request), err);
}

void fetch_take_over(
	struct imap *imap, const struct imap_fetch_request *request, imap_ticket ticket)
{
	ASSERT(!imap->fetch.active);
	imap->fetch = (struct fetch){.active = true,
		.abandon = fetch_abandon,
		.all_sent = true,
		.request = *request,
		.ticket = ticket};
}

/* ---- taking ---- */

static bool is_asked_for(const struct fetch *fetch, uint32_t uid)
{
	return !fetch->request.uids || uidset_contains(&fetch->uids, uid);
}

/* Does the message carry what the request is about? */
static bool is_answer(const struct fetch *fetch)
{
	const struct imap_fetch_request *request = &fetch->request;
	const struct imap_message *message = &fetch->message;

	if (fetch->drain || message->uid == 0 || !is_asked_for(fetch, message->uid))
		return false;
	if (request->body || request->header)
		return message->has_body || message->body_nil;
	if (request->flags)
		return message->has_flags;
	return (request->size && message->has_size) || (request->date && message->has_date) ||
	       (request->modseq && message->modseq) ||
	       !(request->size || request->date || request->modseq);
}

/* 1: announce it, 0: not for us. */
static int take_body(struct fetch *fetch, const struct fetch_item *item)
{
	struct imap_message *message = &fetch->message;
	bool wanted = item->kind == FETCH_ITEM_BODY ? fetch->request.body
						    : fetch->request.header && !fetch->request.body;

	if (!wanted || fetch->drain || message->has_body || message->body_nil)
		return 0;
	if (message->uid && !is_asked_for(fetch, message->uid))
		return 0;
	message->body_nil = item->nil;
	message->has_body = !item->nil;
	message->body_size = item->number;
	fetch->text = item->text;
	fetch->in_body = message->has_body;
	return message->has_body;
}

static enum imap_fetch_event take_item(struct imap *imap, const struct fetch_item *item)
{
	struct fetch *fetch = &imap->fetch;
	struct imap_message *message = &fetch->message;

	switch (item->kind) {
	case FETCH_ITEM_UID:
		message->uid = (uint32_t)item->number;
		break;
	case FETCH_ITEM_FLAGS:
		message->has_flags = true;
		message->flags = item->flags;
		break;
	case FETCH_ITEM_DATE:
		message->has_date = item->date_valid;
		message->date = item->date;
		break;
	case FETCH_ITEM_SIZE:
		message->has_size = true;
		message->size = item->number;
		break;
	case FETCH_ITEM_MODSEQ:
		message->modseq = item->number;
		break;
	case FETCH_ITEM_BODY:
	case FETCH_ITEM_HEADER:
		return take_body(fetch, item) ? IMAP_FETCH_BODY : IMAP_FETCH_END;
	case FETCH_ITEM_END:
		fetch->in_message = false;
		return is_answer(fetch) ? IMAP_FETCH_MESSAGE : IMAP_FETCH_END;
	case FETCH_ITEM_OTHER:
		break;
	}
	return IMAP_FETCH_END;
}

/* Items up to the next event; IMAP_FETCH_END: the response ended without one. */
static enum imap_fetch_event read_items(struct imap *imap, struct err *err)
{
	enum imap_fetch_event event = IMAP_FETCH_END;
	struct fetch_item item;
	struct err e = {0};

	while (imap->fetch.in_message && event == IMAP_FETCH_END) {
		if (reader_fetch_item(&imap->reader, &item, &e) < 0) {
			connection_die(imap, &e, err);
			return IMAP_FETCH_ERROR;
		}
		event = take_item(imap, &item);
	}
	return event;
}

/* Another body: there is one for each message that was asked for, or there without end. */
static int count_body(struct imap *imap, struct err *err)
{
	const struct imap_mailbox *mailbox = &imap->mailbox;
	struct fetch *fetch = &imap->fetch;
	uint64_t most = fetch->request.uids
				? fetch->wanted
				: (uint64_t)mailbox->exists + mailbox->expunged + mailbox->arrived;

	if (++fetch->bodies <= most)
		return 0;
	return connection_fatal(
		imap, err, ERR_PROTO, "the server sends more messages than were asked for");
}

/* What has gone, perhaps in several responses: all of them together hold no more than one may. */
static int take_vanished(struct imap *imap, struct err *err)
{
	struct uidset *vanished = imap->fetch.request.vanished;

	if (!vanished || imap->fetch.drain)
		return 0;
	uidset_add_ranges(vanished, imap->reader.ranges, imap->reader.range_count);
	if (vanished->count <= RESPONSE_RANGES_MAX)
		return 0;
	return connection_fatal(imap, err, ERR_PROTO,
		"the server says of more than %d UIDs that they have gone", RESPONSE_RANGES_MAX);
}

/* All commands are answered. */
static enum imap_fetch_event finish(struct imap *imap, struct err *err)
{
	struct imap_result result = *ticket_result(imap, imap->fetch.ticket);

	imap->fetch.active = false;
	ticket_forget(imap, imap->fetch.ticket);
	uidset_fini(&imap->fetch.uids);
	if (result.ok)
		return IMAP_FETCH_END;
	command_error("FETCH", &result, err);
	/* Dovecot's word for a message that it can't read: not of use later. */
	if (err && result.code == IMAP_CODE_SERVERBUG)
		err->kind = ERR_SERVER_NO;
	return IMAP_FETCH_ERROR;
}

enum imap_fetch_event imap_fetch_next(struct imap *imap, struct imap_message *out, struct err *err)
{
	struct fetch *fetch = &imap->fetch;
	enum imap_fetch_event event;
	struct response response;

	ASSERT(fetch->active);
	fetch->in_body = false;
	for (;;) {
		if (connection_alive(imap, err) < 0)
			return IMAP_FETCH_ERROR;
		event = read_items(imap, err);
		if (event == IMAP_FETCH_BODY && count_body(imap, err) < 0)
			return IMAP_FETCH_ERROR;
		if (event != IMAP_FETCH_END) {
			*out = fetch->message;
			return event;
		}
		if (top_up(imap, err) < 0)
			return IMAP_FETCH_ERROR;
		if (fetch->all_sent && ticket_is_answered(imap, fetch->ticket))
			return finish(imap, err);
		if (receive_next(imap, &response, err) < 0)
			return IMAP_FETCH_ERROR;
		if (response.kind == RESPONSE_FETCH) {
			fetch->message = (struct imap_message){0};
			fetch->in_message = true;
		} else if (response.kind == RESPONSE_VANISHED && response.earlier &&
			   take_vanished(imap, err) < 0) {
			return IMAP_FETCH_ERROR;
		}
	}
}

/* What no command was sent for yet. */
static void not_sent(const struct fetch *fetch, struct uidset *out)
{
	struct uid_iter it = fetch->sent_to;
	struct uid_range range;

	while (!fetch->all_sent && fetch->request.uids &&
		uidset_next_range(&fetch->uids, &it, UINT32_MAX, &range))
		uidset_add_range(out, range.first, range.last);
}

uint64_t imap_fetch_ahead(const struct imap *imap)
{
	struct uidset rest = {0};

	not_sent(&imap->fetch, &rest);
	uint64_t n = uidset_size(&rest);
	uidset_fini(&rest);
	return n;
}

void imap_fetch_give_up(struct imap *imap, uint64_t least, struct uidset *out)
{
	struct fetch *fetch = &imap->fetch;
	struct uidset rest = {0}, part = {0};
	struct uid_iter it = {0};
	struct uid_range range;

	not_sent(fetch, &rest);
	uint64_t all = uidset_size(&rest), keep = all - all / 2;
	for (uint64_t n = 0;
		n < keep && uidset_next_range(&rest, &it, (uint32_t)(keep - n), &range);)
		n += (uint64_t)range.last - range.first + 1;
	while (all / 2 >= least && uidset_next_range(&rest, &it, UINT32_MAX, &range))
		uidset_add_range(&part, range.first, range.last);
	/* Behind all that was sent: where sent_to stands, nothing changes. */
	uidset_subtract(&fetch->uids, &part);
	fetch->wanted -= uidset_size(&part);
	uidset_union(out, &part);
	uidset_fini(&part);
	uidset_fini(&rest);
}

bool imap_fetch_is_open(const struct imap *imap)
{
	return imap->fetch.active && !imap->fetch.drain;
}

int imap_fetch_read(struct imap *imap, struct slice *data, struct err *err)
{
	struct fetch *fetch = &imap->fetch;
	struct err e = {0};
	int rc;

	ASSERT(fetch->in_body);
	if (connection_alive(imap, err) < 0)
		return -1;
	if (fetch->text.n) {
		*data = fetch->text;
		fetch->text = (struct slice){NULL, 0};
		return 1;
	}
	rc = lexer_literal_read(&imap->reader.lexer, data, &e);
	if (rc == 1)
		imap->reader.lexer.pace.body += data->n;
	return rc < 0 ? connection_die(imap, &e, err) : rc;
}

int fetch_abandon(struct imap *imap, struct err *err)
{
	struct fetch *fetch = &imap->fetch;
	struct imap_message ignored;
	enum imap_fetch_event event;
	struct err e = {0};

	fetch->drain = true;
	fetch->all_sent = true;
	do {
		event = imap_fetch_next(imap, &ignored, &e);
	} while (event > IMAP_FETCH_END);
	return connection_alive(imap, err); /* a refused batch is of no interest any more */
}

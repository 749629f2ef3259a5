/*
 * What the server tells about the selected mailbox, asked or not.
 *
 * Sequence numbers are not kept: only counts. An EXPUNGE beyond the count changes nothing. An
 * EXISTS that goes down is taken as told, and so is a VANISHED of more messages than there are, but
 * neither is a way in which messages go: the count is not worth much then, and whoever deletes
 * because of absence must not rely on it (mailbox->doubtful).
 */
#include <stdio.h>
#include <stdlib.h>
#include "imap/selected.h"

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

void selected_take_data(struct imap *imap, const struct response *response)
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

/*
 * $Forwarded is a keyword on the wire: where new ones can be made, it can. Servers made with
 * go-imap say "(\*)" and mean everything: a mailbox that takes any new keyword and no flag makes no
 * sense.
 */
static void take_permanent(struct imap *imap, const struct response_code *code)
{
	imap->permanent_known = true;
	imap->mailbox.permanent = code->flags;
	imap->mailbox.new_keywords = code->any_flag;
	if (code->any_flag)
		imap->mailbox.permanent.system |= code->flags.system ? FLAG_FORWARDED : FLAG_ALL;
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

void selected_reset(struct imap *imap)
{
	imap->mailbox = (struct imap_mailbox){0};
	imap->defined = (struct flags){0};
	imap->permanent_known = false;
}

bool selected_is_renumbered(const struct imap *imap, const struct response_code *code)
{
	uint32_t known = imap->mailbox.uidvalidity;

	return imap->selected && code->note == NOTE_UIDVALIDITY && known != 0 &&
	       code->number != known;
}

void selected_take_code(struct imap *imap, const struct response_code *code)
{
	struct imap_mailbox *mailbox = &imap->mailbox;

	if (code->note == NOTE_PERMANENTFLAGS && imap->selected && !mailbox->read_only)
		take_permanent(imap, code);
	if (code->note == NOTE_READ_ONLY && imap->selected)
		read_only(imap);
	if (!imap->selecting)
		return;

	if (code->note == NOTE_CLOSED)
		selected_reset(imap); /* what came before was about the mailbox we left */
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
void selected_settle(struct imap *imap, bool examine)
{
	imap->selected = imap->has_selected = true;
	imap->mailbox.arrived = imap->mailbox.expunged = 0;
	if (!imap->permanent_known) /* RFC 9051 7.1: then all that are defined can be changed */
		imap->mailbox.permanent = imap->defined;
	if (examine || imap->mailbox.read_only)
		read_only(imap);
}

void selected_drop_queue(struct imap *imap)
{
	for (unsigned i = 0; i < imap->queued; i++)
		free(imap->queue[i].wire);
	imap->queued = 0;
}

const struct imap_mailbox *imap_selected(const struct imap *imap)
{
	return imap->selected ? &imap->mailbox : NULL;
}

/*
 * The tickets of the commands that are on their way, and who answers them.
 */
#include <stdlib.h>
#include <string.h>
#include "base/escape.h"
#include "imap/ticket.h"

struct ticket *ticket_find(struct imap *imap, imap_ticket id)
{
	size_t low = 0, high = imap->ticket_used;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (imap->tickets[middle].id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < imap->ticket_used && imap->tickets[low].id == id ? &imap->tickets[low] : NULL;
}

void ticket_drop(struct imap *imap, struct ticket *ticket)
{
	size_t behind = imap->ticket_used - (size_t)(ticket - imap->tickets) - 1;

	memmove(ticket, ticket + 1, behind * sizeof(*ticket));
	imap->ticket_used--;
}

imap_ticket ticket_new(struct imap *imap, const char *what, enum ticket_kind kind)
{
	imap->tickets = base_reserve(
		imap->tickets, imap->ticket_used, &imap->ticket_room, sizeof(*imap->tickets));
	imap->tickets[imap->ticket_used++] =
		(struct ticket){.id = ++imap->last_ticket, .kind = kind, .what = what};
	return imap->last_ticket;
}

void ticket_forget(struct imap *imap, imap_ticket id)
{
	struct ticket *ticket = ticket_find(imap, id);

	if (ticket && ticket->unanswered == 0)
		ticket_drop(imap, ticket);
	else if (ticket)
		ticket->forget = true;
}

bool ticket_is_answered(struct imap *imap, imap_ticket id)
{
	const struct ticket *ticket = ticket_find(imap, id);

	return !ticket || ticket->unanswered == 0;
}

const struct imap_result *ticket_result(struct imap *imap, imap_ticket id)
{
	const struct ticket *ticket = ticket_find(imap, id);

	ASSERT(ticket);
	return &ticket->result;
}

/* Of several answers the first that is not OK counts, else the last. */
static void merge_result(struct ticket *ticket, const struct imap_result *result)
{
	if (!ticket->any || ticket->result.ok)
		ticket->result = *result;
	ticket->any = true;
}

void ticket_answer(struct imap *imap, imap_ticket id, const struct imap_result *result)
{
	struct ticket *ticket = ticket_find(imap, id);

	ASSERT(ticket);
	merge_result(ticket, result);
}

static struct imap_result make_result(const struct ticket *ticket, const struct response *response)
{
	struct imap_result result = {
		.ok = response->state == RESPONSE_IS_OK,
		.bad = response->state == RESPONSE_IS_BAD,
		.code = response->code.code,
	};

	if (ticket->kind == TICKET_APPEND && result.ok) {
		result.uidvalidity = response->code.uidvalidity;
		result.uid = response->code.uid;
		result.uid_last = response->code.uid_last;
	}
	escape(response->text, result.words, sizeof(result.words));
	if (!response->secret)
		memcpy(result.text, result.words, sizeof(result.text));
	return result;
}

int ticket_take_answer(struct imap *imap, const struct response *response, struct err *err)
{
	struct ticket *ticket;
	struct imap_result result;
	size_t i = 0;

	while (i < imap->command_used && !slice_eq_str(response->tag, imap->commands[i].tag))
		i++;
	if (i == imap->command_used)
		return connection_fatal(
			imap, err, ERR_PROTO, "the server answered a command that was not sent");

	ticket = ticket_find(imap, imap->commands[i].ticket);
	imap->unanswered_size -= imap->commands[i].size;
	imap->command_used--;
	if (i < imap->commands_sent)
		imap->commands_sent--;
	memmove(&imap->commands[i], &imap->commands[i + 1],
		(imap->command_used - i) * sizeof(imap->commands[0]));

	ASSERT(ticket && ticket->unanswered > 0);
	result = make_result(ticket, response);
	merge_result(ticket, &result);
	ticket->unanswered--;
	if (ticket->forget && ticket->unanswered == 0)
		ticket_drop(imap, ticket);
	return 0;
}

bool ticket_any_awaited(struct imap *imap)
{
	for (size_t i = 0; i < imap->command_used; i++) {
		const struct ticket *ticket = ticket_find(imap, imap->commands[i].ticket);

		if (ticket && !ticket->forget)
			return true;
	}
	return false;
}

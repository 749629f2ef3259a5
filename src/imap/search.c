/*
 * UID SEARCH: which messages there are. The answer of a big mailbox is long: it becomes ranges
 * while it is read.
 */
#include <string.h>
#include "imap/command.h"
#include "imap/receive.h"
#include "imap/search.h"

#define SEARCH_SLACK 10000

/* Is RESPONSE what we asked for with TAG? -1: it is, and useless. */
static int is_answer(
	struct imap *imap, const struct response *response, const char *tag, struct err *err)
{
	if (response->kind == RESPONSE_SEARCH)
		return 1;
	if (response->kind != RESPONSE_ESEARCH ||
		(response->tag.n && !slice_eq_str(response->tag, tag)))
		return 0;
	if (response->range_count && !response->uid)
		return connection_fatal(imap, err, ERR_PROTO,
			"the server answered UID SEARCH with message numbers");
	return 1;
}

static int begin(struct imap *imap, const char *key, struct err *err)
{
	bool extended = imap_can(imap, IMAP_CAP_ESEARCH);
	struct search *search = &imap->search;
	imap_ticket ticket = ticket_new(imap, "UID SEARCH", TICKET_PLAIN);

	search_forget(imap);
	if (command_begin(imap, ticket, err) < 0)
		return -1;
	search->ticket = ticket;
	memcpy(search->tag, imap->commands[imap->command_used - 1].tag, sizeof(search->tag));
	command_textf(imap, "UID SEARCH %s%s", extended ? "RETURN (ALL) " : "", key);
	command_end(imap);
	return 0;
}

void search_forget(struct imap *imap)
{
	if (imap->search.ticket)
		ticket_forget(imap, imap->search.ticket);
	imap->search.ticket = 0;
}

/* More than the mailbox ever held since it was selected, and what may be on its way? Then it is not
 * true, and whoever keeps a record of each would pay for it. */
static int check_size(struct imap *imap, const struct uidset *found, struct err *err)
{
	const struct imap_mailbox *mailbox = &imap->mailbox;
	uint64_t size = uidset_size(found);
	uint64_t most = (uint64_t)mailbox->exists + mailbox->expunged;

	if (most > PACE_MESSAGES_MAX)
		most = PACE_MESSAGES_MAX;
	if (size <= most + SEARCH_SLACK)
		return 0;
	return connection_fatal(imap, err, ERR_PROTO,
		"the server found %llu messages in a mailbox of %u", (unsigned long long)size,
		mailbox->exists);
}

static int collect(struct imap *imap, struct uidset *out, struct err *err)
{
	struct search *search = &imap->search;
	struct response response;

	while (!ticket_is_answered(imap, search->ticket)) {
		if (receive_next(imap, &response, err) < 0)
			return -1;
		int answer = is_answer(imap, &response, search->tag, err);
		if (answer < 0)
			return -1;
		if (!answer)
			continue;
		uidset_add_ranges(out, imap->reader.ranges, imap->reader.range_count);
		if (check_size(imap, out, err) < 0)
			return -1;
	}
	if (!ticket_result(imap, search->ticket)->ok)
		return command_error("UID SEARCH", ticket_result(imap, search->ticket), err);
	return 0;
}

static int end(struct imap *imap, struct uidset *out, struct err *err)
{
	struct uidset found = {0};
	int rc = collect(imap, &found, err);

	if (rc == 0)
		uidset_union(out, &found);
	uidset_fini(&found);
	search_forget(imap);
	return rc;
}

int imap_search_all_begin(struct imap *imap, struct err *err)
{
	return begin(imap, "ALL", err);
}

int imap_search_all_end(struct imap *imap, struct uidset *out, struct err *err)
{
	return end(imap, out, err);
}

int imap_search_all(struct imap *imap, struct uidset *out, struct err *err)
{
	return begin(imap, "ALL", err) < 0 ? -1 : end(imap, out, err);
}

int imap_search_deleted(struct imap *imap, struct uidset *out, struct err *err)
{
	return begin(imap, "DELETED", err) < 0 ? -1 : end(imap, out, err);
}

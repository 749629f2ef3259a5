/*
 * UID SEARCH: which messages there are. The answer of a big mailbox is long: it becomes ranges
 * while it is read.
 */
#include <stdlib.h>
#include <string.h>
#include "imap/command.h"

static int by_first(const void *a, const void *b)
{
	const struct uid_range *x = a, *y = b;

	return (x->first > y->first) - (x->first < y->first);
}

/* Sorted first: adding in rising order is cheap, adding in the order of a hostile server would not
 * be. */
static void add_ranges(struct imap *imap, struct uidset *out)
{
	struct reader *reader = &imap->reader;

	if (reader->range_count)
		qsort(reader->ranges, reader->range_count, sizeof(*reader->ranges), by_first);
	for (size_t i = 0; i < reader->range_count; i++)
		uidset_add_range(out, reader->ranges[i].first, reader->ranges[i].last);
}

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

static int search(struct imap *imap, const char *key, struct uidset *out, struct err *err)
{
	bool extended = imap_can(imap, IMAP_CAP_ESEARCH);
	imap_ticket ticket = command_ticket(imap, "UID SEARCH", TICKET_PLAIN);
	struct uidset found = {0};
	struct response response;
	char tag[TAG_SIZE];
	int rc = -1;

	if (command_begin(imap, ticket, err) < 0)
		goto out;
	memcpy(tag, imap->commands[imap->command_used - 1].tag, sizeof(tag));
	command_textf(imap, "UID SEARCH %s%s", extended ? "RETURN (ALL) " : "", key);
	command_end(imap);

	while (!command_is_answered(imap, ticket)) {
		int answer;

		if (connection_next(imap, &response, err) < 0)
			goto out;
		answer = is_answer(imap, &response, tag, err);
		if (answer < 0)
			goto out;
		if (answer)
			add_ranges(imap, &found);
	}
	rc = imap_wait_ok(imap, ticket, err);
	if (rc == 0)
		uidset_union(out, &found);
out:
	uidset_fini(&found);
	return rc;
}

int imap_search_all(struct imap *imap, struct uidset *out, struct err *err)
{
	return search(imap, "ALL", out, err);
}

int imap_search_deleted(struct imap *imap, struct uidset *out, struct err *err)
{
	return search(imap, "DELETED", out, err);
}

/*
 * MOVE and COPY. The new UIDs come with COPYUID (RFC 4315 section 3), for MOVE in an untagged OK
 * before the messages go (RFC 6851 section 4.3). Nothing in it is believed but what answers the
 * question: as many new UIDs as old ones, in an order that is clear, and only old ones that were
 * asked for.
 */
#include <stdlib.h>

#include "imap/command.h"
#include "imap/receive.h"

void imap_moved_fini(struct imap_moved *moved)
{
	free(moved->pairs);
	*moved = (struct imap_moved){0};
}

static uint64_t count_uids(const struct uid_range *ranges, size_t count)
{
	uint64_t n = 0;
	for (size_t i = 0; i < count; i++)
		n += (uint64_t)ranges[i].last - ranges[i].first + 1;
	return n;
}

/* "4:2" is the set of these three (RFC 4315 section 4) and does not say which of them comes first.
 */
static bool has_order(const struct uid_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ranges[i].first > ranges[i].last)
			return false;
	return true;
}

/* The UIDs of ranges one by one. */
struct walk {
	const struct uid_range *ranges;
	uint32_t steps; /* within the present range */
};

static uint32_t next_uid(struct walk *w)
{
	uint32_t uid = w->ranges->first + w->steps++;

	if (uid == w->ranges->last)
		*w = (struct walk){.ranges = w->ranges + 1};
	return uid;
}

static void take_pairs(struct imap_moved *out, const struct uidset *asked,
	const struct uid_range *from, const struct uid_range *to, uint64_t count)
{
	struct walk old = {.ranges = from}, new = {.ranges = to};

	for (uint64_t i = 0; i < count; i++) {
		struct imap_moved_uid pair = {next_uid(&old), next_uid(&new)};
		if (!uidset_contains(asked, pair.from))
			continue;
		out->pairs = base_reserve(out->pairs, out->count, &out->room, sizeof(*out->pairs));
		out->pairs[out->count++] = pair;
	}
}

static void take_code(
	struct imap_moved *out, const struct uidset *asked, const struct response_code *code)
{
	struct uid_range from[IMAP_MOVE_MOST], to[IMAP_MOVE_MOST];

	if (code->code != IMAP_CODE_COPYUID || code->uidvalidity == 0)
		return;
	ssize_t n = uidset_parse_ordered(code->uids_from, from, IMAP_MOVE_MOST);
	ssize_t m = uidset_parse_ordered(code->uids_to, to, IMAP_MOVE_MOST);
	if (n <= 0 || m <= 0 || !has_order(from, (size_t)n) || !has_order(to, (size_t)m))
		return;
	uint64_t count = count_uids(from, (size_t)n);
	if (count != count_uids(to, (size_t)m) || count > IMAP_MOVE_MOST)
		return;
	if (out->count > 0 && out->uidvalidity != code->uidvalidity)
		return;
	out->uidvalidity = code->uidvalidity;
	take_pairs(out, asked, from, to, count);
}

static int send(struct imap *imap, const char *name, const struct uidset *uids, struct slice wire,
	imap_ticket *ticket, struct err *err)
{
	struct buf set = {0};
	int rc = 0;

	uidset_format_all(uids, &set);
	*ticket = ticket_new(imap, name, TICKET_PLAIN);
	if (command_begin(imap, *ticket, err) < 0) {
		buf_fini(&set);
		return -1;
	}
	command_textf(imap, "%s ", name);
	command_text(imap, set.data);
	command_text(imap, " ");
	rc = command_astring(imap, wire, err);
	if (rc == 0)
		command_end(imap);
	else if (imap->dead.kind == ERR_NONE)
		command_abort(imap);
	if (rc != 0)
		ticket_forget(imap, *ticket);
	buf_fini(&set);
	return rc;
}

int imap_move(struct imap *imap, const struct uidset *uids, struct slice wire,
	struct imap_moved *out, struct err *err)
{
	struct response response;
	imap_ticket ticket;

	ASSERT(!uidset_empty(uids) && uidset_size(uids) <= IMAP_MOVE_MOST);
	*out = (struct imap_moved){.copied = !imap_can(imap, IMAP_CAP_MOVE)};
	if (send(imap, out->copied ? "UID COPY" : "UID MOVE", uids, wire, &ticket, err) != 0)
		return -1;
	while (!ticket_is_answered(imap, ticket)) {
		if (receive_next(imap, &response, err) < 0)
			return -1;
		if (response.kind == RESPONSE_TAGGED || response.kind == RESPONSE_STATE)
			take_code(out, uids, &response.code);
	}
	return imap_wait_ok(imap, ticket, err);
}

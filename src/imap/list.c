/*
 * The mailboxes and their STATUS, in one round trip where the server can (LIST-EXTENDED,
 * LIST-STATUS), else in two: LIST, then all STATUS commands behind one another.
 *
 * Names and statuses are collected as they come, in any order (Courier lists children before
 * parents; some servers repeat names), and joined by sorting. No hash: the server chooses the
 * names, and would choose those that collide.
 */
#include <stdlib.h>
#include <string.h>
#include "imap/command.h"
#include "imap/receive.h"

#define ENTRIES_MAX 100000
#define NAMES_MAX (64u * 1024 * 1024) /* octets of all names together */

struct named_status {
	struct slice name; /* arena */
	struct imap_status status;
};

struct listing {
	struct imap *imap;
	struct arena *arena;             /* the caller's */
	struct imap_list_entry *entries; /* owned */
	size_t entry_count, entry_room;
	struct named_status *statuses; /* owned */
	size_t status_count, status_room;
	size_t name_bytes;
};

/* ---- names ---- */

static bool is_inbox(struct slice name)
{
	return slice_eq_nocase(name, SLICE("INBOX"));
}

/* INBOX is one mailbox in any case. */
static int compare_names(struct slice a, struct slice b)
{
	return slice_cmp(is_inbox(a) ? SLICE("INBOX") : a, is_inbox(b) ? SLICE("INBOX") : b);
}

/* Does NAME lie in the namespace? Its root without the delimiter ("shared" of "shared/") does too.
 */
static bool is_within(struct slice name, const struct response_namespace *row)
{
	struct slice prefix = row->prefix;

	if (prefix.n && row->delimiter && prefix.p[prefix.n - 1] == row->delimiter &&
		name.n == prefix.n - 1)
		prefix.n--;
	return name.n >= prefix.n && memcmp(name.p, prefix.n ? prefix.p : "", prefix.n) == 0;
}

/* Other users' and shared mailboxes are not ours to sync. The longest prefix decides. */
static bool is_personal(const struct imap *imap, struct slice name)
{
	const struct response_namespace *best = NULL;

	if (is_inbox(name))
		return true;
	for (size_t i = 0; i < imap->namespace_count; i++) {
		const struct response_namespace *row = &imap->namespaces[i];

		if (is_within(name, row) && (!best || row->prefix.n > best->prefix.n))
			best = row;
	}
	return !best || best->personal;
}

/* ---- collecting ---- */

static int too_many(struct listing *listing, struct err *err)
{
	return connection_fatal(listing->imap, err, ERR_PROTO,
		"the server lists more than %d mailboxes, or names of more than %u MiB",
		ENTRIES_MAX, NAMES_MAX >> 20);
}

static int add_entry(struct listing *listing, const struct response *response, struct err *err)
{
	if (listing->imap->rules.delimiter == 0)
		listing->imap->rules.delimiter = response->delimiter;
	listing->name_bytes += response->name.n + 1; /* nameless ones are bounded, too */
	if (response->name.n == 0 && listing->name_bytes <= NAMES_MAX)
		return 0;
	if (listing->entry_count == ENTRIES_MAX || listing->name_bytes > NAMES_MAX)
		return too_many(listing, err);

	listing->entries = base_reserve(listing->entries, listing->entry_count,
		&listing->entry_room, sizeof(*listing->entries));
	listing->entries[listing->entry_count++] = (struct imap_list_entry){
		.wire = arena_slice(listing->arena, response->name),
		.delimiter = response->delimiter,
		.attributes = response->attributes,
	};
	return 0;
}

static int add_status(struct listing *listing, const struct response *response, struct err *err)
{
	listing->name_bytes += response->name.n;
	if (listing->status_count == ENTRIES_MAX || listing->name_bytes > NAMES_MAX)
		return too_many(listing, err);

	listing->statuses = base_reserve(listing->statuses, listing->status_count,
		&listing->status_room, sizeof(*listing->statuses));
	listing->statuses[listing->status_count++] = (struct named_status){
		.name = arena_slice(listing->arena, response->name),
		.status = response->status,
	};
	return 0;
}

/* Read one response, whatever it is. */
static int collect(struct listing *listing, struct err *err)
{
	struct response response;

	if (receive_next(listing->imap, &response, err) < 0)
		return -1;
	if (response.kind == RESPONSE_LIST || response.kind == RESPONSE_STATUS)
		pace_was_asked(&listing->imap->reader.lexer.pace);
	if (response.kind == RESPONSE_LIST)
		return add_entry(listing, &response, err);
	if (response.kind == RESPONSE_STATUS)
		return add_status(listing, &response, err);
	return 0;
}

/* ---- joining ---- */

static int entry_order(const void *a, const void *b)
{
	const struct imap_list_entry *const *x = a, *const *y = b;
	int order = compare_names((*x)->wire, (*y)->wire);

	return order ? order : (*x > *y) - (*x < *y);
}

/* All entries by name; of equal ones the first in the server's order stands first. Caller frees. */
static struct imap_list_entry **sort_entries(const struct listing *listing)
{
	struct imap_list_entry **sorted =
		xcalloc(listing->entry_count + 1, sizeof(struct imap_list_entry *));

	for (size_t i = 0; i < listing->entry_count; i++)
		sorted[i] = &listing->entries[i];
	qsort(sorted, listing->entry_count, sizeof(struct imap_list_entry *), entry_order);
	return sorted;
}

/* The answer to NAMESPACE may have come behind the first names: so they are looked at when all is
 * there. */
static void drop_foreign(struct listing *listing)
{
	size_t kept = 0;

	for (size_t i = 0; i < listing->entry_count; i++) {
		if (is_personal(listing->imap, listing->entries[i].wire))
			listing->entries[kept++] = listing->entries[i];
	}
	listing->entry_count = kept;
}

/* Repeats are merged into the first and dropped; the others keep their order. */
static void drop_repeats(struct listing *listing)
{
	struct imap_list_entry **sorted = sort_entries(listing), *first = NULL;
	size_t kept = 0;

	for (size_t i = 0; i < listing->entry_count; i++) {
		if (first && compare_names(first->wire, sorted[i]->wire) == 0) {
			first->attributes |= sorted[i]->attributes;
			sorted[i]->wire.n = 0;
		} else {
			first = sorted[i];
		}
	}
	for (size_t i = 0; i < listing->entry_count; i++) {
		if (listing->entries[i].wire.n)
			listing->entries[kept++] = listing->entries[i];
	}
	listing->entry_count = kept;
	free(sorted);
}

static int find_entry(const void *key, const void *element)
{
	const struct imap_list_entry *const *entry = element;

	return compare_names(*(const struct slice *)key, (*entry)->wire);
}

static void join_statuses(struct listing *listing)
{
	struct imap_list_entry **sorted = sort_entries(listing);

	for (size_t i = 0; i < listing->status_count; i++) {
		struct imap_list_entry **entry = bsearch(&listing->statuses[i].name, sorted,
			listing->entry_count, sizeof(struct imap_list_entry *), find_entry);

		if (entry)
			(*entry)->status = listing->statuses[i].status;
	}
	free(sorted);
}

/* ---- asking ---- */

/* Not MAILBOXID: Cyrus 3.6.1 answers STATUS with memory that it has freed, control bytes and
 * parentheses included. SELECT tells it rightly. */
static void add_status_items(struct imap *imap)
{
	command_text(imap, "(MESSAGES UIDNEXT UIDVALIDITY");
	if (imap_can(imap, IMAP_CAP_CONDSTORE))
		command_text(imap, " HIGHESTMODSEQ");
	command_text(imap, ")");
}

static void add_return(struct imap *imap, bool status)
{
	command_text(imap, " RETURN (SUBSCRIBED");
	if (imap_can(imap, IMAP_CAP_SPECIAL_USE))
		command_text(imap, " SPECIAL-USE");
	if (status) {
		command_text(imap, " STATUS ");
		add_status_items(imap);
	}
	command_text(imap, ")");
}

/* LIST; EXTENDED with RETURN. The answer, OK or not, goes to RESULT. */
static int run_list(struct listing *listing, bool extended, bool status, struct imap_result *result,
	struct err *err)
{
	struct imap *imap = listing->imap;
	imap_ticket ticket = ticket_new(imap, "LIST", TICKET_PLAIN);

	if (command_begin(imap, ticket, err) < 0)
		return -1;
	command_text(imap, "LIST \"\" \"*\"");
	if (extended)
		add_return(imap, status);
	command_end(imap);
	while (imap->command_used > 0) { /* NAMESPACE as well */
		if (collect(listing, err) < 0)
			return -1;
	}
	return imap_wait(imap, ticket, result, err);
}

/* STATUS commands for all, their answers collected meanwhile. A refused one leaves its mailbox
 * unknown. */
static int run_statuses(struct listing *listing, struct err *err)
{
	struct imap *imap = listing->imap;
	imap_ticket ticket;

	for (size_t i = 0; i < listing->entry_count; i++) {
		if (listing->entries[i].attributes & IMAP_NOSELECT)
			continue;
		while (!command_has_room(imap)) {
			if (collect(listing, err) < 0)
				return -1;
		}
		ticket = ticket_new(imap, "STATUS", TICKET_PLAIN);
		if (command_begin(imap, ticket, err) < 0)
			return -1;
		command_text(imap, "STATUS ");
		if (command_astring(imap, listing->entries[i].wire, err) < 0) {
			if (connection_alive(imap, err) < 0)
				return -1;
			command_abort(imap); /* a name with a NUL: nobody can select it */
		} else {
			command_text(imap, " ");
			add_status_items(imap);
			command_end(imap);
		}
		ticket_forget(imap, ticket);
	}
	while (imap->command_used > 0) {
		if (collect(listing, err) < 0)
			return -1;
	}
	return 0;
}

static int run(struct listing *listing, bool status, struct err *err)
{
	struct imap *imap = listing->imap;
	bool extended = imap_can(imap, IMAP_CAP_LIST_EXTENDED);
	bool within = extended && status && imap_can(imap, IMAP_CAP_LIST_STATUS);
	struct imap_result result;

	if (run_list(listing, extended, within, &result, err) < 0)
		return -1;
	if (!result.ok && extended) { /* announced is not promised */
		within = false;
		if (run_list(listing, false, false, &result, err) < 0)
			return -1;
	}
	if (!result.ok)
		return command_error("LIST", &result, err);
	drop_foreign(listing);
	drop_repeats(listing);
	if (status && !within && run_statuses(listing, err) < 0)
		return -1;
	join_statuses(listing);
	return 0;
}

int imap_list(
	struct imap *imap, bool status, struct arena *arena, struct imap_list *out, struct err *err)
{
	struct listing listing = {.imap = imap, .arena = arena};
	int rc;

	*out = (struct imap_list){0};
	rc = command_settle(imap, err);
	if (rc == 0)
		rc = run(&listing, status, err);
	if (rc == 0) {
		size_t size = listing.entry_count * sizeof(*listing.entries);

		out->count = listing.entry_count;
		out->entries = arena_alloc(arena, size ? size : 1);
		if (size)
			memcpy(out->entries, listing.entries, size);
	}
	free(listing.entries);
	free(listing.statuses);
	return rc;
}

/* ---- one ---- */

static int wait_status(struct imap *imap, imap_ticket ticket, struct slice wire,
	struct imap_status *out, struct err *err)
{
	struct response response;

	while (!ticket_is_answered(imap, ticket)) {
		if (receive_next(imap, &response, err) < 0)
			return -1;
		if (response.kind == RESPONSE_STATUS && compare_names(response.name, wire) == 0)
			*out = response.status;
	}
	return 0;
}

/* By code, or in words: Dovecot 2.3 and others have no code here. */
static bool says_nonexistent(const struct imap_result *result)
{
	static const char *const words[] = {"doesn't exist", "does not exist", "no such mailbox",
		"nonexistent mailbox", "non-existent mailbox", "unknown mailbox"};

	if (result->bad)
		return false;
	if (result->code == IMAP_CODE_NONEXISTENT || result->code == IMAP_CODE_TRYCREATE)
		return true;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (result->code == IMAP_CODE_NONE && strcasestr(result->words, words[i]))
			return true;
	}
	return false;
}

int imap_status(struct imap *imap, struct slice wire, struct imap_status *out, struct err *err)
{
	imap_ticket ticket = ticket_new(imap, "STATUS", TICKET_PLAIN);
	struct imap_result result;

	*out = (struct imap_status){0};
	if (command_begin(imap, ticket, err) < 0)
		return -1;
	command_text(imap, "STATUS ");
	if (command_astring(imap, wire, err) < 0) {
		if (imap->dead.kind == ERR_NONE)
			command_abort(imap);
		ticket_forget(imap, ticket);
		return -1;
	}
	command_text(imap, " ");
	add_status_items(imap);
	command_end(imap);
	if (wait_status(imap, ticket, wire, out, err) < 0 ||
		imap_wait(imap, ticket, &result, err) < 0)
		return -1;
	if (result.ok)
		return 1;
	return says_nonexistent(&result) ? 0 : command_error("STATUS", &result, err);
}

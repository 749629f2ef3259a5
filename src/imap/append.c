/*
 * APPEND. Where the server takes it (LITERAL+, LITERAL-) nothing is waited for: command and message
 * go out together, several messages one behind another. Elsewhere the server is asked first, and
 * may refuse before anything big was sent.
 */
#include <stdio.h>
#include "imap/command.h"
#include "model/date.h"

#define DIRECT_MIN (16 * 1024) /* pieces from here on are written past the queue */
#define QUEUE_MAX (64 * 1024)

/* " (flags) "date" " */
static void add_arguments(struct imap *imap, const struct flags *flags, int64_t date)
{
	char text[DATE_TEXT_SIZE];
	struct buf list = {0};

	if (!flags_empty(flags)) {
		buf_add_str(&list, " (");
		keywords_format(imap->keywords, flags, &list);
		buf_add_char(&list, ')');
		command_text(imap, list.data);
		buf_fini(&list);
	}
	date_format(date, text);
	command_textf(imap, " \"%s\" ", text);
}

/* An empty literal means that the APPEND is taken back (RFC 3502); servers refuse it (Dovecot,
 * Cyrus), store a line instead (Courier) or end the connection (GNU mailutils). */
static bool fits(const struct imap *imap, uint64_t size)
{
	uint64_t limit = imap->capabilities.append_limit;

	return size > 0 && (limit == 0 || size <= limit);
}

/* The server would take the whole of it only to say no. */
static void refuse(struct imap *imap, uint64_t size, imap_ticket ticket)
{
	struct imap_result result = {.code = size ? IMAP_CODE_TOOBIG : IMAP_CODE_CANNOT};

	if (size)
		snprintf(result.text, sizeof(result.text),
			"APPENDLIMIT=%llu: this message has %llu octets",
			(unsigned long long)imap->capabilities.append_limit,
			(unsigned long long)size);
	else
		snprintf(result.text, sizeof(result.text), "an empty file is no message");
	ticket_answer(imap, ticket, &result);
}

int imap_append_begin(struct imap *imap, struct slice wire, const struct flags *flags, int64_t date,
	uint64_t size, imap_ticket *out, struct err *err)
{
	int rc;

	*out = ticket_new(imap, "APPEND", TICKET_APPEND);
	if (!fits(imap, size)) {
		refuse(imap, size, *out);
		return 1;
	}
	if (command_begin(imap, *out, err) < 0)
		return -1;
	command_text(imap, "APPEND ");
	if (command_astring(imap, wire, err) < 0) {
		if (imap->dead.kind == ERR_NONE)
			command_abort(imap);
		ticket_forget(imap, *out);
		return -1;
	}

	add_arguments(imap, flags, date);
	rc = command_literal(imap, size, err);
	if (rc != 0) {
		command_end(imap);
		return rc;
	}
	command_trace(imap);
	imap->append_open = *out;
	imap->append_left = size;
	return 0;
}

uint64_t imap_append_limit(const struct imap *imap)
{
	return imap->capabilities.append_limit;
}

bool imap_append_joins(const struct imap *imap, uint64_t size)
{
	return imap_can(imap, IMAP_CAP_MULTIAPPEND) && fits(imap, size) &&
	       (imap_can(imap, IMAP_CAP_LITERAL_PLUS) ||
		       (imap_can(imap, IMAP_CAP_LITERAL_MINUS) && size <= 4096));
}

int imap_append_more(
	struct imap *imap, const struct flags *flags, int64_t date, uint64_t size, struct err *err)
{
	if (connection_alive(imap, err) < 0)
		return -1;
	ASSERT(imap->append_open && imap->append_left == 0 && imap_append_joins(imap, size));
	add_arguments(imap, flags, date);
	if (command_literal(imap, size, err) != 0)
		return connection_fatal(
			imap, err, ERR_PROTO, "the server answered in the middle of a command");
	command_trace(imap);
	imap->append_left = size;
	return 0;
}

int imap_append_data(struct imap *imap, const void *data, size_t n, struct err *err)
{
	if (connection_alive(imap, err) < 0)
		return -1;
	ASSERT(imap->append_open && n <= imap->append_left);
	imap->append_left -= n;
	if (n >= DIRECT_MIN)
		return connection_write(imap, data, n, err);
	buf_add(&imap->out, data, n);
	return imap->out.len >= QUEUE_MAX ? connection_flush(imap, err) : 0;
}

int imap_append_end(struct imap *imap, struct err *err)
{
	if (connection_alive(imap, err) < 0)
		return -1;
	ASSERT(imap->append_open && imap->append_left == 0);
	imap->append_open = 0;
	imap->building = false;
	buf_add_str(&imap->out, "\r\n");
	return 0;
}

unsigned imap_append_pending(const struct imap *imap)
{
	unsigned n = 0;

	for (size_t i = 0; i < imap->ticket_used; i++)
		n += imap->tickets[i].kind == TICKET_APPEND;
	return n;
}

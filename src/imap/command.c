/*
 * Commands.
 *
 * Tags: a counter, and random letters in front for each command of its own, so that nobody can
 * answer a command that he has not seen (an answer to STARTTLS sent before we ask for it, for
 * instance).
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include "base/escape.h"
#include "base/log.h"
#include "imap/command.h"
#include "imap/receive.h"

#define TRACE_MAX 500
#define QUOTED_MAX 1000        /* longer strings go as literals */
#define LITERAL_MINUS_MAX 4096 /* RFC 7888 */

/* ---- making a command ---- */

/* Six random letters and digits, then the counter. */
static void make_tag(struct imap *imap, char out[TAG_SIZE])
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz012345";
	unsigned char random[6];

	ASSERT(getrandom(random, sizeof(random), 0) == sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		out[i] = letters[random[i] % 32];
	if (out[0] >= '0' && out[0] <= '9')
		out[0] = (char)('q' + (out[0] - '0')); /* some servers want a letter first */
	snprintf(out + sizeof(random), TAG_SIZE - sizeof(random), "%u",
		(unsigned)++imap->command_count);
}

bool command_has_room(const struct imap *imap)
{
	return imap->command_used < COMMAND_WINDOW && imap->unanswered_size < COMMAND_WINDOW_SIZE;
}

/* Add to the command; SHOWN stands for it in the trace. */
static void add(struct imap *imap, const void *data, size_t n, const char *shown)
{
	struct command *command;

	if (imap->refused) /* the command is answered and gone */
		return;
	command = &imap->commands[imap->command_used - 1];
	buf_add(&imap->out, data, n);
	command->size += n;
	imap->unanswered_size += n;
	if (!log_on(LOG_IMAP) || imap->trace.len >= TRACE_MAX)
		return;
	if (shown)
		buf_add_str(&imap->trace, shown);
	else
		buf_add(&imap->trace, data, n < TRACE_MAX ? n : TRACE_MAX);
}

int command_begin(struct imap *imap, imap_ticket id, struct err *err)
{
	struct response ignored;
	struct ticket *ticket;
	struct command *command;

	if (connection_alive(imap, err) < 0) /* which may have ended within a command */
		return -1;
	ASSERT(!imap->building && !imap->append_open && (imap->queueing || imap->queued == 0));
	if (imap->fetch.active && imap->fetch.ticket != id && !imap->queueing &&
		imap->fetch.abandon(imap, err) < 0)
		return -1;
	while (!command_has_room(imap)) {
		if (receive_next(imap, &ignored, err) < 0)
			return -1;
	}

	imap->commands = base_reserve(
		imap->commands, imap->command_used, &imap->command_room, sizeof(*imap->commands));
	command = &imap->commands[imap->command_used++];
	*command = (struct command){.ticket = id};
	make_tag(imap, command->tag);
	ticket = ticket_find(imap, id);
	ASSERT(ticket);
	ticket->unanswered++;

	imap->building = true;
	imap->refused = false;
	buf_clear(&imap->trace);
	command_textf(imap, "%s ", command->tag);
	return 0;
}

void command_text(struct imap *imap, const char *text)
{
	add(imap, text, strlen(text), NULL);
}

void command_textf(struct imap *imap, const char *fmt, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ASSERT(n >= 0 && (size_t)n < sizeof(text));
	add(imap, text, (size_t)n, NULL);
}

void command_hidden(struct imap *imap, struct slice s)
{
	if (s.n > 1) /* "=" is no secret */
		lexer_hide(&imap->reader.lexer, s);
	add(imap, s.p, s.n, "(hidden)");
}

/* ---- strings ---- */

enum form { FORM_ATOM, FORM_QUOTED, FORM_LITERAL, FORM_NONE };

/* Courier takes no '~' in an atom, and others may have a taste of their own: all but the plainest
 * words are quoted. */
static bool is_plain(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-_./:@+=", c));
}

/* "{3}", "x{3+}": even quoted, GNU mailutils takes it for a literal, and waits for the rest. */
static bool ends_like_literal(struct slice s)
{
	size_t n = s.n, digits = 0;

	if (n == 0 || s.p[--n] != '}')
		return false;
	n -= n > 0 && s.p[n - 1] == '+';
	for (; n > 0 && s.p[n - 1] >= '0' && s.p[n - 1] <= '9'; n--)
		digits++;
	return digits > 0 && n > 0 && s.p[n - 1] == '{';
}

/* How S can be written. */
static enum form string_form(const struct imap *imap, struct slice s)
{
	bool atom = s.n > 0 && !slice_eq_nocase(s, SLICE("NIL"));
	bool quoted = s.n <= QUOTED_MAX && !ends_like_literal(s);

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c == 0)
			return FORM_NONE;
		atom = atom && is_plain(c);
		if (c == '\r' || c == '\n' || (c >= 0x80 && !imap->rules.utf8))
			quoted = false;
	}
	if (!quoted)
		return FORM_LITERAL;
	return atom ? FORM_ATOM : FORM_QUOTED;
}

static void add_quoted(struct imap *imap, struct slice s, const char *shown)
{
	struct buf quoted = {0};

	buf_add_char(&quoted, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_add_char(&quoted, '\\');
		buf_add_char(&quoted, s.p[i]);
	}
	if (shown)
		lexer_hide(&imap->reader.lexer, (struct slice){quoted.data + 1, quoted.len - 1});
	buf_add_char(&quoted, '"');
	add(imap, quoted.data, quoted.len, shown);
	buf_wipe(&quoted);
}

bool command_waits(const struct imap *imap, struct slice s)
{
	enum form form = string_form(imap, s);

	return form == FORM_NONE ||
	       (form == FORM_LITERAL && !imap_can(imap, IMAP_CAP_LITERAL_PLUS));
}

static int add_astring(struct imap *imap, struct slice s, const char *shown, struct err *err)
{
	enum form form = string_form(imap, s);
	int rc = 0;

	if (form == FORM_NONE)
		return err_set(err, ERR_SERVER_NO, "a string with a NUL can't be sent to a server");
	if (form == FORM_ATOM)
		add(imap, s.p, s.n, shown);
	else if (form == FORM_QUOTED)
		add_quoted(imap, s, shown);
	else if ((rc = command_literal(imap, s.n, err)) == 0)
		add(imap, s.p, s.n, shown);
	return rc < 0 ? -1 : 0;
}

int command_astring(struct imap *imap, struct slice s, struct err *err)
{
	return add_astring(imap, s, NULL, err);
}

int command_secret(struct imap *imap, struct slice s, struct err *err)
{
	return add_astring(imap, s, "(hidden)", err);
}

/* Wait for "+", or for the answer that comes instead. */
static int wait_continue(struct imap *imap, imap_ticket ticket, struct err *err)
{
	struct response response;

	imap->continuable = ticket;
	imap->continued = false;
	if (connection_flush(imap, err) < 0)
		return -1;
	imap->reader.lexer.sent = true;
	while (!imap->continued && !ticket_is_answered(imap, ticket)) {
		if (receive_next(imap, &response, err) < 0)
			return -1;
	}
	imap->continuable = 0;
	if (imap->continued)
		return 0;
	command_trace(imap);
	imap->refused = true;
	if (ticket_result(imap, ticket)->ok)
		return connection_fatal(imap, err, ERR_PROTO,
			"the server says OK to something that it has not read yet");
	return 1;
}

int command_literal(struct imap *imap, uint64_t size, struct err *err)
{
	bool nonsync = imap_can(imap, IMAP_CAP_LITERAL_PLUS) ||
		       (imap_can(imap, IMAP_CAP_LITERAL_MINUS) && size <= LITERAL_MINUS_MAX);

	if (imap->refused)
		return 1;
	command_textf(imap, "{%llu%s}\r\n", (unsigned long long)size, nonsync ? "+" : "");
	if (nonsync)
		return 0;
	return wait_continue(imap, imap->commands[imap->command_used - 1].ticket, err);
}

/* ---- the end of a command ---- */

void command_trace(struct imap *imap)
{
	char line[2 * TRACE_MAX + 100];
	struct slice shown = buf_slice(&imap->trace);

	if (!log_on(LOG_IMAP))
		return;
	if (shown.n > TRACE_MAX)
		shown.n = TRACE_MAX;
	while (shown.n && (shown.p[shown.n - 1] == '\r' || shown.p[shown.n - 1] == '\n'))
		shown.n--;
	log_debug(LOG_IMAP, "conn %u > %s%s", imap->number, escape(shown, line, sizeof(line)),
		imap->trace.len > TRACE_MAX ? "..." : "");
	buf_clear(&imap->trace);
}

void command_end(struct imap *imap)
{
	ASSERT(imap->building);
	if (!imap->refused) {
		add(imap, "\r\n", 2, "");
		command_trace(imap);
	}
	imap->building = false;
	imap->refused = false;
}

void command_abort(struct imap *imap)
{
	struct command *command = &imap->commands[imap->command_used - 1];
	struct ticket *ticket = ticket_find(imap, command->ticket);

	ASSERT(imap->building && imap->out.len >= command->size);
	imap->out.len -= command->size;
	imap->unanswered_size -= command->size;
	imap->command_used--;
	imap->building = false;
	if (ticket)
		ticket->unanswered--;
}

/* ---- whole commands ---- */

int command_simple(struct imap *imap, const char *text, imap_ticket *out, struct err *err)
{
	*out = ticket_new(imap, text, TICKET_PLAIN);
	if (command_begin(imap, *out, err) < 0)
		return -1;
	command_text(imap, text);
	command_end(imap);
	return 0;
}

int command_run(struct imap *imap, const char *text, struct err *err)
{
	imap_ticket ticket;

	if (command_simple(imap, text, &ticket, err) < 0)
		return -1;
	return imap_wait_ok(imap, ticket, err);
}

int command_mailbox(
	struct imap *imap, const char *name, struct slice wire, imap_ticket *out, struct err *err)
{
	*out = ticket_new(imap, name, TICKET_PLAIN);
	if (command_begin(imap, *out, err) < 0)
		return -1;
	command_textf(imap, "%s ", name);
	if (command_astring(imap, wire, err) < 0) {
		if (imap->dead.kind == ERR_NONE)
			command_abort(imap);
		ticket_forget(imap, *out);
		return -1;
	}
	command_end(imap);
	return 0;
}

int command_settle(struct imap *imap, struct err *err)
{
	struct response ignored;

	if (imap->fetch.active && imap->fetch.abandon(imap, err) < 0)
		return -1;
	while (ticket_any_awaited(imap)) {
		if (receive_next(imap, &ignored, err) < 0)
			return -1;
	}
	return connection_alive(imap, err);
}

/* ---- waiting ---- */

int command_await(struct imap *imap, imap_ticket id, struct err *err)
{
	struct response ignored;

	while (!ticket_is_answered(imap, id)) {
		if (receive_next(imap, &ignored, err) < 0)
			return -1;
	}
	return 0;
}

int imap_wait(struct imap *imap, imap_ticket id, struct imap_result *out, struct err *err)
{
	struct ticket *ticket;

	if (imap->fetch.active && !ticket_is_answered(imap, id) &&
		imap->fetch.abandon(imap, err) < 0)
		return -1;
	if (command_await(imap, id, err) < 0)
		return -1;
	ticket = ticket_find(imap, id);
	ASSERT(ticket && ticket->any);
	*out = ticket->result;
	ticket_drop(imap, ticket);
	return 0;
}

int command_error(const char *what, const struct imap_result *result, struct err *err)
{
	struct err e = {0};

	err_set(&e, later_for_command(result) ? ERR_SERVER_BUSY : ERR_SERVER_NO,
		"the server refused %s", what);
	e.wait_ms = imap_suggested_wait_ms(result->words);
	err_server(&e, result->text, strlen(result->text));
	if (err)
		*err = e;
	return -1;
}

int imap_wait_ok(struct imap *imap, imap_ticket id, struct err *err)
{
	const struct ticket *ticket = ticket_find(imap, id);
	const char *what = ticket ? ticket->what : "";
	struct imap_result result;

	if (imap_wait(imap, id, &result, err) < 0)
		return -1;
	return result.ok ? 0 : command_error(what, &result, err);
}

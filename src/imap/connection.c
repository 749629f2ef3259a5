/*
 * A connection's life: opening, one response after another, closing.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "imap/command.h"
#include "imap/login.h"
#include "imap/select.h"

#define LOGOUT_TIMEOUT_MS 1500
#define LOGOUT_RESPONSES_MAX 1000 /* read after LOGOUT, then we hang up */

/* ---- errors ---- */

int connection_die(struct imap *imap, const struct err *from, struct err *err)
{
	if (imap->dead.kind == ERR_NONE)
		imap->dead = *from;
	return connection_alive(imap, err);
}

int connection_fatal(struct imap *imap, struct err *err, enum err_kind kind, const char *fmt, ...)
{
	struct err e = {0};
	char text[sizeof(e.msg)];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	err_set(&e, kind, "%s", text);
	return connection_die(imap, &e, err);
}

int connection_alive(const struct imap *imap, struct err *err)
{
	if (imap->dead.kind == ERR_NONE)
		return 0;
	if (err)
		*err = imap->dead;
	return -1;
}

/* ---- output ---- */

/* Something is sent, N octets of it. */
static void my_turn(struct imap *imap, size_t n)
{
	stream_set_deadline(imap->stream, pace_write_deadline(&imap->reader.lexer.pace, n));
}

static void servers_turn(struct imap *imap)
{
	if (!imap->capabilities_open) /* else the login goes on: it is bounded as a whole */
		pace_begin(&imap->reader.lexer.pace);
}

int connection_flush(struct imap *imap, struct err *err)
{
	struct err e = {0};
	int rc;

	if (connection_alive(imap, err) < 0)
		return -1;
	if (imap->out.len == 0)
		return 0;

	my_turn(imap, imap->out.len);
	rc = stream_write(imap->stream, imap->out.data, imap->out.len, &e);
	if (rc == 0)
		rc = stream_flush(imap->stream, &e);
	imap->bytes_out += imap->out.len;
	explicit_bzero(imap->out.data, imap->out.len); /* it may hold a password */
	buf_clear(&imap->out);
	servers_turn(imap);
	if (imap->commands_sent == 0) /* else answers are on their way already */
		imap->reader.lexer.sent = true;
	imap->commands_sent = imap->command_used;
	return rc < 0 ? connection_die(imap, &e, err) : 0;
}

int connection_write(struct imap *imap, const void *data, size_t n, struct err *err)
{
	struct err e = {0};

	if (connection_flush(imap, err) < 0)
		return -1;
	my_turn(imap, n);
	if (stream_write(imap->stream, data, n, &e) < 0 || stream_flush(imap->stream, &e) < 0)
		return connection_die(imap, &e, err);
	servers_turn(imap);
	imap->bytes_out += n;
	return 0;
}

/* ---- capabilities ---- */

void connection_forget(struct imap *imap)
{
	imap->capabilities = (struct capabilities){0};
	imap->rules.utf8 = false;
	imap->namespace_count = 0;
}

static struct quirk_words words_of(const struct imap *imap)
{
	return (struct quirk_words){imap->quirks, imap->quirk_count};
}

void connection_take_capabilities(struct imap *imap, const struct capabilities *capabilities)
{
	if (!imap->capabilities_open)
		return;
	imap->announced = imap->capabilities = *capabilities;
	capability_drop(&imap->capabilities, words_of(imap), imap->profile);
}

void connection_take_greeting(struct imap *imap, struct slice text)
{
	imap->profile = quirk_choose(words_of(imap), imap->host, text);
}

bool imap_announces(const struct imap *imap, enum imap_capability capability)
{
	return capability_has(&imap->announced, capability);
}

const struct quirk_profile *imap_profile(const struct imap *imap)
{
	return imap->profile;
}

bool imap_is_alive(const struct imap *imap)
{
	return imap->dead.kind == ERR_NONE;
}

bool imap_can(const struct imap *imap, enum imap_capability capability)
{
	return capability_has(&imap->capabilities, capability);
}

bool imap_qresync(const struct imap *imap)
{
	return imap->qresync;
}

bool imap_expects_qresync(struct imap *imap)
{
	return imap->qresync || !command_is_answered(imap, imap->qresync_ticket);
}

/* ---- input ---- */

static void take_code(struct imap *imap, const struct response_code *code)
{
	if (code->note == NOTE_CAPABILITY)
		connection_take_capabilities(imap, &code->capabilities);
	else
		select_take_code(imap, code);
}

/* The first personal namespace is where names are made. */
static void take_rules(struct imap *imap)
{
	for (size_t i = 0; i < imap->namespace_count; i++) {
		const struct response_namespace *row = &imap->namespaces[i];

		if (!row->personal)
			continue;
		imap->rules.delimiter = row->delimiter;
		if (!memchr(row->prefix.n ? row->prefix.p : "", 0, row->prefix.n)) {
			free(imap->prefix);
			imap->prefix = xstrndup(row->prefix.n ? row->prefix.p : "", row->prefix.n);
			imap->rules.prefix = imap->prefix;
		}
		return;
	}
}

/* Names outlive the response. */
static void take_namespaces(struct imap *imap, const struct response *response)
{
	arena_reset(&imap->names);
	imap->namespace_count = response->namespace_count;
	imap->namespaces = arena_alloc(
		&imap->names, (response->namespace_count + 1) * sizeof(*imap->namespaces));
	for (size_t i = 0; i < response->namespace_count; i++) {
		imap->namespaces[i] = response->namespaces[i];
		imap->namespaces[i].prefix =
			arena_slice(&imap->names, response->namespaces[i].prefix);
	}
	take_rules(imap);
}

static int take_bye(struct imap *imap, const struct response *response, struct err *err)
{
	bool login = response->code.code == IMAP_CODE_AUTHENTICATIONFAILED ||
		     response->code.code == IMAP_CODE_AUTHORIZATIONFAILED;
	struct err e = {0};

	if (imap->leaving)
		return 0;
	err_set(&e, login ? ERR_AUTH : ERR_SERVER_BUSY, "the server ended the connection");
	err_server(&e, response->text.p, response->text.n);
	e.wait_ms = imap_suggested_wait_ms(e.server);
	return connection_die(imap, &e, err);
}

static int take_continue(struct imap *imap, struct err *err)
{
	if (imap->continuable == 0)
		return connection_fatal(imap, err, ERR_PROTO,
			"the server asked to go on where nothing waits for that");
	imap->continued = true;
	return 0;
}

/* What a response means whoever is waiting. */
static int take_response(struct imap *imap, const struct response *response, struct err *err)
{
	switch (response->kind) {
	case RESPONSE_TAGGED:
		if (response->state == RESPONSE_IS_OK)
			take_code(imap, &response->code);
		return command_answered(imap, response, err);
	case RESPONSE_STATE:
		take_code(imap, &response->code);
		return 0;
	case RESPONSE_BYE:
		return take_bye(imap, response, err);
	case RESPONSE_PREAUTH:
		return connection_fatal(imap, err, ERR_PROTO, "the server sent a second greeting");
	case RESPONSE_CONTINUE:
		return take_continue(imap, err);
	case RESPONSE_CAPABILITY:
		connection_take_capabilities(imap, &response->code.capabilities);
		return 0;
	case RESPONSE_NAMESPACE:
		take_namespaces(imap, response);
		return 0;
	case RESPONSE_ENABLED:
		imap->rules.utf8 = imap->rules.utf8 || response->enabled_rev2;
		imap->qresync = imap->qresync || response->enabled_qresync;
		return 0;
	case RESPONSE_EXISTS:
	case RESPONSE_EXPUNGE:
	case RESPONSE_VANISHED:
	case RESPONSE_FLAGS:
		select_take_data(imap, response);
		return 0;
	case RESPONSE_LIST:
	case RESPONSE_STATUS:
	case RESPONSE_SEARCH:
	case RESPONSE_ESEARCH:
	case RESPONSE_FETCH:
	case RESPONSE_OTHER:
		return 0; /* for whoever asked */
	}
	return 0;
}

/* A response came: an answer gives the server time for the next one. */
static int watch_pace(struct imap *imap, const struct response *response, struct err *err)
{
	const struct imap_mailbox *mailbox = &imap->mailbox;

	if (response->kind != RESPONSE_TAGGED)
		return pace_noise(&imap->reader.lexer.pace,
			mailbox->exists > mailbox->expunged ? mailbox->exists : mailbox->expunged,
			err);
	servers_turn(imap);
	return 0;
}

int connection_next(struct imap *imap, struct response *out, struct err *err)
{
	struct err e = {0};

	if (connection_flush(imap, err) < 0)
		return -1;
	if (reader_next(&imap->reader, out, &e) < 0 || watch_pace(imap, out, &e) < 0)
		return connection_die(imap, &e, err);
	return take_response(imap, out, err);
}

/* ---- life ---- */

struct imap *connection_new(const struct imap_options *options, struct stream *stream)
{
	struct imap *imap = xcalloc(1, sizeof(*imap));

	imap->stream = stream;
	imap->number = options->number;
	imap->quirks = options->quirks;
	imap->quirk_count = options->quirk_count;
	imap->host = options->net_options ? options->net_options->host : NULL;
	imap->keywords = options->keywords;
	imap->capabilities_open = true;
	imap->prefix = xstrdup("");
	imap->rules.prefix = imap->prefix;
	buf_room(&imap->out,
		4096); /* so that a password does not stay behind where the buffer was */
	reader_init(&imap->reader, stream, imap->keywords, imap->number);
	imap->reader.lexer.pace.timeout_ms =
		options->net_options ? options->net_options->timeout_ms : 0;
	pace_begin(&imap->reader.lexer.pace);
	return imap;
}

int imap_open_stream(struct imap **out, const struct imap_options *options, struct stream *stream,
	struct err *err)
{
	struct imap *imap = connection_new(options, stream);

	*out = NULL;
	if (login_run(imap, options, err) < 0) {
		imap_close(imap);
		return -1;
	}
	*out = imap;
	return 0;
}

int imap_open(struct imap **out, const struct imap_options *options, struct err *err)
{
	struct stream *stream;

	*out = NULL;
	if (net_dial(options->net, &stream, err) < 0)
		return -1;
	return imap_open_stream(out, options, stream, err);
}

void imap_logout_send(struct imap *imap)
{
	struct err err = {0};

	/* In the middle of a body or an upload the server would not read it as a command; then
	 * closing is enough. */
	if (imap->dead.kind != ERR_NONE || imap->append_open || imap->fetch.active ||
		imap->queued || imap->leaving)
		return;
	imap->leaving = true;
	if (command_simple(imap, "LOGOUT", &imap->logout_ticket, &err) < 0 ||
		connection_flush(imap, &err) < 0)
		log_debug(LOG_IMAP, "conn %u: no LOGOUT: %s", imap->number, err.msg);
}

void imap_logout(struct imap *imap)
{
	struct response response;
	struct err err = {0};

	imap_logout_send(imap);
	if (!imap->leaving || !imap->has_selected)
		return;
	if (imap->reader.lexer.pace.timeout_ms > LOGOUT_TIMEOUT_MS)
		imap->reader.lexer.pace.timeout_ms = LOGOUT_TIMEOUT_MS;
	for (unsigned i = 0; i < LOGOUT_RESPONSES_MAX; i++) {
		if (command_is_answered(imap, imap->logout_ticket) ||
			connection_next(imap, &response, &err) < 0)
			return;
	}
}

void imap_close(struct imap *imap)
{
	if (!imap)
		return;
	stream_close(imap->stream);
	reader_fini(&imap->reader);
	buf_wipe(&imap->out);
	buf_fini(&imap->trace);
	buf_fini(&imap->wire);
	arena_fini(&imap->names);
	uidset_fini(&imap->fetch.uids);
	select_drop_queue(imap);
	free(imap->prefix);
	free(imap->commands);
	free(imap->tickets);
	free(imap);
}

const struct name_rules *imap_name_rules(const struct imap *imap)
{
	return &imap->rules;
}

struct imap_counts imap_counts(const struct imap *imap)
{
	return (struct imap_counts){
		.round_trips = imap->reader.lexer.round_trips,
		.bytes_in = imap->reader.lexer.bytes_in,
		.bytes_out = imap->bytes_out,
		.commands = imap->command_count,
	};
}

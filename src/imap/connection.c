/*
 * The wire, and what is known of who is at its other end.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "imap/connection.h"

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

void connection_servers_turn(struct imap *imap)
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
	connection_servers_turn(imap);
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
	connection_servers_turn(imap);
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
	capability_drop(&imap->capabilities, words_of(imap), imap->profile.profile);
}

void connection_take_greeting(struct imap *imap, struct slice text)
{
	struct quirk_server server = {.host = imap->host, .greeting = text};

	imap->profile = quirk_choose(words_of(imap), &server);
}

void connection_take_id(struct imap *imap, struct slice name, struct slice vendor)
{
	struct quirk_server server = {.id = name};

	if (!imap->id_asked)
		return;
	imap->id_asked = false;
	buf_add_slice(&imap->name, name);
	buf_add_slice(&imap->vendor, vendor);
	if (imap->profile.by)
		return;
	imap->profile = quirk_choose(words_of(imap), &server);
	capability_drop(&imap->capabilities, words_of(imap), imap->profile.profile);
}

bool imap_announces(const struct imap *imap, enum imap_capability capability)
{
	return capability_has(&imap->announced, capability);
}

struct quirk_choice imap_profile(const struct imap *imap)
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

/* ---- a new one ---- */

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

/*
 * One response after another, and what each means whoever is waiting for it.
 */
#include <stdlib.h>
#include <string.h>
#include "imap/receive.h"
#include "imap/selected.h"
#include "imap/ticket.h"

static void take_code(struct imap *imap, const struct response_code *code)
{
	if (code->note == NOTE_CAPABILITY)
		connection_take_capabilities(imap, &code->capabilities);
	else
		selected_take_code(imap, code);
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
	if (response->secret)
		e.server[0] = '\0';
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
		return ticket_take_answer(imap, response, err);
	case RESPONSE_STATE:
		if (selected_is_renumbered(imap, &response->code))
			return connection_fatal(imap, err, ERR_SERVER_BUSY,
				"the server gave the messages other UIDs while their mailbox was "
				"selected");
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
	case RESPONSE_ID:
		connection_take_id(imap, response->id_name, response->id_vendor);
		return 0;
	case RESPONSE_EXISTS:
	case RESPONSE_EXPUNGE:
	case RESPONSE_VANISHED:
	case RESPONSE_FLAGS:
		selected_take_data(imap, response);
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
	connection_servers_turn(imap);
	return 0;
}

int receive_next(struct imap *imap, struct response *out, struct err *err)
{
	struct err e = {0};

	if (connection_flush(imap, err) < 0)
		return -1;
	if (reader_next(&imap->reader, out, &e) < 0 || watch_pace(imap, out, &e) < 0)
		return connection_die(imap, &e, err);
	return take_response(imap, out, err);
}

/*
 * Greeting, STARTTLS, login, ID, NAMESPACE, ENABLE: in the order of the protocol, in as few round
 * trips as the server's announcements allow.
 *
 * Nothing that was said before TLS or before login is believed afterwards: capabilities are
 * dropped, and one octet that came between the answer to STARTTLS and the handshake ends the
 * connection.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "imap/command.h"
#include "imap/login.h"
#include "imap/sasl.h"

#ifndef GODWIT_VERSION
#define GODWIT_VERSION "0.1"
#endif

/* ---- mechanisms ---- */

enum secret { SECRET_PASSWORD, SECRET_TOKEN, SECRET_NONE };

struct mechanism {
	const char *name;   /* as in the configuration and in AUTH=NAME */
	enum secret secret; /* what it needs */
	bool by_default;    /* used without being named in auth.mechanisms */
	bool command;       /* the LOGIN command, no SASL */
	bool client_first;  /* we speak first: the answer may go with the command */
	bool mutual;        /* the server has to prove itself before its OK counts */
};

/*
 * Strongest first. SCRAM and CRAM-MD5 only when named: many servers announce them and hold no
 * password in a form with which they work, so that a right password would be refused.
 */
static const struct mechanism mechanisms[] = {
	{"EXTERNAL", SECRET_NONE, false, false, true, false},
	{"SCRAM-SHA-256", SECRET_PASSWORD, false, false, true, true},
	{"SCRAM-SHA-1", SECRET_PASSWORD, false, false, true, true},
	{"CRAM-MD5", SECRET_PASSWORD, false, false, false, false},
	{"OAUTHBEARER", SECRET_TOKEN, true, false, true, false},
	{"XOAUTH2", SECRET_TOKEN, true, false, true, false},
	{"PLAIN", SECRET_PASSWORD, true, false, true, false},
	{"LOGIN", SECRET_PASSWORD, true, true, false, false},
	{"LOGIN", SECRET_PASSWORD, true, false, false, false},
};

static_assert(COUNT_OF(mechanisms) <= 64, "mechanisms have to fit into a machine word");

uint64_t login_mechanism_bits(struct slice name)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		if (slice_eq_nocase(name, slice_str(mechanisms[i].name)))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

/* Does the server offer row I, and have we got what it needs? */
static bool is_usable(const struct imap *imap, size_t i, const struct imap_login *login)
{
	const struct mechanism *m = &mechanisms[i];

	if (m->secret == SECRET_PASSWORD && !login->password)
		return false;
	if (m->secret == SECRET_TOKEN && !login->token)
		return false;
	if (m->command)
		return !imap_can(imap, IMAP_CAP_LOGINDISABLED);
	return imap->capabilities.mechanisms >> i & 1;
}

static const struct mechanism *find_usable(
	const struct imap *imap, const char *name, const struct imap_login *login)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		bool wanted = name ? slice_eq_nocase(slice_str(name), slice_str(mechanisms[i].name))
				   : mechanisms[i].by_default;

		if (wanted && is_usable(imap, i, login))
			return &mechanisms[i];
	}
	return NULL;
}

static const struct mechanism *choose(const struct imap *imap, const struct imap_login *login)
{
	const struct mechanism *found = NULL;

	if (login->mechanism_count == 0)
		return find_usable(imap, NULL, login);
	for (size_t i = 0; i < login->mechanism_count && !found; i++)
		found = find_usable(imap, login->mechanisms[i], login);
	return found;
}

/* ---- greeting and TLS ---- */

/* 1: logged in already (PREAUTH), 0: not, -1. */
static int read_greeting(struct imap *imap, struct err *err)
{
	struct response response;
	struct err e = {0};

	if (reader_next(&imap->reader, &response, &e) < 0)
		return connection_die(imap, &e, err);
	if (response.kind == RESPONSE_BYE) {
		err_set(&e, ERR_SERVER_BUSY, "the server does not want to talk to us now");
		err_server(&e, response.text.p, response.text.n);
		return connection_die(imap, &e, err);
	}
	if (response.kind != RESPONSE_PREAUTH &&
		(response.kind != RESPONSE_STATE || response.state != RESPONSE_IS_OK))
		return connection_fatal(
			imap, err, ERR_PROTO, "the server's first line is not an IMAP greeting");
	if (response.code.note == NOTE_CAPABILITY)
		connection_take_capabilities(imap, &response.code.capabilities);
	return response.kind == RESPONSE_PREAUTH;
}

static int start_tls(struct imap *imap, const struct imap_options *options, struct err *err)
{
	struct imap_result result;
	struct err e = {0};
	imap_ticket ticket;

	if (imap->capabilities.known && !imap_can(imap, IMAP_CAP_STARTTLS))
		return connection_fatal(imap, err, ERR_PROTO,
			"the server does not offer STARTTLS, and without TLS nothing is sent");
	if (command_simple(imap, "STARTTLS", &ticket, err) < 0 ||
		imap_wait(imap, ticket, &result, err) < 0)
		return -1;
	if (!result.ok) {
		command_error("STARTTLS", &result, &e);
		e.kind = ERR_PROTO;
		return connection_die(imap, &e, err);
	}
	if (lexer_has_input(&imap->reader.lexer) || stream_pending(imap->stream))
		return connection_fatal(imap, err, ERR_PROTO,
			"octets came in before TLS began: somebody is between us and the server");

	if (net_start_tls(options->net, &imap->stream, &e) < 0)
		return connection_die(imap, &e, err);
	imap->reader.lexer.stream = imap->stream;
	connection_forget(imap);
	return 0;
}

/* ---- login ---- */

/* Words of servers that have no code for "later". */
static bool asks_for_patience(const struct imap_result *result)
{
	static const char *const words[] = {"too many", "try again", "temporar", "throttled",
		"not connected", "server unavailable"};

	if (result->code == IMAP_CODE_UNAVAILABLE || result->code == IMAP_CODE_INUSE ||
		result->code == IMAP_CODE_LIMIT)
		return true;
	if (result->code == IMAP_CODE_AUTHENTICATIONFAILED ||
		result->code == IMAP_CODE_AUTHORIZATIONFAILED || result->code == IMAP_CODE_EXPIRED)
		return false;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		if (strcasestr(result->text, words[i]))
			return true;
	}
	return false;
}

static int refused(struct imap *imap, const struct mechanism *mechanism,
	const struct imap_login *login, const struct imap_result *result, struct err *err)
{
	const char *secret = login->password ? login->password : login->token;
	struct err e = {0};

	err_set(&e, asks_for_patience(result) ? ERR_SERVER_BUSY : ERR_AUTH,
		"the server refused the login of %s with %s", login->user ? login->user : "us",
		mechanism->name);
	if (!secret || !secret[0] || !strstr(result->text, secret)) /* some repeat the command */
		err_server(&e, result->text, strlen(result->text));
	return connection_die(imap, &e, err);
}

/* LOGIN user password */
static int login_command(
	struct imap *imap, const struct imap_login *login, imap_ticket ticket, struct err *err)
{
	if (command_begin(imap, ticket, err) < 0)
		return -1;
	command_text(imap, "LOGIN ");
	if (command_astring(imap, slice_str(login->user), err) < 0)
		return -1;
	command_text(imap, " ");
	if (command_secret(imap, slice_str(login->password), err) < 0)
		return -1;
	command_end(imap);
	return 0;
}

static void send_answer(struct imap *imap, const struct buf *answer)
{
	buf_add(&imap->out, answer->data, answer->len);
	buf_add_str(&imap->out, "\r\n");
	if (answer->len)
		buf_add_str(&imap->trace, "(hidden)");
	command_trace(imap);
	imap->reader.lexer.sent = true;
}

/* One challenge. What we can't answer is cancelled, and the server's refusal awaited. */
static int answer_challenge(
	struct imap *imap, struct sasl *sasl, struct slice challenge, struct err *why)
{
	struct buf answer = {0};
	int rc = sasl_step(sasl, challenge, &answer, why);

	if (rc < 0) {
		buf_clear(&answer);
		buf_add_char(&answer, '*');
	}
	send_answer(imap, &answer);
	buf_wipe(&answer);
	return rc;
}

static int begin_authenticate(struct imap *imap, const struct mechanism *mechanism,
	struct sasl *sasl, imap_ticket ticket, struct err *err)
{
	struct buf first = {0};
	int rc = command_begin(imap, ticket, err);

	if (rc < 0)
		return -1;
	command_textf(imap, "AUTHENTICATE %s", mechanism->name);
	if (mechanism->client_first && imap_can(imap, IMAP_CAP_SASL_IR)) {
		rc = sasl_step(sasl, SLICE(""), &first, err);
		if (first.len == 0)
			buf_add_char(&first, '=');
		command_text(imap, " ");
		if (rc == 0)
			rc = command_secret(imap, buf_slice(&first), err);
		buf_wipe(&first);
	}
	command_end(imap);
	return rc;
}

static int authenticate(struct imap *imap, const struct mechanism *mechanism, struct sasl *sasl,
	imap_ticket ticket, struct err *err)
{
	struct response response;
	struct err why = {0};
	int rc = begin_authenticate(imap, mechanism, sasl, ticket, err);

	imap->continuable = ticket;
	while (rc == 0 && !command_is_answered(imap, ticket)) {
		rc = connection_next(imap, &response, err);
		if (rc == 0 && response.kind == RESPONSE_CONTINUE && why.kind == ERR_NONE)
			(void)answer_challenge(imap, sasl, response.text, &why);
	}
	imap->continuable = 0;
	if (rc == 0 && why.kind != ERR_NONE)
		return connection_die(imap, &why, err);
	if (rc == 0 && mechanism->mutual && command_result(imap, ticket)->ok && !sasl_done(sasl))
		return connection_fatal(
			imap, err, ERR_AUTH, "the server did not prove that it knows the password");
	return rc;
}

static int run_mechanism(struct imap *imap, const struct mechanism *mechanism,
	const struct imap_login *login, imap_ticket ticket, struct err *err)
{
	struct sasl *sasl = NULL;
	int rc;

	if (mechanism->command)
		return login_command(imap, login, ticket, err);
	rc = sasl_open(&sasl, mechanism->name, login, err);
	if (rc == 0)
		rc = authenticate(imap, mechanism, sasl, ticket, err);
	sasl_close(sasl);
	return rc;
}

static int no_mechanism(struct imap *imap, const struct imap_login *login, struct err *err)
{
	if (!login->password && !login->token && login->mechanism_count == 0)
		return connection_fatal(imap, err, ERR_AUTH, "there is no password for the login");
	return connection_fatal(imap, err, ERR_AUTH,
		"the server offers no way to log in that can be used%s",
		imap_can(imap, IMAP_CAP_LOGINDISABLED)
			? " on this connection (it wants TLS: LOGINDISABLED)"
		: login->mechanism_count ? ": see auth.mechanisms"
					 : "");
}

static int log_in(struct imap *imap, const struct imap_login *login, struct err *err)
{
	const struct mechanism *mechanism = choose(imap, login);
	struct imap_result result;
	imap_ticket ticket;
	int rc;

	if (!mechanism)
		return no_mechanism(imap, login, err);
	imap->capabilities.known =
		false; /* what comes with the answer replaces it, else we ask again */
	imap->reader.lexer.secret = login->password ? login->password : login->token;
	ticket = command_ticket(imap, "login", TICKET_PLAIN);
	rc = run_mechanism(imap, mechanism, login, ticket, err);
	if (rc == 0)
		rc = imap_wait(imap, ticket, &result, err);
	imap->reader.lexer.secret = NULL;
	if (rc < 0)
		return -1;
	return result.ok ? 0 : refused(imap, mechanism, login, &result, err);
}

/* ---- after login ---- */

static int ask_capabilities(struct imap *imap, struct err *err)
{
	if (imap->capabilities.known)
		return 0;
	if (command_run(imap, "CAPABILITY", err) < 0)
		return -1;
	if (!imap->capabilities.known)
		return connection_fatal(
			imap, err, ERR_PROTO, "the server did not say what it can do");
	return 0;
}

static int send_forgotten(struct imap *imap, const char *text, struct err *err)
{
	imap_ticket ticket;

	if (command_simple(imap, text, &ticket, err) < 0)
		return -1;
	command_forget(imap, ticket);
	return 0;
}

/*
 * What is said once. Nobody waits for the answers: these commands go out together with the first
 * one that matters (the LIST, the SELECT), and their answers come before its answer. Refusals do no
 * harm.
 */
static int introduce(struct imap *imap, struct err *err)
{
	static const char id[] = "ID (\"name\" \"godwit\" \"version\" \"" GODWIT_VERSION "\")";

	if (imap_can(imap, IMAP_CAP_ID) && send_forgotten(imap, id, err) < 0)
		return -1;
	if (imap_can(imap, IMAP_CAP_NAMESPACE) && send_forgotten(imap, "NAMESPACE", err) < 0)
		return -1;
	bool rev2 = imap_can(imap, IMAP_CAP_IMAP4REV2), qresync = imap_can(imap, IMAP_CAP_QRESYNC);
	if (!imap_can(imap, IMAP_CAP_ENABLE) || (!rev2 && !qresync))
		return 0;
	return send_forgotten(imap,
		rev2 && qresync ? "ENABLE IMAP4rev2 QRESYNC"
		: rev2          ? "ENABLE IMAP4rev2"
				: "ENABLE QRESYNC",
		err);
}

int login_run(struct imap *imap, const struct imap_options *options, struct err *err)
{
	enum net_tls tls = options->net_options ? options->net_options->tls : NET_TLS_NONE;
	int logged_in = read_greeting(imap, err);

	if (logged_in < 0)
		return -1;
	if (logged_in && tls == NET_TLS_STARTTLS)
		return connection_fatal(imap, err, ERR_PROTO,
			"the server says that we are logged in before TLS began (PREAUTH)");
	if (tls == NET_TLS_STARTTLS && start_tls(imap, options, err) < 0)
		return -1;

	if (ask_capabilities(imap, err) < 0)
		return -1;
	if (!logged_in &&
		(log_in(imap, options->login, err) < 0 || ask_capabilities(imap, err) < 0))
		return -1;
	imap->capabilities_open = false;
	return introduce(imap, err);
}

/*
 * Greeting, STARTTLS, login, ID, NAMESPACE, ENABLE: in the order of the protocol, in as few round
 * trips as the server's announcements allow.
 *
 * Nothing that was said before TLS or before login is believed afterwards: capabilities are
 * dropped, and one octet that came between the answer to STARTTLS and the handshake ends the
 * connection.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "imap/attempt.h"
#include "imap/command.h"
#include "imap/login.h"

#ifndef GODWIT_VERSION
#define GODWIT_VERSION "0.1"
#endif

static const char id_command[] = "ID (\"name\" \"godwit\" \"version\" \"" GODWIT_VERSION "\")";

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
	connection_take_greeting(imap, response.text);
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

/* Is it the user or the password that the server does not like? */
static bool is_about_the_user(const struct imap_result *result)
{
	return !result->ok && !later_for_login(result) &&
	       result->code != IMAP_CODE_AUTHORIZATIONFAILED && result->code != IMAP_CODE_EXPIRED;
}

/*
 * Make ATTEMPT the next one to try when this one was refused, by the rules of mechanism.c. false:
 * there is none.
 */
static bool step_down(const struct imap *imap, struct attempt *attempt)
{
	const struct mechanism *weaker = mechanism_after(attempt->offer, attempt->mechanism);
	bool bound = attempt->mechanism->traits & MECHANISM_BOUND;

	if (bound && attempt->binding.kind == NET_BINDING_EXPORTER) {
		attempt->binding = net_binding(imap->stream, NET_BINDING_UNIQUE);
		return true;
	}
	if (!weaker || attempt->weaker)
		return false;
	attempt->mechanism = weaker;
	attempt->weaker = true;
	return true;
}

/* Is the refusal of a kind after which something else may be tried? */
static bool may_step_down(const struct attempt *attempt)
{
	bool bound = attempt->mechanism->traits & MECHANISM_BOUND;

	/* Both have shown what they bind to, and it is not the same. */
	if (bound && attempt->binding.kind == NET_BINDING_UNIQUE && attempt->steps > 1)
		return false;
	return is_about_the_user(&attempt->result);
}

/* A last word for the user, by what was refused. */
static const char *advice(const struct attempt *attempt)
{
	if (!(attempt->mechanism->traits & MECHANISM_BOUND) || !is_about_the_user(&attempt->result))
		return "";
	return "; if user and password are right, somebody may be between us and the server";
}

static int refused(struct imap *imap, const struct attempt *attempt, struct err *err)
{
	const struct imap_login *login = attempt->offer->login;
	const struct imap_result *result = &attempt->result;
	struct err e = {0};

	err_set(&e, later_for_login(result) ? ERR_SERVER_BUSY : ERR_AUTH,
		"the server refused the login of %s with %s%s%s%s",
		login->user ? login->user : "us", attempt->mechanism->name,
		attempt->complaint[0] ? ": " : "", attempt->complaint, advice(attempt));
	e.wait_ms = imap_suggested_wait_ms(result->words);
	err_server(&e, result->text, strlen(result->text));
	return connection_die(imap, &e, err);
}

static int no_mechanism(struct imap *imap, const struct mechanism_offer *offer, struct err *err)
{
	const struct imap_login *login = offer->login;

	if (!login->password && !login->token && login->mechanism_count == 0)
		return connection_fatal(imap, err, ERR_AUTH, "there is no password for the login");
	if (mechanism_only_in_clear(offer))
		return connection_fatal(imap, err, ERR_AUTH,
			"without TLS the server offers only logins that show the secret to all on "
			"the way: set server.tls, or name the mechanism in auth.mechanisms");
	return connection_fatal(imap, err, ERR_AUTH,
		"the server offers no way to log in that can be used%s",
		offer->login_disabled    ? " on this connection (it wants TLS: LOGINDISABLED)"
		: login->mechanism_count ? ": see auth.mechanisms"
					 : "");
}

static int try_login(struct imap *imap, struct attempt *attempt, struct err *err)
{
	const struct imap_login *login = attempt->offer->login;

	attempt->complaint[0] = '\0';
	imap->capabilities.known =
		false; /* what comes with the answer replaces it, else we ask again */
	lexer_hide(&imap->reader.lexer, slice_str(login->password ? login->password
						  : login->token  ? login->token
								  : ""));
	return attempt_login(imap, attempt, err);
}

/* It worked at last. Told once, and the account's other connections begin here. */
static void remember(const struct attempt *attempt, const struct attempt *first, unsigned refusals)
{
	const struct imap_login *login = attempt->offer->login;

	if (login->refused && atomic_exchange(login->refused, refusals) == refusals)
		return;
	if (attempt->weaker)
		log_warn("the server refused the login of %s with %s, which it announces, and took "
			 "it "
			 "with %s; to settle this, set auth.mechanisms: [%s]",
			login->user, first->mechanism->name, attempt->mechanism->name,
			attempt->mechanism->name);
}

/* FIRST, and what may be tried when the server refuses it. */
static int try_logins(struct imap *imap, const struct attempt *first, struct err *err)
{
	const struct imap_login *login = first->offer->login;
	unsigned known = login->refused ? atomic_load(login->refused) : 0, refusals = 0;
	struct attempt attempt = *first, last;

	while (refusals < known && step_down(imap, &attempt))
		refusals++;
	for (bool again = false;; again = true) {
		if (try_login(imap, &attempt, err) < 0) {
			/* Some hang up after a refusal: that was the answer, then. */
			if (!again ||
				(imap->dead.kind != ERR_NET && imap->dead.kind != ERR_SERVER_BUSY))
				return -1;
			err_clear(&imap->dead);
			return refused(imap, &last, err);
		}
		if (attempt.result.ok)
			break;
		last = attempt;
		if (!may_step_down(&attempt) || !step_down(imap, &attempt))
			return refused(imap, &last, err);
		refusals++;
	}
	remember(&attempt, first, refusals);
	return 0;
}

static struct net_binding best_binding(const struct stream *stream)
{
	struct net_binding binding = net_binding(stream, NET_BINDING_EXPORTER);

	return binding.kind != NET_BINDING_NONE ? binding : net_binding(stream, NET_BINDING_UNIQUE);
}

/* What a login begins with; its parts point to one another. */
struct beginning {
	struct mechanism_offer offer;
	struct attempt attempt;
};

static void begin(
	const struct imap *imap, const struct imap_options *options, struct beginning *out)
{
	const struct net_options *net = options->net_options;
	struct net_binding binding = best_binding(imap->stream);

	out->offer = (struct mechanism_offer){
		.announced = imap->capabilities.mechanisms,
		.login_disabled = imap_can(imap, IMAP_CAP_LOGINDISABLED),
		.login = options->login,
		.encrypted = net_is_encrypted(imap->stream),
		.private = !net || net_is_private(net),
		.binding = binding.kind != NET_BINDING_NONE,
	};
	out->attempt = (struct attempt){
		.offer = &out->offer,
		.mechanism = mechanism_choose(&out->offer),
		.host = net ? net->host : NULL,
		.binding = binding,
	};
}

static int log_in(struct imap *imap, const struct imap_options *options, struct err *err)
{
	struct beginning b;

	begin(imap, options, &b);
	return b.attempt.mechanism ? try_logins(imap, &b.attempt, err)
				   : no_mechanism(imap, &b.offer, err);
}

const struct mechanism *login_choice(const struct imap *imap, const struct imap_options *options)
{
	struct beginning b;

	begin(imap, options, &b);
	return b.attempt.mechanism;
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

static int send_forgotten(struct imap *imap, const char *text, imap_ticket *ticket, struct err *err)
{
	if (command_simple(imap, text, ticket, err) < 0)
		return -1;
	ticket_forget(imap, *ticket);
	return 0;
}

static int enable(struct imap *imap, struct err *err)
{
	bool rev2 = imap_can(imap, IMAP_CAP_IMAP4REV2), qresync = imap_can(imap, IMAP_CAP_QRESYNC);
	imap_ticket ticket;

	if (!imap_can(imap, IMAP_CAP_ENABLE) || (!rev2 && !qresync))
		return 0;
	if (send_forgotten(imap,
		    rev2 && qresync ? "ENABLE IMAP4rev2 QRESYNC"
		    : rev2          ? "ENABLE IMAP4rev2"
				    : "ENABLE QRESYNC",
		    &ticket, err) < 0)
		return -1;
	imap->qresync_ticket = qresync ? ticket : 0;
	return 0;
}

/*
 * What is said once. Nobody waits for the answers: these commands go out together with the first
 * one that matters (the LIST, the SELECT), and their answers come before its answer. Refusals do no
 * harm.
 */
static int introduce(struct imap *imap, struct err *err)
{
	imap_ticket ticket;

	imap->id_asked = imap_can(imap, IMAP_CAP_ID);
	if (imap->id_asked && send_forgotten(imap, id_command, &ticket, err) < 0)
		return -1;
	if (imap_can(imap, IMAP_CAP_NAMESPACE) &&
		send_forgotten(imap, "NAMESPACE", &ticket, err) < 0)
		return -1;
	return enable(imap, err);
}

int login_ask_id(struct imap *imap, struct err *err)
{
	struct imap_result result;
	imap_ticket ticket;

	imap->id_asked = imap_can(imap, IMAP_CAP_ID);
	if (!imap->id_asked)
		return 0;
	return command_simple(imap, id_command, &ticket, err) < 0
		       ? -1
		       : imap_wait(imap, ticket, &result, err);
}

int login_begin(struct imap *imap, const struct imap_options *options, struct err *err)
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

	return ask_capabilities(imap, err) < 0 ? -1 : logged_in;
}

int login_run(struct imap *imap, const struct imap_options *options, struct err *err)
{
	int logged_in = login_begin(imap, options, err);

	if (logged_in < 0)
		return -1;
	if (!logged_in && (log_in(imap, options, err) < 0 || ask_capabilities(imap, err) < 0))
		return -1;
	imap->capabilities_open = false;
	lexer_hide_less(&imap->reader.lexer);
	pace_begin(&imap->reader.lexer.pace);
	return introduce(imap, err);
}

/*
 * One login: the LOGIN command, or AUTHENTICATE and as many challenges as the mechanism needs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "imap/attempt.h"
#include "imap/command.h"
#include "imap/receive.h"
#include "imap/sasl.h"

#define SHORT_ANSWER 4 /* octets of "*" and "AQ==", which are no secrets */

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
	if (answer->len > SHORT_ANSWER)
		lexer_hide(&imap->reader.lexer, buf_slice(answer));
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

/* FIRST: our first word, if it has to wait until the server asks for it. */
static int begin_authenticate(struct imap *imap, const struct mechanism *mechanism,
	struct sasl *sasl, imap_ticket ticket, struct buf *first, struct err *err)
{
	int rc = command_begin(imap, ticket, err);

	if (rc < 0)
		return -1;
	command_textf(imap, "AUTHENTICATE %s", mechanism->name);
	if (mechanism->traits & MECHANISM_CLIENT_FIRST && imap_can(imap, IMAP_CAP_SASL_IR)) {
		rc = sasl_step(sasl, SLICE(""), first, err);
		if (rc == 0 && first->len <= COMMAND_LINE_MAX) {
			command_text(imap, " ");
			command_hidden(imap, first->len ? buf_slice(first) : SLICE("="));
			buf_wipe(first);
		}
	}
	command_end(imap);
	return rc;
}

static int authenticate(struct imap *imap, const struct mechanism *mechanism, struct sasl *sasl,
	imap_ticket ticket, struct err *err)
{
	struct response response;
	struct buf first = {0};
	struct err why = {0};
	int rc = begin_authenticate(imap, mechanism, sasl, ticket, &first, err);

	imap->continuable = ticket;
	imap->reader.lexer.hide_challenges = true;
	while (rc == 0 && !ticket_is_answered(imap, ticket)) {
		rc = receive_next(imap, &response, err);
		if (rc < 0 || response.kind != RESPONSE_CONTINUE || why.kind != ERR_NONE)
			continue;
		if (first.len)
			send_answer(imap, &first);
		else
			(void)answer_challenge(imap, sasl, response.text, &why);
		buf_wipe(&first);
	}
	buf_wipe(&first);
	imap->reader.lexer.hide_challenges = false;
	imap->continuable = 0;
	if (rc == 0 && why.kind != ERR_NONE)
		return connection_die(imap, &why, err);
	if (rc == 0 && mechanism->traits & MECHANISM_MUTUAL && ticket_result(imap, ticket)->ok &&
		!sasl_done(sasl))
		return connection_fatal(
			imap, err, ERR_AUTH, "the server did not prove that it knows the password");
	return rc;
}

static int use_sasl(struct imap *imap, struct attempt *attempt, imap_ticket ticket, struct err *err)
{
	struct sasl_setup setup = {
		.mechanism = attempt->mechanism->name,
		.login = attempt->offer->login,
		.host = attempt->host,
	};
	struct sasl *sasl = NULL;
	struct err e = {0};
	int rc;

	if (attempt->mechanism->traits & MECHANISM_BOUND)
		setup.binding = &attempt->binding;
	if (sasl_open(&sasl, &setup, &e) < 0)
		return connection_die(imap, &e, err);
	rc = authenticate(imap, attempt->mechanism, sasl, ticket, err);
	attempt->steps = sasl_steps(sasl);
	snprintf(attempt->complaint, sizeof(attempt->complaint), "%s", sasl_complaint(sasl));
	sasl_close(sasl);
	return rc;
}

int attempt_login(struct imap *imap, struct attempt *attempt, struct err *err)
{
	imap_ticket ticket = ticket_new(imap, "login", TICKET_PLAIN);
	int rc = attempt->mechanism->traits & MECHANISM_COMMAND
			 ? login_command(imap, attempt->offer->login, ticket, err)
			 : use_sasl(imap, attempt, ticket, err);

	return rc < 0 ? -1 : imap_wait(imap, ticket, &attempt->result, err);
}

/*
 * Commands: made piece by piece, sent in a bounded window, answered in any order.
 *
 *     imap_ticket ticket = ticket_new(imap, "CREATE", TICKET_PLAIN);
 *     command_begin(imap, ticket, err);
 *     command_text(imap, "CREATE "); command_astring(imap, name, err);
 *     command_end(imap, err);
 *     ... imap_wait(imap, ticket, &result, err)
 */
#ifndef IMAP_COMMAND_H
#define IMAP_COMMAND_H

#include "imap/ticket.h"

#define COMMAND_LINE_MAX 8000 /* octets of UIDs or base64 in a line (RFC 9051: take 8192) */
#define COMMAND_WINDOW 64     /* commands that may be unanswered */
#define COMMAND_WINDOW_SIZE                                                                        \
	(32 * 1024) /* octets of them: what a peer that does not read takes without blocking us */

/* Read until it is answered; a fetch that was begun behind it stays. */
int command_await(struct imap *imap, imap_ticket ticket, struct err *err) MUST_USE;
/* The window has room for another command. */
bool command_has_room(const struct imap *imap);

/*
 * Start a command: ends a fetch that was not read to its end, waits for room in the window
 * (whatever comes meanwhile is dropped: who needs it reads until command_has_room() first), writes
 * the tag.
 */
int command_begin(struct imap *imap, imap_ticket ticket, struct err *err) MUST_USE;
void command_text(struct imap *imap, const char *text);
void command_textf(struct imap *imap, const char *fmt, ...) PRINTF(2, 3);
/* As atom, quoted string or literal. ERR_SERVER_NO, without harm, if it has a NUL: then call
 * command_abort(). */
int command_astring(struct imap *imap, struct slice s, struct err *err) MUST_USE;
/* S can't be sent at all, or not without waiting for the server. */
bool command_waits(const struct imap *imap, struct slice s);
/* As it is, without quotes or braces: base64 behind AUTHENTICATE is no string (RFC 4959). Shown as
 * "(hidden)". */
void command_hidden(struct imap *imap, struct slice s);
/* As command_astring(), shown as "(hidden)". */
int command_secret(struct imap *imap, struct slice s, struct err *err) MUST_USE;
/*
 * "{n}" of a literal, and waiting where the server wants that. 0: the octets may be sent; 1: the
 * server has refused the command, which is thereby over; -1.
 */
int command_literal(struct imap *imap, uint64_t size, struct err *err) MUST_USE;
/* Take back a command of which nothing was sent. Its ticket stays without an answer. */
void command_abort(struct imap *imap);
void command_end(struct imap *imap);

/* A whole command that is nothing but TEXT. */
int command_simple(struct imap *imap, const char *text, imap_ticket *out, struct err *err) MUST_USE;
/* ... and its answer, which has to be OK. */
int command_run(struct imap *imap, const char *text, struct err *err) MUST_USE;
/* NAME MAILBOX, as one ticket. */
int command_mailbox(struct imap *imap, const char *name, struct slice wire, imap_ticket *out,
	struct err *err) MUST_USE;
/* Read until everything that somebody waits for is answered; other data is dropped. */
int command_settle(struct imap *imap, struct err *err) MUST_USE;

/* ---- later.c: does a refusal mean "later"? (imap_means_later() for whatever stores something)
 * ---- */

bool later_for_command(const struct imap_result *result);
bool later_for_login(const struct imap_result *result);

/* The error for an answer that is not OK. Returns -1. */
int command_error(const char *what, const struct imap_result *result, struct err *err);
/* Write the trace of a line that was made, and forget it. */
void command_trace(struct imap *imap);

#endif

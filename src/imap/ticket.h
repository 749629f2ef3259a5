/*
 * Tickets: what was promised to whoever sent a command, until the answer came and was taken. A
 * ticket stands for one command, or for several with one result. Bookkeeping only: nothing here
 * reads or writes.
 */
#ifndef IMAP_TICKET_H
#define IMAP_TICKET_H

#include "imap/connection.h"

/* A ticket without commands. WHAT is static. */
imap_ticket ticket_new(struct imap *imap, const char *what, enum ticket_kind kind);
/* Nobody will wait for it. */
void ticket_forget(struct imap *imap, imap_ticket ticket);
/* No commands of it are unanswered. */
bool ticket_is_answered(struct imap *imap, imap_ticket ticket);
/* The result without taking the ticket; valid until the next ticket. */
const struct imap_result *ticket_result(struct imap *imap, imap_ticket ticket);
/* Answer a ticket here, without the server. */
void ticket_answer(struct imap *imap, imap_ticket ticket, const struct imap_result *result);
/* NULL: no such ticket, or it was taken already. */
struct ticket *ticket_find(struct imap *imap, imap_ticket id);
/* It is taken. */
void ticket_drop(struct imap *imap, struct ticket *ticket);
/* Somebody will wait for an answer that is still on its way. */
bool ticket_any_awaited(struct imap *imap);
/* A tagged answer came. -1: nothing was sent under that tag. */
int ticket_take_answer(
	struct imap *imap, const struct response *response, struct err *err) MUST_USE;

#endif

/*
 * For command.c: ending a fetch that nobody reads any more. For select.c: a fetch that waits behind
 * the running one.
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap/connection.h"

/* Read and drop what was asked for already; nothing more is asked. */
int fetch_abandon(struct imap *imap, struct err *err) MUST_USE;
/* Send what REQUEST asks of all messages, in one command. */
int fetch_send_all(struct imap *imap, const struct imap_fetch_request *request, imap_ticket *out,
	struct err *err) MUST_USE;
/* It is the running one from here on. */
void fetch_take_over(
	struct imap *imap, const struct imap_fetch_request *request, imap_ticket ticket);

#endif

/*
 * One login with one mechanism. Which one, and what a refusal means, is login.c's and
 * mechanism.c's.
 */
#ifndef IMAP_ATTEMPT_H
#define IMAP_ATTEMPT_H

#include "imap/connection.h"
#include "imap/mechanism.h"

struct attempt {
	/* set by the caller */
	const struct mechanism_offer *offer;
	const struct mechanism *mechanism;
	const char *host;           /* the server's name, NULL: not known */
	struct net_binding binding; /* for a mechanism that is bound to TLS */
	bool weaker;                /* than the best on offer, which the server refused */
	/* filled by attempt_login() */
	struct imap_result result;
	unsigned steps;      /* answers that we gave */
	char complaint[320]; /* what the server has against an OAuth token, escaped; "": nothing */
};

/* 0: the server answered, see attempt->result. -1: the connection is over; also because the server
 * did not prove what it had to, or asked for what we don't do. */
int attempt_login(struct imap *imap, struct attempt *attempt, struct err *err) MUST_USE;

#endif

/*
 * SASL exchanges (RFC 4422), in base64 as IMAP carries them. gsasl.c is the door to GNU SASL;
 * OAuth's two mechanisms, one string each, live there too.
 */
#ifndef IMAP_SASL_H
#define IMAP_SASL_H

#include "imap/imap.h"

struct sasl;

/* Borrowed until sasl_close(). */
struct sasl_setup {
	const char *mechanism;
	const struct imap_login *login;
	const char *host;                  /* for DIGEST-MD5 and GSSAPI; NULL: not known */
	const struct net_binding *binding; /* for a mechanism that is bound to TLS; else NULL */
};

/* ERR_AUTH if the library does not have the mechanism. */
int sasl_open(struct sasl **out, const struct sasl_setup *setup, struct err *err) MUST_USE;
/*
 * Our answer to CHALLENGE (base64, "" at the start and for an empty one) appended to OUT, base64
 * without a line end; the caller wipes it. ERR_AUTH if the challenge is not acceptable.
 */
int sasl_step(struct sasl *sasl, struct slice challenge, struct buf *out, struct err *err) MUST_USE;
/* The exchange is complete from our side: for mechanisms in which the server has to prove itself,
 * it did. */
bool sasl_done(const struct sasl *sasl);
/* How many answers we gave. */
unsigned sasl_steps(const struct sasl *sasl);
/* What the server has against an OAuth token: its JSON, cut and escaped; "": it did not say. */
const char *sasl_complaint(const struct sasl *sasl);
void sasl_close(struct sasl *sasl); /* NULL is allowed */

#endif

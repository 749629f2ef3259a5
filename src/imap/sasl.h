/*
 * SASL exchanges (RFC 4422), in base64 as IMAP carries them. gsasl.c is the door to GNU SASL;
 * OAuth's two mechanisms, one string each, live there too.
 */
#ifndef IMAP_SASL_H
#define IMAP_SASL_H

#include "imap/imap.h"

struct sasl;

/* ERR_AUTH if the library does not have MECHANISM. LOGIN is borrowed. */
int sasl_open(struct sasl **out, const char *mechanism, const struct imap_login *login,
	struct err *err) MUST_USE;
/*
 * Our answer to CHALLENGE (base64, "" at the start and for an empty one) appended to OUT, base64
 * without a line end; the caller wipes it. ERR_AUTH if the challenge is not acceptable.
 */
int sasl_step(struct sasl *sasl, struct slice challenge, struct buf *out, struct err *err) MUST_USE;
/* The exchange is complete from our side: for mechanisms in which the server has to prove itself,
 * it did. */
bool sasl_done(const struct sasl *sasl);
void sasl_close(struct sasl *sasl); /* NULL is allowed */

#endif

/*
 * Which way to log in: the table of mechanisms, and the choice among them. Pure.
 */
#ifndef IMAP_MECHANISM_H
#define IMAP_MECHANISM_H

#include "imap/imap.h"

enum mechanism_secret { SECRET_PASSWORD, SECRET_TOKEN, SECRET_CERTIFICATE, SECRET_TICKET };

enum mechanism_trait {
	MECHANISM_DEFAULT = 1 << 0,      /* used without being named in auth.mechanisms */
	MECHANISM_COMMAND = 1 << 1,      /* the LOGIN command, no SASL */
	MECHANISM_CLIENT_FIRST = 1 << 2, /* we speak first: it may go with the command */
	MECHANISM_MUTUAL = 1 << 3,       /* the server has to prove itself before its OK counts */
	MECHANISM_CLEAR = 1 << 4,        /* who reads the connection has the secret */
	MECHANISM_BOUND = 1 << 5,        /* tied to the TLS connection (-PLUS) */
};

struct mechanism {
	const char *name;             /* as in the configuration and in AUTH=NAME */
	enum mechanism_secret secret; /* what it needs */
	unsigned traits;
};

/* What a choice rests on. */
struct mechanism_offer {
	uint64_t announced;  /* rows of the table: bits of mechanism_bits() */
	bool login_disabled; /* the server takes no LOGIN command: LOGINDISABLED */
	const struct imap_login *login;
	bool encrypted; /* by TLS, with a server that was verified */
	bool private;   /* the connection does not leave this machine, or is a tunnel's */
	bool binding;   /* TLS gives something that a mechanism can be bound to */
};

/* Bits of the table whose rows have this SASL name: for capability.c. */
uint64_t mechanism_bits(struct slice name);
/* The names of the rows in BITS, without repeats, with a blank between them, appended to OUT. */
void mechanism_names(uint64_t bits, struct buf *out);

/* The strongest, or the first of login->mechanisms, that both sides can use; NULL: none. */
const struct mechanism *mechanism_choose(const struct mechanism_offer *offer);
/*
 * What may be tried once after the server refused REFUSED; NULL: nothing. See mechanism.c for when
 * that is safe, rule 2 for a REFUSED that is bound to TLS.
 */
const struct mechanism *mechanism_after(
	const struct mechanism_offer *offer, const struct mechanism *refused);
/* A password or token could be sent, if it might go in the clear. */
bool mechanism_only_in_clear(const struct mechanism_offer *offer);

#endif

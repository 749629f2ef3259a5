/*
 * An IMAP connection to a scripted server, for tests of the client.
 */
#ifndef TESTS_FAKE_SESSION_H
#define TESTS_FAKE_SESSION_H

#include "imap/imap.h"
#include "tests/fake/script.h"

struct session {
	struct script script;
	struct keywords *keywords;
	struct imap *imap; /* NULL if opening failed */
	struct err err;
	struct imap_login login; /* alice, secret; may be changed before session_open() */
	struct net_options net;  /* tls none */
	char *const *quirks;
	size_t quirk_count;
	size_t cut_after, chunk; /* of the script */
};

void session_init(struct session *session);
/* imap_open_stream(): its return value. */
int session_open(struct session *session, const char *const *steps);
/* Closes; fails the test (naming NAME) unless the script came to its end. Everything is released.
 */
void session_end(struct session *session, const char *name);
/* The same without looking at the script. */
void session_drop(struct session *session);

#endif

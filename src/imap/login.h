/*
 * From the first octet to a connection that is ready: greeting, TLS, login, what is said once.
 */
#ifndef IMAP_LOGIN_H
#define IMAP_LOGIN_H

#include "imap/connection.h"
#include "imap/mechanism.h"

/* Greeting, TLS, capabilities. 1: the server says that we are logged in already (PREAUTH), 0, -1.
 */
int login_begin(struct imap *imap, const struct imap_options *options, struct err *err) MUST_USE;
/* Behind login_begin(): the mechanism that a login would use; NULL: none. */
const struct mechanism *login_choice(const struct imap *imap, const struct imap_options *options);
/* Behind login_begin(): ask who made the server, if it says that it would tell, and wait for what
 * it says. 0, also if it refuses; -1. */
int login_ask_id(struct imap *imap, struct err *err) MUST_USE;
int login_run(struct imap *imap, const struct imap_options *options, struct err *err) MUST_USE;

#endif

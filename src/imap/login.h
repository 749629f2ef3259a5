/*
 * From the first octet to a connection that is ready: greeting, TLS, login, what is said once.
 */
#ifndef IMAP_LOGIN_H
#define IMAP_LOGIN_H

#include "imap/connection.h"

int login_run(struct imap *imap, const struct imap_options *options, struct err *err) MUST_USE;

#endif

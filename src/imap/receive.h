/*
 * What comes from the server: the only way in.
 */
#ifndef IMAP_RECEIVE_H
#define IMAP_RECEIVE_H

#include "imap/connection.h"

/*
 * Flush, read one response, do what it says about the connection: match tagged answers to commands,
 * follow the selected mailbox, end the connection on BYE. OUT is valid until the next call.
 */
int receive_next(struct imap *imap, struct response *out, struct err *err) MUST_USE;

#endif

/*
 * For command.c: ending a fetch that nobody reads any more.
 */
#ifndef IMAP_FETCH_H
#define IMAP_FETCH_H

#include "imap/connection.h"

/* Read and drop what was asked for already; nothing more is asked. */
int fetch_abandon(struct imap *imap, struct err *err) MUST_USE;

#endif

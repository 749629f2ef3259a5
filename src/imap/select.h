/*
 * The selected mailbox, kept up to date by what the server pushes. For connection.c.
 */
#ifndef IMAP_SELECT_H
#define IMAP_SELECT_H

#include "imap/connection.h"

/* EXISTS, EXPUNGE, VANISHED, FLAGS */
void select_take_data(struct imap *imap, const struct response *response);
/* UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ, PERMANENTFLAGS, READ-ONLY, ... */
void select_take_code(struct imap *imap, const struct response_code *code);
/* Release what is queued: the connection is over. */
void select_drop_queue(struct imap *imap);

#endif

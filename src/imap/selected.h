/*
 * The selected mailbox, kept up to date by what the server pushes. Bookkeeping only:
 * nothing here reads or writes.
 */
#ifndef IMAP_SELECTED_H
#define IMAP_SELECTED_H

#include "imap/connection.h"

/* EXISTS, EXPUNGE, VANISHED, FLAGS */
void selected_take_data(struct imap *imap, const struct response *response);
/* UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ, PERMANENTFLAGS, READ-ONLY, ... */
void selected_take_code(struct imap *imap, const struct response_code *code);
/* CODE says that the mailbox which is selected got another UIDVALIDITY. */
bool selected_is_renumbered(const struct imap *imap, const struct response_code *code);
/* Nothing is known of it yet. */
void selected_reset(struct imap *imap);
/* The SELECT (EXAMINE) was answered with OK. */
void selected_settle(struct imap *imap, bool examine);
/* Release what is queued: the connection is over. */
void selected_drop_queue(struct imap *imap);

#endif

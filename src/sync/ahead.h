/*
 * Between the two halves of a SELECT: how a mailbox will be listed. The rest of ahead.c stands in
 * pass.h.
 */
#ifndef SYNC_AHEAD_H
#define SYNC_AHEAD_H

#include "sync/pass.h"

enum rung { RUNG_UNKNOWN, RUNG_PLAIN, RUNG_CONDSTORE, RUNG_QRESYNC };

/* The rung is not worth more than what it stands on: a MODSEQ that this mailbox gave us. ROWS: of
 * this mailbox, under its present id. */
enum rung ahead_choose(const struct worker *w, const struct box *box, uint64_t rows);
/* Ask for flags by RUNG; not for RUNG_UNKNOWN. */
int ahead_begin_flags(struct worker *w, struct box *box, enum rung rung, struct err *err) MUST_USE;
/* Is what was sent ahead of use? Not if the SELECT told that the mailbox is another one than the
 * state knows. */
bool ahead_serves(const struct worker *w, const struct box *box);

#endif

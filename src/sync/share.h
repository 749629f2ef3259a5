/*
 * A mailbox of which much is to be fetched, shared out to connections that have nothing to do. Who
 * fetches from it is asked by who waits, and gives away half of what he has not asked the server
 * for yet: so nobody runs dry before the end, and as long as nobody waits it costs nothing.
 *
 * One owner, who opened it: he alone plans, notes what the server refuses, and moves the watermark,
 * all after share_close(), when nobody else is in it any more. Helpers only fetch and hand over to
 * the settler. A UID is with exactly one of: who fetches it, `loose`, `left`; what a helper did not
 * get because his connection broke is loose again.
 */
#ifndef SYNC_SHARE_H
#define SYNC_SHARE_H

#include <stdatomic.h>

#include "model/uidset.h"
#include "sync/pool.h"

/* Guarded by the pool's lock, but for the first two, which stay as they are, and `wants`. */
struct share {
	struct pool *pool;
	struct box *box;
	struct share *next;   /* in the pool */
	unsigned members;     /* helpers in it */
	unsigned working;     /* who fetches, the owner included */
	unsigned hungry;      /* who waits for a part */
	struct uidset loose;  /* nobody fetches them */
	struct uidset left;   /* asked for, but the server did not send them */
	struct uidset untold; /* came without their flags: the owner asks for these */
	bool closed;
	_Atomic bool wants; /* somebody is hungry, and nothing is loose */
};

/* Owner: from now on idle workers come. */
void share_open(struct share *share, struct pool *pool, struct box *box);
/* Owner: no more parts are given out, and everybody has left; frees all. What nobody got is added
 * to LEFT, and what came without flags to UNTOLD. */
void share_close(struct share *share, struct uidset *left, struct uidset *untold);

/* Helper: a share to help with, NULL if there is none. share_leave() must follow. */
struct share *share_join(struct pool *pool);
void share_leave(struct share *share);

/* Does somebody wait for a part? Cheap. */
bool share_wants(struct share *share);
/* Give away PART, which the caller was to fetch; it is empty then. */
void share_give(struct share *share, struct uidset *part);
/* A part to fetch. false: there is none; a helper may come again, for the owner it is the end:
 * nobody fetches any more. */
bool share_take(struct share *share, bool owner, struct uidset *part);
/* The part that was taken (or the owner's first one) is done but for REST, which is empty then.
 * ASKED: the server had its chance; else somebody else shall try. */
void share_return(struct share *share, struct uidset *rest, bool asked);
/* Helper: UNTOLD came without their flags; it is empty then. */
void share_untold(struct share *share, struct uidset *untold);

#endif

/*
 * The mailboxes of one phase of a pass, for the workers to take. One that met trouble is handed
 * back and waits here until its time has come, while the others are done: the trouble of one
 * mailbox, or of one connection, keeps nobody else from working.
 */
#ifndef SYNC_POOL_H
#define SYNC_POOL_H

#include "base/thread.h"

struct box;
struct share;

struct pool_place {
	struct box *box;
	int64_t not_before; /* clock_ms() */
};

struct pool {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct pool_place *places; /* owned: ring of ROOM places, COUNT from FIRST on are taken */
	size_t first, count, room;
	unsigned working;     /* workers that have a mailbox */
	struct share *shares; /* of mailboxes that others can help with: share.c */
	int64_t not_before;   /* the server wants to be left alone */
	bool stopped;
	struct err err; /* of who stopped first */
};

void pool_init(struct pool *pool);
void pool_fini(struct pool *pool);
/* Begin a phase: all BOXES, to be taken in this order. */
void pool_fill(struct pool *pool, struct box **boxes, size_t count);

/* Is there something to take, or, from HELPS_FROM on (clock_ms()), to help with? Waits while
 * neither is known. false: the phase is over, or was stopped. */
bool pool_has_work(struct pool *pool, int64_t helps_from);
/* The next mailbox; waits while another worker may still hand one back. It is the caller's until
 * pool_done() or pool_hand_back(). NULL: there is something to help with, or the phase is over, or
 * was stopped. */
struct box *pool_take(struct pool *pool, int64_t helps_from);
/* The next mailbox, if SUITS says so of it; never waits. */
typedef bool pool_suits(const struct box *box, const void *arg);
struct box *pool_take_if(struct pool *pool, pool_suits *suits, const void *arg);
bool pool_is_stopped(struct pool *pool);
void pool_done(struct pool *pool);
/* Somebody shall take BOX later, not before WAIT_MS have passed. */
void pool_hand_back(struct pool *pool, struct box *box, unsigned wait_ms);
/* Nobody takes anything for WAIT_MS. */
void pool_pause(struct pool *pool, unsigned wait_ms);
/* Wait MS milliseconds, or until the phase is over. */
void pool_rest(struct pool *pool, unsigned ms);
/* The lock is held: sleep for a moment, MS at most, or until something changes. */
void pool_sleep(struct pool *pool, int64_t ms);
/* The pass can't go on: the first error counts, the other workers stop at their next mailbox. */
void pool_stop(struct pool *pool, const struct err *err);
/* 0, or -1 with the error of who stopped it. */
int pool_result(struct pool *pool, struct err *err) MUST_USE;

#endif

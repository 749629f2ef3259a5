/*
 * A bounded queue of pointers between threads. Many may push, one takes, in batches: each item has
 * a weight, and who takes sleeps until enough has come together. A wake-up for each item costs more
 * than the item.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include <limits.h>

#include "base/thread.h"

#define QUEUE_FOREVER UINT_MAX

struct queue;

struct queue *queue_new(size_t limit); /* at most LIMIT items wait; nor more than this weight */
void queue_free(struct queue *queue);  /* must be empty, nobody may wait in it */
/* WEIGHT: at least 1. Waits for room: while there is less than LIMIT. false: the queue was closed,
 * the item was not taken. */
bool queue_push(struct queue *queue, void *item, size_t weight) MUST_USE;
/* Wait until items of this WEIGHT are there, MS milliseconds went by (or QUEUE_FOREVER), or the
 * queue is closed. */
void queue_wait(struct queue *queue, size_t weight, unsigned ms);
/* The next item, NULL if there is none. Never waits. */
void *queue_take(struct queue *queue);
/* No more pushes; what is in it can still be taken. */
void queue_close(struct queue *queue);

#endif

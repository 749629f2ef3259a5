/*
 * A bounded queue of pointers between threads. Many may push, many may pop.
 */
#ifndef BASE_QUEUE_H
#define BASE_QUEUE_H

#include "base/thread.h"

struct queue;

struct queue *queue_new(size_t limit); /* at most LIMIT items wait */
void queue_free(struct queue *queue);  /* must be empty, nobody may wait in it */
/* Waits for room. false: the queue was closed, the item was not taken. */
bool queue_push(struct queue *queue, void *item) MUST_USE;
/* Waits for an item. NULL: closed and empty. */
void *queue_pop(struct queue *queue);
/* As queue_pop(), at most MS milliseconds (0: at once). *TIMED_OUT tells the two NULLs apart. */
void *queue_pop_wait(struct queue *queue, unsigned ms, bool *timed_out);
/* No more pushes; what is in it can still be popped. */
void queue_close(struct queue *queue);
size_t queue_length(struct queue *queue);

#endif

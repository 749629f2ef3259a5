#include "base/queue.h"

#include <stdlib.h>

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* something was pushed, popped or closed */
	void **items;           /* a ring of LIMIT */
	size_t limit, first, count;
	bool closed;
};

struct queue *queue_new(size_t limit)
{
	struct queue *queue = xcalloc(1, sizeof(*queue));

	ASSERT(limit > 0);
	queue->limit = limit;
	queue->items = xcalloc(limit, sizeof(*queue->items));
	mutex_init(&queue->lock);
	cond_init(&queue->changed);
	return queue;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	ASSERT(queue->count == 0);
	mutex_fini(&queue->lock);
	cond_fini(&queue->changed);
	free(queue->items);
	free(queue);
}

bool queue_push(struct queue *queue, void *item)
{
	mutex_lock(&queue->lock);
	while (queue->count == queue->limit && !queue->closed)
		cond_wait(&queue->changed, &queue->lock);
	bool taken = !queue->closed;
	if (taken) {
		queue->items[(queue->first + queue->count++) % queue->limit] = item;
		/* Only somebody who found it empty or full waits. */
		if (queue->count == 1)
			cond_broadcast(&queue->changed);
	}
	mutex_unlock(&queue->lock);
	return taken;
}

/* Under the lock: the first item, NULL if there is none. */
static void *take(struct queue *queue)
{
	if (queue->count == 0)
		return NULL;
	void *item = queue->items[queue->first];
	queue->first = (queue->first + 1) % queue->limit;
	if (queue->count-- == queue->limit)
		cond_broadcast(&queue->changed);
	else if (queue->count > 0)
		cond_signal(&queue->changed); /* another popper may have missed the one broadcast
						 for the first item */
	return item;
}

void *queue_pop(struct queue *queue)
{
	mutex_lock(&queue->lock);
	while (queue->count == 0 && !queue->closed)
		cond_wait(&queue->changed, &queue->lock);
	void *item = take(queue);
	mutex_unlock(&queue->lock);
	return item;
}

void *queue_pop_wait(struct queue *queue, unsigned ms, bool *timed_out)
{
	int64_t until = clock_ms() + ms;

	*timed_out = false;
	mutex_lock(&queue->lock);
	while (queue->count == 0 && !queue->closed) {
		int64_t left = until - clock_ms();
		if (left <= 0) {
			*timed_out = true;
			break;
		}
		cond_wait_ms(&queue->changed, &queue->lock, (unsigned)left);
	}
	void *item = take(queue);
	mutex_unlock(&queue->lock);
	return item;
}

void queue_close(struct queue *queue)
{
	mutex_lock(&queue->lock);
	queue->closed = true;
	cond_broadcast(&queue->changed);
	mutex_unlock(&queue->lock);
}

size_t queue_length(struct queue *queue)
{
	mutex_lock(&queue->lock);
	size_t n = queue->count;
	mutex_unlock(&queue->lock);
	return n;
}

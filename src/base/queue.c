#include "base/queue.h"

#include <stdlib.h>

struct entry {
	void *item;
	size_t weight;
};

struct queue {
	pthread_mutex_t lock;
	pthread_cond_t room, come; /* for those who push; for the one who takes */
	struct entry *entries;     /* a ring of LIMIT */
	size_t limit, first, count, weight;
	size_t awaited; /* weight that the one who takes sleeps for; 0: does not sleep */
	bool closed;
};

struct queue *queue_new(size_t limit)
{
	struct queue *queue = xcalloc(1, sizeof(*queue));

	ASSERT(limit > 0);
	queue->limit = limit;
	queue->entries = xcalloc(limit, sizeof(*queue->entries));
	mutex_init(&queue->lock);
	cond_init(&queue->room);
	cond_init(&queue->come);
	return queue;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	ASSERT(queue->count == 0);
	mutex_fini(&queue->lock);
	cond_fini(&queue->room);
	cond_fini(&queue->come);
	free(queue->entries);
	free(queue);
}

bool queue_push(struct queue *queue, void *item, size_t weight)
{
	ASSERT(weight > 0); /* so that LIMIT bounds their number, too */
	mutex_lock(&queue->lock);
	while (queue->weight >= queue->limit && !queue->closed)
		cond_wait(&queue->room, &queue->lock);
	bool taken = !queue->closed;
	if (taken) {
		queue->entries[(queue->first + queue->count++) % queue->limit] =
			(struct entry){item, weight};
		queue->weight += weight;
		if (queue->awaited > 0 && queue->weight >= queue->awaited) {
			queue->awaited = 0;
			cond_signal(&queue->come);
		}
	}
	mutex_unlock(&queue->lock);
	return taken;
}

void queue_wait(struct queue *queue, size_t weight, unsigned ms)
{
	int64_t until = clock_ms() + ms, left;

	mutex_lock(&queue->lock);
	while (queue->weight < weight && !queue->closed) {
		queue->awaited = weight;
		if (ms == QUEUE_FOREVER) {
			cond_wait(&queue->come, &queue->lock);
			continue;
		}
		left = until - clock_ms();
		if (left <= 0)
			break;
		cond_wait_ms(&queue->come, &queue->lock, (unsigned)left);
	}
	queue->awaited = 0;
	mutex_unlock(&queue->lock);
}

void *queue_take(struct queue *queue)
{
	void *item = NULL;

	mutex_lock(&queue->lock);
	if (queue->count > 0) {
		struct entry *entry = &queue->entries[queue->first];
		bool full = queue->weight >= queue->limit;
		item = entry->item;
		queue->weight -= entry->weight;
		queue->first = (queue->first + 1) % queue->limit;
		queue->count--;
		if (full && queue->weight < queue->limit)
			cond_broadcast(&queue->room);
	}
	mutex_unlock(&queue->lock);
	return item;
}

void queue_close(struct queue *queue)
{
	mutex_lock(&queue->lock);
	queue->closed = true;
	cond_broadcast(&queue->room);
	cond_broadcast(&queue->come);
	mutex_unlock(&queue->lock);
}

/*
 * One thread, one queue, one transaction a batch. Why not let each worker commit: LMDB has one
 * writer anyway, a commit costs a disk flush, and only somebody who sees all workers can share that
 * flush between them. Why two steps for a download: the row must not exist before the file is
 * durable under its final name (else a power cut turns it into "deleted here"), and the file must
 * not have its final name before the state knows of it (else a power cut turns it into "new here",
 * and it is sent back). The `arrival` row is the bridge.
 *
 * Batches overlap: while batch k's files are being renamed, workers fill batch k + 1; the sync that
 * makes k + 1's data durable makes k's renames durable, too. So n messages cost about one sync and
 * one commit a batch.
 */
#include "sync/settle_impl.h"

#include <stdlib.h>

/* An item weighs one, and one more for each begun 16 KiB of new file data. */
#define WEIGHT_SHIFT 14
#define BATCH_WEIGHT 8192 /* of what is made durable and committed at once */
#define BATCH_MS 2000     /* a slow link must not leave finished downloads unsettled for long */

static void fail(struct settler *s, const struct err *err)
{
	mutex_lock(&s->lock);
	if (!s->failed) {
		s->failed = true;
		s->err = *err;
	}
	cond_broadcast(&s->done);
	mutex_unlock(&s->lock);
}

static size_t weight(const struct item *item)
{
	if (item->kind == ITEM_FLUSH) /* somebody waits: ripe at once */
		return BATCH_WEIGHT;
	if (item->kind != ITEM_ARRIVAL)
		return 1;
	uint64_t data = (item->row.size + (1u << WEIGHT_SHIFT) - 1) >> WEIGHT_SHIFT;
	return data < BATCH_WEIGHT ? 1 + (size_t)data : BATCH_WEIGHT;
}

static bool has_flush(const struct list *list)
{
	for (const struct item *item = list->first; item; item = item->next)
		if (item->kind == ITEM_FLUSH)
			return true;
	return false;
}

/* Fill BATCH behind what it holds. false: the queue is closed and empty. */
static bool gather(struct settler *s, struct list *batch)
{
	size_t sum = 0;
	struct item *item = NULL;

	if (has_flush(batch))
		return true;
	if (batch->count == 0)
		queue_wait(s->queue, 1, QUEUE_FOREVER);
	queue_wait(s->queue, BATCH_WEIGHT, BATCH_MS);
	while (sum < BATCH_WEIGHT && (item = queue_take(s->queue))) {
		sum += weight(item);
		list_add(batch, item);
	}
	return batch->count > 0;
}

static void *settler_main(void *arg)
{
	struct settler *s = arg;
	bool open = true, failed = false;

	while (open) {
		struct err err = {0};
		struct list batch = list_take(&s->second);
		open = gather(s, &batch);
		if (!failed && batch_settle(s, &batch, &err) != 0) {
			failed = true;
			fail(s, &err);
		}
		struct item *item;
		while ((item = list_pop(&batch)))
			item_free(item);
		if (failed)
			while ((item = list_pop(&s->second)))
				item_free(item);
		open = open || s->second.count > 0;
	}
	return NULL;
}

struct settler *settler_start(const struct settler_options *options)
{
	struct settler *s = xcalloc(1, sizeof(*s));

	s->o = *options;
	s->queue = queue_new(BATCH_WEIGHT);
	s->group = fs_group_supported(options->root->fd);
	s->keywords_saved = keywords_count(options->keywords);
	mutex_init(&s->lock);
	cond_init(&s->done);
	thread_start(&s->thread, "settler", settler_main, s);
	return s;
}

int settler_stop(struct settler *s, struct err *err)
{
	queue_close(s->queue);
	thread_join(s->thread);
	int rc = 0;
	if (s->failed) {
		*err = s->err;
		rc = -1;
	}
	queue_free(s->queue);
	mutex_fini(&s->lock);
	cond_fini(&s->done);
	free(s);
	return rc;
}

static int failure(struct settler *s, struct err *err)
{
	mutex_lock(&s->lock);
	bool failed = s->failed;
	if (failed)
		*err = s->err;
	mutex_unlock(&s->lock);
	return failed ? -1 : 0;
}

int settler_hand_over(struct settler *s, struct item *item, struct err *err)
{
	if (failure(s, err) != 0 || !queue_push(s->queue, item, weight(item))) {
		item_free(item);
		return err->kind ? -1 : err_set(err, ERR_STATE, "the settler has ended");
	}
	return 0;
}

int settler_flush(struct settler *s, struct err *err)
{
	struct waiter waiter = {0};
	struct item *item = xcalloc(1, sizeof(*item));

	item->kind = ITEM_FLUSH;
	item->waiter = &waiter;
	if (settler_hand_over(s, item, err) != 0)
		return -1;
	mutex_lock(&s->lock);
	while (!waiter.done && !s->failed)
		cond_wait(&s->done, &s->lock);
	bool done = waiter.done;
	if (!done)
		*err = s->err;
	mutex_unlock(&s->lock);
	return done ? 0 : -1;
}

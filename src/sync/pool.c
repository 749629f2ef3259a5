#include "sync/pool.h"

#include <stdlib.h>

#define SLICE_MS 100 /* how soon a sleeper sees that the user wants to stop */

void pool_init(struct pool *pool)
{
	*pool = (struct pool){0};
	mutex_init(&pool->lock);
	cond_init(&pool->changed);
}

void pool_fini(struct pool *pool)
{
	free(pool->places);
	cond_fini(&pool->changed);
	mutex_fini(&pool->lock);
}

/* All mailboxes of the phase have a place in the ring, so there is always room. */
static struct pool_place *place(struct pool *pool, size_t i)
{
	return &pool->places[(pool->first + i) % pool->room];
}

void pool_fill(struct pool *pool, struct box **boxes, size_t count)
{
	mutex_lock(&pool->lock);
	free(pool->places);
	pool->places = xcalloc(count + 1, sizeof(*pool->places));
	pool->room = count + 1;
	pool->first = 0;
	pool->count = count;
	for (size_t i = 0; i < count; i++)
		pool->places[i].box = boxes[i];
	mutex_unlock(&pool->lock);
}

/* The first mailbox whose time has come: *I. false: *WAIT_MS is so long until the next one. Locked.
 */
static bool find_ripe(struct pool *pool, size_t *i, int64_t *wait_ms)
{
	int64_t now = clock_ms(), next = INT64_MAX;

	for (*i = 0; *i < pool->count; ++*i) {
		int64_t from = place(pool, *i)->not_before;
		from = from > pool->not_before ? from : pool->not_before;
		next = from < next ? from : next;
		if (from <= now)
			return true;
	}
	*wait_ms = next - now;
	return false;
}

/* Take what stands at I; those before it keep their order. Locked. */
static struct box *take(struct pool *pool, size_t i)
{
	struct box *box = place(pool, i)->box;

	for (; i > 0; i--)
		*place(pool, i) = *place(pool, i - 1);
	pool->first = (pool->first + 1) % pool->room;
	pool->count--;
	pool->working++;
	return box;
}

static bool is_over(const struct pool *pool)
{
	return pool->stopped || (pool->count == 0 && pool->working == 0);
}

static void stop(struct pool *pool, const struct err *err)
{
	if (!pool->stopped) {
		pool->err = *err;
		pool->stopped = true;
	}
	cond_broadcast(&pool->changed);
}

void pool_sleep(struct pool *pool, int64_t ms)
{
	struct err err = {0};

	if (cancel_check(&err) != 0)
		stop(pool, &err);
	else
		cond_wait_ms(&pool->changed, &pool->lock, ms < SLICE_MS ? (unsigned)ms : SLICE_MS);
}

/* Locked. */
static bool has_share(const struct pool *pool, int64_t helps_from)
{
	return pool->shares && clock_ms() >= helps_from;
}

bool pool_has_work(struct pool *pool, int64_t helps_from)
{
	mutex_lock(&pool->lock);
	while (!is_over(pool) && pool->count == 0 && !has_share(pool, helps_from))
		pool_sleep(pool, SLICE_MS);
	bool work = !is_over(pool);
	mutex_unlock(&pool->lock);
	return work;
}

struct box *pool_take(struct pool *pool, int64_t helps_from)
{
	struct box *box = NULL;
	int64_t wait_ms = 0;
	size_t i;

	mutex_lock(&pool->lock);
	while (!box && !is_over(pool)) {
		if (find_ripe(pool, &i, &wait_ms))
			box = take(pool, i);
		else if (has_share(pool, helps_from))
			break;
		else
			pool_sleep(pool, wait_ms);
	}
	mutex_unlock(&pool->lock);
	return box;
}

struct box *pool_take_if(struct pool *pool, pool_suits *suits, const void *arg)
{
	struct box *box = NULL;
	int64_t wait_ms;
	size_t i;

	mutex_lock(&pool->lock);
	if (!pool->stopped && find_ripe(pool, &i, &wait_ms) && suits(place(pool, i)->box, arg))
		box = take(pool, i);
	mutex_unlock(&pool->lock);
	return box;
}

bool pool_is_stopped(struct pool *pool)
{
	mutex_lock(&pool->lock);
	bool stopped = pool->stopped;
	mutex_unlock(&pool->lock);
	return stopped;
}

void pool_done(struct pool *pool)
{
	mutex_lock(&pool->lock);
	pool->working--;
	cond_broadcast(&pool->changed);
	mutex_unlock(&pool->lock);
}

void pool_hand_back(struct pool *pool, struct box *box, unsigned wait_ms)
{
	mutex_lock(&pool->lock);
	pool->working--;
	*place(pool, pool->count++) = (struct pool_place){box, clock_ms() + wait_ms};
	cond_broadcast(&pool->changed);
	mutex_unlock(&pool->lock);
}

void pool_pause(struct pool *pool, unsigned wait_ms)
{
	int64_t until = clock_ms() + wait_ms;

	mutex_lock(&pool->lock);
	if (until > pool->not_before)
		pool->not_before = until;
	mutex_unlock(&pool->lock);
}

void pool_rest(struct pool *pool, unsigned ms)
{
	int64_t until = clock_ms() + ms, now;

	mutex_lock(&pool->lock);
	while (!is_over(pool) && (now = clock_ms()) < until)
		pool_sleep(pool, until - now);
	mutex_unlock(&pool->lock);
}

void pool_stop(struct pool *pool, const struct err *err)
{
	mutex_lock(&pool->lock);
	stop(pool, err);
	mutex_unlock(&pool->lock);
}

int pool_result(struct pool *pool, struct err *err)
{
	mutex_lock(&pool->lock);
	int rc = pool->stopped ? -1 : 0;
	if (rc != 0)
		*err = pool->err;
	mutex_unlock(&pool->lock);
	return rc;
}

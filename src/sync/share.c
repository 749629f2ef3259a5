#include "sync/share.h"

#define WAIT_MS 200 /* a helper that gets nothing looks for other work so often */

/* Something has changed, and is told to who waits. Locked. */
static void changed(struct share *s)
{
	atomic_store(&s->wants, s->hungry > 0 && uidset_empty(&s->loose) && !s->closed);
	cond_broadcast(&s->pool->changed);
}

static void move_all(struct uidset *to, struct uidset *from)
{
	uidset_union(to, from);
	uidset_clear(from);
}

/* Behind all others. Locked. */
static void append(struct share *s)
{
	struct share **at = &s->pool->shares;

	while (*at)
		at = &(*at)->next;
	*at = s;
	s->next = NULL;
}

/* Nobody finds it any more. Locked. */
static void unlink_share(struct share *s)
{
	struct share **at = &s->pool->shares;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
}

void share_open(struct share *s, struct pool *pool, struct box *box)
{
	*s = (struct share){.pool = pool, .box = box, .working = 1};
	mutex_lock(&pool->lock);
	append(s);
	cond_broadcast(&pool->changed);
	mutex_unlock(&pool->lock);
}

void share_close(struct share *s, struct uidset *left, struct uidset *untold)
{
	mutex_lock(&s->pool->lock);
	unlink_share(s);
	s->closed = true;
	changed(s);
	while (s->members > 0)
		cond_wait(&s->pool->changed, &s->pool->lock);
	mutex_unlock(&s->pool->lock);
	uidset_union(left, &s->left);
	uidset_union(left, &s->loose);
	uidset_union(untold, &s->untold);
	uidset_fini(&s->left);
	uidset_fini(&s->loose);
	uidset_fini(&s->untold);
}

/* In turns: another one may have more to give. */
struct share *share_join(struct pool *pool)
{
	mutex_lock(&pool->lock);
	struct share *s = pool->shares;
	if (s) {
		s->members++;
		unlink_share(s);
		append(s);
	}
	mutex_unlock(&pool->lock);
	return s;
}

void share_leave(struct share *s)
{
	struct pool *pool = s->pool; /* S is gone as soon as the owner knows */

	mutex_lock(&pool->lock);
	s->members--;
	cond_broadcast(&pool->changed);
	mutex_unlock(&pool->lock);
}

bool share_wants(struct share *s)
{
	return atomic_load_explicit(&s->wants, memory_order_relaxed);
}

void share_give(struct share *s, struct uidset *part)
{
	mutex_lock(&s->pool->lock);
	move_all(&s->loose, part);
	changed(s);
	mutex_unlock(&s->pool->lock);
}

/* Wait until something is loose, or never will be. Locked. */
static void wait_for_part(struct share *s, bool owner)
{
	int64_t until = clock_ms() + WAIT_MS;

	s->hungry++;
	changed(s);
	while (uidset_empty(&s->loose) && s->working > 0 && !s->closed && !s->pool->stopped &&
		(owner || clock_ms() < until))
		pool_sleep(s->pool, WAIT_MS);
	s->hungry--;
	changed(s);
}

bool share_take(struct share *s, bool owner, struct uidset *part)
{
	mutex_lock(&s->pool->lock);
	wait_for_part(s, owner);
	bool taken = !uidset_empty(&s->loose) && !s->closed && !s->pool->stopped;
	if (taken) {
		move_all(part, &s->loose);
		s->working++;
		changed(s);
	}
	mutex_unlock(&s->pool->lock);
	return taken;
}

void share_return(struct share *s, struct uidset *rest, bool asked)
{
	mutex_lock(&s->pool->lock);
	s->working--;
	move_all(asked ? &s->left : &s->loose, rest);
	changed(s);
	mutex_unlock(&s->pool->lock);
}

void share_untold(struct share *s, struct uidset *untold)
{
	mutex_lock(&s->pool->lock);
	move_all(&s->untold, untold);
	mutex_unlock(&s->pool->lock);
}

/*
 * A mailbox shared out: whoever comes, goes, breaks or is left without an answer, each UID is
 * fetched once, or left for the owner.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sync/share.h"

struct box {
	int number;
};

#define UIDS 20000
#define HELPERS 4

struct scene {
	struct pool pool;
	struct box box;
	_Atomic unsigned char fetched[UIDS + 1];
	_Atomic bool over; /* the owner has closed the share */
};

static void scene_open(struct scene *s)
{
	cancel_init();
	*s = (struct scene){0};
	pool_init(&s->pool);
}

/* Where all messages came with their flags. */
static void close_share(struct share *share, struct uidset *left)
{
	struct uidset untold = {0};

	share_close(share, left, &untold);
	assert_true(uidset_empty(&untold));
	uidset_fini(&untold);
}

static void give_half(struct share *share, struct uidset *mine)
{
	struct uidset part = {0};
	struct uid_iter it = {0};
	uint64_t keep = uidset_size(mine) - uidset_size(mine) / 2;
	uint32_t uid;

	for (uint64_t n = 0; n < keep; n++)
		assert_int_not_equal(uidset_next(mine, &it), 0);
	while ((uid = uidset_next(mine, &it)) != 0)
		uidset_add(&part, uid);
	uidset_subtract(mine, &part);
	share_give(share, &part);
	assert_true(uidset_empty(&part));
	uidset_fini(&part);
}

/* Fetches MINE, message by message, and gives away what others want; every 97th UID never comes.
 * BREAKS: after so many messages the connection is gone. */
static bool fetch(struct scene *s, struct share *share, struct uidset *mine, unsigned breaks)
{
	struct uidset unsent = {0};
	uint32_t uid;
	unsigned done = 0;

	for (; !uidset_empty(mine); done++) {
		struct uid_iter it = {0};
		if (breaks != 0 && done == breaks)
			break;
		uid = uidset_next(mine, &it);
		uidset_remove(mine, uid);
		if (uid % 97 == 0)
			uidset_add(&unsent, uid);
		else
			atomic_fetch_add(&s->fetched[uid], 1);
		if (share_wants(share) && uidset_size(mine) > 20)
			give_half(share, mine);
	}
	bool broken = !uidset_empty(mine);
	uidset_union(mine, &unsent);
	uidset_fini(&unsent);
	return !broken;
}

static void *helper_main(void *arg)
{
	struct scene *s = arg;
	struct uidset mine = {0};
	unsigned breaks = 300;
	struct share *share;

	while (!atomic_load(&s->over)) {
		share = share_join(&s->pool);
		if (!share)
			continue;
		while (share_take(share, false, &mine)) {
			bool whole = fetch(s, share, &mine, breaks);
			breaks = breaks == 0 ? 500 : 0;
			share_return(share, &mine, whole);
			assert_true(uidset_empty(&mine));
			if (!whole)
				break;
		}
		share_leave(share);
	}
	uidset_fini(&mine);
	return NULL;
}

/* What is left of a broken part that nobody takes any more comes to the owner, and 97s among it. */
static void each_uid_once(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct uidset mine = {0}, left = {0};
	pthread_t threads[HELPERS];
	struct share share;

	(void)state;
	scene_open(s);
	uidset_add_range(&mine, 1, UIDS);
	for (int i = 0; i < HELPERS; i++)
		thread_start(&threads[i], "helper", helper_main, s);
	share_open(&share, &s->pool, &s->box);
	while (uidset_size(&mine) > 300)
		fetch(s, &share, &mine, 100);
	share_return(&share, &mine, true);
	while (share_take(&share, true, &mine)) {
		bool whole = fetch(s, &share, &mine, 0);
		share_return(&share, &mine, whole);
	}
	close_share(&share, &left);
	atomic_store(&s->over, true);
	for (int i = 0; i < HELPERS; i++)
		thread_join(threads[i]);
	for (uint32_t uid = 1; uid <= UIDS; uid++)
		if (atomic_load(&s->fetched[uid]) + uidset_contains(&left, uid) != 1)
			fail_msg("UID %u: fetched %d times, %sleft", uid, s->fetched[uid],
				uidset_contains(&left, uid) ? "" : "not ");
	assert_null(s->pool.shares);
	uidset_fini(&mine);
	uidset_fini(&left);
	pool_fini(&s->pool);
	free(s);
}

/* Broken off by the owner, with a part that nobody took: it is his. */
static void an_owner_in_trouble(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct uidset mine = {0}, left = {0};
	struct share share;

	(void)state;
	scene_open(s);
	uidset_add_range(&mine, 1, 9);
	share_open(&share, &s->pool, &s->box);
	assert_false(share_wants(&share));
	assert_ptr_equal(share_join(&s->pool), &share);
	assert_false(share_take(&share, false, &left)); /* it may come again */
	assert_false(share_wants(&share));
	share_return(&share, &mine, false);
	assert_true(share_take(&share, false, &left));
	assert_int_equal(uidset_size(&left), 9);
	share_return(&share, &left, false);
	share_leave(&share);
	close_share(&share, &left);
	assert_int_equal(uidset_size(&left), 9);
	assert_null(share_join(&s->pool));
	uidset_fini(&mine);
	uidset_fini(&left);
	pool_fini(&s->pool);
	free(s);
}

static void helpers_look_at_all(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct uidset left = {0};
	struct share one, two;

	(void)state;
	scene_open(s);
	share_open(&one, &s->pool, &s->box);
	share_open(&two, &s->pool, &s->box);
	struct share *first = share_join(&s->pool), *second = share_join(&s->pool);
	assert_ptr_equal(first, &one);
	assert_ptr_equal(second, &two);
	assert_ptr_equal(share_join(&s->pool), &one);
	share_leave(&one);
	share_leave(&one);
	share_leave(&two);
	close_share(&one, &left);
	assert_ptr_equal(share_join(&s->pool), &two);
	share_leave(&two);
	close_share(&two, &left);
	pool_fini(&s->pool);
	free(s);
}

static void a_share_is_work(void **state)
{
	struct scene *s = calloc(1, sizeof(*s));
	struct box *boxes[] = {&s->box};
	struct uidset left = {0};
	struct share share;

	(void)state;
	scene_open(s);
	pool_fill(&s->pool, boxes, 1);
	assert_ptr_equal(pool_take(&s->pool, 0), &s->box);
	share_open(&share, &s->pool, &s->box);
	assert_true(pool_has_work(&s->pool, 0));
	assert_null(pool_take(&s->pool, 0)); /* and does not wait */
	close_share(&share, &left);
	pool_done(&s->pool);
	assert_false(pool_has_work(&s->pool, 0));
	pool_fini(&s->pool);
	free(s);
}

/* What came to a helper without its flags is for the owner to ask for. */
static void flags_are_the_owners(void **state UNUSED)
{
	struct scene s;
	struct share share;
	struct uidset rest = {0}, left = {0}, untold = {0};

	scene_open(&s);
	share_open(&share, &s.pool, &s.box);
	assert_ptr_equal(share_join(&s.pool), &share);
	uidset_add(&untold, 7);
	share_untold(&share, &untold);
	assert_true(uidset_empty(&untold));
	share_leave(&share);
	share_return(&share, &rest, true);
	share_close(&share, &left, &untold);
	assert_true(uidset_contains(&untold, 7) && uidset_size(&untold) == 1);
	assert_true(uidset_empty(&left));
	uidset_fini(&untold);
	pool_fini(&s.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flags_are_the_owners),
		cmocka_unit_test(each_uid_once),
		cmocka_unit_test(an_owner_in_trouble),
		cmocka_unit_test(helpers_look_at_all),
		cmocka_unit_test(a_share_is_work),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

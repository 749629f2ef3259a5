/* Patience, and the pool of mailboxes that workers take from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sync/patience.h"
#include "sync/pool.h"

/* ---- patience ---- */

static void pauses_grow_until_it_is_over(void **state)
{
	struct patience p = {0};
	unsigned wait_ms = 0, tries = 0, last = 0;
	int64_t now = 1000;

	(void)state;
	while (patience_wait(&p, now, 120000, 0, &wait_ms)) {
		assert_true(wait_ms > 0 && wait_ms <= 30000);
		assert_true(wait_ms >= last || now + wait_ms == 121000);
		last = wait_ms;
		now += wait_ms;
		tries++;
	}
	assert_int_equal(now, 121000); /* the last attempt is at the very end */
	assert_in_range(tries, 5, 15);
}

static void none_at_all(void **state)
{
	struct patience p = {0};
	unsigned wait_ms;

	(void)state;
	assert_false(patience_wait(&p, 5, 0, 0, &wait_ms));
}

static void the_servers_hint_counts(void **state)
{
	struct patience p = {0};
	unsigned wait_ms = 0;

	(void)state;
	assert_true(patience_wait(&p, 0, 60000, 24578, &wait_ms));
	assert_int_equal(wait_ms, 24578);
	assert_true(patience_wait(&p, 24578, 60000, 10, &wait_ms)); /* ours is longer */
	assert_int_equal(wait_ms, 1000);
	assert_false(patience_wait(&p, 25578, 60000, 40000, &wait_ms)); /* more than is left */
}

/* ---- pool ---- */

struct box {
	int number;
};

static struct box boxes[3];
static struct box *all[] = {&boxes[0], &boxes[1], &boxes[2]};

static void fill(struct pool *pool)
{
	cancel_init();
	pool_init(pool);
	pool_fill(pool, all, 3);
}

static void in_order_and_then_over(void **state)
{
	struct pool pool;
	struct err err = {0};

	(void)state;
	fill(&pool);
	for (int i = 0; i < 3; i++) {
		assert_true(pool_has_work(&pool, 0));
		assert_ptr_equal(pool_take(&pool, 0), all[i]);
		pool_done(&pool);
	}
	assert_false(pool_has_work(&pool, 0));
	assert_null(pool_take(&pool, 0));
	assert_int_equal(pool_result(&pool, &err), 0);
	pool_fini(&pool);
}

static void what_comes_back_waits_its_time(void **state)
{
	struct pool pool;

	(void)state;
	fill(&pool);
	assert_ptr_equal(pool_take(&pool, 0), all[0]);
	pool_hand_back(&pool, all[0], 300);
	assert_ptr_equal(pool_take(&pool, 0), all[1]);
	int64_t before = clock_ms();
	pool_hand_back(&pool, all[1], 0);
	assert_ptr_equal(pool_take(&pool, 0), all[2]);
	pool_done(&pool);
	assert_ptr_equal(pool_take(&pool, 0), all[1]);
	pool_done(&pool);
	assert_ptr_equal(pool_take(&pool, 0), all[0]);
	assert_true(clock_ms() >= before + 200);
	pool_done(&pool);
	assert_null(pool_take(&pool, 0));
	pool_fini(&pool);
}

static void a_pause_is_for_all(void **state)
{
	struct pool pool;

	(void)state;
	fill(&pool);
	int64_t before = clock_ms();
	pool_pause(&pool, 200);
	assert_ptr_equal(pool_take(&pool, 0), all[0]);
	assert_true(clock_ms() >= before + 200);
	pool_fini(&pool);
}

static void *hand_back(void *arg)
{
	struct pool *pool = arg;
	struct err err = {0};

	assert_int_equal(cancel_sleep_ms(100, &err), 0);
	pool_hand_back(pool, all[0], 0);
	return NULL;
}

/* An idle worker does not leave while another one may still hand something back. */
static void idle_workers_stay(void **state)
{
	struct pool pool;
	pthread_t thread;

	(void)state;
	cancel_init();
	pool_init(&pool);
	pool_fill(&pool, all, 1);
	assert_ptr_equal(pool_take(&pool, 0), all[0]);
	thread_start(&thread, "other", hand_back, &pool);
	assert_true(pool_has_work(&pool, 0));
	assert_ptr_equal(pool_take(&pool, 0), all[0]);
	pool_done(&pool);
	thread_join(thread);
	pool_fini(&pool);
}

static void the_first_error_counts(void **state)
{
	struct err first = {.kind = ERR_AUTH}, second = {.kind = ERR_NET}, err = {0};
	struct pool pool;

	(void)state;
	fill(&pool);
	assert_non_null(pool_take(&pool, 0));
	pool_stop(&pool, &first);
	pool_stop(&pool, &second);
	assert_null(pool_take(&pool, 0));
	pool_rest(&pool, 1000000); /* at once */
	assert_int_equal(pool_result(&pool, &err), -1);
	assert_int_equal(err.kind, ERR_AUTH);
	pool_fini(&pool);
}

static void the_user_stops_a_sleeper(void **state)
{
	struct pool pool;
	struct err err = {0};

	(void)state;
	fill(&pool);
	pool_pause(&pool, 1000000);
	cancel_request();
	assert_null(pool_take(&pool, 0));
	assert_int_equal(pool_result(&pool, &err), -1);
	assert_int_equal(err.kind, ERR_CANCELLED);
	pool_fini(&pool);
	cancel_init();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_grow_until_it_is_over),
		cmocka_unit_test(none_at_all),
		cmocka_unit_test(the_servers_hint_counts),
		cmocka_unit_test(in_order_and_then_over),
		cmocka_unit_test(what_comes_back_waits_its_time),
		cmocka_unit_test(a_pause_is_for_all),
		cmocka_unit_test(idle_workers_stay),
		cmocka_unit_test(the_first_error_counts),
		cmocka_unit_test(the_user_stops_a_sleeper),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

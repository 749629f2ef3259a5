/*
 * The queue between threads: order, bound, weights, closing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/queue.h"

static int items[8];

static void test_order_and_weight(void **state UNUSED)
{
	struct queue *queue = queue_new(4);

	assert_null(queue_take(queue));
	for (int i = 0; i < 3; i++)
		assert_true(queue_push(queue, &items[i], 1));
	queue_wait(queue, 3, QUEUE_FOREVER); /* enough is there: does not wait */
	queue_wait(queue, 4, 1);             /* not enough: the time ends it */
	for (int i = 0; i < 3; i++)
		assert_ptr_equal(queue_take(queue), &items[i]);
	assert_null(queue_take(queue));
	queue_free(queue);
}

static void test_a_heavy_item_is_enough(void **state UNUSED)
{
	struct queue *queue = queue_new(4);

	assert_true(queue_push(queue, &items[0], 1));
	assert_true(queue_push(queue, &items[1], 100));
	queue_wait(queue, 50, QUEUE_FOREVER);
	assert_ptr_equal(queue_take(queue), &items[0]);
	assert_ptr_equal(queue_take(queue), &items[1]);
	queue_free(queue);
}

static void test_closed(void **state UNUSED)
{
	struct queue *queue = queue_new(4);

	assert_true(queue_push(queue, &items[0], 1));
	queue_close(queue);
	assert_false(queue_push(queue, &items[1], 1));
	queue_wait(queue, 4, QUEUE_FOREVER); /* nothing more will come */
	assert_ptr_equal(queue_take(queue), &items[0]);
	assert_null(queue_take(queue));
	queue_free(queue);
}

/* ---- two threads ---- */

#define MANY 100000

static void *push_many(void *arg)
{
	struct queue *queue = arg;

	for (uintptr_t i = 1; i <= MANY; i++)
		ASSERT(queue_push(queue, (void *)i, 1 + i % 3));
	queue_close(queue);
	return NULL;
}

/* More than there is room for: who pushes waits, who takes sleeps, and nothing is lost. BATCH: what
 * the one who takes waits for; it must not be more than ever gets in. */
static void pass_many(size_t limit, size_t batch)
{
	struct queue *queue = queue_new(limit);
	uintptr_t next = 1;
	pthread_t thread;
	void *item;
	size_t taken;

	thread_start(&thread, "pusher", push_many, queue);
	do {
		queue_wait(queue, batch, QUEUE_FOREVER);
		for (taken = 0; (item = queue_take(queue)); taken++)
			assert_int_equal((uintptr_t)item, next++);
	} while (taken > 0);
	assert_int_equal(next, MANY + 1);
	thread_join(thread);
	queue_free(queue);
}

static void test_two_threads(void **state UNUSED)
{
	pass_many(1, 1);
	pass_many(7, 1);
	pass_many(7, 7);
	pass_many(1000, 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order_and_weight),
		cmocka_unit_test(test_a_heavy_item_is_enough),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_two_threads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

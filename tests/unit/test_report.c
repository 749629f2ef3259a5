#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "sync/report.h"

#define THREADS 4
#define ROUNDS 2000

static void counts_work_of_a_connection(void **state)
{
	struct report_work work[REPORT_CONNECTIONS];
	struct report report;

	(void)state;
	report_init(&report, "work", NULL, NULL);
	report_snapshot(&report, work);
	assert_false(work[1].open);
	report_connection(&report, 1, true);
	report_begin(&report, 1, "a\x1b[2Jb", "fetching", 10, 1000);
	report_advance(&report, 1, 2, 300);
	report_advance(&report, 1, 1, 50);
	report_snapshot(&report, work);
	assert_true(work[1].open);
	assert_string_equal(work[1].mailbox, "a\\x1b[2Jb");
	assert_string_equal(work[1].doing, "fetching");
	assert_int_equal(work[1].messages, 3);
	assert_int_equal(work[1].messages_of, 10);
	assert_int_equal(work[1].bytes, 350);
	assert_int_equal(work[1].bytes_of, 1000);
	report_give_away(&report, 1, 4);
	report_snapshot(&report, work);
	assert_int_equal(work[1].messages_of, 6);
	report_give_away(&report, 1, 7);
	report_snapshot(&report, work);
	assert_int_equal(work[1].messages_of, 0);
	report_begin(&report, 1, "c", "looking", 0, 0);
	report_snapshot(&report, work);
	assert_int_equal(work[1].messages, 0);
	assert_int_equal(work[1].bytes, 0);
	report_connection(&report, 1, false);
	report_snapshot(&report, work);
	assert_false(work[1].open);
	report_fini(&report);
}

/* The sink is never called by two threads at once: a plain counter is enough. */
static void count_event(const struct report_event *event, void *arg)
{
	assert_string_equal(event->reason, "why");
	(*(unsigned *)arg)++;
}

static void *send_events(void *arg)
{
	struct report *report = arg;
	struct report_event event = {
		.kind = REPORT_NOTE, .account = "work", .mailbox = "", .reason = "why"};

	for (int i = 0; i < ROUNDS; i++) {
		report_event(report, &event);
		report_advance(report, 1, 1, 2);
		report->totals.fetched++;
	}
	return NULL;
}

static void threads_share_a_report(void **state)
{
	struct report_work work[REPORT_CONNECTIONS];
	pthread_t threads[THREADS];
	struct report report;
	unsigned events = 0;

	(void)state;
	report_init(&report, "work", count_event, &events);
	report_connection(&report, 1, true);
	for (int i = 0; i < THREADS; i++)
		thread_start(&threads[i], "test", send_events, &report);
	for (int i = 0; i < THREADS; i++)
		thread_join(threads[i]);
	report_snapshot(&report, work);
	assert_int_equal(events, THREADS * ROUNDS);
	assert_int_equal(work[1].messages, THREADS * ROUNDS);
	assert_int_equal(work[1].bytes, 2 * THREADS * ROUNDS);
	assert_int_equal(report.totals.fetched, THREADS * ROUNDS);
	report_fini(&report);
}

static void no_sink_is_no_error(void **state)
{
	struct report_event event = {.kind = REPORT_FAILED, .account = "work", .reason = "why"};
	struct report report;

	(void)state;
	report_init(&report, "work", NULL, NULL);
	report_event(&report, &event);
	report_fini(&report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_work_of_a_connection),
		cmocka_unit_test(threads_share_a_report),
		cmocka_unit_test(no_sink_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * How long a talking server is listened to. Times are set back, nothing waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "base/base.h"
#include "base/thread.h"
#include "imap/pace.h"

#define TIMEOUT 60000

struct row {
	const char *name;
	int64_t begun, line_begun; /* ms ago; 0: not */
	uint64_t octets, body, line_octets;
	bool over;
};

static const struct row rows[] = {
	{"nothing began", 0, 0, 0, 0, 0, false},
	{"just asked", 1, 0, 0, 0, 0, false},
	{"a slow command", 110000, 0, 1000, 0, 0, false},
	{"a command that never ends", 190000, 0, 1000, 0, 0, true},
	{"a long listing", 1000000, 0, 1000000, 0, 0, false},
	{"a patter of lines", 1000000, 0, 100000, 0, 0, true},
	{"a big body on a bad line", 1000000, 500, 100000, 100000, 100000, false},
	{"a body that drips", 1000000, 1000000, 20000, 20000, 20000, true},
	{"a long line", 1, 100000, 5000, 0, 5000, false},
	{"a line that drips", 100000, 100000, 1000, 0, 1000, true},
};

static void deadlines(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		int64_t now = clock_ms();
		struct pace pace = {
			.timeout_ms = TIMEOUT,
			.begun = row->begun ? now - row->begun : 0,
			.line_begun = row->line_begun ? now - row->line_begun : 0,
			.octets = row->octets,
			.body = row->body,
			.line_octets = row->line_octets,
		};
		struct err err = {0};
		int rc = pace_check(&pace, &err);

		if (rc != (row->over ? -1 : 0) || (rc < 0 && err.kind != ERR_NET))
			fail_msg("%s: rc %d", row->name, rc);
		if ((pace_deadline(&pace) <= now) != row->over)
			fail_msg("%s: the deadline says something else", row->name);
	}
}

static void no_timeout(void **state)
{
	struct pace pace = {.begun = 1, .line_begun = 1};
	struct err err = {0};

	(void)state;
	assert_int_equal(pace_check(&pace, &err), 0);
	assert_true(pace_deadline(&pace) == INT64_MAX);
	assert_true(pace_write_deadline(&pace, 1) == INT64_MAX);
}

static void turns(void **state)
{
	struct pace pace = {.timeout_ms = TIMEOUT, .noise = 7, .octets = 7, .body = 7};
	int64_t now = clock_ms();

	(void)state;
	pace_begin(&pace);
	assert_true(pace.begun >= now);
	assert_true(pace.noise == 0 && pace.octets == 0 && pace.body == 0);
	pace_received(&pace, 5);
	pace_received(&pace, 5);
	assert_true(pace.line_begun >= now);
	assert_int_equal(pace.line_octets, 10);
	pace_next_line(&pace);
	assert_true(pace.line_begun == 0 && pace.line_octets == 0);
	assert_int_equal(pace.octets, 10);
	assert_true(pace_write_deadline(&pace, 1000000) >= now + 2 * TIMEOUT + 1000000);
}

/* So many responses about nothing, and each message may be told about twice. */
static void noise(void **state)
{
	static const struct {
		uint32_t messages;
		uint64_t most;
	} mailboxes[] = {
		{0, PACE_NOISE_MAX},
		{1000, PACE_NOISE_MAX + 2000},
		{UINT32_MAX, PACE_NOISE_MAX + 2 * PACE_MESSAGES_MAX},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(mailboxes); i++) {
		struct pace pace = {.noise = mailboxes[i].most - 1};
		struct err err = {0};

		assert_int_equal(pace_noise(&pace, mailboxes[i].messages, &err), 0);
		assert_int_equal(pace_noise(&pace, mailboxes[i].messages, &err), -1);
		assert_int_equal(err.kind, ERR_PROTO);
	}

	struct pace listing = {0};
	struct err err = {0};
	for (unsigned i = 0; i < PACE_NOISE_MAX + 10; i++) {
		assert_int_equal(pace_noise(&listing, 0, &err), 0);
		pace_was_asked(&listing);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(deadlines),
		cmocka_unit_test(no_timeout),
		cmocka_unit_test(turns),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "sync/guard.h"

#define DAY (24 * 3600)

static const struct {
	const char *name;
	unsigned percent;
	bool approve;
	struct guard_count count;
	bool allowed;
} rows[] = {
	{"nothing", 50, false, {.deletions = 0, .messages = 0}, true},
	{"twenty of twenty", 50, false, {.deletions = 20, .messages = 20}, true},
	{"one more", 50, false, {.deletions = 21, .messages = 21}, false},
	{"approved", 50, true, {.deletions = 21, .messages = 21}, true},
	{"half", 50, false, {.deletions = 50, .messages = 100}, true},
	{"more than half", 50, false, {.deletions = 51, .messages = 100}, false},
	{"none may go", 0, false, {.deletions = 21, .messages = 1000000}, false},
	{"all may go", 100, false, {.deletions = 1000, .messages = 1000}, true},
	{"a round number is left", 50, false,
		{.deletions = 1, .messages = 10001, .oldest = true, .told = true, .shown = 10000},
		false},
	{"others than the oldest", 50, false, {.deletions = 1, .messages = 10001, .shown = 10000},
		true},
	{"accepted before", 50, false,
		{.deletions = 1,
			.messages = 10001,
			.oldest = true,
			.accepted = true,
			.shown = 10000},
		true},
	{"all may go: no guard", 100, false,
		{.deletions = 1, .messages = 10001, .oldest = true, .shown = 10000}, true},
	{"emptied", 50, false, {.deletions = 5, .messages = 5, .oldest = true}, true},
	{"as many as before", 50, false,
		{.deletions = 3,
			.messages = 503,
			.oldest = true,
			.shown = 500,
			.shown_before = 500},
		false},
	{"as many, and named", 50, false,
		{.deletions = 3,
			.messages = 503,
			.oldest = true,
			.told = true,
			.shown = 500,
			.shown_before = 500},
		true},
	{"as many as before, but few", 50, false,
		{.deletions = 5, .messages = 65, .oldest = true, .shown = 60, .shown_before = 60},
		true},
	{"one came, one went", 50, false,
		{.deletions = 1,
			.messages = 501,
			.oldest = true,
			.shown = 500,
			.shown_before = 500},
		true},
	{"years at once", 50, false,
		{.deletions = 200,
			.messages = 700,
			.oldest = true,
			.shown = 501,
			.shown_before = 700,
			.span = 900 * DAY,
			.since = DAY},
		false},
	{"years at once, named", 50, false,
		{.deletions = 200,
			.messages = 700,
			.oldest = true,
			.told = true,
			.shown = 501,
			.shown_before = 700,
			.span = 900 * DAY,
			.since = DAY},
		true},
	{"years at once, but few", 50, false,
		{.deletions = 20,
			.messages = 700,
			.oldest = true,
			.shown = 681,
			.shown_before = 700,
			.span = 900 * DAY,
			.since = DAY},
		true},
	{"what expired since", 50, false,
		{.deletions = 200,
			.messages = 700,
			.oldest = true,
			.shown = 501,
			.shown_before = 700,
			.span = 30 * DAY,
			.since = 29 * DAY},
		true},
};

static void judges(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct policy policy = {.max_delete = rows[i].percent,
			.max_delete_free = 20,
			.approve = rows[i].approve};
		if (guard_allows(&policy, rows[i].count) != rows[i].allowed)
			fail_msg("%s: %s", rows[i].name, rows[i].allowed ? "refused" : "allowed");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(judges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * What is said about a pass: the lines of its events and its summary, for people and as JSON.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cli/events.h"
#include "cli/summary.h"

static const struct err refused_login = {
	.kind = ERR_AUTH, .msg = "login refused", .server = "[AUTHENTICATIONFAILED] no"};

static void check_text(const char *row, const struct summary *summary, const char *wanted)
{
	struct buf out = {0};

	summary_text(summary, &out);
	if (strcmp(out.len != 0 ? out.data : "", wanted) != 0)
		fail_msg(
			"%s: got \"%s\", wanted \"%s\"", row, out.len != 0 ? out.data : "", wanted);
	buf_fini(&out);
}

static void words_a_pass(void **state)
{
	static const struct {
		const char *name;
		struct report_totals totals;
		const struct err *err;
		const char *text;
	} rows[] = {
		{"idle", {.boxes = 12, .boxes_done = 3, .boxes_skipped = 9}, NULL,
			"work: nothing to do\n"},
		{"busy",
			{.fetched = 120,
				.fetched_bytes = 3400000,
				.appended = 2,
				.flags_here = 5,
				.flags_there = 1,
				.deleted_here = 3,
				.boxes = 14},
			NULL,
			"work: 120 new here (3.4 MB), 2 sent, 5 flags here, 1 flag there, 3 "
			"deleted here; 14 mailboxes, 0.42 s\n"},
		{"rare",
			{.adopted = 7,
				.deleted_there = 1,
				.boxes_made_here = 1,
				.boxes_made_there = 2,
				.failed = 1,
				.refused = 30,
				.pending = 4,
				.boxes = 1,
				.boxes_done = 2},
			NULL,
			"work: 7 paired, 1 deleted there, 1 mailbox made here, 2 mailboxes made "
			"there, 1 failed, 30 deletions refused, "
			"4 pending; 1 mailbox, 0.42 s\n"},
		{"stopped", {.appended = 2, .boxes = 9, .boxes_done = 1}, &refused_login,
			"work: stopped after 2 sent; 1 mailbox, 0.42 s\n"},
		{"never began", {.boxes_done = 0}, &refused_login, ""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_text(rows[i].name,
			&(struct summary){.account = "work",
				.totals = &rows[i].totals,
				.elapsed_ms = 420,
				.err = rows[i].err},
			rows[i].text);
}

static void words_a_plan(void **state)
{
	const uint64_t none[OP_KIND_COUNT] = {0};
	const uint64_t one[OP_KIND_COUNT] = {[OP_FETCH] = 1};
	const uint64_t some[OP_KIND_COUNT] = {[OP_APPEND] = 2, [OP_DELETE_HERE] = 40};
	const struct report_totals totals = {0}, guarded = {.refused = 30};

	(void)state;
	check_text("none",
		&(struct summary){.account = "work", .totals = &totals, .operations = none},
		"work: nothing to do\n");
	check_text("guarded",
		&(struct summary){.account = "work", .totals = &guarded, .operations = none},
		"work: nothing but what the guard refuses\n");
	check_text("one",
		&(struct summary){.account = "work", .totals = &totals, .operations = one},
		"work: would do 1 operation: 1 fetch\n");
	check_text("some",
		&(struct summary){.account = "work",
			.totals = &totals,
			.operations = some,
			.boxes_to_make = 1,
			.boxes_to_delete = 2},
		"work: would do 45 operations: 2 append, 40 delete here, 1 mailbox to make, "
		"2 mailboxes to delete\n");
	check_text("failed",
		&(struct summary){.account = "work",
			.totals = &totals,
			.operations = some,
			.err = &refused_login},
		"");
}

static void writes_summaries_as_json(void **state)
{
	const struct report_totals totals = {
		.fetched = 1, .fetched_bytes = 100, .failed = 1, .round_trips = 9};
	const uint64_t operations[OP_KIND_COUNT] = {[OP_FETCH] = 3};
	struct summary summary = {
		.account = "w\"", .totals = &totals, .elapsed_ms = 420, .status = 1};
	struct json json = {0};

	(void)state;
	summary_json(&summary, &json);
	assert_string_equal(json.text.data,
		"{\"event\":\"summary\",\"account\":\"w\\\"\",\"status\":1,\"fetched\":1,\"fetched_"
		"bytes\":100,"
		"\"appended\":0,\"appended_bytes\":0,\"adopted\":0,\"flags_here\":0,\"flags_"
		"there\":0,\"moved_here\":0,\"moved_there\":0,\"deleted_here\":0,"
		"\"deleted_there\":0,\"boxes_made_here\":0,\"boxes_made_there\":0,"
		"\"boxes_deleted_here\":0,\"boxes_deleted_there\":0,\"failed\":1,\"waiting\":0,"
		"\"refused\":0,\"pending\":0,"
		"\"boxes\":0,\"boxes_done\":0,\"boxes_skipped\":0,\"round_trips\":9,\"bytes_in\":0,"
		"\"bytes_out\":0,"
		"\"seconds\":0.420,\"error\":null}\n");
	json_clear(&json);
	summary.err = &refused_login;
	summary.operations = operations;
	summary_json(&summary, &json);
	assert_non_null(strstr(json.text.data,
		"\"operations\":{\"fetch\":3},\"boxes_to_make\":0,\"boxes_to_delete\":0,"));
	assert_non_null(
		strstr(json.text.data, "\"error\":{\"kind\":\"auth\",\"message\":\"login "
				       "refused\",\"server\":\"[AUTHENTICATIONFAILED] no\"}}\n"));
	json_fini(&json);
}

static const struct {
	const char *name;
	struct report_event event;
	const char *line;
	const char *json;
} events[] = {
	{"plan fetch",
		{.kind = REPORT_OP,
			.account = "work",
			.mailbox = "INBOX",
			.uid = 17,
			.operation = "fetch",
			.reason = "new on the server"},
		"work/INBOX fetch 17: new on the server",
		"{\"event\":\"operation\",\"account\":\"work\",\"mailbox\":\"INBOX\",\"operation\":"
		"\"fetch\",\"uid\":17,"
		"\"reason\":\"new on the server\"}\n"},
	{"plan append",
		{.kind = REPORT_OP,
			.account = "work",
			.mailbox = "A/B",
			.file = "new/x",
			.operation = "append",
			.reason = "new here"},
		"work/A/B append new/x: new here",
		"{\"event\":\"operation\",\"account\":\"work\",\"mailbox\":\"A/"
		"B\",\"operation\":\"append\",\"uid\":null,"
		"\"file\":\"new/x\",\"reason\":\"new here\"}\n"},
	{"message failed",
		{.kind = REPORT_FAILED,
			.account = "work",
			.mailbox = "INBOX",
			.uid = 17,
			.reason = "too big"},
		"work/INBOX: message 17: too big",
		"{\"event\":\"failed\",\"account\":\"work\",\"mailbox\":\"INBOX\",\"uid\":17,"
		"\"reason\":\"too big\"}\n"},
	{"file failed",
		{.kind = REPORT_FAILED,
			.account = "work",
			.mailbox = "INBOX",
			.file = "cur/x:2,\x1b",
			.reason = "unreadable"},
		"work/INBOX: file cur/x:2,\\x1b: unreadable",
		"{\"event\":\"failed\",\"account\":\"work\",\"mailbox\":\"INBOX\",\"uid\":null,"
		"\"file\":\"cur/x:2,\\u001b\","
		"\"reason\":\"unreadable\"}\n"},
	{"error alone",
		{.kind = REPORT_FAILED,
			.account = "work",
			.mailbox = "INBOX",
			.err = &refused_login},
		"work/INBOX: login refused; the server said: \"[AUTHENTICATIONFAILED] no\"",
		"{\"event\":\"failed\",\"account\":\"work\",\"mailbox\":\"INBOX\",\"uid\":null,"
		"\"reason\":\"login refused\","
		"\"error\":\"auth\",\"server\":\"[AUTHENTICATIONFAILED] no\"}\n"},
	{"reason and error",
		{.kind = REPORT_FAILED,
			.account = "work",
			.mailbox = "INBOX",
			.reason = "can't send",
			.err = &refused_login},
		"work/INBOX: can't send; the server said: \"[AUTHENTICATIONFAILED] no\"",
		"{\"event\":\"failed\",\"account\":\"work\",\"mailbox\":\"INBOX\",\"uid\":null,"
		"\"reason\":\"can't send\","
		"\"error\":\"auth\",\"server\":\"[AUTHENTICATIONFAILED] no\"}\n"},
	{"reason with the server's words",
		{.kind = REPORT_FAILED,
			.account = "work",
			.mailbox = "INBOX",
			.reason = "said [AUTHENTICATIONFAILED] no",
			.err = &refused_login},
		"work/INBOX: said [AUTHENTICATIONFAILED] no",
		"{\"event\":\"failed\",\"account\":\"work\",\"mailbox\":\"INBOX\",\"uid\":null,"
		"\"reason\":\"said [AUTHENTICATIONFAILED] "
		"no\",\"error\":\"auth\",\"server\":\"[AUTHENTICATIONFAILED] no\"}\n"},
	{"account refused",
		{.kind = REPORT_REFUSED,
			.account = "work",
			.mailbox = "",
			.reason = "would delete 100 of 120 messages here"},
		"work: would delete 100 of 120 messages here",
		"{\"event\":\"refused\",\"account\":\"work\",\"mailbox\":\"\",\"uid\":null,"
		"\"reason\":\"would delete 100 of 120 messages here\"}\n"},
	{"mailbox",
		{.kind = REPORT_BOX, .account = "work", .mailbox = "A\nB", .reason = "made here"},
		"work/A\\x0aB: made here",
		"{\"event\":\"mailbox\",\"account\":\"work\",\"mailbox\":\"A\\nB\",\"uid\":null,"
		"\"reason\":\"made here\"}\n"},
	{"note", {.kind = REPORT_NOTE, .account = "work", .reason = "hm"}, "work: hm",
		"{\"event\":\"note\",\"account\":\"work\",\"mailbox\":\"\",\"uid\":null,\"reason\":"
		"\"hm\"}\n"},
};

static void tells_events(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(events); i++) {
		struct json json = {0};
		struct buf out = {0};

		events_line(&events[i].event, &out);
		if (strcmp(out.data, events[i].line) != 0)
			fail_msg("%s: got \"%s\"", events[i].name, out.data);
		events_json(&events[i].event, &json);
		if (strcmp(json.text.data, events[i].json) != 0)
			fail_msg("%s: got %s", events[i].name, json.text.data);
		buf_fini(&out);
		json_fini(&json);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_a_pass),
		cmocka_unit_test(words_a_plan),
		cmocka_unit_test(writes_summaries_as_json),
		cmocka_unit_test(tells_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

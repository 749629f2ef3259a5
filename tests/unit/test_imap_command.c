/*
 * Commands with tickets: answers in any order, windows, uploads in all their forms, arguments that
 * have to be made safe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/fake/memstream.h"
#include "tests/fake/session.h"

#define HELLO "S: * PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS] hi"
#define PLUS "S: * PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS LITERAL+] hi"
#define MINUS "S: * PREAUTH [CAPABILITY IMAP4rev1 UIDPLUS LITERAL-] hi"
#define DATE "\"13-Feb-2009 23:31:30 +0000\""

/* ---- APPEND ---- */

struct append_row {
	const char *name;
	const char *box; /* NULL: "box" */
	uint32_t flags;
	const char *keyword;
	const char *body;
	enum err_kind kind;
	int begin; /* what begin returns if not an error */
	struct imap_result result;
	const char *steps[12];
};

static const struct append_row append_rows[] = {
	{.name = "synchronizing",
		.body = "a\r\nb",
		.result = {.ok = true, .code = IMAP_CODE_APPENDUID, .uidvalidity = 7, .uid = 12},
		.steps = {HELLO, "C: $1 APPEND box " DATE " {4}", "S: + go on", "C: a", "C: b",
			"S: $1 OK [APPENDUID 7 12] done"}},
	{.name = "LITERAL+",
		.body = "abc",
		.flags = FLAG_SEEN | FLAG_FORWARDED,
		.keyword = "work",
		.result = {.ok = true},
		.steps = {PLUS, "C: $1 APPEND box ($Forwarded \\Seen work) " DATE " {3+}", "C: abc",
			"S: $1 OK"}},
	{.name = "LITERAL- for a small one",
		.body = "abc",
		.result = {.ok = true},
		.steps = {MINUS, "C: $1 APPEND box " DATE " {3+}", "C: abc", "S: $1 OK"}},
	{.name = "an empty message: GNU mailutils hangs up on it, others refuse or change it",
		.body = "",
		.begin = 1,
		.result = {.code = IMAP_CODE_CANNOT, .text = "an empty file is no message"},
		.steps = {PLUS}},
	{.name = "a name that GNU mailutils takes for a literal, quoted or not, goes as one",
		.box = "x {3+}",
		.body = "abc",
		.result = {.ok = true},
		.steps = {PLUS, "C: $1 APPEND {6+}", "C: x {3+} " DATE " {3+}", "C: abc",
			"S: $1 OK"}},
	{.name = "a name that only looks a little like one",
		.box = "{x3}",
		.body = "abc",
		.result = {.ok = true},
		.steps = {PLUS, "C: $1 APPEND \"{x3}\" " DATE " {3+}", "C: abc", "S: $1 OK"}},
	{.name = "news before the continuation",
		.body = "abc",
		.result = {.ok = true},
		.steps = {HELLO, "C: $1 APPEND box " DATE " {3}", "S: * 4 EXISTS", "S: * OK wait",
			"S: +", "C: abc", "S: $1 OK"}},
	{.name = "refused before the literal",
		.body = "abc",
		.begin = 1,
		.result = {.code = IMAP_CODE_TRYCREATE, .text = "no such mailbox"},
		.steps = {HELLO, "C: $1 APPEND box " DATE " {3}",
			"S: $1 NO [TRYCREATE] no such mailbox"}},
	{.name = "refused after the literal",
		.body = "abc",
		.result = {.code = IMAP_CODE_OVERQUOTA, .text = "full"},
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc",
			"S: $1 NO [OVERQUOTA] full"}},
	{.name = "BAD",
		.body = "abc",
		.begin = 1,
		.result = {.bad = true, .text = "what?"},
		.steps = {HELLO, "C: $1 APPEND box " DATE " {3}", "S: $1 BAD what?"}},
	{.name = "larger than APPENDLIMIT: nothing is sent",
		.body = "abcd",
		.begin = 1,
		.result = {.code = IMAP_CODE_TOOBIG},
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ APPENDLIMIT=3] hi"}},
	{.name = "a name to be quoted",
		.box = "a \"b\\c",
		.body = "abc",
		.result = {.ok = true},
		.steps = {PLUS, "C: $1 APPEND \"a \\\"b\\\\c\" " DATE " {3+}", "C: abc",
			"S: $1 OK"}},
	{.name = "an 8-bit name, two literals",
		.box = "\xC3\xA4",
		.body = "abc",
		.result = {.ok = true},
		.steps = {HELLO, "C: $1 APPEND {2}", "S: + ", "C: \xC3\xA4 " DATE " {3}", "S: + ",
			"C: abc", "S: $1 OK"}},
	{.name = "an 8-bit name refused",
		.box = "\xC3\xA4",
		.body = "abc",
		.begin = 1,
		.result = {.text = "8 bits?"},
		.steps = {HELLO, "C: $1 APPEND {2}", "S: $1 NO 8 bits?"}},
	{.name = "a name with a line end can't smuggle a command",
		.box = "x\r\na1 DELETE INBOX",
		.body = "abc",
		.result = {.ok = true},
		.steps = {PLUS, "C: $1 APPEND {18+}", "C: x", "C: a1 DELETE INBOX " DATE " {3+}",
			"C: abc", "S: $1 OK"}},
	{.name = "APPENDUID with UID 0",
		.body = "abc",
		.result = {.ok = true, .code = IMAP_CODE_APPENDUID, .text = "done"},
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc",
			"S: $1 OK [APPENDUID 7 0] done"}},
	{.name = "APPENDUID with a set: whoever asked counts it",
		.body = "abc",
		.result = {.ok = true, .code = IMAP_CODE_APPENDUID, .uidvalidity = 7, .uid = 12},
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc",
			"S: $1 OK [APPENDUID 7 12:13]"}},
	{.name = "APPENDUID beyond 32 bits, or cut short",
		.body = "abc",
		.result = {.ok = true, .code = IMAP_CODE_APPENDUID},
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc",
			"S: $1 OK [APPENDUID 4294967296 12]"}},
	{.name = "APPENDUID with nothing",
		.body = "abc",
		.result = {.ok = true, .code = IMAP_CODE_APPENDUID},
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc",
			"S: $1 OK [APPENDUID]"}},
	{.name = "APPENDUID that is not ours",
		.body = "abc",
		.result = {.ok = true},
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc",
			"S: * OK [APPENDUID 7 13] somebody's", "S: $1 OK"}},
	{.name = "APPENDUID with a NO",
		.body = "abc",
		.result = {.code = IMAP_CODE_APPENDUID},
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc",
			"S: $1 NO [APPENDUID 7 13]"}},
	{.name = "BYE instead of the continuation",
		.body = "abc",
		.kind = ERR_SERVER_BUSY,
		.steps = {HELLO, "C: $1 APPEND box " DATE " {3}", "S: * BYE going down"}},
	{.name = "the end instead of an answer",
		.body = "abc",
		.kind = ERR_NET,
		.steps = {PLUS, "C: $1 APPEND box " DATE " {3+}", "C: abc", "E:"}},
	{.name = "OK for a message that was not sent",
		.body = "abc",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 APPEND box " DATE " {3}",
			"S: $1 OK [APPENDUID 7 12] done"}},
	{.name = "two continuations",
		.body = "abc",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 APPEND box " DATE " {3}", "S: + ", "S: + ", "C: abc"}},
};

static int append_row(
	const struct append_row *row, struct session *s, int *begin, struct imap_result *result)
{
	struct flags flags = flags_system(row->flags);
	imap_ticket ticket;
	int rc = session_open(s, row->steps);

	if (row->keyword)
		flags_add_keyword(
			&flags, (unsigned)keywords_intern(s->keywords, slice_str(row->keyword)));
	if (rc == 0)
		rc = *begin = imap_append_begin(s->imap, slice_str(row->box ? row->box : "box"),
			&flags, 1234567890, strlen(row->body), &ticket, &s->err);
	for (size_t i = 0; rc == 0 && *begin == 0 && row->body[i]; i++)
		rc = imap_append_data(s->imap, row->body + i, 1, &s->err);
	if (rc == 0 && *begin == 0)
		rc = imap_append_end(s->imap, &s->err);
	return rc < 0 ? -1 : imap_wait(s->imap, ticket, result, &s->err);
}

static void appends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(append_rows); i++) {
		const struct append_row *row = &append_rows[i];
		const struct imap_result *want = &row->result;
		struct imap_result got = {0};
		struct session s;
		int begin = 0, rc;

		session_init(&s);
		s.chunk = i % 2;
		rc = append_row(row, &s, &begin, &got);
		if (rc != (row->kind ? -1 : 0) || s.err.kind != row->kind ||
			(rc == 0 && begin != row->begin))
			fail_msg("%s: rc %d, begin %d, %s; %s", row->name, rc, begin, s.err.msg,
				script_check(&s.script) ? script_check(&s.script) : "");
		if (rc == 0 &&
			(got.ok != want->ok || got.bad != want->bad || got.code != want->code ||
				got.uid != want->uid || got.uidvalidity != want->uidvalidity ||
				(want->text[0] && strcmp(got.text, want->text))))
			fail_msg("%s: ok %d bad %d code %d uid %u/%u text <%s>", row->name, got.ok,
				got.bad, (int)got.code, got.uidvalidity, got.uid, got.text);
		if (rc == 0)
			assert_int_equal(imap_append_pending(s.imap), 0);
		session_end(&s, row->name);
	}
}

static void cut_appends(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(append_rows); i++) {
		for (size_t n = 0, whole = SIZE_MAX; n < whole; n++) {
			struct imap_result result;
			struct session s;
			int begin = 0, rc;

			session_init(&s);
			s.cut_after = n;
			rc = append_row(&append_rows[i], &s, &begin, &result);
			if (s.script.fed < n)
				whole = n;
			else if (rc == 0 && script_check(&s.script))
				fail_msg("%s: cut after %zu, and no error", append_rows[i].name, n);
			session_drop(&s);
		}
	}
}

/* Big bodies pass the queue by; three uploads in flight, answered in another order. */
static void appends_in_flight(void **state)
{
	enum { SIZE = 100000 };
	char *body = xmalloc(SIZE + 1), *expected = xmalloc(SIZE + 10);
	const char *steps[] = {PLUS, "C: $1 APPEND box " DATE " {100000+}", expected,
		"C: $2 APPEND box " DATE " {100000+}", expected,
		"C: $3 APPEND box " DATE " {100000+}", expected, "S: $2 OK [APPENDUID 7 2]",
		"S: $3 NO no", "S: $1 OK [APPENDUID 7 1]", NULL};
	struct flags none = {0};
	struct imap_result result;
	imap_ticket tickets[3];
	struct session s;

	(void)state;
	memset(body, 'x', SIZE);
	body[SIZE] = 0;
	snprintf(expected, SIZE + 10, "C: %s", body);
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(imap_append_begin(s.imap, SLICE("box"), &none, 1234567890, SIZE,
					 &tickets[i], &s.err),
			0);
		assert_int_equal(imap_append_data(s.imap, body, SIZE / 2, &s.err), 0);
		assert_int_equal(imap_append_data(s.imap, body, 10, &s.err), 0);
		assert_int_equal(imap_append_data(s.imap, body, SIZE / 2 - 10, &s.err), 0);
		assert_int_equal(imap_append_end(s.imap, &s.err), 0);
	}
	assert_int_equal(imap_append_pending(s.imap), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(imap_wait(s.imap, tickets[i], &result, &s.err), 0);
		assert_int_equal(result.ok, i != 2);
		assert_int_equal(result.uid, i == 2 ? 0 : i + 1);
	}
	assert_int_equal(imap_append_pending(s.imap), 0);
	session_end(&s, "in flight");
	free(body);
	free(expected);
}

/* What was answered before the connection ended is still there. */
static void results_outlive_the_connection(void **state)
{
	static const char *const steps[] = {PLUS, "C: $1 APPEND box " DATE " {1+}", "C: x",
		"C: $2 APPEND box " DATE " {1+}", "C: x", "S: $1 OK [APPENDUID 7 1]", "S: * BYE",
		NULL};
	struct flags none = {0};
	struct imap_result result;
	imap_ticket tickets[2];
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(imap_append_begin(s.imap, SLICE("box"), &none, 1234567890, 1,
					 &tickets[i], &s.err),
			0);
		assert_int_equal(imap_append_data(s.imap, "x", 1, &s.err), 0);
		assert_int_equal(imap_append_end(s.imap, &s.err), 0);
	}
	assert_int_equal(imap_wait(s.imap, tickets[1], &result, &s.err), -1);
	assert_int_equal(s.err.kind, ERR_SERVER_BUSY);
	assert_int_equal(imap_wait(s.imap, tickets[0], &result, &s.err), 0);
	assert_int_equal(result.uid, 1);
	session_end(&s, "outlive");
}

/* ---- STORE, EXPUNGE, CREATE ---- */

static void stores(void **state)
{
	static const char *const steps[] = {HELLO,
		"C: $1 UID STORE 1:3,7 +FLAGS.SILENT (\\Seen work)",
		"C: $2 UID STORE 9 -FLAGS.SILENT (\\Deleted)", "C: $3 UID EXPUNGE 1:2",
		"C: $4 CREATE \"a b\"", "C: $5 SUBSCRIBE a", "C: $6 EXPUNGE",
		"S: * 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (5))", "S: $5 OK",
		"S: $4 NO [ALREADYEXISTS] there", "S: $2 NO no", "S: $3 OK", "S: * 1 EXPUNGE",
		"S: $1 OK [MODIFIED 5] x", "S: $6 OK", NULL};
	struct flags seen = flags_system(FLAG_SEEN), deleted = flags_system(FLAG_DELETED),
		     none = {0};
	struct uidset uids = {0}, nine = {0}, two = {0}, empty = {0};
	imap_ticket t[7];
	struct imap_result result;
	struct session s;

	(void)state;
	uidset_add_range(&uids, 1, 3);
	uidset_add(&uids, 7);
	uidset_add(&nine, 9);
	uidset_add_range(&two, 1, 2);
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	flags_add_keyword(&seen, (unsigned)keywords_intern(s.keywords, SLICE("work")));
	assert_int_equal(imap_store_send(s.imap, &uids, IMAP_STORE_ADD, &seen, &t[0], &s.err), 0);
	assert_int_equal(
		imap_store_send(s.imap, &nine, IMAP_STORE_REMOVE, &deleted, &t[1], &s.err), 0);
	assert_int_equal(imap_uid_expunge_send(s.imap, &two, &t[2], &s.err), 0);
	assert_int_equal(imap_create_send(s.imap, SLICE("a b"), &t[3], &s.err), 0);
	assert_int_equal(imap_create_send(s.imap, (struct slice){"a\0", 2}, &t[4], &s.err),
		-1); /* refused here */
	assert_int_equal(s.err.kind, ERR_SERVER_NO);
	assert_int_equal(imap_subscribe_send(s.imap, SLICE("a"), &t[4], &s.err), 0);
	assert_int_equal(imap_store_send(s.imap, &empty, IMAP_STORE_ADD, &seen, &t[5], &s.err),
		0); /* nothing is sent */
	assert_int_equal(imap_store_send(s.imap, &uids, IMAP_STORE_ADD, &none, &t[6], &s.err), 0);
	assert_int_equal(imap_expunge(s.imap, &s.err), 0);
	assert_int_equal(imap_wait_ok(s.imap, t[0], &s.err), 0);
	assert_int_equal(imap_wait_ok(s.imap, t[1], &s.err), -1);
	assert_int_equal(s.err.kind, ERR_SERVER_NO);
	assert_string_equal(s.err.server, "no");
	assert_int_equal(imap_wait_ok(s.imap, t[2], &s.err), 0);
	assert_int_equal(imap_wait(s.imap, t[3], &result, &s.err), 0);
	assert_int_equal(result.code, IMAP_CODE_ALREADYEXISTS);
	for (int i = 4; i < 7; i++)
		assert_int_equal(imap_wait_ok(s.imap, t[i], &s.err), 0);
	session_end(&s, "stores");
	uidset_fini(&uids);
	uidset_fini(&nine);
	uidset_fini(&two);
}

/* A set of 20,000 single UIDs: lines that every server takes, one ticket, one refusal is the
 * result. */
static void long_sets(void **state)
{
	struct stream *stream;
	struct flags seen = flags_system(FLAG_SEEN);
	struct uidset uids = {0};
	static const char *const steps[] = {HELLO, NULL};
	struct session s;
	struct imap_result result;
	imap_ticket ticket;
	size_t commands = 0, longest = 0;
	struct buf *written;

	(void)state;
	for (uint32_t i = 0; i < 20000; i++)
		uidset_add(&uids, 1000000 + 2 * i);
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	stream = s.script.stream;
	memstream_on_write(stream, NULL, NULL);
	/* The window is 32 KiB: the fifth command waits for an answer, which is not there. */
	assert_int_equal(
		imap_store_send(s.imap, &uids, IMAP_STORE_ADD, &seen, &ticket, &s.err), -1);
	assert_int_equal(s.err.kind, ERR_NET);
	written = memstream_written(stream);
	for (char *p = written->data, *end; p < written->data + written->len; p = end + 2) {
		end = strstr(p, "\r\n");
		commands++;
		if ((size_t)(end - p) > longest)
			longest = (size_t)(end - p);
	}
	assert_in_range(commands, 4, 6);
	assert_in_range(longest, 4000, 8150);
	assert_int_equal(imap_wait(s.imap, ticket, &result, &s.err), -1);
	session_drop(&s);
	uidset_fini(&uids);
}

/* 200 tickets: never more than 64 commands unanswered, every result is kept. */
static void answer_all(struct stream *stream, struct buf *written, void *arg)
{
	char *newline;
	unsigned *worst = arg, now = 0;

	while (written->len && (newline = memmem(written->data, written->len, "\r\n", 2)) != NULL) {
		char answer[64];

		snprintf(answer, sizeof(answer), "%.*s OK\r\n", (int)strcspn(written->data, " "),
			written->data);
		memstream_feed_str(stream, answer);
		buf_drop_front(written, (size_t)(newline - written->data) + 2);
		now++;
	}
	if (now > *worst)
		*worst = now;
}

static void many_tickets(void **state)
{
	static const char *const steps[] = {HELLO, NULL};
	imap_ticket tickets[200];
	struct session s;
	unsigned worst = 0;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	memstream_on_write(s.script.stream, answer_all, &worst);
	for (size_t i = 0; i < COUNT_OF(tickets); i++)
		assert_int_equal(imap_create_send(s.imap, SLICE("a"), &tickets[i], &s.err), 0);
	for (size_t i = COUNT_OF(tickets); i-- > 0;)
		assert_int_equal(imap_wait_ok(s.imap, tickets[i], &s.err), 0);
	assert_int_equal(worst, 64);
	session_drop(&s);
}

/* Tags: unlike each other, and not to be guessed. */
static void tags(void **state)
{
	static const char *const steps[] = {
		HELLO, "C: $1 NOOP", "S: $1 OK", "C: $2 NOOP", "S: $2 OK", NULL};
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_true(strlen(s.script.tags[1]) >= 7);
	assert_int_not_equal(strncmp(s.script.tags[1], s.script.tags[2], 6), 0);
	session_end(&s, "tags");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends),
		cmocka_unit_test(cut_appends),
		cmocka_unit_test(appends_in_flight),
		cmocka_unit_test(results_outlive_the_connection),
		cmocka_unit_test(stores),
		cmocka_unit_test(long_sets),
		cmocka_unit_test(many_tickets),
		cmocka_unit_test(tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

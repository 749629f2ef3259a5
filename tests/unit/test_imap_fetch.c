/*
 * FETCH: batches in flight, items in any order, bodies where they stand, and what was not asked
 * for.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/fake/session.h"

#define HELLO "S: * PREAUTH [CAPABILITY IMAP4rev1] hi"
#define SELECT "C: $1 SELECT box", "S: * 3 EXISTS", "S: $1 OK [READ-WRITE] in"

/* All events of a fetch as text: "uid[ flags][ size][ body]" a message, "(text)" a body as
 * announced. */
static enum imap_fetch_event run(
	struct session *s, const struct imap_fetch_request *request, bool read, struct buf *out)
{
	struct imap_message m;
	enum imap_fetch_event event;
	struct slice piece;
	int rc = 0;

	if (imap_fetch_begin(s->imap, request, &s->err) < 0)
		return IMAP_FETCH_ERROR;
	while ((event = imap_fetch_next(s->imap, &m, &s->err)) > 0) {
		if (event == IMAP_FETCH_BODY) {
			buf_addf(out, "(%u:%llu:", m.uid, (unsigned long long)m.body_size);
			while (read && (rc = imap_fetch_read(s->imap, &piece, &s->err)) == 1)
				buf_add_slice(out, piece);
			if (rc < 0)
				return IMAP_FETCH_ERROR;
			buf_add_str(out, ")");
			continue;
		}
		buf_addf(out, "%u", m.uid);
		if (m.has_flags)
			buf_addf(out, " f%x", m.flags.system);
		if (m.has_size)
			buf_addf(out, " s%llu", (unsigned long long)m.size);
		if (m.has_date)
			buf_addf(out, " d%lld", (long long)m.date);
		if (m.modseq)
			buf_addf(out, " m%llu", (unsigned long long)m.modseq);
		if (m.body_nil)
			buf_add_str(out, " nil");
		if (m.has_body)
			buf_add_str(out, " body");
		buf_add_str(out, "; ");
	}
	return event;
}

struct row {
	const char *name;
	struct imap_fetch_request request;
	uint32_t first, last; /* UIDs; 0: 1:* */
	enum err_kind kind;
	const char *expected;
	const char *steps[24];
};

#define FLAGS_REQUEST                                                                              \
	{                                                                                          \
		.flags = true                                                                      \
	}
#define BODY_REQUEST                                                                               \
	{                                                                                          \
		.flags = true, .body = true                                                        \
	}
#define ASK_BODY "C: $2 UID FETCH 5:7 (UID FLAGS BODY.PEEK[])"

static const struct row rows[] = {
	{.name = "flags of all",
		.request = FLAGS_REQUEST,
		.expected = "5 f10; 7 f0; 9 f4; ",
		.steps = {HELLO, SELECT, "C: $2 UID FETCH 1:* (UID FLAGS)",
			"S: * 1 FETCH (UID 5 FLAGS (\\Seen))",
			"S: * 2 FETCH (FLAGS (\\Recent) UID 7)",
			"S: * 3 FETCH (UID 9 FLAGS ($Forwarded word))", "S: $2 OK"}},
	{.name = "all items",
		.request = {.flags = true,
			.date = true,
			.size = true,
			.modseq = true,
			.changed_since = 12},
		.expected = "5 f0 s1234 d1234567890 m99; ",
		.steps = {HELLO, SELECT,
			"C: $2 UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ) "
			"(CHANGEDSINCE 12)",
			"S: * 1 FETCH (MODSEQ (99) INTERNALDATE \"13-Feb-2009 23:31:30 +0000\" "
			"RFC822.SIZE 1234 FLAGS () UID 5)",
			"S: $2 OK"}},
	{.name = "doubled blanks and a bad date",
		.request = {.flags = true, .date = true},
		.expected = "5 f0; ",
		.steps = {HELLO, SELECT, "C: $2 UID FETCH 1:* (UID FLAGS INTERNALDATE)",
			"S: *  1  FETCH  ( UID  5  FLAGS  ( )  INTERNALDATE  \"yesterday at noon, "
			"I think, or somewhat later than that\" ) ",
			"S: $2 OK"}},
	{.name = "an empty mailbox is not asked",
		.request = FLAGS_REQUEST,
		.expected = "",
		.steps = {HELLO, "C: $1 SELECT box", "S: * 0 EXISTS", "S: $1 OK in"}},
	{.name = "body, UID first",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(5:5:ab\r\nc)5 f0 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 5 FLAGS () BODY[] {5}",
			"S: ab", "S: c)", "S: $2 OK"}},
	{.name = "body, UID last",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(0:5:ab\r\nc)5 f0 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (BODY[] {5}", "S: ab",
			"S: c FLAGS () UID 5)", "S: $2 OK"}},
	{.name = "BODY[]<0> and literal8",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(0:3:abc)5 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (BODY[]<0> ~{3}", "S: abc UID 5)",
			"S: $2 OK"}},
	{.name = "quoted body",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(0:3:a\"b)5 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (BODY[] \"a\\\"b\" UID 5)",
			"S: $2 OK"}},
	{.name = "empty bodies",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(5:0:)5 body; (6:0:)6 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 5 BODY[] \"\")",
			"S: * 2 FETCH (UID 6 BODY[] {0}", "S: )", "S: $2 OK"}},
	{.name = "NIL for a body",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "5 f0 nil; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 5 FLAGS () BODY[] NIL)",
			"S: $2 OK [EXPUNGEISSUED] gone"}},
	{.name = "only the header",
		.request = {.header = true},
		.first = 5,
		.last = 7,
		.expected = "(5:2:a:)5 body; ",
		.steps = {HELLO, SELECT, "C: $2 UID FETCH 5:7 (UID BODY.PEEK[HEADER])",
			"S: * 1 FETCH (UID 5 BODY[] {3}", "S: abc BODY[HEADER] {2}", "S: a:)",
			"S: $2 OK"}},
	{.name = "OK without data",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "",
		.steps = {HELLO, SELECT, ASK_BODY, "S: $2 OK"}},
	{.name = "foreign UIDs, flag news and messages without UID are dropped",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(6:1:x)6 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 8 BODY[] {3}", "S: abc)",
			"S: * 1 FETCH (UID 5 FLAGS (\\Seen))", "S: * 2 FETCH (FLAGS (\\Seen))",
			"S: * 1 FETCH (UID 6 BODY[] {1}", "S: x)", "S: $2 OK"}},
	{.name = "a foreign UID behind its body",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(0:3:abc)",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (BODY[] {3}", "S: abc UID 8)",
			"S: $2 OK"}},
	{.name = "unknown items of any form",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(5:1:x)5 body; ",
		.steps = {HELLO, SELECT, ASK_BODY,
			"S: * 1 FETCH (X-GM-LABELS (\\Inbox \"a ) b\" {2}",
			"S: )) NIL) UID 5 ENVELOPE NIL "
			"BODY[HEADER.FIELDS (DATE FROM)] {4}",
			"S: abcd BODY[] {1}", "S: x)", "S: $2 OK"}},
	{.name = "EXPUNGE and EXISTS meanwhile",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.expected = "(5:1:x)5 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 3 EXPUNGE",
			"S: * 1 FETCH (UID 5 BODY[] {1}", "S: x)", "S: * 9 EXISTS",
			"S: * OK still here", "S: $2 OK"}},
	{.name = "three batches, two in one write",
		.request = {.flags = true, .batch = 2},
		.first = 1,
		.last = 5,
		.expected = "1 f0; 2 f0; 3 f0; 4 f0; 5 f0; ",
		.steps = {HELLO, SELECT, "C: $2 UID FETCH 1:2 (UID FLAGS)",
			"C: $3 UID FETCH 3:4 (UID FLAGS)", "C: $4 UID FETCH 5 (UID FLAGS)",
			"S: * 1 FETCH (UID 1 FLAGS ())", "S: * 2 FETCH (UID 2 FLAGS ())",
			"S: $2 OK", "S: * 3 FETCH (UID 3 FLAGS ())",
			"S: * 4 FETCH (UID 4 FLAGS ())", "S: $3 OK",
			"S: * 5 FETCH (UID 5 FLAGS ())", "S: $4 OK"}},
	{.name = "the window: the fifth goes when the first is answered",
		.request = {.flags = true, .batch = 1},
		.first = 1,
		.last = 5,
		.expected = "1 f0; 5 f0; ",
		.steps = {HELLO, SELECT, "C: $2 UID FETCH 1 (UID FLAGS)",
			"C: $3 UID FETCH 2 (UID FLAGS)", "C: $4 UID FETCH 3 (UID FLAGS)",
			"C: $5 UID FETCH 4 (UID FLAGS)", "S: * 1 FETCH (UID 1 FLAGS ())",
			"S: $2 OK", "C: $6 UID FETCH 5 (UID FLAGS)", "S: $3 OK", "S: $4 OK",
			"S: $5 OK", "S: * 5 FETCH (UID 5 FLAGS ())", "S: $6 OK"}},
	{.name = "NO for one batch: the others come",
		.request = {.flags = true, .batch = 2},
		.first = 1,
		.last = 5,
		.kind = ERR_SERVER_BUSY,
		.expected = "1 f0; 5 f0; ",
		.steps = {HELLO, SELECT, "C: $2 UID FETCH 1:2 (UID FLAGS)",
			"C: $3 UID FETCH 3:4 (UID FLAGS)", "C: $4 UID FETCH 5 (UID FLAGS)",
			"S: * 1 FETCH (UID 1 FLAGS ())", "S: $2 OK",
			"S: $3 NO [UNAVAILABLE] not these", "S: * 5 FETCH (UID 5 FLAGS ())",
			"S: $4 OK"}},
	{.name = "BYE in the middle",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_SERVER_BUSY,
		.expected = "(5:1:x)5 body; ",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 5 BODY[] {1}", "S: x)",
			"S: * BYE shutting down"}},
	{.name = "a literal beyond all bounds",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_PROTO,
		.expected = "",
		.steps = {HELLO, SELECT, ASK_BODY,
			"S: * 1 FETCH (UID 5 BODY[] {18446744073709551616}", "S: x"}},
	{.name = "a negative literal",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_PROTO,
		.expected = "",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 5 BODY[] {-1}", "S: x"}},
	{.name = "4 GiB announced, then the end",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_NET,
		.expected = "(5:4294967295:xy\r\n",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 5 BODY[] {4294967295}",
			"S: xy", "E:"}},
	{.name = "UID 0",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_PROTO,
		.expected = "",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 0 FLAGS ())"}},
	{.name = "message number 0",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_PROTO,
		.expected = "",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 0 FETCH (UID 5 FLAGS ())"}},
	{.name = "a UID beyond 32 bits",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_PROTO,
		.expected = "",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 4294967296 FLAGS ())"}},
	{.name = "a size beyond 64 bits",
		.request = {.size = true},
		.first = 5,
		.last = 7,
		.kind = ERR_PROTO,
		.expected = "",
		.steps = {HELLO, SELECT, "C: $2 UID FETCH 5:7 (UID RFC822.SIZE)",
			"S: * 1 FETCH (UID 5 RFC822.SIZE "
			"99999999999999999999999999999999999999999999999999)"}},
	{.name = "a list that does not end",
		.request = BODY_REQUEST,
		.first = 5,
		.last = 7,
		.kind = ERR_PROTO,
		.expected = "",
		.steps = {HELLO, SELECT, ASK_BODY, "S: * 1 FETCH (UID 5 FLAGS (\\Seen",
			"S: $2 OK"}},
};

static enum imap_fetch_event fetch_row(
	const struct row *row, struct session *s, bool read, struct buf *out)
{
	struct imap_fetch_request request = row->request;
	struct uidset uids = {0};
	enum imap_fetch_event event = IMAP_FETCH_ERROR;

	if (row->first) {
		uidset_add_range(&uids, row->first, row->last);
		request.uids = &uids;
	}
	if (session_open(s, row->steps) == 0 &&
		imap_select(s->imap, SLICE("box"), false, &s->err) == 0)
		event = run(s, &request, read, out);
	uidset_fini(&uids);
	return event;
}

static void fetches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t chunk = 0; chunk < 3; chunk++) {
			const struct row *row = &rows[i];
			struct session s;
			struct buf out = {0};
			enum imap_fetch_event event;

			session_init(&s);
			s.chunk = chunk;
			buf_add_str(&out, "");
			event = fetch_row(row, &s, true, &out);
			if (event != (row->kind ? IMAP_FETCH_ERROR : IMAP_FETCH_END) ||
				s.err.kind != row->kind ||
				strcmp(out.data ? out.data : "", row->expected))
				fail_msg("%s: event %d, kind %s (%s), got <%s>; %s", row->name,
					(int)event, err_kind_name(s.err.kind), s.err.msg, out.data,
					script_check(&s.script) ? script_check(&s.script) : "");
			buf_fini(&out);
			session_end(&s, row->name);
		}
	}
}

/* Bodies that nobody reads are skipped; the messages are the same. */
static void unread_bodies(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct session s;
		struct buf out = {0};

		if (rows[i].kind == ERR_NET)
			continue;
		session_init(&s);
		(void)fetch_row(&rows[i], &s, false, &out);
		if (s.err.kind != rows[i].kind)
			fail_msg("%s: %s", rows[i].name, s.err.msg);
		buf_fini(&out);
		session_end(&s, rows[i].name);
	}
}

static void cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t whole = SIZE_MAX;

		for (size_t n = 0; n < whole; n++) {
			struct session s;
			struct buf out = {0};
			enum imap_fetch_event event;

			session_init(&s);
			s.cut_after = n;
			s.chunk = n % 2;
			event = fetch_row(&rows[i], &s, n % 3, &out);
			if (s.script.fed < n)
				whole = n;
			else if (event != IMAP_FETCH_ERROR &&
				 !(script_check(&s.script) == NULL && s.script.fed == n))
				fail_msg("%s: cut after %zu, and no error", rows[i].name, n);
			buf_fini(&out);
			session_drop(&s);
		}
	}
}

/* A caller that leaves in the middle: the next command reads the rest away. */
static void abandoned(void **state)
{
	static const char *const steps[] = {HELLO, SELECT, "C: $2 UID FETCH 1 (UID BODY.PEEK[])",
		"C: $3 UID FETCH 2 (UID BODY.PEEK[])", "C: $4 UID FETCH 3 (UID BODY.PEEK[])",
		"C: $5 UID FETCH 4 (UID BODY.PEEK[])", "S: * 1 FETCH (UID 1 BODY[] {5}",
		"S: abcde)", "S: $2 OK", "S: * 2 FETCH (UID 2 BODY[] {5}", "S: abcde)", "S: $3 OK",
		"S: $4 NO gone", "S: $5 OK", "C: $6 NOOP", "S: $6 OK", NULL};
	struct imap_fetch_request request = {.body = true, .batch = 1};
	struct uidset uids = {0};
	struct imap_message m;
	struct slice piece;
	struct session s;

	(void)state;
	uidset_add_range(&uids, 1, 9);
	request.uids = &uids;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_select(s.imap, SLICE("box"), false, &s.err), 0);
	assert_int_equal(imap_fetch_begin(s.imap, &request, &s.err), 0);
	uidset_fini(&uids); /* the fetch has its own copy */
	assert_int_equal(imap_fetch_next(s.imap, &m, &s.err), IMAP_FETCH_BODY);
	assert_int_equal(imap_fetch_read(s.imap, &piece, &s.err), 1);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	session_end(&s, "abandoned");
}

/* What was not asked for yet can be given up by half; what then comes unasked is dropped. */
static void given_up(void **state)
{
	static const char *const steps[] = {HELLO, SELECT, "C: $2 UID FETCH 1:2 (UID FLAGS)",
		"C: $3 UID FETCH 3:4 (UID FLAGS)", "C: $4 UID FETCH 5:6 (UID FLAGS)",
		"C: $5 UID FETCH 7:8 (UID FLAGS)", "S: * 1 FETCH (UID 1 FLAGS ())", "S: $2 OK",
		"C: $6 UID FETCH 9:10 (UID FLAGS)", "S: $3 OK", "C: $7 UID FETCH 20 (UID FLAGS)",
		"S: $4 OK", "S: $5 OK", "S: * 21 FETCH (UID 21 FLAGS ())", "S: $6 OK",
		"S: * 20 FETCH (UID 20 FLAGS ())", "S: $7 OK", NULL};
	struct imap_fetch_request request = {.flags = true, .batch = 2};
	struct uidset uids = {0}, part = {0};
	struct imap_message m;
	struct session s;

	(void)state;
	uidset_add_range(&uids, 1, 10);
	uidset_add_range(&uids, 20, 23);
	request.uids = &uids;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_select(s.imap, SLICE("box"), false, &s.err), 0);
	assert_int_equal(imap_fetch_begin(s.imap, &request, &s.err), 0);
	assert_int_equal(imap_fetch_next(s.imap, &m, &s.err), IMAP_FETCH_MESSAGE);
	assert_int_equal(imap_fetch_ahead(s.imap), 6); /* 9, 10, 20 to 23 */
	imap_fetch_give_up(s.imap, 4, &part);
	assert_true(uidset_empty(&part));
	imap_fetch_give_up(s.imap, 3, &part);
	assert_int_equal(uidset_size(&part), 3);
	assert_true(uidset_contains(&part, 21) && uidset_contains(&part, 23));
	assert_int_equal(imap_fetch_ahead(s.imap), 3);
	assert_int_equal(imap_fetch_next(s.imap, &m, &s.err), IMAP_FETCH_MESSAGE);
	assert_int_equal(m.uid, 20);
	assert_int_equal(imap_fetch_ahead(s.imap), 0);
	imap_fetch_give_up(s.imap, 0, &part);
	assert_int_equal(uidset_size(&part), 3);
	assert_int_equal(imap_fetch_next(s.imap, &m, &s.err), IMAP_FETCH_END);
	uidset_fini(&uids);
	uidset_fini(&part);
	session_end(&s, "given up");
}

/* After a fatal error each call says the same again. */
static void errors_are_sticky(void **state)
{
	static const char *const steps[] = {HELLO, SELECT, "C: $2 NOOP", "S: x9 OK", NULL};
	struct imap_fetch_request request = {.flags = true};
	struct imap_status status;
	struct uidset uids = {0};
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_select(s.imap, SLICE("box"), false, &s.err), 0);
	assert_int_equal(imap_noop(s.imap, &s.err), -1);
	assert_int_equal(s.err.kind, ERR_PROTO);
	for (int i = 0; i < 5; i++) {
		int rc = i == 0   ? imap_noop(s.imap, &s.err)
			 : i == 1 ? imap_fetch_begin(s.imap, &request, &s.err)
			 : i == 2 ? imap_select(s.imap, SLICE("box"), false, &s.err)
			 : i == 3 ? imap_status(s.imap, SLICE("box"), &status, &s.err)
				  : imap_search_all(s.imap, &uids, &s.err);

		assert_int_equal(rc, -1);
		assert_int_equal(s.err.kind, ERR_PROTO);
		s.err = (struct err){0};
	}
	imap_logout(s.imap);
	session_end(&s, "sticky");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fetches),
		cmocka_unit_test(unread_bodies),
		cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(abandoned),
		cmocka_unit_test(given_up),
		cmocka_unit_test(errors_are_sticky),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

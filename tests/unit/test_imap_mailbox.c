/*
 * LIST, STATUS, SELECT, SEARCH: what servers say about their mailboxes, well-formed, mildly broken
 * and hostile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "tests/fake/memstream.h"
#include "tests/fake/session.h"

#define HELLO "S: * PREAUTH [CAPABILITY IMAP4rev1] hi"
#define LIST "C: $1 LIST \"\" \"*\""

/* ---- LIST ---- */

struct list_row {
	const char *name;
	bool status;
	enum err_kind kind;
	const char *expected; /* "name delimiter attributes [messages uidnext uidvalidity modseq
				 id]; " */
	const char *steps[28];
};

static const struct list_row list_rows[] = {
	{.name = "plain",
		.expected = "INBOX / 0; a/b / 1; c d / 800; ",
		.steps = {HELLO, LIST, "S: * LIST () \"/\" INBOX",
			"S: * LIST (\\Noselect \\X-New) \"/\" a/b",
			"S: * LIST (\\HasChildren) \"/\" \"c d\"", "S: $1 OK"}},
	{.name = "literal names, odd atoms, trailing data and blanks",
		.expected = "a\"b . 0; [Gmail]/All(x) . 0; ~home . 0; NIL - 0; x\\y . 0; old . 3; ",
		.steps = {HELLO, LIST, "S: * LIST () \".\" {3}", "S: a\"b",
			"S: * LIST () \".\" [Gmail]/All(x) ", "S: * LIST () \".\"  ~home",
			"S: * LIST () NIL NIL", "S: * LIST () \".\" \"x\\\\y\"",
			"S: * list (\\NonExistent) \".\" old (\"CHILDINFO\" (\"SUBSCRIBED\")) "
			"(OLDNAME (\"older\"))",
			"S: $1 OK"}},
	{.name = "a backslash for a delimiter",
		.expected = "a \\ 0; ",
		.steps = {HELLO, LIST, "S: * LIST () \"\\\\\" a", "S: $1 OK"}},
	{.name = "repeats are merged, INBOX in any case",
		.expected = "inbox / 8; b / 210; ",
		.steps = {HELLO, LIST, "S: * LIST () \"/\" inbox", "S: * LIST (\\Sent) \"/\" b",
			"S: * LIST (\\Subscribed) \"/\" INBOX", "S: * LIST (\\All) \"/\" b",
			"S: $1 OK"}},
	{.name = "an empty name is none",
		.expected = "a / 0; ",
		.steps = {HELLO, LIST, "S: * LIST () \"/\" \"\"", "S: * LIST () \"/\" a",
			"S: $1 OK"}},
	{.name = "mailutils: no delimiter at INBOX",
		.expected = "INBOX - 1004; a / 0; ",
		.steps = {HELLO, LIST, "S: * LIST (\\NoInferiors) NIL INBOX",
			"S: * LIST () \"/\" a", "S: $1 OK"}},
	{.name = "other people's and shared names stay out",
		.expected = "INBOX / 0; mine / 0; sharedish / 0; ",
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] hi", "C: $9 NAMESPACE",
			"S: * NAMESPACE ((\"\" \"/\")) ((\"user/\" \"/\")) ((\"shared/\" \"/\"))",
			"S: $9 OK", LIST, "S: * LIST () \"/\" INBOX", "S: * LIST () \"/\" mine",
			"S: * LIST () \"/\" user/bob", "S: * LIST () \"/\" shared",
			"S: * LIST () \"/\" shared/x", "S: * LIST () \"/\" sharedish", "S: $1 OK"}},
	{.name = "Cyrus: everything else is shared",
		.expected = "INBOX . 0; INBOX.a . 0; ",
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] hi", "C: $9 NAMESPACE",
			"S: * NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"\" \".\"))",
			"S: $9 OK", LIST, "S: * LIST () \".\" INBOX", "S: * LIST () \".\" INBOX.a",
			"S: * LIST () \".\" news", "S: $1 OK"}},
	{.name = "all in one: LIST-STATUS",
		.status = true,
		.expected = "INBOX / 8 [3 5 77 99]; b / 0 [0 0 0 0] unknown; ",
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS "
			  "SPECIAL-USE CONDSTORE OBJECTID] hi",
			"C: $1 LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES "
			"UIDNEXT UIDVALIDITY HIGHESTMODSEQ))",
			"S: * LIST (\\Subscribed) \"/\" INBOX",
			"S: * STATUS iNbOx (HIGHESTMODSEQ 99 MESSAGES 3 UIDNEXT 5 X-NEW (1 2) "
			"MAILBOXID (Fabc) UIDVALIDITY 77 ) ",
			"S: * LIST () \"/\" b", "S: * STATUS nowhere (MESSAGES 1)",
			"S: * STATUS b ()", "S: $1 OK"}},
	{.name = "announced and refused",
		.expected = "a / 0; ",
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED] hi",
			"C: $1 LIST \"\" \"*\" RETURN (SUBSCRIBED)", "S: $1 BAD what",
			"C: $2 LIST \"\" \"*\"", "S: * LIST () \"/\" a", "S: $2 OK"}},
	{.name = "STATUS by STATUS, pipelined; one refused",
		.status = true,
		.expected = "a / 0 [1 2 3 0]; b / 1 [0 0 0 0] unknown; c d / 0 [0 0 0 0] "
			    "unknown; e / 0 [4294967295 4294967295 4294967295 0]; ",
		.steps = {HELLO, LIST, "S: * LIST () \"/\" a", "S: * LIST (\\Noselect) \"/\" b",
			"S: * LIST () \"/\" \"c d\"", "S: * LIST () \"/\" e", "S: $1 OK",
			"C: $2 STATUS a (MESSAGES UIDNEXT UIDVALIDITY)",
			"C: $3 STATUS \"c d\" (MESSAGES UIDNEXT UIDVALIDITY)",
			"C: $4 STATUS e (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS a (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)", "S: $2 OK",
			"S: $3 NO no", "S: * STATUS {1}",
			"S: e (MESSAGES 4294967295 UIDNEXT 4294967295 UIDVALIDITY 4294967295)",
			"S: $4 OK"}},
	{.name = "LIST refused",
		.kind = ERR_SERVER_NO,
		.steps = {HELLO, LIST, "S: $1 NO not today"}},
	{.name = "a delimiter of two",
		.kind = ERR_PROTO,
		.steps = {HELLO, LIST, "S: * LIST () \"//\" a"}},
	{.name = "a name with a NUL announced too long",
		.kind = ERR_PROTO,
		.steps = {HELLO, LIST, "S: * LIST () \"/\" {4294967295}"}},
	{.name = "a name with a line end",
		.kind = ERR_PROTO,
		.steps = {HELLO, LIST, "S: * LIST () \"/\" \"a", "S: b\""}},
	{.name = "attributes that don't end",
		.kind = ERR_PROTO,
		.steps = {HELLO, LIST, "S: * LIST (\\Noselect \"/\" a"}},
	{.name = "mailutils: a name as it is, with blanks and parentheses",
		.status = true,
		.expected = "two words / 0 [1 2 3 0]; a (b)  c / 0 [4 5 6 0]; \"q / 0 [7 8 9 0]; "
			    "(x / 0 [10 11 12 0]; ",
		.steps = {HELLO, LIST, "S: * LIST () \"/\" \"two words\"",
			"S: * LIST () \"/\" \"a (b)  c\"", "S: * LIST () \"/\" \"\\\"q\"",
			"S: * LIST () \"/\" \"(x\"", "S: $1 OK",
			"C: $2 STATUS \"two words\" (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS two words (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3)", "S: $2 OK",
			"C: $3 STATUS \"a (b)  c\" (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS a (b)  c (MESSAGES 4 UIDNEXT 5 UIDVALIDITY 6)", "S: $3 OK",
			"C: $4 STATUS \"\\\"q\" (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS \"q (MESSAGES 7 UIDNEXT 8 UIDVALIDITY 9)", "S: $4 OK",
			"C: $5 STATUS \"(x\" (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS (x (MESSAGES 10 UIDNEXT 11 UIDVALIDITY 12)", "S: $5 OK"}},
	{.name = "a quoted STATUS name with what has to be escaped, and with what was not",
		.status = true,
		.expected = "a\"b\\c / 0 [1 0 0 0]; d\"e / 0 [2 0 0 0]; ",
		.steps = {HELLO, LIST, "S: * LIST () \"/\" \"a\\\"b\\\\c\"",
			"S: * LIST () \"/\" \"d\\\"e\"", "S: $1 OK",
			"C: $2 STATUS \"a\\\"b\\\\c\" (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS \"a\\\"b\\\\c\" (MESSAGES 1)", "S: $2 OK",
			"C: $3 STATUS \"d\\\"e\" (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS \"d\"e\" (MESSAGES 2)", "S: $3 OK"}},
	{.name = "STATUS lines that make no sense say nothing",
		.status = true,
		.expected = "a / 0 [0 0 0 0] unknown; b / 0 [0 0 0 0] unknown; c / 0 [0 0 0 0] "
			    "unknown; d / 0 [0 0 0 0] unknown; e / 0 [5 0 0 0]; ",
		.steps = {HELLO, LIST, "S: * LIST () \"/\" a", "S: * LIST () \"/\" b",
			"S: * LIST () \"/\" c", "S: * LIST () \"/\" d", "S: * LIST () \"/\" e",
			"S: $1 OK", "C: $2 STATUS a (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS a (UIDVALIDITY 4294967296 MESSAGES 1)", "S: $2 OK",
			"C: $3 STATUS b (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS b (MESSAGES -1)", "S: $3 OK",
			"C: $4 STATUS c (MESSAGES UIDNEXT UIDVALIDITY)", "S: * STATUS c MESSAGES 1",
			"S: $4 OK", "C: $5 STATUS d (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS d (MESSAGES)", "S: * STATUS", "S: * STATUS )", "S: $5 OK",
			"C: $6 STATUS e (MESSAGES UIDNEXT UIDVALIDITY)",
			"S: * STATUS e  (MESSAGES 5) ", "S: $6 OK"}},
	{.name = "the connection ends within a command",
		.kind = ERR_SERVER_BUSY,
		.status = true,
		.steps = {HELLO, LIST, "S: * LIST () \"/\" {1}", "S: \xC3", "S: $1 OK",
			"C: $2 STATUS {1}", "S: * BYE"}},
	{.name = "nesting beyond all bounds",
		.kind = ERR_PROTO,
		.steps = {HELLO, LIST,
			"S: * LIST () \"/\" a (((((((((((((((((((((((((((((((((((((((((((((((("}},
};

static int list_row(const struct list_row *row, struct session *s, struct buf *out)
{
	struct arena arena = {0};
	struct imap_list list;
	int rc = session_open(s, row->steps);

	if (rc == 0)
		rc = imap_list(s->imap, row->status, &arena, &list, &s->err);
	if (rc < 0 && s->imap && s->err.kind != ERR_SERVER_NO)
		assert_int_equal(imap_noop(s->imap, NULL), -1); /* over is over */
	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		const struct imap_list_entry *e = &list.entries[i];

		buf_add_slice(out, e->wire);
		buf_addf(out, " %c %x", e->delimiter ? e->delimiter : '-', e->attributes);
		if (row->status)
			buf_addf(out, " [%u %u %u %llu]%s", e->status.messages, e->status.uidnext,
				e->status.uidvalidity, (unsigned long long)e->status.highestmodseq,
				e->status.known ? "" : " unknown");
		buf_add_str(out, "; ");
	}
	arena_fini(&arena);
	return rc;
}

static void lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(list_rows); i++) {
		for (size_t chunk = 0; chunk < 2; chunk++) {
			const struct list_row *row = &list_rows[i];
			struct session s;
			struct buf out = {0};
			int rc;

			session_init(&s);
			s.chunk = chunk;
			rc = list_row(row, &s, &out);
			if (rc != (row->kind ? -1 : 0) || s.err.kind != row->kind ||
				(rc == 0 && strcmp(out.data ? out.data : "", row->expected)))
				fail_msg("%s: rc %d, %s, got <%s>; %s", row->name, rc, s.err.msg,
					out.data ? out.data : "",
					script_check(&s.script) ? script_check(&s.script) : "");
			buf_fini(&out);
			session_end(&s, row->name);
		}
	}
}

static void cut_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(list_rows); i++) {
		for (size_t n = 0, whole = SIZE_MAX; n < whole; n++) {
			struct session s;
			struct buf out = {0};
			int rc;

			session_init(&s);
			s.cut_after = n;
			rc = list_row(&list_rows[i], &s, &out);
			if (s.script.fed < n)
				whole = n;
			else if (rc == 0 && script_check(&s.script))
				fail_msg("%s: cut after %zu, and no error", list_rows[i].name, n);
			buf_fini(&out);
			session_drop(&s);
		}
	}
}

/* A server that never stops listing is stopped. */
static void endless_list(void **state)
{
	static const char *const steps[] = {HELLO, LIST, NULL};
	struct arena arena = {0};
	struct imap_list list;
	struct session s;
	char line[64];

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	for (int i = 0; i < 100001; i++) {
		snprintf(line, sizeof(line), "* LIST () \"/\" m%d\r\n", i);
		memstream_feed_str(s.script.stream, line);
	}
	assert_int_equal(imap_list(s.imap, false, &arena, &list, &s.err), -1);
	assert_int_equal(s.err.kind, ERR_PROTO);
	arena_fini(&arena);
	session_end(&s, "endless");
}

typedef char step_text[80];

static void add_step(const char **steps, step_text *text, size_t n, const char *fmt, int a, int b)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text[n], sizeof(text[n]), fmt, a, b);
#pragma GCC diagnostic pop
	steps[n] = text[n];
}

/* More STATUS commands than the window holds: answers are read in between, none is lost. */
static void many_statuses(void **state)
{
	enum { COUNT = 150 };
	static step_text text[4 * COUNT + 10];
	static const char *steps[4 * COUNT + 10];
	struct arena arena = {0};
	struct imap_list list;
	struct session s;
	size_t n = 0;

	(void)state;
	steps[n++] = HELLO;
	steps[n++] = LIST;
	for (int i = 0; i < COUNT; i++) {
		add_step(steps, text, n++, "S: * LIST () \"/\" m%d", i, 0);
	}
	steps[n++] = "S: $1 OK"; /* from here on $1 is the second STATUS */
	for (int i = 0; i < COUNT + 64; i++) {
		if (i >= 64) { /* the window is full: one answer lets one command out */
			add_step(steps, text, n++, "S: * STATUS m%d (MESSAGES %d)", i - 64, i - 64);
			add_step(steps, text, n++, "S: $%d OK", i - 64, 0);
		}
		if (i < COUNT)
			add_step(steps, text, n++,
				"C: $%d STATUS m%d (MESSAGES UIDNEXT UIDVALIDITY)", i, i);
	}
	steps[n] = NULL;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_list(s.imap, true, &arena, &list, &s.err), 0);
	assert_int_equal(list.count, COUNT);
	for (uint32_t i = 0; i < COUNT; i++) {
		assert_true(list.entries[i].status.known);
		assert_int_equal(list.entries[i].status.messages, i);
	}
	arena_fini(&arena);
	session_end(&s, "many");
}

/* ---- STATUS ---- */

static void one_status(void **state)
{
	static const char *const steps[] = {"S: * PREAUTH [CAPABILITY IMAP4rev1 QRESYNC] hi",
		"C: $1 STATUS a (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)",
		"S: * STATUS a (MESSAGES 3 HIGHESTMODSEQ 9223372036854775807)", "S: $1 OK",
		"C: $2 STATUS b (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)",
		"S: $2 NO [NONEXISTENT] no such mailbox",
		"C: $3 STATUS c (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)",
		"S: $3 NO [NOPERM] it doesn't exist for you",
		"C: $4 STATUS d (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)",
		"S: $4 NO Mailbox doesn't exist: d",
		"C: $5 STATUS e (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)",
		"S: $5 BAD no such mailbox", NULL};
	struct imap_status status;
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_status(s.imap, SLICE("a"), &status, &s.err), 1);
	assert_true(status.known);
	assert_int_equal(status.messages, 3);
	assert_true(status.highestmodseq == INT64_MAX);
	assert_int_equal(imap_status(s.imap, SLICE("b"), &status, &s.err), 0);
	assert_int_equal(imap_status(s.imap, SLICE("c"), &status, &s.err), -1);
	assert_int_equal(s.err.kind, ERR_SERVER_NO);
	assert_int_equal(imap_status(s.imap, SLICE("d"), &status, &s.err),
		0); /* Dovecot has no code for it */
	assert_int_equal(imap_status(s.imap, SLICE("e"), &status, &s.err), -1);
	assert_int_equal(imap_status(s.imap, (struct slice){"a\0b", 3}, &status, &s.err),
		-1); /* nothing is sent */
	assert_int_equal(s.err.kind, ERR_SERVER_NO);
	session_end(&s, "status");
}

/* ---- SELECT ---- */

struct select_row {
	const char *name;
	bool examine;
	enum err_kind kind;
	const char *expected; /* exists uidvalidity uidnext modseq ro newkw system keywords */
	const char *steps[16];
};

#define IN "S: $1 OK [READ-WRITE] in"

static const struct select_row select_rows[] = {
	{.name = "everything",
		.expected = "3 77 12 99 rw new 3f a b F2212ea87",
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 CONDSTORE] hi",
			"C: $1 SELECT box (CONDSTORE)", "S: * FLAGS (\\Seen a)", "S: * 3 EXISTS",
			"S: * 0 RECENT", "S: * OK [UNSEEN 1] first", "S: * OK [UIDVALIDITY 77] ok",
			"S: * OK [UIDNEXT 12]",
			"S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft a "
			"b \\*)] Limited",
			"S: * OK [MAILBOXID (F2212ea87)] Ok", "S: * OK [HIGHESTMODSEQ 99]", IN}},
	{.name = "Courier: no UIDNEXT; no PERMANENTFLAGS",
		.expected = "3 77 0 0 rw - 30 a",
		.steps = {HELLO, "C: $1 SELECT box", "S: * FLAGS (\\Seen \\Deleted a)",
			"S: * 3 EXISTS", "S: * OK [UIDVALIDITY 77] ok", IN}},
	{.name = "UIDVALIDITY 0, NOMODSEQ",
		.expected = "0 0 0 0 rw - 0",
		.steps = {HELLO, "C: $1 SELECT box", "S: * OK [UIDVALIDITY 0]",
			"S: * OK [NOMODSEQ] none", "S: * OK [PERMANENTFLAGS ()]", IN}},
	{.name = "EXAMINE keeps nothing",
		.examine = true,
		.expected = "1 0 0 0 ro - 0",
		.steps = {HELLO, "C: $1 EXAMINE box", "S: * 1 EXISTS",
			"S: * OK [PERMANENTFLAGS (\\Seen \\*)]", "S: $1 OK [READ-ONLY] in"}},
	{.name = "SELECT that turns out read-only",
		.expected = "1 0 0 0 ro - 0",
		.steps = {HELLO, "C: $1 SELECT box", "S: * 1 EXISTS",
			"S: * OK [PERMANENTFLAGS (\\Seen \\*)]", "S: $1 OK [READ-ONLY] in"}},
	{.name = "a bracket within the list (no atom, so no keyword)",
		.expected = "0 0 0 0 rw new 14 z",
		.steps = {HELLO, "C: $1 SELECT box",
			"S: * OK [PERMANENTFLAGS (\\Seen x]y z \\*)] ok", IN}},
	{.name = "go-imap: everything is permanent",
		.expected = "1 0 0 0 rw new 3f",
		.steps = {HELLO, "C: $1 SELECT box", "S: * FLAGS (\\Seen)", "S: * 1 EXISTS",
			"S: * OK [PERMANENTFLAGS (\\*)] Flags permitted.", IN}},
	{.name = "Hoodiecrow: a HIGHESTMODSEQ that is no number is none",
		.expected = "1 7 0 0 rw - 0",
		.steps = {HELLO, "C: $1 SELECT box", "S: * 1 EXISTS", "S: * OK [UIDVALIDITY 7]",
			"S: * OK [HIGHESTMODSEQ NaN] Highest", IN}},
	{.name = "old news before CLOSED",
		.expected = "2 5 0 0 rw - 0",
		.steps = {HELLO, "C: $1 SELECT box", "S: * 9 EXISTS", "S: * OK [CLOSED] left",
			"S: * 2 EXISTS", "S: * OK [UIDVALIDITY 5]", IN}},
	{.name = "the largest numbers",
		.expected = "4294967295 4294967295 4294967295 9223372036854775807 rw - 0",
		.steps = {HELLO, "C: $1 SELECT box", "S: * 4294967295 EXISTS",
			"S: * OK [UIDVALIDITY 4294967295]", "S: * OK [UIDNEXT 4294967295]",
			"S: * OK [HIGHESTMODSEQ 9223372036854775807]", IN}},
	{.name = "LF line ends",
		.expected = "3 77 0 0 rw - 0",
		.steps = {HELLO, "C: $1 SELECT box", "R: * 3 EXISTS\n* OK [UIDVALIDITY 77]\n", IN}},
	{.name = "codes nobody knows",
		.expected = "0 0 0 0 rw - 0",
		.steps = {HELLO, "C: $1 SELECT box", "S: * OK [X-NEW (a] b) c] hm", "S: * OK [",
			"S: * OK []", "S: * OK [no end", "S: * NO [ALERT] hm",
			"S: * XYZZY plugh {3}", "S: abc", "S: * 5 XYZZY", "S: * BAD", IN}},
	{.name = "refused",
		.kind = ERR_SERVER_NO,
		.steps = {HELLO, "C: $1 SELECT box", "S: $1 NO no such mailbox"}},
	{.name = "in use",
		.kind = ERR_SERVER_BUSY,
		.steps = {HELLO, "C: $1 SELECT box", "S: $1 NO [INUSE] later"}},
	{.name = "EXISTS beyond 32 bits",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 SELECT box", "S: * 4294967296 EXISTS"}},
	{.name = "UIDVALIDITY that is no number",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 SELECT box", "S: * OK [UIDVALIDITY -7]"}},
	{.name = "HIGHESTMODSEQ beyond 63 bits",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 SELECT box",
			"S: * OK [HIGHESTMODSEQ 9223372036854775808]"}},
	{.name = "EXPUNGE 0",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 SELECT box", "S: * 0 EXPUNGE"}},
	{.name = "an unknown literal too long",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 SELECT box", "S: * XYZZY {4294967295}"}},
	{.name = "neither OK nor NO",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 SELECT box", "S: $1 MAYBE"}},
	{.name = "an empty line", .kind = ERR_PROTO, .steps = {HELLO, "C: $1 SELECT box", "S: "}},
	{.name = "nothing behind the star",
		.kind = ERR_PROTO,
		.steps = {HELLO, "C: $1 SELECT box", "S: *"}},
};

static void selects(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(select_rows); i++) {
		const struct select_row *row = &select_rows[i];
		struct buf out = {0};
		struct session s;
		int rc;

		session_init(&s);
		rc = session_open(&s, row->steps);
		if (rc == 0)
			rc = imap_select(s.imap, SLICE("box"), row->examine, &s.err);
		if (rc == 0) {
			const struct imap_mailbox *m = imap_selected(s.imap);
			struct flags words = m->permanent;

			buf_addf(&out, "%u %u %u %llu %s %s %x", m->exists, m->uidvalidity,
				m->uidnext, (unsigned long long)m->highestmodseq,
				m->read_only ? "ro" : "rw", m->new_keywords ? "new" : "-",
				m->permanent.system);
			words.system = 0;
			if (!flags_empty(&words)) {
				buf_add_char(&out, ' ');
				keywords_format(s.keywords, &words, &out);
			}
			if (m->mailboxid[0])
				buf_addf(&out, " %s", m->mailboxid);
		}
		if (rc != (row->kind ? -1 : 0) || s.err.kind != row->kind ||
			(rc == 0 && strcmp(out.data, row->expected)))
			fail_msg("%s: rc %d, %s, got <%s>", row->name, rc, s.err.msg,
				out.data ? out.data : "");
		if (rc < 0 && s.imap && imap_selected(s.imap))
			fail_msg("%s: something is selected", row->name);
		buf_fini(&out);
		session_end(&s, row->name);
	}
}

/* What the server pushes changes counts, and nothing but counts. */
static void news(void **state)
{
	static const char *const steps[] = {HELLO, "C: $1 SELECT box", "S: * 10 EXISTS",
		"S: $1 OK in", "C: $2 NOOP", "S: * 2 EXPUNGE", "S: * 2 EXPUNGE", "S: $2 OK",
		"C: $3 NOOP", "S: * 99 EXPUNGE", "S: * 12 EXISTS",
		"S: * VANISHED (EARLIER) 1:4294967295", "S: * VANISHED 7,9:10", "S: * 4 RECENT",
		"S: * OK [UIDNEXT 99] not ours to take now", "S: * OK [PERMANENTFLAGS (\\Seen)]",
		"S: $3 OK", "C: $4 NOOP", "S: * VANISHED 1:4294967295", "S: $4 OK", "C: $5 NOOP",
		"S: * 5 EXISTS", "S: * 2 EXISTS", "S: $5 OK", NULL};
	const struct imap_mailbox *m;
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_select(s.imap, SLICE("box"), false, &s.err), 0);
	m = imap_selected(s.imap);
	assert_int_equal(m->arrived, 0);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_false(m->doubtful);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_true(m->doubtful);
	assert_int_equal(m->exists, 9);
	assert_int_equal(m->arrived, 4);
	assert_int_equal(m->expunged, 5);
	assert_int_equal(m->uidnext, 0);
	assert_int_equal(m->permanent.system, FLAG_SEEN);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_int_equal(m->exists, 0);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_int_equal(m->exists, 2);
	session_end(&s, "news");
}

static void leaving(void **state)
{
	static const char *const unselect[] = {"S: * PREAUTH [CAPABILITY IMAP4rev1 UNSELECT] hi",
		"C: $1 SELECT box", "S: $1 OK in", "C: $2 UNSELECT", "S: $2 OK", NULL};
	static const char *const by_close[] = {HELLO, "C: $1 SELECT box", "S: $1 OK in",
		"C: $2 EXAMINE box", "S: $2 OK [READ-ONLY] in", "C: $3 CLOSE", "S: $3 OK", NULL};
	static const char *const gone[] = {HELLO, "C: $1 SELECT box", "S: $1 OK in",
		"C: $2 EXAMINE box", "S: $2 NO gone", NULL};
	static const char *const *const all[] = {unselect, by_close, gone};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct session s;

		session_init(&s);
		assert_int_equal(session_open(&s, all[i]), 0);
		assert_int_equal(imap_select(s.imap, SLICE("box"), false, &s.err), 0);
		assert_int_equal(imap_unselect(s.imap, &s.err), 0);
		assert_null(imap_selected(s.imap));
		session_end(&s, "leaving");
	}
}

/* ---- SEARCH ---- */

struct search_row {
	const char *name;
	bool extended;
	enum err_kind kind;
	const char *expected;
	const char *steps[8];
};

#define ESEARCH                                                                                    \
	"S: * PREAUTH [CAPABILITY IMAP4rev1 ESEARCH] hi", "C: $1 UID SEARCH RETURN (ALL) ALL"
#define SEARCH HELLO, "C: $1 UID SEARCH ALL"

static const struct search_row search_rows[] = {
	{.name = "in order",
		.expected = "1:3,7",
		.steps = {SEARCH, "S: * SEARCH 1 2 3 7", "S: $1 OK"}},
	{.name = "out of order, repeats, two lines, a MODSEQ",
		.expected = "1:3,7:9",
		.steps = {SEARCH, "S: * SEARCH 9 8 3 3 1  2 (MODSEQ 5) ", "S: * SEARCH 7",
			"S: $1 OK"}},
	{.name = "none", .expected = "", .steps = {SEARCH, "S: * SEARCH", "S: $1 OK"}},
	{.name = "none, with a blank",
		.expected = "",
		.steps = {SEARCH, "S: * SEARCH ", "S: $1 OK"}},
	{.name = "the last UID",
		.expected = "4294967295",
		.steps = {SEARCH, "S: * SEARCH 4294967295", "S: $1 OK"}},
	{.name = "extended",
		.expected = "1:3,7,10:20",
		.steps = {ESEARCH, "S: * ESEARCH (TAG \"$1\") UID MIN 1 ALL 7,1:3,20:10 COUNT 15",
			"S: $1 OK"}},
	{.name = "extended, none",
		.expected = "",
		.steps = {ESEARCH, "S: * ESEARCH (TAG \"$1\") UID", "S: $1 OK"}},
	{.name = "extended, all there can be",
		.kind = ERR_PROTO,
		.steps = {ESEARCH, "S: * ESEARCH (TAG \"$1\") UID ALL 1:4294967295", "S: $1 OK"}},
	{.name = "... in a mailbox that is said to hold as many",
		.kind = ERR_PROTO,
		.steps = {ESEARCH, "S: * 4294967295 EXISTS",
			"S: * ESEARCH (TAG \"$1\") UID ALL 1:4294967295", "S: $1 OK"}},
	{.name = "extended, somebody else's",
		.expected = "",
		.steps = {ESEARCH, "S: * ESEARCH (TAG \"x1\") UID ALL 1", "S: $1 OK"}},
	{.name = "extended, without UID",
		.kind = ERR_PROTO,
		.steps = {ESEARCH, "S: * ESEARCH (TAG \"$1\") ALL 1"}},
	{.name = "a comma at the end",
		.kind = ERR_PROTO,
		.steps = {ESEARCH, "S: * ESEARCH (TAG \"$1\") UID ALL 1,2,"}},
	{.name = "UID 0", .kind = ERR_PROTO, .steps = {SEARCH, "S: * SEARCH 0"}},
	{.name = "a star",
		.kind = ERR_PROTO,
		.steps = {ESEARCH, "S: * ESEARCH (TAG \"$1\") UID ALL 1:*"}},
	{.name = "beyond 32 bits", .kind = ERR_PROTO, .steps = {SEARCH, "S: * SEARCH 4294967296"}},
	{.name = "refused", .kind = ERR_SERVER_NO, .steps = {SEARCH, "S: $1 NO no"}},
};

static void searches(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(search_rows); i++) {
		const struct search_row *row = &search_rows[i];
		struct uidset uids = {0};
		struct buf out = {0};
		struct session s;
		int rc;

		session_init(&s);
		s.chunk = i % 2;
		assert_int_equal(session_open(&s, row->steps), 0);
		rc = imap_search_all(s.imap, &uids, &s.err);
		uidset_format_all(&uids, &out);
		if (rc != (row->kind ? -1 : 0) || s.err.kind != row->kind ||
			(rc == 0 && strcmp(out.data ? out.data : "", row->expected)))
			fail_msg("%s: rc %d, %s, got <%s>", row->name, rc, s.err.msg,
				out.data ? out.data : "");
		uidset_fini(&uids);
		buf_fini(&out);
		session_end(&s, row->name);
	}
}

/* A search and a fetch travel with the SELECT; what is asked for between them is not mixed up, and
 * a refused SELECT takes them back. */
static void ahead(void **state)
{
	static const char *const steps[] = {"S: * PREAUTH [CAPABILITY IMAP4rev1 CONDSTORE] hi",
		"C: $1 SELECT gone (CONDSTORE)", "C: $2 UID SEARCH ALL",
		"C: $3 UID FETCH 1:* (UID FLAGS)", "S: $1 NO [NONEXISTENT] no such mailbox",
		"S: $2 BAD nothing is selected", "S: $3 BAD nothing is selected",
		"C: $4 SELECT box (CONDSTORE)", "C: $5 UID SEARCH ALL",
		"C: $6 UID FETCH 1:* (UID FLAGS)", "S: * 2 EXISTS", "S: * OK [UIDVALIDITY 7] valid",
		"S: $4 OK [READ-WRITE] done", "S: * SEARCH 3 9", "S: $5 OK done",
		"S: * 1 FETCH (UID 3 FLAGS (\\Seen))", "S: * 2 FETCH (FLAGS () UID 9)",
		"S: $6 OK done", "C: $7 NOOP", "S: $7 OK", NULL};
	const struct imap_fetch_request flags = {.flags = true};
	struct uidset found = {0};
	struct imap_message m;
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	for (int i = 0; i < 2; i++) {
		struct slice name = slice_str(i == 0 ? "gone" : "box");
		assert_int_equal(imap_select_begin(s.imap, name, false, &s.err), 0);
		assert_int_equal(imap_search_all_begin(s.imap, &s.err), 0);
		assert_int_equal(imap_fetch_begin(s.imap, &flags, &s.err), 0);
		assert_int_equal(imap_select_end(s.imap, &s.err), i == 0 ? -1 : 0);
		assert_int_equal(s.err.kind, i == 0 ? ERR_SERVER_NO : ERR_NONE);
		assert_int_equal(imap_fetch_is_open(s.imap), i == 1);
		assert_int_equal(imap_selected(s.imap) != NULL, i == 1);
		err_clear(&s.err);
	}
	assert_int_equal(imap_search_all_end(s.imap, &found, &s.err), 0);
	assert_int_equal(uidset_size(&found), 2);
	assert_int_equal(imap_fetch_next(s.imap, &m, &s.err), IMAP_FETCH_MESSAGE);
	assert_int_equal(m.uid, 3);
	assert_int_equal(imap_fetch_next(s.imap, &m, &s.err), IMAP_FETCH_MESSAGE);
	assert_int_equal(m.uid, 9);
	assert_int_equal(imap_fetch_next(s.imap, &m, &s.err), IMAP_FETCH_END);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	uidset_fini(&found);
	session_end(&s, "ahead");
}

/* ---- mailboxes one behind another ---- */

#define QUEUE_HELLO                                                                                \
	"S: * PREAUTH [CAPABILITY IMAP4rev1 QRESYNC ENABLE] hi", "C: $1 ENABLE QRESYNC",           \
		"C: $2 SELECT a (CONDSTORE)", "C: $3 UID FETCH 1:* (UID FLAGS)",                   \
		"S: * ENABLED QRESYNC", "S: $1 OK", "S: * 1 EXISTS", "S: $2 OK in",                \
		"C: $4 SELECT b (CONDSTORE)", "C: $5 UID FETCH 1:* (UID FLAGS)",                   \
		"C: $6 SELECT c (CONDSTORE)", "C: $7 UID FETCH 1:* (UID FLAGS)",                   \
		"S: * 1 FETCH (UID 3 FLAGS ())", "S: * 2 EXISTS", "S: $3 OK done"

/* Select a, and ask for b and c while its fetch runs. */
static void open_queue(struct session *s, const char *const *steps)
{
	const struct imap_fetch_request flags = {.flags = true};

	session_init(s);
	assert_int_equal(session_open(s, steps), 0);
	assert_int_equal(imap_select_begin(s->imap, SLICE("a"), false, &s->err), 0);
	assert_int_equal(imap_fetch_begin(s->imap, &flags, &s->err), 0);
	assert_int_equal(imap_select_end(s->imap, &s->err), 0);
	/* what would have to be waited for does not go */
	assert_int_equal(imap_select_queue(s->imap, SLICE("a\r"), false, &flags, &s->err), 0);
	assert_int_equal(imap_select_queue(s->imap, SLICE("b"), false, &flags, &s->err), 1);
	assert_int_equal(imap_select_queue(s->imap, SLICE("c"), false, &flags, &s->err), 1);
}

/* UIDs of the running fetch, to its end, as digits. */
static unsigned read_uids(struct session *s)
{
	struct imap_message m;
	unsigned uids = 0;

	while (imap_fetch_next(s->imap, &m, &s->err) == IMAP_FETCH_MESSAGE)
		uids = uids * 10 + m.uid;
	assert_int_equal(s->err.kind, ERR_NONE);
	return uids;
}

/* Each message belongs to its mailbox, and each count; a refused SELECT harms nobody behind it. */
static void queue(void **state)
{
	static const char *const steps[] = {QUEUE_HELLO, "S: * 9 EXISTS", "S: * OK [CLOSED] left",
		"S: $4 NO gone", "S: $5 BAD nothing selected", "S: * OK [CLOSED] left",
		"S: * 4 EXISTS", "S: * OK [UIDVALIDITY 8] valid", "S: $6 OK in",
		"S: * 1 FETCH (UID 5 FLAGS ())", "S: * 2 FETCH (UID 6 FLAGS ())", "S: $7 OK done",
		"C: $8 NOOP", "S: $8 OK", NULL};
	struct session s;

	(void)state;
	open_queue(&s, steps);
	assert_int_equal(read_uids(&s), 3);
	assert_int_equal(imap_selected(s.imap)->exists, 2);
	assert_int_equal(imap_select_queued(s.imap, &s.err), -1);
	assert_int_equal(s.err.kind, ERR_SERVER_NO);
	assert_null(imap_selected(s.imap));
	err_clear(&s.err);
	assert_int_equal(imap_select_queued(s.imap, &s.err), 0);
	assert_int_equal(imap_selected(s.imap)->exists, 4);
	assert_int_equal(imap_selected(s.imap)->uidvalidity, 8);
	assert_int_equal(read_uids(&s), 56);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	session_end(&s, "queue");
}

/* Whatever was asked for is read away; then other commands are free to go. */
static void forgotten_queue(void **state)
{
	static const char *const steps[] = {QUEUE_HELLO, "S: $4 NO gone",
		"S: $5 BAD nothing selected", "S: $6 OK in", "S: * 2 FETCH (UID 6 FLAGS ())",
		"S: $7 OK done", "C: $8 SELECT d (CONDSTORE)", "S: $8 OK in", NULL};
	struct session s;

	(void)state;
	open_queue(&s, steps);
	assert_int_equal(imap_select_forget(s.imap, &s.err), 0);
	assert_null(imap_selected(s.imap));
	assert_int_equal(imap_select(s.imap, SLICE("d"), false, &s.err), 0);
	session_end(&s, "forgotten queue");
}

/* Of what a COPYUID says only what answers the question counts (CVE-2021-3578's class: a code that
 * nobody asked for, with sets that do not fit). */
static void moves(void **state)
{
	static const struct {
		const char *name, *untagged, *tagged;
		size_t pairs;
		uint32_t first; /* new UID of UID 3 */
	} rows[] = {
		{"untagged", "S: * OK [COPYUID 9 3,5 40:41] moved", "S: $2 OK done", 2, 40},
		{"tagged", NULL, "S: $2 OK [COPYUID 9 3,5 41,40] done", 2, 41},
		{"sinking, which says nothing about the order", NULL,
			"S: $2 OK [COPYUID 9 3,5 41:40] done", 0, 0},
		{"sinking, of old ones", NULL, "S: $2 OK [COPYUID 9 5:3 40:42] done", 0, 0},
		{"none", NULL, "S: $2 OK done", 0, 0},
		{"some", NULL, "S: $2 OK [COPYUID 9 5 40] done", 1, 0},
		{"not asked for", NULL, "S: $2 OK [COPYUID 9 3,7 40,41] done", 1, 40},
		{"too few", NULL, "S: $2 OK [COPYUID 9 3,5 40] done", 0, 0},
		{"endless", NULL, "S: $2 OK [COPYUID 9 1:4294967295 1:4294967295] done", 0, 0},
		{"zero", NULL, "S: $2 OK [COPYUID 9 3,5 0,40] done", 0, 0},
		{"zero validity", NULL, "S: $2 OK [COPYUID 0 3,5 40,41] done", 0, 0},
		{"comma at the end", NULL, "S: $2 OK [COPYUID 9 3,5, 40,41,] done", 0, 0},
		{"empty", NULL, "S: $2 OK [COPYUID] done", 0, 0},
		{"words", NULL, "S: $2 OK [COPYUID a b c] done", 0, 0},
	};
	struct uidset uids = {0};

	(void)state;
	uidset_add(&uids, 3);
	uidset_add(&uids, 5);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *steps[8] = {"S: * PREAUTH [CAPABILITY IMAP4rev1 MOVE] hi",
			"C: $1 SELECT a", "S: $1 OK in", "C: $2 UID MOVE 3,5 \"b c\""};
		size_t n = 4;
		struct imap_moved moved;
		struct session s;

		if (rows[i].untagged)
			steps[n++] = rows[i].untagged;
		steps[n] = rows[i].tagged;
		session_init(&s);
		assert_int_equal(session_open(&s, steps), 0);
		assert_int_equal(imap_select(s.imap, SLICE("a"), false, &s.err), 0);
		assert_int_equal(imap_move(s.imap, &uids, SLICE("b c"), &moved, &s.err), 0);
		if (moved.count != rows[i].pairs)
			fail_msg("%s: %zu pairs", rows[i].name, moved.count);
		for (size_t k = 0; k < moved.count; k++)
			if (moved.pairs[k].from == 3 && moved.pairs[k].to != rows[i].first)
				fail_msg("%s: UID 3 became %u", rows[i].name, moved.pairs[k].to);
		imap_moved_fini(&moved);
		session_end(&s, rows[i].name);
	}
	uidset_fini(&uids);
}

/* The same UIDs mean other messages from here on: nothing more can be done with what was listed. */
static void renumbered(void **state)
{
	static const char *const steps[] = {HELLO, "C: $1 SELECT a", "S: * OK [UIDVALIDITY 7] x",
		"S: $1 OK in", "C: $2 NOOP", "S: * OK [UIDVALIDITY 7] still", "S: $2 OK",
		"C: $3 NOOP", "S: * OK [UIDVALIDITY 8] rebuilt", "S: $3 OK", NULL};
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_select(s.imap, SLICE("a"), false, &s.err), 0);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_int_equal(imap_noop(s.imap, &s.err), -1);
	assert_int_equal(s.err.kind, ERR_SERVER_BUSY);
	assert_false(imap_is_alive(s.imap));
	session_end(&s, "renumbered");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renumbered),
		cmocka_unit_test(lists),
		cmocka_unit_test(cut_lists),
		cmocka_unit_test(endless_list),
		cmocka_unit_test(many_statuses),
		cmocka_unit_test(one_status),
		cmocka_unit_test(selects),
		cmocka_unit_test(news),
		cmocka_unit_test(leaving),
		cmocka_unit_test(searches),
		cmocka_unit_test(ahead),
		cmocka_unit_test(queue),
		cmocka_unit_test(forgotten_queue),
		cmocka_unit_test(moves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

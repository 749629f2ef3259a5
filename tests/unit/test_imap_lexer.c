/*
 * The lexer: every word of the grammar, whole and octet by octet, and everything that has to be
 * refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "imap/lexer.h"
#include "tests/fake/memstream.h"

enum operation {
	ATOM,
	ITEM,
	NUMBER32,
	NUMBER64,
	STRING,
	NSTRING,
	MAILBOX,
	TEXT,
	LITERAL,
	SKIP,
	SKIP_LINE,
	END
};

static const char *const operation_names[] = {"atom", "item", "number32", "number64", "string",
	"nstring", "mailbox", "text", "literal", "skip", "skip_line", "end"};

#define REFUSED NULL /* ERR_PROTO */

struct row {
	enum operation operation;
	const char *input;
	const char *expected; /* what was taken; REFUSED */
	const char *rest;     /* what is left of the input */
};

static const struct row rows[] = {
	{ATOM, "abc def", "abc", " def"},
	{ATOM, "\\Seen)", "\\Seen", ")"},
	{ATOM, "\\*)", "\\*", ")"},
	{ATOM, "abc\r\n", "abc", "\r\n"},
	{ATOM, "abc\n", "abc", "\n"},
	{ATOM, "a{b]c* ", "a{b]c*", " "},
	{ATOM, "w\xC3\xB6rter ", "w\xC3\xB6rter", " "},
	{ATOM, " abc", REFUSED, NULL},
	{ATOM, ")", REFUSED, NULL},
	{ATOM, "\r\n", REFUSED, NULL},
	{ATOM, "a\tb ", REFUSED, NULL},
	{ATOM, "a\x7F ", REFUSED, NULL},
	{ATOM, "a\x1B[2J ", REFUSED, NULL},
	{ITEM, "FLAGS (", "FLAGS", " ("},
	{ITEM, "BODY[] {3}", "BODY[]", " {3}"},
	{ITEM, "BODY[]<0> {3}", "BODY[]<0>", " {3}"},
	{ITEM, "BODY[HEADER.FIELDS (DATE FROM)]<0> x", "BODY[HEADER.FIELDS (DATE FROM)]<0>", " x"},
	{ITEM, "BODY[HEADER.FIELDS (DATE\r\n", "BODY[HEADER.FIELDS (DATE", "\r\n"},
	{NUMBER32, "0 ", "0", " "},
	{NUMBER32, "007)", "7", ")"},
	{NUMBER32, "4294967295\r\n", "4294967295", "\r\n"},
	{NUMBER32, "4294967296 ", REFUSED, NULL},
	{NUMBER32, "99999999999999999999999999 ", REFUSED, NULL},
	{NUMBER32, "-1 ", REFUSED, NULL},
	{NUMBER32, "+1 ", REFUSED, NULL},
	{NUMBER32, "x", REFUSED, NULL},
	{NUMBER32, "\r\n", REFUSED, NULL},
	{NUMBER32, "12x", "12", "x"},
	{NUMBER64, "9223372036854775807 ", "9223372036854775807", " "},
	{NUMBER64, "9223372036854775808 ", REFUSED, NULL},
	{NUMBER64, "18446744073709551616 ", REFUSED, NULL},
	{STRING, "\"\" ", "", " "},
	{STRING, "\"a b\")", "a b", ")"},
	{STRING, "\"a\\\"b\\\\c\" ", "a\"b\\c", " "},
	{STRING, "\"{5}\" ", "{5}", " "},
	{STRING, "\"W\xC3\xB6rter\" ", "W\xC3\xB6rter", " "},
	{STRING, "\"a\r\n\" ", REFUSED, NULL},
	{STRING, "\"a\\\r\n\" ", REFUSED, NULL},
	{STRING, "\"a\tb\" ", REFUSED, NULL},
	{STRING, "abc ", REFUSED, NULL},
	{STRING, "{0}\r\n ", "", " "},
	{STRING, "{3}\r\nabc def", "abc", " def"},
	{STRING, "{3}\nabc def", "abc", " def"},
	{STRING, "{3+}\r\nabc)", "abc", ")"},
	{STRING, "~{3}\r\na\r\n)", "a\r\n", ")"},
	{STRING, "{0000003}\r\nabc)", "abc", ")"},
	{STRING, "{1048577}\r\n", REFUSED, NULL},
	{STRING, "{4294967295}\r\n", REFUSED, NULL},
	{STRING, "{18446744073709551616}\r\n", REFUSED, NULL},
	{STRING, "{18446744073709551619}\r\nabc", REFUSED, NULL},
	{STRING, "{-1}\r\n", REFUSED, NULL},
	{STRING, "{}\r\n", REFUSED, NULL},
	{STRING, "{3\r\nabc", REFUSED, NULL},
	{STRING, "{3} abc", REFUSED, NULL},
	{STRING, "{3}\rabc", REFUSED, NULL},
	{NSTRING, "NIL)", "(nil)", ")"},
	{NSTRING, "nil ", "(nil)", " "},
	{NSTRING, "\"NIL\" ", "NIL", " "},
	{NSTRING, "NILL ", REFUSED, NULL},
	{NSTRING, "abc ", REFUSED, NULL},
	{MAILBOX, "INBOX (", "INBOX", " ("},
	{MAILBOX, "[Gmail]/All(x) (", "[Gmail]/All(x)", " ("},
	{MAILBOX, "~foo\r\n", "~foo", "\r\n"},
	{MAILBOX, "~\r\n", "~", "\r\n"},
	{MAILBOX, "\"a b\"\r\n", "a b", "\r\n"},
	{MAILBOX, "{4}\r\na\"\\b\r\n", "a\"\\b", "\r\n"},
	{MAILBOX, "\r\n", REFUSED, NULL},
	{TEXT, "hello  world \r\nnext", "hello  world", "next"},
	{TEXT, "hello\nnext", "hello", "next"},
	{TEXT, "\r\nnext", "", "next"},
	{TEXT, "\nnext", "", "next"},
	{TEXT, "tab\tand \x1B stay\r\n", "tab\tand \x1B stay", ""},
	{LITERAL, "{4294967295}\r\nabc", "4294967295", "abc"},
	{LITERAL, "{9223372036854775807}\r\n", "9223372036854775807", ""},
	{LITERAL, "{9223372036854775808}\r\n", REFUSED, NULL},
	{LITERAL, "~{12}\r\nx", "12", "x"},
	{SKIP, "abc def", "", " def"},
	{SKIP, "\"a ) b\" x", "", " x"},
	{SKIP, "{5}\r\n(((((x", "", "x"},
	{SKIP, "() x", "", " x"},
	{SKIP, "(a (\"b )\" {2}\r\n)) NIL) (c)) x", "", " x"},
	{SKIP, "(((((((((((((((((((((((((((((((())))))))))))))))))))))))))))))))x", "", "x"},
	{SKIP, "((((((((((((((((((((((((((((((((()))))))))))))))))))))))))))))))))x", REFUSED,
		NULL},
	{SKIP, "(a b\r\n", REFUSED, NULL},
	{SKIP, ") ", REFUSED, NULL},
	{SKIP_LINE, "it's \"quoted {3}\r\nabc rest\r\nnext", "", "next"},
	{SKIP_LINE, "plain\r\nnext", "", "next"},
	{SKIP_LINE, "{4294967295}\r\nx", REFUSED, NULL},
	{SKIP_LINE, "{x}\r\nnext", "", "next"},
	{END, "\r\nx", "", "x"},
	{END, "  \r\nx", "", "x"},
	{END, "\nx", "", "x"},
	{END, "x", REFUSED, NULL},
	{END, "\rx", REFUSED, NULL},
};

static int run(struct lexer *lexer, enum operation operation, struct buf *out, struct err *err)
{
	struct slice s = {0};
	uint64_t number;
	bool nil = false;
	int rc = -1;

	switch (operation) {
	case ATOM:
		rc = lexer_atom(lexer, &s, err);
		break;
	case ITEM:
		rc = lexer_item(lexer, &s, err);
		break;
	case STRING:
		rc = lexer_string(lexer, &s, err);
		break;
	case NSTRING:
		rc = lexer_nstring(lexer, &s, &nil, err);
		break;
	case MAILBOX:
		rc = lexer_mailbox(lexer, &s, err);
		break;
	case TEXT:
		rc = lexer_text(lexer, &s, err);
		break;
	case SKIP:
		rc = lexer_skip_value(lexer, err);
		break;
	case SKIP_LINE:
		rc = lexer_skip_line(lexer, err);
		break;
	case END:
		rc = lexer_line_end(lexer, err);
		break;
	case LITERAL:
	case NUMBER32:
	case NUMBER64:
		rc = operation == LITERAL
			     ? lexer_literal(lexer, &number, err)
			     : lexer_number(lexer, operation == NUMBER32 ? UINT32_MAX : INT64_MAX,
				       &number, err);
		if (rc == 0)
			buf_addf(out, "%llu", (unsigned long long)number);
		lexer->literal_left = 0;
		break;
	}
	buf_add_slice(out, s);
	if (nil)
		buf_add_str(out, "(nil)");
	return rc;
}

static void check(const struct row *row, size_t number, size_t chunk)
{
	struct stream *stream = memstream_new();
	struct lexer lexer;
	struct buf out = {0}, rest = {0};
	struct err err = {0};
	int rc, c;

	memstream_feed_str(stream, row->input);
	memstream_feed_end(stream);
	memstream_chunk(stream, chunk);
	lexer_init(&lexer, stream, 1);
	buf_add_str(&out, "");
	buf_add_str(&rest, "");

	rc = run(&lexer, row->operation, &out, &err);
	while (rc == 0 && (c = lexer_peek(&lexer, &err)) >= 0) {
		buf_add_char(&rest, (char)c);
		lexer.pos++;
	}
	if (row->expected == REFUSED ? rc == 0 || err.kind != ERR_PROTO
				     : rc != 0 || strcmp(out.data ? out.data : "", row->expected) ||
					       strcmp(rest.data ? rest.data : "", row->rest))
		fail_msg("row %zu, %s of <%s>, chunk %zu: rc %d, <%s>, rest <%s>, %s", number,
			operation_names[row->operation], row->input, chunk, rc,
			out.data ? out.data : "", rest.data ? rest.data : "", err.msg);

	buf_fini(&out);
	buf_fini(&rest);
	lexer_fini(&lexer);
	stream_close(stream);
}

static void words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t chunk = 0; chunk < 4; chunk++)
			check(&rows[i], i, chunk);
	}
}

/* Every word, cut after each octet: an error, never a wrong value. */
static void cut_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t whole = rows[i].rest ? strlen(rows[i].input) - strlen(rows[i].rest) : 0;

		for (size_t n = 0; n < whole; n++) {
			struct stream *stream = memstream_new();
			struct lexer lexer;
			struct buf out = {0};
			struct err err = {0};

			memstream_feed(stream, rows[i].input, n);
			memstream_feed_end(stream);
			lexer_init(&lexer, stream, 1);
			if (run(&lexer, rows[i].operation, &out, &err) == 0 || err.kind != ERR_NET)
				fail_msg("row %zu cut after %zu: not an ERR_NET", i, n);
			buf_fini(&out);
			lexer_fini(&lexer);
			stream_close(stream);
		}
	}
}

/* A NUL can't be written in the table. */
static void nul(void **state)
{
	static const enum operation operations[] = {
		ATOM, STRING, TEXT, MAILBOX, SKIP, SKIP_LINE, END};
	static const char with_nul[] = "\"a\0b\" \r\n", bare[] = "a\0b \r\n";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(operations); i++) {
		bool quoted = operations[i] == STRING;
		struct stream *stream = memstream_new();
		struct lexer lexer;
		struct buf out = {0};
		struct err err = {0};

		memstream_feed(stream, quoted ? with_nul : bare,
			quoted ? sizeof(with_nul) - 1 : sizeof(bare) - 1);
		memstream_feed_end(stream);
		lexer_init(&lexer, stream, 1);
		if (run(&lexer, operations[i], &out, &err) == 0 || err.kind != ERR_PROTO)
			fail_msg("%s takes NUL", operation_names[operations[i]]);
		buf_fini(&out);
		lexer_fini(&lexer);
		stream_close(stream);
	}
}

/* A line without end is given up at its bound, whatever is being read. */
static void long_lines(void **state)
{
	static const enum operation operations[] = {
		ATOM, ITEM, STRING, MAILBOX, TEXT, SKIP, SKIP_LINE};
	size_t size = LEXER_LINE_MAX + 100;
	char *line = xmalloc(size);

	(void)state;
	memset(line, 'a', size);
	line[0] = '"';
	for (size_t i = 0; i < COUNT_OF(operations); i++) {
		bool quoted = operations[i] == STRING;
		struct stream *stream = memstream_new();
		struct lexer lexer;
		struct buf out = {0};
		struct err err = {0};

		memstream_feed(stream, quoted ? line : line + 1, size - 1);
		lexer_init(&lexer, stream, 1);
		if (run(&lexer, operations[i], &out, &err) == 0 || err.kind != ERR_PROTO)
			fail_msg("%s of a line without end: %s", operation_names[operations[i]],
				err.msg);
		buf_fini(&out);
		lexer_fini(&lexer);
		stream_close(stream);
	}
	free(line);
}

/* Literals are handed out from the read buffer in pieces and do not count as line. */
static void big_literal(void **state)
{
	size_t size = 3 * LEXER_LINE_MAX, got = 0;
	struct stream *stream = memstream_new();
	char *body = xcalloc(1, size);
	struct lexer lexer;
	struct err err = {0};
	struct slice piece;
	uint64_t announced;
	int rc;

	(void)state;
	memstream_feed_str(stream, "{3145728}\r\n");
	memstream_feed(stream, body, size);
	memstream_feed_str(stream, " x");
	lexer_init(&lexer, stream, 1);
	assert_int_equal(lexer_literal(&lexer, &announced, &err), 0);
	assert_int_equal(announced, size);
	while ((rc = lexer_literal_read(&lexer, &piece, &err)) == 1)
		got += piece.n;
	assert_int_equal(rc, 0);
	assert_int_equal(got, size);
	assert_int_equal(lexer_expect(&lexer, ' ', &err), 0);
	assert_int_equal(lexer_expect(&lexer, 'x', &err), 0);
	assert_int_equal(lexer.bytes_in, size + 11 + 2);
	free(body);
	lexer_fini(&lexer);
	stream_close(stream);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(cut_words),
		cmocka_unit_test(nul),
		cmocka_unit_test(long_lines),
		cmocka_unit_test(big_literal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

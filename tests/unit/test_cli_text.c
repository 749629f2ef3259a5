/*
 * Widths, cutting, sizes, times and near words; and tables, which are made of them.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cli/table.h"
#include "cli/text.h"

/* Compares and empties OUT; ROW names the table's row in a failure. */
static void expect(const char *row, struct buf *out, const char *wanted)
{
	const char *got = out->len != 0 ? out->data : "";

	if (strcmp(got, wanted) != 0)
		fail_msg("%s: got \"%s\", wanted \"%s\"", row, got, wanted);
	buf_fini(out);
}

static void knows_widths(void **state)
{
	static const struct {
		const char *text;
		size_t width;
	} rows[] = {
		{"", 0},
		{"abc", 3},
		{"Entw\xC3\xBCrfe", 8},
		{"\xE6\x97\xA5\xE6\x9C\xAC", 4},
		{"e\xCC\x81", 1},
		{"\xF0\x9F\x90\xA6", 2},
		{"a\xFFz", 3},
		{"\xC3", 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (text_width(slice_str(rows[i].text)) != rows[i].width)
			fail_msg("row %zu: got %zu", i, text_width(slice_str(rows[i].text)));
}

static void decodes_strictly(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		uint32_t code;
	} rows[] = {
		{"a", 1, 'a'},
		{"\xC3\xBC", 2, 0xFC},
		{"\xE2\x82\xAC", 3, 0x20AC},
		{"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
		{"\xC0\x80", 1, TEXT_BAD},         /* overlong */
		{"\xE0\x80\x80", 1, TEXT_BAD},     /* overlong */
		{"\xED\xA0\x80", 1, TEXT_BAD},     /* surrogate */
		{"\xF4\x90\x80\x80", 1, TEXT_BAD}, /* above U+10FFFF */
		{"\xE2\x82", 1, TEXT_BAD},         /* cut off */
		{"\x80", 1, TEXT_BAD},
		{"\xC3(", 1, TEXT_BAD},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint32_t code;
		size_t length = text_decode(slice_str(rows[i].text), &code);

		if (length != rows[i].length || code != rows[i].code)
			fail_msg("row %zu: got length %zu, code %x", i, length, code);
	}
}

static void cuts_and_pads(void **state)
{
	static const struct {
		const char *text;
		size_t columns;
		const char *cut;
		const char *left;
		const char *right;
	} rows[] = {
		{"abc", 5, "abc", "abc  ", "  abc"},
		{"abcdef", 4, "abc…", "abcdef", "abcdef"},
		{"abcdef", 6, "abcdef", "abcdef", "abcdef"},
		{"日本語", 4, "日…", "日本語", "日本語"},
		{"日本語", 7, "日本語", "日本語 ", " 日本語"},
		{"abc", 0, "", "abc", "abc"},
		{"abc", 1, "…", "abc", "abc"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buf out = {0};

		text_cut(slice_str(rows[i].text), rows[i].columns, &out);
		expect(rows[i].text, &out, rows[i].cut);
		text_pad(slice_str(rows[i].text), rows[i].columns, false, &out);
		expect(rows[i].text, &out, rows[i].left);
		text_pad(slice_str(rows[i].text), rows[i].columns, true, &out);
		expect(rows[i].text, &out, rows[i].right);
	}
}

static void writes_sizes(void **state)
{
	static const struct {
		uint64_t n;
		const char *text;
	} rows[] = {
		{0, "0 B"},
		{999, "999 B"},
		{1000, "1.0 kB"},
		{3400000, "3.4 MB"},
		{99940, "99.9 kB"},
		{99960, "100 kB"},
		{999499, "999 kB"},
		{999500, "1.0 MB"},
		{12345678901, "12.3 GB"},
		{UINT64_MAX, "18.4 EB"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		text_bytes(rows[i].n, &out);
		expect(rows[i].text, &out, rows[i].text);
	}
}

static void writes_times(void **state)
{
	static const struct {
		int64_t ms;
		const char *elapsed;
		const char *clock;
	} rows[] = {
		{0, "0.00 s", "0:00"},
		{420, "0.42 s", "0:00"},
		{9994, "9.99 s", "0:09"},
		{12340, "12.3 s", "0:12"},
		{59940, "59.9 s", "0:59"},
		{60000, "1 min 0 s", "1:00"},
		{125000, "2 min 5 s", "2:05"},
		{3599600, "1 h 0 min", "59:59"},
		{12000000, "3 h 20 min", "3:20:00"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		text_elapsed(rows[i].ms, &out);
		expect("elapsed", &out, rows[i].elapsed);
		text_clock((uint64_t)rows[i].ms / 1000, &out);
		expect("clock", &out, rows[i].clock);
	}
	text_time(0, &out);
	expect("time", &out, "never");
}

static void escapes_for_terminals(void **state)
{
	struct buf out = {0};

	(void)state;
	text_escape("a\x1b]0;x\x07", &out);
	expect("control", &out, "a\\x1b]0;x\\x07");
	text_escape("\xFFok", &out);
	expect("not UTF-8", &out, "\\xffok");
	text_escape(NULL, &out);
	expect("nothing", &out, "");
}

static void finds_what_was_meant(void **state)
{
	static const struct {
		const char *wanted;
		const char *best;
	} rows[] = {
		{"snyc", "sync"},
		{"syn", "sync"},
		{"staus", "status"},
		{"configg", "config"},
		{"lst", "list"},
		{"watch", NULL},
		{"", NULL},
		{"x", NULL},
		{"sync", "sync"},
	};
	static const char *const words[] = {"sync", "plan", "status", "list", "dump", "config"};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct text_nearest near = {.wanted = slice_str(rows[i].wanted)};

		for (size_t j = 0; j < COUNT_OF(words); j++)
			text_nearest_try(&near, words[j]);
		if (!rows[i].best ? near.best != NULL
				  : !near.best || strcmp(near.best, rows[i].best) != 0)
			fail_msg("%s: got %s", rows[i].wanted, near.best ? near.best : "nothing");
	}
}

static const struct table_column columns[] = {
	{"NAME", false}, {"COUNT", true}, {"ROLE", false}, {"NOTE", false}};

static void aligns_tables(void **state)
{
	struct buf out = {0};
	struct table table;

	(void)state;
	table_init(&table, columns, COUNT_OF(columns));
	table_cell(&table, SLICE("INBOX"));
	table_cellf(&table, "%d", 7);
	table_cell(&table, SLICE(""));
	table_cell(&table, SLICE("fine"));
	table_cell(&table, slice_str("日本/Entwürfe"));
	table_cellf(&table, "%d", 123456);
	table_cell(&table, SLICE(""));
	table_cell(&table, SLICE(""));
	assert_int_equal(table_rows(&table), 2);
	table_format(&table, &out);
	expect("table", &out,
		"NAME            COUNT  NOTE\n"
		"INBOX               7  fine\n"
		"日本/Entwürfe  123456\n");
	table_fini(&table);
}

static void formats_an_empty_table(void **state)
{
	struct buf out = {0};
	struct table table;

	(void)state;
	table_init(&table, columns, COUNT_OF(columns));
	table_format(&table, &out);
	expect("empty", &out, "\n");
	table_fini(&table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_widths),
		cmocka_unit_test(decodes_strictly),
		cmocka_unit_test(cuts_and_pads),
		cmocka_unit_test(writes_sizes),
		cmocka_unit_test(writes_times),
		cmocka_unit_test(escapes_for_terminals),
		cmocka_unit_test(finds_what_was_meant),
		cmocka_unit_test(aligns_tables),
		cmocka_unit_test(formats_an_empty_table),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Mailbox names: wire to canonical and back, modified UTF-7, patterns.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/name.h"
#include "model/pattern.h"

struct row {
	char delimiter;
	bool utf8;
	const char *prefix, *wire, *canonical;
	const char *back; /* NULL: as wire */
};

static const struct row rows[] = {
	{'/', false, "", "INBOX", "INBOX", NULL},
	{'/', false, "", "iNbOx", "INBOX", "INBOX"},
	{'/', false, "", "inbox/child", "INBOX/child", "INBOX/child"},
	{'/', false, "", "a/inbox", "a/inbox", NULL},
	{'/', false, "", "Gel&APY-scht", "Gelöscht", NULL},
	{'/', false, "", "a&-b", "a&b", NULL},
	{'/', false, "", "&2D3eAA-", "😀", NULL},
	{'.', false, "", "a.b", "a/b", NULL},
	{'.', false, "", "a/b.c", "a%2Fb/c", NULL},
	{0, false, "", "a/b.c", "a%2Fb.c", NULL},
	{'.', false, "INBOX.", "INBOX.a.b", "a/b", NULL},
	{'.', false, "INBOX.", "INBOX", "INBOX", NULL},
	{'.', false, "INBOX.", "INBOX.INBOX", "INBOX/INBOX", "INBOX.INBOX"},
	{'/', false, "", "100%41", "100%2541", NULL},
	{'/', false, "", "100%", "100%", NULL},
	{'/', false, "", "%", "%25", NULL},
	{'/', false, "", "a//b", "a/%/b", NULL},
	{'/', false, "", "a\tb", "a%09b", "a&AAk-b"},
	{'/', false, "", "..", "..", NULL},
	{'/', false, "", "with space \"q\" \\ * ", "with space \"q\" \\ * ", NULL},
	{'/', true, "", "Gelöscht", "Gelöscht", NULL},
	{'/', true, "", "a&b", "a&b", NULL},
	{'/', true, "", "\xff", "%FF", "refused"},
	/* Broken UTF-7 keeps its bytes; the state remembers the pair. */
	{'/', false, "", "a&b", "a&b", "a&-b"},
	{'/', false, "", "&AGE-", "&AGE-", "&-AGE-"},
};

static void test_rows(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		struct name_rules rules = {
			.delimiter = row->delimiter, .utf8 = row->utf8, .prefix = row->prefix};
		struct buf name = {0}, wire = {0};
		if (!name_to_canonical(&rules, slice_str(row->wire), &name) ||
			strcmp(name.data, row->canonical) != 0)
			fail_msg("row %zu: %s is \"%s\", not \"%s\"", i, row->wire, name.data,
				row->canonical);
		const char *expect = row->back ? row->back : row->wire;
		const char *got =
			name_to_wire(&rules, buf_slice(&name), &wire) ? wire.data : "refused";
		if (strcmp(got, expect) != 0)
			fail_msg("row %zu: back to wire: \"%s\", not \"%s\"", i, got, expect);
		buf_fini(&name);
		buf_fini(&wire);
	}
}

static void test_refused(void **state UNUSED)
{
	struct name_rules slash = {.delimiter = '/', .prefix = ""},
			  dot = {.delimiter = '.', .prefix = ""}, none = {.prefix = ""};
	struct buf out = {0};
	char *endless = xmalloc(NAME_MAX_BYTES + 2);

	memset(endless, 'x', NAME_MAX_BYTES + 1);
	assert_false(name_to_canonical(&slash, SLICE(""), &out));
	assert_false(name_to_canonical(&slash, SLICE("a\0b"), &out));
	assert_false(name_to_canonical(&slash, (struct slice){endless, NAME_MAX_BYTES + 1}, &out));
	assert_false(name_to_wire(&dot, SLICE("a.b"), &out));
	assert_false(name_to_wire(&slash, SLICE("a%2Fb"), &out));
	assert_false(name_to_wire(&none, SLICE("a/b"), &out));
	assert_int_equal(out.len, 0);
	free(endless);
	buf_fini(&out);
}

/* Whatever a server that writes UTF-8 or canonical UTF-7 says comes back as it was. */
static void test_round_trip(void **state UNUSED)
{
	static const char *const pieces[] = {"a", "B", ".", "/", "%", "%2F", "%41", "&", "é", "漢",
		"😀", " ", "\"", "\\", "\x01", "\x7f", "cur", "-"};

	for (unsigned seed = 1; seed <= 5000; seed++) {
		struct buf raw = {0}, wire = {0}, name = {0}, back = {0};
		srand(seed);
		for (int n = 1 + rand() % 8; n > 0; n--)
			buf_add_str(&raw, pieces[(size_t)rand() % COUNT_OF(pieces)]);
		struct name_rules rules = {
			.delimiter = "/."[rand() % 2], .utf8 = rand() % 2, .prefix = ""};
		if (rules.utf8)
			buf_add_slice(&wire, buf_slice(&raw));
		else
			assert_true(utf7_encode(buf_slice(&raw), &wire));
		/* The delimiter can turn up inside base64 ("," and "+" only, never '.' or '/'): so
		 * cutting first is safe. */
		assert_true(name_to_canonical(&rules, buf_slice(&wire), &name));
		assert_true(name_valid_utf8(buf_slice(&name)));
		if (!name_to_wire(&rules, buf_slice(&name), &back) ||
			!slice_eq(buf_slice(&wire), buf_slice(&back)))
			fail_msg("seed %u: \"%s\" -> \"%s\" -> \"%s\"", seed, wire.data, name.data,
				back.data ? back.data : "refused");
		buf_fini(&raw);
		buf_fini(&wire);
		buf_fini(&name);
		buf_fini(&back);
	}
}

static void test_utf7(void **state UNUSED)
{
	static const char *const bad[] = {"&", "&AGE", "&AGE-", "a\xc3\xa9", "&AOkA6Q",
		"&AOk-&AOk-", "&AOl-", "&2D0-", "&3gA-", "&,,-", "\x01", "&A-"};
	struct buf out = {0};

	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (utf7_decode(slice_str(bad[i]), &out))
			fail_msg("\"%s\" was taken as \"%s\"", bad[i], out.data);
	assert_true(utf7_decode(SLICE("~peter/mail/&U,BTFw-/&ZeVnLIqe-"), &out));
	assert_string_equal(out.data, "~peter/mail/台北/日本語");
	assert_false(utf7_encode(SLICE("\xed\xa0\x80"), &out)); /* a surrogate */
	assert_false(utf7_encode(SLICE("\xc0\x80"), &out));     /* overlong */
	buf_fini(&out);
}

static void test_patterns(void **state UNUSED)
{
	static const struct {
		const char *pattern, *name;
		bool match;
	} cases[] = {
		{"*", "a/b", true},
		{"*", "", true},
		{"%", "a", true},
		{"%", "a/b", false},
		{"a/%", "a/b", true},
		{"a/%", "a/b/c", false},
		{"a/*", "a/b/c", true},
		{"*/c", "a/b/c", true},
		{"%/c", "a/b/c", false},
		{"a*b*c", "aXbYbZc", true},
		{"inbox", "INBOX", true},
		{"InBoX", "INBOX", true},
		{"INBOX", "inbox/x", false},
		{"a", "A", false},
		{"*%", "a/b", true},
		{"%*", "a/b", true},
		{"%b%", "abc", true},
		{"*b%", "x/abc", true},
		{"*b%", "b/abc/d", false},
		{"", "", true},
		{"", "a", false},
	};
	for (size_t i = 0; i < COUNT_OF(cases); i++)
		if (pattern_match(cases[i].pattern, slice_str(cases[i].name)) != cases[i].match)
			fail_msg("\"%s\" on \"%s\"", cases[i].pattern, cases[i].name);

	char *list[] = {"*", "!Spam*", "Spam/keep"};
	assert_true(pattern_selects(list, 3, SLICE("a")));
	assert_false(pattern_selects(list, 3, SLICE("Spam/x")));
	assert_true(pattern_selects(list, 3, SLICE("Spam/keep")));
	assert_false(pattern_selects(list, 0, SLICE("a")));
	/* Would take for ever with backtracking. */
	assert_false(pattern_match("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b",
		SLICE("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_utf7), cmocka_unit_test(test_patterns)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

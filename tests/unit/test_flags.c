/*
 * Flags, dates, digests.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/date.h"
#include "model/digest.h"
#include "model/keywords.h"

static void test_letters(void **state UNUSED)
{
	for (uint32_t system = 0; system <= FLAG_ALL; system++) {
		char letters[7];
		size_t n = flags_letters(system, letters);
		assert_int_equal(strlen(letters), n);
		for (size_t i = 1; i < n; i++)
			assert_true(letters[i - 1] < letters[i]);
		assert_int_equal(flags_from_letters(slice_str(letters)), system);
	}
	assert_int_equal(flags_from_letters(SLICE("SxaFq")), FLAG_SEEN | FLAG_FLAGGED);
	assert_int_equal(flags_from_imap(SLICE("\\sEEN")), FLAG_SEEN);
	assert_int_equal(flags_from_imap(SLICE("$forwarded")), FLAG_FORWARDED);
	assert_int_equal(flags_from_imap(SLICE("\\Recent")), 0);
}

/* Every combination of one bit on three sides and two masks, against the formula in words. */
static void test_merge(void **state UNUSED)
{
	for (int bits = 0; bits < 32; bits++) {
		struct flags base = flags_system(bits & 1 ? 1 : 0),
			     there = flags_system(bits & 2 ? 1 : 0),
			     here = flags_system(bits & 4 ? 1 : 0);
		struct flags mask_there = flags_system(bits & 8 ? 1 : 0),
			     mask_here = flags_system(bits & 16 ? 1 : 0);
		bool changed = (bits & 8 && there.system != base.system) ||
			       (bits & 16 && here.system != base.system);
		struct flags got = flags_merge(&base, &there, &here, &mask_there, &mask_here);
		assert_int_equal(got.system, changed ? !base.system : base.system);
	}
}

static void test_keywords(void **state UNUSED)
{
	struct keywords *k = keywords_new();
	struct flags f = {.system = FLAG_SEEN | FLAG_FORWARDED};
	struct buf text = {0};
	char name[16];

	assert_int_equal(keywords_intern(k, SLICE("Work")), 0);
	assert_int_equal(keywords_intern(k, SLICE("wORK")), 0);
	assert_int_equal(keywords_intern(k, SLICE("$Label1")), 1);
	assert_int_equal(keywords_find(k, SLICE("none")), -1);
	assert_int_equal(keywords_intern(k, SLICE("two words")), -1);
	assert_int_equal(keywords_intern(k, SLICE("\\Seen")), -1);
	assert_int_equal(keywords_intern(k, SLICE("")), -1);
	flags_add_keyword(&f, 0);
	flags_add_keyword(&f, 1);
	keywords_format(k, &f, &text);
	assert_string_equal(text.data, "$Forwarded \\Seen Work $Label1");
	for (unsigned i = 2; i < KEYWORDS_MAX; i++) {
		snprintf(name, sizeof(name), "k%u", i);
		assert_int_equal(keywords_intern(k, slice_str(name)), i);
	}
	assert_int_equal(keywords_intern(k, SLICE("onemore")), -1);
	assert_false(keywords_restore(k, 5, SLICE("x")));
	buf_fini(&text);
	keywords_free(k);
}

static void test_dates(void **state UNUSED)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{"01-Jan-1970 00:00:00 +0000", 0},
		{" 1-Jan-1970 00:00:00 +0000", 0},
		{"31-Dec-1969 23:59:59 +0000", -1},
		{"17-Jul-1996 02:44:25 -0700", 837596665},
		{"29-Feb-2000 12:00:00 +0530", 951805800},
		{"19-Jan-2038 03:14:08 +0000", 2147483648},
		{"31-Dec-2099 23:59:59 +1400", 4102394399},
		{"01-jan-0001 00:00:00 +0000", -62135596800},
		{"30-Jun-2015 23:59:60 +0000", 1435708800},
	};
	static const char *const bad[] = {"", "30-Feb-2001 00:00:00 +0000",
		"29-Feb-1900 00:00:00 +0000", "1-Jan-1970 00:00:00 +0000",
		"01-Jan-1970 24:00:00 +0000", "01-Foo-1970 00:00:00 +0000",
		"01-Jan-1970 00:00:00 0000 ", "00-Jan-1970 00:00:00 +0000",
		"01-Jan-1970 00:60:00 +0000", "01-Jan-1970 00:00:00 +0000 ",
		"0x-Jan-1970 00:00:00 +0000"};
	int64_t seconds;

	for (size_t i = 0; i < COUNT_OF(good); i++)
		if (!date_parse(slice_str(good[i].text), &seconds) || seconds != good[i].seconds)
			fail_msg("%s: %lld", good[i].text, (long long)seconds);
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (date_parse(slice_str(bad[i]), &seconds))
			fail_msg("\"%s\" was taken", bad[i]);
	srand(1);
	for (int i = 0; i < 100000; i++) {
		char text[DATE_TEXT_SIZE];
		int64_t t = ((int64_t)rand() << 20 ^ rand()) % 250000000000 - 60000000000;
		date_format(t, text);
		if (!date_parse(slice_str(text), &seconds) || seconds != t)
			fail_msg("%lld is %s is %lld", (long long)t, text, (long long)seconds);
	}
	char iso[DATE_TEXT_SIZE];
	date_format_iso(951805800, iso);
	assert_string_equal(iso, "2000-02-29T06:30:00Z");
}

static void digests(
	struct slice message, size_t piece, struct digest *header, struct digest *content)
{
	struct digester *d = digester_new();
	for (size_t at = 0; at < message.n; at += piece)
		digester_feed(d, message.p + at, message.n - at < piece ? message.n - at : piece);
	digester_finish(d, header, content);
	digester_free(d);
}

static bool same(struct slice a, struct slice b, bool of_header)
{
	struct digest ha, hb, ca, cb;
	digests(a, 100, &ha, &ca);
	digests(b, 100, &hb, &cb);
	return of_header ? digest_equal(&ha, &hb) : digest_equal(&ca, &cb);
}

static void test_digests(void **state UNUSED)
{
	struct slice message = SLICE("Subject: x\nFrom: \0\xc3\xa9y\n\nbody\n\nmore");
	struct digest header, content, h, c;

	digests(message, message.n, &header, &content);
	assert_false(digest_is_zero(&header));
	for (size_t piece = 1; piece < message.n; piece++) {
		digests(message, piece, &h, &c);
		if (!digest_equal(&h, &header) || !digest_equal(&c, &content))
			fail_msg("in pieces of %zu", piece);
	}
	assert_true(same(SLICE("a: b\n\nx"), SLICE("a: b\n\ny"), true));
	assert_true(same(SLICE("a: b\n\nx"), SLICE("a: b\n"), true));
	assert_true(same(SLICE("a: b\n\nx"), SLICE("a: b"), true));
	assert_true(same(SLICE("a: \xe9\0b\n\n"), SLICE("a: b\n\n"), true));
	assert_false(same(SLICE("a: b\nc: d\n\n"), SLICE("a: bc: d\n\n"), true));
	assert_true(same(SLICE("a\n"), SLICE("a"), false));
	assert_false(same(SLICE("a\n\n"), SLICE("a"), false));
	assert_false(same(SLICE(""), SLICE("\n"), false));
	assert_false(same(SLICE("a: b\n\nx"), SLICE("a: b\n\ny"), false));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_letters),
		cmocka_unit_test(test_merge), cmocka_unit_test(test_keywords),
		cmocka_unit_test(test_dates), cmocka_unit_test(test_digests)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * UID sets: single operations against a bitmap, at random; text both ways; the borders of 32 bits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "model/uidset.h"

#define SPACE 200 /* UIDs 1..SPACE in the random test */

struct model {
	bool in[SPACE + 1];
};

static void check(const struct uidset *set, const struct model *m, unsigned seed)
{
	uint64_t size = 0;
	for (uint32_t uid = 1; uid <= SPACE; uid++) {
		if (uidset_contains(set, uid) != m->in[uid])
			fail_msg("seed %u: UID %u is %s", seed, uid,
				m->in[uid] ? "missing" : "surplus");
		size += m->in[uid];
	}
	assert_int_equal(uidset_size(set), size);
	for (size_t i = 0; i < set->count; i++) {
		assert_true(set->ranges[i].first <= set->ranges[i].last);
		if (i > 0 && set->ranges[i].first <= set->ranges[i - 1].last + 1)
			fail_msg("seed %u: ranges %zu and %zu touch", seed, i - 1, i);
	}
}

static void random_set(struct uidset *set, struct model *m)
{
	*m = (struct model){0};
	for (int i = rand() % 12; i > 0; i--) {
		uint32_t a = 1 + (uint32_t)rand() % SPACE, b = 1 + (uint32_t)rand() % SPACE;
		if (a > b ? a - b > 40 : b - a > 40)
			b = a;
		uidset_add_range(set, a, b);
		for (uint32_t uid = a < b ? a : b; uid <= (a < b ? b : a); uid++)
			m->in[uid] = true;
	}
}

static void test_random(void **state UNUSED)
{
	for (unsigned seed = 1; seed <= 2000; seed++) {
		struct uidset a = {0}, b = {0}, copy = {0}, parsed = {0};
		struct model ma, mb, m;
		struct buf text = {0};

		srand(seed);
		random_set(&a, &ma);
		random_set(&b, &mb);
		check(&a, &ma, seed);
		for (int i = 0; i < 5; i++) {
			uint32_t uid = 1 + (uint32_t)rand() % SPACE;
			uidset_remove(&a, uid);
			ma.in[uid] = false;
		}
		check(&a, &ma, seed);
		for (int op = 0; op < 3; op++) {
			uidset_copy(&copy, &a);
			for (uint32_t uid = 1; uid <= SPACE; uid++)
				m.in[uid] = op == 0   ? ma.in[uid] || mb.in[uid]
					    : op == 1 ? ma.in[uid] && !mb.in[uid]
						      : ma.in[uid] && mb.in[uid];
			m.in[0] = false;
			(op == 0          ? uidset_union
				: op == 1 ? uidset_subtract
					  : uidset_intersect)(&copy, &b);
			check(&copy, &m, seed);
		}
		uidset_format_all(&a, &text);
		if (text.len > 0)
			assert_true(uidset_parse(buf_slice(&text), 1000, &parsed));
		check(&parsed, &ma, seed);
		uidset_fini(&a);
		uidset_fini(&b);
		uidset_fini(&copy);
		uidset_fini(&parsed);
		buf_fini(&text);
	}
}

/* UIDs in any order are what they are in rising order; many that sink do not take for ever. */
static void test_gather(void **state UNUSED)
{
	struct uid_gather gather = {0};
	struct uidset set = {0};

	for (unsigned seed = 1; seed <= 300; seed++) {
		struct model m = {0};
		srand(seed);
		for (int i = rand() % 100; i > 0; i--) {
			uint32_t uid = 1 + (uint32_t)rand() % SPACE;
			uid_gather(&gather, &set, uid);
			m.in[uid] = true;
		}
		uid_gather_end(&gather, &set);
		check(&set, &m, seed);
		for (uint32_t uid = 1; uid <= SPACE; uid++) {
			uint32_t next = uid;
			while (next <= SPACE && !m.in[next])
				next++;
			assert_int_equal(uidset_from(&set, uid), next <= SPACE ? next : 0);
		}
		uidset_clear(&set);
	}
	for (uint32_t uid = 1999999; uid > 1; uid -= 2)
		uid_gather(&gather, &set, uid);
	uid_gather_end(&gather, &set);
	assert_int_equal(uidset_size(&set), 999999);
	uidset_clear(&set);
	uid_gather(&gather, &set, 9);
	for (int i = 0; i < 3000000; i++) /* no memory for saying the same again */
		uid_gather(&gather, &set, 5);
	assert_true(gather.room <= 500000);
	uid_gather_end(&gather, &set);
	assert_int_equal(uidset_size(&set), 2);
	uidset_fini(&set);
}

static void test_iterate(void **state UNUSED)
{
	struct uidset set = {0};
	struct uid_iter it = {0};
	struct uid_range range;
	struct buf text = {0};
	uint32_t array[] = {9, 1, 2, 9, 3, UINT32_MAX, 0};

	uidset_from_array(&set, array, COUNT_OF(array));
	assert_int_equal(set.count, 3);
	assert_int_equal(uidset_next(&set, &it), 1);
	assert_true(uidset_next_range(&set, &it, 10, &range));
	assert_int_equal(range.first, 2);
	assert_int_equal(range.last, 3);
	assert_int_equal(uidset_next(&set, &it), 9);
	assert_int_equal(uidset_next(&set, &it), UINT32_MAX);
	assert_int_equal(uidset_next(&set, &it), 0);
	assert_int_equal(uidset_next(&set, &it), 0);

	it = (struct uid_iter){0};
	assert_int_equal(uidset_format(&set, &it, 2, 1000, &text), 2);
	assert_string_equal(text.data, "1:2");
	buf_clear(&text);
	assert_int_equal(uidset_format(&set, &it, 100, 1, &text), 1);
	assert_string_equal(text.data, "3");
	buf_clear(&text);
	assert_int_equal(uidset_format(&set, &it, 100, 1000, &text), 2);
	assert_string_equal(text.data, "9,4294967295");
	assert_int_equal(uidset_format(&set, &it, 100, 1000, &text), 0);
	buf_fini(&text);
	uidset_fini(&set);
}

/* All UIDs there can be are one range, and stay so. */
static void test_borders(void **state UNUSED)
{
	struct uidset set = {0};

	uidset_add_range(&set, UINT32_MAX, 1);
	assert_int_equal(set.count, 1);
	assert_int_equal(uidset_size(&set), UINT32_MAX);
	uidset_add(&set, UINT32_MAX);
	uidset_add(&set, 0);
	assert_int_equal(set.count, 1);
	uidset_remove(&set, UINT32_MAX);
	uidset_remove(&set, 1);
	assert_int_equal(set.ranges[0].first, 2);
	assert_int_equal(set.ranges[0].last, UINT32_MAX - 1);
	assert_false(uidset_contains(&set, 0));
	uidset_fini(&set);
}

static void test_parse(void **state UNUSED)
{
	static const struct {
		const char *text;
		const char *back; /* NULL: refused */
	} rows[] = {
		{"1", "1"},
		{"3:1,7", "1:3,7"},
		{"1,2,3", "1:3"},
		{"4294967295", "4294967295"},
		{"", NULL},
		{"0", NULL},
		{"1:0", NULL},
		{"1,", NULL},
		{",1", NULL},
		{"1,,2", NULL},
		{"1:", NULL},
		{":1", NULL},
		{"*", NULL},
		{"1:*", NULL},
		{"4294967296", NULL},
		{"18446744073709551617", NULL},
		{"-1", NULL},
		{"1 ", NULL},
		{"1:2:3", NULL},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct uidset set = {0};
		struct buf text = {0};
		bool good = uidset_parse(slice_str(rows[i].text), 10, &set);
		uidset_format_all(&set, &text);
		if (good != (rows[i].back != NULL) ||
			(good && strcmp(text.data, rows[i].back) != 0))
			fail_msg("\"%s\": %s", rows[i].text, good ? text.data : "refused");
		uidset_fini(&set);
		buf_fini(&text);
	}
	struct uidset many = {0};
	assert_false(uidset_parse(SLICE("1,3,5"), 2, &many));
	uidset_fini(&many);
	struct uid_range ordered[3];
	assert_int_equal(uidset_parse_ordered(SLICE("9,4:2"), ordered, 3), 2);
	assert_int_equal(ordered[0].first, 9);
	assert_int_equal(ordered[1].first, 4);
	assert_int_equal(ordered[1].last, 2);
	assert_int_equal(uidset_parse_ordered(SLICE("1,2,3,4"), ordered, 3), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),
		cmocka_unit_test(test_gather), cmocka_unit_test(test_iterate),
		cmocka_unit_test(test_borders), cmocka_unit_test(test_parse)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

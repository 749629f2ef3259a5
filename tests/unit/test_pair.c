/*
 * Pairing, the guard, and which mailboxes pair: the engine's small pure parts.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sync/boxes.h"
#include "sync/guard.h"
#include "sync/pair.h"

#define COPIES 4

static struct digest digest_of(const char *text)
{
	struct digest d = {{0}};
	memcpy(d.bytes, text, strlen(text));
	return d;
}

static struct new_there there(uint32_t uid, const char *header, uint64_t size, int64_t date)
{
	return (struct new_there){.uid = uid,
		.has_facts = true,
		.message_id = digest_of("id"),
		.size = size,
		.date = date,
		.header = digest_of(header)};
}

static struct new_here here(const char *header, uint64_t size, int64_t date)
{
	return (struct new_here){
		.has_facts = true, .wire_size = size, .date = date, .header = digest_of(header)};
}

static void match(struct new_there *t, size_t n, struct new_here *h, size_t m, int32_t *partner)
{
	struct arena arena = {0};
	bool used[16] = {0};

	pair_match(&arena, t, n, h, m, used, partner);
	for (size_t i = 0; i < n; i++) /* one to one */
		for (size_t k = 0; k < i; k++)
			assert_true(partner[i] < 0 || partner[i] != partner[k]);
	arena_fini(&arena);
}

static bool needs_content(const struct new_there *t, const struct new_here *h)
{
	struct arena arena = {0};
	struct pair_index index;

	pair_index_init(&arena, h, 1, &index);
	bool needs = pair_needs_content(&index, t);
	arena_fini(&arena);
	return needs;
}

static void test_twins_stay_twins(void **state UNUSED)
{
	struct new_there t[COPIES];
	struct new_here h[COPIES];
	int32_t partner[COPIES];

	for (unsigned i = 0; i < COPIES; i++) {
		t[i] = there(i + 1, "same", 10, 7);
		h[i] = here("same", 10, 7);
	}
	match(t, COPIES, h, COPIES, partner);
	for (int i = 0; i < COPIES; i++)
		assert_int_equal(partner[i], i);
	match(t, COPIES, h, 2, partner);
	assert_int_equal(partner[1], 1);
	assert_int_equal(partner[2], -1);
	match(t, 1, h, COPIES, partner);
	assert_int_equal(partner[0], 0);
}

static void test_preference(void **state UNUSED)
{
	struct new_there t[] = {there(1, "x", 10, 5), there(2, "x", 10, 6)};
	struct new_here h[] = {here("x", 10, 6), here("x", 10, 5)};
	int32_t partner[2];

	match(t, 2, h, 2, partner);
	assert_int_equal(partner[0], 1); /* by date */
	assert_int_equal(partner[1], 0);
	h[0].date = h[1].date = t[1].date = 5;
	t[0].flags.system = FLAG_SEEN;
	h[1].flags.system = FLAG_SEEN;
	match(t, 2, h, 2, partner);
	assert_int_equal(partner[0], 1); /* by flags */
}

static void test_proof(void **state UNUSED)
{
	struct new_there t[] = {there(1, "x", 12, 0)};
	struct new_here h[] = {here("x", 10, 0)};
	int32_t partner[1];

	match(t, 1, h, 1, partner);
	assert_int_equal(partner[0], -1); /* another size */
	assert_true(needs_content(t, h));
	t[0].content = digest_of("c");
	h[0].content = digest_of("c");
	match(t, 1, h, 1, partner);
	assert_int_equal(partner[0], 0); /* but the same content: the server added a line end */
	h[0].content = digest_of("d");
	h[0].wire_size = 12;
	match(t, 1, h, 1, partner);
	assert_int_equal(partner[0], -1); /* the same size, another content */

	t[0] = there(1, "x", 10, 0);
	h[0] = here("x", 10, 0);
	assert_false(needs_content(t, h));
	t[0].message_id = (struct digest){{0}};
	assert_true(needs_content(t, h));
	match(t, 1, h, 1, partner);
	assert_int_equal(partner[0], -1);
	t[0].header = (struct digest){{0}}; /* never fetched */
	h[0].header = (struct digest){{0}};
	match(t, 1, h, 1, partner);
	assert_int_equal(partner[0], -1);
	h[0].has_facts = false;
	match(t, 1, h, 1, partner);
	assert_int_equal(partner[0], -1);
}

static void test_sizes(void **state UNUSED)
{
	struct arena arena = {0};
	struct new_here h[] = {here("a", 10000, 0), here("b", 0, 0), here("c", 50000, 0)};
	struct new_there t[] = {there(1, "a", 10000, 0)};
	struct pair_sizes sizes;

	pair_sizes_here(&arena, h, 3, &sizes);
	assert_true(pair_size_fits(&sizes, 10000));
	assert_true(pair_size_fits(&sizes, 10100)); /* rounded */
	assert_true(pair_size_fits(&sizes, 9700));  /* line ends counted once */
	assert_true(pair_size_fits(&sizes, 0));
	assert_false(pair_size_fits(&sizes, 11000));
	assert_false(pair_size_fits(&sizes, 9000));
	h[0].has_facts = false;
	pair_sizes_here(&arena, h, 3, &sizes);
	assert_false(pair_size_fits(&sizes, 10000));

	pair_sizes_there(&arena, t, 1, &sizes);
	assert_true(pair_file_fits(&sizes, 10000)); /* CRLF already */
	assert_true(pair_file_fits(&sizes, 9800));
	assert_true(pair_file_fits(&sizes, 5000)); /* empty lines only */
	assert_false(pair_file_fits(&sizes, 4000));
	assert_false(pair_file_fits(&sizes, 11000));
	arena_fini(&arena);
}

static struct new_here sent(uint32_t uidnext_before, bool answered)
{
	struct new_here file = here("sent", 10, 0);
	file.doubtful = true;
	file.answered = answered;
	file.uidnext_before = uidnext_before;
	file.message_id = digest_of("sent id");
	return file;
}

static void match_vouched(
	const struct new_there *t, size_t n, const struct new_here *h, size_t m, int32_t *partner)
{
	struct arena arena = {0};
	bool used[16] = {0};

	for (size_t i = 0; i < n; i++)
		partner[i] = -1;
	pair_vouched(&arena, t, n, h, m, used, partner);
	arena_fini(&arena);
}

/* The server changed the message: what the state says of the file makes up for it. */
static void test_vouched(void **state UNUSED)
{
	struct new_there t[] = {there(7, "changed", 12, 0), there(8, "other", 12, 0)};
	struct new_here h[] = {sent(7, false), here("changed", 10, 0)};
	int32_t partner[2];

	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[0], -1); /* nothing in common */
	t[0].message_id = digest_of("sent id");
	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[0], 0);
	assert_int_equal(partner[1], -1); /* nothing vouches for the other file */
	t[0].date += 5;
	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[0], -1); /* another version of a draft */
	h[0].answered = true;
	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[0], 0); /* but something has to be the one that was stored */
	h[0].answered = false;
	t[0].date -= 5;
	t[1] = t[0];
	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[1], -1); /* never one to two */
	h[0].uidnext_before = 9;
	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[0], -1); /* it was there before */
	h[0].doubtful = false;
	h[0].has_former = true;
	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[0], 0);
	h[0].former_date = t[0].date;
	h[0].date += 5; /* copied by a program that does not keep times */
	match_vouched(t, 2, h, 2, partner);
	assert_int_equal(partner[0], 0);
	t[0].message_id = (struct digest){{0}};
	t[0].header = h[0].header;
	match_vouched(t, 1, h, 1, partner);
	assert_int_equal(partner[0], 0); /* the same header, another body */
	h[0].former_date += 5;
	match_vouched(t, 1, h, 1, partner);
	assert_int_equal(partner[0], -1); /* ... and another date: another version of a draft */
	h[0].has_former = false;
	h[0].doubtful = true;
	h[0].uidnext_before = t[0].uid;
	match_vouched(t, 1, h, 1, partner);
	assert_int_equal(partner[0],
		0); /* it came since the upload began, on a server that keeps no dates */
}

/* What was answered and can't be recognised at all is what came since, if the numbers agree. */
static void test_answered(void **state UNUSED)
{
	struct new_there t[] = {there(5, "x", 1, 0), there(7, "y", 1, 0), there(8, "z", 1, 0)};
	struct new_here h[] = {sent(6, true), sent(6, true)};
	int32_t partner[3];

	for (size_t i = 0; i < COUNT_OF(t); i++)
		t[i].message_id = (struct digest){{0}};
	match_vouched(t, 3, h, 2, partner);
	assert_int_equal(partner[0], -1);
	assert_int_equal(partner[1], 0);
	assert_int_equal(partner[2], 1);
	match_vouched(t, 3, h, 1, partner);
	assert_int_equal(partner[1], -1); /* one too many came */
	t[2].message_id = digest_of("another id");
	match_vouched(t, 3, h, 2, partner);
	assert_int_equal(partner[1], -1); /* it is somebody else's */
	h[0].answered = h[1].answered = false;
	t[2].message_id = (struct digest){{0}};
	match_vouched(t, 3, h, 2, partner);
	assert_int_equal(partner[1], -1); /* only begun */
}

static void test_guard(void **state UNUSED)
{
	static const struct {
		uint64_t deletions, messages;
		unsigned percent;
		bool approve, allowed;
	} rows[] = {
		{0, 0, 50, false, true},
		{20, 20, 50, false, true},
		{21, 21, 50, false, false},
		{21, 42, 50, false, true},
		{22, 43, 50, false, false},
		{21, 1000, 0, false, false},
		{20, 1000, 0, false, true},
		{1000, 1000, 100, false, true},
		{1000, 1000, 50, true, true},
		{UINT32_MAX, UINT32_MAX, 50, false, false},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct policy policy = {.max_delete = rows[i].percent,
			.max_delete_free = 20,
			.approve = rows[i].approve};
		struct guard_count count = {
			.deletions = rows[i].deletions, .messages = rows[i].messages};
		if (guard_allows(&policy, count) != rows[i].allowed)
			fail_msg("row %zu: %llu of %llu", i, (unsigned long long)rows[i].deletions,
				(unsigned long long)rows[i].messages);
	}
}

/* One mailbox "b" beside others; t, h: there, here; n: \Noselect there; p: there with a problem, q:
 * here with one; T, H: in the state. */
static void test_boxes(void **state UNUSED)
{
	static const struct {
		const char *is, *state;
		enum way create;
		enum box_action action;
	} rows[] = {
		{"th", "", WAY_BOTH, BOX_SYNC},
		{"th", "TH", WAY_BOTH, BOX_SYNC},
		{"t", "", WAY_BOTH, BOX_CREATE_HERE},
		{"h", "", WAY_BOTH, BOX_CREATE_THERE},
		{"t", "TH", WAY_BOTH, BOX_GONE_HERE},
		{"h", "TH", WAY_BOTH, BOX_GONE_THERE},
		{"", "TH", WAY_BOTH, BOX_FORGET},
		{"t", "", WAY_PUSH, BOX_SKIP},
		{"h", "", WAY_PULL, BOX_SKIP},
		{"n", "", WAY_BOTH, BOX_SKIP},
		{"nh", "", WAY_BOTH, BOX_CREATE_THERE},
		{"nh", "TH", WAY_BOTH, BOX_GONE_THERE},
		{"tp", "", WAY_BOTH, BOX_PROBLEM},
		{"hq", "", WAY_BOTH, BOX_PROBLEM},
		{"thq", "", WAY_BOTH, BOX_SYNC},
		{"h", "H", WAY_BOTH, BOX_CREATE_THERE},
	};
	static char *const patterns[] = {"*", "!z"};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct arena arena = {0};
		struct box_name t[] = {{.name = "a", .selectable = true}, {.name = "b"}},
				h[] = {{.name = "b"}, {.name = "z"}}, r[] = {{.name = "b"}};
		bool is_there = strpbrk(rows[i].is, "tn") != NULL,
		     is_here = strchr(rows[i].is, 'h') != NULL;
		t[1].selectable = !strchr(rows[i].is, 'n');
		t[1].problem = strchr(rows[i].is, 'p') ? "p" : NULL;
		h[0].problem = strchr(rows[i].is, 'q') ? "q" : NULL;
		r[0].where = (strchr(rows[i].state, 'T') ? 1u : 0) |
			     (strchr(rows[i].state, 'H') ? 2u : 0);
		struct boxes_input input = {.there = t,
			.there_count = 1 + is_there,
			.here = h + !is_here,
			.here_count = 1 + is_here,
			.rows = r,
			.row_count = rows[i].state[0] != '\0',
			.patterns = patterns,
			.pattern_count = 2,
			.create = rows[i].create};
		struct box_decisions out;
		boxes_decide(&arena, &input, &out);
		assert_string_equal(out.items[0].name, "a");
		assert_string_equal(out.items[out.count - 1].name, "z");
		assert_int_equal(out.items[out.count - 1].action, BOX_SKIP); /* not selected */
		bool listed = is_there || is_here || rows[i].state[0];
		assert_int_equal(out.count, 2 + listed);
		if (listed && out.items[1].action != rows[i].action)
			fail_msg("row %zu (%s, state %s): %d, not %d", i, rows[i].is, rows[i].state,
				(int)out.items[1].action, (int)rows[i].action);
		arena_fini(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_twins_stay_twins),
		cmocka_unit_test(test_preference), cmocka_unit_test(test_proof),
		cmocka_unit_test(test_sizes), cmocka_unit_test(test_vouched),
		cmocka_unit_test(test_answered), cmocka_unit_test(test_guard),
		cmocka_unit_test(test_boxes)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

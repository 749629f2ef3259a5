/*
 * The planner: a table of single cases, each also with the sides swapped; random histories, in
 * which the plan is applied to a little model of both sides, must end equal, and a second plan must
 * be empty.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "sync/plan.h"

static const struct policy both = {.new_messages = WAY_BOTH,
	.flags = WAY_BOTH,
	.deletes = WAY_BOTH,
	.create = WAY_BOTH,
	.expunge = SIDE_BOTH,
	.max_delete = 50,
	.max_delete_free = 20};

/* One side of one message in a case. */
enum is { SAME, GONE, FLAGS };

struct row {
	const char *name;
	enum is there, here;
	uint32_t base, there_flags, here_flags;
	const char *expect; /* operations: kind and flags, see describe() */
	const char *mirror; /* with the sides swapped */
};

#define S FLAG_SEEN
#define F FLAG_FLAGGED

static const struct row rows[] = {
	{"nothing", SAME, SAME, 0, 0, 0, "", ""},
	{"seen there", FLAGS, SAME, 0, S, 0, "flags here +S", "flags there +S"},
	{"unseen there", FLAGS, SAME, S, 0, 0, "flags here -S", "flags there -S"},
	{"same change", FLAGS, FLAGS, 0, S, S, "agree +S", "agree +S"},
	{"different changes", FLAGS, FLAGS, 0, S, F, "flags there +F,flags here +S",
		"flags there +S,flags here +F"},
	{"swap", FLAGS, FLAGS, S, S | F, 0, "flags there -S,flags here +F",
		"flags there +F,flags here -S"},
	{"gone there", GONE, SAME, S, 0, 0, "delete here", "delete there"},
	{"gone both", GONE, GONE, S, 0, 0, "forget", "forget"},
	{"gone there, flagged here", GONE, FLAGS, 0, 0, F, "delete here", "delete there"},
};

/* "flags there +S-F,..." of a plan, refreshes and all. */
static void describe(const struct plan *plan, char *out, size_t size)
{
	size_t n = 0;
	out[0] = '\0';
	for (size_t i = 0; i < plan->count; i++) {
		const struct op *op = &plan->ops[i];
		char minus[7], plus[7];
		flags_letters(op->change.system & ~op->flags.system, minus);
		flags_letters(op->change.system & op->flags.system, plus);
		n += (size_t)snprintf(out + n, size - n, "%s%s%s%s%s%s%s", i ? "," : "",
			op_kind_name(op->kind), minus[0] || plus[0] ? " " : "", minus[0] ? "-" : "",
			minus, plus[0] ? "+" : "", plus);
		assert_true(n < size);
	}
}

static struct change change_of(enum is is, uint32_t base, uint32_t flags)
{
	return (struct change){.uid = 7,
		.kind = is == GONE ? CHANGE_GONE : CHANGE_FLAGS,
		.base = flags_system(base),
		.flags = flags_system(flags)};
}

static void plan_case(
	struct arena *arena, const struct row *row, bool mirrored, char *out, size_t size)
{
	enum is there_is = mirrored ? row->here : row->there,
		here_is = mirrored ? row->there : row->here;
	struct change there =
		change_of(there_is, row->base, mirrored ? row->here_flags : row->there_flags);
	struct change here =
		change_of(here_is, row->base, mirrored ? row->there_flags : row->here_flags);
	struct changes changes = {.there = &there,
		.there_count = there_is != SAME,
		.here = &here,
		.here_count = here_is != SAME};
	struct plan_input input = {.policy = &both,
		.changes = &changes,
		.mask_there = flags_full(),
		.mask_here = flags_full()};
	struct plan plan;

	plan_make(arena, &input, &plan);
	describe(&plan, out, size);
}

static void test_rows(void **state UNUSED)
{
	struct arena arena = {0};
	char got[256];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		plan_case(&arena, &rows[i], false, got, sizeof(got));
		if (strcmp(got, rows[i].expect) != 0)
			fail_msg(
				"%s: got \"%s\", wanted \"%s\"", rows[i].name, got, rows[i].expect);
		plan_case(&arena, &rows[i], true, got, sizeof(got));
		if (strcmp(got, rows[i].mirror) != 0)
			fail_msg("%s, mirrored: got \"%s\", wanted \"%s\"", rows[i].name, got,
				rows[i].mirror);
	}
	arena_fini(&arena);
}

/* ---- policies ---- */

struct policy_row {
	const char *name;
	enum way new_messages, flags, deletes;
	enum is there, here;
	uint32_t there_flags, here_flags;
	bool kept; /* the side that is gone */
	const char *expect;
};

static const struct policy_row policy_rows[] = {
	{"pull: flags of here stay here", WAY_PULL, WAY_PULL, WAY_PULL, SAME, FLAGS, 0, F, false,
		""},
	{"pull: flags of there come", WAY_PULL, WAY_PULL, WAY_PULL, FLAGS, SAME, S, 0, false,
		"flags here +S"},
	{"pull: deletion here is kept there", WAY_PULL, WAY_PULL, WAY_PULL, SAME, GONE, 0, 0, false,
		"keep"},
	{"pull: told once", WAY_PULL, WAY_PULL, WAY_PULL, SAME, GONE, 0, 0, true, ""},
	{"push: deletion there is kept here", WAY_PUSH, WAY_PUSH, WAY_PUSH, GONE, SAME, 0, 0, false,
		"keep"},
	{"push: flags of there stay there", WAY_PUSH, WAY_PUSH, WAY_PUSH, FLAGS, SAME, S, 0, false,
		""},
	{"push: flags of here go", WAY_PUSH, WAY_PUSH, WAY_PUSH, FLAGS, FLAGS, S, F, false,
		"flags there +F"},
	{"no deletes", WAY_BOTH, WAY_BOTH, WAY_NONE, GONE, SAME, 0, 0, false, "keep"},
	{"kept deletion is carried by a new policy", WAY_BOTH, WAY_BOTH, WAY_BOTH, SAME, GONE, 0, 0,
		true, "delete there"},
	{"on either side", WAY_BOTH, WAY_BOTH, WAY_BOTH, GONE, SAME, 0, 0, true, "delete here"},
	{"gone there, and kept there before", WAY_BOTH, WAY_BOTH, WAY_BOTH, GONE, GONE, 0, 0, true,
		"forget"},
};

static void test_policies(void **state UNUSED)
{
	struct arena arena = {0};
	char got[256];

	for (size_t i = 0; i < COUNT_OF(policy_rows); i++) {
		const struct policy_row *row = &policy_rows[i];
		struct policy policy = both;
		policy.new_messages = row->new_messages;
		policy.flags = row->flags;
		policy.deletes = row->deletes;
		struct change there = change_of(row->there, 0, row->there_flags),
			      here = change_of(row->here, 0, row->here_flags);
		here.kept = row->kept && row->here == GONE;
		there.kept = row->kept && row->there == GONE;
		struct changes changes = {.there = &there,
			.there_count = row->there != SAME,
			.here = &here,
			.here_count = row->here != SAME};
		struct plan_input input = {.policy = &policy,
			.changes = &changes,
			.mask_there = flags_full(),
			.mask_here = flags_full()};
		struct plan plan;
		plan_make(&arena, &input, &plan);
		describe(&plan, got, sizeof(got));
		if (strcmp(got, row->expect) != 0)
			fail_msg("%s: got \"%s\", wanted \"%s\"", row->name, got, row->expect);
	}
	arena_fini(&arena);
}

/* Deleted here, and on the server only marked. */
static void test_marked(void **state UNUSED)
{
	struct arena arena = {0};
	struct policy policy = both;
	struct change there = change_of(FLAGS, FLAG_DELETED, 0), here = change_of(GONE, 0, 0);
	struct changes changes = {.here = &here, .here_count = 1};
	struct plan_input input = {.policy = &policy,
		.changes = &changes,
		.mask_there = flags_full(),
		.mask_here = flags_full()};
	struct plan plan;
	char got[256];

	here.kept = there.alone = true;
	here.base = there.base;
	policy.expunge = SIDE_HERE;
	plan_make(&arena, &input, &plan);
	assert_int_equal(plan.count, 0);

	changes.there = &there; /* the mark is gone */
	changes.there_count = 1;
	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "fetch");

	policy.expunge = SIDE_BOTH;
	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "fetch");

	changes.there_count = 0;
	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "delete there");

	/* The same on the other side. */
	there = change_of(GONE, 0, 0), here = change_of(FLAGS, 0, F);
	there.kept = here.alone = true;
	there.base = here.base = flags_system(FLAG_DELETED);
	changes.there_count = 1;
	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "delete here");
	policy.expunge = SIDE_THERE;
	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "agree -T+F");
	arena_fini(&arena);
}

static void test_news(void **state UNUSED)
{
	struct arena arena = {0};
	struct new_there there[] = {{.uid = 5}, {.uid = 3, .flags = {.system = S}}};
	struct new_here here[] = {
		{.name = "cur/a:2,F", .base = "a", .flags = {.system = F}},
		{.name = "new/b", .base = "b"},
		{.name = "new/c", .base = "c", .refused = true},
		{.name = "new/d", .base = "d", .answered = true},
	};
	int32_t partner[] = {-1, 0};
	struct changes changes = {
		.new_there = there, .new_there_count = 2, .new_here = here, .new_here_count = 4};
	struct policy policy = both;
	struct plan_input input = {.policy = &policy,
		.changes = &changes,
		.partner = partner,
		.mask_there = flags_full(),
		.mask_here = flags_full()};
	struct plan plan;
	char got[256];

	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "adopt,append,flags there +F,fetch,flags here +S");
	assert_true(plan.pairs);
	assert_int_equal(plan.ops[0].uid, 3);
	assert_string_equal(plan.ops[1].name, "new/b");
	assert_int_equal(plan.ops[3].uid, 5);

	policy.retry = true;
	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "adopt,append,append,flags there +F,fetch,flags here +S");

	policy.new_messages = WAY_NONE;
	input.partner = NULL;
	plan_make(&arena, &input, &plan);
	assert_int_equal(plan.count, 0);
	arena_fini(&arena);
}

/* \Deleted on one side of an adopted message is taken back, never carried. */
static void test_adopted_deleted(void **state UNUSED)
{
	struct arena arena = {0};
	struct new_there there = {.uid = 1, .flags = {.system = FLAG_DELETED}};
	struct new_here here = {.name = "cur/a:2,S", .base = "a", .flags = {.system = S}};
	int32_t partner = 0;
	struct changes changes = {
		.new_there = &there, .new_there_count = 1, .new_here = &here, .new_here_count = 1};
	struct plan_input input = {.policy = &both,
		.changes = &changes,
		.partner = &partner,
		.mask_there = flags_full(),
		.mask_here = flags_full()};
	struct plan plan;
	char got[256];

	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "adopt,flags there -T+S");
	arena_fini(&arena);
}

/* What an interrupted pass sent is paired, too, but holds up no deletions. */
static void test_own_upload(void **state UNUSED)
{
	static const struct {
		bool doubtful;
		uint32_t uidnext_before;
		bool pairs;
	} cases[] = {{false, 0, true}, {true, 0, true}, {true, 8, true}, {true, 7, false},
		{true, 5, false}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena arena = {0};
		struct new_there there = {.uid = 7};
		struct new_here here = {.name = "cur/a:2,",
			.base = "a",
			.doubtful = cases[i].doubtful,
			.uidnext_before = cases[i].uidnext_before};
		int32_t partner = 0;
		struct changes changes = {.new_there = &there,
			.new_there_count = 1,
			.new_here = &here,
			.new_here_count = 1};
		struct plan_input input = {
			.policy = &both, .changes = &changes, .partner = &partner};
		struct plan plan;

		plan_make(&arena, &input, &plan);
		assert_int_equal(plan.count, 1);
		assert_int_equal(plan.ops[0].kind, OP_ADOPT);
		assert_int_equal(plan.pairs, cases[i].pairs);
		arena_fini(&arena);
	}
}

/* A flag that the server can't keep is never sent, and never read as removed there. */
static void test_masks(void **state UNUSED)
{
	struct arena arena = {0};
	struct change here = change_of(FLAGS, 0, F);
	struct changes changes = {.here = &here, .here_count = 1};
	struct plan_input input = {.policy = &both,
		.changes = &changes,
		.mask_there = flags_system(S),
		.mask_here = flags_full()};
	struct plan plan;
	char got[256];

	plan_make(&arena, &input, &plan);
	describe(&plan, got, sizeof(got));
	assert_string_equal(got, "agree +F");

	struct change there = change_of(FLAGS, F, 0);
	changes = (struct changes){.there = &there, .there_count = 1};
	plan_make(&arena, &input, &plan);
	assert_int_equal(plan.count, 0);
	arena_fini(&arena);
}

/* ---- random histories ---- */

#define MESSAGES 40

struct copy {
	bool has;
	uint32_t flags;
};

struct model {
	struct copy row, there, here; /* row.has: the state knows it */
};

/* Changes as the engine would find them. */
static struct changes look(struct arena *arena, const struct model *m)
{
	struct changes c = {
		.there = arena_zalloc(arena, MESSAGES * sizeof(struct change)),
		.here = arena_zalloc(arena, MESSAGES * sizeof(struct change)),
		.new_there = arena_zalloc(arena, MESSAGES * sizeof(struct new_there)),
		.new_here = arena_zalloc(arena, MESSAGES * sizeof(struct new_here)),
	};
	for (uint32_t i = 0; i < MESSAGES; i++) {
		if (!m[i].row.has) {
			if (m[i].there.has)
				c.new_there[c.new_there_count++] = (struct new_there){
					.uid = i + 1, .flags = flags_system(m[i].there.flags)};
			if (m[i].here.has)
				c.new_here[c.new_here_count++] =
					(struct new_here){.name = arena_printf(arena, "%u", i),
						.base = "",
						.flags = flags_system(m[i].here.flags)};
			continue;
		}
		struct change change = {.uid = i + 1, .base = flags_system(m[i].row.flags)};
		if (!m[i].there.has || m[i].there.flags != m[i].row.flags) {
			change.kind = m[i].there.has ? CHANGE_FLAGS : CHANGE_GONE;
			change.flags = flags_system(m[i].there.flags);
			c.there[c.there_count++] = change;
		}
		if (!m[i].here.has || m[i].here.flags != m[i].row.flags) {
			change.kind = m[i].here.has ? CHANGE_FLAGS : CHANGE_GONE;
			change.flags = flags_system(m[i].here.flags);
			c.here[c.here_count++] = change;
		}
	}
	return c;
}

static void settle_bits(struct model *m, const struct op *op)
{
	m->row.flags = (m->row.flags & ~op->change.system) | (op->flags.system & op->change.system);
}

static void apply(struct model *all, const struct op *op)
{
	struct model *m = op->uid ? &all[op->uid - 1] : &all[atoi(op->name)];

	switch (op->kind) {
	case OP_MOVE_HERE: /* never planned for one mailbox */
	case OP_MOVE_THERE:
		fail_msg("a move");
		break;
	case OP_FETCH:
		m->row = m->here = m->there;
		break;
	case OP_APPEND:
		m->row = m->there = m->here;
		break;
	case OP_ADOPT:
		m->row = (struct copy){true, op->flags.system};
		break;
	case OP_FLAGS_THERE:
		m->there.flags = (m->there.flags & ~op->change.system) |
				 (op->flags.system & op->change.system);
		settle_bits(m, op);
		break;
	case OP_FLAGS_HERE:
		m->here.flags = (m->here.flags & ~op->change.system) |
				(op->flags.system & op->change.system);
		settle_bits(m, op);
		break;
	case OP_AGREE:
		settle_bits(m, op);
		break;
	case OP_FORGET:
		m->row.has = false;
		break;
	case OP_DELETE_HERE:
		m->here.has = m->row.has = false;
		break;
	case OP_DELETE_THERE:
		m->there.has = m->row.has = false;
		break;
	case OP_REFRESH:
	case OP_KEEP:
	case OP_KIND_COUNT:
		fail_msg("unexpected %s", op_kind_name(op->kind));
	}
}

static void edit(struct copy *copy)
{
	if (rand() % 4 == 0)
		copy->has = false;
	else if (copy->has && rand() % 2 == 0)
		copy->flags ^= 1u << rand() % 6;
}

static void random_history(unsigned seed)
{
	struct model m[MESSAGES] = {0};
	struct arena arena = {0};
	struct plan plan;

	srand(seed);
	for (int round = 0; round < 6; round++) {
		for (size_t i = 0; i < MESSAGES; i++) {
			edit(&m[i].there);
			edit(&m[i].here);
			/* A message that nobody has comes into the world on one side, or, unpaired,
			 * on neither. */
			if (!m[i].row.has && !m[i].there.has && !m[i].here.has && rand() % 2)
				*(rand() % 2 ? &m[i].there : &m[i].here) =
					(struct copy){true, (uint32_t)rand() % FLAG_ALL};
		}
		struct changes c = look(&arena, m);
		struct plan_input input = {.policy = &both,
			.changes = &c,
			.mask_there = flags_full(),
			.mask_here = flags_full()};
		plan_make(&arena, &input, &plan);
		for (size_t i = 0; i < plan.count; i++)
			apply(m, &plan.ops[i]);
		for (size_t i = 0; i < MESSAGES; i++)
			if (m[i].there.has != m[i].here.has ||
				(m[i].here.has && m[i].there.flags != m[i].here.flags))
				fail_msg("seed %u, round %d, message %zu: there %d %x, here %d %x",
					seed, round, i, m[i].there.has, m[i].there.flags,
					m[i].here.has, m[i].here.flags);
		c = look(&arena, m);
		plan_make(&arena, &input, &plan);
		if (plan.count != 0)
			fail_msg("seed %u, round %d: the second plan begins with %s of %u", seed,
				round, op_kind_name(plan.ops[0].kind), plan.ops[0].uid);
	}
	arena_fini(&arena);
}

static void test_random_histories(void **state UNUSED)
{
	for (unsigned seed = 1; seed <= 500; seed++)
		random_history(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_marked),
		cmocka_unit_test(test_news),
		cmocka_unit_test(test_adopted_deleted),
		cmocka_unit_test(test_own_upload),
		cmocka_unit_test(test_masks),
		cmocka_unit_test(test_random_histories),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

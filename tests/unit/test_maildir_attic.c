/*
 * What was deleted and can come back: where it lies, what it is called when it returns, and how
 * much of it there may be.
 */
#include "maildir/attic.h"

#include "tests/unit/maildir_tree.h"

struct scene {
	struct tree tree;
	struct attic attic;
	struct maildir *box;
	struct attic_shelf shelf; /* of the pass that kept last */
};

/* An attic in the folder "state", a mailbox "box" beside it. */
static void scene_open(struct scene *s)
{
	char *state;

	tree_open(&s->tree, MAILDIR_NESTED);
	s->box = tree_folder(&s->tree, "box");
	attic_shelf_init(&s->shelf, &s->attic, 0, s->box);
	state = xasprintf("%s/state", s->tree.path);
	assert_int_equal(mkdirat(s->tree.root.fd, "state", 0700), 0);
	GOOD(&s->tree, attic_open(&s->attic, &s->tree.root, state, "acc", true, &s->tree.err));
	free(state);
	assert_true(tree_has(&s->tree, "state/deleted"));
}

static void scene_close(struct scene *s)
{
	attic_shelf_fini(&s->shelf);
	attic_close(&s->attic);
	maildir_unref(s->box);
	tree_close(&s->tree);
}

static void keep(struct scene *s, uint64_t pass, const char *path, const char *text)
{
	char *file = xasprintf("box/%s", path);

	tree_write(&s->tree, file, text);
	if (s->shelf.pass != pass) {
		attic_shelf_fini(&s->shelf);
		attic_shelf_init(&s->shelf, &s->attic, pass, s->box);
	}
	GOOD(&s->tree, attic_keep(&s->shelf, path, &s->tree.err));
	assert_false(tree_has(&s->tree, file));
	free(file);
}

static void restore_all(struct scene *s)
{
	struct arena arena = {0};
	struct attic_items items;

	GOOD(&s->tree, attic_list(&s->attic, &arena, &items, &s->tree.err));
	for (size_t i = 0; i < items.count; i++) {
		struct attic_item *item = &items.items[i];
		GOOD(&s->tree, attic_prepare(&s->attic, &s->tree.root, item, &s->tree.err));
		GOOD(&s->tree, attic_restore(&s->attic, &s->tree.root, s->tree.keywords, item,
				       &s->tree.err));
	}
	arena_fini(&arena);
}

static size_t count_kept(struct scene *s)
{
	struct arena arena = {0};
	struct attic_items items;

	GOOD(&s->tree, attic_list(&s->attic, &arena, &items, &s->tree.err));
	arena_fini(&arena);
	return items.count;
}

static void test_names(void **state UNUSED)
{
	struct scene s;

	scene_open(&s);
	keep(&s, 1, "new/a", "1");
	keep(&s, 1, "cur/b:2,FS", "2");
	keep(&s, 2, "cur/c:2,Sz", "3"); /* a letter that no table explains */
	assert_int_equal(count_kept(&s), 3);
	tree_write(&s.tree, "box/cur/b:2,FS", "taken meanwhile");
	restore_all(&s);
	assert_file(&s.tree, "box/new/a", "1");
	assert_file(&s.tree, "box/cur/b:2,FS", "taken meanwhile");
	assert_file(&s.tree, "box/cur/c:2,Sz", "3");
	assert_int_equal(count_kept(&s), 0);
	scene_close(&s);
}

static void test_letters(void **state UNUSED)
{
	struct scene s;

	scene_open(&s);
	tree_write(&s.tree, "box/dovecot-keywords", "0 zero\n1 one\n");
	keep(&s, 1, "cur/a:2,Sab", "both");
	keep(&s, 1, "cur/b:2,", "none");
	tree_write(&s.tree, "box/dovecot-keywords", "0 other\n1 zero\n");
	restore_all(&s);
	assert_file(&s.tree, "box/cur/a:2,Sbc", "both");
	assert_file(&s.tree, "box/cur/b:2,", "none");
	assert_file(&s.tree, "box/dovecot-keywords", "0 other\n1 zero\n2 one\n");
	scene_close(&s);
}

/* A letter that came while the pass was on. */
static void test_later_letter(void **state UNUSED)
{
	struct scene s;

	scene_open(&s);
	tree_write(&s.tree, "box/dovecot-keywords", "0 zero\n");
	keep(&s, 1, "cur/a:2,Sa", "zero");
	tree_write(&s.tree, "box/dovecot-keywords", "0 zero\n1 one\n");
	keep(&s, 1, "cur/b:2,b", "one");
	tree_write(&s.tree, "box/dovecot-keywords", "0 one\n1 zero\n");
	restore_all(&s);
	assert_file(&s.tree, "box/cur/a:2,Sb", "zero");
	assert_file(&s.tree, "box/cur/b:2,a", "one");
	scene_close(&s);
}

static void test_shrink(void **state UNUSED)
{
	struct scene s;
	uint64_t count, limit;

	scene_open(&s);
	for (unsigned pass = 1; pass <= 3; pass++) {
		char *a = xasprintf("cur/a%u:2,S", pass), *b = xasprintf("cur/b%u:2,S", pass);
		keep(&s, pass, a, "0123456789");
		keep(&s, pass, b, "0123456789");
		free(a);
		free(b);
	}
	GOOD(&s.tree, attic_shrink(&s.attic, 60, &count, &s.tree.err));
	assert_int_equal(count, 0);
	GOOD(&s.tree, attic_shrink(&s.attic, 59, &count, &s.tree.err));
	assert_int_equal(count, 2);
	assert_int_equal(count_kept(&s), 4);
	assert_false(tree_has(&s.tree, "state/deleted/000000000001"));
	/* The last pass stays: nothing is destroyed in the moment in which it is deleted. */
	GOOD(&s.tree, attic_shrink(&s.attic, 0, &count, &s.tree.err));
	assert_int_equal(count, 2);
	assert_int_equal(count_kept(&s), 2);
	GOOD(&s.tree, attic_limit(&s.attic, &limit, &s.tree.err));
	assert_true(limit > 0);
	scene_close(&s);
}

static void test_expire(void **state UNUSED)
{
	struct scene s;

	scene_open(&s);
	keep(&s, 1, "cur/a:2,S", "x");
	GOOD(&s.tree, attic_expire(&s.attic, 1000, &s.tree.err));
	assert_int_equal(count_kept(&s), 1);
	GOOD(&s.tree, attic_expire(&s.attic, INT64_MAX, &s.tree.err));
	assert_int_equal(count_kept(&s), 0);
	assert_false(tree_has(&s.tree, "state/deleted/000000000001"));
	scene_close(&s);
}

/* No place at all: then nothing may be deleted. */
static void test_no_place(void **state UNUSED)
{
	struct tree t;
	struct attic attic;

	tree_open(&t, MAILDIR_NESTED);
	struct maildir_root root = t.root;
	root.path = "/proc/nowhere/root";
	assert_int_equal(attic_open(&attic, &root, "/no/such/state", "acc", true, &t.err), -1);
	assert_int_equal(t.err.kind, ERR_CONFLICT);
	assert_int_equal(attic.fd, -1);
	GOOD(&t, attic_open(&attic, &root, "/no/such/state", "acc", false, &t.err));
	assert_int_equal(attic.fd, -1);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_letters),
		cmocka_unit_test(test_later_letter),
		cmocka_unit_test(test_shrink),
		cmocka_unit_test(test_expire),
		cmocka_unit_test(test_no_place),
	};
	return cmocka_run_group_tests_name("maildir_attic", tests, NULL, NULL);
}

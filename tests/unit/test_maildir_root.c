/*
 * The root: making it, and the marker file.
 */
#include "tests/unit/maildir_tree.h"

static void test_open(void **state UNUSED)
{
	struct tree t;
	struct maildir_root root;
	char *deep, *link, *dangling;

	tree_open(&t, MAILDIR_NESTED);
	deep = xasprintf("%s/a/b//c/", t.path);
	FAILS(&t, ENOENT, maildir_root_open(&root, deep, MAILDIR_NESTED, false, &t.err));
	GOOD(&t, maildir_root_open(&root, deep, MAILDIR_PLUSPLUS, true, &t.err));
	assert_true(root.device == t.root.device);
	assert_int_equal(root.layout, MAILDIR_PLUSPLUS);
	maildir_root_close(&root);
	assert_int_equal(root.fd, -1);
	maildir_root_close(&root);
	/* What lies above the root, and the root itself, may be symlinks. */
	link = xasprintf("%s/link", t.path);
	assert_int_equal(symlink("a/b", link), 0);
	char *below = xasprintf("%s/x/y", link);
	GOOD(&t, maildir_root_open(&root, below, MAILDIR_NESTED, true, &t.err));
	maildir_root_close(&root);
	assert_true(tree_has(&t, "a/b/x/y"));
	GOOD(&t, maildir_root_open(&root, link, MAILDIR_NESTED, false, &t.err));
	maildir_root_close(&root);
	/* But a symlink to nowhere is no place to make something. */
	dangling = xasprintf("%s/dangling", t.path);
	assert_int_equal(symlink("nowhere", dangling), 0);
	assert_int_equal(maildir_root_open(&root, dangling, MAILDIR_NESTED, true, &t.err), -1);
	assert_false(tree_has(&t, "nowhere"));
	tree_write(&t, "file", "");
	char *file = xasprintf("%s/file", t.path);
	FAILS(&t, ENOTDIR, maildir_root_open(&root, file, MAILDIR_NESTED, true, &t.err));
	FAILS(&t, ENOENT, maildir_root_open(&root, "", MAILDIR_NESTED, true, &t.err));
	free(file);
	free(below);
	free(dangling);
	free(link);
	free(deep);
	tree_close(&t);
}

static void test_relative(void **state UNUSED)
{
	struct tree t;
	struct maildir_root root;
	char *home = getcwd(NULL, 0);

	tree_open(&t, MAILDIR_NESTED);
	assert_int_equal(chdir(t.path), 0);
	GOOD(&t, maildir_root_open(&root, "m", MAILDIR_NESTED, true, &t.err));
	maildir_root_close(&root);
	GOOD(&t, maildir_root_open(&root, "p/q/r", MAILDIR_NESTED, true, &t.err));
	maildir_root_close(&root);
	assert_true(tree_has(&t, "m"));
	assert_true(tree_has(&t, "p/q/r"));
	assert_int_equal(chdir(home), 0);
	free(home);
	tree_close(&t);
}

static void test_marker_read(void **state UNUSED)
{
	static const struct {
		const char *text;
		int rc;
		uint64_t pass;
		unsigned others;
	} rows[] = {
		{"", 0, 0, 0},
		{"# comment 7\n", 0, 0, 0},
		{"me 7\n", 1, 7, 0},
		{"me 7", 1, 7, 0},
		{"# c\nyou 1\nme 18446744073709551615\nthem 2\n", 1, UINT64_MAX, 2},
		{"mean 5\nm 5\n", 0, 0, 2},
		{"me x\nme\nme 7 7\nme -1\nme 18446744073709551616\n", 0, 0, 0},
		{" 5\n\n\n", 0, 0, 0},
		{"#me 5\n", 0, 0, 0},
	};
	struct tree t;
	struct maildir_marker marker;
	unsigned others = 9;

	tree_open(&t, MAILDIR_NESTED);
	assert_int_equal(maildir_marker_read(&t.root, "me", &marker, &others, &t.err), 0);
	assert_int_equal(others, 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tree_write(&t, ".godwit", rows[i].text);
		marker.pass = 0;
		int rc = maildir_marker_read(&t.root, "me", &marker, &others, &t.err);
		if (rc != rows[i].rc || marker.pass != rows[i].pass || others != rows[i].others)
			fail_msg("\"%s\": %d, pass %llu, %u others", rows[i].text, rc,
				(unsigned long long)marker.pass, others);
	}
	/* A marker that can't be read is not "no marker". */
	assert_int_equal(unlinkat(t.root.fd, ".godwit", 0), 0);
	assert_int_equal(symlinkat("other", t.root.fd, ".godwit"), 0);
	FAILS(&t, ELOOP, maildir_marker_read(&t.root, "me", &marker, NULL, &t.err));
	assert_int_equal(maildir_marker_read(&t.root, "me", &marker, NULL, NULL), -1);
	tree_close(&t);
}

static void test_marker_write(void **state UNUSED)
{
	struct tree t;
	struct maildir_marker marker = {.pass = 3};
	struct stat st;

	tree_open(&t, MAILDIR_NESTED);
	GOOD(&t, maildir_marker_write(&t.root, "me", &marker, &t.err));
	assert_int_equal(maildir_marker_read(&t.root, "me", &marker, NULL, &t.err), 1);
	assert_int_equal(marker.pass, 3);
	size_t n;
	char *text = tree_read_n(&t, ".godwit", &n);
	assert_int_equal(text[0], '#');
	free(text);
	assert_int_equal(fstatat(t.root.fd, ".godwit", &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);

	tree_write(&t, ".godwit", "# mine\nyou 1\nme 2\nstrange line\nme x");
	marker.pass = 4;
	GOOD(&t, maildir_marker_write(&t.root, "me", &marker, &t.err));
	assert_file(&t, ".godwit", "# mine\nyou 1\nstrange line\nme x\nme 4\n");
	tree_close(&t);
}

struct writer {
	const char *path;
	char id[16];
};

#define WRITES 25

static void *write_markers(void *arg)
{
	struct writer *w = arg;
	struct maildir_root root;
	struct err err;

	if (maildir_root_open(&root, w->path, MAILDIR_NESTED, false, &err) != 0)
		return err.msg[0] ? arg : NULL;
	void *bad = NULL;
	for (uint64_t pass = 1; !bad && pass <= WRITES; pass++)
		if (maildir_marker_write(&root, w->id, &(struct maildir_marker){pass}, &err) != 0)
			bad = arg;
	maildir_root_close(&root);
	return bad;
}

/* Accounts that share a root never lose each other's lines. */
static void test_marker_shared(void **state UNUSED)
{
	struct tree t;
	struct writer writers[4];
	pthread_t threads[COUNT_OF(writers)];

	tree_open(&t, MAILDIR_NESTED);
	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		writers[i].path = t.path;
		snprintf(writers[i].id, sizeof(writers[i].id), "account%zu", i);
		thread_start(&threads[i], "writer", write_markers, &writers[i]);
	}
	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		void *bad;
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	for (size_t i = 0; i < COUNT_OF(writers); i++) {
		struct maildir_marker marker;
		unsigned others;
		assert_int_equal(
			maildir_marker_read(&t.root, writers[i].id, &marker, &others, &t.err), 1);
		assert_int_equal(marker.pass, WRITES);
		assert_int_equal(others, COUNT_OF(writers) - 1);
	}
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_relative),
		cmocka_unit_test(test_marker_read),
		cmocka_unit_test(test_marker_write),
		cmocka_unit_test(test_marker_shared),
	};
	return cmocka_run_group_tests_name("maildir_root", tests, NULL, NULL);
}

/*
 * One folder: making, opening, counting references, times.
 */
#include "tests/unit/maildir_tree.h"

static int synced; /* fsync calls seen by the hook */

static int count_syncs(const char *operation, const char *path UNUSED)
{
	synced += strcmp(operation, "fsync") == 0;
	return 0;
}

static int refuse_tmp(const char *operation, const char *path)
{
	return strcmp(operation, "mkdir") == 0 && strcmp(path, "tmp") == 0 ? ENOSPC : 0;
}

static void test_create(void **state UNUSED)
{
	static const char *const parts[] = {"A", "A/B", "A/B/cur", "A/B/new", "A/B/tmp"};
	struct tree t;
	struct stat st;

	tree_open(&t, MAILDIR_NESTED);
	fs_set_fault_hook(count_syncs);
	synced = 0;
	GOOD(&t, maildir_create(&t.root, "A/B", &t.err));
	assert_int_equal(synced, 0);
	GOOD(&t, fs_sync_path(t.root.fd, "A/B", &t.err));
	assert_int_equal(synced, 3); /* the root, A, and B with its parts */
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		assert_int_equal(fstatat(t.root.fd, parts[i], &st, 0), 0);
		assert_int_equal(st.st_mode, S_IFDIR | 0700);
	}
	assert_false(tree_has(&t, "A/cur"));
	assert_false(tree_has(&t, "A/B/maildirfolder"));
	/* Again, and with a part that is missing. */
	tree_write(&t, "A/B/cur/keep", "x");
	assert_int_equal(unlinkat(t.root.fd, "A/B/tmp", AT_REMOVEDIR), 0);
	GOOD(&t, maildir_create(&t.root, "A/B", &t.err));
	assert_true(tree_has(&t, "A/B/tmp"));
	assert_file(&t, "A/B/cur/keep", "x");
	/* Errors. */
	tree_write(&t, "file", "");
	FAILS(&t, ENOTDIR, maildir_create(&t.root, "file", &t.err));
	assert_int_equal(symlinkat("A", t.root.fd, "link"), 0);
	assert_int_equal(maildir_create(&t.root, "link/x", &t.err), -1);
	assert_false(tree_has(&t, "A/x"));
	fs_set_fault_hook(refuse_tmp);
	FAILS(&t, ENOSPC, maildir_create(&t.root, "full", &t.err));
	assert_int_equal(maildir_create(&t.root, "full", NULL), -1);
	fs_set_fault_hook(NULL);
	tree_close(&t);
}

static void test_create_plusplus(void **state UNUSED)
{
	struct tree t;

	tree_open(&t, MAILDIR_PLUSPLUS);
	GOOD(&t, maildir_create(&t.root, ".", &t.err));
	GOOD(&t, maildir_create(&t.root, ".A.B", &t.err));
	GOOD(&t, maildir_create(&t.root, ".A.B", &t.err));
	assert_true(tree_has(&t, "cur"));
	assert_false(tree_has(&t, "maildirfolder"));
	assert_true(tree_has(&t, ".A.B/maildirfolder"));
	assert_false(tree_has(&t, ".A"));
	struct maildir *m;
	GOOD(&t, maildir_open(&m, &t.root, ".", t.keywords, &t.err));
	maildir_unref(m);
	tree_close(&t);
}

static void test_open(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A/B");

	assert_string_equal(m->path, "A/B");
	assert_ptr_equal(maildir_ref(m), m);
	maildir_unref(m);
	maildir_unref(m);
	maildir_unref(NULL);
	assert_int_equal(unlinkat(t.root.fd, "A/B/tmp", AT_REMOVEDIR), 0);
	GOOD(&t, maildir_open(&m, &t.root, "A/B", t.keywords, &t.err));
	assert_true(tree_has(&t, "A/B/tmp"));
	maildir_unref(m);
	FAILS(&t, ENOENT, maildir_open(&m, &t.root, "A/C", t.keywords, &t.err));
	assert_non_null(strstr(t.err.msg, "A/C"));
	FAILS(&t, ENOENT, maildir_open(&m, &t.root, "A", t.keywords, &t.err));
	assert_int_equal(maildir_open(&m, &t.root, "A", t.keywords, NULL), -1);
	tree_close(&t);
}

/* No symlink leads out of the root, at whatever level. */
static void test_symlinks(void **state UNUSED)
{
	static const char *const rows[] = {"link/B", "A/link", "C", "D", "A/../A/B", "../A/B"};
	struct tree t;
	struct maildir *m;

	tree_open(&t, MAILDIR_NESTED);
	GOOD(&t, maildir_create(&t.root, "A/B", &t.err));
	GOOD(&t, maildir_create(&t.root, "C", &t.err));
	GOOD(&t, maildir_create(&t.root, "D", &t.err));
	assert_int_equal(symlinkat("A", t.root.fd, "link"), 0);
	assert_int_equal(symlinkat("B", t.root.fd, "A/link"), 0);
	assert_int_equal(unlinkat(t.root.fd, "C/cur", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("../A/B/cur", t.root.fd, "C/cur"), 0);
	assert_int_equal(unlinkat(t.root.fd, "D/tmp", AT_REMOVEDIR), 0);
	assert_int_equal(symlinkat("../A/B/tmp", t.root.fd, "D/tmp"), 0);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (maildir_open(&m, &t.root, rows[i], t.keywords, &t.err) == 0)
			fail_msg("%s was opened", rows[i]);
	tree_close(&t);
}

static void *use(void *arg)
{
	for (int i = 0; i < 20000; i++)
		maildir_unref(maildir_ref(arg));
	maildir_unref(arg);
	return NULL;
}

static void test_references(void **state UNUSED)
{
	struct tree t;
	pthread_t threads[4];
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	for (size_t i = 0; i < COUNT_OF(threads); i++)
		thread_start(&threads[i], "user", use, maildir_ref(m));
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		thread_join(threads[i]);
	assert_int_equal(m->references, 1);
	maildir_unref(m);
	tree_close(&t);
}

/* The inode of the second cur/ is often that of the first one. */
static void test_identity(void **state UNUSED)
{
	struct tree t;
	struct maildir_identity was, is, unknown;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	t.root.inodes_last = false;
	GOOD(&t, maildir_identity(&t.root, m, &unknown, &t.err));
	assert_true(unknown.inode == 0);
	t.root.inodes_last = true;
	GOOD(&t, maildir_identity(&t.root, m, &was, &t.err));
	tree_write(&t, "A/cur/x", "");
	GOOD(&t, maildir_identity(&t.root, m, &is, &t.err));
	assert_true(was.inode != 0 && !maildir_identity_differs(&was, &is));
	assert_false(maildir_identity_differs(&unknown, &is));
	assert_false(maildir_identity_differs(&is, &unknown));
	maildir_unref(m);

	assert_int_equal(unlinkat(t.root.fd, "A/cur/x", 0), 0);
	assert_int_equal(unlinkat(t.root.fd, "A/cur", AT_REMOVEDIR), 0);
	usleep(20000);
	m = tree_folder(&t, "A");
	GOOD(&t, maildir_identity(&t.root, m, &is, &t.err));
	assert_true(maildir_identity_differs(&was, &is));
	maildir_unref(m);
	is = was;
	is.inode++;
	assert_true(maildir_identity_differs(&was, &is));
	is = was;
	is.born = 0; /* a kernel that does not say */
	assert_false(maildir_identity_differs(&was, &is));
	tree_close(&t);
}

static void test_times(void **state UNUSED)
{
	static const struct maildir_times base = {10, 20, 30, 40};
	struct tree t;
	struct maildir_times a, b;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	GOOD(&t, maildir_times(m, &a, &t.err));
	usleep(20000);
	tree_write(&t, "A/new/x", "");
	GOOD(&t, maildir_times(m, &b, &t.err));
	assert_false(maildir_times_equal(&a, &b));
	assert_true(b.new_mtime > a.new_mtime && b.new_ctime > a.new_ctime);
	assert_true(b.cur_mtime == a.cur_mtime && b.cur_ctime == a.cur_ctime);
	maildir_unref(m);
	/* Each of the four counts. */
	for (int i = 0; i < 4; i++) {
		int64_t second = 1000000000;
		a = b = base;
		int64_t *time = i == 0   ? &b.new_mtime
				: i == 1 ? &b.new_ctime
				: i == 2 ? &b.cur_mtime
					 : &b.cur_ctime;
		assert_true(maildir_times_equal(&a, &b));
		*time = 10 * second;
		assert_false(maildir_times_equal(&a, &b));
		assert_false(maildir_times_settled(&b, 9 * second)); /* in the future */
		assert_false(maildir_times_settled(&b, 10 * second));
		assert_false(maildir_times_settled(&b, 12 * second));
		assert_true(maildir_times_settled(&b, 12 * second + 1));
	}
	tree_close(&t);
}

/* What a worker beside us removes directly before our next rmdir. */
static const struct maildir_root *beside_root;
static const char *beside_path;

static int remove_beside(const char *operation, const char *path)
{
	const char *removed = beside_path;
	struct err err = {0};

	if (!removed || strcmp(operation, "rmdir") != 0 || strcmp(path, "A") != 0)
		return 0;
	beside_path = NULL;
	assert_int_equal(maildir_remove_folder(beside_root, removed, &err), 1);
	return 0;
}

static void test_remove(void **state UNUSED)
{
	struct tree t;

	tree_open(&t, MAILDIR_NESTED);
	GOOD(&t, maildir_create(&t.root, "A/B/C", &t.err));
	GOOD(&t, maildir_create(&t.root, "A", &t.err));
	tree_write(&t, "A/cur/message", "x");
	assert_int_equal(maildir_remove_folder(&t.root, "A", &t.err), 0);
	assert_true(
		tree_has(&t, "A/cur/message") && tree_has(&t, "A/new") && tree_has(&t, "A/tmp"));
	tree_write(&t, "A/B/C/maildirfolder", "");
	tree_write(&t, "A/B/C/dovecot-keywords", "0 a\n");
	tree_write(&t, "A/B/C/dovecot.index.log", "index");
	/* The levels between that are no folders go with the last folder in them. */
	assert_int_equal(maildir_remove_folder(&t.root, "A/B/C", &t.err), 1);
	assert_true(tree_has(&t, "A/cur") && !tree_has(&t, "A/B"));

	GOOD(&t, maildir_create(&t.root, "B", &t.err));
	GOOD(&t, maildir_create(&t.root, "B/dovecots", &t.err));
	tree_write(&t, "B/dovecot-uidlist", "3 V1\n");
	tree_write(&t, "B/notes", "somebody's");
	assert_int_equal(maildir_remove_folder(&t.root, "B", &t.err), 1);
	assert_true(tree_has(&t, "B/notes") && tree_has(&t, "B/dovecots/cur"));
	assert_false(tree_has(&t, "B/cur") || tree_has(&t, "B/dovecot-uidlist"));
	tree_close(&t);
}

static void test_remove_beside(void **state UNUSED)
{
	struct tree t;

	tree_open(&t, MAILDIR_NESTED);
	GOOD(&t, maildir_create(&t.root, "A", &t.err));
	GOOD(&t, maildir_create(&t.root, "A/B", &t.err));
	beside_root = &t.root;
	beside_path = "A/B";
	fs_set_fault_hook(remove_beside);
	assert_int_equal(maildir_remove_folder(&t.root, "A", &t.err), 1);
	fs_set_fault_hook(NULL);
	assert_null(beside_path);
	assert_false(tree_has(&t, "A"));
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_create_plusplus),
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_symlinks),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_identity),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_remove),
		cmocka_unit_test(test_remove_beside),
	};
	return cmocka_run_group_tests_name("maildir_folder", tests, NULL, NULL);
}

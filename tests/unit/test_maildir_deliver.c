/*
 * Delivery into tmp/, publishing, renaming, removing.
 */
#include <sys/wait.h>
#include <time.h>
#include "tests/unit/maildir_tree.h"

/* Wire form, local form; lengths by sizeof, as NUL may stand anywhere. */
#define ROW(wire, local)                                                                           \
	{                                                                                          \
		wire, sizeof(wire) - 1, local, sizeof(local) - 1                                   \
	}
static const struct message {
	const char *wire;
	size_t wire_size;
	const char *local;
	size_t local_size;
} messages[] = {
	ROW("", ""),
	ROW("\r\n", "\n"),
	ROW("\r", "\r"),
	ROW("\n", "\n"),
	ROW("\r\r\n", "\r\n"),
	ROW("\r\n\r", "\n\r"),
	ROW("\r\r\r", "\r\r\r"),
	ROW("\n\r", "\n\r"),
	ROW("\r\n\r\n", "\n\n"),
	ROW("no line end", "no line end"),
	ROW("Subject: x\r\n\r\nbody\r\n", "Subject: x\n\nbody\n"),
	ROW("a\rb\r\nc\nd\r\n", "a\rb\nc\nd\n"),
	ROW("nul \0 in \0\r\nit\0\r\n", "nul \0 in \0\nit\0\n"),
	ROW("\xe4\xf6\xfc\r\n\xff\xfe\r\n", "\xe4\xf6\xfc\n\xff\xfe\n"),
};

/* Digests as model/digest.h computes them over the local form in one piece. */
static void digest_whole(const char *data, size_t n, struct digest *header, struct digest *content)
{
	struct digester *d = digester_new();

	digester_feed(d, data, n);
	digester_finish(d, header, content);
	digester_free(d);
}

static void check_delivered(struct tree *t, const char *path, const char *local, size_t local_size,
	size_t wire_size, const struct maildir_delivered *got)
{
	struct digest header, content;
	struct stat st;
	size_t n;
	char *text = tree_read_n(t, path, &n);

	assert_int_equal(n, local_size);
	assert_memory_equal(text, local, local_size);
	free(text);
	assert_int_equal(got->wire_size, wire_size);
	assert_int_equal(got->local_size, local_size);
	digest_whole(local, local_size, &header, &content);
	assert_true(digest_equal(&header, &got->header));
	assert_true(digest_equal(&content, &got->content));
	assert_int_equal(fstatat(t->root.fd, path, &st, 0), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
}

static void deliver(struct tree *t, struct maildir *m, struct maildir_delivery *d, const char *base,
	const char *data, size_t n, size_t chunk, struct maildir_delivered *out)
{
	GOOD(t, maildir_delivery_begin(d, m, base, &t->err));
	for (size_t i = 0; i < n; i += chunk) {
		/* A copy of its own, so that the sanitizer sees every byte read beyond it. */
		size_t size = n - i < chunk ? n - i : chunk;
		char *copy = xmalloc(size);
		memcpy(copy, data + i, size);
		GOOD(t, maildir_delivery_write(d, copy, size, &t->err));
		GOOD(t, maildir_delivery_write(d, copy, 0, &t->err));
		free(copy);
	}
	GOOD(t, maildir_delivery_end(d, 1000000000, out, &t->err));
}

static void test_chunks(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_delivery *d = maildir_delivery_new();
	struct maildir_delivered got;

	for (size_t i = 0; i < COUNT_OF(messages); i++) {
		const struct message *row = &messages[i];
		for (size_t chunk = 1; chunk <= row->wire_size + 1; chunk++) {
			deliver(&t, m, d, "b", row->wire, row->wire_size, chunk, &got);
			check_delivered(
				&t, "A/tmp/b", row->local, row->local_size, row->wire_size, &got);
			maildir_delivery_abort(d);
			assert_false(tree_has(&t, "A/tmp/b"));
		}
	}
	maildir_delivery_free(d);
	maildir_unref(m);
	tree_close(&t);
}

/* What a simple reading of the rule gives. */
static size_t to_local(const char *wire, size_t n, char *out)
{
	size_t used = 0;

	for (size_t i = 0; i < n; i++)
		if (wire[i] != '\r' || i + 1 == n || wire[i + 1] != '\n')
			out[used++] = wire[i];
	return used;
}

/* Long random messages, around the size of the buffer, in random pieces. */
static void test_long(void **state UNUSED)
{
	static const char alphabet[] = {'\r', '\n', '\0', 'x', '\xff'};
	static const size_t sizes[] = {65535, 65536, 65537, 131072, 200001};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_delivery *d = maildir_delivery_new();
	struct maildir_delivered got;
	char *wire = xmalloc(200001), *local = xmalloc(200001);
	uint64_t seed = 3;

	for (size_t i = 0; i < 4 * COUNT_OF(sizes); i++) {
		size_t size = sizes[i / 4];
		bool sparse = i & 1;
		for (size_t k = 0; k < size; k++)
			wire[k] = sparse && tree_random(&seed) % 100
					  ? 'y'
					  : alphabet[tree_random(&seed) % 5];
		size_t local_size = to_local(wire, size, local);
		deliver(&t, m, d, "b", wire, size, i & 2 ? 1 + tree_random(&seed) % 5000 : size,
			&got);
		check_delivered(&t, "A/tmp/b", local, local_size, size, &got);
		maildir_delivery_abort(d);
	}
	free(wire);
	free(local);
	maildir_delivery_free(d);
	maildir_unref(m);
	tree_close(&t);
}

static void test_life(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_delivery *d = maildir_delivery_new();
	struct maildir_delivered got;

	maildir_delivery_abort(d); /* nothing is open */
	GOOD(&t, maildir_delivery_begin(d, m, "one", &t.err));
	assert_int_equal(m->references, 2);
	GOOD(&t, maildir_delivery_begin(d, m, "two", &t.err)); /* gives the first one up */
	assert_false(tree_has(&t, "A/tmp/one"));
	assert_int_equal(m->references, 2);
	maildir_delivery_abort(d);
	assert_false(tree_has(&t, "A/tmp/two"));
	assert_int_equal(m->references, 1);
	deliver(&t, m, d, "three", "x", 1, 1, &got);
	maildir_delivery_hand_over(d);
	maildir_delivery_abort(d);
	assert_file(&t, "A/tmp/three", "x");
	FAILS(&t, EEXIST, maildir_delivery_begin(d, m, "three", &t.err));
	assert_file(&t, "A/tmp/three", "x");
	assert_int_equal(m->references, 1);
	maildir_delivery_abort(d);
	assert_file(&t, "A/tmp/three", "x");
	GOOD(&t, maildir_delivery_begin(d, m, "four", &t.err));
	maildir_delivery_free(d);
	assert_false(tree_has(&t, "A/tmp/four"));
	maildir_delivery_free(NULL);
	maildir_unref(m);
	tree_close(&t);
}

/* A symlink that waits in tmp/ is not written through. */
static void test_symlink(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_delivery *d = maildir_delivery_new();

	tree_write(&t, "victim", "untouched");
	assert_int_equal(symlinkat("../../victim", t.root.fd, "A/tmp/b"), 0);
	assert_int_equal(symlinkat("../../new", t.root.fd, "A/tmp/dangling"), 0);
	FAILS(&t, EEXIST, maildir_delivery_begin(d, m, "b", &t.err));
	FAILS(&t, EEXIST, maildir_delivery_begin(d, m, "dangling", &t.err));
	assert_file(&t, "victim", "untouched");
	assert_false(tree_has(&t, "new"));
	assert_true(tree_has(&t, "A/tmp/b"));
	maildir_delivery_free(d);
	maildir_unref(m);
	tree_close(&t);
}

static char operations[256];
static const char *fail_at;

static int record(const char *operation, const char *path UNUSED)
{
	size_t n = strlen(operations);

	snprintf(operations + n, sizeof(operations) - n, "%s ", operation);
	return fail_at && strcmp(operation, fail_at) == 0 ? ENOSPC : 0;
}

/* A small message costs create, write, utimens and close. */
static void test_cost(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_delivery *d = maildir_delivery_new();
	struct maildir_delivered got;
	char *big = xcalloc(1, 200000);

	fail_at = NULL;
	operations[0] = '\0';
	fs_set_fault_hook(record);
	deliver(&t, m, d, "small", "a\r\nb\r\n", 6, 1, &got);
	assert_string_equal(operations, "create write utimens ");
	maildir_delivery_hand_over(d);
	operations[0] = '\0';
	deliver(&t, m, d, "big", big, 200000, 100, &got);
	assert_string_equal(operations, "create write write write write utimens ");
	fs_set_fault_hook(NULL);
	free(big);
	maildir_delivery_free(d);
	maildir_unref(m);
	tree_close(&t);
}

/* A full disk at each step: an error, and nothing stays in tmp/. */
static void test_disk_full(void **state UNUSED)
{
	static const char *const rows[] = {"create", "write", "utimens"};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_delivery *d = maildir_delivery_new();
	struct maildir_delivered got;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		fail_at = rows[i];
		fs_set_fault_hook(record);
		int rc = maildir_delivery_begin(d, m, "b", &t.err);
		if (rc == 0)
			rc = maildir_delivery_write(d, "x", 1, &t.err);
		if (rc == 0)
			rc = maildir_delivery_end(d, 0, &got, &t.err);
		fs_set_fault_hook(NULL);
		if (rc != -1 || t.err.sys != ENOSPC || t.err.kind != ERR_DISK ||
			!strstr(t.err.msg, "A/tmp"))
			fail_msg("%s: %d, %s", rows[i], rc, t.err.msg);
		maildir_delivery_abort(d);
		assert_false(tree_has(&t, "A/tmp/b"));
	}
	maildir_delivery_free(d);
	maildir_unref(m);
	tree_close(&t);
}

static void test_dates(void **state UNUSED)
{
	static const int64_t rows[] = {0, 1, -1, 2147483648, 4102444800};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_delivery *d = maildir_delivery_new();
	struct maildir_delivered got;
	struct stat st;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		GOOD(&t, maildir_delivery_begin(d, m, "b", &t.err));
		GOOD(&t, maildir_delivery_end(d, rows[i], &got, &t.err));
		assert_int_equal(fstatat(t.root.fd, "A/tmp/b", &st, 0), 0);
		assert_int_equal(st.st_mtim.tv_sec, rows[i]);
		assert_int_equal(st.st_mtim.tv_nsec, 0);
		assert_int_equal(st.st_size, 0);
	}
	maildir_delivery_free(d);
	maildir_unref(m);
	tree_close(&t);
}

static void test_publish(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	tree_write(&t, "A/tmp/a", "a");
	tree_write(&t, "A/tmp/b", "b");
	GOOD(&t, maildir_publish(m, "a", "new/a", &t.err));
	assert_file(&t, "A/new/a", "a");
	assert_false(tree_has(&t, "A/tmp/a"));
	GOOD(&t, maildir_publish(m, "b", "cur/b:2,S", &t.err));
	assert_file(&t, "A/cur/b:2,S", "b");
	/* Never over another file. */
	tree_write(&t, "A/tmp/a", "second");
	FAILS(&t, EEXIST, maildir_publish(m, "a", "new/a", &t.err));
	assert_file(&t, "A/new/a", "a");
	assert_file(&t, "A/tmp/a", "second");
	FAILS(&t, ENOENT, maildir_publish(m, "gone", "new/gone", &t.err));
	maildir_unref(m);
	tree_close(&t);
}

static void test_rename_remove(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	tree_write(&t, "A/new/a", "a");
	GOOD(&t, maildir_rename(m, "new/a", "cur/a:2,S", &t.err));
	GOOD(&t, maildir_rename(m, "cur/a:2,S", "cur/a:2,FS", &t.err));
	assert_file(&t, "A/cur/a:2,FS", "a");
	FAILS(&t, ENOENT, maildir_rename(m, "cur/a:2,S", "cur/a:2,", &t.err));
	assert_int_equal(t.err.kind, ERR_DISK);
	tree_write(&t, "A/cur/b:2,", "b");
	FAILS(&t, EEXIST, maildir_rename(m, "cur/b:2,", "cur/a:2,FS", &t.err));
	assert_file(&t, "A/cur/a:2,FS", "a");
	GOOD(&t, maildir_remove(m, "cur/a:2,FS", &t.err));
	FAILS(&t, ENOENT, maildir_remove(m, "cur/a:2,FS", &t.err));
	assert_int_equal(mkdirat(t.root.fd, "A/cur/dir", 0700), 0);
	FAILS(&t, EISDIR, maildir_remove(m, "cur/dir", &t.err));
	maildir_unref(m);
	tree_close(&t);
}

/* The process of a child that has ended. */
static int dead_process(void)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	return (int)child;
}

/* Only what a process of ours left that is gone. */
static void test_sweep(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	char fresh[MAILDIR_BASE_SIZE], path[300];
	int dead = dead_process(), here = (int)getpid();

	maildir_fresh_base(fresh);
	const char *host = strchr(strchr(fresh, 'Q'), '.');
	const struct {
		const char *before;
		int pid;
		const char *after, *host;
		bool stays;
	} rows[] = {
		{"1700000000.M000001P", dead, "Q00000000", host, false},
		{"1700000000.M000002P", here, "Q00000000", host, true},
		{"1700000000.M000003P", dead, "Q00000000", ".elsewhere", true},
		{"1700000000.M000004P", dead, "", host, true},
		{"godwit-lock.", dead, ".0", "", false},
		{"godwit-lock.", here, ".0", "", true},
		{"godwit-lock.", dead, ".0", ".mine", true},
		{"another.", dead, "", host, true},
	};
	for (int swept = 0; swept < 2; swept++) {
		for (size_t i = 0; i < COUNT_OF(rows); i++) {
			snprintf(path, sizeof(path), "A/tmp/%s%d%s%s", rows[i].before, rows[i].pid,
				rows[i].after, rows[i].host);
			if (!swept)
				tree_write(&t, path, "x");
			else if (tree_has(&t, path) != rows[i].stays)
				fail_msg("%s: stays %d", path, !rows[i].stays);
		}
		if (!swept)
			GOOD(&t, maildir_sweep(m, &t.err));
	}
	maildir_unref(m);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chunks),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_symlink),
		cmocka_unit_test(test_cost),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_publish),
		cmocka_unit_test(test_rename_remove),
		cmocka_unit_test(test_sweep),
	};
	return cmocka_run_group_tests_name("maildir_deliver", tests, NULL, NULL);
}

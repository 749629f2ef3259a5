/*
 * Scanning: what is seen, and that a scan is only called stable if it saw everything.
 */
#include <stdatomic.h>
#include "tests/unit/maildir_tree.h"

/* "new/a cur/b:2,S " in the order of names; *STABLE as of the scan. */
static char *scan_all(struct tree *t, struct maildir *m, bool *stable)
{
	struct maildir_scan scan;
	struct maildir_file file;
	struct buf out = {0};
	struct stat st;
	int rc;

	GOOD(t, maildir_scan_begin(&scan, m, &t->err));
	while ((rc = maildir_scan_next(&scan, &file, &t->err)) == 1) {
		struct slice base, info;
		buf_addf(&out, "%s/%.*s ", file.in_new ? "new" : "cur", SLICE_ARG(file.name));
		maildir_split(file.name, &base, &info);
		assert_true(slice_eq(base, file.base) && slice_eq(info, file.info));
		char *name = xstrndup(file.name.p, file.name.n);
		assert_int_equal(fstatat(file.in_new ? m->fd_new : m->fd_cur, name, &st, 0), 0);
		assert_true(st.st_ino == file.inode);
		free(name);
	}
	assert_int_equal(rc, 0);
	assert_int_equal(maildir_scan_next(&scan, &file, &t->err), 0); /* stays at the end */
	GOOD(t, maildir_scan_end(&scan, 0, stable, &t->err));
	return out.data ? buf_take(&out) : xstrdup("");
}

static void test_what_is_seen(void **state UNUSED)
{
	struct tree t;
	bool stable;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	char *text = scan_all(&t, m, &stable);
	assert_string_equal(text, "");
	assert_true(stable);
	free(text);
	tree_write(&t, "A/new/one", "");
	tree_write(&t, "A/cur/two:2,FS", "");
	tree_write(&t, "A/cur/.hidden", "");
	tree_write(&t, "A/cur/:2,S", "");
	tree_write(&t, "A/tmp/three", "");
	tree_write(&t, "A/four", "");
	assert_int_equal(mkdirat(t.root.fd, "A/cur/dir", 0700), 0);
	assert_int_equal(symlinkat("two:2,FS", t.root.fd, "A/cur/link"), 0);
	assert_int_equal(mkfifoat(t.root.fd, "A/new/fifo", 0600), 0);
	text = scan_all(&t, m, &stable);
	assert_string_equal(text, "new/one cur/two:2,FS ");
	assert_true(stable);
	free(text);
	maildir_unref(m);
	tree_close(&t);
}

/* More than one buffer of getdents. */
static void test_many(void **state UNUSED)
{
	struct tree t;
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable, in_cur = false;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	char path[MAILDIR_FILE_SIZE];
	int rc, seen = 0;

	for (int i = 0; i < 1500; i++) {
		snprintf(path, sizeof(path), "A/%s/%080d", i % 3 ? "cur" : "new", i);
		tree_write(&t, path, "");
	}
	GOOD(&t, maildir_scan_begin(&scan, m, &t.err));
	while ((rc = maildir_scan_next(&scan, &file, &t.err)) == 1) {
		assert_false(in_cur && file.in_new); /* new/ first */
		in_cur = !file.in_new;
		seen++;
	}
	assert_int_equal(rc, 0);
	GOOD(&t, maildir_scan_end(&scan, 0, &stable, &t.err));
	assert_true(stable);
	assert_int_equal(seen, 1500);
	maildir_unref(m);
	tree_close(&t);
}

/* Each change during a scan, however soon after another one, makes it unstable. */
static void test_changes(void **state UNUSED)
{
	static const char *const changes[] = {"A/new/x", "A/cur/x"};
	struct tree t;
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	for (int i = 0; i < 200; i++) {
		const char *change = changes[i % COUNT_OF(changes)];
		int rc;
		tree_write(
			&t, change, ""); /* in the same clock tick, perhaps, as the change below */
		GOOD(&t, maildir_scan_begin(&scan, m, &t.err));
		if (i & 2)
			while ((rc = maildir_scan_next(&scan, &file, &t.err)) == 1)
				assert_true(file.in_new == (change[2] == 'n'));
		assert_int_equal(unlinkat(t.root.fd, change, 0), 0);
		while ((rc = maildir_scan_next(&scan, &file, &t.err)) == 1)
			;
		assert_int_equal(rc, 0);
		GOOD(&t, maildir_scan_end(&scan, 0, &stable, &t.err));
		assert_false(stable);
	}
	maildir_unref(m);
	tree_close(&t);
}

/* A scan that was not read to its end proves nothing. */
static void test_early_end(void **state UNUSED)
{
	struct tree t;
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable = true;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	tree_write(&t, "A/new/one", "");
	tree_write(&t, "A/cur/two", "");
	for (int reads = 0; reads <= 2; reads++) {
		GOOD(&t, maildir_scan_begin(&scan, m, &t.err));
		for (int i = 0; i < reads; i++)
			assert_int_equal(maildir_scan_next(&scan, &file, &t.err), 1);
		GOOD(&t, maildir_scan_end(&scan, 0, &stable, &t.err));
		assert_false(stable);
	}
	maildir_unref(m);
	tree_close(&t);
}

/* Other directories in the place of ours, and ours removed: never an empty stable view. */
static void test_replaced(void **state UNUSED)
{
	struct tree t;
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	tree_write(&t, "A/cur/one", "");
	assert_int_equal(renameat(t.root.fd, "A/cur", t.root.fd, "A/old"), 0);
	assert_int_equal(mkdirat(t.root.fd, "A/cur", 0700), 0);
	char *text = scan_all(&t, m, &stable);
	assert_string_equal(text, "cur/one ");
	free(text);
	assert_int_equal(unlinkat(t.root.fd, "A/old/one", 0), 0);
	assert_int_equal(unlinkat(t.root.fd, "A/old", AT_REMOVEDIR), 0);
	int rc = maildir_scan_begin(&scan, m, &t.err);
	while (rc == 0 && (rc = maildir_scan_next(&scan, &file, &t.err)) == 1)
		rc = 0;
	assert_int_equal(rc, -1);
	struct err ignored;
	if (maildir_scan_end(&scan, 0, &stable, &ignored) == 0)
		assert_false(stable);
	maildir_unref(m);
	tree_close(&t);
}

static void test_times_before(void **state UNUSED)
{
	struct tree t;
	struct maildir_scan scan;
	struct maildir_times times;
	bool stable;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	GOOD(&t, maildir_times(m, &times, &t.err));
	GOOD(&t, maildir_scan_begin(&scan, m, &t.err));
	tree_write(&t, "A/cur/one", ""); /* the watermark must not cover it */
	assert_true(maildir_times_equal(&times, &scan.before));
	GOOD(&t, maildir_scan_end(&scan, 0, &stable, &t.err));
	/* Times in the future, of a wrong clock, do not hold a scan up for ever. */
	struct timespec future[2] = {{.tv_sec = 4102444800}, {.tv_sec = 4102444800}};
	assert_int_equal(futimens(m->fd_cur, future), 0);
	free(scan_all(&t, m, &stable));
	assert_true(stable);
	maildir_unref(m);
	tree_close(&t);
}

/* ---- a mail reader at work ---- */

#define FILES 2500

struct reader {
	struct maildir *maildir;
	uint64_t seed;
	atomic_bool stop, failed;
	int state[FILES]; /* 0: new/, 1: cur/ without flags, 2: cur/ with S */
};

static void name_of(int file, int file_state, char *out, size_t size)
{
	snprintf(out, size, "%s/%060d%s", file_state ? "cur" : "new", file,
		file_state == 0   ? ""
		: file_state == 1 ? ":2,"
				  : ":2,S");
}

/* Bursts of renames, pauses between them: some scans are stable, some begin right after a change.
 */
static void *read_mail(void *arg)
{
	struct reader *r = arg;
	char from[MAILDIR_FILE_SIZE], to[MAILDIR_FILE_SIZE];

	while (!r->stop) {
		for (uint32_t n = 1 + tree_random(&r->seed) % 100; n > 0; n--) {
			int file = (int)(tree_random(&r->seed) % FILES),
			    next = r->state[file] == 1 ? 2 : 1;
			name_of(file, r->state[file], from, sizeof(from));
			name_of(file, next, to, sizeof(to));
			if (maildir_rename(r->maildir, from, to, NULL) != 0)
				r->failed = true;
			r->state[file] = next;
		}
		usleep(tree_random(&r->seed) % 30000);
	}
	return NULL;
}

/* How many of the files one scan sees. */
static int count_seen(struct tree *t, struct maildir *m, bool *stable)
{
	struct maildir_scan scan;
	struct maildir_file file;
	bool seen[FILES] = {0};
	int rc, count = 0;

	GOOD(t, maildir_scan_begin(&scan, m, &t->err));
	while ((rc = maildir_scan_next(&scan, &file, &t->err)) == 1) {
		uint64_t number;
		assert_true(slice_number(file.base, FILES - 1, &number));
		count += !seen[number];
		seen[number] = true;
	}
	assert_int_equal(rc, 0);
	GOOD(t, maildir_scan_end(&scan, 0, stable, &t->err));
	return count;
}

static void test_reader_at_work(void **state UNUSED)
{
	struct tree t;
	pthread_t thread;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct reader *r = xcalloc(1, sizeof(*r));
	char path[MAILDIR_FILE_SIZE], full[MAILDIR_FILE_SIZE + 2];
	int stables = 0, misses = 0;

	*r = (struct reader){.maildir = m, .seed = 11};
	for (int i = 0; i < FILES; i++) {
		name_of(i, 0, path, sizeof(path));
		snprintf(full, sizeof(full), "A/%s", path);
		tree_write(&t, full, "");
	}
	thread_start(&thread, "reader", read_mail, r);
	for (int64_t until = clock_ms() + 1500; clock_ms() < until;) {
		bool stable;
		int seen = count_seen(&t, m, &stable);
		stables += stable;
		misses += seen < FILES;
		if (stable && seen < FILES)
			fail_msg("a stable scan saw only %d of %d files", seen, FILES);
	}
	r->stop = true;
	thread_join(thread);
	assert_false(r->failed);
	print_message("%d stable scans, %d that missed files\n", stables, misses);
	bool stable;
	assert_int_equal(count_seen(&t, m, &stable), FILES);
	assert_true(stable);
	free(r);
	maildir_unref(m);
	tree_close(&t);
}

/* ---- finding one file ---- */

static void test_find(void **state UNUSED)
{
	struct tree t;
	char out[MAILDIR_FILE_SIZE];
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	tree_write(&t, "A/new/one", "");
	tree_write(&t, "A/cur/two:2,FS", "");
	tree_write(&t, "A/cur/twofold:2,", "");
	assert_int_equal(maildir_find(m, SLICE("one"), out, sizeof(out), &t.err), 1);
	assert_string_equal(out, "new/one");
	assert_int_equal(maildir_find(m, SLICE("two"), out, sizeof(out), &t.err), 1);
	assert_string_equal(out, "cur/two:2,FS");
	assert_int_equal(maildir_find(m, SLICE("tw"), out, sizeof(out), &t.err), 0);
	assert_int_equal(maildir_find(m, SLICE(""), out, sizeof(out), &t.err), 0);
	/* Seen in both: cur/ is the later one. */
	tree_write(&t, "A/cur/one:2,S", "");
	assert_int_equal(maildir_find(m, SLICE("one"), out, sizeof(out), &t.err), 1);
	assert_string_equal(out, "cur/one:2,S");
	/* The longest name. */
	char name[256];
	memset(name, 'n', 255);
	name[255] = '\0';
	char *path = xasprintf("A/cur/%s", name);
	tree_write(&t, path, "");
	assert_int_equal(maildir_find(m, slice_str(name), out, sizeof(out), &t.err), 1);
	assert_string_equal(out, path + 2);
	free(path);
	maildir_unref(m);
	tree_close(&t);
}

/* Each look at the folder shows other times. */
static void *be_restless(void *arg)
{
	struct reader *r = arg;
	struct timespec times[2] = {{.tv_sec = 4102444800}, {.tv_sec = 4102444800}};

	while (!r->stop) {
		times[1].tv_sec++;
		if (futimens(r->maildir->fd_cur, times) != 0)
			r->failed = true;
		usleep(100);
	}
	return NULL;
}

/*
 * In a folder that never stands still nothing is "not there". The system may stop the restless
 * thread for a while, then absence is true; so ask until it was not.
 */
static void test_find_restless(void **state UNUSED)
{
	struct tree t;
	pthread_t thread;
	char out[MAILDIR_FILE_SIZE], path[64];
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct reader *r = xcalloc(1, sizeof(*r));
	int rc = 0;

	for (int i = 0; i < 20; i++) {
		snprintf(path, sizeof(path), "A/cur/%d", i);
		tree_write(&t, path, "");
	}
	r->maildir = m;
	thread_start(&thread, "restless", be_restless, r);
	for (int64_t until = clock_ms() + 60000; rc == 0 && clock_ms() < until;)
		rc = maildir_find(m, SLICE("absent"), out, sizeof(out), &t.err);
	int present = maildir_find(m, SLICE("12"), out, sizeof(out), NULL);
	r->stop = true;
	thread_join(thread);
	assert_false(r->failed);
	assert_int_equal(rc, -1);
	assert_int_equal(t.err.kind, ERR_CONFLICT);
	assert_int_equal(present, 1);
	assert_string_equal(out, "cur/12");
	assert_int_equal(maildir_find(m, SLICE("absent"), out, sizeof(out), &t.err), 0);
	free(r);
	maildir_unref(m);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_seen),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_early_end),
		cmocka_unit_test(test_replaced),
		cmocka_unit_test(test_times_before),
		cmocka_unit_test(test_reader_at_work),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_find_restless),
	};
	return cmocka_run_group_tests_name("maildir_scan", tests, NULL, NULL);
}

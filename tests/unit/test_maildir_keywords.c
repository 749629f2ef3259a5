/*
 * The file dovecot-keywords: reading it again, giving letters, the lock.
 */
#include "tests/unit/maildir_tree.h"

#include <sys/wait.h>
#include "base/log.h"

#define TABLE "A/dovecot-keywords"
#define LOCK "A/dovecot-uidlist.lock"

static struct flags keyword(struct tree *t, const char *name)
{
	struct flags f = {0};
	flags_add_keyword(&f, (unsigned)keywords_intern(t->keywords, slice_str(name)));
	return f;
}

/* The letters that the words in NAMES have, '-' for none. */
static void letters_of(struct tree *t, const struct maildir *m, const char *names, char *out)
{
	char *copy = xstrdup(names), *rest = copy, *name;

	while ((name = strsep(&rest, " "))) {
		struct flags wanted = keyword(t, name);
		*out = '-';
		for (char c = 'z'; c >= 'a'; c--) {
			char info[] = {'2', ',', c, '\0'};
			struct flags f = maildir_flags(m, slice_str(info));
			if (flags_equal(&f, &wanted))
				*out = c;
		}
		out++;
	}
	*out = '\0';
	free(copy);
}

static void test_load(void **state UNUSED)
{
	static const struct {
		const char *text, *names, *letters;
	} rows[] = {
		{"", "x", "-"},
		{"0 x\n", "x X", "aa"},
		{"0 x", "x", "a"},
		{"0 x\r\n1 y\r\n", "x y", "ab"},
		{"25 x\n3 y\n", "x y", "zd"},
		{"26 x\n-1 y\nz\n4\n 5 w\n0x v\n\n", "x y z w v", "-----"},
		{"0 x\n0 y\n", "x y", "-a"}, /* the last line of a letter counts, as for Dovecot */
		{"0 two words\n1 (\n2 \n3 ok\n", "ok", "d"},
		{"0 $Forwarded\n1 $Junk\n", "$Junk", "b"},
	};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	char got[16];

	GOOD(&t, maildir_letters_load(m, &t.err));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tree_write(&t, "A/new.tmp", rows[i].text);
		assert_int_equal(renameat(t.root.fd, "A/new.tmp", t.root.fd, TABLE), 0);
		GOOD(&t, maildir_letters_load(m, &t.err));
		letters_of(&t, m, rows[i].names, got);
		if (strcmp(got, rows[i].letters) != 0)
			fail_msg("\"%s\": %s have %s", rows[i].text, rows[i].names, got);
	}
	/* Gone: nothing is shown any more. */
	assert_int_equal(unlinkat(t.root.fd, TABLE, 0), 0);
	GOOD(&t, maildir_letters_load(m, &t.err));
	letters_of(&t, m, "$Junk", got);
	assert_string_equal(got, "-");
	/* What can't be read is an error, not an empty table. */
	assert_int_equal(symlinkat("elsewhere", t.root.fd, TABLE), 0);
	FAILS(&t, ELOOP, maildir_letters_load(m, &t.err));
	assert_int_equal(maildir_letters_load(m, NULL), -1);
	maildir_unref(m);
	tree_close(&t);
}

/* A change in place, of the same length, is seen too. */
static void test_load_again(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	char got[4];

	tree_write(&t, TABLE, "0 x\n");
	GOOD(&t, maildir_letters_load(m, &t.err));
	GOOD(&t, maildir_letters_load(m, &t.err));
	usleep(20000);
	tree_write(&t, TABLE, "0 y\n");
	GOOD(&t, maildir_letters_load(m, &t.err));
	letters_of(&t, m, "x y", got);
	assert_string_equal(got, "-a");
	maildir_unref(m);
	tree_close(&t);
}

static void test_add(void **state UNUSED)
{
	static const struct {
		const char *before, *wanted, *after, *left;
	} rows[] = {
		{NULL, "p q", "0 p\n1 q\n", ""},
		{"", "q p", "0 p\n1 q\n", ""},
		{"0 q\n", "p q", "0 q\n1 p\n", ""},
		{"0 Q", "p", "0 Q\n1 p\n", ""},
		{"1 p\n", "q", "1 p\n0 q\n", ""},
		{"0 p\nbroken\n99 far\n1 two words\n", "p q",
			"0 p\nbroken\n99 far\n1 two words\n2 q\n", ""},
		{"0 $Forwarded\n", "p", "0 $Forwarded\n1 p\n", ""},
		{"0 q\n1 q\n", "p", "0 q\n1 q\n2 p\n", ""}, /* files may carry b for q */
		{"0 p\r\n", "q", "0 p\r\n1 q\n", ""},
	};
	struct tree t;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tree_open(&t, MAILDIR_NESTED);
		struct maildir *m = tree_folder(&t, "A");
		struct flags p = keyword(&t, "p"), q = keyword(&t, "q"),
			     wanted = flags_system(FLAG_SEEN), left;
		if (strchr(rows[i].wanted, 'p'))
			wanted = flags_or(&wanted, &p);
		if (strchr(rows[i].wanted, 'q'))
			wanted = flags_or(&wanted, &q);
		if (rows[i].before)
			tree_write(&t, TABLE, rows[i].before);
		/* The table was never loaded before, so it is read under the lock. */
		GOOD(&t, maildir_letters_add(m, &wanted, &left, &t.err));
		size_t n;
		char *text = tree_read_n(&t, TABLE, &n);
		if (strcmp(text, rows[i].after) != 0)
			fail_msg("%zu: \"%s\"", i, text);
		free(text);
		assert_true(flags_empty(&left));
		assert_false(tree_has(&t, LOCK));
		struct flags mask = maildir_mask(m), shown = flags_and(&mask, &wanted);
		assert_true(flags_equal(&shown, &wanted));
		maildir_unref(m);
		tree_close(&t);
	}
}

static void test_add_full(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags wanted = {0}, left;
	struct stat before, after;
	char name[16];

	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "k%02d", i);
		struct flags one = keyword(&t, name);
		wanted = flags_or(&wanted, &one);
	}
	GOOD(&t, maildir_letters_add(m, &wanted, &left, &t.err));
	assert_int_equal(left.keywords[0], 0xfu << 26);
	assert_int_equal(fstatat(t.root.fd, TABLE, &before, 0), 0);
	/* Nothing more to give: no lock, no new file. */
	tree_write(&t, LOCK, "");
	GOOD(&t, maildir_letters_add(m, &wanted, &left, &t.err));
	assert_int_equal(left.keywords[0], 0xfu << 26);
	struct flags none = flags_system(FLAG_ALL);
	GOOD(&t, maildir_letters_add(m, &none, NULL, &t.err));
	assert_int_equal(fstatat(t.root.fd, TABLE, &after, 0), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	maildir_unref(m);
	tree_close(&t);
}

/* Letters that files carry are given to nobody, whatever the table says. */
static void test_add_carried(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags p = keyword(&t, "p"), q = keyword(&t, "q");

	tree_write(&t, TABLE, "1 p\n");
	tree_write(&t, "A/cur/x:2,FSab", "");
	tree_write(&t, "A/cur/y:2,c,d", ""); /* behind the second comma is something else */
	tree_write(&t, "A/new/z:2,d", "");
	struct flags wanted = flags_or(&p, &q);
	GOOD(&t, maildir_letters_add(m, &wanted, NULL, &t.err));
	assert_file(&t, TABLE, "1 p\n3 q\n");
	maildir_unref(m);
	tree_close(&t);
}

static void test_restore(void **state UNUSED)
{
	static const struct {
		const char *was, *now, *after, *letters; /* of p and q */
	} rows[] = {
		{"0 p\n1 q\n", NULL, "0 p\n1 q\n", "ab"},
		{"0 p\n1 q\n", "1 q\n", "1 q\n0 p\n", "ab"},
		{"0 p\n1 q", "0 q\n", "0 q\n1 q\n", "-a"}, /* the line that is there is believed */
		{"0 p\n", "0 p\n1 q\n", "0 p\n1 q\n", "ab"},
		{"", "0 p\n", "0 p\n", "a-"},
		{"3 $Forwarded\n0 p\n", "", "0 p\n3 $Forwarded\n", "a-"},
		{"0 two words\n1 q\n", "", "1 q\n", "-b"},
	};
	struct tree t;
	char got[4];

	for (size_t i = 0; i < COUNT_OF(rows) * 2; i++) {
		bool write = i % 2;
		tree_open(&t, MAILDIR_NESTED);
		struct maildir *m = tree_folder(&t, "A");
		if (rows[i / 2].now)
			tree_write(&t, TABLE, rows[i / 2].now);
		GOOD(&t, maildir_letters_load(m, &t.err));
		GOOD(&t, maildir_letters_restore(m, slice_str(rows[i / 2].was), write, &t.err));
		letters_of(&t, m, "p q", got);
		assert_string_equal(got, rows[i / 2].letters);
		if (write)
			assert_file(&t, TABLE, rows[i / 2].after);
		else if (rows[i / 2].now)
			assert_file(&t, TABLE, rows[i / 2].now);
		else
			assert_false(tree_has(&t, TABLE));
		assert_false(tree_has(&t, LOCK));
		maildir_unref(m);
		tree_close(&t);
	}
}

/* What maildir_letters_text() tells is what maildir_letters_restore() takes. */
static void test_text(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct buf text = {0};

	maildir_letters_text(m, &text);
	assert_int_equal(text.len, 0);
	tree_write(&t, TABLE, "4 q\nbroken\n0 p\n1 two words\n7 $Forwarded\n");
	GOOD(&t, maildir_letters_load(m, &t.err));
	maildir_letters_text(m, &text);
	assert_true(slice_eq_str(buf_slice(&text), "0 p\n4 q\n7 $Forwarded\n"));
	buf_fini(&text);
	maildir_unref(m);
	tree_close(&t);
}

static void test_shows_all(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	char full_table[26 * 8] = "";

	tree_write(&t, TABLE, "0 p\n1 $Forwarded\n2 two words\n");
	GOOD(&t, maildir_letters_load(m, &t.err));
	assert_true(maildir_shows_all(m, SLICE("")));
	assert_true(maildir_shows_all(m, SLICE("2,FS")));
	assert_true(maildir_shows_all(m, SLICE("2,FSab")));
	assert_false(maildir_shows_all(m, SLICE("2,c")));
	assert_false(maildir_shows_all(m, SLICE("2,d")));
	for (int i = 0; i < 26; i++)
		snprintf(full_table + strlen(full_table), 8, "%d k%d\n", i, i);
	usleep(20000);
	tree_write(&t, TABLE, full_table);
	GOOD(&t, maildir_letters_load(m, &t.err));
	assert_false(maildir_shows_all(m, SLICE("2,FS")));
	maildir_unref(m);
	tree_close(&t);
}

static void test_mode(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags p = keyword(&t, "p"), q = keyword(&t, "q");
	struct stat st;
	mode_t mask = umask(0);

	GOOD(&t, maildir_letters_add(m, &p, NULL, &t.err));
	assert_int_equal(fstatat(t.root.fd, TABLE, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fchmodat(t.root.fd, TABLE, 0660, 0), 0);
	GOOD(&t, maildir_letters_add(m, &q, NULL, &t.err));
	assert_int_equal(fstatat(t.root.fd, TABLE, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	umask(mask);
	maildir_unref(m);
	tree_close(&t);
}

static void *unlock_soon(void *arg)
{
	struct tree *t = arg;

	usleep(200000);
	tree_write(t, TABLE, "0 other\n"); /* what the holder of the lock wrote meanwhile */
	unlinkat(t->root.fd, LOCK, 0);
	return NULL;
}

static void test_lock_waits(void **state UNUSED)
{
	struct tree t;
	pthread_t thread;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags p = keyword(&t, "p");

	tree_write(&t, LOCK, "");
	thread_start(&thread, "holder", unlock_soon, &t);
	GOOD(&t, maildir_letters_add(m, &p, NULL, &t.err));
	thread_join(thread);
	assert_file(&t, TABLE, "0 other\n1 p\n");
	maildir_unref(m);
	tree_close(&t);
}

static void count_lines(enum log_level level, const char *line UNUSED, void *arg)
{
	if (level == LOG_LEVEL_WARN)
		++*(int *)arg;
}

static void test_lock_stale(void **state UNUSED)
{
	struct tree t;
	int warnings = 0;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags p = keyword(&t, "p");
	struct timespec old[2] = {{.tv_sec = time(NULL) - 130}, {.tv_sec = time(NULL) - 130}};

	log_set_sink(count_lines, &warnings);
	tree_write(&t, LOCK, "");
	assert_int_equal(utimensat(t.root.fd, LOCK, old, 0), 0);
	int64_t start = clock_ms();
	GOOD(&t, maildir_letters_add(m, &p, NULL, &t.err));
	assert_true(clock_ms() - start < 2000);
	assert_int_equal(warnings, 1);
	assert_file(&t, TABLE, "0 p\n");
	assert_false(tree_has(&t, LOCK));
	log_set_sink(NULL, NULL);
	maildir_unref(m);
	tree_close(&t);
}

/* A program of this host that died with the lock in its hand does not make anybody wait. */
static void test_lock_of_the_dead(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags p = keyword(&t, "p");
	char host[256] = "", text[300];
	int warnings = 0, status;
	pid_t child = fork();

	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(gethostname(host, sizeof(host) - 1), 0);
	snprintf(text, sizeof(text), "%d:%s", (int)child, host);
	tree_write(&t, LOCK, text);
	log_set_sink(count_lines, &warnings);
	int64_t start = clock_ms();
	GOOD(&t, maildir_letters_add(m, &p, NULL, &t.err));
	assert_true(clock_ms() - start < 2000);
	assert_int_equal(warnings, 1);
	assert_false(tree_has(&t, LOCK));
	log_set_sink(NULL, NULL);
	maildir_unref(m);
	tree_close(&t);
}

static void *cancel_soon(void *arg UNUSED)
{
	usleep(100000);
	cancel_request();
	return NULL;
}

static void test_lock_cancel(void **state UNUSED)
{
	struct tree t;
	pthread_t thread;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags p = keyword(&t, "p");

	tree_write(&t, LOCK, "");
	cancel_init();
	thread_start(&thread, "user", cancel_soon, NULL);
	int64_t start = clock_ms();
	assert_int_equal(maildir_letters_add(m, &p, NULL, &t.err), -1);
	assert_int_equal(t.err.kind, ERR_CANCELLED);
	assert_true(clock_ms() - start < 5000);
	thread_join(thread);
	cancel_init();
	assert_true(tree_has(&t, LOCK)); /* it is not ours */
	assert_false(tree_has(&t, TABLE));
	maildir_unref(m);
	tree_close(&t);
}

static int full(const char *operation, const char *path UNUSED)
{
	return strcmp(operation, "fsync") == 0 ? ENOSPC : 0;
}

/* A letter that is not durable does not exist. */
static void test_disk_full(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags p = keyword(&t, "p"), left;

	fs_set_fault_hook(full);
	FAILS(&t, ENOSPC, maildir_letters_add(m, &p, &left, &t.err));
	fs_set_fault_hook(NULL);
	assert_true(flags_equal(&left, &p));
	assert_false(tree_has(&t, LOCK));
	assert_false(tree_has(&t, TABLE));
	struct flags mask = maildir_mask(m);
	mask.system = 0;
	assert_true(flags_empty(&mask));
	GOOD(&t, maildir_letters_add(m, &p, &left, &t.err));
	assert_true(flags_empty(&left));
	maildir_unref(m);
	tree_close(&t);
}

struct adder {
	struct maildir *maildir;
	struct flags wanted;
};

static void *add_letter(void *arg)
{
	struct adder *a = arg;
	struct err err;

	return maildir_letters_add(a->maildir, &a->wanted, NULL, &err) == 0 ? NULL : arg;
}

/* Several threads, two of them with an own view of the folder: every keyword gets one letter. */
static void test_threads(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A"), *other;
	struct adder adders[8];
	pthread_t threads[COUNT_OF(adders)];
	char name[16], got[32];

	GOOD(&t, maildir_open(&other, &t.root, "A", t.keywords, &t.err));
	for (int i = 0; i < (int)COUNT_OF(adders); i++) {
		snprintf(name, sizeof(name), "k%d", i);
		adders[i] = (struct adder){i & 1 ? m : other, keyword(&t, name)};
		thread_start(&threads[i], "adder", add_letter, &adders[i]);
	}
	for (size_t i = 0; i < COUNT_OF(adders); i++) {
		void *bad;
		assert_int_equal(pthread_join(threads[i], &bad), 0);
		assert_null(bad);
	}
	GOOD(&t, maildir_letters_load(m, &t.err));
	letters_of(&t, m, "k0 k1 k2 k3 k4 k5 k6 k7", got);
	unsigned seen = 0;
	for (const char *p = got; *p; p++) {
		assert_in_range(*p, 'a', 'h');
		seen |= 1u << (*p - 'a');
	}
	assert_int_equal(seen, 0xff);
	maildir_unref(other);
	maildir_unref(m);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_load_again),
		cmocka_unit_test(test_add),
		cmocka_unit_test(test_add_full),
		cmocka_unit_test(test_add_carried),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_shows_all),
		cmocka_unit_test(test_mode),
		cmocka_unit_test(test_lock_waits),
		cmocka_unit_test(test_lock_stale),
		cmocka_unit_test(test_lock_of_the_dead),
		cmocka_unit_test(test_lock_cancel),
		cmocka_unit_test(test_disk_full),
		cmocka_unit_test(test_threads),
	};
	return cmocka_run_group_tests_name("maildir_keywords", tests, NULL, NULL);
}

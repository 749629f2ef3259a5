/*
 * Names of message files.
 */
#include "tests/unit/maildir_tree.h"

static void test_split(void **state UNUSED)
{
	static const struct {
		const char *name, *base, *info;
	} rows[] = {
		{"1.M2P3.host:2,FS", "1.M2P3.host", "2,FS"},
		{"1.M2P3.host:2,", "1.M2P3.host", "2,"},
		{"1.M2P3.host", "1.M2P3.host", ""},
		{"1.host,S=5,W=6:2,S", "1.host,S=5,W=6", "2,S"},
		{"a:", "a", ""},
		{"a:1,x:2,S", "a", "1,x:2,S"},
		{":2,S", "", "2,S"},
		{"", "", ""},
	};
	struct slice base, info;

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		maildir_split(slice_str(rows[i].name), &base, &info);
		if (!slice_eq_str(base, rows[i].base) || !slice_eq_str(info, rows[i].info))
			fail_msg("%s: \"%.*s\" and \"%.*s\"", rows[i].name, SLICE_ARG(base),
				SLICE_ARG(info));
	}
}

#define TABLE "0 work\n1 home\n2 $Forwarded\n3 two words\n4 work\n"

static struct flags flags_of(struct tree *t, uint32_t system, const char *keyword)
{
	struct flags f = flags_system(system);

	if (keyword)
		flags_add_keyword(&f, (unsigned)keywords_intern(t->keywords, slice_str(keyword)));
	return f;
}

static void test_flags(void **state UNUSED)
{
	static const struct {
		const char *info;
		uint32_t system;
		const char *keyword;
	} rows[] = {
		{"", 0, NULL},
		{"2,", 0, NULL},
		{"2,S", FLAG_SEEN, NULL},
		{"2,DFPRST", FLAG_ALL, NULL},
		{"2,TS", FLAG_SEEN | FLAG_DELETED, NULL},
		{"2,Sa", FLAG_SEEN, "work"},
		{"2,b", 0, "home"},
		{"2,e", 0, "work"},            /* a second letter of the same keyword */
		{"2,c", FLAG_FORWARDED, NULL}, /* Dovecot's way to say P */
		{"2,dz", 0, NULL},             /* can't be carried; has no line */
		{"2,S,F", FLAG_SEEN, NULL},    /* behind a second comma nothing is ours */
		{"1,S", 0, NULL},
		{"2S", 0, NULL},
	};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	tree_write(&t, "A/dovecot-keywords", TABLE);
	GOOD(&t, maildir_letters_load(m, &t.err));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct flags got = maildir_flags(m, slice_str(rows[i].info));
		struct flags wanted = flags_of(&t, rows[i].system, rows[i].keyword);
		if (!flags_equal(&got, &wanted))
			fail_msg("\"%s\": system %x, keywords %llx", rows[i].info, got.system,
				(unsigned long long)got.keywords[0]);
	}
	struct flags mask = maildir_mask(m), work = flags_of(&t, FLAG_ALL, "work");
	struct flags home = flags_of(&t, 0, "home"), both = flags_or(&work, &home);
	assert_true(flags_equal(&mask, &both));
	maildir_unref(m);
	tree_close(&t);
}

static void test_filename(void **state UNUSED)
{
	static const struct {
		bool in_new;
		const char *present;
		uint32_t system;
		const char *keyword;
		const char *wanted;
	} rows[] = {
		{true, "", 0, NULL, "new/b"},
		{true, "", FLAG_SEEN, NULL, "cur/b:2,S"}, /* flags need cur/ */
		{false, "", 0, NULL, "cur/b:2,"},
		{false, "", FLAG_ALL, NULL, "cur/b:2,DFPRSTc"},
		{false, "", FLAG_SEEN, "work", "cur/b:2,Sa"}, /* the first of two letters */
		{false, "2,e", 0, "work", "cur/b:2,a"},
		{false, "", 0, "home", "cur/b:2,b"},
		{false, "", 0, "other", "cur/b:2,"}, /* has no letter */
		{false, "", FLAG_FORWARDED, NULL, "cur/b:2,Pc"},
		{false, "2,c", 0, NULL, "cur/b:2,"},
		{false, "2,Sab", FLAG_FLAGGED, NULL, "cur/b:2,F"},
		{false, "2,SXdz", FLAG_FLAGGED, "home", "cur/b:2,FXbdz"}, /* foreign letters stay */
		{false, "2,zz", 0, NULL, "cur/b:2,z"},
		{false, "2,S,x=1:y", FLAG_DELETED, NULL, "cur/b:2,T,x=1:y"},
		{false, "1,abc", FLAG_SEEN, NULL, "cur/b:2,S"},
	};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	char out[MAILDIR_FILE_SIZE];

	tree_write(&t, "A/dovecot-keywords", TABLE);
	GOOD(&t, maildir_letters_load(m, &t.err));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct flags flags = flags_of(&t, rows[i].system, rows[i].keyword);
		size_t n = maildir_filename(m, SLICE("b"), rows[i].in_new,
			slice_str(rows[i].present), &flags, out, sizeof(out));
		if (strcmp(out, rows[i].wanted) != 0 || n != strlen(out))
			fail_msg("%zu: \"%s\" instead of \"%s\"", i, out, rows[i].wanted);
		/* One byte too few is refused, exactly enough is taken. */
		assert_int_equal(maildir_filename(m, SLICE("b"), rows[i].in_new,
					 slice_str(rows[i].present), &flags, out, n),
			0);
		assert_int_equal(maildir_filename(m, SLICE("b"), rows[i].in_new,
					 slice_str(rows[i].present), &flags, out, n + 1),
			n);
	}
	maildir_unref(m);
	tree_close(&t);
}

static void test_filename_length(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags none = {0}, seen = flags_system(FLAG_SEEN);
	char base[300], out[400];

	memset(base, 'b', sizeof(base));
	assert_int_equal(maildir_filename(m, (struct slice){base, 255}, true, (struct slice){0},
				 &none, out, 400),
		259);
	assert_int_equal(maildir_filename(m, (struct slice){base, 256}, true, (struct slice){0},
				 &none, out, 400),
		0);
	assert_int_equal(maildir_filename(m, (struct slice){base, 252}, false, (struct slice){0},
				 &none, out, 400),
		259);
	assert_int_equal(maildir_filename(m, (struct slice){base, 252}, false, (struct slice){0},
				 &seen, out, 400),
		0);
	maildir_unref(m);
	tree_close(&t);
}

/* flags -> name -> flags is exact for whatever the table can show. */
static void test_round_trip(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct flags all = {.system = FLAG_ALL};
	struct slice base, info;
	uint64_t seed = 5;
	char name[16], out[MAILDIR_FILE_SIZE];

	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		flags_add_keyword(&all, (unsigned)keywords_intern(t.keywords, slice_str(name)));
	}
	GOOD(&t, maildir_letters_add(m, &all, NULL, &t.err));
	struct flags mask = maildir_mask(m);
	for (int i = 0; i < 5000; i++) {
		struct flags flags = {
			.system = tree_random(&seed) & FLAG_ALL, .keywords = {tree_random(&seed)}};
		flags = flags_and(&flags, &all);
		struct flags shown = flags_and(&flags, &mask);
		assert_true(maildir_filename(m, SLICE("b"), false, (struct slice){0}, &flags, out,
				    sizeof(out)) > 0);
		maildir_split(slice_str(out + 4), &base, &info);
		struct flags back = maildir_flags(m, info);
		assert_true(flags_equal(&back, &shown));
		for (size_t k = 3; k < info.n; k++)
			assert_true(info.p[k - 1] < info.p[k]);
	}
	maildir_unref(m);
	tree_close(&t);
}

/* ---- fresh names ---- */

#define NAMES 20000

static void *make_names(void *arg)
{
	char(*names)[MAILDIR_BASE_SIZE] = arg;

	for (int i = 0; i < NAMES; i++)
		maildir_fresh_base(names[i]);
	return NULL;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void test_fresh_base(void **state UNUSED)
{
	pthread_t threads[4];
	char(*names)[MAILDIR_BASE_SIZE] = xcalloc(COUNT_OF(threads) * NAMES, sizeof(*names));

	for (size_t i = 0; i < COUNT_OF(threads); i++)
		thread_start(&threads[i], "names", make_names, names + i * NAMES);
	for (size_t i = 0; i < COUNT_OF(threads); i++)
		thread_join(threads[i]);
	for (size_t i = 0; i < COUNT_OF(threads) * NAMES; i++) {
		assert_true(strlen(names[i]) < MAILDIR_BASE_SIZE - 1);
		assert_null(strpbrk(names[i], "/: "));
		assert_true(names[i][0] >= '1' && names[i][0] <= '9');
		if (i % NAMES > 0 && strcmp(names[i - 1], names[i]) >= 0)
			fail_msg("%s after %s", names[i], names[i - 1]);
	}
	qsort(names, COUNT_OF(threads) * NAMES, sizeof(*names), compare_names);
	for (size_t i = 1; i < COUNT_OF(threads) * NAMES; i++)
		assert_string_not_equal(names[i - 1], names[i]);
	free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_filename),
		cmocka_unit_test(test_filename_length),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_fresh_base),
	};
	return cmocka_run_group_tests_name("maildir_filename", tests, NULL, NULL);
}

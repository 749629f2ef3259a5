/*
 * Reading for upload: the wire form, the facts, and that the way down leads back.
 */
#include "tests/unit/maildir_tree.h"

#define ROW(local, wire, lf)                                                                       \
	{                                                                                          \
		local, sizeof(local) - 1, wire, sizeof(wire) - 1, lf, sizeof(lf) - 1               \
	}
/* File, wire form, and what a delivery of the wire form stores. */
static const struct {
	const char *local;
	size_t local_size;
	const char *wire;
	size_t wire_size;
	const char *back;
	size_t back_size;
} rows[] = {
	ROW("", "", ""),
	ROW("\n", "\r\n", "\n"),
	ROW("x", "x", "x"),
	ROW("a\nb\n", "a\r\nb\r\n", "a\nb\n"),
	ROW("a\nb", "a\r\nb", "a\nb"),
	ROW("a\rb\n", "a\rb\r\n", "a\rb\n"),
	ROW("\r", "\r", "\r"),
	ROW("a\n\r", "a\r\n\r", "a\n\r"),
	/* every line ends in CRLF: as it is */
	ROW("\r\n", "\r\n", "\n"),
	ROW("a\r\nb\r\n", "a\r\nb\r\n", "a\nb\n"),
	ROW("a\r\nb", "a\r\nb", "a\nb"),
	ROW("a\r\r\n", "a\r\r\n", "a\r\n"),
	ROW("a\rb\r\n\r", "a\rb\r\n\r", "a\rb\n\r"),
	/* mixed: every LF gets a CR, so that the way down gives the file again */
	ROW("a\r\nb\n", "a\r\r\nb\r\n", "a\r\nb\n"),
	ROW("a\nb\r\n", "a\r\nb\r\r\n", "a\nb\r\n"),
	ROW("\n\r\n", "\r\n\r\r\n", "\n\r\n"),
	/* anything else stays */
	ROW("n\0ul\n\xff\xc3\n", "n\0ul\r\n\xff\xc3\r\n", "n\0ul\n\xff\xc3\n"),
	ROW("Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n\r\nbody\r\n", "Subject: x\n\nbody\n"),
};

/* The whole wire form, as it comes. */
static void read_all(struct tree *t, struct maildir *m, const char *path,
	struct maildir_facts *facts, struct buf *out)
{
	struct maildir_reader *r;
	struct slice data;
	int rc;

	buf_clear(out);
	GOOD(t, maildir_reader_open(&r, m, path, facts, &t->err));
	while ((rc = maildir_reader_next(r, &data, &t->err)) == 1)
		buf_add_slice(out, data);
	if (rc != 0)
		fail_msg("%s", t->err.msg);
	maildir_reader_close(r);
	assert_int_equal(out->len, facts->wire_size);
}

/* Delivers WIRE as tmp/b and compares the facts. *BACK: the file. */
static char *deliver_back(struct tree *t, struct maildir *m, const struct buf *wire,
	const struct maildir_facts *facts, size_t *back)
{
	struct maildir_delivery *d = maildir_delivery_new();
	struct maildir_delivered got;

	GOOD(t, maildir_delivery_begin(d, m, "b", &t->err));
	GOOD(t, maildir_delivery_write(d, wire->data, wire->len, &t->err));
	GOOD(t, maildir_delivery_end(d, 0, &got, &t->err));
	char *text = tree_read_n(t, "A/tmp/b", back);
	maildir_delivery_free(d);
	assert_int_equal(got.wire_size, facts->wire_size);
	assert_true(digest_equal(&got.header, &facts->header));
	assert_true(digest_equal(&got.content, &facts->content));
	return text;
}

static void test_rows(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_facts facts;
	struct buf wire = {0};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		tree_write_n(&t, "A/new/m", rows[i].local, rows[i].local_size);
		read_all(&t, m, "new/m", &facts, &wire);
		if (wire.len != rows[i].wire_size ||
			(wire.len && memcmp(wire.data, rows[i].wire, wire.len) != 0))
			fail_msg("row %zu: wrong wire form", i);
		assert_int_equal(facts.local_size, rows[i].local_size);
		size_t n;
		buf_add(&wire, "", 0); /* never NULL */
		char *back = deliver_back(&t, m, &wire, &facts, &n);
		if (n != rows[i].back_size || memcmp(back, rows[i].back, n) != 0)
			fail_msg("row %zu: wrong way back", i);
		free(back);
	}
	buf_fini(&wire);
	maildir_unref(m);
	tree_close(&t);
}

static bool all_crlf(const char *p, size_t n)
{
	size_t lines = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i] != '\n')
			continue;
		if (i == 0 || p[i - 1] != '\r')
			return false;
		lines++;
	}
	return lines > 0;
}

/* Random files of all sizes around the pieces: down(up(x)) == x, but for files of CRLF lines only,
 * which go up as they are. */
static void test_random(void **state UNUSED)
{
	static const size_t sizes[] = {1, 2, 3, 5, 9, 65535, 65536, 65537, 131073};
	static const char *const alphabets[] = {"\r\n", "\r\nx", "xy\n", "\r"};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_facts facts;
	struct buf wire = {0};
	char *file = xmalloc(131073 + 2);
	uint64_t seed = 17;

	for (int i = 0; i < 400; i++) {
		size_t size = sizes[tree_random(&seed) % (i < 350 ? 5 : COUNT_OF(sizes))], n = 0;
		const char *alphabet = alphabets[tree_random(&seed) % COUNT_OF(alphabets)];
		bool crlf = tree_random(&seed) % 4 == 0;
		while (n < size) {
			file[n] = alphabet[tree_random(&seed) % strlen(alphabet)];
			if (crlf && file[n] == '\n')
				file[n++] = '\r', file[n] = '\n';
			n++;
		}
		tree_write_n(&t, "A/cur/m:2,", file, n);
		read_all(&t, m, "cur/m:2,", &facts, &wire);
		buf_add(&wire, "", 0);
		assert_int_equal(facts.local_size, n);
		size_t back_size;
		char *back = deliver_back(&t, m, &wire, &facts, &back_size);
		bool same = back_size == n && memcmp(back, file, n) == 0;
		bool as_is = wire.len == n && memcmp(wire.data, file, n) == 0;
		if (all_crlf(file, n) ? !as_is : !same)
			fail_msg("%d: %zu bytes don't come back", i, n);
		free(back);
	}
	free(file);
	buf_fini(&wire);
	maildir_unref(m);
	tree_close(&t);
}

static void test_date(void **state UNUSED)
{
	static const struct {
		struct timespec mtime;
		int64_t date;
	} dates[] = {
		{{1000000000, 0}, 1000000000},
		{{1000000000, 999999999}, 1000000000},
		{{0, 0}, 0},
		{{-1, 500000000}, -1},
	};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_facts facts;
	struct buf wire = {0};

	tree_write(&t, "A/cur/m", "x\n");
	for (size_t i = 0; i < COUNT_OF(dates); i++) {
		struct timespec times[2] = {dates[i].mtime, dates[i].mtime};
		assert_int_equal(utimensat(t.root.fd, "A/cur/m", times, 0), 0);
		read_all(&t, m, "cur/m", &facts, &wire);
		assert_int_equal(facts.date, dates[i].date);
	}
	buf_fini(&wire);
	maildir_unref(m);
	tree_close(&t);
}

static void test_not_there(void **state UNUSED)
{
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");
	struct maildir_facts facts;
	struct maildir_reader *r;

	FAILS(&t, ENOENT, maildir_reader_open(&r, m, "cur/m", &facts, &t.err));
	tree_write(&t, "secret", "x");
	assert_int_equal(symlinkat("../../secret", t.root.fd, "A/cur/m"), 0);
	FAILS(&t, ELOOP, maildir_reader_open(&r, m, "cur/m", &facts, &t.err));
	assert_int_equal(mkdirat(t.root.fd, "A/cur/d", 0700), 0);
	assert_int_equal(maildir_reader_open(&r, m, "cur/d", &facts, &t.err), -1);
	assert_int_equal(mkfifoat(t.root.fd, "A/cur/f", 0600), 0);
	assert_int_equal(maildir_reader_open(&r, m, "cur/f", &facts, &t.err), -1);
	maildir_reader_close(NULL);
	maildir_unref(m);
	tree_close(&t);
}

/* What happens to the file between the two passes. */
static void append(struct tree *t)
{
	int fd = openat(t->root.fd, "A/cur/m", O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, "more\n", 5), 5);
	close(fd);
}

static void cut(struct tree *t)
{
	int fd = openat(t->root.fd, "A/cur/m", O_WRONLY);
	assert_int_equal(ftruncate(fd, 3), 0);
	close(fd);
}

static void overwrite(struct tree *t)
{
	usleep(20000); /* the clock that stamps files moves in ticks */
	int fd = openat(t->root.fd, "A/cur/m", O_WRONLY);
	assert_int_equal(write(fd, "Z", 1), 1);
	close(fd);
}

static void rename_it(struct tree *t)
{
	assert_int_equal(renameat(t->root.fd, "A/cur/m", t->root.fd, "A/cur/m:2,S"), 0);
}

static void remove_it(struct tree *t)
{
	assert_int_equal(unlinkat(t->root.fd, "A/cur/m", 0), 0);
}

static void test_changed(void **state UNUSED)
{
	static const struct {
		const char *name;
		void (*change)(struct tree *t);
		bool conflict;
	} changes[] = {
		{"append", append, true},
		{"cut", cut, true},
		{"overwrite", overwrite, true},
		{"rename", rename_it, false},
		{"remove", remove_it, false},
	};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		struct maildir_facts facts;
		struct maildir_reader *r;
		struct slice data;
		uint64_t given = 0;
		int rc;

		tree_write(&t, "A/cur/m", "one\ntwo\n");
		GOOD(&t, maildir_reader_open(&r, m, "cur/m", &facts, &t.err));
		changes[i].change(&t);
		while ((rc = maildir_reader_next(r, &data, &t.err)) == 1)
			given += data.n;
		maildir_reader_close(r);
		if (rc != (changes[i].conflict ? -1 : 0))
			fail_msg("%s: %d", changes[i].name, rc);
		if (rc < 0)
			assert_int_equal(t.err.kind, ERR_CONFLICT);
		assert_true(given <= facts.wire_size); /* never more than was promised */
	}
	maildir_unref(m);
	tree_close(&t);
}

/* What happens to the file while its reader rests. */
static void test_rest(void **state UNUSED)
{
	static const struct {
		const char *name;
		void (*change)(struct tree *t);
		enum err_kind kind;
		int sys;
	} changes[] = {
		{"nothing", NULL, ERR_NONE, 0},
		{"append", append, ERR_CONFLICT, 0},
		{"overwrite", overwrite, ERR_CONFLICT, 0},
		{"rename", rename_it, ERR_DISK, ENOENT},
		{"remove", remove_it, ERR_DISK, ENOENT},
	};
	struct tree t;
	struct maildir *m = tree_folder((tree_open(&t, MAILDIR_NESTED), &t), "A");

	for (size_t i = 0; i < COUNT_OF(changes); i++) {
		struct maildir_facts facts;
		struct maildir_reader *r;
		struct slice data;

		tree_write(&t, "A/cur/m", "one\ntwo\n");
		GOOD(&t, maildir_reader_open(&r, m, "cur/m", &facts, &t.err));
		maildir_reader_rest(&r);
		if (changes[i].change)
			changes[i].change(&t);
		t.err = (struct err){0};
		int rc = maildir_reader_wake(&r, m, "cur/m", &t.err);
		if (rc != (changes[i].kind ? -1 : 0) || t.err.kind != changes[i].kind ||
			t.err.sys != changes[i].sys)
			fail_msg("%s: %d, %s", changes[i].name, rc, t.err.msg);
		if (rc == 0) {
			assert_int_equal(maildir_reader_next(r, &data, &t.err), 1);
			assert_memory_equal(data.p, "one\r\ntwo\r\n", 10);
		}
		maildir_reader_close(r);
	}
	maildir_unref(m);
	tree_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_date),
		cmocka_unit_test(test_not_there),
		cmocka_unit_test(test_changed),
		cmocka_unit_test(test_rest),
	};
	return cmocka_run_group_tests_name("maildir_reader", tests, NULL, NULL);
}

/*
 * The state: rows as bytes and back, damage, and the database as a whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "state/state_impl.h"

static char directory[] = "/tmp/godwit-state-XXXXXX";
static char *place; /* of the present database */

static int set_up(void **state UNUSED)
{
	cancel_init();
	return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state UNUSED)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -r %s", directory);
	return system(command);
}

static struct state_message message_of(uint32_t uid, const char *base)
{
	struct state_message m = {.uid = uid,
		.where = STATE_THERE | STATE_HERE,
		.base = slice_str(base),
		.info = SLICE("2,FS"),
		.size = 12345678901,
		.date = -5,
		.flags = {.system = FLAG_SEEN}};
	flags_add_keyword(&m.flags, 200);
	memset(m.header.bytes, 7, sizeof(m.header.bytes));
	return m;
}

static bool same_message(const struct state_message *a, const struct state_message *b)
{
	return a->uid == b->uid && a->where == b->where && slice_eq(a->base, b->base) &&
	       a->in_new == b->in_new && slice_eq(a->info, b->info) &&
	       flags_equal(&a->flags, &b->flags) && a->size == b->size && a->date == b->date &&
	       digest_equal(&a->header, &b->header) && digest_equal(&a->content, &b->content);
}

static void test_crc(void **state UNUSED)
{
	/* RFC 3720 B.4 */
	unsigned char bytes[32] = {0};
	assert_int_equal(crc32c(0, bytes, 32), 0x8a9136aa);
	memset(bytes, 0xff, 32);
	assert_int_equal(crc32c(0, bytes, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

static void test_round_trips(void **state UNUSED)
{
	struct slice key = SLICE("\0\0\0\1\0\0\0\2");
	struct buf value = {0};
	struct state_message m = message_of(2, "base"), back = {.uid = 2};

	encode_message(&value, TABLE_MESSAGE, key, &m);
	assert_true(decode_message(buf_slice(&value), TABLE_MESSAGE, key, &back));
	assert_true(same_message(&m, &back));
	assert_false(decode_message(buf_slice(&value), TABLE_ARRIVAL, key, &back));
	assert_false(
		decode_message(buf_slice(&value), TABLE_MESSAGE, SLICE("\0\0\0\1\0\0\0\3"), &back));

	struct state_mailbox box = {.wire = SLICE("w"),
		.name = SLICE("n"),
		.path = SLICE("p"),
		.uidvalidity = UINT32_MAX,
		.inode = UINT64_MAX,
		.born = -5,
		.where = 3,
		.former = 9,
		.watermark = {1, 2, UINT64_MAX, -1, 2, 3, INT64_MAX},
		.synced = 77,
		.mailboxid = SLICE("id"),
		.letterless = 4};
	struct state_mailbox box_back;
	encode_mailbox(&value, key, &box);
	assert_true(decode_mailbox(buf_slice(&value), key, &box_back));
	assert_int_equal(box_back.watermark.highestmodseq, UINT64_MAX);
	assert_int_equal(box_back.watermark.new_mtime, -1);
	assert_int_equal(box_back.watermark.cur_ctime, INT64_MAX);
	assert_int_equal(box_back.uidvalidity, UINT32_MAX);
	assert_true(box_back.inode == UINT64_MAX && box_back.born == -5);
	assert_true(slice_eq_str(box_back.mailboxid, "id"));

	struct state_upload upload = {.size = 5, .date = 6, .uidnext_before = 7, .answered = true},
			    upload_back;
	encode_upload(&value, key, &upload);
	assert_true(decode_upload(buf_slice(&value), key, &upload_back));
	assert_true(upload_back.answered);
	assert_int_equal(upload_back.uidnext_before, 7);

	struct state_pending pending = {.reason = SLICE("why"),
				     .count = 3,
				     .since = 4,
				     .size = 5,
				     .for_now = true},
			     pending_back;
	encode_pending(&value, key, &pending);
	assert_true(decode_pending(buf_slice(&value), key, &pending_back));
	assert_true(slice_eq_str(pending_back.reason, "why") && pending_back.for_now);
	buf_fini(&value);
}

/* Each bit of a value, and each end that is cut off. */
static void test_damage(void **state UNUSED)
{
	struct slice key = SLICE("\0\0\0\1\0\0\0\2");
	struct state_message m = message_of(2, "base"), back = {0};
	struct buf value = {0};

	encode_message(&value, TABLE_MESSAGE, key, &m);
	for (size_t i = 0; i < value.len * 8; i++) {
		value.data[i / 8] = (char)(value.data[i / 8] ^ (1 << i % 8));
		if (decode_message(buf_slice(&value), TABLE_MESSAGE, key, &back))
			fail_msg("bit %zu", i);
		value.data[i / 8] = (char)(value.data[i / 8] ^ (1 << i % 8));
	}
	for (size_t n = 0; n < value.len; n++)
		assert_false(
			decode_message((struct slice){value.data, n}, TABLE_MESSAGE, key, &back));
	buf_fini(&value);
}

static struct state *open_fresh(void)
{
	static unsigned number;
	struct state *s;
	struct err err = {0};

	free(place);
	place = xasprintf("%s/%u", directory, number++);
	if (state_open(&s, place, "me", false, &err) != 0)
		fail_msg("%s", err.msg);
	return s;
}

static void put(struct state *s, uint32_t id, const struct state_message *m)
{
	struct state_write *w;
	struct err err = {0};
	int rc;
	do {
		assert_int_equal(state_write_begin(s, &w, &err), 0);
		rc = state_put_message(w, id, m, &err);
		if (rc == 0)
			rc = state_commit(w, &err);
		else
			state_abort(w);
	} while (rc == 1);
	if (rc != 0)
		fail_msg("%s", err.msg);
}

static void test_rows(void **state UNUSED)
{
	struct state *s = open_fresh();
	struct state_read *r;
	struct state_write *w;
	struct state_message m = {0};
	struct err err = {0};
	uint32_t uid = 0;

	assert_true(state_is_new(s));
	for (uint32_t i = 1; i <= 5; i++) {
		struct state_message row = message_of(i * 10, i == 1 ? "one" : "");
		put(s, 1, &row);
		put(s, 2, &row);
	}
	struct state_message moved = message_of(10, "uno");
	put(s, 1, &moved);
	assert_int_equal(state_read_begin(s, &r, &err), 0);
	assert_int_equal(state_get_by_base(r, 1, SLICE("one"), &uid, &err), 0);
	assert_int_equal(state_get_by_base(r, 1, SLICE("uno"), &uid, &err), 1);
	assert_int_equal(uid, 10);
	assert_int_equal(state_get_by_base(r, 2, SLICE("one"), &uid, &err), 1);
	assert_int_equal(state_next_message(r, 1, 11, &m, &err), 1);
	assert_int_equal(m.uid, 20);
	assert_int_equal(state_read_renew(r, &err), 0);
	assert_int_equal(state_next_message(r, 1, 50, &m, &err), 1);
	assert_int_equal(m.uid, 50);
	assert_int_equal(state_next_message(r, 1, 51, &m, &err), 0); /* not the next mailbox's */
	assert_int_equal(state_next_message(r, 0, (uint64_t)UINT32_MAX + 1, &m, &err), 0);
	state_read_end(r);

	assert_int_equal(state_write_begin(s, &w, &err), 0);
	assert_int_equal(state_delete_mailbox(w, 1, &err), 0);
	assert_int_equal(state_commit(w, &err), 0);
	assert_int_equal(state_read_begin(s, &r, &err), 0);
	assert_int_equal(state_next_message(r, 1, 0, &m, &err), 0);
	assert_int_equal(state_get_by_base(r, 1, SLICE("uno"), &uid, &err), 0);
	uint64_t there, here;
	assert_int_equal(state_count_messages(r, 1, &there, &here, &err), 0);
	assert_int_equal(there, 0);
	assert_int_equal(here, 0);
	assert_int_equal(state_count_messages(r, 2, &there, &here, &err), 0);
	assert_int_equal(there, 5);
	state_read_end(r);
	state_close(s);
	/* A NULL read is an empty database. */
	assert_int_equal(state_get_message(NULL, 1, 1, &m, &err), 0);
	state_read_end(NULL);
}

static void test_reopen(void **state UNUSED)
{
	struct state *s = open_fresh();
	struct err err = {0};
	char id[40];
	struct stat st;
	char path[200];

	snprintf(id, sizeof(id), "%s", state_id(s));
	assert_int_equal(strlen(id), 32);
	state_close(s);
	assert_int_equal(state_open(&s, place, "me", true, &err), 0);
	assert_string_equal(state_id(s), id);
	assert_false(state_is_new(s));
	state_close(s);
	/* Nothing was ever synced: a name that was misspelled may be mended. */
	assert_int_equal(state_open(&s, place, "somebody", true, &err), 0);
	state_close(s);
	assert_int_equal(state_open(&s, place, "somebody", false, &err), 0);
	assert_string_equal(state_id(s), id);
	state_close(s);
	assert_int_equal(state_open(&s, place, "me", false, &err), 0);
	struct state_write *w;
	assert_int_equal(state_write_begin(s, &w, &err), 0);
	assert_int_equal(state_put_number(w, "pass", 1, &err), 0);
	assert_int_equal(state_commit(w, &err), 0);
	state_close(s);
	assert_int_equal(state_open(&s, place, "somebody else", false, &err), -1);
	assert_int_equal(err.kind, ERR_STATE);
	assert_non_null(strstr(err.msg, "\"me\""));
	assert_int_equal(state_open(&s, "/no/such/place", "me", true, &err), -1);
	assert_int_equal(err.sys, ENOENT);
	snprintf(path, sizeof(path), "%s/data.mdb", place);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(stat(place, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
}

/* A state that a later version wrote is not read, and not thrown away either. */
static void test_later_version(void **state UNUSED)
{
	struct state *s = open_fresh();
	struct state_write *w;
	struct err err = {0};

	assert_int_equal(state_write_begin(s, &w, &err), 0);
	assert_int_equal(state_put_number(w, "schema", STATE_SCHEMA_VERSION + 1, &err), 0);
	assert_int_equal(state_commit(w, &err), 0);
	state_close(s);
	assert_int_equal(state_open(&s, place, "me", false, &err), -1);
	assert_true(state_is_foreign(&err));
	assert_false(state_is_damaged(&err));
	assert_non_null(strstr(err.msg, "another version"));
}

static void test_garbage(void **state UNUSED)
{
	struct state *s = open_fresh();
	struct err err = {0};
	char path[200];

	state_close(s);
	snprintf(path, sizeof(path), "%s/data.mdb", place);
	assert_int_equal(truncate(path, 5000), 0);
	assert_int_equal(state_open(&s, place, "me", false, &err), -1);
	assert_int_equal(err.kind, ERR_STATE);
	FILE *file = fopen(path, "w");
	for (int i = 0; i < 20000; i++)
		fputc(rand() & 0xff, file);
	fclose(file);
	assert_int_equal(state_open(&s, place, "me", false, &err), -1);
	assert_int_equal(err.kind, ERR_STATE);
}

static void test_growth(void **state UNUSED)
{
	state_set_map_size(128 << 10);
	struct state *s = open_fresh();
	struct state_read *r;
	struct err err = {0};
	uint64_t there, here;
	char base[64];

	for (uint32_t uid = 1; uid <= 3000; uid++) {
		snprintf(base, sizeof(base), "%010u.some.longer.name", uid);
		struct state_message m = message_of(uid, base);
		put(s, 1, &m);
	}
	assert_int_equal(state_read_begin(s, &r, &err), 0);
	assert_int_equal(state_count_messages(r, 1, &there, &here, &err), 0);
	assert_int_equal(there, 3000);
	state_read_end(r);
	state_close(s);
	state_set_map_size(0);
}

/* The tallies equal a count of the rows after any mixture of changes. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESSES_ARE_PLENTY 0 /* sanitizers reserve terabytes */
#else
#define ADDRESSES_ARE_PLENTY 1
#endif

/* In a child: address space for one map of 8 MiB and little more. 0: the database says so. */
static int fill_map(void)
{
	struct rlimit limit;
	struct state *s;
	struct state_write *w;
	struct err err = {0};
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "re");
	char base[200];
	int rc = 0;

	if (state_open(&s, place, "me", false, &err) != 0)
		return 5;
	if (!statm || fscanf(statm, "%lu", &pages) != 1 || fclose(statm) != 0)
		return 1;
	limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE) + (8 << 20);
	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 2;
	memset(base, 'b', sizeof(base));
	for (uint32_t uid = 1; uid < 100000 && (rc = state_write_begin(s, &w, &err)) == 0;) {
		for (unsigned i = 0; rc == 0 && i < 1000; i++, uid++) {
			snprintf(base, 12, "%011u", uid);
			base[11] = 'b';
			struct state_message m = message_of(uid, "");
			m.base = (struct slice){base, sizeof(base)};
			rc = state_put_message(w, 1, &m, &err);
		}
		if (rc == 0)
			rc = state_commit(w, &err);
		else
			state_abort(w);
		if (rc < 0)
			return 3;
	}
	return rc == -1 && err.kind == ERR_DISK && strstr(err.msg, "address space") ? 0 : 4;
}

static void test_no_address_space(void **state UNUSED)
{
	int status;

	if (!ADDRESSES_ARE_PLENTY)
		skip();
	state_set_map_size(8 << 20);
	state_close(open_fresh());
	pid_t child = fork();
	if (child == 0)
		_exit(fill_map());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	state_set_map_size(0);
}

static void test_tally(void **state UNUSED)
{
	struct state *s = open_fresh();
	struct state_read *r;
	struct state_write *w;
	struct err err = {0};
	unsigned where[3][20] = {{0}};
	unsigned seed = 7;

	for (unsigned round = 0; round < 60; round++) {
		assert_int_equal(state_write_begin(s, &w, &err), 0);
		for (unsigned i = 0; i < 10; i++) {
			seed = seed * 1103515245 + 12345;
			uint32_t id = seed >> 16 & 1 ? 1 : 2, uid = 1 + (seed >> 20) % 19;
			where[id][uid] = seed >> 8 & (STATE_THERE | STATE_HERE);
			struct state_message m = message_of(uid, "");
			m.where = where[id][uid];
			int rc = m.where ? state_put_message(w, id, &m, &err)
					 : state_delete_message(w, id, uid, &err);
			assert_int_equal(rc, 0);
		}
		if (round % 3 == 2) {
			assert_int_equal(state_delete_mailbox(w, 2, &err), 0);
			memset(where[2], 0, sizeof(where[2]));
		}
		assert_int_equal(state_commit(w, &err), 0);
		assert_int_equal(state_read_begin(s, &r, &err), 0);
		for (uint32_t id = 1; id <= 2; id++) {
			uint64_t there, here, want_there = 0, want_here = 0;
			for (unsigned uid = 0; uid < 20; uid++) {
				want_there += (where[id][uid] & STATE_THERE) != 0;
				want_here += (where[id][uid] & STATE_HERE) != 0;
			}
			assert_int_equal(state_count_messages(r, id, &there, &here, &err), 0);
			assert_int_equal(there, want_there);
			assert_int_equal(here, want_here);
		}
		state_read_end(r);
	}
	state_close(s);
}

static void test_lock(void **state UNUSED)
{
	struct err err = {0};
	int fd;

	free(place);
	place = xasprintf("%s/locked", directory);
	assert_int_equal(state_lock(place, false, &fd, &err), 1);
	pid_t child = fork();
	if (child == 0) {
		int other;
		close(fd); /* flock belongs to the open file, which a child shares */
		_exit(state_lock(place, false, &other, &err) == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	close(fd);
	assert_int_equal(state_lock(place, false, &fd, &err), 1);
	close(fd);
}

/* COUNT rows from UID on, in one transaction, each under a new name. */
static void put_many(struct state *s, uint32_t uid, uint32_t count, unsigned turn)
{
	struct state_write *w;
	struct err err = {0};
	char base[32];

	assert_int_equal(state_write_begin(s, &w, &err), 0);
	for (uint32_t i = 0; i < count; i++) {
		snprintf(base, sizeof(base), "%u.%u", uid + i, turn);
		struct state_message m = message_of(uid + i, base);
		assert_int_equal(state_put_message(w, 1, &m, &err), 0);
	}
	assert_int_equal(state_commit(w, &err), 0);
}

#define ROWS 20000

/* As a pass does: holds the account's lock and commits, for as long as it lives. */
static _Noreturn void write_for_ever(void)
{
	struct state *s;
	struct err err = {0};
	int lock;

	if (state_lock(place, false, &lock, &err) != 1 ||
		state_open(&s, place, "me", false, &err) != 0)
		_exit(1);
	for (unsigned turn = 1;; turn++)
		put_many(s, 1 + turn * 7919 % (ROWS - 10), 10, turn);
}

static int count_line(const char *line UNUSED, void *arg)
{
	++*(size_t *)arg;
	return 0;
}

/* 0, or ERR says what went wrong. */
static int read_whole(struct err *err)
{
	struct state *s = NULL;
	size_t lines = 0;
	int rc = state_open(&s, place, "me", true, err);

	if (rc == 0)
		rc = state_dump(s, false, count_line, &lines, err);
	state_close(s);
	if (rc == 0 && lines <= (size_t)2 * ROWS) /* message and by_base */
		rc = err_set(err, ERR_STATE, "only %zu rows", lines);
	return rc;
}

/* `status` beside a pass: what it reads is whole, and the pass's writing is not taken for damage.
 */
static void test_reading_beside_a_pass(void **state UNUSED)
{
	char memory[] = "/dev/shm/godwit-state-XXXXXX", command[128]; /* commits are quick there */
	struct state *s;
	struct err err = {0};
	int rc = 0;

	if (!mkdtemp(memory))
		skip();
	free(place);
	place = xstrdup(memory);
	assert_int_equal(state_open(&s, place, "me", false, &err), 0);
	put_many(s, 1, ROWS, 0);
	state_close(s);
	pid_t writer = fork();
	if (writer == 0)
		write_for_ever();
	for (int i = 0; rc == 0 && i < 10; i++) {
		usleep(20000);
		rc = read_whole(&err);
	}
	assert_int_equal(kill(writer, SIGKILL), 0);
	assert_int_equal(waitpid(writer, NULL, 0), writer);
	/* A child of the killed writer may be about to end, and take its file away. */
	snprintf(command, sizeof(command), "rm -rf %s || { sleep 1; rm -rf %s; }", memory, memory);
	assert_int_equal(system(command), 0);
	if (rc != 0)
		fail_msg("%s", err.msg);
}

static void *read_all(void *arg)
{
	struct state *s = arg;
	struct err err = {0};
	struct state_read *r;

	for (int i = 0; i < 200; i++) {
		uint64_t there, here;
		assert_int_equal(state_read_begin(s, &r, &err), 0);
		assert_int_equal(state_count_messages(r, 1, &there, &here, &err), 0);
		assert_int_equal(there, here);
		state_read_end(r);
	}
	return NULL;
}

static void test_threads(void **state UNUSED)
{
	state_set_map_size(128 << 10);
	struct state *s = open_fresh();
	pthread_t readers[3];
	char base[32];

	for (size_t i = 0; i < COUNT_OF(readers); i++)
		thread_start(&readers[i], "reader", read_all, s);
	for (uint32_t uid = 1; uid <= 500; uid++) {
		snprintf(base, sizeof(base), "b%u", uid);
		struct state_message m = message_of(uid, base);
		put(s, 1, &m);
	}
	for (size_t i = 0; i < COUNT_OF(readers); i++)
		thread_join(readers[i]);
	state_close(s);
	state_set_map_size(0);
	free(place);
	place = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_crc),
		cmocka_unit_test(test_round_trips), cmocka_unit_test(test_damage),
		cmocka_unit_test(test_rows), cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_later_version), cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_growth), cmocka_unit_test(test_no_address_space),
		cmocka_unit_test(test_tally), cmocka_unit_test(test_lock),
		cmocka_unit_test(test_reading_beside_a_pass), cmocka_unit_test(test_threads)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

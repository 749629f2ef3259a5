/*
 * Opening, identity, lock. LMDB trusts its file blindly, and a torn or foreign one can end the
 * process by a signal; so the two meta pages are looked at with plain reads before LMDB maps the
 * file, and every value has a checksum of its own (codec.h).
 *
 * The map is address space, not memory or disk: 16 GiB are taken at once, so that it is all but
 * never too small. Where it is after all, it grows between transactions. map_lock keeps readers out
 * meanwhile. That can't deadlock: the writer holds no read of its own while it grows, and readers
 * end theirs in bounded time without waiting for the writer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/thread.h"
#include "state/state_impl.h"

#define MAP_SIZE (sizeof(void *) >= 8 ? (size_t)16 << 30 : (size_t)256 << 20)
#define MAP_LEAST ((size_t)16 << 20)
#define MAX_READERS 128

static size_t map_size_of_tests;

void state_set_map_size(size_t bytes)
{
	map_size_of_tests = bytes;
}

/* Where address space is limited (ulimit -v), a part of it: other accounts and threads need theirs.
 */
static size_t first_map_size(void)
{
	size_t size = map_size_of_tests ? map_size_of_tests : MAP_SIZE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		while (size > MAP_LEAST && size > limit.rlim_cur / 8)
			size /= 2;
	return size;
}

static int foreign(struct err *err)
{
	err->sys = EMEDIUMTYPE;
	return -1;
}

int state_set_aside(const char *dir, char *to, size_t size, struct err *err)
{
	char from[4096];
	struct tm tm;
	time_t now = time(NULL);

	gmtime_r(&now, &tm);
	snprintf(to, size, "%s/data.mdb.damaged-%04d%02d%02d-%02d%02d%02d", dir, tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
	snprintf(from, sizeof(from), "%s/data.mdb", dir);
	if (fs_rename(AT_FDCWD, from, AT_FDCWD, to, err) != 0)
		return -1;
	snprintf(from, sizeof(from), "%s/lock.mdb", dir);
	if (fs_unlink(AT_FDCWD, from, err) != 0 && err->sys != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

/* ---- a look before LMDB maps the file ---- */

#define META_MAGIC 0xBEEFC0DEu
#define PAGE_HEADER 16
#define MAP_MOST (UINT64_C(1) << 42) /* more than any state will need */

/* Is this the beginning of an LMDB file of this machine's kind? */
static bool plausible(const unsigned char *page, size_t n, off_t size, long page_size)
{
	uint32_t magic, version;
	uint64_t map_size;

	if (n < 64 || size < 2 * page_size)
		return false;
	memcpy(&magic, page + PAGE_HEADER, 4);
	memcpy(&version, page + PAGE_HEADER + 4, 4);
	memcpy(&map_size, page + PAGE_HEADER + 16, sizeof(map_size)); /* behind a pointer */
	return magic == META_MAGIC && version == 1 && map_size <= MAP_MOST;
}

static int check_file(const struct state *state, struct err *err)
{
	unsigned char page[64];
	struct stat st;
	char path[4096];

	snprintf(path, sizeof(path), "%s/data.mdb", state->dir);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_set_errno(err, ERR_DISK, "can't open %s", path);
	long page_size = sysconf(_SC_PAGESIZE);
	ssize_t first = pread(fd, page, sizeof(page), 0);
	bool good = fstat(fd, &st) == 0 &&
		    (st.st_size == 0 ||
			    (first > 0 && plausible(page, (size_t)first, st.st_size, page_size)));
	ssize_t second = good && st.st_size > 0 ? pread(fd, page, sizeof(page), page_size) : 0;
	good = good && (st.st_size == 0 || (second > 0 && plausible(page, (size_t)second,
								  st.st_size, page_size)));
	close(fd);
	if (good)
		return 0;
	err_set(err, ERR_STATE, "%s is damaged or no state of godwit", path);
	err->sys = EUCLEAN;
	return -1;
}

/* ---- opening ---- */

static int open_env(struct state *s, struct err *err)
{
	int rc = mdb_env_create(&s->env);
	MDB_envinfo info;

	if (rc == 0)
		rc = mdb_env_set_maxdbs(s->env, TABLE_COUNT);
	if (rc == 0)
		rc = mdb_env_set_maxreaders(s->env, MAX_READERS);
	if (rc == 0)
		rc = mdb_env_set_mapsize(s->env, first_map_size());
	if (rc == 0)
		rc = mdb_env_open(s->env, s->dir,
			MDB_NOTLS | MDB_NORDAHEAD | (s->read_only ? MDB_RDONLY : 0), 0600);
	if (rc == 0)
		rc = mdb_env_info(s->env, &info);
	if (rc == 0)
		s->map_size = info.me_mapsize; /* more, if more is in use */
	int dead;
	if (rc == 0)
		rc = mdb_reader_check(s->env, &dead); /* slots of killed processes */
	return rc == 0 ? 0 : state_mdb_error(s, err, rc, "open the database");
}

static int open_tables(struct state *s, struct err *err)
{
	MDB_txn *txn;
	int rc = mdb_txn_begin(s->env, NULL, s->read_only ? MDB_RDONLY : 0, &txn);

	if (rc != 0)
		return state_mdb_error(s, err, rc, "begin a transaction");
	for (size_t i = 0; rc == 0 && i < TABLE_COUNT; i++)
		rc = mdb_dbi_open(
			txn, state_table_names[i], s->read_only ? 0 : MDB_CREATE, &s->tables[i]);
	if (rc == 0)
		rc = mdb_txn_commit(txn);
	else
		mdb_txn_abort(txn);
	if (rc == MDB_NOTFOUND) {
		err_set(err, ERR_STATE,
			"state %s: not a state of godwit, or one that was never finished", s->dir);
		err->sys = EUCLEAN;
		return -1;
	}
	return rc == 0 ? 0 : state_mdb_error(s, err, rc, "open its tables");
}

/* LMDB makes the contents of a new file durable, but not its name. */
static int sync_directory(const struct state *s, struct err *err)
{
	int fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc =
		fd >= 0 ? fs_fsync(fd, err) : err_set_errno(err, ERR_DISK, "can't open %s", s->dir);

	if (fd >= 0)
		close(fd);
	return rc;
}

static int make_identity(struct state *s, const char *identity, struct err *err)
{
	struct state_write *w = NULL;
	unsigned char random[16];

	if (getrandom(random, sizeof(random), 0) != sizeof(random))
		return err_set_errno(err, ERR_STATE, "can't get random bytes");
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(s->id + 2 * i, 3, "%02x", random[i]);
	if (state_write_begin(s, &w, err) != 0)
		return -1;
	if (state_put_number(w, "schema", STATE_SCHEMA_VERSION, err) != 0 ||
		state_put_text(w, "id", slice_str(s->id), err) != 0 ||
		state_put_text(w, "identity", slice_str(identity), err) != 0) {
		state_abort(w);
		return -1;
	}
	s->fresh = true;
	return state_commit(w, err) == 0 ? sync_directory(s, err) : -1;
}

/* Whoever it belongs to, it says nothing of any mail: no pass has got that far. 1, 0, -1. */
static int is_unused(struct state_read *r, struct err *err)
{
	struct state_mailbox mailbox;
	uint64_t pass;
	int rc = state_get_number(r, "pass", &pass, err);

	if (rc == 0)
		rc = state_next_mailbox(r, 0, &mailbox, err);
	return rc < 0 ? -1 : rc == 0;
}

/* 1: ours, 2: of another, but unused, 0: there is nothing in it, -1. */
static int check_identity(
	struct state *s, struct state_read *r, const char *identity, struct err *err)
{
	struct slice found, id;
	uint64_t version = 0;

	int rc = state_get_number(r, "schema", &version, err);
	if (rc <= 0)
		return rc;
	if (version != STATE_SCHEMA_VERSION) {
		err_set(err, ERR_STATE,
			"state %s: written by another version of godwit (schema %llu, this one "
			"knows %d)",
			s->dir, (unsigned long long)version, STATE_SCHEMA_VERSION);
		return foreign(err);
	}
	rc = state_get_text(r, "id", &id, err);
	if (rc == 1)
		rc = state_get_text(r, "identity", &found, err);
	if (rc <= 0)
		return rc < 0 ? -1
			      : err_set(err, ERR_STATE, "state %s: it has no identity", s->dir);
	if (id.n >= sizeof(s->id))
		return state_damaged(s, err, TABLE_META);
	memcpy(s->id, id.p, id.n);
	s->id[id.n] = '\0';
	if (!slice_eq_str(found, identity)) {
		rc = is_unused(r, err);
		if (rc != 0)
			return rc < 0 ? -1 : 2;
		err_set(err, ERR_STATE,
			"state %s belongs to \"%.*s\", the configuration says \"%s\": give the "
			"account another name, or move the state away to compare both sides anew",
			s->dir, SLICE_ARG(found), identity);
		return foreign(err);
	}
	return 1;
}

/* What check_identity() says. */
static int read_identity(struct state *s, const char *identity, struct err *err)
{
	struct state_read *r = NULL;

	if (state_read_begin(s, &r, err) != 0)
		return -1;
	int rc = check_identity(s, r, identity, err);
	state_read_end(r);
	return rc;
}

/* A first sync failed because of a name that was misspelled, and is right now. */
static int take_over(struct state *s, const char *identity, struct err *err)
{
	struct state_write *w = NULL;

	if (state_write_begin(s, &w, err) != 0)
		return -1;
	if (state_put_text(w, "identity", slice_str(identity), err) != 0 ||
		state_delete_text(w, "server", err) != 0 ||
		state_delete_text(w, "login", err) != 0) {
		state_abort(w);
		return -1;
	}
	return state_commit(w, err) == 0 ? 0 : -1;
}

static int open_all(struct state *s, const char *identity, struct err *err)
{
	if (!s->read_only && fs_make_path(s->dir, 0700, err) != 0)
		return err_wrap(err, "can't make the state directory");
	if (check_file(s, err) != 0 || verify_unless_clean(s->dir, s->read_only, err) != 0 ||
		open_env(s, err) != 0 || open_tables(s, err) != 0)
		return -1;
	int rc = read_identity(s, identity, err);
	if (rc == 0)
		rc = s->read_only ? err_set(err, ERR_STATE, "state %s was never finished", s->dir)
				  : make_identity(s, identity, err);
	else if (rc == 2 && !s->read_only)
		rc = take_over(s, identity, err);
	return rc < 0 ? -1 : 0;
}

int state_open(
	struct state **out, const char *dir, const char *identity, bool read_only, struct err *err)
{
	char path[4096];

	if (read_only) {
		snprintf(path, sizeof(path), "%s/data.mdb", dir);
		if (access(path, F_OK) != 0)
			return err_set_errno(err, ERR_STATE, "no state in %s", dir);
	}
	struct state *s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(dir);
	s->read_only = read_only;
	trim_init(s);
	ASSERT(pthread_rwlock_init(&s->map_lock, NULL) == 0);
	if (open_all(s, identity, err) != 0) {
		state_close(s);
		return -1;
	}
	s->opened = true;
	*out = s;
	return 0;
}

void state_close(struct state *s)
{
	if (!s)
		return;
	if (s->env)
		mdb_env_close(s->env);
	if (s->opened && !s->read_only)
		verify_note_clean(s->dir);
	pthread_rwlock_destroy(&s->map_lock);
	trim_fini(s);
	free(s->dir);
	free(s);
}

const char *state_id(const struct state *s)
{
	return s->id;
}

bool state_is_new(const struct state *s)
{
	return s->fresh;
}

int state_load_keywords(struct state *s, struct keywords *keywords, struct err *err)
{
	struct state_read *r = NULL;
	struct slice name;
	char key[32];
	int rc;

	if (state_read_begin(s, &r, err) != 0)
		return -1;
	for (unsigned id = 0;; id++) {
		snprintf(key, sizeof(key), "keyword/%03u", id);
		rc = state_get_text(r, key, &name, err);
		if (rc <= 0)
			break;
		if (!keywords_restore(keywords, id, name)) {
			rc = state_damaged(s, err, TABLE_META);
			break;
		}
	}
	state_read_end(r);
	return rc;
}

/* ---- the account's lock ---- */

#define LOCK_POLL_MS 100

int state_lock(const char *dir, bool wait, int *fd, struct err *err)
{
	char path[4096];
	bool told = false;

	if (fs_make_path(dir, 0700, err) != 0)
		return err_wrap(err, "can't make the state directory");
	snprintf(path, sizeof(path), "%s/lock", dir);
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0)
		return err_set_errno(err, ERR_DISK, "can't open %s", path);
	while (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR) {
			err_set_errno(err, ERR_DISK, "can't lock %s", path);
			close(lock);
			return -1;
		}
		if (!wait) {
			close(lock);
			return 0;
		}
		if (!told)
			log_info("another pass over this account is running; waiting for it");
		told = true;
		if (cancel_sleep_ms(LOCK_POLL_MS, err) != 0) {
			close(lock);
			return -1;
		}
	}
	*fd = lock;
	return 1;
}

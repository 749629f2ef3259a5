/*
 * Is the database sound? Read by a child process, so that a page that breaks LMDB breaks only the
 * child. A note of how the file looked when it was closed saves the reading in every normal run;
 * the note is taken away before the file is trusted, so a run that dies of it is the last one.
 *
 * Rejected: a checksum of the whole file (changes with each commit), handlers for SIGSEGV and
 * SIGBUS (there is no way back out of LMDB's locks).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "state/state_impl.h"

enum verdict { SOUND, DAMAGED, UNKNOWN };

/* ---- in the child ---- */

static bool decodes(enum state_table table, struct slice key, struct slice value)
{
	struct state_message message;
	struct state_mailbox mailbox;
	struct state_upload upload;
	struct state_pending pending;
	struct state_tally tally;
	struct slice text;
	uint64_t number;

	switch (table) {
	case TABLE_META:
		return decode_text(value, table, key, &text) ||
		       decode_number(value, table, key, &number);
	case TABLE_MAILBOX:
		return decode_mailbox(value, key, &mailbox);
	case TABLE_MESSAGE:
	case TABLE_ARRIVAL:
		return decode_message(value, table, key, &message);
	case TABLE_BY_BASE:
		return decode_number(value, table, key, &number);
	case TABLE_UPLOAD:
		return decode_upload(value, key, &upload);
	case TABLE_PENDING:
		return decode_pending(value, key, &pending);
	case TABLE_TALLY:
		return decode_tally(value, key, &tally);
	case TABLE_COUNT:
		break;
	}
	return false;
}

/* As many rows as the table says, in rising order: a walk that turns in a circle ends here. */
static bool table_is_sound(MDB_txn *txn, MDB_dbi dbi, enum state_table table)
{
	struct buf last = {0};
	MDB_cursor *cursor;
	MDB_val key, value;
	MDB_stat stat;
	size_t rows = 0;
	int rc;

	if (mdb_stat(txn, dbi, &stat) != 0 || mdb_cursor_open(txn, dbi, &cursor) != 0)
		return false;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		struct slice k = {key.mv_data, key.mv_size};
		if (++rows > stat.ms_entries || (rows > 1 && slice_cmp(buf_slice(&last), k) >= 0) ||
			!decodes(table, k, (struct slice){value.mv_data, value.mv_size}))
			break;
		buf_clear(&last);
		buf_add_slice(&last, k);
	}
	buf_fini(&last);
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND && rows == stat.ms_entries;
}

/* Pages that wait for re-use, a list of numbers a transaction: what is written next goes there. */
static bool free_list_is_sound(MDB_txn *txn, size_t last_page, size_t *pages)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	int rc;

	if (mdb_cursor_open(txn, 0, &cursor) != 0)
		return false;
	while ((rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		size_t count, page;
		if (key.mv_size != sizeof(size_t) || value.mv_size < sizeof(size_t))
			return false;
		memcpy(&count, value.mv_data, sizeof(count));
		if (count >= value.mv_size / sizeof(size_t))
			return false;
		for (size_t i = 1; i <= count; i++) {
			memcpy(&page, (char *)value.mv_data + i * sizeof(page), sizeof(page));
			if (page < 2 || page > last_page)
				return false;
		}
		*pages += count;
	}
	return rc == MDB_NOTFOUND;
}

/* The file holds every page that is in use. */
static bool is_whole(MDB_env *env, size_t *last_page)
{
	mdb_filehandle_t fd;
	MDB_envinfo info;
	MDB_stat shape;
	struct stat st;

	if (mdb_env_info(env, &info) != 0 || mdb_env_stat(env, &shape) != 0 ||
		mdb_env_get_fd(env, &fd) != 0 || fstat(fd, &st) != 0)
		return false;
	*last_page = info.me_last_pgno;
	return (uint64_t)st.st_size >= ((uint64_t)info.me_last_pgno + 1) * shape.ms_psize;
}

/* Pages that a table takes up, as it says itself. */
static bool add_pages(MDB_txn *txn, MDB_dbi dbi, size_t *pages)
{
	MDB_stat stat;

	if (mdb_stat(txn, dbi, &stat) != 0)
		return false;
	*pages += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
	return true;
}

/* Every page of the file is a meta page, part of a table, or free; a sound page in the place of
 * another one shows here. */
static enum verdict read_all(MDB_env *env)
{
	size_t last_page, pages = 2;
	MDB_txn *txn;
	MDB_dbi dbi;

	if (!is_whole(env, &last_page) || mdb_txn_begin(env, NULL, MDB_RDONLY, &txn) != 0 ||
		!free_list_is_sound(txn, last_page, &pages) || !add_pages(txn, 0, &pages) ||
		!add_pages(txn, 1, &pages))
		return DAMAGED;
	for (unsigned t = 0; t < TABLE_COUNT; t++) {
		int rc = mdb_dbi_open(txn, state_table_names[t], 0, &dbi);
		if (rc == MDB_NOTFOUND)
			continue; /* never finished: whoever opens it will say so */
		if (rc != 0 || !table_is_sound(txn, dbi, (enum state_table)t) ||
			!add_pages(txn, dbi, &pages))
			return DAMAGED;
	}
	return pages == last_page + 1 ? SOUND
				      : DAMAGED; /* the process ends: nothing needs closing */
}

/* Else a map that can't be had is one that a damaged page asks for. */
static bool memory_is_limited(void)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY;
}

/* LMDB's own alarm, which would print its words and abort. */
static void on_assertion(MDB_env *env, const char *what)
{
	(void)env;
	(void)what;
	_exit(DAMAGED);
}

static enum verdict judge(const char *dir)
{
	MDB_env *env;

	if (mdb_env_create(&env) != 0 || mdb_env_set_maxdbs(env, TABLE_COUNT) != 0 ||
		mdb_env_set_assert(env, on_assertion) != 0)
		return UNKNOWN;
	/* Without LMDB's locks, which may be damaged, too. Who writes meanwhile spoils the look:
	 * is_at_work(). */
	int rc = mdb_env_open(env, dir, MDB_RDONLY | MDB_NOLOCK | MDB_NORDAHEAD, 0600);
	if (rc == ENOENT || rc == EACCES || rc == EAGAIN || (rc == ENOMEM && memory_is_limited()))
		return UNKNOWN;
	return rc == 0 ? read_all(env) : DAMAGED;
}

static void in_child(const char *dir)
{
	/* Those of damage, and those of a user: the program's handlers mean nothing here. */
	static const int deadly[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGINT, SIGTERM};
	struct rlimit none = {0};
	sigset_t none_blocked;

	for (size_t i = 0; i < COUNT_OF(deadly); i++)
		signal(deadly[i], SIG_DFL);
	sigemptyset(&none_blocked); /* a thread of ours blocks all (base/thread.c) */
	sigprocmask(SIG_SETMASK, &none_blocked, NULL);
	setrlimit(RLIMIT_CORE, &none);
	_exit((int)judge(dir));
}

/* ---- in the parent ---- */

static enum verdict verify(const char *dir)
{
	int status;
	pid_t child = fork();

	if (child < 0)
		return UNKNOWN;
	if (child == 0)
		in_child(dir);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return UNKNOWN;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGTERM ||
				       WTERMSIG(status) == SIGINT
			       ? UNKNOWN
			       : DAMAGED;
	return WEXITSTATUS(status) <= UNKNOWN ? (enum verdict)WEXITSTATUS(status) : DAMAGED;
}

static void note_path(const char *dir, const char *name, char out[4096])
{
	snprintf(out, 4096, "%s/%s", dir, name);
}

/* How the file looks: any change from outside, and any commit, changes it. false: there is none. */
static bool describe(const char *dir, char *out, size_t size)
{
	char path[4096];
	struct stat st;

	note_path(dir, "data.mdb", path);
	if (stat(path, &st) != 0)
		return false;
	snprintf(out, size, "%llu %lld %lld %lld\n", (unsigned long long)st.st_ino,
		(long long)st.st_size, (long long)fs_time_ns(st.st_mtim),
		(long long)fs_time_ns(st.st_ctim));
	return true;
}

static bool is_clean(const char *dir, const char *now)
{
	char path[4096];
	struct err ignored = {0};
	size_t n;

	note_path(dir, "clean", path);
	char *then = fs_read_file(AT_FDCWD, path, 256, &n, &ignored);
	bool clean = then && strcmp(then, now) == 0;
	free(then);
	return clean;
}

/* Made, and never written to: by a run that was cut off at once. */
static bool is_empty(const char *dir)
{
	char path[4096];
	struct stat st;

	note_path(dir, "data.mdb", path);
	return stat(path, &st) == 0 && st.st_size == 0;
}

/*
 * Does a pass write, or did it since the file looked like THEN? It re-uses pages under the child's
 * feet, so the child may have seen no one state of the database; but that pass has verified it.
 */
static bool is_at_work(const char *dir, const char *then)
{
	char now[256], path[4096];
	bool held = false;

	note_path(dir, "lock", path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
		close(fd);
	}
	return held || !describe(dir, now, sizeof(now)) || strcmp(now, then) != 0;
}

int verify_unless_clean(const char *dir, bool read_only, struct err *err)
{
	char now[256], path[4096];

	if (!describe(dir, now, sizeof(now)))
		return 0;
	bool clean = is_clean(dir, now) || is_empty(dir);
	note_path(dir, "clean", path);
	if (!read_only && unlink(path) != 0 && errno != ENOENT)
		log_debug(LOG_STATE, "%s stays: %s", path, strerror(errno));
	if (clean || verify(dir) != DAMAGED || (read_only && is_at_work(dir, now)))
		return 0;
	err_set(err, ERR_STATE, "state %s: the database is damaged", dir);
	err->sys = EUCLEAN;
	return -1;
}

/* Not durable: without it the next run reads everything once. */
void verify_note_clean(const char *dir)
{
	char now[256], path[4096];

	if (!describe(dir, now, sizeof(now)))
		return;
	note_path(dir, "clean", path);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return;
	if (write(fd, now, strlen(now)) != (ssize_t)strlen(now))
		log_debug(LOG_STATE, "%s: %s", path, strerror(errno));
	close(fd);
}

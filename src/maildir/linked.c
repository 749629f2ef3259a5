/*
 * One file under two names. Where a file system can't rename without overwriting, a rename is a
 * link and an unlink, by us as by some mail readers; whoever is killed in between leaves both
 * names. They have the same BASE and are one message.
 *
 * Taking away the wrong one of the two while somebody else is about to take away the other would
 * lose the message. The gap between the two calls is microseconds, so a name is touched only when
 * the file (whose ctime each link and unlink moves) stood still for much longer.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base/log.h"
#include "base/thread.h"
#include "maildir/part.h"

static _Atomic unsigned still_ms = 10000;

void maildir_set_still_ms(unsigned ms)
{
	atomic_store(&still_ms, ms);
}

/* 1: the same file now; 0: not, or one of them is gone; -1. */
static int is_one_file(
	const struct maildir *m, const char *a, const char *b, struct stat *st, struct err *err)
{
	struct stat other;
	const char *a_name = a, *b_name = b;
	int a_at = part_of(m, &a_name), b_at = part_of(m, &b_name);

	if (fstatat(a_at, a_name, st, AT_SYMLINK_NOFOLLOW) != 0 ||
		fstatat(b_at, b_name, &other, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0
				       : err_set_errno(err, ERR_DISK, "%s: can't look at a message",
						 m->path);
	return st->st_ino == other.st_ino && st->st_dev == other.st_dev;
}

static int64_t left_ms(const struct stat *st)
{
	struct timespec now;
	int64_t still = atomic_load(&still_ms);

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t age = (fs_time_ns(now) - fs_time_ns(st->st_ctim)) / 1000000;
	return age >= still ? 0 : age < 0 ? still : still - age;
}

int maildir_drop_name(struct maildir *m, const char *path, const char *kept, struct err *err)
{
	struct stat st;
	int one = is_one_file(m, path, kept, &st, err);

	if (one <= 0 || left_ms(&st) > 0)
		return one < 0 ? -1 : 0;
	if (maildir_remove(m, path, err) != 0)
		return err->sys == ENOENT ? 0 : -1;
	log_info("%s/%s was a second name of %s", m->path, path, kept);
	return 1;
}

int maildir_finish_rename(struct maildir *m, const char *path, const char *to, struct err *err)
{
	struct stat before, after;
	int one = is_one_file(m, path, to, &before, err);

	if (one <= 0)
		return one;
	int64_t wait = left_ms(&before);
	if (wait > 0) {
		if (cancel_sleep_ms((unsigned)wait, err) != 0)
			return -1;
		one = is_one_file(m, path, to, &after, err);
		if (one <= 0)
			return one;
		if (fs_time_ns(after.st_ctim) != fs_time_ns(before.st_ctim))
			return err_set(err, ERR_CONFLICT, "%s: another program keeps renaming %s",
				m->path, path);
	}
	return maildir_remove(m, path, err) == 0 ? 1 : err->sys == ENOENT ? 0 : -1;
}

/* One read of the folder. */
static int find_other(struct maildir *m, const char *path, uint64_t inode, char *out, size_t size,
	struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	struct slice base, info;
	bool stable;
	int rc, found = 0;

	maildir_split(slice_str(path + 4), &base, &info);
	if ((rc = maildir_scan_begin(&scan, m, err)) == 0)
		while (!found && (rc = maildir_scan_next(&scan, &file, err)) == 1) {
			char name[MAILDIR_FILE_SIZE];
			snprintf(name, sizeof(name), "%s/%.*s", file.in_new ? "new" : "cur",
				SLICE_ARG(file.name));
			if (file.inode != inode || !slice_eq(file.base, base) ||
				slice_eq_str(slice_str(name), path))
				continue;
			snprintf(out, size, "%s", name);
			found = 1;
		}
	return maildir_scan_end(&scan, rc, &stable, err) != 0 ? -1 : found;
}

int maildir_other_name(struct maildir *m, const char *path, char *out, size_t size, struct err *err)
{
	struct stat st;
	const char *name = path;
	int at = part_of(m, &name);

	ASSERT(size >= MAILDIR_FILE_SIZE);
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0
				       : err_set_errno(err, ERR_DISK, "%s: can't look at %s",
						 m->path, path);
	return st.st_nlink > 1 ? find_other(m, path, (uint64_t)st.st_ino, out, size, err) : 0;
}

/*
 * new/ before cur/: readers move files from new/ to cur/, so a file that is moved between the two
 * reads is seen twice rather than not at all. A rename within cur/ during the read can hide a file
 * altogether; then the directory's times have changed, and the scan says that it was not stable.
 *
 * That proof has a hole that must be closed at the beginning: file systems stamp in ticks of a
 * clock. Two changes within one tick, one before the scan and one during it, leave equal times. So
 * a scan begins only when a change from now on must show: when the clock has left the tick of the
 * last change.
 *
 * Another program that gives a keyword a letter writes the table first, then renames files. Who has
 * read the old table and meets such a file takes it for one without that keyword, and would do so
 * until the folder changes again: so a table that changed meanwhile makes a scan unstable, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

#include "base/thread.h"
#include "maildir/letters.h"

#define SECOND_NS INT64_C(1000000000)
#define MS_NS INT64_C(1000000)
#define WAIT_MS 5 /* a tick is 1 to 10 ms */
#define FOREIGN_WAIT_NS (20 * MS_NS)
#define TRIES 6

/* The clock that stamps files: it moves in ticks of some milliseconds. */
static int64_t stamping_clock(void)
{
	struct timespec now;

	ASSERT(clock_gettime(CLOCK_REALTIME_COARSE, &now) == 0);
	return fs_time_ns(now);
}

static int64_t latest(const struct maildir_times *t)
{
	int64_t in_new = t->new_mtime > t->new_ctime ? t->new_mtime : t->new_ctime;
	int64_t in_cur = t->cur_mtime > t->cur_ctime ? t->cur_mtime : t->cur_ctime;
	return in_new > in_cur ? in_new : in_cur;
}

/* How far that clock may go on and a change still get the same stamp: two seconds where the file
 * system has no fractions, not at all elsewhere. */
static int64_t same_stamp(const struct maildir_times *t)
{
	bool whole = t->new_mtime % SECOND_NS == 0 && t->new_ctime % SECOND_NS == 0 &&
		     t->cur_mtime % SECOND_NS == 0 && t->cur_ctime % SECOND_NS == 0;

	return whole ? 2 * SECOND_NS : 0;
}

/*
 * Read the times from which the scan starts. Usually the last change is long past; else wait until
 * the clock has left its tick. Stamps that stay ahead of our clock come from another one; they are
 * past when they have not changed for longer than any tick. Restless: the folder never stood still.
 */
static int read_times_before(struct maildir_scan *scan, struct err *err)
{
	struct maildir_times previous;
	int64_t waited = 0; /* while the times stayed the same */

	for (int i = 0; i < TRIES; i++) {
		int64_t now = stamping_clock();
		if (maildir_times(scan->maildir, &scan->before, err) != 0)
			return -1;
		if (i > 0 && !maildir_times_equal(&previous, &scan->before))
			waited = 0;
		int64_t age = now - latest(&scan->before), least = same_stamp(&scan->before);
		if (age > least || (age < 0 && waited >= FOREIGN_WAIT_NS))
			return 0;
		previous = scan->before;
		unsigned ms = least > 0 ? (unsigned)(least / MS_NS) : WAIT_MS;
		if (cancel_sleep_ms(ms, err) != 0)
			return -1;
		waited += ms * MS_NS;
	}
	scan->restless = true;
	return 0;
}

int maildir_scan_begin(struct maildir_scan *scan, struct maildir *maildir, struct err *err)
{
	*scan = (struct maildir_scan){.maildir = maildir, .dir = {.fd = -1}};
	if (maildir_letters_load(maildir, err) != 0 || read_times_before(scan, err) != 0)
		return -1;
	scan->letters = letters_version(maildir->letters);
	/* By descriptor: the directories whose times are compared, also if somebody puts others in
	 * their place. */
	return fs_dir_open(&scan->dir, maildir->fd_new, ".", err);
}

/* cur/ after new/. 1: there is more, 0: the end, -1. */
static int next_directory(struct maildir_scan *scan, struct err *err)
{
	fs_dir_close(&scan->dir);
	if (++scan->phase > 1)
		return 0;
	return fs_dir_open(&scan->dir, scan->maildir->fd_cur, ".", err) == 0 ? 1 : -1;
}

/* A name without BASE is no message's. 1, 0, -1. */
static int is_message(
	const struct maildir_scan *scan, const struct fs_entry *entry, struct err *err)
{
	struct stat st;

	if (entry->name[0] == '.' || entry->name[0] == ':')
		return 0;
	if (entry->type != DT_UNKNOWN)
		return entry->type == DT_REG;
	if (fstatat(scan->dir.fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return S_ISREG(st.st_mode);
	/* Renamed or removed since it was read: the directory's times tell. */
	return errno == ENOENT ? 0 : err_set_errno(err, ERR_DISK, "can't look at a message");
}

static void fill(
	const struct maildir_scan *scan, const struct fs_entry *entry, struct maildir_file *out)
{
	out->in_new = scan->phase == 0;
	out->name = (struct slice){entry->name, entry->length};
	out->inode = entry->inode;
	maildir_split(out->name, &out->base, &out->info);
}

int maildir_scan_next(struct maildir_scan *scan, struct maildir_file *out, struct err *err)
{
	struct fs_entry entry;

	while (scan->phase < 2) {
		int rc = fs_dir_next(&scan->dir, &entry, err);
		if (rc == 0) {
			rc = next_directory(scan, err);
		} else if (rc == 1 && (rc = is_message(scan, &entry, err)) == 1) {
			fill(scan, &entry, out);
			return 1;
		}
		if (rc < 0)
			return err_wrap(err, "%s", scan->maildir->path);
	}
	return 0;
}

int maildir_scan_end(struct maildir_scan *scan, int rc, bool *stable, struct err *err)
{
	struct maildir_times after;
	bool complete = scan->phase == 2;

	fs_dir_close(&scan->dir);
	*stable = false;
	if (rc < 0 || maildir_times(scan->maildir, &after, err) != 0 ||
		maildir_letters_load(scan->maildir, err) != 0)
		return -1;
	*stable = complete && !scan->restless && maildir_times_equal(&scan->before, &after) &&
		  letters_version(scan->maildir->letters) == scan->letters;
	return 0;
}

#define SCANS 5

/* 1: found, 0: not seen, -1. *STABLE as of the scan. */
static int find_once(struct maildir *maildir, struct slice base, char *out, size_t size,
	bool *stable, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	int rc, found = 0;

	if ((rc = maildir_scan_begin(&scan, maildir, err)) == 0)
		while ((rc = maildir_scan_next(&scan, &file, err)) == 1) {
			if (!slice_eq(file.base, base))
				continue;
			snprintf(out, size, "%s/%.*s", file.in_new ? "new" : "cur",
				SLICE_ARG(file.name));
			found = 1;
		}
	return maildir_scan_end(&scan, rc, stable, err) != 0 ? -1 : found;
}

int maildir_find(
	struct maildir *maildir, struct slice base, char *out, size_t size, struct err *err)
{
	ASSERT(size >= MAILDIR_FILE_SIZE);
	for (int i = 0; i < SCANS; i++) {
		bool stable;
		int rc = find_once(maildir, base, out, size, &stable, err);
		if (rc != 0 || stable)
			return rc;
	}
	return err_set(
		err, ERR_CONFLICT, "%s: another program keeps changing the folder", maildir->path);
}

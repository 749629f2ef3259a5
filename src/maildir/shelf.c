/*
 * How messages get into the attic: one folder's of one pass are put on one shelf, whose directories
 * are found, or made, with the first of them.
 */
#include "maildir/shelf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/letters.h"

/* PATH below AT, made if it is missing. */
static int make_and_open(int at, const char *path, struct err *err)
{
	unsigned made;

	if (fs_mkdir_parents(at, path, 0700, &made, err) != 0 ||
		(made > 0 && fs_sync_path(at, path, err) != 0))
		return -1;
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 ? fd : err_set_errno(err, ERR_DISK, "can't open %s", path);
}

/* Did a move by link and unlink end between the two? Nobody else links files here. */
static bool is_half_done(int from_at, const char *from, int to_at, const char *name)
{
	struct stat a, b;

	return fstatat(from_at, from, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(to_at, name, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_ino == b.st_ino &&
	       a.st_dev == b.st_dev;
}

int attic_move(int from_at, const char *from, int to_at, const char *name, struct err *err)
{
	char base[MAILDIR_BASE_SIZE];
	const char *info = strchr(name, ':');

	if (fs_rename_noreplace(from_at, from, to_at, name, err) == 0)
		return 0;
	if (err->sys != EEXIST)
		return -1;
	if (is_half_done(from_at, from, to_at, name))
		return fs_unlink(from_at, from, err);
	maildir_fresh_base(base);
	char *fresh = xasprintf("%s%s", base, info ? info : "");
	err_clear(err);
	/* Nobody else has that name: in one step on every file system. */
	int rc = fs_rename(from_at, from, to_at, fresh, err);
	free(fresh);
	return rc;
}

void attic_shelf_init(struct attic_shelf *shelf, const struct attic *attic, uint64_t pass,
	const struct maildir *maildir)
{
	*shelf = (struct attic_shelf){
		.attic = attic, .maildir = maildir, .pass = pass, .fd_new = -1, .fd_cur = -1};
}

void attic_shelf_fini(struct attic_shelf *shelf)
{
	if (shelf->fd_new >= 0)
		close(shelf->fd_new);
	if (shelf->fd_cur >= 0)
		close(shelf->fd_cur);
	shelf->fd_new = shelf->fd_cur = -1;
}

/* "000000000012/A/B" and what BELOW says; to be freed. */
static char *shelf_path(const struct attic_shelf *shelf, const char *below)
{
	return xasprintf(
		"%012llu/%s/%s", (unsigned long long)shelf->pass, shelf->maildir->path, below);
}

static int open_part(const struct attic_shelf *shelf, int *fd, const char *part, struct err *err)
{
	if (*fd >= 0)
		return 0;
	char *path = shelf_path(shelf, part);
	*fd = make_and_open(shelf->attic->fd, path, err);
	free(path);
	return *fd >= 0 ? 0 : -1;
}

/* The copy of the keyword table that letters on the shelf refer to, if there is a table. Letters
 * keep their meaning, and get more: a later table serves those that lie there already, too. */
static int copy_letters(const struct attic_shelf *shelf, struct err *err)
{
	struct err local = {0};
	size_t n = 0;
	char *text = fs_read_file(shelf->maildir->fd, LETTERS_TABLE, LETTERS_TABLE_MAX, &n, &local);

	if (!text) {
		if (local.sys == ENOENT)
			return 0;
		*err = local;
		return -1;
	}
	char *to = shelf_path(shelf, LETTERS_TABLE);
	int rc = fs_replace_file(shelf->attic->fd, to, text, n, 0600, err);
	free(to);
	free(text);
	return rc;
}

/* Does a message called NAME need the table? */
static bool has_keywords(const char *name)
{
	const char *info = strchr(name, ':');

	return info && strpbrk(info, "abcdefghijklmnopqrstuvwxyz");
}

static int keep_letters(struct attic_shelf *shelf, const char *name, struct err *err)
{
	struct stat st;

	if (!has_keywords(name))
		return 0;
	if (fstatat(shelf->maildir->fd, LETTERS_TABLE, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT
			       ? 0
			       : err_set_errno(err, ERR_DISK, "can't look at " LETTERS_TABLE);
	if (st.st_ino == shelf->letters_inode && fs_time_ns(st.st_ctim) == shelf->letters_ctime)
		return 0;
	if (copy_letters(shelf, err) != 0)
		return -1;
	shelf->letters_inode = st.st_ino;
	shelf->letters_ctime = fs_time_ns(st.st_ctim);
	return 0;
}

int attic_keep(struct attic_shelf *shelf, const char *path, struct err *err)
{
	const struct maildir *from = shelf->maildir;
	bool in_new = strncmp(path, "new/", 4) == 0;
	int *to = in_new ? &shelf->fd_new : &shelf->fd_cur;
	int rc = open_part(shelf, to, in_new ? "new" : "cur", err);

	if (rc == 0 && !in_new)
		rc = keep_letters(shelf, path + 4, err);
	if (rc == 0)
		rc = attic_move(in_new ? from->fd_new : from->fd_cur, path + 4, *to, path + 4, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", from->path);
}

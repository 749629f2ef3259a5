/*
 * One folder: making and opening it, and the times that tell whether it changed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maildir/letters.h"
#include "maildir/part.h"

static const char *const parts[] = {"tmp", "new", "cur"};

static void close_if_open(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * PATH level by level, so that no symlink on the way leads out of the root. maildir_path() makes no
 * "..", but what is read back from elsewhere is not trusted to be its work.
 */
static int open_below(int at, const char *path, struct err *err)
{
	char *copy = xstrdup(path), *rest = copy, *level;
	int fd = fs_open_dir(at, ".", err);

	while (fd >= 0 && (level = strsep(&rest, "/"))) {
		int next = strcmp(level, "..") == 0
				   ? err_set(err, ERR_DISK, "leads out of the Maildir root")
				   : fs_open_dir(fd, level, err);
		close(fd);
		fd = next;
	}
	free(copy);
	return fd;
}

/* Maildir++ marks its subfolders with an empty file. */
static int mark_subfolder(const struct maildir_root *root, const char *path, struct err *err)
{
	struct err local = {0};
	int dir = open_below(root->fd, path, err);

	if (dir < 0)
		return -1;
	int fd = fs_create(dir, "maildirfolder", 0600, &local);
	int rc = fd >= 0 ? fs_fsync(dir, &local) : local.sys == EEXIST ? 0 : -1;
	if (rc != 0 && err)
		*err = local;
	close_if_open(fd);
	close(dir);
	return rc;
}

int maildir_create(const struct maildir_root *root, const char *path, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT_OF(parts); i++) {
		char *part = xasprintf("%s/%s", path, parts[i]);
		rc = fs_mkdir_parents(root->fd, part, 0700, NULL, err);
		free(part);
	}
	if (rc == 0 && root->layout == MAILDIR_PLUSPLUS && strcmp(path, ".") != 0)
		rc = mark_subfolder(root, path, err);
	return rc == 0 ? 0 : err_wrap(err, "%s", path);
}

/* On the root's file system? Else something was mounted there, and what it covers is not gone. */
static int check_device(const struct maildir_root *root, int fd, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_set_errno(err, ERR_DISK, "can't look at the folder");
	if (st.st_dev == root->device)
		return 0;
	errno = EXDEV;
	return err_set_errno(err, ERR_DISK, "new or cur lies on another file system");
}

static int open_parts(struct maildir *m, const struct maildir_root *root, struct err *err)
{
	struct err local = {0};

	if ((m->fd = open_below(root->fd, m->path, err)) < 0 ||
		(m->fd_new = fs_open_dir(m->fd, "new", err)) < 0 ||
		(m->fd_cur = fs_open_dir(m->fd, "cur", err)) < 0 ||
		check_device(root, m->fd_new, err) != 0 || check_device(root, m->fd_cur, err) != 0)
		return -1;
	m->fd_tmp = fs_open_dir(m->fd, "tmp", &local);
	if (m->fd_tmp >= 0)
		return 0;
	if (local.sys == ENOENT && fs_mkdir_parents(m->fd, "tmp", 0700, NULL, &local) == 0)
		m->fd_tmp = fs_open_dir(m->fd, "tmp", &local);
	if (m->fd_tmp < 0 && err)
		*err = local;
	return m->fd_tmp < 0 ? -1 : 0;
}

static bool lacks(int dir, const char *part)
{
	struct stat st;
	return fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
}

bool maildir_is_gone(const struct maildir_root *root, const char *path)
{
	struct err err = {0};
	struct stat st;
	int dir = open_below(root->fd, path, &err);

	if (dir < 0)
		return err.sys == ENOENT;
	bool gone = fstat(dir, &st) == 0 && st.st_dev == root->device && lacks(dir, "cur") &&
		    lacks(dir, "new");
	close(dir);
	return gone;
}

int part_all_there(int fd, struct err *err)
{
	static const char *const needed[] = {"cur", "new"};
	struct stat st;

	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		if (fstatat(fd, needed[i], &st, AT_SYMLINK_NOFOLLOW) != 0)
			return errno == ENOENT ? 0
					       : err_set_errno(err, ERR_DISK, "can't look at %s",
							 needed[i]);
		if (!S_ISDIR(st.st_mode))
			return 0;
	}
	return 1;
}

bool maildir_exists(const struct maildir_root *root, const char *path)
{
	int dir = open_below(root->fd, path, NULL);
	bool exists = dir >= 0 && part_all_there(dir, NULL) == 1;

	if (dir >= 0)
		close(dir);
	return exists;
}

static bool is_not_empty(const struct err *err)
{
	return err->sys == ENOTEMPTY || err->sys == EEXIST;
}

/* The parts of the folder DIR, as long as they are empty. 1, 0: one was not, and all are there
 * again, -1. */
static int remove_parts(int dir, struct err *err)
{
	for (size_t i = COUNT_OF(parts); i-- > 0;) {
		if (fs_rmdir(dir, parts[i], err) == 0 || err->sys == ENOENT)
			continue;
		if (!is_not_empty(err))
			return -1;
		err_clear(err);
		for (size_t k = i + 1; k < COUNT_OF(parts); k++)
			if (fs_mkdir(dir, parts[k], 0700, err) != 0)
				return -1;
		return 0;
	}
	err_clear(err);
	return 1;
}

/* Does NAME belong to the folder as such? An IMAP server that reads the Maildir, too, takes what is
 * left of a folder with an index of its own for that folder, and makes it whole again. */
static bool is_own_file(const char *name)
{
	return strcmp(name, "maildirfolder") == 0 || strncmp(name, "dovecot", 7) == 0;
}

static int remove_own_files(int dir, struct err *err)
{
	struct fs_dir list;
	struct fs_entry entry;
	int rc;

	if (fs_dir_open(&list, dir, ".", err) != 0)
		return -1;
	while ((rc = fs_dir_next(&list, &entry, err)) == 1)
		if (is_own_file(entry.name) && fs_unlink(dir, entry.name, err) != 0 &&
			err->sys != ENOENT && err->sys != EISDIR) {
			rc = -1;
			break;
		}
	fs_dir_close(&list);
	if (rc != 0)
		return -1;
	err_clear(err);
	return fs_fsync(dir, err);
}

/*
 * The directory PATH, unless something else is in it. 1, 0: it stays, -1. Whoever removes a folder
 * beside us may have taken a directory above both away already: then it is gone, too, and so is
 * all below; only its durability is left to do.
 */
static int remove_directory(const struct maildir_root *root, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *above = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
	int parent = open_below(root->fd, above, err);
	int rc = -1;

	free(above);
	if (parent < 0)
		return err->sys == ENOENT ? 1 : -1;
	if (fs_rmdir(parent, slash ? slash + 1 : path, err) == 0 || err->sys == ENOENT)
		rc = fs_fsync(parent, err) == 0 ? 1 : -1;
	else if (is_not_empty(err))
		rc = 0;
	close(parent);
	return rc;
}

/* ... and those above it that nothing else is left in: a level is no folder by itself. */
static int remove_directories(const struct maildir_root *root, const char *path, struct err *err)
{
	char *rest = xstrdup(path), *slash;
	int rc;

	while ((rc = remove_directory(root, rest, err)) == 1 && (slash = strrchr(rest, '/')))
		*slash = '\0';
	free(rest);
	if (rc >= 0)
		err_clear(err);
	return rc < 0 ? -1 : 0;
}

int maildir_remove_folder(const struct maildir_root *root, const char *path, struct err *err)
{
	int dir = open_below(root->fd, path, err);
	int rc = dir < 0 ? -1 : remove_parts(dir, err);

	if (rc == 1 &&
		(remove_own_files(dir, err) != 0 || remove_directories(root, path, err) != 0))
		rc = -1;
	close_if_open(dir);
	return rc < 0 ? err_wrap(err, "%s", path) : rc;
}

static _Atomic unsigned open_count;

unsigned maildir_open_count(void)
{
	return atomic_load(&open_count);
}

int maildir_open(struct maildir **out, const struct maildir_root *root, const char *path,
	struct keywords *keywords, struct err *err)
{
	struct maildir *m = xcalloc(1, sizeof(*m));

	m->fd = m->fd_new = m->fd_cur = m->fd_tmp = -1;
	m->path = xstrdup(path);
	m->letters = letters_new(keywords);
	atomic_store(&m->references, 1);
	atomic_fetch_add(&open_count, 1);
	if (open_parts(m, root, err) != 0) {
		maildir_unref(m);
		return err_wrap(err, "%s", path);
	}
	*out = m;
	return 0;
}

int maildir_check_writable(const struct maildir *m, struct err *err)
{
	const int fds[] = {m->fd_tmp, m->fd_new, m->fd_cur};

	for (size_t i = 0; i < COUNT_OF(fds); i++)
		if (faccessat(fds[i], ".", W_OK | X_OK, AT_EACCESS) != 0)
			return err_set_errno(
				err, ERR_DISK, "%s: can't write into %s", m->path, parts[i]);
	return 0;
}

struct maildir *maildir_ref(struct maildir *m)
{
	atomic_fetch_add(&m->references, 1);
	return m;
}

void maildir_unref(struct maildir *m)
{
	if (!m || atomic_fetch_sub(&m->references, 1) != 1)
		return;
	close_if_open(m->fd_tmp);
	close_if_open(m->fd_cur);
	close_if_open(m->fd_new);
	close_if_open(m->fd);
	atomic_fetch_sub(&open_count, 1);
	letters_free(m->letters);
	free(m->path);
	free(m);
}

int part_of(const struct maildir *m, const char **path)
{
	bool in_new = strncmp(*path, "new/", 4) == 0;

	ASSERT(in_new || strncmp(*path, "cur/", 4) == 0);
	*path += 4;
	ASSERT(!strchr(*path, '/'));
	return in_new ? m->fd_new : m->fd_cur;
}

int maildir_remove(struct maildir *m, const char *path, struct err *err)
{
	int at = part_of(m, &path);
	return fs_unlink(at, path, err) == 0 ? 0 : err_wrap(err, "%s", m->path);
}

int maildir_identity(const struct maildir_root *root, const struct maildir *m,
	struct maildir_identity *out, struct err *err)
{
	struct statx st;

	*out = (struct maildir_identity){0};
	if (!root->inodes_last)
		return 0;
	if (statx(m->fd_cur, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) != 0) {
		if (errno == ENOSYS || errno == EPERM) /* a sandbox that knows no statx() */
			return 0;
		return err_set_errno(err, ERR_DISK, "%s: can't look at cur", m->path);
	}
	out->inode = st.stx_ino;
	if (st.stx_mask & STATX_BTIME)
		out->born =
			fs_time_ns((struct timespec){st.stx_btime.tv_sec, st.stx_btime.tv_nsec});
	return 0;
}

bool maildir_identity_differs(const struct maildir_identity *a, const struct maildir_identity *b)
{
	if (a->inode == 0 || b->inode == 0)
		return false;
	return a->inode != b->inode || (a->born != 0 && b->born != 0 && a->born != b->born);
}

int maildir_times(const struct maildir *m, struct maildir_times *out, struct err *err)
{
	struct stat in_new, in_cur;

	if (fstat(m->fd_new, &in_new) != 0 || fstat(m->fd_cur, &in_cur) != 0)
		return err_set_errno(err, ERR_DISK, "%s: can't read the folder's times", m->path);
	out->new_mtime = fs_time_ns(in_new.st_mtim);
	out->new_ctime = fs_time_ns(in_new.st_ctim);
	out->cur_mtime = fs_time_ns(in_cur.st_mtim);
	out->cur_ctime = fs_time_ns(in_cur.st_ctim);
	return 0;
}

bool maildir_times_equal(const struct maildir_times *a, const struct maildir_times *b)
{
	return a->new_mtime == b->new_mtime && a->new_ctime == b->new_ctime &&
	       a->cur_mtime == b->cur_mtime && a->cur_ctime == b->cur_ctime;
}

#define SETTLED_NS 2000000000 /* coarser than any clock that file systems stamp with */

bool maildir_times_settled(const struct maildir_times *t, int64_t now_ns)
{
	int64_t latest = now_ns - SETTLED_NS;
	return t->new_mtime < latest && t->new_ctime < latest && t->cur_mtime < latest &&
	       t->cur_ctime < latest;
}

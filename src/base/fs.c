#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/log.h"

#define DIR_BUFFER (64u << 10)

static fs_fault_hook *_Atomic fault_hook;

void fs_set_fault_hook(fs_fault_hook *hook)
{
	atomic_store(&fault_hook, hook);
}

/* 0 to go on; else errno is set as the hook wants it and -1. */
static int fault(const char *operation, const char *path)
{
	fs_fault_hook *hook = atomic_load_explicit(&fault_hook, memory_order_relaxed);
	int sys = hook ? hook(operation, path) : 0;

	errno = sys;
	return sys ? -1 : 0;
}

/* What failed, on what: one wording for all. PATH comes from a disk that others write to, too. */
static int failed(struct err *err, const char *what, const char *path)
{
	char escaped[384];
	int sys = errno;

	escape(slice_str(path), escaped, sizeof(escaped));
	errno = sys;
	return err_set_errno(err, ERR_DISK, "can't %s %s", what, escaped);
}

int fs_fill_standard_files(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -1;
	return 0;
}

int64_t fs_time_ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int open_retry(int at, const char *path, int flags, mode_t mode)
{
	int fd;
	do
		fd = openat(at, path, flags | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

int fs_open_dir(int at, const char *path, struct err *err)
{
	int fd = open_retry(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
	return fd >= 0 ? fd : failed(err, "open the folder", path);
}

int fs_open_read(int at, const char *path, struct err *err)
{
	struct stat st;
	int fd = open_retry(at, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, 0);

	if (fd < 0)
		return failed(err, "open", path);
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	errno = EINVAL;
	return failed(err, "read (it is no regular file)", path);
}

int fs_create(int at, const char *path, mode_t mode, struct err *err)
{
	int fd = fault("create", path) != 0
			 ? -1
			 : open_retry(at, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
	return fd >= 0 ? fd : failed(err, "create", path);
}

int fs_write_all(int fd, const void *data, size_t n, struct err *err)
{
	const char *p = data;

	if (fault("write", "") != 0)
		return err_set_errno(err, ERR_DISK, "can't write");
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return err_set_errno(err, ERR_DISK, "can't write");
		p += done;
		n -= (size_t)done;
	}
	return 0;
}

int fs_mkdir(int at, const char *path, mode_t mode, struct err *err)
{
	return fault("mkdir", path) == 0 && mkdirat(at, path, mode) == 0
		       ? 0
		       : failed(err, "make the folder", path);
}

/* One level below FD. Returns its descriptor. */
static int enter_or_make(int fd, const char *name, mode_t mode, unsigned *created, struct err *err)
{
	int next = fs_open_dir(fd, name, err);

	if (next >= 0 || err->sys != ENOENT)
		return next;
	if (fs_mkdir(fd, name, mode, err) == 0)
		++*created;
	else if (err->sys != EEXIST)
		return -1;
	err_clear(err);
	return fs_open_dir(fd, name, err);
}

int fs_mkdir_parents(int at, const char *path, mode_t mode, unsigned *created, struct err *err)
{
	char *copy = xstrdup(path), *rest = copy, *name;
	unsigned made = 0;
	struct err local = {0};
	int fd = fs_open_dir(at, path[0] == '/' ? "/" : ".", &local);

	while (fd >= 0 && (name = strsep(&rest, "/"))) {
		if (*name == '\0')
			continue;
		int next = enter_or_make(fd, name, mode, &made, &local);
		close(fd);
		fd = next;
	}
	free(copy);
	if (created)
		*created = made;
	if (fd < 0) {
		if (err)
			*err = local;
		return -1;
	}
	close(fd);
	return 0;
}

int fs_sync_path(int at, const char *path, struct err *err)
{
	char *copy = xstrdup(path), *rest = copy, *name;
	int fd = fs_open_dir(at, ".", err);

	while (fd >= 0 && (name = strsep(&rest, "/"))) {
		if (*name == '\0')
			continue;
		int next = fs_fsync(fd, err) == 0 ? fs_open_dir(fd, name, err) : -1;
		close(fd);
		fd = next;
	}
	free(copy);
	if (fd < 0)
		return -1;
	int rc = fs_fsync(fd, err);
	close(fd);
	return rc;
}

/*
 * The deepest directory of PATH that is there, opened through symlinks: what lies above is the
 * user's own. *N: how many bytes of PATH lead to it.
 */
static int open_deepest(const char *path, size_t *n, struct err *err)
{
	char *front = xstrdup(path);
	int fd;

	*n = strlen(path);
	do {
		while (*n > 0 && front[*n - 1] == '/')
			--*n;
		while (*n > 0 && front[*n - 1] != '/')
			--*n;
		front[*n] = '\0';
		fd = open_retry(AT_FDCWD, *n > 0 ? front : ".", O_RDONLY | O_DIRECTORY, 0);
	} while (fd < 0 && errno == ENOENT && *n > 1);
	free(front);
	return fd >= 0 ? fd : failed(err, "make the folder", path);
}

int fs_make_path(const char *path, mode_t mode, struct err *err)
{
	struct stat st;
	size_t n;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return 0;
	int fd = open_deepest(path, &n, err);
	if (fd < 0)
		return -1;
	int rc = fs_mkdir_parents(fd, path + n, mode, NULL, err);
	if (rc == 0)
		rc = fs_sync_path(fd, path + n, err);
	close(fd);
	return rc;
}

static int rename_by_link(int from_at, const char *from, int to_at, const char *to)
{
	if (linkat(from_at, from, to_at, to, 0) != 0)
		return -1;
	return unlinkat(from_at, from, 0);
}

int fs_rename_noreplace(int from_at, const char *from, int to_at, const char *to, struct err *err)
{
	if (fault("rename", to) != 0)
		return failed(err, "rename to", to);
	int rc = renameat2(from_at, from, to_at, to, RENAME_NOREPLACE);
	if (rc != 0 && (errno == EINVAL || errno == ENOSYS))
		rc = rename_by_link(from_at, from, to_at, to);
	return rc == 0 ? 0 : failed(err, "rename to", to);
}

int fs_rename_at_once(int from_at, const char *from, int to_at, const char *to, struct err *err)
{
	if (fault("rename", to) == 0 && renameat2(from_at, from, to_at, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno == EINVAL)
		errno = ENOSYS;
	return failed(err, "rename to", to);
}

int fs_rename(int from_at, const char *from, int to_at, const char *to, struct err *err)
{
	return fault("rename", to) == 0 && renameat(from_at, from, to_at, to) == 0
		       ? 0
		       : failed(err, "rename to", to);
}

int fs_unlink(int at, const char *path, struct err *err)
{
	return fault("unlink", path) == 0 && unlinkat(at, path, 0) == 0
		       ? 0
		       : failed(err, "remove", path);
}

int fs_rmdir(int at, const char *path, struct err *err)
{
	return fault("rmdir", path) == 0 && unlinkat(at, path, AT_REMOVEDIR) == 0
		       ? 0
		       : failed(err, "remove", path);
}

int fs_fsync(int fd, struct err *err)
{
	int rc = fault("fsync", "");

	if (rc == 0)
		do
			rc = fsync(fd);
		while (rc != 0 && errno == EINTR);
	return rc == 0 ? 0 : err_set_errno(err, ERR_DISK, "can't make written data durable");
}

int fs_set_mtime(int fd, int64_t seconds, struct err *err)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, {.tv_sec = (time_t)seconds}};
	return fault("utimens", "") == 0 && futimens(fd, times) == 0
		       ? 0
		       : err_set_errno(err, ERR_DISK, "can't set a file's time");
}

static int read_all(int fd, char *out, size_t n, size_t *done)
{
	*done = 0;
	while (*done < n) {
		ssize_t got = read(fd, out + *done, n - *done);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		*done += (size_t)got;
	}
	return 0;
}

char *fs_read_file(int at, const char *path, size_t max, size_t *n, struct err *err)
{
	struct stat st;
	int fd = fs_open_read(at, path, err);

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) != 0 || (uint64_t)st.st_size > max) {
		close(fd);
		errno = EFBIG;
		failed(err, "read (too large)", path);
		return NULL;
	}
	/* A file that grows meanwhile is read as it was. */
	char *out = xmalloc((size_t)st.st_size + 1);
	int rc = read_all(fd, out, (size_t)st.st_size, n);
	if (rc != 0)
		failed(err, "read", path);
	close(fd);
	if (rc != 0) {
		free(out);
		return NULL;
	}
	out[*n] = '\0';
	return out;
}

static int sync_parent(int at, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	char *parent =
		slash ? xstrndup(path, slash == path ? 1 : (size_t)(slash - path)) : xstrdup(".");
	/* Plain open: the parent may be reached through a symlink that the user made. */
	int fd = open_retry(at, parent, O_RDONLY | O_DIRECTORY, 0);
	int rc = fd >= 0 ? fs_fsync(fd, err) : failed(err, "open the folder", parent);

	if (fd >= 0)
		close(fd);
	free(parent);
	return rc;
}

int fs_replace_file(
	int at, const char *path, const void *data, size_t n, mode_t mode, struct err *err)
{
	char *temporary = xasprintf("%s.tmp", path);
	struct err ignored;

	if (unlinkat(at, temporary, 0) != 0 && errno != ENOENT) {
		failed(err, "remove", temporary);
		free(temporary);
		return -1;
	}
	int fd = fs_create(at, temporary, mode, err);
	int rc = fd < 0 || fs_write_all(fd, data, n, err) != 0 || fs_fsync(fd, err) != 0 ? -1 : 0;
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		rc = fs_rename(at, temporary, at, path, err);
	if (rc == 0)
		rc = sync_parent(at, path, err);
	else if (fd >= 0 && fs_unlink(at, temporary, &ignored) != 0)
		log_debug(LOG_MAILDIR, "%s", ignored.msg);
	free(temporary);
	return rc;
}

/* ---- directories ---- */

int fs_dir_open(struct fs_dir *dir, int at, const char *path, struct err *err)
{
	*dir = (struct fs_dir){.fd = fs_open_dir(at, path, err)};
	if (dir->fd < 0)
		return -1;
	dir->buf = xmalloc(DIR_BUFFER);
	return 0;
}

static bool dots(const char *name)
{
	return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

int fs_dir_next(struct fs_dir *dir, struct fs_entry *out, struct err *err)
{
	for (;;) {
		if (dir->pos >= dir->len) {
			long n;
			do
				n = syscall(SYS_getdents64, dir->fd, dir->buf, DIR_BUFFER);
			while (n < 0 && errno == EINTR);
			if (n < 0)
				return err_set_errno(err, ERR_DISK, "can't read a folder");
			if (n == 0)
				return 0;
			dir->len = (size_t)n;
			dir->pos = 0;
		}
		const struct dirent64 *entry = (const void *)(dir->buf + dir->pos);
		dir->pos += entry->d_reclen;
		if (dots(entry->d_name))
			continue;
		*out = (struct fs_entry){
			entry->d_name, strlen(entry->d_name), entry->d_type, entry->d_ino};
		return 1;
	}
}

void fs_dir_close(struct fs_dir *dir)
{
	if (dir->fd >= 0)
		close(dir->fd);
	free(dir->buf);
	*dir = (struct fs_dir){.fd = -1};
}

/* ---- durability by group ---- */

/* syncfs() reports write errors since 5.8. */
static bool kernel_reports_errors(void)
{
	struct utsname name;
	int major = 0, minor = 0;

	if (uname(&name) != 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2)
		return false;
	return major > 5 || (major == 5 && minor >= 8);
}

static bool is_local(int fd)
{
	static const uint32_t local[] = {
		0xef53,     /* ext4 */
		0x58465342, /* xfs */
		0x9123683e, /* btrfs */
		0xf2f52010, /* f2fs */
		0x2fc12fc1, /* zfs */
		0x01021994, /* tmpfs */
	};
	struct statfs st;

	if (fstatfs(fd, &st) != 0)
		return false;
	for (size_t i = 0; i < COUNT_OF(local); i++)
		if ((uint32_t)st.f_type == local[i])
			return true;
	return false;
}

bool fs_group_supported(int fd)
{
	return kernel_reports_errors() && is_local(fd);
}

bool fs_inodes_last(int fd)
{
	return is_local(fd);
}

int fs_group_sync(int fd, struct err *err)
{
	return fault("syncfs", "") == 0 && syncfs(fd) == 0
		       ? 0
		       : err_set_errno(err, ERR_DISK, "can't make written data durable");
}

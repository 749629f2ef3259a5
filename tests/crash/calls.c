/*
 * The calls that change the disk, in front of the C library's: the program's definition wins over
 * the library's for every shared object, LMDB too. One at a time, so that the record has the order
 * in which things happened.
 *
 * The record, a line an event, fields parted by tabs; the bytes of a write follow its line:
 *
 *     create INODE PATH      mkdir INODE PATH     unlink PATH     rmdir PATH
 *     rename FROM TO         link FROM TO
 *     write INODE OFFSET LENGTH     size INODE LENGTH     mtime INODE NANOSECONDS
 *     sync INODE             syncfs
 */
#include "tests/crash/fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;
static const char *watched;
static int record_fd = -1;

#define REAL(name) ((__typeof__(&(name)))real(#name))

static void *real(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	return found;
}

void calls_watch(const char *prefixes)
{
	watched = prefixes;
}

void calls_record(const char *file)
{
	if (file)
		record_fd = REAL(open)(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

/* ---- which file is it? ---- */

static bool is_lock(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash && (strcmp(slash, "/lock") == 0 || strcmp(slash, "/lock.mdb") == 0);
}

static bool is_watched(const char *path)
{
	for (const char *p = watched; p && *p;) {
		size_t n = strcspn(p, ":");
		if (strncmp(path, p, n) == 0 && (path[n] == '/' || path[n] == '\0'))
			return !is_lock(path);
		p += n + (p[n] == ':');
	}
	return false;
}

static bool path_of_fd(int fd, char out[PATH_MAX])
{
	char link[64];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
	return n > 0 && out[0] == '/';
}

/* PATH below AT, absolute. */
static bool full_path(int at, const char *path, char out[PATH_MAX])
{
	char dir[PATH_MAX];

	if (path[0] == '/')
		return snprintf(out, PATH_MAX, "%s", path) < PATH_MAX;
	if (at == AT_FDCWD ? !getcwd(dir, sizeof(dir)) : !path_of_fd(at, dir))
		return false;
	return snprintf(out, PATH_MAX, "%s/%s", dir, path) < PATH_MAX;
}

static bool watches_fd(int fd)
{
	char path[PATH_MAX];
	return watched && path_of_fd(fd, path) && is_watched(path);
}

static bool watches(int at, const char *path, char out[PATH_MAX])
{
	return watched && full_path(at, path, out) && is_watched(out);
}

static uint64_t inode_of_fd(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? (uint64_t)st.st_ino : 0;
}

/* ---- asking and noting ---- */

static void note(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void note(const char *format, ...)
{
	char line[2 * PATH_MAX + 64];
	va_list args;

	if (record_fd < 0)
		return;
	va_start(args, format);
	int n = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (syscall(SYS_write, record_fd, line, (size_t)n) != n)
		abort();
}

/* With the lock held from here to end(). 0 or FAULT_SHORT: do it; else errno is set. */
static int begin(enum fault_kind kind)
{
	pthread_mutex_lock(&one_at_a_time);
	int answer = fault_ask(kind);

	if (answer > 0)
		errno = answer;
	return answer;
}

static void end(void)
{
	int kept = errno;

	pthread_mutex_unlock(&one_at_a_time);
	errno = kept;
}

/* ---- contents ---- */

static void note_write(int fd, off_t offset, const struct iovec *parts, int count, ssize_t done)
{
	size_t left = done > 0 ? (size_t)done : 0;

	if (record_fd < 0 || left == 0)
		return;
	note("write\t%llu\t%lld\t%zu\n", (unsigned long long)inode_of_fd(fd), (long long)offset,
		left);
	for (int i = 0; i < count && left > 0; i++) {
		size_t n = parts[i].iov_len < left ? parts[i].iov_len : left;
		if (syscall(SYS_write, record_fd, parts[i].iov_base, n) != (ssize_t)n)
			abort();
		left -= n;
	}
	if (fcntl(fd, F_GETFL) & O_DSYNC)
		note("sync\t%llu\n", (unsigned long long)inode_of_fd(fd));
}

/* OFFSET -1: where the descriptor stands. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, off_t offset)
{
	off_t at = offset >= 0 ? offset : lseek(fd, 0, SEEK_CUR);
	struct iovec half = {parts[0].iov_base, parts[0].iov_len / 2};
	int answer = begin(FAULT_WRITE);
	ssize_t done = -1;

	if (answer == FAULT_SHORT) {
		parts = &half;
		count = 1;
	}
	if (answer <= 0)
		done = offset >= 0 ? REAL(pwritev)(fd, parts, count, offset)
				   : REAL(writev)(fd, parts, count);
	note_write(fd, at, parts, count, done);
	end();
	return done;
}

ssize_t write(int fd, const void *data, size_t n)
{
	struct iovec part = {(void *)(uintptr_t)data, n};
	return watches_fd(fd) ? write_parts(fd, &part, 1, -1) : REAL(write)(fd, data, n);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	return watches_fd(fd) ? write_parts(fd, parts, count, -1) : REAL(writev)(fd, parts, count);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t offset)
{
	struct iovec part = {(void *)(uintptr_t)data, n};
	return watches_fd(fd) ? write_parts(fd, &part, 1, offset)
			      : REAL(pwrite)(fd, data, n, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	return watches_fd(fd) ? write_parts(fd, parts, count, offset)
			      : REAL(pwritev)(fd, parts, count, offset);
}

int ftruncate(int fd, off_t length)
{
	if (!watches_fd(fd))
		return REAL(ftruncate)(fd, length);
	int rc = begin(FAULT_CHANGE) > 0 ? -1 : REAL(ftruncate)(fd, length);
	if (rc == 0)
		note("size\t%llu\t%lld\n", (unsigned long long)inode_of_fd(fd), (long long)length);
	end();
	return rc;
}

int futimens(int fd, const struct timespec times[2])
{
	if (!watches_fd(fd))
		return REAL(futimens)(fd, times);
	int rc = begin(FAULT_CHANGE) > 0 ? -1 : REAL(futimens)(fd, times);
	if (rc == 0)
		note("mtime\t%llu\t%lld\n", (unsigned long long)inode_of_fd(fd),
			(long long)times[1].tv_sec * 1000000000 + times[1].tv_nsec);
	end();
	return rc;
}

/* ---- names ---- */

static int open_watched(int at, const char *path, int flags, mode_t mode, const char *full)
{
	bool made = faccessat(at, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0;
	int fd = -1;

	if (begin(FAULT_CHANGE) <= 0)
		fd = REAL(openat)(at, path, flags, mode);
	if (fd >= 0 && made)
		note("create\t%llu\t%s\n", (unsigned long long)inode_of_fd(fd), full);
	if (fd >= 0 && !made && flags & O_TRUNC)
		note("size\t%llu\t0\n", (unsigned long long)inode_of_fd(fd));
	end();
	return fd;
}

/* Opening counts only if it can change something. */
static int open_at(int at, const char *path, int flags, mode_t mode)
{
	char full[PATH_MAX];

	if (!(flags & (O_CREAT | O_TRUNC)) || !watches(at, path, full))
		return REAL(openat)(at, path, flags, mode);
	return open_watched(at, path, flags, mode, full);
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & O_CREAT ? (mode_t)va_arg(args, unsigned) : 0;
}

int openat(int at, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return open_at(at, path, flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	mode_t mode = mode_of(flags, args);
	va_end(args);
	return open_at(AT_FDCWD, path, flags, mode);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	char full[PATH_MAX];
	struct stat st;

	if (!watches(at, path, full))
		return REAL(mkdirat)(at, path, mode);
	int rc = begin(FAULT_CHANGE) > 0 ? -1 : REAL(mkdirat)(at, path, mode);
	if (rc == 0 && fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) == 0)
		note("mkdir\t%llu\t%s\n", (unsigned long long)st.st_ino, full);
	end();
	return rc;
}

static int rename_watched(int from_at, const char *from, int to_at, const char *to, unsigned flags,
	const char *full_from, const char *full_to)
{
	int rc = begin(FAULT_CHANGE) > 0 ? -1 : REAL(renameat2)(from_at, from, to_at, to, flags);
	if (rc == 0)
		note("rename\t%s\t%s\n", full_from, full_to);
	end();
	return rc;
}

int renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
	char full_from[PATH_MAX], full_to[PATH_MAX];

	/* As on a file system that can't rename without overwriting. */
	if (flags && getenv("GODWIT_NO_RENAMEAT2")) {
		errno = EINVAL;
		return -1;
	}
	if (!watches(from_at, from, full_from) || !full_path(to_at, to, full_to))
		return REAL(renameat2)(from_at, from, to_at, to, flags);
	return rename_watched(from_at, from, to_at, to, flags, full_from, full_to);
}

int renameat(int from_at, const char *from, int to_at, const char *to)
{
	return renameat2(from_at, from, to_at, to, 0);
}

int linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	char full_from[PATH_MAX], full_to[PATH_MAX];

	if (!watches(from_at, from, full_from) || !full_path(to_at, to, full_to))
		return REAL(linkat)(from_at, from, to_at, to, flags);
	int rc = begin(FAULT_CHANGE) > 0 ? -1 : REAL(linkat)(from_at, from, to_at, to, flags);
	if (rc == 0)
		note("link\t%s\t%s\n", full_from, full_to);
	if (rc == 0)
		fault_linked();
	end();
	return rc;
}

int unlinkat(int at, const char *path, int flags)
{
	char full[PATH_MAX];

	if (!watches(at, path, full))
		return REAL(unlinkat)(at, path, flags);
	int rc = begin(FAULT_CHANGE) > 0 ? -1 : REAL(unlinkat)(at, path, flags);
	if (rc == 0)
		note("%s\t%s\n", flags & AT_REMOVEDIR ? "rmdir" : "unlink", full);
	end();
	return rc;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

/* ---- durability ---- */

static int sync_watched(int fd, int (*how)(int))
{
	int rc = begin(FAULT_SYNC) > 0 ? -1 : how(fd);

	if (rc == 0)
		note("sync\t%llu\n", (unsigned long long)inode_of_fd(fd));
	end();
	return rc;
}

int fsync(int fd)
{
	return watches_fd(fd) ? sync_watched(fd, REAL(fsync)) : REAL(fsync)(fd);
}

int fdatasync(int fd)
{
	return watches_fd(fd) ? sync_watched(fd, REAL(fdatasync)) : REAL(fdatasync)(fd);
}

int syncfs(int fd)
{
	if (!watches_fd(fd))
		return REAL(syncfs)(fd);
	int rc = begin(FAULT_SYNC) > 0 ? -1 : REAL(syncfs)(fd);
	if (rc == 0)
		note("syncfs\n");
	end();
	return rc;
}

/* ---- folders that are copies ---- */

/* A case begins from a copy of a world, and a power cut leaves one: with GODWIT_COPIES all folders
 * are taken for the ones that were copied, with GODWIT_COPIES=rights those that have the same ones
 * for others (rwx). */
int statx(int at, const char *path, int flags, unsigned mask, struct statx *out)
{
	const char *copies = getenv("GODWIT_COPIES");
	int rc = REAL(statx)(at, path, flags, mask | STATX_MODE, out);

	if (rc != 0 || !copies)
		return rc;
	bool rights = strcmp(copies, "rights") == 0;
	out->stx_ino = rights ? 1 + (out->stx_mode & 7u) : 1;
	out->stx_btime = (struct statx_timestamp){.tv_sec = 1};
	out->stx_mask &= ~(unsigned)STATX_BTIME;
	out->stx_mask |= rights ? STATX_BTIME : 0;
	return rc;
}

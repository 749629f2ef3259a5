/*
 * Files: whole writes, exclusive creation, renames that never overwrite, directory reading,
 * durability by group. All paths are relative to a directory descriptor; the last component is
 * never followed if it is a symlink. Every change of the file system goes through here, so that
 * tests can fail or stop the program at each one.
 */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <sys/stat.h>
#include "base/err.h"
#include "base/slice.h"

/*
 * Whoever started us may have closed standard input, output or error. Then files that we open, the
 * database too, would get these numbers, and what is printed would be written into them. So each
 * that is closed becomes a /dev/null that can be neither read nor written: its loss is noticed as
 * before. To be called before anything is opened. -1: there is no /dev/null.
 */
int fs_fill_standard_files(void) MUST_USE;

/* Nanoseconds since 1970 of a struct timespec; fits until 2262. */
int64_t fs_time_ns(struct timespec t);

/* Open a directory O_DIRECTORY|O_NOFOLLOW|O_CLOEXEC. Returns the descriptor or -1 (ENOENT in
 * err->sys). */
int fs_open_dir(int at, const char *path, struct err *err) MUST_USE;
/* Open for reading, O_NOFOLLOW|O_CLOEXEC|O_NONBLOCK, regular files only. */
int fs_open_read(int at, const char *path, struct err *err) MUST_USE;
/* O_CREAT|O_EXCL|O_WRONLY|O_NOFOLLOW|O_CLOEXEC with MODE. EEXIST in err->sys. */
int fs_create(int at, const char *path, mode_t mode, struct err *err) MUST_USE;
int fs_write_all(int fd, const void *data, size_t n, struct err *err) MUST_USE;
int fs_mkdir(int at, const char *path, mode_t mode,
	struct err *err) MUST_USE; /* EEXIST is an error here */
/* mkdir -p below AT; *CREATED (may be NULL) = how many levels were made. No level may be a symlink
 * or a file. Not durable: fs_sync_path(). */
int fs_mkdir_parents(
	int at, const char *path, mode_t mode, unsigned *created, struct err *err) MUST_USE;
/* Every directory from AT down to PATH is durable on return, with the names in it. */
int fs_sync_path(int at, const char *path, struct err *err) MUST_USE;
/* mkdir -p of a path that the user wrote: what is there of it may be reached through symlinks.
 * Durable on return. */
int fs_make_path(const char *path, mode_t mode, struct err *err) MUST_USE;
/* renameat2(RENAME_NOREPLACE); where the file system lacks it: link + unlink. EEXIST in err->sys.
 */
int fs_rename_noreplace(
	int from_at, const char *from, int to_at, const char *to, struct err *err) MUST_USE;
/* The same in one step only; ENOSYS in err->sys where the file system lacks it. */
int fs_rename_at_once(
	int from_at, const char *from, int to_at, const char *to, struct err *err) MUST_USE;
int fs_rename(int from_at, const char *from, int to_at, const char *to,
	struct err *err) MUST_USE;                                 /* replaces */
int fs_unlink(int at, const char *path, struct err *err) MUST_USE; /* ENOENT in err->sys */
/* An empty directory; ENOTEMPTY in err->sys. */
int fs_rmdir(int at, const char *path, struct err *err) MUST_USE;
int fs_fsync(int fd, struct err *err) MUST_USE;
/* Set the modification time to SECONDS since 1970 (access time: now). Times the file system cannot
 * hold are clamped by it. */
int fs_set_mtime(int fd, int64_t seconds, struct err *err) MUST_USE;
/* Read a whole small file (<= MAX bytes) into memory from malloc, NUL-terminated; *N = length. */
char *fs_read_file(int at, const char *path, size_t max, size_t *n, struct err *err) MUST_USE;
/*
 * Replace PATH whole: write a temporary file beside it, PATH.tmp, fsync it, rename over, fsync the
 * directory. Durable on return. One writer at a time: what a killed one left is written over.
 */
int fs_replace_file(int at, const char *path, const void *data, size_t n, mode_t mode,
	struct err *err) MUST_USE;

/*
 * Names of one directory, read with big getdents64 buffers. Hidden entries are included, "." and
 * ".." are not. struct fs_dir dir; fs_dir_open(&dir, at, path, err); while ((rc = fs_dir_next(&dir,
 * &entry, err)) == 1) ...; fs_dir_close(&dir);
 */
struct fs_dir {
	int fd;     /* owned; usable for *at() calls while open */
	char *buf;  /* owned */
	size_t pos; /* read so far in buf */
	size_t len; /* filled in buf */
};
struct fs_entry {
	const char *name;   /* valid until the next call */
	size_t length;      /* of name */
	unsigned char type; /* DT_*; DT_UNKNOWN where the file system does not say */
	uint64_t inode;
};
int fs_dir_open(struct fs_dir *dir, int at, const char *path, struct err *err) MUST_USE;
int fs_dir_next(struct fs_dir *dir, struct fs_entry *out,
	struct err *err) MUST_USE; /* 1, 0 at the end, -1 */
void fs_dir_close(struct fs_dir *dir);

/*
 * Durability for a group of files on the file system of FD: one syncfs() where that is cheap and
 * reports errors (Linux >= 5.8 on a local file system known to be sound), see fs_group_supported().
 * FD must have been opened before the first write of the group, so that its error cursor sees every
 * failure since.
 */
bool fs_group_supported(int fd);
/* Does a directory on the file system of FD keep its inode number for as long as it lives? */
bool fs_inodes_last(int fd);
int fs_group_sync(int fd, struct err *err) MUST_USE;

/*
 * Fault hook for tests: called before every change above with the name of the operation ("write",
 * "rename", ...) and the path. Returns 0 to go on, or an errno value to fail with. It may end the
 * process. NULL (default): none.
 */
typedef int fs_fault_hook(const char *operation, const char *path);
void fs_set_fault_hook(fs_fault_hook *hook);

#endif

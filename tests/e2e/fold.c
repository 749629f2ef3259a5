/*
 * Preloaded into godwit: a file system that can't tell "foo" from "Foo". The first is taken for the
 * second where it begins a path; a directory lists what it was made as.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static const char *fold(const char *path, char room[PATH_MAX])
{
	if (strncmp(path, "foo", 3) != 0 || (path[3] != '\0' && path[3] != '/'))
		return path;
	snprintf(room, PATH_MAX, "Foo%s", path + 3);
	return room;
}

static int open_next(const char *function, int at, const char *path, int flags, mode_t mode)
{
	char room[PATH_MAX];
	int (*next)(int, const char *, int, ...);

	*(void **)&next = dlsym(RTLD_NEXT, function);
	return next(at, fold(path, room), flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_next("openat", at, path, flags, mode);
}

int __openat_2(int at, const char *path, int flags)
{
	return open_next("openat", at, path, flags, 0);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	char room[PATH_MAX];
	int (*next)(int, const char *, mode_t);

	*(void **)&next = dlsym(RTLD_NEXT, "mkdirat");
	return next(at, fold(path, room), mode);
}

int fstatat(int at, const char *restrict path, struct stat *restrict out, int flags)
{
	char room[PATH_MAX];
	int (*next)(int, const char *, struct stat *, int);

	*(void **)&next = dlsym(RTLD_NEXT, "fstatat");
	return next(at, fold(path, room), out, flags);
}

int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict out)
{
	char room[PATH_MAX];
	int (*next)(int, const char *, int, unsigned, struct statx *);

	*(void **)&next = dlsym(RTLD_NEXT, "statx");
	return next(at, fold(path, room), flags, mask, out);
}

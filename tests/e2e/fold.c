/*
 * Preloaded into godwit: a file system on which case does not count. In paths below a directory,
 * each level is what is listed there in whatever case; what is made is listed as it was written.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_next(int at, const char *path, int flags, mode_t mode)
{
	int (*next)(int, const char *, int, ...);

	*(void **)&next = dlsym(RTLD_NEXT, "openat");
	return next(at, path, flags, mode);
}

/* How the directory AT/PATH lists NAME; NAME if it does not. */
static void find(int at, const char *path, const char *name, char out[NAME_MAX + 1])
{
	int fd = open_next(at, path[0] ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;

	snprintf(out, NAME_MAX + 1, "%s", name);
	while (dir && (entry = readdir(dir)))
		if (strcasecmp(entry->d_name, name) == 0)
			snprintf(out, NAME_MAX + 1, "%s", entry->d_name);
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

static const char *fold(int at, const char *path, char room[PATH_MAX])
{
	char copy[PATH_MAX], name[NAME_MAX + 1], *rest = copy, *level;

	if (path[0] == '/' || path[0] == '\0' || strcmp(path, ".") == 0)
		return path;
	snprintf(copy, sizeof(copy), "%s", path);
	room[0] = '\0';
	while ((level = strsep(&rest, "/"))) {
		find(at, room, level, name);
		size_t n = strlen(room);
		snprintf(room + n, PATH_MAX - n, "%s%s", n > 0 ? "/" : "", name);
	}
	return room;
}

int openat(int at, const char *path, int flags, ...)
{
	char room[PATH_MAX];
	va_list rest;

	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_next(at, fold(at, path, room), flags, mode);
}

int __openat_2(int at, const char *path, int flags)
{
	char room[PATH_MAX];

	return open_next(at, fold(at, path, room), flags, 0);
}

int mkdirat(int at, const char *path, mode_t mode)
{
	char room[PATH_MAX];
	int (*next)(int, const char *, mode_t);

	*(void **)&next = dlsym(RTLD_NEXT, "mkdirat");
	return next(at, fold(at, path, room), mode);
}

int fstatat(int at, const char *restrict path, struct stat *restrict out, int flags)
{
	char room[PATH_MAX];
	int (*next)(int, const char *, struct stat *, int);

	*(void **)&next = dlsym(RTLD_NEXT, "fstatat");
	return next(at, fold(at, path, room), out, flags);
}

int statx(int at, const char *restrict path, int flags, unsigned mask, struct statx *restrict out)
{
	char room[PATH_MAX];
	int (*next)(int, const char *, int, unsigned, struct statx *);

	*(void **)&next = dlsym(RTLD_NEXT, "statx");
	return next(at, fold(at, path, room), flags, mask, out);
}

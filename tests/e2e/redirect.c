/*
 * Preloaded into a server that runs from an unpacked package, see debs.py: paths below /usr that
 * are compiled into it are looked for below $REDIRECT_ROOT first, and sockets below /run are
 * $REDIRECT_SOCKET. Neither root nor a namespace is needed for that. And nothing is synced to the
 * disk: what a test's server holds goes with the test.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* The path to use for PATH, which may be written to ROOM. */
static const char *redirect(const char *path, char room[PATH_MAX])
{
	const char *root = getenv("REDIRECT_ROOT");
	int length;

	if (!path || !root || strncmp(path, "/usr/", 5) != 0)
		return path;
	length = snprintf(room, PATH_MAX, "%s%s", root, path);
	if (length < 0 || length >= PATH_MAX || syscall(SYS_access, room, F_OK) != 0)
		return path;
	return room;
}

/* FUNCTION as it is without us. POSIX allows this way around ISO C. */
#define NEXT(FUNCTION)                                                                             \
	__typeof__(FUNCTION) *next;                                                                \
	*(void **)&next = dlsym(RTLD_NEXT, #FUNCTION)

static int open_redirected(const char *path, int flags, va_list args)
{
	char room[PATH_MAX];
	mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(args, mode_t) : 0;

	return openat(AT_FDCWD, redirect(path, room), flags, mode);
}

int open(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_redirected(path, flags, args);
	va_end(args);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	int fd;

	va_start(args, flags);
	fd = open_redirected(path, flags, args);
	va_end(args);
	return fd;
}

DIR *opendir(const char *path)
{
	char room[PATH_MAX];
	NEXT(opendir);

	return next(redirect(path, room));
}

int stat(const char *path, struct stat *out)
{
	char room[PATH_MAX];

	return fstatat(AT_FDCWD, redirect(path, room), out, 0);
}

int stat64(const char *path, struct stat64 *out)
{
	char room[PATH_MAX];

	return fstatat64(AT_FDCWD, redirect(path, room), out, 0);
}

int access(const char *path, int mode)
{
	char room[PATH_MAX];

	return faccessat(AT_FDCWD, redirect(path, room), mode, 0);
}

int execve(const char *path, char *const argv[], char *const environment[])
{
	char room[PATH_MAX];
	NEXT(execve);

	return next(redirect(path, room), argv, environment);
}

int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

#define ARGUMENTS_MOST 20

/* Courier's libgamin starts its helper this way. */
int execl(const char *path, const char *first, ...)
{
	char *argv[ARGUMENTS_MOST + 1] = {(char *)first};
	va_list args;

	va_start(args, first);
	for (int i = 0; argv[i] && i + 1 < ARGUMENTS_MOST; i++)
		argv[i + 1] = va_arg(args, char *);
	va_end(args);
	return execv(path, argv);
}

/* Courier's authentication daemon listens at a path of its own. */
int connect(int fd, const struct sockaddr *address, socklen_t size)
{
	const struct sockaddr_un *local = (const struct sockaddr_un *)address;
	const char *instead = getenv("REDIRECT_SOCKET");
	struct sockaddr_un other = {.sun_family = AF_UNIX};
	NEXT(connect);

	if (!instead || address->sa_family != AF_UNIX || strncmp(local->sun_path, "/run/", 5) != 0)
		return next(fd, address, size);
	snprintf(other.sun_path, sizeof(other.sun_path), "%s", instead);
	return next(fd, (const struct sockaddr *)&other, sizeof(other));
}

int fsync(int fd)
{
	(void)fd;
	return 0;
}

int fdatasync(int fd)
{
	return fsync(fd);
}

void *dlopen(const char *path, int flags)
{
	char room[PATH_MAX];
	NEXT(dlopen);

	return next(redirect(path, room), flags);
}

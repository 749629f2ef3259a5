/*
 * Preloaded into godwit: the file named $GODWIT_REOPEN can be opened once; from then on the error
 * is $GODWIT_REOPEN_ERRNO.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static int opened;

static int refuse(const char *path)
{
	const char *name = getenv("GODWIT_REOPEN"), *error = getenv("GODWIT_REOPEN_ERRNO");

	return name && error && strcmp(path, name) == 0 && opened++ > 0 ? atoi(error) : 0;
}

static int open_next(const char *function, int at, const char *path, int flags, mode_t mode)
{
	int (*next)(int, const char *, int, ...);

	errno = refuse(path);
	if (errno)
		return -1;
	*(void **)&next = dlsym(RTLD_NEXT, function);
	return next(at, path, flags, mode);
}

int openat(int at, const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_next("openat", at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...)
{
	va_list rest;

	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open_next("openat64", at, path, flags, mode);
}

int __openat_2(int at, const char *path, int flags)
{
	return open_next("openat", at, path, flags, 0);
}

int __openat64_2(int at, const char *path, int flags)
{
	return open_next("openat64", at, path, flags, 0);
}

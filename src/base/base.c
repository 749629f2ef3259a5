#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

void base_bug(const char *file, int line, const char *what)
{
	char text[512];
	int n = snprintf(text, sizeof(text), "godwit: bug at %s:%d: %s\n", file, line, what);

	/* write(2), as standard I/O may be what is broken; nothing can be done if it fails. */
	if (n > 0 && write(STDERR_FILENO, text,
			     (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1) < 0)
		_exit(EX_SOFTWARE);
	_exit(EX_SOFTWARE);
}

static void *checked(void *ptr)
{
	if (!ptr)
		base_bug(__FILE__, __LINE__, "out of memory");
	return ptr;
}

void *xmalloc(size_t size)
{
	return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
	return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc_array(void *ptr, size_t count, size_t size)
{
	return checked(reallocarray(ptr, count ? count : 1, size ? size : 1));
}

char *xstrdup(const char *s)
{
	return checked(strdup(s));
}

char *xstrndup(const char *s, size_t n)
{
	return checked(strndup(s, n));
}

char *xasprintf(const char *fmt, ...)
{
	char *out = NULL;
	va_list args;

	va_start(args, fmt);
	int n = vasprintf(&out, fmt, args);
	va_end(args);
	return checked(n < 0 ? NULL : out);
}

void *base_reserve(void *items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? *room * 2 : 16;
	return xrealloc_array(items, *room, size);
}

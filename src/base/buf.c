#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_fini(struct buf *buf)
{
	free(buf->data);
	*buf = (struct buf){0};
}

void buf_wipe(struct buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->room);
	buf_fini(buf);
}

void buf_clear(struct buf *buf)
{
	buf->len = 0;
	if (buf->data)
		buf->data[0] = '\0';
}

/*
 * Grows by hand instead of realloc(), which could leave a copy of a secret behind in freed memory.
 */
char *buf_room(struct buf *buf, size_t more)
{
	size_t need = buf->len + more + 1;

	ASSERT(need > more);
	if (need > buf->room) {
		size_t room = buf->room * 2 > need ? buf->room * 2 : need;
		char *data = xmalloc(room < 32 ? 32 : room);
		if (buf->data) {
			memcpy(data, buf->data, buf->len + 1);
			explicit_bzero(buf->data, buf->len);
			free(buf->data);
		} else {
			data[0] = '\0';
		}
		buf->data = data;
		buf->room = room < 32 ? 32 : room;
	}
	return buf->data + buf->len;
}

void buf_add(struct buf *buf, const void *data, size_t n)
{
	char *to = buf_room(buf, n);
	if (n > 0)
		memcpy(to, data, n);
	buf->len += n;
	buf->data[buf->len] = '\0';
}

void buf_add_slice(struct buf *buf, struct slice s)
{
	buf_add(buf, s.p, s.n);
}

void buf_add_str(struct buf *buf, const char *s)
{
	buf_add(buf, s, strlen(s));
}

void buf_add_char(struct buf *buf, char c)
{
	buf_add(buf, &c, 1);
}

void buf_addf(struct buf *buf, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	ASSERT(n >= 0);
	vsnprintf(buf_room(buf, (size_t)n), (size_t)n + 1, fmt, again);
	va_end(again);
	buf->len += (size_t)n;
}

void buf_drop_front(struct buf *buf, size_t n)
{
	ASSERT(n <= buf->len);
	if (n == 0)
		return;
	memmove(buf->data, buf->data + n, buf->len - n + 1);
	buf->len -= n;
}

struct slice buf_slice(const struct buf *buf)
{
	return (struct slice){buf->data, buf->len};
}

char *buf_take(struct buf *buf)
{
	char *data = buf->data ? buf->data : xstrdup("");
	*buf = (struct buf){0};
	return data;
}

/*
 * A growable byte buffer. { 0 } is an empty one. Memory is owned by the struct until buf_fini().
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/slice.h"

struct buf {
	char *data;  /* always NUL-terminated behind len when not NULL; the NUL is not counted */
	size_t len;  /* bytes used */
	size_t room; /* bytes allocated */
};

void buf_fini(struct buf *buf);  /* frees; leaves an empty buffer */
void buf_wipe(struct buf *buf);  /* overwrites all room, then as buf_fini(): for secrets */
void buf_clear(struct buf *buf); /* len = 0, keeps the room */
char *buf_room(
	struct buf *buf, size_t more); /* room for MORE bytes behind len; returns data + len */
void buf_add(struct buf *buf, const void *data, size_t n);
void buf_add_slice(struct buf *buf, struct slice s);
void buf_add_str(struct buf *buf, const char *s);
void buf_add_char(struct buf *buf, char c);
void buf_addf(struct buf *buf, const char *fmt, ...) PRINTF(2, 3);
void buf_drop_front(struct buf *buf, size_t n); /* remove the first N bytes */
struct slice buf_slice(const struct buf *buf);
char *buf_take(
	struct buf *buf); /* the string, now owned by the caller; the buffer is empty afterwards */

#endif

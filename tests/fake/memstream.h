/*
 * A stream in memory, for protocol tests without sockets and threads. The test plays the server: it
 * feeds what the code under test will read and looks at what that code wrote.
 *
 *     struct stream *s = memstream_new();
 *     memstream_feed(s, "* OK ready\r\n", 12);
 *     ... code under test reads the greeting, writes "a LOGIN ...", flushes ...
 *     assert_string_equal(memstream_written(s)->data, "a LOGIN ...");
 *     stream_close(s);
 *
 * Nothing ever waits. A read that finds no bytes and no end is what a silent server is on a socket:
 * ERR_NET, and the message says if bytes were written and not flushed, the usual reason. One thread
 * at a time.
 */
#ifndef TESTS_FAKE_MEMSTREAM_H
#define TESTS_FAKE_MEMSTREAM_H

#include "base/buf.h"
#include "net/stream.h"

/* An empty stream. Freed by stream_close(), from whichever layer above it. */
struct stream *memstream_new(void);

/* Bytes for the reader, behind those fed before; copied. May be called at any time, also from the
 * hook below. */
void memstream_feed(struct stream *stream, const void *data, size_t n);
void memstream_feed_str(struct stream *stream, const char *s);
/* Behind what was fed comes the clean end of the stream: reads return 0. */
void memstream_feed_end(struct stream *stream);

/*
 * All that was written AND flushed so far, in order. The buffer belongs to the stream; the test may
 * take from it with buf_clear() or buf_drop_front(). Its data is NULL as long as nothing was
 * flushed.
 */
struct buf *memstream_written(struct stream *stream);

/*
 * FN is called after each flush that had bytes to send, with the buffer of memstream_written(): it
 * can look for a complete command, drop it from the buffer and answer with memstream_feed(). NULL:
 * no hook. It must not close the stream.
 */
typedef void memstream_hook(struct stream *stream, struct buf *written, void *arg);
void memstream_on_write(struct stream *stream, memstream_hook *fn, void *arg);

/* A read returns at most N bytes from now on (1: every boundary is met); 0: no such limit. */
void memstream_chunk(struct stream *stream, size_t n);
/* After N more bytes writes fail with ERR_NET, as on a connection that was cut; flushing as well.
 */
void memstream_cut_writes(struct stream *stream, size_t n);

#endif

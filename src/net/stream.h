/*
 * A two-way byte stream with one blocking reader and writer thread. Streams stand on one another:
 * trace on deflate on TLS on TCP (or on a command's pipes); each owns the one below and closes it.
 * In tests a stream is memory.
 *
 * Every wait is bounded by the stream's timeout (silence) and by the program's cancel flag. A write
 * that can't go on because the peer does not read, too, ends with ERR_NET after the timeout.
 */
#ifndef NET_STREAM_H
#define NET_STREAM_H

#include "base/err.h"

struct stream;

struct stream_ops {
	/* 1..n bytes read into DATA, 0 at a clean end of the stream, -1 with ERR. */
	ssize_t (*read)(struct stream *stream, void *data, size_t n, struct err *err);
	/* All N bytes are taken (perhaps into a buffer), or -1. */
	int (*write)(struct stream *stream, const void *data, size_t n, struct err *err);
	/* Everything written so far is on its way to the peer. */
	int (*flush)(struct stream *stream, struct err *err);
	/* Bytes that a read would return without waiting are known to exist (buffered in this or a
	 * lower layer). */
	bool (*pending)(struct stream *stream);
	/* The shortest round trip to the peer that the network has seen, in ms. May be NULL: not
	 * known. */
	unsigned (*round_trip_ms)(struct stream *stream);
	/*
	 * No wait goes on beyond DEADLINE (clock_ms(); INT64_MAX: no such bound, as at first), for
	 * this call or for any, and nothing is read from the peer then. May be NULL: waits are
	 * bounded by the timeout alone.
	 */
	void (*set_deadline)(struct stream *stream, int64_t deadline);
	/*
	 * Directly before a close: send N bytes if that needs no wait and nothing is left to flush,
	 * else drop them. This is for the closing words of a protocol above. May be NULL: always
	 * dropped.
	 */
	void (*send_last)(struct stream *stream, const void *data, size_t n);
	/*
	 * Close and free this stream and those below. Never fails, never waits for the peer; what
	 * was not flushed is not sent. A TLS stream sends its close_notify if that needs no wait.
	 */
	void (*close)(struct stream *stream);
};

/* First member of every kind of stream. */
struct stream {
	const struct stream_ops *ops;
};

ssize_t stream_read(struct stream *stream, void *data, size_t n, struct err *err) MUST_USE;
int stream_write(struct stream *stream, const void *data, size_t n, struct err *err) MUST_USE;
int stream_flush(struct stream *stream, struct err *err) MUST_USE;
bool stream_pending(struct stream *stream);
unsigned stream_round_trip_ms(struct stream *stream); /* UINT_MAX: not known */
void stream_set_deadline(struct stream *stream, int64_t deadline);
void stream_send_last(struct stream *stream, const void *data, size_t n);
void stream_close(struct stream *stream); /* NULL is allowed */

#endif

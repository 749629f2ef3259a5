/*
 * DEFLATE on a stream (RFC 1951, for COMPRESS of RFC 4978), zlib's door. Memory is what zlib takes
 * and two buffers, whatever the peer sends: a bomb comes out piece by piece, like everything else,
 * and whoever reads bounds what he keeps.
 */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "net/net.h"

#define BUFFER (16 * 1024)

struct deflate {
	struct stream stream;
	struct stream *below; /* owned */
	z_stream in, out;
	bool more;  /* the last read filled what it was given: more may wait inside zlib */
	bool dirty; /* written since the last flush */
	bool ended; /* the peer ended its side of the compression */
	unsigned char input[BUFFER], output[BUFFER];
};

static struct deflate *of(struct stream *stream)
{
	return (struct deflate *)(void *)stream;
}

static int broken(const z_stream *z, struct err *err)
{
	return err_set(err, ERR_PROTO, "the server's compressed data is damaged: %s",
		z->msg ? z->msg : "no such data");
}

/* More compressed octets. 1, 0 at the end of the stream, -1. */
static int refill(struct deflate *d, struct err *err)
{
	ssize_t n = stream_read(d->below, d->input, sizeof(d->input), err);

	d->in.next_in = d->input;
	d->in.avail_in = n > 0 ? (uInt)n : 0;
	return n > 0 ? 1 : (int)n;
}

static ssize_t deflate_read(struct stream *stream, void *data, size_t n, struct err *err)
{
	struct deflate *d = of(stream);
	size_t room = n < BUFFER * 64 ? n : BUFFER * 64;

	while (!d->ended) {
		if (d->in.avail_in == 0 && !d->more) {
			int rc = refill(d, err);
			if (rc <= 0)
				return rc;
		}
		d->in.next_out = data;
		d->in.avail_out = (uInt)room;
		int rc = inflate(&d->in, Z_SYNC_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR)
			return broken(&d->in, err);
		size_t got = room - d->in.avail_out;
		d->ended = rc == Z_STREAM_END;
		d->more = d->in.avail_out == 0;
		if (got > 0)
			return (ssize_t)got;
	}
	return 0;
}

/* Hand on what is compressed; HOW as for deflate(). */
static int compress_on(struct deflate *d, int how, struct err *err)
{
	do {
		d->out.next_out = d->output;
		d->out.avail_out = sizeof(d->output);
		if (deflate(&d->out, how) == Z_STREAM_ERROR)
			return err_set(err, ERR_NET, "can't compress: %s",
				d->out.msg ? d->out.msg : "zlib");
		size_t n = sizeof(d->output) - d->out.avail_out;
		if (n > 0 && stream_write(d->below, d->output, n, err) != 0)
			return -1;
	} while (d->out.avail_out == 0);
	return 0;
}

static int deflate_write(struct stream *stream, const void *data, size_t n, struct err *err)
{
	struct deflate *d = of(stream);
	const unsigned char *from = data;

	d->dirty = true;
	while (n > 0) {
		uInt part = n < (1u << 30) ? (uInt)n : 1u << 30;
		d->out.next_in = (unsigned char *)(uintptr_t)from;
		d->out.avail_in = part;
		if (compress_on(d, Z_NO_FLUSH, err) != 0)
			return -1;
		from += part;
		n -= part;
	}
	return 0;
}

static int deflate_flush(struct stream *stream, struct err *err)
{
	struct deflate *d = of(stream);

	if (d->dirty && compress_on(d, Z_SYNC_FLUSH, err) != 0)
		return -1;
	d->dirty = false;
	return stream_flush(d->below, err);
}

static bool deflate_pending(struct stream *stream)
{
	struct deflate *d = of(stream);
	return d->more || d->in.avail_in > 0 || stream_pending(d->below);
}

static unsigned deflate_round_trip_ms(struct stream *stream)
{
	return stream_round_trip_ms(of(stream)->below);
}

static void deflate_set_deadline(struct stream *stream, int64_t deadline)
{
	stream_set_deadline(of(stream)->below, deadline);
}

static void deflate_send_last(struct stream *stream, const void *data, size_t n)
{
	struct deflate *d = of(stream);

	if (d->dirty) /* what was not flushed would have to go first */
		return;
	d->out.next_in = (unsigned char *)(uintptr_t)data;
	d->out.avail_in = (uInt)n;
	d->out.next_out = d->output;
	d->out.avail_out = sizeof(d->output);
	if (n < BUFFER / 2 && deflate(&d->out, Z_SYNC_FLUSH) == Z_OK && d->out.avail_out > 0)
		stream_send_last(d->below, d->output, sizeof(d->output) - d->out.avail_out);
}

static void deflate_close(struct stream *stream)
{
	struct deflate *d = of(stream);

	inflateEnd(&d->in);
	deflateEnd(&d->out);
	stream_close(d->below);
	free(d);
}

static const struct stream_ops ops = {
	.read = deflate_read,
	.write = deflate_write,
	.flush = deflate_flush,
	.pending = deflate_pending,
	.round_trip_ms = deflate_round_trip_ms,
	.set_deadline = deflate_set_deadline,
	.send_last = deflate_send_last,
	.close = deflate_close,
};

int net_start_deflate(struct stream **stream, struct slice ahead, struct err *err)
{
	struct deflate *d = xcalloc(1, sizeof(*d));

	ASSERT(ahead.n <= sizeof(d->input));
	d->stream.ops = &ops;
	d->below = *stream;
	/* Negative window bits: no zlib header (RFC 4978 section 3). */
	if (inflateInit2(&d->in, -15) != Z_OK ||
		deflateInit2(&d->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8,
			Z_DEFAULT_STRATEGY) != Z_OK) {
		*stream = NULL;
		deflate_close(&d->stream);
		return err_set(err, ERR_NET, "can't begin to compress");
	}
	if (ahead.n > 0)
		memcpy(d->input, ahead.p, ahead.n);
	d->in.next_in = d->input;
	d->in.avail_in = (uInt)ahead.n;
	*stream = &d->stream;
	return 0;
}

#include "net/stream.h"

#include <limits.h>

ssize_t stream_read(struct stream *stream, void *data, size_t n, struct err *err)
{
	ASSERT(n > 0); /* 0 bytes would look like the end */
	return stream->ops->read(stream, data, n, err);
}

int stream_write(struct stream *stream, const void *data, size_t n, struct err *err)
{
	return n == 0 ? 0 : stream->ops->write(stream, data, n, err);
}

int stream_flush(struct stream *stream, struct err *err)
{
	return stream->ops->flush(stream, err);
}

bool stream_pending(struct stream *stream)
{
	return stream->ops->pending(stream);
}

unsigned stream_round_trip_ms(struct stream *stream)
{
	return stream->ops->round_trip_ms ? stream->ops->round_trip_ms(stream) : UINT_MAX;
}

void stream_set_deadline(struct stream *stream, int64_t deadline)
{
	if (stream->ops->set_deadline)
		stream->ops->set_deadline(stream, deadline);
}

void stream_send_last(struct stream *stream, const void *data, size_t n)
{
	if (stream->ops->send_last)
		stream->ops->send_last(stream, data, n);
}

void stream_close(struct stream *stream)
{
	if (stream)
		stream->ops->close(stream);
}

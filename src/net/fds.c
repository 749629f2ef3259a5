/*
 * The lowest stream: a socket, or the two pipes of a command. Descriptors are non-blocking; each
 * call tries first and polls only if it has to.
 *
 * Both directions are buffered here. Readers above ask for little pieces (TLS: a header of five
 * bytes, then the record); writers above write a command in several pieces that should leave as one
 * packet.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/thread.h"
#include "net/net.h"
#include "net/wait.h"

#define FDS_BUFFER (64 * 1024)

struct fds {
	struct stream base;
	int read_fd, write_fd; /* owned; equal for a socket */
	bool socket;           /* write_fd takes send() */
	bool drained; /* the last read took all that there was: the next one would find nothing */
	unsigned timeout_ms;
	int64_t deadline;      /* of all waits; INT64_MAX: none */
	size_t in_pos, in_len; /* unread bytes: in[in_pos..in_len) */
	size_t out_len;        /* gathered, not sent */
	char in[FDS_BUFFER];
	char out[FDS_BUFFER];
};

/* As write(), but a peer that is gone is EPIPE, not a signal. For pipes main() ignores SIGPIPE. */
static ssize_t fds_send(struct fds *fds, const void *data, size_t n)
{
	if (fds->socket)
		return send(fds->write_fd, data, n, MSG_NOSIGNAL);
	return write(fds->write_fd, data, n);
}

static int too_late(struct err *err)
{
	return err_set(err, ERR_NET, "the server takes too long");
}

static int fds_wait(struct fds *fds, int fd, short events, struct err *err)
{
	struct pollfd one = {.fd = fd, .events = events};
	int64_t silence = clock_ms() + fds->timeout_ms;
	bool late = fds->deadline < silence;
	int rc = net_wait_until(&one, 1, late ? fds->deadline : silence, err);

	if (rc == 0 && late)
		return too_late(err);
	if (rc == 0)
		return err_set(err, ERR_NET,
			events == POLLIN ? "no answer for %u s"
					 : "the server takes no data for %u s",
			(fds->timeout_ms + 999) / 1000);
	return rc < 0 ? -1 : 0;
}

static ssize_t fds_receive(struct fds *fds, void *data, size_t n, struct err *err)
{
	ssize_t got;

	/* What is there already counts no more, either: a layer above that makes nothing of it
	 * would read for ever. */
	if (fds->deadline != INT64_MAX && clock_ms() >= fds->deadline)
		return too_late(err);
	if (fds->drained && fds_wait(fds, fds->read_fd, POLLIN, err))
		return -1;
	for (;;) {
		got = read(fds->read_fd, data, n);
		fds->drained = got > 0 && (size_t)got < n;
		if (got >= 0)
			return got;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_set_errno(err, ERR_NET, "the connection broke while reading");
		if (fds_wait(fds, fds->read_fd, POLLIN, err))
			return -1;
	}
}

static ssize_t fds_read(struct stream *stream, void *data, size_t n, struct err *err)
{
	struct fds *fds = (struct fds *)stream;
	ssize_t got;

	if (fds->in_pos == fds->in_len) {
		if (n >= FDS_BUFFER)
			return fds_receive(fds, data, n, err);
		got = fds_receive(fds, fds->in, FDS_BUFFER, err);
		if (got <= 0)
			return got;
		fds->in_pos = 0;
		fds->in_len = (size_t)got;
	}
	if (n > fds->in_len - fds->in_pos)
		n = fds->in_len - fds->in_pos;
	memcpy(data, fds->in + fds->in_pos, n);
	fds->in_pos += n;
	return (ssize_t)n;
}

static int fds_send_all(struct fds *fds, const char *data, size_t n, struct err *err)
{
	ssize_t sent;

	while (n > 0) {
		sent = fds_send(fds, data, n);
		if (sent >= 0) {
			data += sent;
			n -= (size_t)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return err_set_errno(err, ERR_NET, "the connection broke while writing");
		if (fds_wait(fds, fds->write_fd, POLLOUT, err))
			return -1;
	}
	return 0;
}

static int fds_flush(struct stream *stream, struct err *err)
{
	struct fds *fds = (struct fds *)stream;
	size_t n = fds->out_len;

	/* A failed flush is the end of the connection: what part of it went out is not known any
	 * more. */
	fds->out_len = 0;
	return fds_send_all(fds, fds->out, n, err);
}

static int fds_write(struct stream *stream, const void *data, size_t n, struct err *err)
{
	struct fds *fds = (struct fds *)stream;

	if (n > FDS_BUFFER - fds->out_len && fds_flush(stream, err))
		return -1;
	if (n >= FDS_BUFFER)
		return fds_send_all(fds, data, n, err);
	memcpy(fds->out + fds->out_len, data, n);
	fds->out_len += n;
	return 0;
}

static bool fds_pending(struct stream *stream)
{
	struct fds *fds = (struct fds *)stream;

	return fds->in_pos < fds->in_len;
}

/* As the kernel measured it: a busy machine at either end does not make it longer. */
static unsigned fds_round_trip_ms(struct stream *stream)
{
	struct fds *fds = (struct fds *)stream;
	struct tcp_info info = {0};
	socklen_t length = sizeof(info);

	if (!fds->socket || getsockopt(fds->read_fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 ||
		length < offsetof(struct tcp_info, tcpi_min_rtt) + sizeof(info.tcpi_min_rtt) ||
		info.tcpi_min_rtt == UINT32_MAX)
		return UINT_MAX;
	return info.tcpi_min_rtt / 1000;
}

static void fds_set_deadline(struct stream *stream, int64_t deadline)
{
	((struct fds *)stream)->deadline = deadline;
}

static void fds_send_last(struct stream *stream, const void *data, size_t n)
{
	struct fds *fds = (struct fds *)stream;
	ssize_t ignored UNUSED;

	if (fds->out_len == 0) /* else DATA would come out of its place in the stream */
		ignored = fds_send(fds, data, n);
}

static void fds_close(struct stream *stream)
{
	struct fds *fds = (struct fds *)stream;

	if (fds->write_fd != fds->read_fd)
		close(fds->write_fd);
	close(fds->read_fd);
	free(fds);
}

static const struct stream_ops fds_ops = {
	.read = fds_read,
	.write = fds_write,
	.flush = fds_flush,
	.pending = fds_pending,
	.round_trip_ms = fds_round_trip_ms,
	.set_deadline = fds_set_deadline,
	.send_last = fds_send_last,
	.close = fds_close,
};

static void fds_set_nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	ASSERT(flags >= 0);
	if (!(flags & O_NONBLOCK))
		ASSERT(fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0);
}

struct stream *net_stream_fds(int read_fd, int write_fd, unsigned timeout_ms)
{
	struct fds *fds =
		xmalloc(sizeof(*fds)); /* not zeroed: the buffers would cost their pages */
	socklen_t length = sizeof(int);
	int type;

	fds->base.ops = &fds_ops;
	fds->read_fd = read_fd;
	fds->write_fd = write_fd;
	fds->socket = getsockopt(write_fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
	fds->drained = false;
	fds->timeout_ms = timeout_ms;
	fds->deadline = INT64_MAX;
	fds->in_pos = fds->in_len = fds->out_len = 0;
	fds_set_nonblocking(read_fd);
	fds_set_nonblocking(write_fd);
	return &fds->base;
}

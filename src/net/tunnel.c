/*
 * Pipes, not a socket pair: bash reads ~/.bashrc when its standard input is a socket, and what that
 * prints would end up in the protocol. The command stays in our process group, so that ssh can ask
 * for a passphrase on the terminal; the price is that it gets a Ctrl-C typed there as well, which
 * is a lost connection like any other.
 */
#include "net/tunnel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/thread.h"
#include "net/net.h"

/* How long a command may take to end: after its pipes broke, after they were closed, after SIGTERM.
 */
#define GRACE_BROKEN_MS 300
#define GRACE_CLOSED_MS 2000
#define GRACE_TERM_MS 1000

struct tunnel {
	struct stream base;
	struct stream *pipes; /* owned */
	char *name;           /* argv[0], for messages */
	pid_t pid;            /* 0: ended and reaped */
	int status;           /* of waitpid(), once reaped */
};

/* Has the command ended, or will it within MS? Reaps it. */
static bool tunnel_ended(struct tunnel *tunnel, int64_t ms)
{
	struct timespec pause = {.tv_nsec = 2000000};
	int64_t deadline = clock_ms() + ms;
	pid_t got;

	while (tunnel->pid != 0) {
		got = waitpid(tunnel->pid, &tunnel->status, WNOHANG);
		if (got == tunnel->pid || (got < 0 && errno == ECHILD)) {
			tunnel->pid = 0;
		} else if (clock_ms() >= deadline) {
			return false;
		} else {
			nanosleep(&pause, NULL);
			if (pause.tv_nsec < 50000000)
				pause.tv_nsec *= 2;
		}
	}
	return true;
}

/*
 * The pipes broke or came to their end. If that is because the command failed, its status says more
 * than EPIPE does: then ERR is replaced. Returns true in that case.
 */
static bool tunnel_failed(struct tunnel *tunnel, struct err *err)
{
	if (!tunnel_ended(tunnel, GRACE_BROKEN_MS))
		return false;
	if (WIFSIGNALED(tunnel->status)) {
		err_set(err, ERR_NET, "the tunnel command \"%s\" was ended by signal %d (%s)",
			tunnel->name, WTERMSIG(tunnel->status),
			strsignal(WTERMSIG(tunnel->status)));
		return true;
	}
	if (WEXITSTATUS(tunnel->status) == 0)
		return false;
	err_set(err, ERR_NET, "the tunnel command \"%s\" ended with exit status %d", tunnel->name,
		WEXITSTATUS(tunnel->status));
	return true;
}

static ssize_t tunnel_read(struct stream *stream, void *data, size_t n, struct err *err)
{
	struct tunnel *tunnel = (struct tunnel *)stream;
	ssize_t got = stream_read(tunnel->pipes, data, n, err);

	if (got == 0 && tunnel_failed(tunnel, err))
		return -1;
	return got;
}

/* RC of a write or flush, with the reason where the command is gone. A timeout or a cancel is left
 * as it is. */
static int tunnel_sent(struct tunnel *tunnel, int rc, struct err *err)
{
	if (rc && err && err->sys == EPIPE && !tunnel_failed(tunnel, err))
		err_set(err, ERR_NET, "the tunnel command \"%s\" closed its input", tunnel->name);
	return rc;
}

static int tunnel_write(struct stream *stream, const void *data, size_t n, struct err *err)
{
	struct tunnel *tunnel = (struct tunnel *)stream;

	return tunnel_sent(tunnel, stream_write(tunnel->pipes, data, n, err), err);
}

static int tunnel_flush(struct stream *stream, struct err *err)
{
	struct tunnel *tunnel = (struct tunnel *)stream;

	return tunnel_sent(tunnel, stream_flush(tunnel->pipes, err), err);
}

static bool tunnel_pending(struct stream *stream)
{
	return stream_pending(((struct tunnel *)stream)->pipes);
}

static void tunnel_set_deadline(struct stream *stream, int64_t deadline)
{
	stream_set_deadline(((struct tunnel *)stream)->pipes, deadline);
}

static void tunnel_send_last(struct stream *stream, const void *data, size_t n)
{
	stream_send_last(((struct tunnel *)stream)->pipes, data, n);
}

static void tunnel_close(struct stream *stream)
{
	struct tunnel *tunnel = (struct tunnel *)stream;

	stream_close(tunnel->pipes);
	if (!tunnel_ended(tunnel, GRACE_CLOSED_MS)) {
		kill(tunnel->pid, SIGTERM);
		if (!tunnel_ended(tunnel, GRACE_TERM_MS)) {
			kill(tunnel->pid, SIGKILL);
			while (waitpid(tunnel->pid, NULL, 0) < 0 && errno == EINTR)
				;
		}
	}
	free(tunnel->name);
	free(tunnel);
}

static const struct stream_ops tunnel_ops = {
	.read = tunnel_read,
	.write = tunnel_write,
	.flush = tunnel_flush,
	.pending = tunnel_pending,
	.set_deadline = tunnel_set_deadline,
	.send_last = tunnel_send_last,
	.close = tunnel_close,
};

static bool is_missing(int error)
{
	return error == ENOENT || error == EACCES || error == ENOTDIR || error == ENOEXEC ||
	       error == ELOOP;
}

static int spawn_error(const char *name, int error, struct err *err)
{
	errno = error;
	return err_set_errno(err, is_missing(error) ? ERR_CONFIG : ERR_NET,
		"cannot start the tunnel command \"%s\"", name);
}

static void close_pair(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

struct stream *net_tunnel_open(char *const *argv, unsigned timeout_ms, struct err *err)
{
	struct tunnel *tunnel;
	int to[2], from[2], rc;
	pid_t pid;

	if (pipe2(to, O_CLOEXEC)) {
		err_set_errno(err, ERR_NET, "cannot make a pipe to the tunnel command");
		return NULL;
	}
	if (pipe2(from, O_CLOEXEC)) {
		err_set_errno(err, ERR_NET, "cannot make a pipe from the tunnel command");
		close_pair(to);
		return NULL;
	}

	rc = spawn_command(&(struct spawn){.argv = argv, .input = to[0], .output = from[1]}, &pid);
	close(to[0]);
	close(from[1]);
	if (rc != 0) {
		close(to[1]);
		close(from[0]);
		spawn_error(argv[0], rc, err);
		return NULL;
	}

	tunnel = xcalloc(1, sizeof(*tunnel));
	tunnel->base.ops = &tunnel_ops;
	tunnel->pipes = net_stream_fds(from[0], to[1], timeout_ms);
	tunnel->name = xstrdup(argv[0]);
	tunnel->pid = pid;
	return &tunnel->base;
}

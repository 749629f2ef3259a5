/*
 * A command runs as its argv says, without a shell, in a process group of its own, so that a
 * time-out ends all of it. Not if we are what the user has before him on a terminal: a command that
 * asks there for a passphrase (pinentry, systemd-ask-password) would be stopped by the kernel if it
 * were in another group, and Ctrl-C is to end both. Then commands run one at a time, so that two
 * accounts do not ask at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"
#include "base/thread.h"
#include "config/program.h"

#define OUTPUT_MOST (64u << 10)

/* We are in the foreground of the terminal that we were started from. */
static bool is_in_foreground(void)
{
	int terminal = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	bool ours = terminal >= 0 && tcgetpgrp(terminal) == getpgrp();

	if (terminal >= 0)
		close(terminal);
	return ours;
}

static int start(char *const argv[], const int fds[2], bool own_group, pid_t *pid, struct err *err)
{
	struct spawn spawn = {
		.argv = argv, .input = fds[0], .output = fds[1], .own_group = own_group};
	int rc = spawn_command(&spawn, pid);

	if (rc == 0)
		return 0;
	errno = rc;
	return err_set_errno(err, ERR_AUTH, "the command %s can't be started", argv[0]);
}

/* All that the command prints, until it closes its output. */
static int collect(int fd, int64_t deadline, const char *name, struct buf *out, struct err *err)
{
	size_t start = out->len;
	struct pollfd fds[2] = {
		{.fd = fd, .events = POLLIN}, {.fd = cancel_fd(), .events = POLLIN}};

	for (;;) {
		int64_t left = deadline - clock_ms();
		if (left <= 0)
			return err_set(err, ERR_AUTH, "the command %s did not end in time", name);
		if (cancel_check(err) != 0)
			return -1;
		int ready = poll(fds, 2, (int)(left < 1000 ? left : 1000));
		if (ready <= 0 || !fds[0].revents)
			continue;
		ssize_t n = read(fd, buf_room(out, 4096), 4096);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_errno(err, ERR_AUTH, "the command %s can't be read", name);
		if (n == 0)
			return 0;
		out->len += (size_t)n;
		if (out->len - start > OUTPUT_MOST)
			return err_set(
				err, ERR_AUTH, "the command %s prints more than 64 KiB", name);
	}
}

static int wait_for(pid_t pid, pid_t group, int64_t deadline, const char *name, struct err *err)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		int rc = clock_ms() < deadline
				 ? cancel_sleep_ms(10, err)
				 : err_set(err, ERR_AUTH, "the command %s did not end in time",
					   name);
		if (rc != 0) {
			kill(group, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (cancel_check(err) != 0) /* Ctrl-C may end the command before us */
		return -1;
	return WIFEXITED(status) ? err_set(err, ERR_AUTH, "the command %s failed with status %d",
					   name, WEXITSTATUS(status))
				 : err_set(err, ERR_AUTH, "the command %s was ended by signal %d",
					   name, WTERMSIG(status));
}

/* Where a command reads INPUT, all of which fits into the pipe; -1: nowhere, or an error. */
static int make_input(struct slice input, struct err *err)
{
	int fds[2];

	ASSERT(input.n <= PROGRAM_INPUT_MOST);
	if (pipe2(fds, O_CLOEXEC) != 0)
		return err_set_errno(err, ERR_AUTH, "can't make a pipe");
	if (write(fds[1], input.p, input.n) != (ssize_t)input.n) {
		err_set_errno(err, ERR_AUTH, "can't write to a pipe");
		close(fds[0]);
		fds[0] = -1;
	}
	close(fds[1]);
	return fds[0];
}

/* INPUT: where the command reads; -1: nowhere. */
static int run(char *const argv[], int input, unsigned timeout_ms, bool own_group, struct buf *out,
	struct err *err)
{
	int64_t deadline = clock_ms() + timeout_ms;
	int output[2], rc = -1;
	pid_t pid, group;

	if (pipe2(output, O_CLOEXEC) != 0)
		return err_set_errno(err, ERR_AUTH, "can't make a pipe");
	rc = start(argv, (int[]){input, output[1]}, own_group, &pid, err);
	close(output[1]);
	group = own_group ? -pid : pid;
	if (rc == 0 && collect(output[0], deadline, argv[0], out, err) == 0) {
		rc = wait_for(pid, group, deadline, argv[0], err);
	} else if (rc == 0) {
		kill(group, SIGKILL);
		waitpid(pid, NULL, 0);
		rc = -1;
	}
	close(output[0]);
	return rc;
}

int program_run(char *const argv[], struct slice input, unsigned timeout_ms, struct buf *out,
	struct err *err)
{
	static pthread_mutex_t terminal = PTHREAD_MUTEX_INITIALIZER;
	int from = input.n ? make_input(input, err) : -1, rc;

	if (input.n && from < 0)
		return -1;
	if (is_in_foreground()) {
		mutex_lock(&terminal);
		rc = run(argv, from, timeout_ms, false, out, err);
		mutex_unlock(&terminal);
	} else {
		rc = run(argv, from, timeout_ms, true, out, err);
	}
	if (from >= 0)
		close(from);
	return rc;
}

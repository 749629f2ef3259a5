/*
 * Where secrets come from. A command runs as its argv says, without a shell, in a process group of
 * its own, so that a time-out ends all of it; only its first line counts (password managers print
 * notes below).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "config/config.h"

#define OUTPUT_MOST (64u << 10)

extern char **environ;

/* Cut OUT behind START at the first line end. */
static void first_line(struct buf *out, size_t start)
{
	char *end = out->data ? memchr(out->data + start, '\n', out->len - start) : NULL;

	if (end) {
		explicit_bzero(end, out->len - (size_t)(end - out->data));
		out->len = (size_t)(end - out->data);
	}
	if (out->data && out->len > start && out->data[out->len - 1] == '\r')
		out->data[--out->len] = '\0';
}

static int spawn(char *const argv[], int output, pid_t *pid, struct err *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(&attributes,
		POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGTERM);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	int rc = posix_spawnp(pid, argv[0], &actions, &attributes, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
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

static int wait_for(pid_t pid, int64_t deadline, const char *name, struct err *err)
{
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct err ignored;
		if (clock_ms() >= deadline || cancel_sleep_ms(10, &ignored) != 0) {
			kill(-pid, SIGKILL);
			waitpid(pid, &status, 0);
			return err_set(err, ERR_AUTH, "the command %s did not end in time", name);
		}
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	return WIFEXITED(status) ? err_set(err, ERR_AUTH, "the command %s failed with status %d",
					   name, WEXITSTATUS(status))
				 : err_set(err, ERR_AUTH, "the command %s was ended by signal %d",
					   name, WTERMSIG(status));
}

static int from_command(char *const argv[], unsigned timeout_ms, struct buf *out, struct err *err)
{
	int64_t deadline = clock_ms() + timeout_ms;
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) != 0)
		return err_set_errno(err, ERR_AUTH, "can't make a pipe");
	int rc = spawn(argv, pipe_fds[1], &pid, err);
	close(pipe_fds[1]);
	if (rc == 0) {
		rc = collect(pipe_fds[0], deadline, argv[0], out, err);
		if (rc != 0) {
			kill(-pid, SIGKILL);
			waitpid(pid, NULL, 0);
		} else {
			rc = wait_for(pid, deadline, argv[0], err);
		}
	}
	close(pipe_fds[0]);
	return rc;
}

static int from_file(const char *path, struct buf *out, struct err *err)
{
	struct stat st;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set_errno(err, ERR_CONFIG, "can't read the password file %s", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		err_set(err, ERR_CONFIG, "the password file %s is no regular file", path);
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		err_set(err, ERR_CONFIG,
			"the password file %s can be read by others; run: chmod 600 %s", path,
			path);
	else if ((n = read(fd, buf_room(out, 4096), 4096)) < 0)
		err_set_errno(err, ERR_CONFIG, "can't read the password file %s", path);
	close(fd);
	if (n < 0)
		return -1;
	out->len += (size_t)n;
	out->data[out->len] = '\0';
	return 0;
}

static int from_environment(const char *name, struct buf *out, struct err *err)
{
	const char *value = getenv(name);

	if (!value)
		return err_set(err, ERR_CONFIG,
			"the environment variable %s, which should hold the password, is not set",
			name);
	buf_add_str(out, value);
	return 0;
}

int config_secret_get(
	const struct config_account *a, unsigned timeout_ms, struct buf *out, struct err *err)
{
	size_t start = out->len;
	int rc = -1;

	switch (a->secret_kind) {
	case CONFIG_SECRET_NONE:
		return 0;
	case CONFIG_SECRET_PASSWORD:
		buf_add_str(out, a->secret);
		return 0;
	case CONFIG_SECRET_COMMAND:
	case CONFIG_SECRET_TOKEN_COMMAND:
		rc = from_command(a->secret_argv.items, timeout_ms, out, err);
		break;
	case CONFIG_SECRET_FILE:
		rc = from_file(a->secret, out, err);
		break;
	case CONFIG_SECRET_ENV:
		rc = from_environment(a->secret, out, err);
		break;
	}
	if (rc != 0)
		return -1;
	first_line(out, start);
	if (out->len == start)
		return err_set(err, ERR_AUTH, "the password is empty: nothing came from %s",
			a->secret_argv.count ? a->secret_argv.items[0] : a->secret);
	return 0;
}

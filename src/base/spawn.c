/*
 * One request is one packet: argv as NUL-terminated strings, and two descriptors. One answer: an
 * errno or 0, and the process id.
 */
#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/thread.h"

#define REQUEST_MAX (64u << 10)
#define ARGUMENTS_MAX 1000

extern char **environ;

struct answer {
	int error;
	pid_t pid;
};

static struct {
	pthread_mutex_t lock; /* one request at a time */
	int fd;               /* our end, -1: there is no helper */
	pid_t pid;
} helper = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

/* ---- without a helper ---- */

static int start_here(const struct spawn *spawn, pid_t *pid)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setflags(
		&attributes, (short)(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
				     (spawn->own_group ? POSIX_SPAWN_SETPGROUP : 0)));
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &all);

	rc = posix_spawn_file_actions_adddup2(&files, spawn->input, STDIN_FILENO);
	if (rc == 0)
		rc = posix_spawn_file_actions_adddup2(&files, spawn->output, STDOUT_FILENO);
	if (rc == 0)
		rc = posix_spawnp(pid, spawn->argv[0], &files, &attributes, spawn->argv, environ);

	posix_spawn_file_actions_destroy(&files);
	posix_spawnattr_destroy(&attributes);
	return rc;
}

/* ---- the helper's side ---- */

struct request {
	char text[REQUEST_MAX + 1]; /* one octet for "own group", then argv */
	char *argv[ARGUMENTS_MAX + 1];
	int fds[2];
};

/* 1, or 0: nobody will ask any more. */
static int take_request(int fd, struct request *request)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(request->fds))];
	} control;
	struct iovec io = {request->text, REQUEST_MAX};
	struct msghdr message = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};
	ssize_t n;
	size_t count = 0;

	do
		n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	struct cmsghdr *header = n > 2 ? CMSG_FIRSTHDR(&message) : NULL;
	if (!header || header->cmsg_type != SCM_RIGHTS)
		return 0;
	memcpy(request->fds, CMSG_DATA(header), sizeof(request->fds));
	request->text[n] = '\0';
	for (char *p = request->text + 1; p < request->text + n && count < ARGUMENTS_MAX;
		p += strlen(p) + 1)
		request->argv[count++] = p;
	request->argv[count] = NULL;
	return 1;
}

static void default_signals(void)
{
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigset_t none;

	for (int number = 1; number < NSIG; number++)
		sigaction(number, &action, NULL); /* refused for those that always have theirs */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* In the child. The reason why it did not become the command goes to FD. */
static _Noreturn void become_command(const struct request *request, int fd)
{
	ssize_t ignored UNUSED;

	default_signals();
	if ((!request->text[0] || setpgid(0, 0) == 0) && dup2(request->fds[0], STDIN_FILENO) >= 0 &&
		dup2(request->fds[1], STDOUT_FILENO) >= 0)
		execvp(request->argv[0], request->argv);
	ignored = write(fd, &errno, sizeof(errno));
	_exit(127);
}

/* As fork(), but the child is our parent's. */
static pid_t fork_sibling(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
}

static struct answer start(const struct request *request)
{
	struct answer answer = {0};
	int fds[2], why;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return (struct answer){.error = errno};
	answer.pid = fork_sibling();
	if (answer.pid == 0)
		become_command(request, fds[1]);
	if (answer.pid < 0)
		answer.error = errno;
	close(fds[1]);
	if (answer.pid > 0 && read(fds[0], &why, sizeof(why)) == sizeof(why))
		answer.error = why;
	close(fds[0]);
	return answer;
}

static _Noreturn void serve(int fd)
{
	static struct request request;
	ssize_t n = sizeof(struct answer);

	signal(SIGINT, SIG_IGN); /* Ctrl-C is for the program, which may still need a command */
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	while (n == sizeof(struct answer) && take_request(fd, &request)) {
		struct answer answer = start(&request);

		close(request.fds[0]);
		close(request.fds[1]);
		n = send(fd, &answer, sizeof(answer), MSG_NOSIGNAL);
	}
	_exit(0);
}

/* ---- our side ---- */

int spawn_helper_start(struct err *err)
{
	int fds[2];

	ASSERT(helper.fd < 0);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) != 0)
		return err_set_errno(err, ERR_DISK, "can't make a socket for starting commands");
	helper.pid = fork();
	if (helper.pid == 0) {
		close(fds[0]);
		serve(fds[1]);
	}
	close(fds[1]);
	if (helper.pid < 0) {
		close(fds[0]);
		return err_set_errno(err, ERR_DISK, "can't fork");
	}
	helper.fd = fds[0];
	return 0;
}

void spawn_helper_stop(void)
{
	if (helper.fd < 0)
		return;
	close(helper.fd);
	helper.fd = -1;
	while (waitpid(helper.pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int send_request(const struct spawn *spawn, const struct buf *text)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = {0};
	const int fds[2] = {spawn->input, spawn->output};
	struct iovec io = {text->data, text->len};
	struct msghdr message = {.msg_iov = &io,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control)};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	return sendmsg(helper.fd, &message, MSG_NOSIGNAL) < 0 ? errno : 0;
}

static struct answer wait_for_answer(void)
{
	struct answer answer;
	ssize_t n;

	do
		n = recv(helper.fd, &answer, sizeof(answer), 0);
	while (n < 0 && errno == EINTR);
	return n == sizeof(answer) ? answer : (struct answer){.error = n < 0 ? errno : EPIPE};
}

static int start_by_helper(const struct spawn *spawn, pid_t *pid)
{
	struct answer answer = {0};
	struct buf text = {0};
	size_t count = 0;

	buf_add_char(&text, spawn->own_group);
	for (char *const *argument = spawn->argv; *argument; argument++, count++)
		buf_add(&text, *argument, strlen(*argument) + 1);
	if (text.len > REQUEST_MAX || count > ARGUMENTS_MAX)
		answer.error = E2BIG;
	mutex_lock(&helper.lock);
	if (answer.error == 0)
		answer.error = send_request(spawn, &text);
	if (answer.error == 0)
		answer = wait_for_answer();
	mutex_unlock(&helper.lock);
	buf_wipe(&text);
	if (answer.error != 0 && answer.pid > 0)
		waitpid(answer.pid, NULL, 0);
	*pid = answer.pid;
	return answer.error;
}

int spawn_command(const struct spawn *spawn, pid_t *pid)
{
	struct spawn whole = *spawn;
	int nowhere = -1, rc;

	if (spawn->input < 0 || spawn->output < 0) {
		nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (nowhere < 0)
			return errno;
		whole.input = spawn->input < 0 ? nowhere : spawn->input;
		whole.output = spawn->output < 0 ? nowhere : spawn->output;
	}
	rc = helper.fd < 0 ? start_here(&whole, pid) : start_by_helper(&whole, pid);
	if (nowhere >= 0)
		close(nowhere);
	return rc;
}

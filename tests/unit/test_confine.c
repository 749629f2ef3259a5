/*
 * What is given up stays given up: each case runs in a child, because there is no way back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "base/confine.h"
#include "base/spawn.h"

#define NO_LANDLOCK 77
#define NO_SECCOMP 78

static char top[512], inside[600], outside[600], missing[700];

static int setup(void **state)
{
	const char *folder = getenv("TMPDIR");

	(void)state;
	snprintf(top, sizeof(top), "%s/confine-XXXXXX", folder ? folder : "/tmp");
	if (!mkdtemp(top))
		return -1;
	snprintf(inside, sizeof(inside), "%s/inside", top);
	snprintf(outside, sizeof(outside), "%s/outside", top);
	snprintf(missing, sizeof(missing), "%s/missing/deep", inside);
	return mkdir(inside, 0700) || mkdir(outside, 0700);
}

static int teardown(void **state)
{
	(void)state;
	char *command = xasprintf("rm -rf '%s'", top);
	int rc = system(command);
	free(command);
	return rc;
}

/* The errno of making the file NAME in FOLDER, 0: made. */
static int make(const char *folder, const char *name)
{
	char path[800];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

/* The errno of opening PATH for reading. */
static int look(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static int confine(void)
{
	const struct confine_path paths[] = {{"/usr", false}, {"/dev/null", true},
		{"/no/such/folder", false}, {inside, true}, {missing, true}};
	struct err err = {0};

	return confine_files(paths, COUNT_OF(paths), &err);
}

/* 0, or the line that did not hold. */
#define HOLDS(condition)                                                                           \
	if (!(condition)) {                                                                        \
		fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                            \
		_exit(1);                                                                          \
	}

static void files_child(void)
{
	char from[700], to[700];

	HOLDS(make(outside, "before") == 0);
	int rc = confine();
	if (rc == 0)
		_exit(NO_LANDLOCK);
	HOLDS(rc == 1);
	HOLDS(make(inside, "file") == 0);
	HOLDS(mkdir(missing, 0700) != 0 && errno == ENOENT);
	snprintf(from, sizeof(from), "%s/missing", inside);
	HOLDS(mkdir(from, 0700) == 0 && mkdir(missing, 0700) == 0);
	HOLDS(make(missing, "file") == 0);
	snprintf(from, sizeof(from), "%s/file", missing);
	snprintf(to, sizeof(to), "%s/moved", inside);
	HOLDS(rename(from, to) == 0); /* as from tmp/ to cur/ */
	HOLDS(look(to) == 0);
	HOLDS(look("/usr") == 0);
	HOLDS(make(outside, "file") == EACCES);
	HOLDS(make("/usr", "file") == EACCES);
	HOLDS(look(outside) == EACCES);
	snprintf(to, sizeof(to), "%s/before", outside);
	HOLDS(look(to) == EACCES);
	HOLDS(unlink(to) != 0 && errno == EACCES);
	HOLDS(truncate(to, 0) != 0 && errno == EACCES);
	HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	_exit(0);
}

/* What a command started now may do, by way of the file that it makes. */
static int run_touch(const char *folder, const char *name)
{
	char path[800];
	char *const argv[] = {"touch", path, NULL};
	struct spawn spawn = {.argv = argv, .input = -1, .output = -1, .own_group = true};
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (spawn_command(&spawn, &pid) != 0)
		return -1;
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void commands_child(void)
{
	char *const nothing[] = {"/no/such/command", NULL};
	struct spawn spawn = {.argv = nothing, .input = -1, .output = -1};
	struct err err = {0};
	pid_t pid;

	HOLDS(run_touch(outside, "1") == 0);
	HOLDS(spawn_command(&spawn, &pid) == ENOENT);
	HOLDS(spawn_helper_start(&err) == 0);
	int rc = confine();
	HOLDS(rc >= 0);
	HOLDS(rc == 0 || make(outside, "mine") == EACCES);
	for (int i = 0; i < 20; i++)
		HOLDS(run_touch(outside, "2") == 0);
	HOLDS(spawn_command(&spawn, &pid) == ENOENT);
	HOLDS(run_touch("/no/such/folder", "3") == 1);
	spawn_helper_stop();
	HOLDS(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	_exit(rc == 0 ? NO_LANDLOCK : 0);
}

#define DENIED(call, error) HOLDS((errno = 0, (call)) == -1 && errno == (error))

static void *do_nothing(void *arg)
{
	return arg;
}

/* What the program and its libraries do goes on. */
static void use_the_usual(void)
{
	const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK};
	struct addrinfo *found = NULL;
	pthread_t thread;
	struct winsize size;
	int status;

	HOLDS(pthread_create(&thread, NULL, do_nothing, NULL) == 0);
	HOLDS(pthread_join(thread, NULL) == 0);
	for (size_t i = 0; i < COUNT_OF(families); i++) {
		int fd = socket(families[i],
			(families[i] == AF_NETLINK ? SOCK_RAW : SOCK_STREAM) | SOCK_CLOEXEC, 0);
		HOLDS(fd >= 0 || (families[i] == AF_INET6 && errno == EAFNOSUPPORT));
		if (fd >= 0)
			close(fd);
	}
	HOLDS(getaddrinfo("localhost", "993", &hints, &found) == 0);
	freeaddrinfo(found);
	pid_t pid = fork();
	if (pid == 0)
		_exit(7);
	HOLDS(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 7);
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	DENIED(ioctl(fd, TIOCGWINSZ, &size), ENOTTY);
	close(fd);
}

static void calls_child(void)
{
	static char *const argv[] = {"true", NULL};
	char letter = 'x';

	if (!confine_calls())
		_exit(NO_SECCOMP);
	HOLDS(prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2);
	HOLDS(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
#if !CONFINE_SANITIZED
	DENIED(ptrace(PTRACE_TRACEME, 0, NULL, NULL), EPERM);
#endif
	DENIED(execv("/bin/true", argv), EPERM);
	DENIED(unshare(CLONE_NEWUSER), EPERM);
	DENIED(unshare(0), EPERM); /* else it would be allowed to anybody */
	DENIED(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL), EPERM);
	DENIED(syscall(SYS_clone3, NULL, 0), ENOSYS);
	DENIED(syscall(SYS_bpf, 0, NULL, 0), EPERM);
	DENIED(syscall(SYS_io_uring_setup, 1, NULL), EPERM);
	DENIED(syscall(SYS_userfaultfd, 0), EPERM);
	DENIED(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0), EPERM);
	DENIED(syscall(SYS_personality, 0xffffffff), EPERM);
	DENIED(socket(AF_PACKET, SOCK_RAW, 0), EAFNOSUPPORT);
	DENIED(socket(AF_ALG, SOCK_SEQPACKET, 0), EAFNOSUPPORT);
	DENIED(ioctl(0, TIOCSTI, &letter), EPERM);
	DENIED(ioctl(-1, TIOCSTI, &letter), EPERM);
#ifdef __x86_64__
	DENIED(syscall(0x40000000 | SYS_getpid), EPERM); /* as x32 */
	int rc;
	__asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory"); /* getpid() of i386 */
	HOLDS(rc == -EPERM || rc == -ENOSYS);
#endif
	use_the_usual();
	_exit(0);
}

/* What the helper starts has no filter. */
static void commands_with_filter_child(void)
{
	struct err err = {0};

	HOLDS(spawn_helper_start(&err) == 0);
	if (!confine_calls())
		_exit(NO_SECCOMP);
	HOLDS(run_touch(outside, "4") == 0);
	spawn_helper_stop();
	HOLDS(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
	_exit(0);
}

static void memory_child(void)
{
	struct rlimit limit;

	confine_memory();
	HOLDS(getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	HOLDS(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
#endif
	_exit(0);
}

static void in_child(void (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		run();
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NO_LANDLOCK) {
		print_message("NO LANDLOCK IN THIS KERNEL: files are not confined here\n");
		skip();
	}
	if (WEXITSTATUS(status) == NO_SECCOMP) {
		print_message("NO SECCOMP IN THIS KERNEL: system calls are not filtered here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void files(void **state)
{
	(void)state;
	in_child(files_child);
}

static void commands(void **state)
{
	(void)state;
	in_child(commands_child);
}

static void calls(void **state)
{
	(void)state;
	in_child(calls_child);
}

static void commands_with_filter(void **state)
{
	(void)state;
	in_child(commands_with_filter_child);
}

static void memory(void **state)
{
	(void)state;
	in_child(memory_child);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(commands),
		cmocka_unit_test(calls),
		cmocka_unit_test(commands_with_filter),
		cmocka_unit_test(memory),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

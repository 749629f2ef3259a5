#include "base/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

/* Of later kernels than the header may know. */
#define ACCESS_REFER (1ull << 13)    /* version 2: renaming from one folder to another */
#define ACCESS_TRUNCATE (1ull << 14) /* version 3 */

#define READS (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define WRITES                                                                                     \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |                           \
		LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |                    \
		LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                        \
		LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                      \
		LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM | ACCESS_REFER |       \
		ACCESS_TRUNCATE)
#define ALL (READS | WRITES | LANDLOCK_ACCESS_FS_EXECUTE)
#define OF_FILES                                                                                   \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE |          \
		LANDLOCK_ACCESS_FS_EXECUTE)

void confine_memory(void)
{
	const struct rlimit none = {0};

	/* Neither can fail: a limit may always be lowered, and the value is one of two. */
	setrlimit(RLIMIT_CORE, &none);
	if (!CONFINE_SANITIZED)
		prctl(PR_SET_DUMPABLE, 0);
}

/* PATH, or for writing the nearest folder above it that is there. -1: nothing. */
static int open_path(const struct confine_path *path)
{
	char nearest[4096];
	size_t n = strlen(path->path);
	int fd = open(path->path, O_PATH | O_CLOEXEC);

	if (fd >= 0 || !path->write || n >= sizeof(nearest))
		return fd;
	memcpy(nearest, path->path, n + 1);
	while (fd < 0 && errno == ENOENT) {
		char *slash = strrchr(nearest, '/');

		if (!slash)
			return -1;
		slash[slash == nearest] = '\0';
		fd = open(nearest, O_PATH | O_CLOEXEC);
		if (slash == nearest)
			break;
	}
	return fd;
}

static int allow(int rules, uint64_t handled, const struct confine_path *path, struct err *err)
{
	struct landlock_path_beneath_attr rule = {0};
	struct stat st;
	long rc;

	rule.parent_fd = open_path(path);
	if (rule.parent_fd < 0)
		return 0; /* what is not there can't be opened either */
	rule.allowed_access = handled & (path->write ? READS | WRITES : READS);
	if (fstat(rule.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= OF_FILES;
	rc = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	if (rc != 0)
		err_set_errno(err, ERR_DISK, "can't confine the program to %s", path->path);
	close(rule.parent_fd);
	return rc != 0 ? -1 : 0;
}

static int restrict_self(int rules, struct err *err)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
		syscall(SYS_landlock_restrict_self, rules, 0) != 0)
		return err_set_errno(err, ERR_DISK, "can't confine the program");
	return 0;
}

int confine_files(const struct confine_path *paths, size_t count, struct err *err)
{
	struct landlock_ruleset_attr attr = {.handled_access_fs = ALL};
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	int rules, rc = 0;

	if (version < 2) /* version 1 forbids all renames from tmp/ to cur/ */
		return 0;
	if (version < 3)
		attr.handled_access_fs &= ~ACCESS_TRUNCATE;
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (rules < 0)
		return err_set_errno(err, ERR_DISK, "can't confine the program");
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = allow(rules, attr.handled_access_fs, &paths[i], err);
	if (rc == 0)
		rc = restrict_self(rules, err);
	close(rules);
	return rc < 0 ? -1 : 1;
}

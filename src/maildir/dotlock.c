/*
 * Dovecot's lock of a folder, dovecot-uidlist.lock: a file that is there as long as somebody holds
 * it.
 *
 * The lock says whose it is, as Dovecot's does: "PID:HOST". So one that a killed program of this
 * host left behind is known at once, and another one when it is old.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "maildir/letters.h"

#define LOCK "dovecot-uidlist.lock"
#define LOCK_WAIT_MS 10000
#define LOCK_STALE_S 120
#define LOCK_TEXT_MAX 400

static void lock_text(char *out, size_t size)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	snprintf(out, size, "%d:%s", (int)getpid(), host);
}

/* Is the program that wrote TEXT gone? Only asked about this host's. */
static bool owner_is_dead(const char *text)
{
	char ours[LOCK_TEXT_MAX];
	long pid = strtol(text, NULL, 10);
	const char *host = strchr(text, ':');

	lock_text(ours, sizeof(ours));
	if (pid <= 0 || pid > INT_MAX || !host || strcmp(host, strchr(ours, ':')) != 0)
		return false;
	return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* A lock that its owner left behind. */
static bool stale(const struct maildir *maildir)
{
	struct stat st;
	size_t n;
	char *text = fs_read_file(maildir->fd, LOCK, LOCK_TEXT_MAX, &n, NULL);
	bool dead = text && owner_is_dead(text);

	free(text);
	return dead || (fstatat(maildir->fd, LOCK, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			       st.st_mtime + LOCK_STALE_S < time(NULL));
}

static int remove_stale(const struct maildir *maildir, struct err *err)
{
	log_warn("%s: taking over the lock %s, which was left behind", maildir->path, LOCK);
	return fs_unlink(maildir->fd, LOCK, err) == 0 || err->sys == ENOENT ? 0 : -1;
}

/* The lock comes into being with its text: a file of another name first, nobody else's, then
 * renamed. */
static int write_lock(const struct maildir *maildir, struct err *err)
{
	static _Atomic unsigned count;
	char text[LOCK_TEXT_MAX], draft[64];
	struct err ignored = {0};

	snprintf(draft, sizeof(draft), "godwit-lock.%d.%u", (int)getpid(),
		atomic_fetch_add(&count, 1));
	int fd = fs_create(maildir->fd_tmp, draft, 0600, err);
	if (fd < 0)
		return -1;
	lock_text(text, sizeof(text));
	int rc = fs_write_all(fd, text, strlen(text), err);
	close(fd);
	if (rc == 0)
		rc = fs_rename_noreplace(maildir->fd_tmp, draft, maildir->fd, LOCK, err);
	if (rc != 0 && fs_unlink(maildir->fd_tmp, draft, &ignored) != 0)
		log_debug(LOG_MAILDIR, "%s: %s stays in tmp/", maildir->path, draft);
	return rc;
}

int dotlock_take(const struct maildir *maildir, struct err *err)
{
	int64_t until = clock_ms() + LOCK_WAIT_MS;

	while (write_lock(maildir, err) != 0) {
		if (err->sys != EEXIST)
			return -1;
		if (stale(maildir)) {
			if (remove_stale(maildir, err) != 0)
				return -1;
			continue;
		}
		if (clock_ms() >= until)
			return err_set(err, ERR_CONFLICT, "another program holds %s", LOCK);
		if (cancel_sleep_ms(50, err) != 0)
			return -1;
	}
	err_clear(err);
	return 0;
}

/* A lock that stays goes stale by itself. */
int dotlock_release(const struct maildir *maildir, struct err *err)
{
	return fs_unlink(maildir->fd, LOCK, err);
}

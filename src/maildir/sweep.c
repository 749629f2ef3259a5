/*
 * What a killed pass left in tmp/: downloads that the state does not know of, drafts of a lock. A
 * name proves little, so it takes three things to remove a file: a name as we make them, of this
 * host, and that the process which made it is gone. What other programs leave there is theirs.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "maildir/maildir.h"

/* The process that made NAME by maildir_fresh_base() on this host, or a draft of the lock; 0: none
 * did. */
static int maker_of(const char *name)
{
	char fresh[MAILDIR_BASE_SIZE];
	int pid = 0, end = 0, own_end = 0, ignored;

	if (sscanf(name, "godwit-lock.%d.%*10[0-9]%n", &pid, &end) == 1 && end > 0)
		return name[end] == '\0' ? pid : 0;
	maildir_fresh_base(fresh);
	if (sscanf(name, "%*10[0-9].M%*6[0-9]P%dQ%*10[0-9].%n", &pid, &end) != 1 || end == 0 ||
		sscanf(fresh, "%*10[0-9].M%*6[0-9]P%dQ%*10[0-9].%n", &ignored, &own_end) != 1)
		return 0;
	return strcmp(name + end, fresh + own_end) == 0 ? pid : 0;
}

static bool is_gone(int pid)
{
	return pid > 0 && kill(pid, 0) != 0 && errno == ESRCH;
}

int maildir_sweep(struct maildir *maildir, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	int rc;

	if (fs_dir_open(&dir, maildir->fd_tmp, ".", err) != 0)
		return err_wrap(err, "%s", maildir->path);
	while ((rc = fs_dir_next(&dir, &entry, err)) == 1)
		if (is_gone(maker_of(entry.name)) && fs_unlink(dir.fd, entry.name, err) != 0 &&
			err->sys != ENOENT)
			break;
	fs_dir_close(&dir);
	if (rc != 0)
		return err_wrap(err, "%s/tmp", maildir->path);
	err_clear(err);
	return 0;
}

/*
 * What can be wrong with a state.
 */
#include <errno.h>
#include <sys/statvfs.h>

#include "state/state_impl.h"

const char *const state_table_names[TABLE_COUNT] = {
	"meta", "mailbox", "message", "by_base", "arrival", "upload", "pending", "tally"};

/* A disk that fills up in the middle of a write makes that write short, and LMDB calls it EIO: it
 * has no errno to pass on. What was written took the last block. */
static int true_errno(const struct state *state, int rc)
{
	struct statvfs disk;

	if (rc == EIO && statvfs(state->dir, &disk) == 0 && disk.f_blocks > 0 && disk.f_bavail == 0)
		return ENOSPC;
	return rc;
}

int state_mdb_error(const struct state *state, struct err *err, int rc, const char *what)
{
	rc = true_errno(state, rc);
	/* MDB_PANIC: an earlier commit failed half-way; what was committed before it is all right.
	 */
	bool disk = rc == ENOSPC || rc == EIO || rc == EROFS || rc == EACCES || rc == EDQUOT ||
		    rc == ENOENT || rc == EPERM || rc == MDB_PANIC;

	bool damaged = rc == MDB_CORRUPTED || rc == MDB_PAGE_NOTFOUND || rc == MDB_INVALID ||
		       rc == MDB_VERSION_MISMATCH || rc == MDB_INCOMPATIBLE ||
		       rc == MDB_BAD_VALSIZE || rc == MDB_CURSOR_FULL;

	err_set(err, disk ? ERR_DISK : ERR_STATE, "state %s: can't %s: %s", state->dir, what,
		mdb_strerror(rc));
	err->sys = damaged ? EUCLEAN : rc > 0 ? rc : 0;
	return -1;
}

int state_damaged(const struct state *state, struct err *err, enum state_table table)
{
	err_set(err, ERR_STATE, "state %s: a row of table %s is damaged", state->dir,
		state_table_names[table]);
	err->sys = EUCLEAN;
	return -1;
}

bool state_is_damaged(const struct err *err)
{
	return err->kind == ERR_STATE && err->sys == EUCLEAN;
}

bool state_is_foreign(const struct err *err)
{
	return err->kind == ERR_STATE && err->sys == EMEDIUMTYPE;
}

#include "sync/unwind.h"

#include <errno.h>
#include <sysexits.h>

#include "sync/sync.h"

/* Rights, symlinks, names: the next folder may have none of that. A disk that is full, broken or
 * read-only has. */
static bool is_of_one_folder(int sys)
{
	static const int ours[] = {
		EACCES, EPERM, ELOOP, ENOTDIR, ENOENT, EISDIR, EXDEV, ENAMETOOLONG};

	for (size_t i = 0; i < COUNT_OF(ours); i++)
		if (sys == ours[i])
			return true;
	return false;
}

enum unwind unwind_of(const struct err *err)
{
	switch (err->kind) {
	case ERR_SERVER_NO:
	case ERR_CONFLICT:
	case ERR_PROTO:
		return UNWIND_MAILBOX;
	case ERR_DISK:
		return is_of_one_folder(err->sys) ? UNWIND_MAILBOX : UNWIND_ACCOUNT;
	case ERR_OFFLINE:
	case ERR_NET:
	case ERR_SERVER_BUSY:
		return UNWIND_CONNECTION;
	case ERR_NONE:
	case ERR_CONFIG:
	case ERR_AUTH:
	case ERR_STATE:
	case ERR_CANCELLED:
		break;
	}
	return UNWIND_ACCOUNT;
}

int sync_err_status(const struct err *err)
{
	switch (err->kind) {
	case ERR_NONE:
		return EX_OK;
	case ERR_CONFIG:
		return EX_CONFIG;
	case ERR_AUTH:
		return EX_NOPERM;
	case ERR_OFFLINE:
	case ERR_NET:
	case ERR_SERVER_BUSY:
	case ERR_CANCELLED:
		return EX_TEMPFAIL;
	case ERR_PROTO:
		return EX_PROTOCOL;
	case ERR_SERVER_NO:
		return 1;
	case ERR_DISK:
	case ERR_STATE:
		return EX_IOERR;
	case ERR_CONFLICT:
		return EX_DATAERR;
	}
	return EX_SOFTWARE;
}

int sync_failure_status(const struct err *err)
{
	return err->kind == ERR_CONFLICT ? 1 : sync_err_status(err);
}

int sync_exit_status(int rc, const struct err *err, const struct report *report)
{
	if (rc != 0)
		return sync_err_status(err);
	int refused = atomic_load(&report->totals.refused) > 0 ? EX_DATAERR : EX_OK;
	bool any =
		atomic_load(&report->totals.failed) > 0 || atomic_load(&report->totals.waiting) > 0;
	int failed = any ? 1 : EX_OK;
	return sync_worse_status(refused, sync_worse_status(failed, atomic_load(&report->status)));
}

int sync_worse_status(int a, int b)
{
	static const int order[] = {EX_SOFTWARE, EX_CONFIG, EX_NOPERM, EX_IOERR, EX_PROTOCOL,
		EX_TEMPFAIL, EX_DATAERR, 1, EX_USAGE, EX_OK};
	for (size_t i = 0; i < COUNT_OF(order); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return EX_SOFTWARE;
}

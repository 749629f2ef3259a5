#include "sync/unwind.h"

#include <sysexits.h>
#include "sync/sync.h"

enum unwind unwind_of(const struct err *err)
{
	switch (err->kind) {
	case ERR_SERVER_NO:
	case ERR_CONFLICT:
		return UNWIND_MAILBOX;
	case ERR_NET:
	case ERR_SERVER_BUSY:
		return UNWIND_CONNECTION;
	case ERR_NONE:
	case ERR_CONFIG:
	case ERR_AUTH:
	case ERR_PROTO:
	case ERR_DISK:
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

int sync_exit_status(int rc, const struct err *err, const struct report *report)
{
	if (rc != 0)
		return sync_err_status(err);
	if (atomic_load(&report->totals.refused) > 0)
		return EX_DATAERR;
	return atomic_load(&report->totals.failed) > 0 ? 1 : EX_OK;
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

/*
 * The one place that says how far an error unwinds, and with which status the program ends.
 */
#ifndef SYNC_UNWIND_H
#define SYNC_UNWIND_H

#include "base/err.h"

enum unwind {
	UNWIND_MAILBOX,    /* this mailbox failed, the next one may do better */
	UNWIND_CONNECTION, /* connect again and take the mailbox once more */
	UNWIND_ACCOUNT,    /* the pass over this account ends */
};

enum unwind unwind_of(const struct err *err);
/* The exit status when only ERR about one message or mailbox spoils a pass. */
int sync_failure_status(const struct err *err);

#endif

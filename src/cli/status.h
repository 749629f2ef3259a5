/*
 * What an account's state says about its mailboxes, read for people. Takes no lock and changes
 * nothing.
 */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "base/arena.h"
#include "config/config.h"
#include "state/schema.h"

/* All strings are in the arena. */
struct status_box {
	const char *name;     /* canonical */
	uint64_t there, here; /* messages, as of the last pass */
	uint64_t pending;     /* entries below, and uploads whose end is not known */
	int64_t synced;       /* seconds since 1970, 0: never */
	uint32_t letterless;  /* keywords without a letter here */
};

struct status_pending {
	const char *mailbox;
	struct state_pending entry; /* its slices are in the arena, NUL-terminated */
};

struct status {
	bool none;                /* there is no state yet: the rest is empty */
	struct status_box *boxes; /* arena; sorted by name */
	size_t count;
	struct status_pending *pending; /* arena; by mailbox, in the state's order */
	size_t pending_count;
};

/*
 * COUNTS: also messages and pending entries, which takes time in proportion to the mailboxes'
 * sizes.
 */
int status_read(const struct config_account *account, bool counts, struct arena *arena,
	struct status *out, struct err *err) MUST_USE;

/* "fetch", "append", "flags", "delete", "mailbox" */
const char *status_pending_name(enum state_pending_kind kind);

#endif

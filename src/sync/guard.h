/*
 * The guard: are these deletions plausible? Pure. Each side of each mailbox is judged by itself,
 * then each side of the whole account.
 */
#ifndef SYNC_GUARD_H
#define SYNC_GUARD_H

#include "model/policy.h"

struct guard_count {
	uint64_t deletions; /* planned on this side */
	uint64_t messages;  /* held on this side before */
	bool oldest;        /* they are the oldest ones of a mailbox, and nothing else */
	uint64_t shown;     /* messages that the server shows now; 0: does not matter */
};

/*
 * A server that shows only the newest messages (Yahoo: 10,000) looks as if the oldest had been
 * deleted, a few more with each message that comes. What gives it away is that it shows a round
 * number of them.
 */
#define GUARD_WINDOW 1000 /* and multiples of it */
bool guard_is_window(struct guard_count count);
/* May DELETIONS of MESSAGES go? Refused when more than policy->max_delete percent and more than
 * max_delete_free would, or if it is a window. */
bool guard_allows(const struct policy *policy, struct guard_count count);

#endif

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
};

/*
 * A server that shows only the newest messages (Yahoo: 10,000) looks as if the oldest had been
 * deleted. People who expire old mail do that, too, but not by the tenth at once: so there the
 * threshold is this many percent.
 */
#define GUARD_WINDOW_PERCENT 10
/* May DELETIONS of MESSAGES go? Refused when more than policy->max_delete percent and more than
 * max_delete_free would. */
bool guard_allows(const struct policy *policy, struct guard_count count);

#endif

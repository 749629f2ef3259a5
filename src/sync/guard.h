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
	/* Of one mailbox, here; zero else: */
	bool oldest;           /* they are its oldest messages, and nothing else */
	bool told;             /* the server named each of them as gone */
	bool accepted;         /* the user approved such a loss in this mailbox before */
	uint64_t shown;        /* messages that the server shows now */
	uint64_t shown_before; /* and in the last pass; 0: not known */
	int64_t span;          /* seconds between the dates of the first and the last of them */
	int64_t since;         /* seconds since the last pass over this mailbox */
};

/*
 * A server that shows only the newest messages (Yahoo: 10,000; Gmail: as many as the user chose)
 * looks as if the oldest had been deleted. Nothing proves it, but much gives it away:
 *
 *     it shows a round number of messages,
 *     or exactly as many as before, although some came: for each that comes one goes (in a small
 *     mailbox that is chance: five came and five were deleted),
 *     or the oldest of years go at once, while mail that expires goes day by day.
 *
 * What a server names as gone (VANISHED) it does not only hide: there, only the first counts.
 */
#define GUARD_ROUND 1000            /* and multiples of it */
#define GUARD_SLIDE 3               /* from here on equal numbers are no chance ... */
#define GUARD_SLIDE_SHOWN 100       /* ... in mailboxes of at least so many */
#define GUARD_JUMP 20               /* more than so many at once ... */
#define GUARD_GRACE (2 * 24 * 3600) /* ... of more than the time since the last pass and this */
bool guard_is_window(struct guard_count count);
/* Where the state keeps what is known of windows of mailbox ID; goes with the id, which another
 * mailbox may get. */
#define GUARD_KEY_SIZE 32
void guard_window_key(uint32_t id, char out[GUARD_KEY_SIZE]);
/* May DELETIONS of MESSAGES go? Refused when more than policy->max_delete percent and more than
 * max_delete_free would, or if it is a window. */
bool guard_allows(const struct policy *policy, struct guard_count count);

#endif

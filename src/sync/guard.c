#include "sync/guard.h"

#include <stdio.h>

bool guard_is_window(struct guard_count count)
{
	if (!count.oldest || count.accepted || count.deletions == 0 || count.shown == 0)
		return false;
	if (count.shown % GUARD_ROUND == 0)
		return true;
	if (count.told)
		return false;
	return (count.deletions >= GUARD_SLIDE && count.shown >= GUARD_SLIDE_SHOWN &&
		       count.shown == count.shown_before) ||
	       (count.deletions > GUARD_JUMP && count.span > count.since + GUARD_GRACE);
}

void guard_window_key(uint32_t id, char out[GUARD_KEY_SIZE])
{
	snprintf(out, GUARD_KEY_SIZE, "window/%u", id);
}

bool guard_allows(const struct policy *policy, struct guard_count count)
{
	if (policy->approve)
		return true;
	if (policy->max_delete < 100 && guard_is_window(count))
		return false;
	if (count.deletions <= policy->max_delete_free)
		return true;
	/* 100 * deletions > percent * messages, without overflow for any real count. */
	return count.deletions * 100 <= (uint64_t)policy->max_delete * count.messages;
}

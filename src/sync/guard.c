#include "sync/guard.h"

bool guard_is_window(struct guard_count count)
{
	return count.oldest && count.deletions > 0 && count.shown > 0 &&
	       count.shown % GUARD_WINDOW == 0;
}

bool guard_allows(const struct policy *policy, struct guard_count count)
{
	if (policy->approve)
		return true;
	if (guard_is_window(count))
		return false;
	if (count.deletions <= policy->max_delete_free)
		return true;
	/* 100 * deletions > percent * messages, without overflow for any real count. */
	return count.deletions * 100 <= (uint64_t)policy->max_delete * count.messages;
}

#include "sync/guard.h"

bool guard_allows(const struct policy *policy, struct guard_count count)
{
	if (policy->approve || count.deletions <= policy->max_delete_free)
		return true;
	uint64_t percent = policy->max_delete;
	if (count.oldest && percent > GUARD_WINDOW_PERCENT)
		percent = GUARD_WINDOW_PERCENT;
	/* 100 * deletions > percent * messages, without overflow for any real count. */
	return count.deletions * 100 <= percent * count.messages;
}

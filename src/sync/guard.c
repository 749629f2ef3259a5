#include "sync/guard.h"

bool guard_allows(const struct policy *policy, struct guard_count count)
{
	if (policy->approve || count.deletions <= policy->max_delete_free)
		return true;
	/* 100 * deletions > percent * messages, without overflow for any real count. */
	return count.deletions * 100 <= (uint64_t)policy->max_delete * count.messages;
}

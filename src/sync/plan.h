/*
 * The planner: changes in, operations out. Pure: no clock, no files, no log. The table it
 * implements stands in plan.c.
 */
#ifndef SYNC_PLAN_H
#define SYNC_PLAN_H

#include "base/arena.h"
#include "model/plan.h"
#include "model/policy.h"

struct plan_input {
	const struct policy *policy;
	const struct changes *changes;
	/*
	 * Pairs found among the news (sync/pair.h): partner[i] is the index in changes->new_here of
	 * the file equal to new_there[i], -1 for none. NULL: none at all.
	 */
	const int32_t *partner;
	struct flags mask_there; /* flags that the server can keep for good; others never count as
				    changed there */
	struct flags
		mask_here; /* flags that a file name can show; others never count as changed here */
};

/*
 * A message is gone from SIDE, and its row (flags BASE) says so since an earlier pass, whose policy
 * kept it on the other side: is its deletion to be carried by POLICY? Not where it is marked as
 * deleted only and that was done.
 */
bool plan_carries_kept(const struct policy *policy, enum side side, const struct flags *base);

/* Which of the flags MASK does POLICY carry, if they changed on SIDE? */
struct flags plan_flags_carried(const struct policy *policy, enum side side, struct flags mask);

/* Can POLICY have HERE sent, now or later in this pass? */
bool plan_may_send(const struct policy *policy, const struct new_here *here);

/* Plan into ARENA. Operations come sorted by kind, then by UID (appends: in the order of the news).
 */
void plan_make(struct arena *arena, const struct plan_input *input, struct plan *out);

#endif

#include "model/policy.h"

const char *way_name(enum way way)
{
	switch (way) {
	case WAY_NONE:
		return "none";
	case WAY_PULL:
		return "pull";
	case WAY_PUSH:
		return "push";
	case WAY_BOTH:
		return "both";
	}
	return "none";
}

const char *side_name(enum side side)
{
	switch (side) {
	case SIDE_NONE:
		return "none";
	case SIDE_HERE:
		return "here";
	case SIDE_THERE:
		return "there";
	case SIDE_BOTH:
		return "both";
	}
	return "none";
}

bool policy_moves_here(const struct policy *policy)
{
	return policy->new_messages & WAY_PULL && policy->deletes & WAY_PULL &&
	       policy->expunge & SIDE_HERE;
}

bool policy_moves_there(const struct policy *policy)
{
	return policy->new_messages & WAY_PUSH && policy->deletes & WAY_PUSH &&
	       policy->expunge & SIDE_THERE;
}

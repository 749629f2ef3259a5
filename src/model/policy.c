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

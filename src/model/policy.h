/*
 * What an account's configuration allows to be carried, resolved once into plain bits.
 */
#ifndef MODEL_POLICY_H
#define MODEL_POLICY_H

#include "base/base.h"

/* Directions: PULL = from the server to here, PUSH = from here to the server. */
enum way { WAY_NONE = 0, WAY_PULL = 1, WAY_PUSH = 2, WAY_BOTH = 3 };

/* Where a deleted message is really removed. */
enum side { SIDE_NONE = 0, SIDE_HERE = 1, SIDE_THERE = 2, SIDE_BOTH = 3 };

struct policy {
	enum way new_messages;    /* sync.new */
	enum way flags;           /* sync.flags */
	enum way deletes;         /* sync.deletes */
	enum way create;          /* sync.create: mailboxes */
	enum side expunge;        /* sync.expunge */
	unsigned max_delete;      /* sync.max_delete in percent, 0..100 */
	unsigned max_delete_free; /* deletions up to this number never need approval: 20 */
	bool approve;             /* --approve: the guard lets everything through */
	bool retry;               /* --retry: what was refused earlier is tried again */
};

/* May files follow what moved on the server, messages what moved here? */
bool policy_moves_here(const struct policy *policy);
bool policy_moves_there(const struct policy *policy);

const char *way_name(enum way way);    /* "none", "pull", "push", "both" */
const char *side_name(enum side side); /* "none", "here", "there", "both" */

#endif

/*
 * What a pass will do to one mailbox: the planner's output, in the order in which it is carried
 * out. Plain data.
 */
#ifndef MODEL_PLAN_H
#define MODEL_PLAN_H

#include "model/change.h"
#include "model/policy.h"

/* Kinds in their order of execution. */
enum op_kind {
	OP_ADOPT, /* server message UID and file NAME are the same: make the row, then merge flags
		   */
	OP_MOVE_HERE,  /* file goes to another folder, as its message did; only from moves.c */
	OP_MOVE_THERE, /* message UID goes to another mailbox, as its file did; only from moves.c */
	OP_APPEND,     /* file NAME -> server */
	OP_FLAGS_THERE, /* server message UID gets FLAGS (add/remove hold the difference) */
	OP_FETCH,       /* server message UID -> new file */
	OP_FLAGS_HERE,  /* file of UID gets FLAGS */
	OP_AGREE,       /* both sides have FLAGS, only the row is behind */
	OP_REFRESH,     /* the row learns the file's new NAME */
	OP_FORGET,      /* gone on both sides: drop the row */
	OP_KEEP, /* gone on one side, policy keeps the other: the row remembers which side is left
		  */
	OP_DELETE_THERE, /* gone here: remove UID on the server */
	OP_DELETE_HERE,  /* gone there: remove the file of UID */
	OP_KIND_COUNT,
};

struct op {
	enum op_kind kind;
	uint32_t uid;     /* 0 for OP_APPEND */
	const char *name; /* OP_ADOPT, OP_APPEND, OP_REFRESH: the file; others: NULL or its present
			     name if it changed */
	struct flags
		flags; /* what the side acted on shall have; adopt, agree: what the row shall say */
	struct flags
		change; /* the bits of FLAGS that this operation carries and settles in the row */
	enum side left; /* OP_KEEP: the side that still holds the message */
	const char *reason; /* static text, see op_reason in sync/plan.c; plan, logs and tests print
			       the same words */
	const struct new_here *from_here;   /* OP_ADOPT, OP_APPEND */
	const struct new_there *from_there; /* OP_ADOPT, OP_FETCH if facts are known */
};

struct plan {
	struct op *ops; /* sorted by kind, then uid */
	size_t count;
	bool pairs; /* something was paired that no upload row knows: look once more before anything
		       is deleted */
};

const char *op_kind_name(enum op_kind kind); /* "fetch", "append", "flags there", ... */

#endif

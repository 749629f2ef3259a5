/*
 * Which mailboxes are synced, made or left alone: server's list, local folders and state in,
 * decisions out. Pure.
 */
#ifndef SYNC_BOXES_H
#define SYNC_BOXES_H

#include "base/arena.h"
#include "model/policy.h"

enum box_action {
	BOX_SYNC,         /* on both sides */
	BOX_CREATE_HERE,  /* on the server only: make the folder */
	BOX_CREATE_THERE, /* here only: make the mailbox */
	BOX_GONE_THERE,   /* was on both sides, the server does not list it any more */
	BOX_GONE_HERE,    /* was on both sides, the folder is gone */
	BOX_FORGET,       /* in the state only; or not selected, and not on both sides any more */
	BOX_SKIP,         /* not selected by the configuration, or policy makes nothing */
	BOX_PROBLEM,      /* can't be synced: see problem */
};

/* One name of one source. All three lists are sorted by name (bytes). */
struct box_name {
	const char *name;    /* canonical */
	const char *problem; /* this side can't hold or select it: why; NULL: fine */
	bool selectable;     /* server: not \Noselect */
	bool view;      /* server: shows messages of other mailboxes; only if asked for by name */
	unsigned where; /* state: STATE_THERE | STATE_HERE */
	size_t index;   /* the caller's */
};

struct box_decision {
	const char *name;
	enum box_action action;
	const char *problem;
	const struct box_name *there, *here, *row; /* NULL: not in that source */
	bool selected;                             /* by the patterns */
};

struct box_decisions {
	struct box_decision *items; /* arena, sorted by name */
	size_t count;
};

struct boxes_input {
	const struct box_name *there, *here, *rows;
	size_t there_count, here_count, row_count;
	char *const *patterns;
	size_t pattern_count;
	enum way create;
};

void boxes_decide(struct arena *arena, const struct boxes_input *input, struct box_decisions *out);

#endif

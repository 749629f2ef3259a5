/*
 * Shared by the files about moves; internal to them. The essay is in moves.c.
 */
#ifndef SYNC_MOVES_H
#define SYNC_MOVES_H

#include "sync/pass.h"

/* A message that one side lost. */
struct lost {
	struct box *box;
	uint32_t id;  /* under which its row is: that of BOX, or its former one */
	uint32_t uid; /* 0: an upload in doubt, ID of its row */
	struct digest content;
	uint32_t base; /* gone here: hash of the BASE that its file had */
};

struct moves {
	/* gone there: as files that wait for a partner; the two run in parallel */
	struct lost *there;
	struct new_here *files;
	bool *used; /* files that found one */
	size_t there_count, there_room;
	/* gone here; sorted by content and BASE */
	struct lost *here;
	size_t here_count;
	bool here_all; /* all of it, not only as much as is held */
};

/* ---- lost.c ---- */

/* Fill pass->moves with what the boxes' delete sets hold, by sides; uploads in doubt count as lost
 * there. */
int moves_load_lost(struct pass *pass, struct err *err) MUST_USE;
/* How many uploads in doubt the state has for BOX, to box->in_doubt. */
int moves_count_doubts(
	struct pass *pass, struct state_read *read, struct box *box, struct err *err) MUST_USE;

/* ---- moved.c ---- */

/*
 * A keyword that has no letter in one of the two folders: the file's name could not tell it in the
 * old one, or whether it was meant to go in the new one. The row is not sure of it either, so that
 * the next look at the mailbox takes it for new there, and gives it a letter.
 */
void moved_drop_untold(struct state_message *row, const struct box *from, const struct box *to);
/* One line of a plan, or of the trace. */
void moved_tell(struct worker *worker, const struct box *to, enum op_kind kind, uint32_t uid,
	const char *file, const struct box *from);
/* Open the folder FROM, from which something went to TO. */
int moved_open_source(
	struct worker *worker, struct box *from, const struct box *to, struct err *err) MUST_USE;
/* ---- moves_there.c, moves_here.c ---- */

#define NEWS_MOST 50000 /* new messages of one mailbox that are considered */
/* New files of one mailbox that are compared at once. */
size_t moves_window(void);

/* What LOOK at TO has new, and another mailbox lost: carried out, and taken out of LOOK. */
int moves_match_there(
	struct worker *worker, struct box *to, struct look *look, struct err *err) MUST_USE;
int moves_match_here(
	struct worker *worker, struct box *to, struct look *look, struct err *err) MUST_USE;
/* The message LOST is NEW in another mailbox. */
struct moved {
	const struct new_there *new;
	struct lost lost;
};
/* Their files go to the folder of TO, and their rows with them; what has no file, or no row, any
 * more is passed over. */
int moves_follow(struct worker *worker, struct box *to, const struct moved *items, size_t count,
	struct err *err) MUST_USE;

/* ---- turned.c ---- */

/* Is TO now what FROM was before it got another id? */
bool turned_is_source(const struct pass *pass, const struct box *from, const struct box *to);
/* ... and the server's MAILBOXID says so, too. */
bool turned_is_proven(const struct pass *pass, const struct box *from, const struct box *to);
/* The files of mailboxes that turned have followed: they are worked on now; if one of them could
 * not be looked at, none is in this pass. */
void turned_settle(struct pass *pass);

/* ---- renamed.c: before anything is loaded; the essay is there ---- */

/* May TO, which has news, be a mailbox that another one is gone for? */
bool renamed_may_be(const struct pass *pass, const struct box *to);
/* Then what is gone there and new here under the same UID follows (as box_work). */
int renamed_follow(struct worker *worker, struct box *to, struct err *err) MUST_USE;
#endif

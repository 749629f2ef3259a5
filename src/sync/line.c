/*
 * The line: a first pull of many small mailboxes is bound by round trips, one a mailbox (SELECT and
 * a fetch of everything in it go out together). So while one is fetched, the connection asks for
 * the next ones, too; when it has ended, the answer about the next is on its way or there already.
 *
 * Only mailboxes that come as a whole, before they are listed (ahead.c), stand in line: their work
 * needs no other command. If one does after all (what came is not all that the server said it has),
 * or fails, the line breaks: what was asked for is read away, and those who stood in it go back to
 * the pool.
 *
 * A window of messages, not of mailboxes, keeps one connection from holding work that an idle one
 * could do, and bounds what is read away in vain.
 */
#include <string.h>

#include "sync/pass.h"

#define LINE_MESSAGES 1000 /* asked for ahead of the mailbox that is fetched */

static uint64_t messages_asked(const struct worker *w)
{
	uint64_t messages = 0;

	for (unsigned i = 0; i < w->in_line; i++)
		messages += w->line[i]->status.messages;
	return messages;
}

static bool suits(const struct box *box, const void *arg)
{
	const struct worker *w = arg;

	return look_suits_ahead(w, box) &&
	       messages_asked(w) + box->status.messages <= LINE_MESSAGES;
}

/* 1: asked; 0: BOX does not suit after all; -1. */
static int ask(struct worker *w, struct box *box, struct err *err)
{
	struct imap_fetch_request request = look_bodies_request();

	if (mailbox_open_here(w, box, err) != 0)
		return -1;
	int rc = look_bodies_ahead(w, box, err);
	return rc <= 0 ? rc : imap_select_queue(w->imap, box->wire, false, &request, err);
}

void line_up(struct worker *w)
{
	struct pool *pool = &w->pass->pool;
	struct box *box;

	if (!imap_qresync(w->imap))
		return;
	while (w->in_line < IMAP_QUEUE_MOST && (box = pool_take_if(pool, suits, w))) {
		struct err err = {0};
		if (ask(w, box, &err) <=
			0) { /* if something is wrong with it, who takes it will see */
			pool_hand_back(pool, box, 0);
			return;
		}
		w->line[w->in_line++] = box;
	}
}

struct box *line_next(struct worker *w)
{
	if (w->in_line > 0 && pool_is_stopped(&w->pass->pool))
		line_cut(w);
	if (w->in_line == 0)
		return NULL;
	w->turn = w->line[0];
	memmove(&w->line[0], &w->line[1], --w->in_line * sizeof(w->line[0]));
	return w->turn;
}

int line_select(struct worker *w, const struct box *box, struct err *err)
{
	if (!w->turn)
		return 0;
	ASSERT(w->turn == box);
	w->turn = NULL;
	if (imap_select_queued(w->imap, err) != 0)
		return -1;
	w->ahead = (struct ahead){.bodies = true, .id = box->row.id};
	return 1;
}

void line_cut(struct worker *w)
{
	while (w->in_line > 0)
		pool_hand_back(&w->pass->pool, w->line[--w->in_line], 0);
	w->turn = NULL;
}

int line_break(struct worker *w, struct err *err)
{
	if (w->in_line == 0 && !w->turn)
		return 0;
	line_cut(w);
	w->selected = NULL;
	return imap_select_forget(w->imap, err);
}

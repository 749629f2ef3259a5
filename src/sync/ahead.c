/*
 * The rung of the ladder (there.c) that a mailbox is listed by, and what is asked for ahead.
 *
 * The rung's first command travels with the SELECT (look_there_ahead()). SELECT (QRESYNC (...))
 * would do the same for its rung alone; the modifier of FETCH serves all of them in one way. The
 * first SELECT of a connection travels with ENABLE, too: QRESYNC is expected then, and whether it
 * came about is seen when the listing has ended.
 */
#include "sync/ahead.h"

#define BODIES_AHEAD 500 /* messages of a mailbox that are fetched before they were listed */

enum rung ahead_choose(const struct worker *w, const struct box *box, uint64_t rows)
{
	uint64_t modseq = box->row.watermark.highestmodseq;

	if (rows == 0)
		return RUNG_UNKNOWN;
	if (modseq == 0 || box->former != 0 || w->pass->void_watermarks || w->pass->policy.retry ||
		!imap_can(w->imap, IMAP_CAP_CONDSTORE) ||
		(box->status.highestmodseq != 0 && box->status.highestmodseq < modseq))
		return RUNG_PLAIN;
	return imap_expects_qresync(w->imap) ? RUNG_QRESYNC : RUNG_CONDSTORE;
}

int ahead_begin_flags(struct worker *w, struct box *box, enum rung rung, struct err *err)
{
	struct imap_fetch_request request = {.flags = true};

	uidset_clear(&w->vanished);
	if (rung == RUNG_QRESYNC || rung == RUNG_CONDSTORE)
		request.changed_since = box->row.watermark.highestmodseq;
	if (rung == RUNG_QRESYNC)
		request.vanished = &w->vanished;
	return imap_fetch_begin(w->imap, &request, err);
}

static int count_rows(struct pass *pass, const struct box *box, uint64_t *rows, struct err *err)
{
	struct state_read *read = NULL;
	uint64_t there = 0, here = 0;
	int rc = 0;

	if (pass->state && state_read_begin(pass->state, &read, err) != 0)
		return -1;
	if (read)
		rc = state_count_messages(read, box->row.id, &there, &here, err);
	state_read_end(read);
	*rows = there + here;
	return rc;
}

/* 1: there is no file in the folder, 0, -1. */
static int is_empty(struct maildir *maildir, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable;

	if (!maildir || maildir_scan_begin(&scan, maildir, err) != 0)
		return maildir ? -1 : 0;
	int rc = maildir_scan_next(&scan, &file, err);
	return maildir_scan_end(&scan, rc, &stable, err) != 0 ? -1 : rc == 0 && stable;
}

/* A small mailbox of which nothing is here: its messages can come before they are listed. Some
 * servers refuse to fetch from an empty one, but none that has QRESYNC; and an empty one is looked
 * at once more by the next pass, which notes the times of its folder. */
bool look_suits_ahead(const struct worker *w, const struct box *box)
{
	const struct pass *pass = w->pass;

	return box->there && box->here && !pass->options->plan && !pass->hold_there &&
	       !turned_expected(pass, box) && (pass->policy.new_messages & WAY_PULL) &&
	       box->status.known && box->status.messages <= BODIES_AHEAD &&
	       (box->status.messages > 0 || (imap_qresync(w->imap) && box->row.synced == 0));
}

/* ROWS: as for ahead_choose(). */
static int comes_whole(
	const struct worker *w, const struct box *box, uint64_t rows, struct err *err)
{
	if (rows > 0 || !look_suits_ahead(w, box))
		return 0;
	/* What was sent and taken elsewhere here must not come as something new: see astray.c. */
	int left = pass_has_leftovers(w->pass, box, err);
	return left != 0 ? -(left < 0) : is_empty(box->maildir, err);
}

int look_bodies_ahead(struct worker *w, const struct box *box, struct err *err)
{
	uint64_t rows;

	return count_rows(w->pass, box, &rows, err) != 0 ? -1 : comes_whole(w, box, rows, err);
}

struct imap_fetch_request look_bodies_request(void)
{
	return (struct imap_fetch_request){.flags = true, .date = true, .body = true};
}

int look_there_ahead(struct worker *w, struct box *box, struct err *err)
{
	struct imap_fetch_request bodies = look_bodies_request();
	uint64_t rows;

	w->ahead = (struct ahead){0};
	if (count_rows(w->pass, box, &rows, err) != 0)
		return -1;
	enum rung rung = ahead_choose(w, box, rows);
	int wanted = comes_whole(w, box, rows, err);
	if (wanted < 0)
		return -1;
	w->ahead = (struct ahead){
		.listing = !wanted, .bodies = wanted, .id = box->row.id, .rung = rung};
	if (wanted)
		return imap_fetch_begin(w->imap, &bodies, err);
	/* One command only: a server may carry out two at once and mix their answers. */
	return rung == RUNG_UNKNOWN ? imap_search_all_begin(w->imap, err)
				    : ahead_begin_flags(w, box, rung, err);
}

bool ahead_serves(const struct worker *w, const struct box *box)
{
	return w->ahead.listing && w->ahead.id == box->row.id &&
	       (w->ahead.rung == RUNG_UNKNOWN || w->ahead.rung == RUNG_PLAIN ||
		       imap_selected(w->imap)->highestmodseq >= box->row.watermark.highestmodseq);
}

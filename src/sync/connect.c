/*
 * A worker's connection, and the mailbox that is selected on it.
 */
#include "base/log.h"
#include "sync/pass.h"

int worker_connect(struct worker *w, struct err *err)
{
	struct pass *pass = w->pass;

	if (w->imap)
		return 0;
	if (access_connect(&pass->access, pass->keywords, w->number, &w->imap, err) != 0)
		return -1;
	w->patience = (struct patience){0};
	atomic_store(&pass->reached, true);
	atomic_store(&w->connected, true);
	report_connection(pass->report, w->number, true);
	return 0;
}

void worker_disconnect(struct worker *w)
{
	if (!w->imap)
		return;
	struct imap_counts counts = imap_counts(w->imap);
	atomic_fetch_add(&w->pass->report->totals.round_trips, counts.round_trips);
	atomic_fetch_add(&w->pass->report->totals.bytes_in, counts.bytes_in);
	atomic_fetch_add(&w->pass->report->totals.bytes_out, counts.bytes_out);
	imap_close(w->imap);
	w->imap = NULL;
	atomic_store(&w->connected, false);
	w->selected = NULL;
	line_cut(w);
	report_connection(w->pass->report, w->number, false);
}

void worker_drop_broken(struct worker *w, const struct err *err)
{
	if (!w->imap || imap_is_alive(w->imap))
		return;
	log_info("connection %u: %s", w->number, err->msg);
	worker_disconnect(w);
}

void pass_leave_mailboxes(struct pass *pass)
{
	for (unsigned i = 0; pass->settler && i < pass->worker_count; i++) {
		struct worker *w = &pass->workers[i];
		struct err err = {0};

		if (!w->imap || imap_can(w->imap, IMAP_CAP_CONDSTORE))
			continue;
		w->selected = NULL;
		if (imap_unselect(w->imap, &err) == 0)
			continue;
		log_info("connection %u: %s", w->number, err.msg);
		worker_disconnect(w); /* which leaves the mailbox, too */
	}
}

/*
 * What is to be moved or deleted was found when BOX was selected before. In a mailbox that was put
 * in its place since (another client deletes and makes, or renames), the same UIDs are messages
 * that nobody has looked at (I3).
 */
static bool is_still(const struct box *box, const struct imap_mailbox *now)
{
	bool went_back = now->uidnext != 0 && now->uidnext < box->watermark.uidnext;

	return now->uidvalidity == box->row.uidvalidity && !went_back &&
	       !identity_is_another(box, now);
}

int worker_select(struct worker *w, struct box *box, struct err *err)
{
	if (w->selected == box)
		return 0;
	w->selected = NULL;
	if (imap_select(w->imap, box->wire, w->pass->options->plan, err) != 0)
		return err_wrap(err, "can't select the mailbox");
	if (!is_still(box, imap_selected(w->imap)))
		return err_set(err, ERR_CONFLICT,
			"another mailbox took the place of this one meanwhile; the next pass goes "
			"on");
	w->selected = box;
	return 0;
}

int worker_select_anew(struct worker *w, struct box *box, struct err *err)
{
	w->selected = NULL;
	return worker_select(w, box, err);
}

#define COMPRESS_ROUND_TRIP_MS 10 /* a line that is this long is slower than the processor */
#define COMPRESS_NEWS 20          /* messages that are worth a round trip more */

/* `auto`: only on a line that is long, and only for many messages. */
static bool wants_compression(const struct worker *w, const struct box *box)
{
	enum config_compress wanted = w->pass->account->compress;
	const struct state_watermark *then = &box->row.watermark;
	const struct imap_status *now = &box->status;

	if (wanted != CONFIG_COMPRESS_AUTO)
		return wanted == CONFIG_COMPRESS_YES;
	return imap_round_trip_ms(w->imap) >= COMPRESS_ROUND_TRIP_MS &&
	       (!now->known || now->uidnext >= then->uidnext + COMPRESS_NEWS);
}

int worker_compress(struct worker *w, const struct box *box, struct err *err)
{
	if (!wants_compression(w, box))
		return 0;
	return imap_compress(w->imap, err) < 0 ? -1 : 0;
}

int worker_select_ahead(struct worker *w, struct box *box, struct err *err)
{
	w->selected = NULL;
	int in_line = line_select(w, box, err);
	if (in_line < 0)
		return err_wrap(err, "can't select the mailbox");
	if (in_line == 1) {
		w->selected = box;
		return 0;
	}
	if (worker_compress(w, box, err) != 0 ||
		imap_select_begin(w->imap, box->wire, w->pass->options->plan, err) != 0 ||
		look_there_ahead(w, box, err) != 0)
		return -1;
	if (imap_select_end(w->imap, err) != 0)
		return err_wrap(err, "can't select the mailbox");
	w->selected = box;
	return 0;
}

/*
 * Uploads whose end is not known. An APPEND whose answer was never seen may have come to its end,
 * and may do so a while after the connection broke: it is repeated only when two complete looks,
 * the second one some time after the first, did not find the message. One that was answered with OK
 * is never repeated by itself, found or not: what the server shows nowhere is noted as failed.
 *
 * Each of these looks begins with a SELECT: GNU mailutils never shows a session what came after it
 * selected the mailbox, however often it is asked for news.
 *
 * A pass that may go on in spite of trouble for less than that leaves it to the next one.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "sync/pass.h"

static unsigned doubt_ms = 10000;

void sync_set_doubt_ms(unsigned ms)
{
	doubt_ms = ms;
}

/* Is file I in doubt, and without a partner? */
static bool is_open(const struct look *look, const struct pairing *pairing, size_t i)
{
	const struct new_here *file = &look->new_here[i];

	return file->doubtful && !file->refused && !(pairing->used && pairing->used[i]);
}

/* Is there one to wait for? What the server said it has was waited for before the survey was made
 * once more. */
static bool any_open(
	const struct pass *pass, const struct look *look, const struct pairing *pairing)
{
	for (size_t i = 0; i < look->new_here_count; i++)
		if (is_open(look, pairing, i) && !(pass->repeated && look->new_here[i].answered))
			return true;
	return false;
}

int doubt_wait(struct worker *w, struct box *box, const struct look *look,
	const struct pairing *pairing, struct err *err)
{
	bool may_be_sent = w->pass->policy.new_messages & WAY_PUSH;

	/* Not there: the mailbox is gone, with all that may have arrived in it. */
	if (box->waited || !box->there || w->pass->options->plan || !may_be_sent ||
		!any_open(w->pass, look, pairing))
		return 0;
	if (box->selected_anew) {
		if (box->patience.troubled &&
			box->patience.until - clock_awake_ms() < (int64_t)doubt_ms)
			return err_set(err, ERR_NET,
				"an upload may still arrive, and is repeated no sooner than in "
				"%u s, which is longer than server.retry; the next pass goes on",
				doubt_ms / 1000);
		log_info("an upload may still arrive: waiting %u s before it is repeated",
			doubt_ms / 1000);
		box->waited = true;
		if (cancel_sleep_ms(doubt_ms, err) != 0)
			return -1;
	}
	box->selected_anew = true;
	return worker_select_anew(w, box, err) != 0 ? -1 : 1;
}

static int note_lost(
	struct worker *w, struct box *box, const struct new_here *file, struct err *err)
{
	struct state_pending pending = {.kind = STATE_PENDING_APPEND,
		.base = slice_str(file->base),
		.size = file->wire_size};
	struct err why = {0};
	uint64_t size;

	if (maildir_file_stat(box->maildir, file->name, &size, &pending.stamp, err) != 0)
		err_clear(err); /* gone meanwhile: so will be what is noted here */
	err_set(&why, ERR_SERVER_NO,
		"the server said that it stored the message, but does not show it");
	pending.reason = slice_str(why.msg);
	pass_failed(w->pass, box, 0, file->name, &why);
	return settle_pending(w->pass->settler, box->row.id, &pending, err);
}

/*
 * Answered, and not shown: did another client take it to another mailbox? Whoever is looked at from
 * now on fetches nothing before it was compared with the file (moves.c). Those that were looked at
 * before are asked once more, in this pass.
 */
static bool may_have_moved(struct worker *w, struct box *box)
{
	struct pass *pass = w->pass;

	if (!policy_moves_here(&pass->policy))
		return false;
	if (!pass->matched && !pass->repeated)
		pass->hold_there = true;
	if (pass->hold_there) {
		box->in_doubt++;
		box->held_here = true;
		return true;
	}
	if (pass->repeated)
		return false;
	pass->again = true;
	box->incomplete = true;
	return true;
}

static int settle_open(struct worker *w, struct box *box, const struct look *look,
	struct new_here *file, struct err *err)
{
	/* It may be among what the server did not show. */
	if (!look->there_complete || file->held) {
		file->held = true;
		return 0;
	}
	if (!file->answered || !box->there || may_have_moved(w, box))
		return 0;
	return note_lost(w, box, file, err);
}

/* ---- what has no file any more ---- */

static int compare_base(const void *key, const void *file)
{
	return strcmp(key, ((const struct new_here *)file)->base);
}

static bool is_new_here(const struct look *look, const char *base)
{
	return look->new_here_count > 0 && bsearch(base, look->new_here, look->new_here_count,
						   sizeof(*look->new_here), compare_base);
}

/* Whoever removed the file, or gave it another name, ended the doubt. */
static int forget_uploads(struct worker *w, const struct box *box, const struct look *look,
	struct state_read *read, struct err *err)
{
	struct state_upload upload;
	const char *base = "";
	int rc;

	while ((rc = state_next_upload(read, box->row.id, slice_str(base), &upload, err)) == 1) {
		base = arena_strndup(&w->arena, upload.base.p, upload.base.n);
		if (!is_new_here(look, base) && settle_upload_gone(w->pass->settler, box->row.id,
							slice_str(base), NULL, err) != 0)
			return -1;
	}
	return rc;
}

/* The same for what was refused. */
static int forget_refused(struct worker *w, const struct box *box, const struct look *look,
	struct state_read *read, struct err *err)
{
	struct state_pending after = {.kind = STATE_PENDING_APPEND}, entry;
	int rc;

	while ((rc = state_next_pending(read, box->row.id, &after, &entry, err)) == 1 &&
		entry.kind == STATE_PENDING_APPEND) {
		const char *base = arena_strndup(&w->arena, entry.base.p, entry.base.n);
		after.base = slice_str(base);
		if (!is_new_here(look, base) && settle_not_pending(w->pass->settler, box->row.id,
							entry.kind, 0, after.base, err) != 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

static int forget_orphans(
	struct worker *w, const struct box *box, const struct look *look, struct err *err)
{
	struct state_read *read = NULL;

	if (state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	int rc = forget_uploads(w, box, look, read, err);
	if (rc == 0)
		rc = forget_refused(w, box, look, read, err);
	state_read_end(read);
	return rc;
}

int doubt_settle(struct worker *w, struct box *box, struct look *look,
	const struct pairing *pairing, struct err *err)
{
	if (!w->pass->settler || !box->maildir)
		return 0;
	for (size_t i = 0; i < look->new_here_count; i++)
		if (is_open(look, pairing, i) &&
			settle_open(w, box, look, &look->new_here[i], err) != 0)
			return -1;
	return look->here_complete && !look->truncated ? forget_orphans(w, box, look, err) : 0;
}

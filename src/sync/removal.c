/*
 * Deletions, last of all (I8). What shall go on the server is looked for once more in the Maildir
 * by a whole read directly before: a file that a mail reader was just renaming must not cost the
 * message on the server (I3).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "sync/pass.h"

#define DELETE_BATCH 5000 /* UIDs a STORE and EXPUNGE */
#define SCANS 5

/* ---- there ---- */

/* Take every UID out of SET whose file is there after all. 1: the folder stood still, 0: it did
 * not, -1. */
static int scan_again(struct worker *w, struct box *box, struct uidset *set, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	struct state_read *read = NULL;
	bool stable = false;
	uint32_t uid;
	int rc;

	if (state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	rc = maildir_scan_begin(&scan, box->maildir, err);
	if (rc == 0) {
		while ((rc = maildir_scan_next(&scan, &file, err)) == 1) {
			rc = state_get_by_base(read, box->row.id, file.base, &uid, err);
			if (rc < 0)
				break;
			if (rc == 1 && uidset_contains(set, uid)) {
				uidset_remove(set, uid);
				box->incomplete = true;
			}
		}
		rc = maildir_scan_end(&scan, rc, &stable, err);
	}
	state_read_end(read);
	return rc != 0 ? -1 : stable;
}

int prove_absence(struct worker *w, struct box *box, struct uidset *set, struct err *err)
{
	if (mailbox_open_here(w, box, err) != 0)
		return -1;
	for (int i = 0; i < SCANS && box->maildir; i++) {
		int rc = scan_again(w, box, set, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	if (!box->maildir && maildir_is_gone(&w->pass->root, box->path))
		return 0;
	log_warn("%s: another program keeps changing the folder: nothing is deleted on the server "
		 "in this pass",
		box->name);
	uidset_clear(set);
	box->incomplete = true;
	return 0;
}

/* The mark in the row tells the planner that there is nothing left to do. */
static int settle_marked(struct worker *w, struct box *box, uint32_t uid, struct err *err)
{
	struct settler *settler = w->pass->settler;
	struct flags deleted = flags_system(FLAG_DELETED);

	if (settle_flags(settler, box->row.id, uid, &deleted, &deleted, box->maildir, NULL, err) !=
		0)
		return -1;
	return settle_where(settler, box->row.id, uid, STATE_THERE, box->maildir, err);
}

static int settle_deleted(struct worker *w, struct box *box, const struct uidset *uids,
	bool expunged, struct err *err)
{
	struct uid_iter it = {0};
	uint32_t uid;

	while ((uid = uidset_next(uids, &it)) != 0) {
		int rc = expunged ? settle_forget(
					    w->pass->settler, box->row.id, uid, box->maildir, err)
				  : settle_marked(w, box, uid, err);
		if (rc != 0)
			return -1;
		atomic_fetch_add(&w->pass->report->totals.deleted_there,
			!uidset_contains(&box->left_there, uid));
		report_advance(w->pass->report, w->number, 1, 0);
	}
	return 0;
}

static int mark_deleted(struct worker *w, const struct uidset *uids, struct err *err)
{
	struct flags deleted = flags_system(FLAG_DELETED);
	imap_ticket ticket;

	if (imap_store_send(w->imap, uids, IMAP_STORE_ADD, &deleted, &ticket, err) != 0)
		return -1;
	return imap_wait_ok(w->imap, ticket, err);
}

/*
 * Without UIDPLUS only a plain EXPUNGE is left, which would take messages along that others marked.
 * 1: done, 0: it has to wait, -1.
 *
 * Not done, though RFC 4549 lets clients do it: take these marks away, expunge, and set them again.
 * Whoever takes back a mark of his own meanwhile would get it again, and lose the message with the
 * next EXPUNGE; and killed in between, others lose their marks.
 */
static int expunge_all_ours(
	struct worker *w, struct box *box, const struct uidset *uids, struct err *err)
{
	struct uidset marked = {0};
	int rc = imap_search_deleted(w->imap, &marked, err);

	uidset_subtract(&marked, uids);
	if (rc == 0 && uidset_empty(&marked))
		rc = imap_expunge(w->imap, err) == 0 ? 1 : -1;
	else if (rc == 0)
		log_warn("%s: the server can only expunge everything, and %llu messages marked by "
			 "others would go too; waiting",
			box->name, (unsigned long long)uidset_size(&marked));
	uidset_fini(&marked);
	return rc;
}

static int expunge(struct worker *w, struct box *box, const struct uidset *uids, struct err *err)
{
	imap_ticket ticket;

	if (!imap_can(w->imap, IMAP_CAP_UIDPLUS))
		return expunge_all_ours(w, box, uids, err);
	if (imap_uid_expunge_send(w->imap, uids, &ticket, err) != 0 ||
		imap_wait_ok(w->imap, ticket, err) != 0)
		return -1;
	return 1;
}

/* UIDS, as many as go at once. 1: they lie in the trash, 0: copies of them do, -1. */
static int move_some(struct worker *w, const struct uidset *uids, struct err *err)
{
	struct imap_moved moved;

	int rc = imap_move(w->imap, uids, w->pass->trash, &moved, err);
	bool copied = moved.copied;
	imap_moved_fini(&moved);
	return rc != 0 ? -1 : !copied;
}

/* Where that is what deleting means. 1: gone from this mailbox, 0: still here, -1. */
static int to_trash(struct worker *w, struct box *box, const struct uidset *uids, struct err *err)
{
	struct uid_iter it = {0};
	struct uid_range range;
	struct uidset some = {0};
	int rc = 0;

	if (w->pass->trash.n == 0 || slice_eq(w->pass->trash, box->wire))
		return 0;
	while (rc >= 0 && uidset_next_range(uids, &it, IMAP_MOVE_MOST, &range)) {
		uidset_clear(&some);
		uidset_add_range(&some, range.first, range.last);
		rc = move_some(w, &some, err);
	}
	uidset_fini(&some);
	atomic_store(&w->pass->again, true); /* what came to the trash is fetched in this pass */
	return rc;
}

/* LEFT: by moves, whose messages lie elsewhere: no copies for the trash. */
static int delete_batch_there(
	struct worker *w, struct box *box, const struct uidset *uids, bool left, struct err *err)
{
	bool really = w->pass->policy.expunge & SIDE_THERE;
	int rc = really && !left ? to_trash(w, box, uids, err) : 0;

	if (rc != 0)
		return rc < 0 ? -1 : settle_deleted(w, box, uids, true, err);
	rc = mark_deleted(w, uids, err) != 0 ? -1 : 1;
	if (rc == 1 && really)
		rc = expunge(w, box, uids, err);
	if (rc == 1)
		return settle_deleted(w, box, uids, really, err);
	if (rc == 0) {
		atomic_fetch_add(&w->pass->report->totals.pending, uidset_size(uids));
		box->incomplete = true;
	}
	return rc;
}

static int delete_set_there(
	struct worker *w, struct box *box, const struct uidset *uids, bool left, struct err *err)
{
	struct uid_iter it = {0};
	struct uid_range range = {0};
	struct uidset batch = {0};
	bool more = true;
	int rc = 0;

	while (rc == 0 && more) {
		uidset_clear(&batch);
		while (uidset_size(&batch) < DELETE_BATCH &&
			(more = uidset_next_range(
				 uids, &it, DELETE_BATCH - (uint32_t)uidset_size(&batch), &range)))
			uidset_add_range(&batch, range.first, range.last);
		if (!uidset_empty(&batch))
			rc = delete_batch_there(w, box, &batch, left, err);
	}
	uidset_fini(&batch);
	return rc;
}

static int delete_there(struct worker *w, struct box *box, struct err *err)
{
	struct uidset left = {0}, others = {0};

	if (uidset_empty(&box->delete_there))
		return 0;
	if (prove_absence(w, box, &box->delete_there, err) != 0 || worker_select(w, box, err) != 0)
		return -1;
	report_begin(w->pass->report, w->number, box->name, "deleting",
		uidset_size(&box->delete_there), 0);
	uidset_copy(&others, &box->delete_there);
	uidset_subtract(&others, &box->left_there);
	uidset_copy(&left, &box->delete_there);
	uidset_intersect(&left, &box->left_there);
	int rc = delete_set_there(w, box, &left, true, err);
	if (rc == 0)
		rc = delete_set_there(w, box, &others, false, err);
	uidset_fini(&left);
	uidset_fini(&others);
	return rc;
}

/* ---- here ---- */

/* To the attic, from where it can come back; only `keep_deleted: 0` destroys at once. With all its
 * names: what is left of a rename that was cut in half would be a new message. */
static int take_away(const struct pass *pass, struct box *box, struct attic_shelf *shelf,
	const char *path, struct err *err)
{
	char other[MAILDIR_FILE_SIZE];
	int more;

	while ((more = maildir_other_name(box->maildir, path, other, sizeof(other), err)) == 1)
		if (maildir_remove(box->maildir, other, err) != 0 && err->sys != ENOENT)
			return -1;
	if (more < 0)
		return -1;
	if (pass->account->keep_deleted == 0)
		return maildir_remove(box->maildir, path, err);
	return attic_keep(shelf, path, err);
}

/* Take away (SHELF) or mark with T (NULL) the file of ROW, wherever a reader has put it in this
 * folder. 1: done, 0: there is none, -1. */
static int change_file(struct worker *w, struct box *box, const struct state_message *row,
	struct attic_shelf *shelf, char *path, size_t size, struct err *err)
{
	char base[ROW_FILE_SIZE], to[ROW_FILE_SIZE];

	snprintf(base, sizeof(base), "%.*s", SLICE_ARG(row->base));
	row_file(row, path, size);
	for (int attempt = 0; attempt < 3; attempt++) {
		struct state_message now = {0};
		row_set_file(&now, path);
		struct flags flags = maildir_flags(box->maildir, now.info);
		flags.system |= FLAG_DELETED;
		if (!shelf && maildir_filename(box->maildir, slice_str(base), false, now.info,
				      &flags, to, sizeof(to)) == 0)
			return err_set(err, ERR_DISK, "%s: the file name would be too long", path);
		int rc = shelf                   ? take_away(w->pass, box, shelf, path, err)
			 : strcmp(path, to) == 0 ? 0
						 : maildir_rename(box->maildir, path, to, err);
		if (rc == 0) {
			snprintf(path, size, "%s", shelf ? "" : to);
			return 1;
		}
		if (err->sys != ENOENT)
			return -1;
		rc = maildir_find(box->maildir, slice_str(base), path, size, err);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

static int delete_one_here(
	struct worker *w, struct box *box, uint32_t uid, struct attic_shelf *shelf, struct err *err)
{
	struct settler *settler = w->pass->settler;
	struct flags deleted = flags_system(FLAG_DELETED);
	bool really = w->pass->policy.expunge & SIDE_HERE;
	struct state_message row;
	char path[ROW_FILE_SIZE];

	int rc = row_get(w, box->row.id, uid, &row, err);
	if (rc <= 0)
		return rc;
	int done = row.where & STATE_HERE ? change_file(w, box, &row, really ? shelf : NULL, path,
						    sizeof(path), err)
					  : 0;
	if (done < 0)
		return -1;
	if (done == 0 && row.where & STATE_HERE) {
		/* Removed, or given another BASE: only a look can tell, and needs the row for it.
		 */
		box->incomplete = true;
		return 0;
	}
	atomic_fetch_add(&w->pass->report->totals.deleted_here, done);
	report_advance(w->pass->report, w->number, 1, 0);
	if (really || done == 0)
		return settle_forget(settler, box->row.id, uid, box->maildir, err);
	if (settle_flags(settler, box->row.id, uid, &deleted, &deleted, box->maildir, path, err) !=
		0)
		return -1;
	return settle_where(settler, box->row.id, uid, STATE_HERE, box->maildir, err);
}

static int delete_here(struct worker *w, struct box *box, struct err *err)
{
	struct attic_shelf shelf;
	struct uid_iter it = {0};
	uint32_t uid;
	unsigned done = 0;
	int rc = 0;

	report_begin(w->pass->report, w->number, box->name, "deleting",
		uidset_size(&box->delete_here), 0);
	attic_shelf_init(&shelf, &w->pass->attic, w->pass->number, box->maildir);
	while (rc == 0 && (uid = uidset_next(&box->delete_here, &it)) != 0) {
		rc = cancel_check(err) != 0 ? -1 : delete_one_here(w, box, uid, &shelf, err);
		if (++done % 1000 == 0)
			arena_reset(&w->arena);
	}
	attic_shelf_fini(&shelf);
	return rc;
}

/* ---- mailboxes that one side lost ---- */

/* On the server, now that what we knew of it is expunged. A message that came meanwhile keeps it.
 * 1: gone, 0: it stays, -1. */
static int delete_mailbox_there(struct worker *w, struct box *box, struct err *err)
{
	struct imap_status status = {0};
	struct imap_result result;
	imap_ticket ticket;

	w->selected = NULL;
	if (imap_unselect(w->imap, err) != 0)
		return -1;
	int rc = imap_status(w->imap, box->wire, &status, err);
	if (rc <= 0)
		return rc < 0 ? -1 : 1;
	if (!status.known || status.messages > 0)
		return 0;
	box->delete_sent = true;
	if (imap_delete_send(w->imap, box->wire, &ticket, err) != 0 ||
		imap_wait(w->imap, ticket, &result, err) != 0)
		return -1;
	if (!result.ok)
		log_warn("%s: the server does not delete the mailbox: %s", box->name, result.text);
	return result.ok;
}

/*
 * The mailbox goes where it was left, unless something new is in it: then it is forgotten only, and
 * the next survey, in this pass, finds a mailbox that one side has and the other lacks.
 */
static int finish_lost(struct worker *w, struct box *box, struct err *err)
{
	struct pass *pass = w->pass;
	int rc = 0;

	if (box->incomplete)
		return mailbox_finish(w, box, err);
	if (settler_flush(pass->settler, err) != 0)
		return -1;
	if (!box->remains)
		rc = box->lost == SIDE_HERE ? delete_mailbox_there(w, box, err)
					    : maildir_remove_folder(&pass->root, box->path, err);
	if (rc < 0)
		return -1;
	if (rc == 1)
		atomic_fetch_add(box->lost == SIDE_HERE ? &pass->report->totals.boxes_deleted_there
							: &pass->report->totals.boxes_deleted_here,
			1);
	pass->again |= rc == 0;
	return settle_mailbox_gone(pass->settler, box->row.id, err);
}

/* The connection was cut after a DELETE: was that carried out? Then there is nothing to select any
 * more. 1, 0, -1. */
static int went_unanswered(struct worker *w, const struct box *box, struct err *err)
{
	struct imap_status status;

	if (!box->delete_sent)
		return 0;
	int known = imap_status(w->imap, box->wire, &status, err);
	return known < 0 ? -1 : known == 0;
}

int mailbox_delete(struct worker *w, struct box *box, struct err *err)
{
	int gone = went_unanswered(w, box, err);

	if (gone < 0 || mailbox_open_here(w, box, err) != 0 ||
		(gone == 0 && delete_there(w, box, err) != 0) || delete_here(w, box, err) != 0)
		return -1;
	return box->lost != SIDE_NONE ? finish_lost(w, box, err) : mailbox_finish(w, box, err);
}

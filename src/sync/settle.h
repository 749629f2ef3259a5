/*
 * The settler: the one thread of an account that writes the state. Workers hand it what they have
 * done; it makes a batch durable, then commits one transaction for it (I1, I4). Items of one worker
 * are settled in the order in which they came.
 *
 * A download is settled in two steps, each of which may be the last before a power cut:
 *     batch k      data durable in tmp/, `arrival` row committed, then renamed to its place
 *     batch k + 1  directories durable, `arrival` row becomes the `message` row
 */
#ifndef SYNC_SETTLE_H
#define SYNC_SETTLE_H

#include "maildir/maildir.h"
#include "state/state.h"
#include "sync/report.h"

struct settler;

struct settler_options {
	struct state *state;
	struct keywords *keywords;       /* new ones are saved with the rows that use them */
	const struct maildir_root *root; /* for the marker */
	struct report *report;
	uint64_t pass; /* number of this pass; marker and meta learn it before the first row changes
			*/
};

struct settler *settler_start(const struct settler_options *options);
/* Settles all that is queued, ends the thread, frees. -1 with the first error if the settler failed
 * at any time. */
int settler_stop(struct settler *settler, struct err *err) MUST_USE;
/* Wait until everything that this thread handed over is durable and committed. */
int settler_flush(struct settler *settler, struct err *err) MUST_USE;

/*
 * Each takes copies of what it is given and references of MAILDIR. -1 with the settler's error once
 * it has failed: nothing more will be settled in this pass.
 */
/* A download complete in tmp/ROW->base; its row says where it goes. */
int settle_arrival(struct settler *settler, uint32_t id, struct maildir *maildir,
	const struct state_message *row, struct err *err) MUST_USE;
/* ROW->base of another folder is about to be moved to that of ID: noted as an arrival that is not
 * here yet. settler_flush() before it is moved; settle_arrival_gone() behind its row. */
int settle_moving(struct settler *settler, uint32_t id, const struct state_message *row,
	struct err *err) MUST_USE;
/* The arrival row of a former pass, or of a move, is done with. */
int settle_arrival_gone(
	struct settler *settler, uint32_t id, uint32_t uid, struct err *err) MUST_USE;
/* A row as it is now. MAILDIR: the file and its directories are made durable first (NULL: nothing
 * changed on disk). A row of the UPLOAD table under the same BASE goes. */
int settle_message(struct settler *settler, uint32_t id, struct maildir *maildir,
	const struct state_message *row, struct err *err) MUST_USE;
/* Set the bits CHANGE of the row's flags to those of FLAGS; PATH (if any): the file's name now,
 * directories durable first. */
int settle_flags(struct settler *settler, uint32_t id, uint32_t uid, const struct flags *change,
	const struct flags *flags, struct maildir *maildir, const char *path,
	struct err *err) MUST_USE;
/* The row goes. MAILDIR: its directories are made durable first. */
int settle_forget(struct settler *settler, uint32_t id, uint32_t uid, struct maildir *maildir,
	struct err *err) MUST_USE;
/* The row stays, but only WHERE holds the message now. */
int settle_where(struct settler *settler, uint32_t id, uint32_t uid, unsigned where,
	struct maildir *maildir, struct err *err) MUST_USE;
int settle_upload(struct settler *settler, uint32_t id, const struct state_upload *upload,
	struct err *err) MUST_USE;
/* MAILDIR: from which its file was taken; durable first. NULL: it was not. */
int settle_upload_gone(struct settler *settler, uint32_t id, struct slice base,
	struct maildir *maildir, struct err *err) MUST_USE;
/* Noted (count and since are kept up by the settler) or no longer pending. */
int settle_pending(struct settler *settler, uint32_t id, const struct state_pending *pending,
	struct err *err) MUST_USE;
int settle_not_pending(struct settler *settler, uint32_t id, enum state_pending_kind kind,
	uint32_t uid, struct slice base, struct err *err) MUST_USE;
/* A mailbox row (watermark included): committed after every arrival handed over before is a
 * message. FORMER != 0: that id's rows all go. */
int settle_mailbox(struct settler *settler, const struct state_mailbox *mailbox, uint32_t former,
	struct err *err) MUST_USE;
/* MAILBOX takes the place of the row FORMER, which keeps its messages and loses its name, and whose
 * own former goes: in one transaction, so that one row always stands for the mailbox. */
int settle_renumbered(struct settler *settler, const struct state_mailbox *mailbox, uint32_t former,
	struct err *err) MUST_USE;
/* The folder of the mailbox ID. */
struct settled_folder {
	uint32_t id;
	struct maildir_identity folder;
};
/* These are other folders than the rows of their mailboxes know: all COUNT rows learn it in one
 * transaction, and forget the times of the old ones. */
int settle_folders(struct settler *settler, const struct settled_folder *folders, size_t count,
	struct err *err) MUST_USE;
/* The mailbox is on neither side any more: its row and all rows under its id go. */
int settle_mailbox_gone(struct settler *settler, uint32_t id, struct err *err) MUST_USE;
/* meta text */
int settle_text(
	struct settler *settler, const char *key, struct slice value, struct err *err) MUST_USE;

#endif

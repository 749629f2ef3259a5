/*
 * What the files of the engine share about one pass over one account. Internal to sync/.
 *
 * Timeline: account.c fills struct pass, makes the boxes from the survey and runs two phases over
 * them. In each, workers (worker.c) take boxes, one at a time; whoever has a box owns it. Phase
 * "work" (mailbox.c) finds changes, plans, and carries out all but deletions, which it collects in
 * the box; then the guard sees them all; phase "delete" (removal.c) carries them out (I8).
 */
#ifndef SYNC_PASS_H
#define SYNC_PASS_H

#include "base/arena.h"
#include "config/config.h"
#include "imap/imap.h"
#include "maildir/attic.h"
#include "maildir/maildir.h"
#include "model/plan.h"
#include "state/state.h"
#include "sync/access.h"
#include "sync/patience.h"
#include "sync/pool.h"
#include "sync/report.h"
#include "sync/settle.h"
#include "sync/share.h"
#include "sync/survey.h"
#include "sync/sync.h"

/* One mailbox of this pass. Strings live in the pass's arena. */
struct box {
	const char *name; /* canonical */
	struct slice wire;
	const char *path;
	bool there, here;          /* exists (plan: may be neither made nor there) */
	struct imap_status status; /* of the LIST */
	struct state_mailbox row;  /* as in the state, then as this pass wants it; id != 0 */
	char mailboxid[IMAP_OBJECT_ID_SIZE]; /* room for row.mailboxid */
	uint32_t former;                     /* id under the former UIDVALIDITY, 0: none */
	bool same_uids; /* ... whose UIDs mean the same messages: only the folder is another one */
	struct maildir *maildir;        /* open while somebody works on it; NULL: no folder yet */
	struct maildir_identity folder; /* of the one that was opened last */
	bool folder_known;              /* ... before the work phase already */
	bool displaced; /* its files are in a folder that this pass is not about: left alone */
	struct maildir_times times; /* before the work phase, if times_known */
	bool times_known;
	struct flags mask_there; /* flags that the server keeps for good */
	/* what the work phase leaves for the delete phase */
	struct uidset delete_here, delete_there;
	struct uidset left_there; /* of delete_there: what a move without MOVE left behind, by COPY.
				     No deletion for the user, the guard or the trash */
	struct uidset done_there, done_here; /* changes of more than a look holds that an earlier
						round of the pass has dealt with */
	struct uidset taken; /* of delete_there: followed to another mailbox, as moved here */
	struct uidset sent;  /* UIDs of what this pass stored there: a server whose view of the
				mailbox is older does not list them (Courier before a NOOP) */
	uint64_t rows_here, rows_there;
	bool oldest;           /* what the server lost are its oldest messages */
	int64_t oldest_span;   /* seconds between the dates of the first and the last of them */
	uint64_t shown_before; /* messages that the server showed, 0: not known */
	bool window_accepted;  /* the user let the oldest go before */
	bool inferred;   /* something counts as gone because the listing lacks it: nobody said so */
	enum side lost;  /* the side that has no such mailbox any more: deleted on the other */
	size_t in_doubt; /* uploads that former passes began, and did not see the end of */
	bool held_there; /* new messages of the server wait until moves are known (moves.c) */
	bool held_here;  /* new files do */
	bool delete_sent; /* a DELETE for it, which may have been carried out */
	bool remains;     /* lost, and there is something new in it */
	bool paired;      /* all of it is paired anew (identity.c): no deletions in this pass */
	bool turned;      /* changed places on the server: waits for its files (turned.c) */
	bool followed;    /* ... and they came */
	struct uidset told_there, told_here; /* plan: messages whose files would follow; rows under
						the former id whose files would */
	bool incomplete;    /* something is left undone: the watermark stays unknown */
	bool alone;         /* the server refused several messages in one APPEND: one by one now */
	bool selected_anew; /* to see an APPEND in doubt */
	bool waited;        /* for it */
	bool looked;        /* went through the work phase */
	bool in_bulk;       /* was paired in bulk (bulk.c) */
	bool unproven;      /* told that what is gone can't be known (pass_unproven()) */
	bool restless;      /* the last look found its folder changing all the time: what seems new
			       may be a file that another program just renamed */
	bool moved_in;      /* its folder was another mailbox's: places.c */
	struct patience patience; /* with this mailbox */
	struct state_watermark
		watermark; /* what the row's watermark may become when all is settled */
};

/* What went out together with the SELECT of a mailbox; see ahead.c. */
struct ahead {
	bool listing; /* its first listing, by RUNG */
	bool bodies;  /* its messages */
	unsigned rung;
	uint32_t id; /* of the row that the mailbox had then */
};

struct worker {
	struct pass *pass;
	unsigned number;    /* of the connection, from 1 */
	struct imap *imap;  /* NULL: not connected */
	struct arena arena; /* for one box */
	struct maildir_delivery *delivery;
	pthread_t thread;
	bool takes_part;          /* in the present phase */
	_Atomic bool connected;   /* for the others to see: imap != NULL */
	struct patience patience; /* with its connection */
	int64_t helps_from;       /* clock_ms(): not before that with the mailboxes of others */
	struct box *selected;     /* the box that this connection has selected, NULL: none */
	bool keeps_flags;         /* the server was seen to keep the flags of an APPEND */
	struct ahead ahead;
	struct box *line[IMAP_QUEUE_MOST]; /* taken, to be worked on next, in this order: line.c */
	unsigned in_line;
	unsigned asked;         /* so many of them were asked for already */
	struct box *turn;       /* was asked for so, and is the next to be selected; NULL: none */
	struct uidset vanished; /* as the server said it in the listing on its way */
	struct err refusal;     /* what it said of the last headers that it refused */
};

/* A mailbox as the state knew it when the pass began. */
struct known_row {
	uint32_t id, uidvalidity;
	struct slice mailboxid; /* arena */
};

/* A folder here, of a mailbox that this pass is about or not. */
struct folder {
	const char *name; /* canonical */
	const char *path;
	uint32_t id;     /* of its rows; 0: it has none */
	uint32_t former; /* id under which it had others, 0: none */
};

struct pass {
	const struct config_account *account;
	const struct sync_options *options;
	struct report *report;
	struct policy policy;
	struct access access; /* the way to the server */
	unsigned recalled;    /* access.refused as the state has it: see recall.c */
	struct state *state;  /* NULL: plan of an account that was never synced */
	struct keywords *keywords;
	struct settler *settler;  /* NULL: plan */
	uint64_t number;          /* of this pass */
	struct attic attic;       /* open while deletions are carried out; fd -1 else */
	struct maildir_root root; /* fd -1: plan, and there is none */
	struct arena arena;
	struct folder *folders; /* every one that the survey found here */
	size_t folder_count;
	struct known_row *known; /* every row, those of former ids, too */
	size_t known_count;
	struct box *boxes;
	size_t box_count;
	const struct quirk_profile *profile; /* of the server, NULL: none */
	struct slice trash;      /* the server's mailbox that deleted messages go to; empty: none */
	bool void_watermarks;    /* the policy changed: look at everything */
	bool names_known;        /* what was asked for by name and is nowhere has been told */
	_Atomic bool hold_there; /* downloads wait: what is new may have moved */
	bool hold_here;          /* uploads do */
	_Atomic bool again;      /* the survey has to be made once more */
	bool repeated;           /* it was */
	bool matched;            /* moves were, since the survey */
	struct moves *moves;     /* while they are matched */
	_Atomic uint32_t next_id; /* of mailbox rows */
	/* phases: see worker.c */
	struct worker *workers;
	unsigned worker_count;
	struct worker *control; /* of the workers: who asks between the phases */
	struct pool pool;       /* mailboxes to be taken */
	_Atomic bool reached;   /* the server, once */
	_Atomic uint64_t
		over_quota;      /* the server has no room for messages of this size; 0: it has */
	_Atomic unsigned broken; /* mailboxes about which the server broke the protocol */
};

/* ---- worker.c ---- */

/* Work on one box. The connection is there; errors are unwound by the caller. */
typedef int box_work(struct worker *worker, struct box *box, struct err *err);
/* Run WORK over JOBS (JOB_COUNT of them) with as many connections as help, MOST or fewer. -1 with
 * the first error that ended the pass. */
int pass_run(struct pass *pass, box_work *work, struct box **jobs, size_t job_count, unsigned most,
	struct err *err) MUST_USE;
/* A worker that is connected, if there is one: it asks between the phases. */
struct worker *pass_choose_control(struct pass *pass);

/* ---- connect.c ---- */

int worker_connect(struct worker *worker, struct err *err) MUST_USE;
void worker_disconnect(struct worker *worker);
/* Close the connection if ERR ended it, or left it in a state that nobody knows. */
void worker_drop_broken(struct worker *worker, const struct err *err);
/*
 * Between two looks of a pass at a mailbox, the second of which may be by another connection: let
 * go of what is selected, and wait for the answer. There are servers that show flags which one
 * session stores to the others only when it has left (GNU mailutils): the second look would take
 * them for removed by somebody else. CONDSTORE servers, whose flags have an age, do not.
 */
void pass_leave_mailboxes(struct pass *pass);
/* COMPRESS, if it is wanted for what BOX will bring. */
int worker_compress(struct worker *worker, const struct box *box, struct err *err) MUST_USE;
/* Select BOX, and ask for its changes in the same breath. */
int worker_select_ahead(struct worker *worker, struct box *box, struct err *err) MUST_USE;
/* Select BOX, which this pass has selected before, unless it still is. -1 also if it is another one
 * by now. */
int worker_select(struct worker *worker, struct box *box, struct err *err) MUST_USE;
/* The same even if it is selected: as a session sees it that comes just now. */
int worker_select_anew(struct worker *worker, struct box *box, struct err *err) MUST_USE;

/* ---- line.c: mailboxes one behind another, without a round trip between them ---- */

/* While a mailbox is fetched by what went out with its SELECT: ask for the next ones, too. */
void line_up(struct worker *worker);
/* Take the next one out of the line; NULL: nobody stands in it. */
struct box *line_next(struct worker *worker);
/* Is the answer about BOX on its way? Then make it the selected mailbox. 1: yes, 0: no, -1. */
int line_select(struct worker *worker, const struct box *box, struct err *err) MUST_USE;
/* Something else has to be said first: those in line go back to the pool. */
int line_break(struct worker *worker, struct err *err) MUST_USE;
/* The connection is gone, and with it what was asked: they go back to the pool. */
void line_cut(struct worker *worker);

/* ---- tell.c ---- */

/* A mailbox or message failed: counted and told. UID 0 and FILE NULL: the mailbox. */
void pass_failed(struct pass *pass, const struct box *box, uint32_t uid, const char *file,
	const struct err *err);
/* What is gone from BOX can't be known, or new files of it not be told from renamed ones: it fails
 * with REASON, once a pass. The sides may differ, and nobody may take them for equal. */
void pass_unproven(struct pass *pass, struct box *box, const char *reason);
/* Tell one event about a mailbox ("" for the account). */
void pass_tell(
	struct pass *pass, enum report_event_kind kind, const char *mailbox, const char *reason);
/* `plan`: one operation that would be done. */
void pass_tell_op(struct pass *pass, const struct box *box, const struct op *op);

/* ---- boxing.c, judge.c: what account.c does before and between the phases ---- */

/* open.c: release the boxes; there are none then. */
void pass_forget_boxes(struct pass *pass);
/* List both sides and fill pass->boxes. */
int pass_survey(struct pass *pass, struct err *err) MUST_USE;
/* Make what one side lacks; `plan` only tells. */
int pass_make_boxes(struct pass *pass, struct err *err) MUST_USE;
/* The guard, then the deletions that it lets through. */
int pass_delete(struct pass *pass, struct err *err) MUST_USE;

/* ---- moves.c ---- */

/* Could messages have moved between mailboxes since the last pass, by what the survey tells? Sets
 * pass->hold_there and ->hold_here. */
int pass_expect_moves(struct pass *pass, struct err *err) MUST_USE;
/* When every mailbox was looked at: what one mailbox lost and another one has new is moved, not
 * copied. */
int pass_match_moves(struct pass *pass, struct err *err) MUST_USE;

/* ---- there.c, ahead.c, here.c: what changed ---- */

struct look {
	struct uidset new_there;
	struct change *there, *here; /* owned (malloc) */
	size_t there_count, there_room, here_count, here_room;
	struct new_here *new_here; /* owned; strings in the worker's arena */
	size_t new_here_count, new_here_room;
	/* Set by who wants only some of the new files: so many (0: as ever), or one of PARTS (0:
	 * all), which take each file by its BASE. */
	size_t new_here_most;
	unsigned part, parts;
	size_t new_here_total; /* ... of so many */
	bool there_complete;   /* the server's view is proven complete (I3) */
	bool here_complete;
	bool truncated; /* more changed than fits one round: look again after carrying these out */
	struct maildir_times
		times; /* of the directories before the scan; zero: not scanned or unknown */
};

/* How many changes a look holds, of each side; and as many files that are to be sent. */
size_t look_most(void);

/* Can BOX come as a whole, before it is listed? By what is known of it without looking (0, 1). */
bool look_suits_ahead(const struct worker *worker, const struct box *box);
/* The same, and there is nothing in its folder: 1, 0, -1. */
int look_bodies_ahead(struct worker *worker, const struct box *box, struct err *err) MUST_USE;
/* What is asked for then. */
struct imap_fetch_request look_bodies_request(void);
/* Between the two halves of the SELECT: ask for what look_there() will need first. */
int look_there_ahead(struct worker *worker, struct box *box, struct err *err) MUST_USE;
int look_there(struct worker *worker, struct box *box, struct look *look, struct err *err) MUST_USE;
/* ALL_NEW: do not stop collecting new files at look_most(): pairing needs them all. */
int look_here(struct worker *worker, struct box *box, bool all_new, struct look *look,
	struct err *err) MUST_USE;
void look_fini(struct look *look);
/* Facts about an upload of a new file that a former pass began, about its refusal, or the row of
 * the mailbox's former id. */
int look_history(const struct pass *pass, const struct box *box, struct state_read *read,
	struct new_here *new, struct err *err) MUST_USE;

/* ---- facts.c: what pairing needs to know ---- */

struct pair_sizes;

/* Files with another BASE but the contents of a file that is gone: the row follows (follow.c). */
int follow_renames(
	struct worker *worker, struct box *box, struct look *look, struct err *err) MUST_USE;
/* The same for the rows of ID, which those of BOX were. */
int follow_renames_of(struct worker *worker, struct box *box, uint32_t id, struct look *look,
	struct err *err) MUST_USE;
/* Sizes, dates and flags of server messages. THERE is sorted by UID, here and below. */
int facts_sizes(struct worker *worker, struct new_there *there, size_t there_count,
	struct err *err) MUST_USE;
/* Those of UIDS whose size fits one of SIZES (pair.h), to OUT; sizes that the server does not tell
 * fit nothing. */
int facts_fitting_sizes(struct worker *worker, const struct uidset *uids,
	const struct pair_sizes *sizes, struct uidset *out, struct err *err) MUST_USE;
/* Read the new files that may have one of the sizes WANTED; NULL: all. */
int facts_here(struct worker *worker, struct box *box, struct look *look,
	const struct pair_sizes *wanted, struct err *err) MUST_USE;
struct new_there *facts_find(struct new_there *there, size_t there_count, uint32_t uid);
/* headers.c: digests of headers and of Message-IDs. What the server refuses is marked as untold. */
int facts_headers(struct worker *worker, struct box *box, const struct uidset *uids,
	struct new_there *there, size_t there_count, struct err *err) MUST_USE;
/* What the file holds; NEW has a name. It has no facts afterwards if it can't be read just now. */
int facts_of(struct box *box, struct new_here *new, struct err *err) MUST_USE;
/* Headers of the messages that have one of SIZES; contents of those whose header is that of one of
 * HERE and that it does not decide. */
int facts_fitting_headers(struct worker *worker, struct box *box, const struct pair_sizes *sizes,
	struct new_there *there, size_t there_count, struct err *err) MUST_USE;
int facts_contents(struct worker *worker, struct box *box, const struct new_here *here,
	size_t here_count, struct new_there *there, size_t there_count, struct err *err) MUST_USE;
/* Headers, and bodies where needed, of the messages that may be one of HERE. */
int facts_there(struct worker *worker, struct box *box, const struct new_here *here,
	size_t here_count, struct new_there *there, size_t there_count, struct err *err) MUST_USE;

/* Message-IDs of files that the state vouches for and that are not USED, headers of messages that
 * they may be and that have no PARTNER. */
int facts_vouched(struct worker *worker, struct box *box, struct look *look, const bool *used,
	struct new_there *there, const int32_t *partner, size_t there_count,
	struct err *err) MUST_USE;

/* ---- pairing.c ---- */

/* Which of the new files and the new messages of a look are the same. */
struct pairing {
	struct new_there *there; /* arena; all of them, sorted by UID */
	size_t there_count;
	int32_t *partner; /* arena; for each of THERE its file in look->new_here, -1: none; NULL:
			     there was nothing to pair */
	bool *used;       /* arena; files that have a partner */
};
/* Takes the messages out of look->new_there. Those of which the server does not tell enough are
 * left out, and files that they may be are held back. */
int pairing_find(struct worker *worker, struct box *box, struct look *look, struct pairing *out,
	struct err *err) MUST_USE;

/* ---- doubt.c: uploads whose end is not known ---- */

/* The files in doubt that found no partner. 1: look again, it was waited for; 0: go on; -1. */
int doubt_wait(struct worker *worker, struct box *box, const struct look *look,
	const struct pairing *pairing, struct err *err) MUST_USE;
/* After the last look: take out of LOOK, or note as failed, what must not be sent now; forget what
 * has no file any more. */
int doubt_settle(struct worker *worker, struct box *box, struct look *look,
	const struct pairing *pairing, struct err *err) MUST_USE;

/* astray.c: of uploads whose end is not known, those whose file is in another folder by now and
 * whose message is new there: they get their row, and are taken out of LOOK. Sets *AGAIN then. */
int astray_settle(struct worker *worker, struct box *box, struct look *look, bool *again,
	struct err *err) MUST_USE;

/* ---- carry.c ---- */

/* Carry out PLAN but for its deletions, which BOX collects, and what has to wait (box->held_*).
 * Sets *AGAIN when another look will find more to do. */
int carry_out(struct worker *worker, struct box *box, const struct plan *plan, bool *again,
	struct err *err) MUST_USE;

/* ---- carrying out one kind; OPS are COUNT operations ---- */

int carry_appends(struct worker *worker, struct box *box, const struct op *ops, size_t count,
	bool *again, struct err *err) MUST_USE; /* push.c */
int carry_fetches(struct worker *worker, struct box *box, const struct op *ops, size_t count,
	struct err *err) MUST_USE; /* pull.c */
/* May so much be new in BOX that others can help? */
bool is_shareable(const struct pass *pass, const struct box *box);
/* Fetch parts of SHARE as long as there are any. */
int carry_share(struct worker *worker, struct share *share, struct err *err) MUST_USE;
/* Everything that a fetch of bodies sent ahead with the SELECT brings (ahead.c). *ALL: that is the
 * whole mailbox. */
int carry_ahead(struct worker *worker, struct box *box, bool *all, struct err *err) MUST_USE;
int carry_flags_there(struct worker *worker, struct box *box, const struct op *ops, size_t count,
	struct err *err) MUST_USE; /* marks.c */
int carry_flags_here(struct worker *worker, struct box *box, const struct op *ops, size_t count,
	struct err *err) MUST_USE;

/* ---- identity.c ---- */

/* Deleted and made again under the same name and UIDVALIDITY: its MAILBOXID tells (OBJECTID). */
bool identity_is_another(const struct box *box, const struct imap_mailbox *selected);
/* The folder was opened: is it another one than that which the rows speak of? */
bool identity_is_replaced(const struct box *box);
/* The folder was opened: note which one it is. -1: not the one that this pass has looked at. */
int identity_check_here(struct worker *worker, struct box *box, struct err *err) MUST_USE;
/* The mailbox is selected, its folder open. SAME: the server numbers it as the rows do. */
int identity_check_there(
	struct worker *worker, struct box *box, bool same, struct err *err) MUST_USE;

/* ---- letters.c ---- */

/* The folder of BOX was opened: letters whose meaning its table has lost have it again. WRITE: in
 * the table, too. */
int letters_restore(struct worker *worker, struct box *box, bool write, struct err *err) MUST_USE;
/* Everything of BOX is settled: keep what its letters mean. */
int letters_note(struct worker *worker, struct box *box, struct err *err) MUST_USE;

/* ---- places.c ---- */

/*
 * Mailboxes whose folders changed places here: their rows know the new ones from now on, so that
 * what is in them follows as moved. Before the work phase, when the folders of all boxes are known.
 */
int places_settle(struct pass *pass, struct err *err) MUST_USE;

/* ---- turned.c ---- */

/* Fill pass->known. */
int turned_load_rows(struct pass *pass, struct state_read *read, struct err *err) MUST_USE;
/* By its STATUS: may BOX be a mailbox now that another one was? */
bool turned_expected(const struct pass *pass, const struct box *box);
/* BOX is selected: the same for sure enough to wait for its files. */
bool turned_has(const struct pass *pass, const struct box *box);

/* ---- row.c ---- */

/* The row of a message of the mailbox ID as it is now, its strings in the worker's arena. 1, 0:
 * there is none (any more), -1. */
int row_get(struct worker *worker, uint32_t id, uint32_t uid, struct state_message *row,
	struct err *err) MUST_USE;
/* Where the file of ROW is: "cur/BASE:2,S". */
void row_file(const struct state_message *row, char *out, size_t size);
/* Split "cur/BASE:2,S" into a row's fields; slices point into PATH. */
void row_set_file(struct state_message *row, const char *path);
#define ROW_FILE_SIZE 600
#define LETTERS_KEY_SIZE 24
/* Where the state keeps what the letters of mailbox ID meant; goes with the id. */
void letters_key(uint32_t id, char out[LETTERS_KEY_SIZE]);

/* ---- opening.c ---- */

/* Open the folder of BOX, if it has one and it is not open. */
int mailbox_open_here(struct worker *worker, struct box *box, struct err *err) MUST_USE;
void mailbox_close_here(struct box *box);

/* ---- mailbox.c, removal.c: the two phases; recover.c: what a killed pass left ---- */

int mailbox_work(struct worker *worker, struct box *box, struct err *err) MUST_USE;
/* Read the folder once more: whatever of SET has a file after all is taken out of it (I3). If the
 * folder never stands still, all is. */
int prove_absence(
	struct worker *worker, struct box *box, struct uidset *set, struct err *err) MUST_USE;
int mailbox_delete(struct worker *worker, struct box *box, struct err *err) MUST_USE;
/* Everything of BOX is settled: write its row with the new watermark. */
int mailbox_finish(struct worker *worker, struct box *box, struct err *err) MUST_USE;
/* Downloads that were on their way when a former pass died: finish or forget them. */
int recover_arrivals(struct pass *pass, struct err *err) MUST_USE;

/* ---- recall.c: which login the server took ---- */

/* access_open(), and begin with the login that the server took in the last pass. */
int pass_open_access(struct pass *pass, struct err *err) MUST_USE;
/* Connected: keep which login that was. */
int pass_note_login(struct pass *pass, struct err *err) MUST_USE;
/* The login failed: begin with the strongest next time. */
int pass_forget_login(struct pass *pass, struct err *err) MUST_USE;

/* ---- ledger.c: what a side refused ---- */

/* Connected: does the server do other things than in the last pass? Then what was refused is tried
 * again. */
int ledger_open(struct pass *pass, struct imap *imap, struct err *err) MUST_USE;
/* Everything is done: tell what still waits, forget what does not. */
int ledger_close(struct pass *pass, struct err *err) MUST_USE;
/* 1: an earlier pass left work: an upload in doubt, or, with --retry, what was refused. 0, -1. */
int pass_has_leftovers(struct pass *pass, const struct box *box, struct err *err) MUST_USE;

/* ---- history.c ---- */

/* At the beginning of a pass: note what a former one did that was killed. May raise pass->number:
 * what is kept under it belongs to that one. */
int history_open_pass(struct pass *pass, struct err *err) MUST_USE;
/* What pass NUMBER did so far, as text; false: nothing. */
bool history_progress(struct report *report, uint64_t number, struct buf *out);
/* At the end of a pass: note what it did, and destroy what was kept long enough. -1: the disk is in
 * trouble; the mail is settled all the same. */
int history_close_pass(struct pass *pass, struct err *err) MUST_USE;

#endif

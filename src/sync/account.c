/*
 * A pass over an account:
 *
 *     lock, open state and root (marker!) -> connect -> survey -> make what is missing -> recover
 * what a killed pass left
 *     -> work on all mailboxes -> guard -> delete -> settle
 *
 * `plan` walks the same way with EXAMINE, without lock and settler, and without making anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sync/guard.h"
#include "sync/open.h"
#include "sync/unwind.h"

/* ---- skipping ---- */

/*
 * Do both sides look as they did when they last agreed? Then the mailbox is not even selected.
 * Without HIGHESTMODSEQ flags can have changed unseen.
 */
static bool unchanged(struct pass *pass, const struct box *box, const struct maildir_times *now)
{
	struct maildir_identity known = {box->row.inode, box->row.born};
	const struct state_watermark *w = &box->row.watermark;
	struct maildir_times then = {w->new_mtime, w->new_ctime, w->cur_mtime, w->cur_ctime};

	return !pass->void_watermarks && box->former == 0 && box->status.known &&
	       !maildir_identity_differs(&known, &box->folder) && w->new_mtime != 0 &&
	       box->status.highestmodseq != 0 && box->status.highestmodseq == w->highestmodseq &&
	       box->status.uidvalidity == box->row.uidvalidity &&
	       box->status.uidnext == w->uidnext && box->status.messages == w->messages &&
	       maildir_times_equal(now, &then);
}

/* Which folder stands there, and as of when it is. An error of this folder alone is met again, and
 * told, by who takes the mailbox. */
static int look_at_folder(struct pass *pass, struct box *box, struct err *err)
{
	struct maildir *maildir = NULL;

	box->times_known = box->folder_known = false;
	if (!pass->state || !box->here)
		return 0;
	int rc = maildir_open(&maildir, &pass->root, box->path, pass->keywords, err);
	if (rc == 0)
		rc = maildir_identity(&pass->root, maildir, &box->folder, err);
	box->folder_known = rc == 0;
	if (rc == 0 && box->there && box->lost == SIDE_NONE) {
		rc = maildir_times(maildir, &box->times, err);
		box->times_known = rc == 0;
	}
	maildir_unref(maildir);
	if (rc == 0 || unwind_of(err) != UNWIND_MAILBOX)
		return rc;
	err_clear(err);
	return 0;
}

static int look_at_folders(struct pass *pass, struct err *err)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (look_at_folder(pass, &pass->boxes[i], err) != 0)
			return -1;
	return places_settle(pass, err);
}

/* 1: BOX need not be looked at, 0: it must, -1. */
static int can_skip(struct pass *pass, struct box *box, struct err *err)
{
	if (!box->times_known || !unchanged(pass, box, &box->times))
		return 0;
	int left = pass_has_leftovers(pass, box, err);
	return left < 0 ? -1 : !left;
}

static int compare_jobs(const void *a, const void *b)
{
	const struct box *x = *(struct box *const *)a, *y = *(struct box *const *)b;
	return (x->status.messages < y->status.messages) -
	       (x->status.messages > y->status.messages);
}

/* The mailboxes that have to be looked at, biggest first. */
static int list_jobs(struct pass *pass, struct box **jobs, size_t *count, struct err *err)
{
	*count = 0;
	if (look_at_folders(pass, err) != 0)
		return -1;
	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (!pass->options->plan && box->lost == SIDE_NONE && (!box->there || !box->here))
			continue; /* could not be made: told already */
		if (box->displaced)
			continue; /* told, too */
		int skip = can_skip(pass, box, err);
		if (skip < 0)
			return -1;
		if (skip == 1)
			atomic_fetch_add(&pass->report->totals.boxes_skipped, 1);
		else
			jobs[(*count)++] = box;
	}
	atomic_store(&pass->report->totals.boxes, pass->box_count);
	qsort(jobs, *count, sizeof(*jobs), compare_jobs);
	return 0;
}

static bool any_turned(const struct pass *pass)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (pass->boxes[i].turned)
			return true;
	return false;
}

/*
 * Changes of all mailboxes are found before what is new is copied, if it may have moved from one to
 * another; else each mailbox goes straight on.
 */
static int work_phase(struct pass *pass, struct err *err)
{
	struct box **jobs = arena_alloc(&pass->arena, (pass->box_count + 1) * sizeof(*jobs));
	size_t count, held = 0;

	pass->matched = false;
	if (list_jobs(pass, jobs, &count, err) != 0 || pass_expect_moves(pass, err) != 0 ||
		pass_run(pass, mailbox_work, jobs, count, UINT_MAX, err) != 0)
		return -1;
	if (!pass->hold_there && !pass->hold_here && !any_turned(pass))
		return 0;
	pass_leave_mailboxes(pass);
	if (pass_match_moves(pass, err) != 0)
		return -1;
	pass->hold_there = pass->hold_here = false;
	pass->matched = true;
	for (size_t i = 0; i < count; i++)
		if (jobs[i]->held_there || jobs[i]->held_here)
			jobs[held++] = jobs[i];
	return pass->options->plan ? 0 : pass_run(pass, mailbox_work, jobs, held, UINT_MAX, err);
}

/* ---- the pass ---- */

/* Rows are about to be settled under another policy than the one in the state. Were that still
 * there after a pass that is killed, or is about some mailboxes only, then the pass that goes back
 * to it would take what was held back meanwhile for done. */
static int forget_policy(struct pass *pass, struct err *err)
{
	if (!pass->settler || !pass->void_watermarks)
		return 0;
	return settle_text(pass->settler, "policy", slice_str("changing"), err);
}

static int save_policy(struct pass *pass, struct err *err)
{
	struct buf text = {0};

	if (!pass->void_watermarks || pass->options->mailbox_count > 0)
		return 0; /* a pass over some mailboxes leaves the others to be looked at */
	pass_policy_text(pass, &text);
	int rc = settle_text(pass->settler, "policy", buf_slice(&text), err);
	buf_fini(&text);
	return rc;
}

/* Trouble before the first mailbox is taken: once more, as the workers do. Only a server that can't
 * be reached at all when the pass begins ends it at once: the network is down. */
static int survey_with_patience(struct pass *pass, struct err *err)
{
	struct patience patience = {0};
	unsigned wait_ms;

	for (;;) {
		struct worker *control = pass_choose_control(pass);
		pass_forget_boxes(pass);
		if (worker_connect(control, err) == 0 && pass_note_login(pass, err) == 0 &&
			ledger_open(pass, control->imap, err) == 0 && pass_survey(pass, err) == 0 &&
			pass_make_boxes(pass, err) == 0)
			return 0;
		worker_drop_broken(control, err);
		bool away = err->kind == ERR_OFFLINE && !pass->reached;
		if (away || unwind_of(err) != UNWIND_CONNECTION ||
			!patience_wait(&patience, clock_awake_ms(), pass->account->retry_ms,
				err->wait_ms, &wait_ms))
			return -1;
		log_info("%s; again in %u ms", err->msg, wait_ms);
		if (cancel_sleep_ms(wait_ms, err) != 0)
			return -1;
	}
}

static int run_once(struct pass *pass, struct err *err)
{
	for (unsigned i = 0; i < pass->worker_count; i++)
		pass->workers[i].selected = NULL;
	if (survey_with_patience(pass, err) != 0)
		return -1;
	if (pass->settler && recover_arrivals(pass, err) != 0)
		return -1;
	return work_phase(pass, err) != 0 || pass_delete(pass, err) != 0 ? -1 : 0;
}

static int run(struct pass *pass, struct err *err)
{
	if (forget_policy(pass, err) != 0 || run_once(pass, err) != 0)
		return -1;
	if (atomic_exchange(&pass->again, false)) {
		pass_leave_mailboxes(pass);
		pass->repeated = true;
		if (settler_flush(pass->settler, err) != 0 || run_once(pass, err) != 0)
			return -1;
	}
	if (ledger_close(pass, err) != 0)
		return -1;
	return pass->settler ? save_policy(pass, err) : 0;
}

static void start_workers(struct pass *pass)
{
	pass->worker_count = pass->account->connections < REPORT_CONNECTIONS
				     ? pass->account->connections
				     : REPORT_CONNECTIONS - 1;
	pass->workers = xcalloc(pass->worker_count, sizeof(*pass->workers));
	for (unsigned i = 0; i < pass->worker_count; i++) {
		pass->workers[i] = (struct worker){
			.pass = pass, .number = i + 1, .delivery = maildir_delivery_new()};
	}
}

static void stop_workers(struct pass *pass)
{
	for (unsigned i = 0; i < pass->worker_count; i++)
		if (pass->workers[i].imap)
			imap_logout_send(pass->workers[i].imap);
	for (unsigned i = 0; i < pass->worker_count; i++) {
		struct worker *w = &pass->workers[i];
		if (w->imap)
			imap_logout(w->imap);
		worker_disconnect(w);
		maildir_delivery_free(w->delivery);
		arena_fini(&w->arena);
		uidset_fini(&w->vanished);
	}
	free(pass->workers);
}

/* From an open state and root to the end of the pass. */
static int run_settled(struct pass *pass, uint64_t pass_number, struct err *err)
{
	struct err forget_err = {0};
	int rc, settled = 0;

	pass->number = pass_number + 1;
	if (!pass->options->plan) {
		if (history_open_pass(pass, err) != 0)
			return err_wrap(err, "the history can't be written");
		struct settler_options options = {
			.state = pass->state,
			.keywords = pass->keywords,
			.root = &pass->root,
			.report = pass->report,
			.pass = pass->number,
		};
		pass->settler = settler_start(&options);
	}
	start_workers(pass);
	rc = run(pass, err);
	if (rc != 0 && err->kind == ERR_AUTH && pass_forget_login(pass, &forget_err) != 0)
		log_debug(LOG_SYNC, "%s", forget_err.msg); /* settler_stop() tells it again */
	/* What was done is settled even if the pass could not come to its end. */
	if (pass->settler) {
		struct err settle_err = {0};
		settled = settler_stop(pass->settler, &settle_err);
		if (settled != 0)
			*err = settle_err;
	}
	stop_workers(pass);
	if (pass->options->plan)
		return rc;
	struct err history_err = {0};
	int noted = history_close_pass(pass, &history_err);
	if (noted != 0 && rc == 0 && settled == 0)
		*err = history_err; /* else the pass's own error says more */
	return rc != 0 || settled != 0 || noted != 0 ? -1 : 0;
}

static int open_and_run(struct pass *pass, struct err *err)
{
	uint64_t pass_number = 0;

	if (pass_open_state(pass, err) != 0 || pass_open_root(pass, &pass_number, err) != 0 ||
		pass_check_policy(pass, err) != 0 || pass_open_access(pass, err) != 0)
		return -1;
	return run_settled(pass, pass_number, err);
}

static int lock(const struct config_account *account, const struct sync_options *options, int *fd,
	struct err *err)
{
	if (options->plan)
		return 0;
	int rc = state_lock(account->state_dir, !options->no_wait, fd, err);
	if (rc == 0)
		return err_set(err, ERR_SERVER_BUSY, "another pass over this account is running");
	return rc < 0 ? -1 : 0;
}

/* One pass from opening to closing; the account's lock is held. */
static int run_locked(const struct config_account *account, const struct sync_options *options,
	struct report *report, struct err *err)
{
	struct pass pass = {.account = account,
		.options = options,
		.report = report,
		.policy = account->policy,
		.root = {.fd = -1},
		.attic = {.fd = -1}};

	pass.policy.approve = options->approve;
	pass.policy.retry = options->retry;
	pass.keywords = keywords_new();
	pool_init(&pass.pool);
	int rc = open_and_run(&pass, err);
	pass_close(&pass);
	pool_fini(&pass.pool);
	return rc;
}

/* A damaged state is never obeyed: out of the way with it. The pass after that compares both sides
 * as if they had never met: nothing is copied twice, nothing is deleted. */
static int set_aside(const struct config_account *account, struct err *err)
{
	char to[4096];
	struct err why = *err;

	err_clear(err);
	if (state_set_aside(account->state_dir, to, sizeof(to), err) != 0)
		return -1;
	log_warn("%s; it is kept as %s, and both sides are compared anew", why.msg, to);
	return 0;
}

int sync_account(const struct config_account *account, const struct sync_options *options,
	struct report *report, struct err *err)
{
	int lock_fd = -1;

	log_set_context(account->name);
	int rc = lock(account, options, &lock_fd, err);
	if (rc == 0)
		rc = run_locked(account, options, report, err);
	if (rc != 0 && state_is_damaged(err) && !options->plan && set_aside(account, err) == 0)
		rc = run_locked(account, options, report, err);
	if (lock_fd >= 0)
		close(lock_fd);
	log_set_context(NULL);
	return rc;
}

/*
 * Workers: a thread with a connection of its own, opened only when there is work for it.
 *
 * Trouble is shared out to what has it. A mailbox that the server refuses for now, or on which a
 * connection broke, goes back to the pool for a later attempt, and the others go on; after
 * server.retry without progress it has failed alone. A worker that gets no connection rests and
 * tries again; as long as another one has a connection that is no error (servers limit their
 * number), the pool has just shrunk. When none of them gets one for server.retry the pass ends.
 */
#include <stdio.h>

#include "base/log.h"
#include "sync/pass.h"
#include "sync/unwind.h"

#define CROWDED_MS 5000 /* before asking again for a connection beside those that there are */
#define BROKEN_MOST 3   /* mailboxes about which a server breaks the protocol: then no more */

/* ---- one mailbox ---- */

/* BOX is done with, for better or worse. */
static void leave_box(struct pass *pass)
{
	atomic_fetch_add(&pass->report->totals.boxes_done, 1);
	pool_done(&pass->pool);
}

static void fail_box(struct worker *w, struct box *box, const struct err *err)
{
	box->incomplete = true;
	pass_failed(w->pass, box, 0, NULL, err);
	leave_box(w->pass);
}

static void end_pass(struct worker *w, const struct err *err)
{
	pool_stop(&w->pass->pool, err);
	leave_box(w->pass);
}

/* Somebody takes BOX once more, if it has not been tried for long enough. */
static void take_later(struct worker *w, struct box *box, struct err *err)
{
	struct pass *pass = w->pass;
	struct err flush_err = {0};
	unsigned retry_ms = pass->account->retry_ms, wait_ms;

	/* What was handed over is in the state before the mailbox is looked at again: else it would
	 * be new once more. */
	if (pass->settler && settler_flush(pass->settler, &flush_err) != 0) {
		end_pass(w, &flush_err);
		return;
	}
	if (patience_wait(&box->patience, clock_awake_ms(), retry_ms, err->wait_ms, &wait_ms)) {
		log_info("%s; again in %u ms", err->msg, wait_ms);
		if (err->wait_ms > 0) /* it means all of us */
			pool_pause(&pass->pool, err->wait_ms);
		pool_hand_back(&pass->pool, box, wait_ms);
	} else if (err->wait_ms > 0) {
		end_pass(w, err);
	} else {
		fail_box(w, box, err);
	}
}

/* A mailbox after which the server's answers made no sense: the next one may do better. */
static bool is_hopeless(struct pass *pass, const struct err *err)
{
	return err->kind == ERR_PROTO && atomic_fetch_add(&pass->broken, 1) + 1 >= BROKEN_MOST;
}

/* Nothing that is done will be settled any more? Then ERR is the settler's. */
static bool is_unsettled(struct pass *pass, struct err *err)
{
	return err->kind == ERR_DISK && pass->settler && settler_flush(pass->settler, err) != 0;
}

/* WORK on BOX has met ERR. */
static void unwind(struct worker *w, struct box *box, struct err *err)
{
	struct err line_err = {0};

	worker_drop_broken(w, err);
	w->selected = NULL;
	if (w->imap && line_break(w, &line_err) != 0)
		worker_disconnect(w);
	switch (unwind_of(err)) {
	case UNWIND_MAILBOX:
		if (!is_hopeless(w->pass, err) && !is_unsettled(w->pass, err)) {
			fail_box(w, box, err);
			return;
		}
		break;
	case UNWIND_CONNECTION:
		if (box->patience.troubled) /* it may be the connection that is at fault */
			worker_disconnect(w);
		take_later(w, box, err);
		return;
	case UNWIND_ACCOUNT:
		break;
	}
	err_wrap(err, "%s", box->name);
	end_pass(w, err);
}

static void run_box(struct worker *w, box_work *work, struct box *box)
{
	struct report *report = w->pass->report;
	uint64_t before = report_done(report, w->number);
	struct err err = {0};
	int rc = cancel_check(&err) != 0 ? -1 : work(w, box, &err);

	/* Thousands of mailboxes can't all be open, done with or in trouble: who takes it next
	 * opens its own once more. */
	mailbox_close_here(box);
	arena_reset(&w->arena);
	report_begin(report, w->number, "", "", 0, 0);
	if (report_done(report, w->number) > before)
		box->patience = (struct patience){0};
	if (rc == 0)
		leave_box(w->pass);
	else
		unwind(w, box, &err);
}

/* ---- a connection ---- */

/* Is there another worker with a connection, to do what this one can't? */
static bool has_company(const struct worker *w)
{
	const struct pass *pass = w->pass;

	for (unsigned i = 0; i < pass->worker_count; i++) {
		const struct worker *other = &pass->workers[i];
		if (other != w && other->takes_part && atomic_load(&other->connected))
			return true;
	}
	return false;
}

/* 1: connected; 0: not yet, ask again; -1: this worker does nothing more in this phase. */
static int get_connection(struct worker *w)
{
	struct pass *pass = w->pass;
	struct err err = {0};
	unsigned wait_ms = CROWDED_MS;

	if (worker_connect(w, &err) == 0)
		return 1;
	bool company = has_company(w);
	bool again = unwind_of(&err) == UNWIND_CONNECTION;
	bool patient = again && patience_wait(&w->patience, clock_awake_ms(),
					pass->account->retry_ms, err.wait_ms, &wait_ms);
	log_info("connection %u: %s%s", w->number, err.msg,
		company ? "; going on with fewer connections" : "");
	if (company && wait_ms < CROWDED_MS)
		wait_ms = CROWDED_MS;
	if (!patient && !company)
		pool_stop(&pass->pool, &err);
	if (!again || (!patient && !company))
		return -1;
	pool_rest(&pass->pool, wait_ms);
	return 0;
}

/* ---- helping with a mailbox that another worker has ---- */

#define RECOVER_MS 10000 /* after trouble as a helper */

/* Trouble of a helper is his own: what he was to fetch is for others, and what he did is done. */
static void help(struct worker *w)
{
	struct share *share = share_join(&w->pass->pool);
	struct err err = {0};

	if (!share)
		return;
	int rc = carry_share(w, share, &err);
	share_leave(share);
	report_begin(w->pass->report, w->number, "", "", 0, 0);
	if (rc == 0)
		return;
	log_info("connection %u can't help: %s", w->number, err.msg);
	worker_drop_broken(w, &err);
	w->selected = NULL;
	w->helps_from = clock_ms() + RECOVER_MS;
}

/* ---- a phase ---- */

struct phase {
	struct worker *worker;
	box_work *work;
};

static void *worker_main(void *arg)
{
	struct phase *phase = arg;
	struct worker *w = phase->worker;
	struct pass *pass = w->pass;
	char context[256];
	struct box *box;
	int rc = 0;

	log_set_context(pass->account->name);
	while (rc >= 0 && (w->in_line > 0 || pool_has_work(&pass->pool, w->helps_from))) {
		rc = get_connection(w);
		box = rc == 1 ? line_next(w) : NULL;
		if (rc == 1 && !box)
			box = pool_take(&pass->pool, w->helps_from);
		if (rc == 1 && !box)
			help(w);
		if (!box)
			continue;
		snprintf(context, sizeof(context), "%s/%s", pass->account->name, box->name);
		log_set_context(context);
		run_box(w, phase->work, box);
		log_set_context(pass->account->name);
	}
	log_set_context(NULL);
	return NULL;
}

struct worker *pass_choose_control(struct pass *pass)
{
	pass->control = &pass->workers[0];
	for (unsigned i = 0; i < pass->worker_count && !pass->control->imap; i++)
		if (pass->workers[i].imap)
			pass->control = &pass->workers[i];
	return pass->control;
}

/* Who takes part: COUNT workers, those with a connection first. */
static unsigned choose_workers(struct pass *pass, unsigned count, struct worker **out)
{
	unsigned n = 0;

	for (int connected = 1; connected >= 0; connected--)
		for (unsigned i = 0; i < pass->worker_count; i++) {
			struct worker *w = &pass->workers[i];
			if ((w->imap != NULL) != connected)
				continue;
			w->takes_part = n < count;
			if (n < count)
				out[n++] = w;
		}
	return n;
}

/* As many as have a mailbox to begin with; all, if one of these may have enough for several. */
static unsigned count_workers(
	const struct pass *pass, struct box *const *jobs, size_t job_count, unsigned most)
{
	for (size_t i = 0; i < job_count; i++)
		if (is_shareable(pass, jobs[i]))
			return most;
	return job_count < most ? (unsigned)job_count : most;
}

int pass_run(struct pass *pass, box_work *work, struct box **jobs, size_t job_count, unsigned most,
	struct err *err)
{
	struct worker *workers[REPORT_CONNECTIONS];
	struct phase phases[REPORT_CONNECTIONS];

	most = quirk_connections(pass->profile, count_workers(pass, jobs, job_count, most));
	unsigned threads = choose_workers(pass, most, workers);
	pool_fill(&pass->pool, jobs, job_count);
	for (unsigned i = 0; i < threads; i++) {
		phases[i] = (struct phase){workers[i], work};
		if (i > 0)
			thread_start(&workers[i]->thread, "worker", worker_main, &phases[i]);
	}
	if (threads > 0) /* the first one works in this thread */
		worker_main(&phases[0]);
	for (unsigned i = 1; i < threads; i++)
		thread_join(workers[i]->thread);
	log_set_context(pass->account->name);
	return pool_result(&pass->pool, err);
}

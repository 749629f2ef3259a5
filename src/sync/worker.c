/*
 * Workers: a thread with a connection of its own, opened only when there is work for it. Connection
 * 1 is the control connection that made the survey. A lost connection is opened again and its
 * mailbox taken once more, as long as server.retry allows; a server that refuses one connection
 * more is no error, the others do the work.
 */
#include <stdio.h>

#include "base/log.h"
#include "sync/pass.h"
#include "sync/unwind.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MOST_MS 30000

int worker_connect(struct worker *w, struct err *err)
{
	struct pass *pass = w->pass;
	struct imap_options options = {
		.net = pass->net,
		.net_options = &pass->net_options,
		.login = &pass->login,
		.keywords = pass->keywords,
		.quirks = pass->account->quirks.items,
		.quirk_count = pass->account->quirks.count,
		.number = w->number,
	};

	if (w->imap)
		return 0;
	if (imap_open(&w->imap, &options, err) != 0)
		return -1;
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
	w->selected = NULL;
	report_connection(w->pass->report, w->number, false);
}

int worker_select(struct worker *w, struct box *box, struct err *err)
{
	if (w->selected == box)
		return 0;
	w->selected = NULL;
	if (imap_select(w->imap, box->wire, w->pass->options->plan, err) != 0)
		return err_wrap(err, "can't select the mailbox");
	w->selected = box;
	return 0;
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

static int compress(struct worker *w, const struct box *box, struct err *err)
{
	if (!wants_compression(w, box))
		return 0;
	return imap_compress(w->imap, err) < 0 ? -1 : 0;
}

int worker_select_ahead(struct worker *w, struct box *box, struct err *err)
{
	w->selected = NULL;
	if (compress(w, box, err) != 0 ||
		imap_select_begin(w->imap, box->wire, w->pass->options->plan, err) != 0 ||
		look_there_ahead(w, box, err) != 0)
		return -1;
	if (imap_select_end(w->imap, err) != 0)
		return err_wrap(err, "can't select the mailbox");
	w->selected = box;
	return 0;
}

void pass_failed(struct pass *pass, const struct box *box, uint32_t uid, const char *file,
	const struct err *err)
{
	struct report_event event = {
		.kind = REPORT_FAILED,
		.account = pass->account->name,
		.mailbox = box ? box->name : "",
		.uid = uid,
		.file = file,
		.reason = err->msg,
		.err = err,
	};
	atomic_fetch_add(&pass->report->totals.failed, 1);
	report_event(pass->report, &event);
}

void pass_tell(
	struct pass *pass, enum report_event_kind kind, const char *mailbox, const char *reason)
{
	struct report_event event = {
		.kind = kind, .account = pass->account->name, .mailbox = mailbox, .reason = reason};
	report_event(pass->report, &event);
}

/* The pass can't go on: the first error counts, the other workers stop at their next box. */
static void end_pass(struct pass *pass, const struct err *err)
{
	mutex_lock(&pass->lock);
	if (!atomic_load(&pass->stop)) {
		pass->first_err = *err;
		atomic_store(&pass->stop, true);
	}
	mutex_unlock(&pass->lock);
}

int worker_reconnect(struct worker *w, int64_t deadline, struct err *err)
{
	unsigned pause = BACKOFF_FIRST_MS;

	worker_disconnect(w);
	for (;;) {
		struct err sleep_err = {0};
		if (cancel_sleep_ms(pause, &sleep_err) != 0) {
			*err = sleep_err;
			return -1;
		}
		if (worker_connect(w, err) == 0)
			return 0;
		if (unwind_of(err) != UNWIND_CONNECTION || clock_ms() + pause >= deadline)
			return -1;
		log_info("%s; trying again", err->msg);
		pause = pause * 2 < BACKOFF_MOST_MS ? pause * 2 : BACKOFF_MOST_MS;
	}
}

/* One box to its end: done, failed alone, or (-1) the end of the pass. */
static int run_box(struct worker *w, box_work *work, struct box *box, struct err *err)
{
	int64_t deadline = clock_ms() + w->pass->account->retry_ms;

	for (;;) {
		int rc = worker_connect(w, err);
		if (rc == 0)
			rc = cancel_check(err);
		if (rc == 0)
			rc = work(w, box, err);
		arena_reset(&w->arena);
		if (rc == 0)
			return 0;
		switch (unwind_of(err)) {
		case UNWIND_MAILBOX:
			w->selected = NULL;
			box->incomplete = true;
			pass_failed(w->pass, box, 0, NULL, err);
			return 0;
		case UNWIND_CONNECTION:
			if (clock_ms() >= deadline)
				return err_wrap(err, "%s", box->name);
			log_info("connection %u: %s; connecting again", w->number, err->msg);
			if (worker_reconnect(w, deadline, err) != 0)
				return -1;
			/* What was handed over is in the state before the mailbox is looked at
			 * again: else it would be new once more. */
			if (w->pass->settler && settler_flush(w->pass->settler, err) != 0)
				return -1;
			break;
		case UNWIND_ACCOUNT:
			return err_wrap(err, "%s", box->name);
		}
	}
}

static struct box *next_job(struct pass *pass)
{
	if (atomic_load(&pass->stop))
		return NULL;
	size_t i = atomic_fetch_add(&pass->next_job, 1);
	return i < pass->job_count ? pass->jobs[i] : NULL;
}

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
	struct err err = {0};
	struct box *box;

	log_set_context(pass->account->name);
	if (w->number > 1 && atomic_load(&pass->next_job) < pass->job_count &&
		worker_connect(w, &err) != 0) {
		log_info("connection %u: %s; going on with fewer connections", w->number, err.msg);
		return NULL;
	}
	while ((box = next_job(pass))) {
		snprintf(context, sizeof(context), "%s/%s", pass->account->name, box->name);
		log_set_context(context);
		err_clear(&err);
		int rc = run_box(w, phase->work, box, &err);
		report_begin(pass->report, w->number, "", "", 0, 0);
		atomic_fetch_add(&pass->report->totals.boxes_done, 1);
		log_set_context(pass->account->name);
		if (rc != 0) {
			end_pass(pass, &err);
			break;
		}
	}
	log_set_context(NULL);
	return NULL;
}

int pass_run(struct pass *pass, box_work *work, struct box **jobs, size_t job_count, unsigned most,
	struct err *err)
{
	unsigned threads = most < pass->worker_count ? most : pass->worker_count;
	struct phase phases[REPORT_CONNECTIONS];

	if (job_count < threads)
		threads = (unsigned)job_count;
	pass->jobs = jobs;
	pass->job_count = job_count;
	atomic_store(&pass->next_job, 0);
	for (unsigned i = 0; i < threads; i++) {
		phases[i] = (struct phase){&pass->workers[i], work};
		if (i > 0)
			thread_start(&pass->workers[i].thread, "worker", worker_main, &phases[i]);
	}
	if (threads > 0) /* connection 1 works in this thread */
		worker_main(&phases[0]);
	for (unsigned i = 1; i < threads; i++)
		thread_join(pass->workers[i].thread);
	log_set_context(pass->account->name);
	if (!atomic_load(&pass->stop))
		return 0;
	*err = pass->first_err;
	return -1;
}

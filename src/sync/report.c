#include "sync/report.h"

#include <string.h>

#include "base/escape.h"
#include "sync/sync.h"

void report_init(struct report *report, const char *account, report_sink *sink, void *arg)
{
	memset(report, 0, sizeof(*report));
	report->account = account;
	report->sink = sink;
	report->sink_arg = arg;
	report->started_ms = clock_ms();
	mutex_init(&report->lock);
}

void report_fini(struct report *report)
{
	mutex_fini(&report->lock);
}

void report_event(struct report *report, const struct report_event *event)
{
	if (!report->sink)
		return;
	mutex_lock(&report->lock);
	report->sink(event, report->sink_arg);
	mutex_unlock(&report->lock);
}

void report_snapshot(struct report *report, struct report_work out[REPORT_CONNECTIONS])
{
	mutex_lock(&report->lock);
	memcpy(out, report->work, sizeof(report->work));
	mutex_unlock(&report->lock);
}

void report_failed(struct report *report, int status)
{
	mutex_lock(&report->lock);
	report->status = sync_worse_status(report->status, status);
	mutex_unlock(&report->lock);
}

/* The work of connection NUMBER, the lock taken. */
static struct report_work *lock_work(struct report *report, unsigned number)
{
	ASSERT(number >= 1 && number < REPORT_CONNECTIONS);
	mutex_lock(&report->lock);
	return &report->work[number];
}

void report_connection(struct report *report, unsigned number, bool open)
{
	struct report_work *work = lock_work(report, number);

	*work = (struct report_work){.open = open, .doing = "", .done = work->done};
	mutex_unlock(&report->lock);
}

void report_begin(struct report *report, unsigned number, const char *mailbox, const char *doing,
	uint64_t messages_of, uint64_t bytes_of)
{
	struct report_work *work = lock_work(report, number);

	escape(slice_str(mailbox), work->mailbox, sizeof(work->mailbox));
	work->doing = doing;
	work->messages = work->bytes = 0;
	work->messages_of = messages_of;
	work->bytes_of = bytes_of;
	mutex_unlock(&report->lock);
}

void report_advance(struct report *report, unsigned number, uint64_t messages, uint64_t bytes)
{
	struct report_work *work = lock_work(report, number);

	work->messages += messages;
	if (strcmp(work->doing, "comparing") != 0) /* which is no progress, however often */
		work->done += messages;
	work->bytes += bytes;
	mutex_unlock(&report->lock);
}

void report_give_away(struct report *report, unsigned number, uint64_t messages)
{
	struct report_work *work = lock_work(report, number);

	work->messages_of -= messages < work->messages_of ? messages : work->messages_of;
	mutex_unlock(&report->lock);
}

uint64_t report_done(struct report *report, unsigned number)
{
	uint64_t done = lock_work(report, number)->done;

	mutex_unlock(&report->lock);
	return done;
}

#include "cli/progress.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/console.h"
#include "cli/picture.h"

#define REDRAW_MS 100

struct progress {
	struct report *const *reports; /* borrowed */
	size_t count;
	struct picture_meter *meters; /* owned; REPORT_CONNECTIONS for each report */
	struct picture_meter meter;   /* of all together */
	struct picture_line *lines;   /* owned; room for every connection */
	int64_t started_ms;
	struct buf text; /* of the picture, re-used */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stop; /* guarded by lock */
	pthread_t thread;
};

static void terminal_size(struct picture *picture)
{
	struct winsize size = {0};

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0)
		size = (struct winsize){0};
	picture->columns = size.ws_col != 0 ? size.ws_col : 80;
	picture->rows = size.ws_row != 0 ? size.ws_row : 24;
}

/* The open connections of report INDEX as lines of the picture. */
static void add_connections(
	struct progress *progress, size_t index, int64_t now_ms, struct picture *picture)
{
	struct report *report = progress->reports[index];
	struct report_work work[REPORT_CONNECTIONS];

	report_snapshot(report, work);
	for (size_t i = 0; i < REPORT_CONNECTIONS; i++) {
		struct picture_meter *meter = &progress->meters[index * REPORT_CONNECTIONS + i];

		if (!work[i].open) {
			*meter = (struct picture_meter){0};
			continue;
		}
		picture_meter_read(meter, work[i].messages, work[i].bytes, now_ms);
		picture->lines[picture->count++] = (struct picture_line){
			.account = report->account, .work = work[i], .meter = *meter};
	}
}

static void add_totals(const struct report *report, struct picture *picture)
{
	const struct report_totals *totals = &report->totals;

	uint64_t boxes = totals->boxes, done = totals->boxes_done + totals->boxes_skipped;

	picture->boxes += boxes;
	picture->boxes_done += done < boxes ? done : boxes;
	picture->fetched += totals->fetched;
	picture->appended += totals->appended;
	picture->bytes += totals->fetched_bytes + totals->appended_bytes;
}

static void draw(struct progress *progress)
{
	int64_t now_ms = clock_ms();
	struct picture picture = {
		.lines = progress->lines,
		.elapsed_ms = now_ms - progress->started_ms,
		.color = console_has_color(),
	};
	unsigned lines;

	terminal_size(&picture);
	for (size_t i = 0; i < progress->count; i++) {
		add_connections(progress, i, now_ms, &picture);
		add_totals(progress->reports[i], &picture);
	}
	picture_meter_read(
		&progress->meter, picture.fetched + picture.appended, picture.bytes, now_ms);
	picture.meter = progress->meter;
	buf_clear(&progress->text);
	lines = picture_format(&picture, &progress->text);
	console_picture(buf_slice(&progress->text), lines);
}

/* Nothing is drawn in the first tenth of a second: most passes are over by then. */
static void *redraw(void *arg)
{
	struct progress *progress = arg;

	mutex_lock(&progress->lock);
	for (;;) {
		if (!progress->stop)
			cond_wait_ms(&progress->changed, &progress->lock, REDRAW_MS);
		if (progress->stop)
			break;
		mutex_unlock(&progress->lock);
		draw(progress);
		mutex_lock(&progress->lock);
	}
	mutex_unlock(&progress->lock);
	return NULL;
}

struct progress *progress_start(struct report *const *reports, size_t count)
{
	struct progress *progress = xcalloc(1, sizeof(*progress));

	progress->reports = reports;
	progress->count = count;
	progress->meters = xcalloc(count * REPORT_CONNECTIONS, sizeof(*progress->meters));
	progress->lines = xcalloc(count * REPORT_CONNECTIONS, sizeof(*progress->lines));
	progress->started_ms = clock_ms();
	mutex_init(&progress->lock);
	cond_init(&progress->changed);
	thread_start(&progress->thread, "progress", redraw, progress);
	return progress;
}

void progress_stop(struct progress *progress)
{
	if (!progress)
		return;
	mutex_lock(&progress->lock);
	progress->stop = true;
	cond_signal(&progress->changed);
	mutex_unlock(&progress->lock);
	thread_join(progress->thread);
	console_picture((struct slice){0}, 0);
	cond_fini(&progress->changed);
	mutex_fini(&progress->lock);
	buf_fini(&progress->text);
	free(progress->meters);
	free(progress->lines);
	free(progress);
}

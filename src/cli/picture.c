#include "cli/picture.h"

#include <inttypes.h>

#include "cli/text.h"

#define COLOR_DIM "\x1b[2m"
#define COLOR_END "\x1b[0m"
/* Readings closer to each other than this are too coarse to tell a rate. */
#define METER_STEP_MS 500
/* Weight of a new rate against the mean before it. */
#define METER_WEIGHT 0.3

static double mean(double before, uint64_t more, int64_t ms)
{
	double now = (double)more * 1000 / (double)ms;

	return before > 0 ? before + METER_WEIGHT * (now - before) : now;
}

void picture_meter_read(
	struct picture_meter *meter, uint64_t messages, uint64_t bytes, int64_t now_ms)
{
	int64_t ms = now_ms - meter->at_ms;

	if (meter->at_ms == 0 || messages < meter->messages || bytes < meter->bytes) {
		*meter = (struct picture_meter){
			.at_ms = now_ms, .messages = messages, .bytes = bytes};
		return;
	}
	if (ms < METER_STEP_MS)
		return;
	meter->message_rate = mean(meter->message_rate, messages - meter->messages, ms);
	meter->byte_rate = mean(meter->byte_rate, bytes - meter->bytes, ms);
	meter->at_ms = now_ms;
	meter->messages = messages;
	meter->bytes = bytes;
}

static void add_gap(struct buf *out)
{
	if (out->len != 0)
		buf_add_str(out, "  ");
}

/* " 120/500": messages */
static void add_messages(const struct report_work *work, struct buf *out)
{
	if (work->messages == 0 && work->messages_of == 0)
		return;
	buf_addf(out, " %" PRIu64, work->messages);
	if (work->messages_of != 0)
		buf_addf(out, "/%" PRIu64, work->messages_of);
}

/* "3.4 MB of 12.1 MB" */
static void add_bytes(const struct report_work *work, struct buf *out)
{
	if (work->bytes == 0 && work->bytes_of == 0)
		return;
	add_gap(out);
	text_bytes(work->bytes, out);
	if (work->bytes_of != 0) {
		buf_add_str(out, " of ");
		text_bytes(work->bytes_of, out);
	}
}

static void add_rate(double byte_rate, struct buf *out)
{
	if (byte_rate < 1)
		return;
	add_gap(out);
	text_bytes((uint64_t)byte_rate, out);
	buf_add_str(out, "/s");
}

/* Seconds until DONE reaches OF; false: nobody knows. */
static bool time_left(uint64_t done, uint64_t of, double rate, uint64_t *seconds)
{
	double left;

	if (of <= done || rate <= 0)
		return false;
	left = (double)(of - done) / rate;
	if (left > 100 * 3600)
		return false;
	*seconds = (uint64_t)(left + 0.5);
	return true;
}

static void add_time_left(const struct picture_line *line, struct buf *out)
{
	const struct report_work *work = &line->work;
	uint64_t seconds;

	if (!time_left(work->bytes, work->bytes_of, line->meter.byte_rate, &seconds) &&
		!time_left(work->messages, work->messages_of, line->meter.message_rate, &seconds))
		return;
	add_gap(out);
	text_clock(seconds, out);
	buf_add_str(out, " left");
}

/* Everything of a line that stands behind the name. */
static void format_numbers(const struct picture_line *line, struct buf *out)
{
	buf_add_str(out, line->work.doing ? line->work.doing : "");
	add_messages(&line->work, out);
	add_bytes(&line->work, out);
	add_rate(line->meter.byte_rate, out);
	add_time_left(line, out);
}

static void format_name(const struct picture_line *line, struct buf *out)
{
	text_escape(line->account, out);
	if (line->work.mailbox[0]) {
		buf_add_char(out, '/');
		text_escape(line->work.mailbox, out);
	} else if (!line->work.doing || !line->work.doing[0])
		buf_add_str(out, " (idle)");
}

/* The widest name, but no more than half of the terminal. */
static size_t name_columns(const struct picture *picture, size_t shown)
{
	size_t widest = 0, most = picture->columns / 2;
	struct buf name = {0};

	for (size_t i = 0; i < shown; i++) {
		size_t width;

		buf_clear(&name);
		format_name(&picture->lines[i], &name);
		width = text_width(buf_slice(&name));
		if (width > widest)
			widest = width;
	}
	buf_fini(&name);
	return widest < most ? widest : most;
}

/* TEXT as one line; the last column stays free, some terminals wrap there. */
static void end_line(const struct picture *picture, struct buf *text, bool dim, struct buf *out)
{
	while (text->len != 0 && text->data[text->len - 1] == ' ')
		text->len--;
	dim = dim && picture->color;
	if (dim)
		buf_add_str(out, COLOR_DIM);
	text_cut(buf_slice(text), picture->columns > 1 ? picture->columns - 1 : 1, out);
	if (dim)
		buf_add_str(out, COLOR_END);
	buf_add_char(out, '\n');
	buf_clear(text);
}

static void format_connection(const struct picture *picture, const struct picture_line *line,
	size_t columns, struct buf *out)
{
	struct buf name = {0}, cut = {0}, text = {0};

	format_name(line, &name);
	text_cut(buf_slice(&name), columns, &cut);
	text_pad(buf_slice(&cut), columns + 2, false, &text);
	buf_fini(&name);
	buf_clear(&cut);
	format_numbers(line, &cut);
	buf_add_slice(&text, buf_slice(&cut));
	end_line(picture, &text, false, out);
	buf_fini(&cut);
	buf_fini(&text);
}

static void format_total(const struct picture *picture, size_t hidden, struct buf *out)
{
	struct buf text = {0};

	buf_addf(&text, "%" PRIu64 "/%" PRIu64 " mailboxes", picture->boxes_done, picture->boxes);
	if (picture->fetched != 0)
		buf_addf(&text, ", %" PRIu64 " new here", picture->fetched);
	if (picture->appended != 0)
		buf_addf(&text, ", %" PRIu64 " sent", picture->appended);
	if (picture->bytes != 0) {
		buf_add_str(&text, ", ");
		text_bytes(picture->bytes, &text);
	}
	add_rate(picture->meter.byte_rate, &text);
	buf_add_str(&text, "  ");
	text_clock(picture->elapsed_ms < 0 ? 0 : (uint64_t)picture->elapsed_ms / 1000, &text);
	if (hidden != 0) {
		buf_add_str(&text, "  and ");
		text_count(hidden, "more connection", "more connections", &text);
	}
	end_line(picture, &text, true, out);
	buf_fini(&text);
}

unsigned picture_format(const struct picture *picture, struct buf *out)
{
	size_t room = picture->rows > 2 ? picture->rows - 2
					: 0; /* the total, and where the cursor stands */
	size_t shown = picture->count < room ? picture->count : room;
	size_t columns = name_columns(picture, shown);

	for (size_t i = 0; i < shown; i++)
		format_connection(picture, &picture->lines[i], columns, out);
	format_total(picture, picture->count - shown, out);
	return (unsigned)shown + 1;
}

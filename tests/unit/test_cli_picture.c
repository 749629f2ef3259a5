#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/picture.h"
#include "cli/text.h"

static struct picture_line line(const char *account, const char *mailbox, const char *doing)
{
	struct picture_line line = {.account = account, .work = {.open = true, .doing = doing}};

	snprintf(line.work.mailbox, sizeof(line.work.mailbox), "%s", mailbox);
	return line;
}

static void check(const struct picture *picture, unsigned lines, const char *wanted)
{
	struct buf out = {0};

	assert_int_equal(picture_format(picture, &out), lines);
	assert_string_equal(out.data, wanted);
	buf_fini(&out);
}

static void shows_every_connection(void **state)
{
	struct picture_line lines[4];
	struct picture picture = {
		.lines = lines,
		.count = COUNT_OF(lines),
		.boxes = 14,
		.boxes_done = 5,
		.fetched = 120,
		.appended = 2,
		.bytes = 3400000,
		.meter = {.byte_rate = 1200000},
		.elapsed_ms = 12345,
		.columns = 100,
		.rows = 24,
	};

	(void)state;
	lines[0] = line("work", "INBOX", "fetching");
	lines[0].work.messages = 120;
	lines[0].work.messages_of = 500;
	lines[0].work.bytes = 3400000;
	lines[0].work.bytes_of = 12100000;
	lines[0].meter.byte_rate = 1200000;
	lines[1] = line("work", "Entwürfe", "flags");
	lines[1].work.messages = 10;
	lines[1].work.messages_of = 40;
	lines[1].meter.message_rate = 2;
	lines[2] = line("home", "", "looking");
	lines[3] = line("home", "", "");
	check(&picture, 5,
		"work/INBOX     fetching 120/500  3.4 MB of 12.1 MB  1.2 MB/s  0:07 "
		"left\n"
		"work/Entwürfe  flags 10/40  0:15 left\n"
		"home           looking\n"
		"home (idle)\n"
		"5/14 mailboxes, 120 new here, 2 sent, 3.4 MB  1.2 MB/s  0:12\n");
}

static void begins_with_nothing(void **state)
{
	struct picture picture = {.columns = 80, .rows = 24};

	(void)state;
	check(&picture, 1, "0/0 mailboxes  0:00\n");
}

static void colours_only_if_asked(void **state)
{
	struct picture picture = {.columns = 80, .rows = 24, .color = true};

	(void)state;
	check(&picture, 1, "\x1b[2m0/0 mailboxes  0:00\x1b[0m\n");
}

/* Whatever the terminal's size, nothing is wider or longer than it. */
static void fits_the_terminal(void **state)
{
	static const unsigned sizes[][2] = {{100, 24}, {40, 4}, {20, 3}, {10, 2}, {2, 1}, {1, 1}};
	struct picture_line lines[6];
	struct picture picture = {.lines = lines, .count = COUNT_OF(lines), .elapsed_ms = 1};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++) {
		lines[i] = line("アカウント", "日本語/とても長い名前のメールボックス", "fetching");
		lines[i].work.messages_of = 100000;
	}
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct buf out = {0};
		unsigned count;
		char *rest;

		picture.columns = sizes[i][0];
		picture.rows = sizes[i][1];
		count = picture_format(&picture, &out);
		if (count > 1 && count > picture.rows - 1)
			fail_msg("%u rows: %u lines", picture.rows, count);
		for (char *text = strtok_r(out.data, "\n", &rest); text;
			text = strtok_r(NULL, "\n", &rest)) {
			size_t width = text_width(slice_str(text)),
			       most = picture.columns > 1 ? picture.columns - 1 : 1;

			if (width > most)
				fail_msg("%u columns: %zu wide: %s", picture.columns, width, text);
		}
		buf_fini(&out);
	}
}

static void says_what_is_hidden(void **state)
{
	struct picture_line lines[3];
	struct picture picture = {
		.lines = lines, .count = COUNT_OF(lines), .columns = 80, .rows = 3};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(lines); i++)
		lines[i] = line("work", "INBOX", "looking");
	check(&picture, 2,
		"work/INBOX  looking\n"
		"0/0 mailboxes  0:00  and 2 more connections\n");
}

static void escapes_names(void **state)
{
	struct picture_line lines[1] = {line("wo\x1brk", "IN\x9B", "looking")};
	struct picture picture = {.lines = lines, .count = 1, .columns = 80, .rows = 24};

	(void)state;
	check(&picture, 2,
		"wo\\x1brk/IN\\x9b  looking\n"
		"0/0 mailboxes  0:00\n");
}

static void measures(void **state)
{
	struct picture_meter meter = {0};

	(void)state;
	picture_meter_read(&meter, 0, 0, 1000);
	assert_true(meter.byte_rate == 0);
	picture_meter_read(&meter, 1, 500, 1100); /* too soon to tell */
	assert_true(meter.byte_rate == 0);
	picture_meter_read(&meter, 10, 1000, 2000);
	assert_true(meter.byte_rate == 1000);
	assert_true(meter.message_rate == 10);
	picture_meter_read(&meter, 10, 1000, 3000); /* stalled: sinks, but not at once */
	assert_true(meter.byte_rate > 600 && meter.byte_rate < 800);
	picture_meter_read(&meter, 0, 0, 4000); /* other work */
	assert_true(meter.byte_rate == 0);
	assert_true(meter.message_rate == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_every_connection),
		cmocka_unit_test(begins_with_nothing),
		cmocka_unit_test(colours_only_if_asked),
		cmocka_unit_test(fits_the_terminal),
		cmocka_unit_test(says_what_is_hidden),
		cmocka_unit_test(escapes_names),
		cmocka_unit_test(measures),
	};

	setlocale(LC_CTYPE, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The progress picture: what the work of all connections looks like on a terminal. Pure: a snapshot
 * goes in, text comes out.
 */
#ifndef CLI_PICTURE_H
#define CLI_PICTURE_H

#include "base/buf.h"
#include "sync/report.h"

/* How fast something goes: a mean that forgets. { 0 } knows nothing yet. */
struct picture_meter {
	int64_t at_ms;            /* of the last reading, 0: none */
	uint64_t messages, bytes; /* of the last reading */
	double message_rate;      /* a second, 0: not known yet */
	double byte_rate;
};
/* A new reading. Counters that went back mean that something else has begun. */
void picture_meter_read(
	struct picture_meter *meter, uint64_t messages, uint64_t bytes, int64_t now_ms);

struct picture_line {
	const char *account; /* borrowed */
	struct report_work work;
	struct picture_meter meter;
};

struct picture {
	struct picture_line *lines; /* one an open connection; borrowed */
	size_t count;
	uint64_t boxes, boxes_done; /* of all accounts */
	uint64_t fetched, appended; /* messages */
	uint64_t bytes;             /* of them */
	struct picture_meter meter; /* of them */
	int64_t elapsed_ms;
	unsigned columns, rows; /* of the terminal */
	bool color;
};

/*
 * Appends at most rows - 1 lines to OUT, each at most columns - 1 wide and ended by a newline.
 * Returns how many.
 */
unsigned picture_format(const struct picture *picture, struct buf *out);

#endif

/*
 * What a pass over an account came to, in one line or one JSON object. Pure.
 */
#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

#include "cli/json.h"
#include "sync/report.h"

struct summary {
	const char *account;
	const struct report_totals *totals; /* borrowed */
	int64_t elapsed_ms;
	int status;                 /* exit status of this account alone */
	const struct err *err;      /* why the pass ended early, NULL: it came to its end */
	const uint64_t *operations; /* a plan's, by kind; NULL: it was a real pass */
	uint64_t boxes_to_make, boxes_to_delete; /* a plan's mailboxes */
};

/*
 * "work: 120 new here (3.4 MB), 2 sent, 5 flags here; 14 mailboxes, 0.42 s", "work: nothing to do",
 * "work: stopped after 2 sent; ..."; of a plan "work: would do 3 operations: 2 fetch, 1 append".
 * With newline. Nothing for a pass that ended early and had changed nothing.
 */
void summary_text(const struct summary *summary, struct buf *out);
/* {"event":"summary","account":"work","status":0,...,"error":null} */
void summary_json(const struct summary *summary, struct json *out);

#endif

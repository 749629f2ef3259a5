/*
 * The sink of an account's report: prints events as they happen and counts the operations of a
 * plan.
 *
 * Failures and refusals are lines on standard error, operations of a plan are lines on standard
 * output. With JSON every event is an object on standard output too; failures and refusals stand on
 * standard error all the same.
 */
#ifndef CLI_EVENTS_H
#define CLI_EVENTS_H

#include "cli/json.h"
#include "sync/report.h"

struct events {
	bool json;                          /* objects instead of lines on standard output */
	bool plan;                          /* made mailboxes are results, not news */
	bool quiet;                         /* no notes */
	bool verbose;                       /* also what went well */
	uint64_t operations[OP_KIND_COUNT]; /* of a plan, by kind */
	uint64_t boxes_to_make, boxes_to_delete;
	struct json line; /* re-used */
	struct buf text;  /* re-used */
};

void events_fini(struct events *events);
/* A report_sink; ARG is a struct events. */
void events_sink(const struct report_event *event, void *arg);

/*
 * The line for people, without newline, escaped: "work/INBOX: message 17: too big", "work/INBOX
 * fetch 17: new on the server".
 */
void events_line(const struct report_event *event, struct buf *out);
/* {"event":"failed","account":"work","mailbox":"INBOX","uid":17,"reason":"too big"} */
void events_json(const struct report_event *event, struct json *out);

#endif

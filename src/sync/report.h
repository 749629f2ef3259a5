/*
 * What a pass did and is doing: counters that workers raise and cli/ shows. One report an account
 * and pass. All functions are thread-safe; nothing here prints.
 */
#ifndef SYNC_REPORT_H
#define SYNC_REPORT_H

#include <stdatomic.h>
#include "base/thread.h"
#include "model/plan.h"

#define REPORT_CONNECTIONS 33 /* connection numbers 1..32; 0 is not used */

struct report_totals {
	_Atomic uint64_t fetched, fetched_bytes;   /* messages that came here */
	_Atomic uint64_t appended, appended_bytes; /* messages that went there */
	_Atomic uint64_t adopted;                  /* pairs found equal on both sides */
	_Atomic uint64_t flags_here, flags_there;  /* messages whose flags changed */
	_Atomic uint64_t moved_here, moved_there;  /* messages that went to another mailbox */
	_Atomic uint64_t deleted_here, deleted_there;
	_Atomic uint64_t boxes, boxes_done,
		boxes_skipped; /* mailboxes to do, done, known to be unchanged */
	_Atomic uint64_t boxes_made_here, boxes_made_there;
	_Atomic uint64_t boxes_deleted_here, boxes_deleted_there;
	_Atomic uint64_t failed;  /* messages and mailboxes that failed */
	_Atomic uint64_t waiting; /* messages that failed in an earlier pass and were not tried now
				   */
	_Atomic uint64_t refused; /* deletions that the guard refused */
	_Atomic uint64_t pending; /* deletions and others that wait for a later pass */
	_Atomic uint64_t round_trips, bytes_in, bytes_out;
};

/* One connection's present work. */
struct report_work {
	bool open;
	char mailbox[128]; /* canonical, escaped; "" between mailboxes */
	const char *doing; /* static: "looking", "fetching", "sending", "flags", "deleting", "" */
	uint64_t messages, messages_of;
	uint64_t bytes, bytes_of; /* bytes_of 0: not known */
	uint64_t done;            /* messages since the pass began */
};

enum report_event_kind {
	REPORT_OP,       /* plan: one operation that would be done */
	REPORT_BOX,      /* plan, sync: a mailbox is made (text says where) */
	REPORT_BOX_GONE, /* ... is deleted on the side that still has it */
	REPORT_FAILED,   /* a message or mailbox failed: text says why */
	REPORT_REFUSED,  /* the guard: text says what would be deleted and how to go on */
	REPORT_NOTE,     /* something a person may want to know */
};

/* All pointers are borrowed for the call. */
struct report_event {
	enum report_event_kind kind;
	const char *account;
	const char *mailbox;   /* canonical, "" for the account */
	uint32_t uid;          /* 0: none */
	const char *file;      /* relative to the Maildir root, NULL: none */
	const char *operation; /* REPORT_OP: op_kind_name() */
	const char *reason;    /* one line */
	const struct err *err; /* REPORT_FAILED: the error, may be NULL */
	/* REPORT_REFUSED: so many of so many would go on this side ("here", "there") */
	const char *side;
	uint64_t deletions, messages;
};

/* Called from any worker thread, never by two at once. */
typedef void report_sink(const struct report_event *event, void *arg);

struct report {
	const char *account; /* borrowed */
	report_sink *sink;   /* NULL: events are counted only */
	void *sink_arg;
	struct report_totals totals;
	pthread_mutex_t lock; /* guards work and the sink */
	struct report_work work[REPORT_CONNECTIONS];
	int64_t started_ms; /* clock_ms() */
	_Atomic int
		status; /* exit status that what failed deserves, the worst; 0: nothing failed */
};

void report_init(struct report *report, const char *account, report_sink *sink, void *arg);
void report_fini(struct report *report);
void report_event(struct report *report, const struct report_event *event);
/* Copies of the present work of all connections. */
void report_snapshot(struct report *report, struct report_work out[REPORT_CONNECTIONS]);
void report_connection(struct report *report, unsigned number, bool open);
/* Starts a piece of work on connection NUMBER; counters from zero. */
void report_begin(struct report *report, unsigned number, const char *mailbox, const char *doing,
	uint64_t messages_of, uint64_t bytes_of);
void report_advance(struct report *report, unsigned number, uint64_t messages, uint64_t bytes);
/* So many of its messages are not this connection's any more. */
void report_give_away(struct report *report, unsigned number, uint64_t messages);
/* Something failed that deserves this exit status. */
void report_failed(struct report *report, int status);
/* How many messages connection NUMBER has done in this pass. */
uint64_t report_done(struct report *report, unsigned number);

#endif

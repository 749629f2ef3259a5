/*
 * The engine's door: what cli/ calls. Each function does one account, in the calling thread and
 * threads of its own that are gone on return; several accounts may run at once.
 */
#ifndef SYNC_SYNC_H
#define SYNC_SYNC_H

#include "base/arena.h"
#include "config/config.h"
#include "imap/imap.h"
#include "sync/report.h"

struct sync_options {
	bool plan;     /* find out and report every operation, change nothing anywhere (EXAMINE, no
			  lock, no state) */
	bool approve;  /* the guard lets everything through */
	bool retry;    /* what was refused earlier is tried again */
	bool thorough; /* look at every mailbox, even if nothing tells that it changed */
	bool no_wait;  /* ERR_SERVER_BUSY at once if another pass of the account runs */
	char *const *mailboxes; /* only these canonical names; count 0: all that the configuration
				   selects */
	size_t mailbox_count;
};

/*
 * One two-way pass. 0: the pass came to its end; what failed on the way, was refused or is pending
 * stands in REPORT's totals. -1: it could not (login refused, network gone for longer than
 * server.retry, database unusable...): ERR says why; whatever was done is settled and the next pass
 * continues from there.
 */
int sync_account(const struct config_account *account, const struct sync_options *options,
	struct report *report, struct err *err) MUST_USE;

/* The exit status (contract: sysexits) of one account's pass: of RC and ERR as returned, and of the
 * totals. */
int sync_exit_status(int rc, const struct err *err, const struct report *report);
/* The exit status for an error alone. */
int sync_err_status(const struct err *err);
/* Of two accounts' statuses, the one that tells more: the first of 70 78 77 74 76 75 65 1 64 0 that
 * occurs. */
int sync_worse_status(int a, int b);

/* A past pass that did something. */
struct sync_past {
	uint64_t pass;
	int64_t time; /* seconds since 1970 of its end */
	uint64_t fetched, appended, adopted, flags_here, flags_there, moved_here, moved_there,
		deleted_here, deleted_there, boxes_deleted_here, boxes_deleted_there, failed,
		refused;
	uint64_t unfinished; /* 1: it was killed, or is not at its end yet */
};
/* What was deleted here and can come back, by pass. */
struct sync_kept {
	uint64_t pass;
	int64_t time;       /* when it was deleted */
	const char *folder; /* below the Maildir root */
	const char *path;   /* "cur/x:2,S" */
	uint64_t size;
};
struct sync_log {
	struct sync_past *passes; /* arena; oldest first */
	size_t pass_count;
	struct sync_kept *kept; /* arena; oldest first */
	size_t kept_count;
};
/* Past passes and what can come back. Reads only, offline. */
int sync_read_log(const struct config_account *account, struct arena *arena, struct sync_log *out,
	struct err *err) MUST_USE;
/*
 * Bring back what PASS deleted here (0: the last one that deleted something): the files return to
 * their folders, and the next sync treats them as new. Takes the account's lock. *COUNT: how many
 * came back; *PASS: of which pass. 0 of a pass that the history knows: all of it is back already,
 * or kept no longer; 0 of pass 0: nothing was ever deleted here. 0, 1: there is no such pass, -1.
 */
int sync_undo(const struct config_account *account, uint64_t *pass, uint64_t *count,
	struct err *err) MUST_USE;

/* Something that `check` found. Borrowed for the call. */
struct sync_finding {
	const char *mailbox; /* canonical, "" for the account */
	uint32_t uid;        /* 0: none */
	const char *file;    /* NULL: none */
	const char *what;    /* one line */
	bool mended;
};
struct sync_check {
	bool deep;   /* read every file and compare it with its digest */
	bool repair; /* mend the state: takes the account's lock; no mail is touched */
	void (*found)(const struct sync_finding *finding, void *arg);
	void *arg;
};
/* Look at an account's state by itself, and at the files that it speaks of. Offline. */
int sync_check(const struct config_account *account, const struct sync_check *options,
	struct err *err) MUST_USE;

/* For tests, before the first pass: how long to wait before an upload in doubt is repeated (10 s).
 */
void sync_set_doubt_ms(unsigned ms);
/* For tests: how many changes of a side, and new files, a look at a mailbox holds (20000). */
void sync_set_look(unsigned changes);
/* For tests: from how many new files on a mailbox is paired in bulk (20000), and how many messages
 * of the server at once (5000). */
void sync_set_bulk(unsigned from, unsigned messages);
/* For tests: from how many new messages of the server on only those are compared with files whose
 * size fits (50000). */
void sync_set_sieve(unsigned messages);
/* For tests: how many new files of a mailbox are compared at once with what is gone elsewhere
 * (20000), and how much of that is held (50000). */
void sync_set_moves(unsigned messages);

/* One mailbox as `list` and `status --remote` see it. */
struct sync_box {
	const char *name;    /* canonical */
	struct slice wire;   /* server's name; empty: it can't be held there */
	const char *path;    /* folder below the Maildir root; NULL: it can't be held here */
	bool there, here;    /* exists */
	bool selectable;     /* there: not \Noselect */
	bool selected;       /* by the configuration's patterns */
	unsigned attributes; /* bits of enum imap_attribute */
	struct imap_status status;
	const char *problem; /* why it is not synced, NULL: nothing wrong */
};
struct sync_boxes {
	struct sync_box *items; /* arena, sorted by name */
	size_t count;
};
/* What the server announces, bit N: enum imap_capability N. */
struct sync_capabilities {
	uint64_t announced;
	uint64_t usable; /* announced, and not switched off by server.quirks */
	struct quirk_choice profile;
};
/*
 * Connect, list both sides and pair the names. STATUS: also the server's counts. CAPABILITIES may
 * be NULL. Changes nothing.
 */
int sync_list(const struct config_account *account, bool status, struct arena *arena,
	struct sync_boxes *out, struct sync_capabilities *capabilities, struct err *err) MUST_USE;

/* What a server shows before a login; see imap.h and net.h. */
struct sync_inspection {
	struct net_peer peer;
	struct imap_offer offer;
};
/* Connect, with TLS as configured, look, and go away. OUT is filled as far as it came, also on
 * failure; the caller frees it. No secret is fetched, nothing is changed. */
int sync_inspect(const struct config_account *account, struct sync_inspection *out,
	struct err *err) MUST_USE;
void sync_inspection_fini(struct sync_inspection *inspection);

/* "user@host PATH": what an account's state belongs to. Appended to OUT. */
void sync_identity(const struct config_account *account, struct buf *out);

#endif

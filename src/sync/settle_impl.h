/*
 * Internal to the settler: what workers hand over (handover.c), how a batch of it becomes durable
 * (durable.c), becomes rows (rows.c), and the two steps of a download (steps.c), for the thread
 * that does it all (settle.c).
 */
#ifndef SYNC_SETTLE_IMPL_H
#define SYNC_SETTLE_IMPL_H

#include "base/queue.h"
#include "base/thread.h"
#include "sync/settle.h"

enum item_kind {
	ITEM_ARRIVAL, /* step one of a download */
	ITEM_ARRIVED, /* step two */
	ITEM_ARRIVAL_GONE,
	ITEM_MOVING,
	ITEM_MESSAGE,
	ITEM_FLAGS,
	ITEM_FORGET,
	ITEM_WHERE,
	ITEM_UPLOAD,
	ITEM_UPLOAD_GONE,
	ITEM_PENDING,
	ITEM_NOT_PENDING,
	ITEM_MAILBOX,
	ITEM_RENUMBERED,
	ITEM_FOLDERS,
	ITEM_TEXT,
	ITEM_FLUSH,
};

/* Somebody in settler_flush(). Guarded by the settler's lock. */
struct waiter {
	bool done;
};

struct item {
	struct item *next;
	enum item_kind kind;
	uint32_t id;
	struct maildir *maildir; /* a reference, or NULL */
	const char *path;        /* file to make durable or its new name; NULL: none */
	union {
		struct state_message row; /* ARRIVAL, ARRIVED, MOVING, MESSAGE; uid and where also
					     for FLAGS, FORGET, WHERE */
		struct state_upload upload;
		struct state_pending pending;
		struct state_mailbox mailbox;
		struct {
			const char *key;
			struct slice value;
		} text;
		struct {
			struct settled_folder *items; /* the item's */
			size_t count;
		} folders;
		struct waiter *waiter;
	};
	struct flags change;
	uint32_t former;
	bool refused;   /* ARRIVAL: the message is here already */
	char strings[]; /* what the slices above point to */
};

/* Items in the order in which they came. */
struct list {
	struct item *first;
	struct item **end; /* where the next one is hung; NULL in a zeroed list */
	size_t count;
};

struct settler {
	struct settler_options o;
	struct queue *queue;
	pthread_t thread;
	pthread_mutex_t lock; /* guards failed, err, waiters */
	pthread_cond_t done;
	bool failed;
	struct err err;
	struct list second; /* settler thread: renamed downloads and what has to come after them */
	bool marked;        /* settler thread: marker and meta know this pass */
	unsigned keywords_saved; /* settler thread */
	bool group;              /* syncfs can be used */
};

/* ---- item.c ---- */

void list_add(struct list *list, struct item *item);
struct item *list_pop(struct list *list);
/* Take everything out of LIST. */
struct list list_take(struct list *list);
/* An item with room for STRINGS bytes of copies. */
struct item *item_new(enum item_kind kind, uint32_t id, struct maildir *maildir, size_t strings);
void item_free(struct item *item);
/* Copy *S behind *POS and point it there. */
void item_keep(char **pos, struct slice *s);

/* ---- settle.c ---- */

/* Takes ITEM. -1 once the settler has failed. */
int settler_hand_over(struct settler *settler, struct item *item, struct err *err) MUST_USE;

/* ---- durable.c ---- */

/* Whatever BATCH tells about files and directories survives a power cut from here on (I1). */
int batch_make_durable(
	const struct settler *settler, const struct list *batch, struct err *err) MUST_USE;

/* ---- rows.c ---- */

/* BATCH becomes one transaction. */
int batch_commit(struct settler *settler, const struct list *batch, struct err *err) MUST_USE;

/* ---- steps.c ---- */

/* Durable, committed, renamed; what has to come after the renames waits in settler->second. */
int batch_settle(struct settler *settler, struct list *batch, struct err *err) MUST_USE;

#endif

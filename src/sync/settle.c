/*
 * One thread, one queue, one transaction a batch. Why not let each worker commit: LMDB has one
 * writer anyway, a commit costs a disk flush, and only somebody who sees all workers can share that
 * flush between them. Why two steps for a download: the row must not exist before the file is
 * durable under its final name (else a power cut turns it into "deleted here"), and the file must
 * not have its final name before the state knows of it (else a power cut turns it into "new here",
 * and it is sent back). The `arrival` row is the bridge.
 *
 * Batches overlap: while batch k's files are being renamed, workers fill batch k + 1; the sync that
 * makes k + 1's data durable makes k's renames durable, too. So n messages cost about one sync and
 * one commit a batch.
 */
#include "sync/settle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/queue.h"

#define BATCH_ITEMS 4096        /* rows a transaction */
#define BATCH_BYTES (64u << 20) /* new file data that waits for its sync */
#define BATCH_MS 2000 /* a slow link must not leave finished downloads unsettled for long */
#define QUEUE_ITEMS 4096
#define FEW_FILES 4 /* up to here fsync each, above one syncfs */

enum item_kind {
	ITEM_ARRIVAL, /* step one of a download */
	ITEM_ARRIVED, /* step two */
	ITEM_ARRIVAL_GONE,
	ITEM_MESSAGE,
	ITEM_FLAGS,
	ITEM_FORGET,
	ITEM_WHERE,
	ITEM_UPLOAD,
	ITEM_UPLOAD_GONE,
	ITEM_PENDING,
	ITEM_NOT_PENDING,
	ITEM_MAILBOX,
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
		struct state_message row; /* ARRIVAL, ARRIVED, MESSAGE; uid and where also for
					     FLAGS, FORGET, WHERE */
		struct state_upload upload;
		struct state_pending pending;
		struct state_mailbox mailbox;
		struct {
			const char *key;
			struct slice value;
		} text;
		struct waiter *waiter;
	};
	struct flags change;
	uint32_t former;
	bool refused;   /* ARRIVAL: the message is here already */
	char strings[]; /* what the slices above point to */
};

struct list {
	struct item *first;
	struct item **end; /* where the next one is hung; NULL in a zeroed list */
	size_t count;
	uint64_t bytes;
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

static void list_add(struct list *list, struct item *item)
{
	if (!list->end)
		list->end = &list->first;
	item->next = NULL;
	*list->end = item;
	list->end = &item->next;
	list->count++;
	if (item->kind == ITEM_ARRIVAL)
		list->bytes += item->row.size;
}

static struct item *list_pop(struct list *list)
{
	struct item *item = list->first;
	if (!item)
		return NULL;
	list->first = item->next;
	if (!list->first)
		list->end = &list->first;
	list->count--;
	return item;
}

/* Take everything out of LIST. */
static struct list list_take(struct list *list)
{
	struct list all = *list;
	if (!all.first)
		all = (struct list){0};
	*list = (struct list){0};
	return all;
}

static void item_free(struct item *item)
{
	maildir_unref(item->maildir);
	free(item);
}

/* Copy *S behind *POS and point it there. */
static void keep(char **pos, struct slice *s)
{
	if (s->n > 0)
		memcpy(*pos, s->p, s->n);
	s->p = *pos;
	*pos += s->n;
}

/* ---- durability ---- */

static int sync_file(struct maildir *maildir, const char *path, struct err *err)
{
	int fd = fs_open_read(maildir->fd, path, err);
	if (fd < 0) /* a reader renamed it meanwhile: then it is not ours to prove, the directories
		       are synced anyway */
		return err->sys == ENOENT ? 0 : -1;
	int rc = fs_fsync(fd, err);
	close(fd);
	return rc;
}

static int sync_directories(struct maildir *maildir, struct err *err)
{
	return fs_fsync(maildir->fd_new, err) != 0 || fs_fsync(maildir->fd_cur, err) != 0 ? -1 : 0;
}

/* The file whose data must be durable before ITEM's row: NULL if only directories matter. */
static const char *item_file(const struct item *item, char *buf, size_t size)
{
	if (item->kind == ITEM_MESSAGE)
		return item->path;
	if (item->kind != ITEM_ARRIVAL)
		return NULL;
	snprintf(buf, size, "tmp/%.*s", SLICE_ARG(item->row.base));
	return buf;
}

static int sync_each(const struct list *batch, struct err *err)
{
	struct maildir *last = NULL;
	char buf[512];

	for (struct item *item = batch->first; item; item = item->next) {
		if (!item->maildir)
			continue;
		const char *file = item_file(item, buf, sizeof(buf));
		if (file && sync_file(item->maildir, file, err) != 0)
			return -1;
		if (item->kind != ITEM_ARRIVAL && item->maildir != last &&
			sync_directories(item->maildir, err) != 0)
			return -1;
		if (item->kind != ITEM_ARRIVAL)
			last = item->maildir;
	}
	return 0;
}

static int make_durable(struct settler *s, const struct list *batch, struct err *err)
{
	size_t touched = 0;

	for (struct item *item = batch->first; item; item = item->next)
		touched += item->maildir != NULL;
	if (touched == 0)
		return 0;
	if (s->group && touched > FEW_FILES)
		return fs_group_sync(s->o.root->fd, err);
	return sync_each(batch, err);
}

/* ---- rows ---- */

/* A row as the transaction sees it, its strings copied out of the map, where the next put may move
 * them. */
struct own_row {
	struct state_message row;
	char strings[1024];
};

static int get_own(
	struct state_write *w, const struct item *item, struct own_row *out, struct err *err)
{
	int rc = state_write_get_message(w, item->id, item->row.uid, &out->row, err);
	if (rc <= 0)
		return rc;
	char *pos = out->strings;
	if (out->row.base.n + out->row.info.n > sizeof(out->strings))
		return err_set(err, ERR_STATE, "message %u: its file name in the state is too long",
			item->row.uid);
	keep(&pos, &out->row.base);
	keep(&pos, &out->row.info);
	return 1;
}

static int apply_flags(struct state_write *w, const struct item *item, struct err *err)
{
	struct own_row own;
	int rc = get_own(w, item, &own, err);
	if (rc <= 0)
		return rc; /* forgotten meanwhile: nothing to note */

	struct flags old = flags_minus(&own.row.flags, &item->change);
	struct flags set = flags_and(&item->row.flags, &item->change);
	own.row.flags = flags_or(&old, &set);
	if (item->path) {
		own.row.in_new = item->path[0] == 'n';
		maildir_split(slice_str(item->path + 4), &own.row.base, &own.row.info);
	}
	return state_put_message(w, item->id, &own.row, err);
}

static int apply_where(struct state_write *w, const struct item *item, struct err *err)
{
	struct own_row own;
	int rc = get_own(w, item, &own, err);
	if (rc <= 0)
		return rc;
	own.row.where = item->row.where;
	if (!(own.row.where & STATE_HERE)) {
		own.row.base = (struct slice){0};
		own.row.info = (struct slice){0};
		own.row.in_new = false;
	}
	return state_put_message(w, item->id, &own.row, err);
}

static int apply_message(struct state_write *w, const struct item *item, struct err *err)
{
	int rc = state_put_message(w, item->id, &item->row, err);
	if (rc == 0 && item->row.base.n > 0)
		rc = state_delete_upload(w, item->id, item->row.base, err);
	return rc;
}

static int apply_arrived(struct state_write *w, const struct item *item, struct err *err)
{
	int rc = state_put_message(w, item->id, &item->row, err);
	return rc != 0 ? rc : state_delete_arrival(w, item->id, item->row.uid, err);
}

static int apply_pending(struct state_write *w, const struct item *item, struct err *err)
{
	struct state_pending p = item->pending;
	struct state_pending old;
	int rc = state_write_get_pending(w, item->id, p.kind, p.uid, p.base, &old, err);
	if (rc < 0)
		return rc;
	p.count = rc == 1 ? old.count + 1 : 1;
	p.since = rc == 1 ? old.since : (int64_t)time(NULL);
	return state_put_pending(w, item->id, &p, err);
}

static int apply_mailbox(struct state_write *w, const struct item *item, struct err *err)
{
	int rc = item->former ? state_delete_mailbox(w, item->former, err) : 0;
	return rc != 0 || item->mailbox.id == 0 ? rc : state_put_mailbox(w, &item->mailbox, err);
}

/*
 * A UID that has a file is never given a second one, whatever went wrong before: this is where
 * doubling would end.
 */
static int apply_arrival(struct state_write *w, struct item *item, struct err *err)
{
	struct state_message row = {0};
	int rc = state_write_get_message(w, item->id, item->row.uid, &row, err);

	if (rc < 0)
		return -1;
	item->refused = rc == 1 && row.where & STATE_HERE;
	return item->refused ? 0 : state_put_arrival(w, item->id, &item->row, err);
}

/* 0, 1 (map full) or -1. */
static int apply(struct state_write *w, struct item *item, struct err *err)
{
	switch (item->kind) {
	case ITEM_ARRIVAL:
		return apply_arrival(w, item, err);
	case ITEM_ARRIVED:
		return apply_arrived(w, item, err);
	case ITEM_ARRIVAL_GONE:
		return state_delete_arrival(w, item->id, item->row.uid, err);
	case ITEM_MESSAGE:
		return apply_message(w, item, err);
	case ITEM_FLAGS:
		return apply_flags(w, item, err);
	case ITEM_FORGET:
		return state_delete_message(w, item->id, item->row.uid, err);
	case ITEM_WHERE:
		return apply_where(w, item, err);
	case ITEM_UPLOAD:
		return state_put_upload(w, item->id, &item->upload, err);
	case ITEM_UPLOAD_GONE:
		return state_delete_upload(w, item->id, item->upload.base, err);
	case ITEM_PENDING:
		return apply_pending(w, item, err);
	case ITEM_NOT_PENDING:
		return state_delete_pending(w, item->id, item->pending.kind, item->pending.uid,
			item->pending.base, err);
	case ITEM_MAILBOX:
		return apply_mailbox(w, item, err);
	case ITEM_TEXT:
		return state_put_text(w, item->text.key, item->text.value, err);
	case ITEM_FLUSH:
		break;
	}
	return 0;
}

/* Keywords that rows of this batch may use must be known before or with them. */
static int apply_keywords(struct settler *s, struct state_write *w, unsigned count, struct err *err)
{
	for (unsigned id = s->keywords_saved; id < count; id++) {
		int rc = state_put_keyword(w, id, slice_str(keywords_name(s->o.keywords, id)), err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int try_commit(
	struct settler *s, const struct list *batch, unsigned keywords, struct err *err)
{
	struct state_write *w = NULL;
	int rc = state_write_begin(s->o.state, &w, err);

	if (rc == 0)
		rc = apply_keywords(s, w, keywords, err);
	if (rc == 0 && s->marked)
		rc = state_put_number(w, "pass", s->o.pass, err);
	for (struct item *item = batch->first; rc == 0 && item; item = item->next)
		rc = apply(w, item, err);
	if (rc == 0)
		return state_commit(w, err);
	state_abort(w);
	return rc;
}

static bool changes_messages(const struct list *batch)
{
	for (const struct item *item = batch->first; item; item = item->next)
		if (item->kind <= ITEM_UPLOAD)
			return true;
	return false;
}

/* The marker is durable before the first commit of a pass that changes anything: see
 * maildir_marker_write(). */
static int mark_pass(struct settler *s, const struct list *batch, struct err *err)
{
	struct maildir_marker marker = {.pass = s->o.pass};

	if (s->marked || !changes_messages(batch))
		return 0;
	if (maildir_marker_write(s->o.root, state_id(s->o.state), &marker, err) != 0)
		return -1;
	s->marked = true;
	return 0;
}

static int commit(struct settler *s, const struct list *batch, struct err *err)
{
	unsigned keywords = keywords_count(s->o.keywords);
	int rc;

	if (mark_pass(s, batch, err) != 0)
		return -1;
	do
		rc = try_commit(s, batch, keywords, err);
	while (rc == 1);
	if (rc == 0)
		s->keywords_saved = keywords;
	return rc;
}

/* ---- the two steps ---- */

static void row_path(const struct state_message *row, char *out, size_t size)
{
	snprintf(out, size, "%s/%.*s%s%.*s", row->in_new ? "new" : "cur", SLICE_ARG(row->base),
		row->info.n ? ":" : "", SLICE_ARG(row->info));
}

/*
 * A name that somebody took already, which fresh names make all but impossible: give the file
 * another one while it is still in tmp/, and let it arrive once more under that one, as the row of
 * the old name would point at the stranger.
 */
static int rename_arrival(struct settler *s, struct item *item, struct err *err)
{
	char base[MAILDIR_BASE_SIZE], from[600], to[MAILDIR_BASE_SIZE + 8];

	maildir_fresh_base(base);
	snprintf(from, sizeof(from), "tmp/%.*s", SLICE_ARG(item->row.base));
	snprintf(to, sizeof(to), "tmp/%s", base);
	if (fs_rename_noreplace(item->maildir->fd, from, item->maildir->fd, to, err) != 0)
		return -1;
	struct state_message row = item->row;
	row.base = slice_str(base);
	struct item *again = xcalloc(1, sizeof(*again) + row.base.n + row.info.n + 2);
	again->kind = ITEM_ARRIVAL;
	again->id = item->id;
	again->maildir = maildir_ref(item->maildir);
	again->row = row;
	memcpy(again->strings, base, row.base.n);
	again->row.base.p = again->strings;
	if (row.info.n)
		memcpy(again->strings + row.base.n + 1, row.info.p, row.info.n);
	again->row.info.p = again->strings + row.base.n + 1;
	list_add(&s->second, again);
	return 0;
}

static int publish(struct settler *s, struct item *item, struct err *err)
{
	char base[256], path[600];

	snprintf(base, sizeof(base), "%.*s", SLICE_ARG(item->row.base));
	row_path(&item->row, path, sizeof(path));
	if (item->refused) {
		log_warn("message %u came twice; the second one is dropped", item->row.uid);
		return fs_unlink(item->maildir->fd_tmp, base, err) == 0 || err->sys == ENOENT ? 0
											      : -1;
	}
	if (maildir_publish(item->maildir, base, path, err) == 0) {
		item->kind = ITEM_ARRIVED;
		return 1;
	}
	if (err->sys == EEXIST)
		return rename_arrival(s, item, err);
	if (err->sys == ENOENT) {
		/* Somebody removed the file from tmp/, or the folder: the arrival row stays, and
		 * the next pass fetches it again. */
		log_warn("%s: the new message %s went away before it was delivered",
			item->maildir->path, base);
		return 0;
	}
	return -1;
}

/*
 * Durable, committed, renamed. What has to come after the renames (step two, the mailbox row that
 * moves the watermark, a flush that came behind) goes to the second list, which leads the next
 * batch.
 */
static int settle_batch(struct settler *s, struct list *batch, struct err *err)
{
	bool arrivals = false;
	struct list now = {0};
	struct item *item;

	while ((item = list_pop(batch))) {
		arrivals |= item->kind == ITEM_ARRIVAL;
		if (arrivals && (item->kind == ITEM_MAILBOX || item->kind == ITEM_FLUSH))
			list_add(&s->second, item);
		else
			list_add(&now, item);
	}
	int rc = make_durable(s, &now, err) != 0 || (now.count > 0 && commit(s, &now, err) != 0)
			 ? -1
			 : 0;
	struct list behind = list_take(&s->second);
	while ((item = list_pop(&now))) {
		if (rc == 0 && item->kind == ITEM_ARRIVAL) {
			int done = publish(s, item, err);
			rc = done < 0 ? -1 : rc;
			if (done == 1) {
				list_add(&s->second, item);
				continue;
			}
		} else if (rc == 0 && item->kind == ITEM_FLUSH) {
			mutex_lock(&s->lock);
			item->waiter->done = true;
			cond_broadcast(&s->done);
			mutex_unlock(&s->lock);
		}
		item_free(item);
	}
	while ((item = list_pop(&behind)))
		list_add(&s->second, item);
	return rc;
}

static void fail(struct settler *s, const struct err *err)
{
	mutex_lock(&s->lock);
	if (!s->failed) {
		s->failed = true;
		s->err = *err;
	}
	cond_broadcast(&s->done);
	mutex_unlock(&s->lock);
}

/* Fill BATCH behind what it holds. false: the queue is closed and empty. */
static bool gather(struct settler *s, struct list *batch)
{
	int64_t deadline = clock_ms() + BATCH_MS;
	bool waits = batch->count == 0;

	for (struct item *i = batch->first; i; i = i->next)
		if (i->kind == ITEM_FLUSH)
			return true; /* somebody waits: settle at once */
	while (batch->count < BATCH_ITEMS && batch->bytes < BATCH_BYTES) {
		bool timed_out = false;
		int64_t left = deadline - clock_ms();
		struct item *item =
			waits ? queue_pop(s->queue)
			      : queue_pop_wait(s->queue, left > 0 ? (unsigned)left : 0, &timed_out);
		if (!item)
			return timed_out || batch->count > 0;
		if (waits)
			deadline = clock_ms() + BATCH_MS;
		waits = false;
		list_add(batch, item);
		if (item->kind == ITEM_FLUSH)
			break;
	}
	return true;
}

static void *settler_main(void *arg)
{
	struct settler *s = arg;
	bool open = true, failed = false;

	while (open) {
		struct err err = {0};
		struct list batch = list_take(&s->second);
		open = gather(s, &batch);
		if (!failed && settle_batch(s, &batch, &err) != 0) {
			failed = true;
			fail(s, &err);
		}
		struct item *item;
		while ((item = list_pop(&batch)))
			item_free(item);
		if (failed)
			while ((item = list_pop(&s->second)))
				item_free(item);
		open = open || s->second.count > 0;
	}
	return NULL;
}

struct settler *settler_start(const struct settler_options *options)
{
	struct settler *s = xcalloc(1, sizeof(*s));

	s->o = *options;
	s->queue = queue_new(QUEUE_ITEMS);
	s->group = fs_group_supported(options->root->fd);
	s->keywords_saved = keywords_count(options->keywords);
	mutex_init(&s->lock);
	cond_init(&s->done);
	thread_start(&s->thread, "settler", settler_main, s);
	return s;
}

int settler_stop(struct settler *s, struct err *err)
{
	queue_close(s->queue);
	thread_join(s->thread);
	int rc = 0;
	if (s->failed) {
		*err = s->err;
		rc = -1;
	}
	queue_free(s->queue);
	mutex_fini(&s->lock);
	cond_fini(&s->done);
	free(s);
	return rc;
}

static int failure(struct settler *s, struct err *err)
{
	mutex_lock(&s->lock);
	bool failed = s->failed;
	if (failed)
		*err = s->err;
	mutex_unlock(&s->lock);
	return failed ? -1 : 0;
}

/* Takes ITEM. */
static int hand_over(struct settler *s, struct item *item, struct err *err)
{
	if (failure(s, err) != 0 || !queue_push(s->queue, item)) {
		item_free(item);
		return err->kind ? -1 : err_set(err, ERR_STATE, "the settler has ended");
	}
	return 0;
}

int settler_flush(struct settler *s, struct err *err)
{
	struct waiter waiter = {0};
	struct item *item = xcalloc(1, sizeof(*item));

	item->kind = ITEM_FLUSH;
	item->waiter = &waiter;
	if (hand_over(s, item, err) != 0)
		return -1;
	mutex_lock(&s->lock);
	while (!waiter.done && !s->failed)
		cond_wait(&s->done, &s->lock);
	bool done = waiter.done;
	if (!done)
		*err = s->err;
	mutex_unlock(&s->lock);
	return done ? 0 : -1;
}

/* ---- handing over ---- */

/* An item with room for STRINGS bytes of copies. */
static struct item *item_new(
	enum item_kind kind, uint32_t id, struct maildir *maildir, size_t strings)
{
	struct item *item = xcalloc(1, sizeof(*item) + strings + 1);
	item->kind = kind;
	item->id = id;
	item->maildir = maildir ? maildir_ref(maildir) : NULL;
	return item;
}

static int hand_over_row(struct settler *s, enum item_kind kind, uint32_t id,
	struct maildir *maildir, const struct state_message *row, struct err *err)
{
	char path[600];
	row_path(row, path, sizeof(path));
	size_t length = strlen(path) + 1;
	struct item *item = item_new(kind, id, maildir, row->base.n + row->info.n + length);
	char *pos = item->strings;

	item->row = *row;
	keep(&pos, &item->row.base);
	keep(&pos, &item->row.info);
	if (kind == ITEM_MESSAGE && row->where & STATE_HERE)
		item->path = memcpy(pos, path, length);
	return hand_over(s, item, err);
}

int settle_arrival(struct settler *s, uint32_t id, struct maildir *maildir,
	const struct state_message *row, struct err *err)
{
	return hand_over_row(s, ITEM_ARRIVAL, id, maildir, row, err);
}

int settle_arrival_gone(struct settler *s, uint32_t id, uint32_t uid, struct err *err)
{
	struct item *item = item_new(ITEM_ARRIVAL_GONE, id, NULL, 0);
	item->row.uid = uid;
	return hand_over(s, item, err);
}

int settle_message(struct settler *s, uint32_t id, struct maildir *maildir,
	const struct state_message *row, struct err *err)
{
	return hand_over_row(s, ITEM_MESSAGE, id, maildir, row, err);
}

int settle_flags(struct settler *s, uint32_t id, uint32_t uid, const struct flags *change,
	const struct flags *flags, struct maildir *maildir, const char *path, struct err *err)
{
	size_t n = path ? strlen(path) + 1 : 0;
	struct item *item = item_new(ITEM_FLAGS, id, maildir, n);

	item->row.uid = uid;
	item->row.flags = *flags;
	item->change = *change;
	if (path)
		item->path = memcpy(item->strings, path, n);
	return hand_over(s, item, err);
}

int settle_forget(
	struct settler *s, uint32_t id, uint32_t uid, struct maildir *maildir, struct err *err)
{
	struct item *item = item_new(ITEM_FORGET, id, maildir, 0);
	item->row.uid = uid;
	return hand_over(s, item, err);
}

int settle_where(struct settler *s, uint32_t id, uint32_t uid, unsigned where,
	struct maildir *maildir, struct err *err)
{
	struct item *item = item_new(ITEM_WHERE, id, maildir, 0);
	item->row.uid = uid;
	item->row.where = where;
	return hand_over(s, item, err);
}

int settle_upload(
	struct settler *s, uint32_t id, const struct state_upload *upload, struct err *err)
{
	struct item *item = item_new(ITEM_UPLOAD, id, NULL, upload->base.n);
	char *pos = item->strings;
	item->upload = *upload;
	keep(&pos, &item->upload.base);
	return hand_over(s, item, err);
}

int settle_upload_gone(struct settler *s, uint32_t id, struct slice base, struct err *err)
{
	struct item *item = item_new(ITEM_UPLOAD_GONE, id, NULL, base.n);
	char *pos = item->strings;
	item->upload.base = base;
	keep(&pos, &item->upload.base);
	return hand_over(s, item, err);
}

static int hand_over_pending(struct settler *s, enum item_kind kind, uint32_t id,
	const struct state_pending *pending, struct err *err)
{
	struct item *item = item_new(kind, id, NULL, pending->base.n + pending->reason.n);
	char *pos = item->strings;
	item->pending = *pending;
	keep(&pos, &item->pending.base);
	keep(&pos, &item->pending.reason);
	return hand_over(s, item, err);
}

int settle_pending(
	struct settler *s, uint32_t id, const struct state_pending *pending, struct err *err)
{
	return hand_over_pending(s, ITEM_PENDING, id, pending, err);
}

int settle_not_pending(struct settler *s, uint32_t id, enum state_pending_kind kind, uint32_t uid,
	struct slice base, struct err *err)
{
	struct state_pending pending = {.kind = kind, .uid = uid, .base = base};
	return hand_over_pending(s, ITEM_NOT_PENDING, id, &pending, err);
}

int settle_mailbox(
	struct settler *s, const struct state_mailbox *mailbox, uint32_t former, struct err *err)
{
	struct item *item = item_new(ITEM_MAILBOX, mailbox->id, NULL,
		mailbox->wire.n + mailbox->name.n + mailbox->path.n + mailbox->mailboxid.n);
	char *pos = item->strings;
	item->mailbox = *mailbox;
	item->former = former;
	keep(&pos, &item->mailbox.wire);
	keep(&pos, &item->mailbox.name);
	keep(&pos, &item->mailbox.path);
	keep(&pos, &item->mailbox.mailboxid);
	return hand_over(s, item, err);
}

int settle_mailbox_gone(struct settler *s, uint32_t id, struct err *err)
{
	struct state_mailbox none = {0};

	return settle_mailbox(s, &none, id, err);
}

int settle_text(struct settler *s, const char *key, struct slice value, struct err *err)
{
	size_t n = strlen(key) + 1;
	struct item *item = item_new(ITEM_TEXT, 0, NULL, n + value.n);
	char *pos = item->strings + n;
	item->text.key = memcpy(item->strings, key, n);
	item->text.value = value;
	keep(&pos, &item->text.value);
	return hand_over(s, item, err);
}

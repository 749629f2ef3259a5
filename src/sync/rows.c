/*
 * Items become rows: one transaction a batch.
 */
#include <string.h>
#include <time.h>

#include "sync/guard.h"
#include "sync/pass.h"
#include "sync/settle_impl.h"

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
	item_keep(&pos, &out->row.base);
	item_keep(&pos, &out->row.info);
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

/* The id may be another mailbox's next. */
static int delete_mailbox(struct state_write *w, uint32_t id, struct err *err)
{
	char window[GUARD_KEY_SIZE], letters[LETTERS_KEY_SIZE];

	guard_window_key(id, window);
	letters_key(id, letters);
	int rc = state_delete_text(w, window, err);
	if (rc == 0)
		rc = state_delete_text(w, letters, err);
	return rc != 0 ? rc : state_delete_mailbox(w, id, err);
}

/* The rows of ID, and those that wait to be paired with its messages. */
static int forget_mailbox(struct state_write *w, uint32_t id, struct err *err)
{
	struct state_mailbox row = {0};
	int rc = state_write_get_mailbox(w, id, &row, err);

	if (rc < 0)
		return -1;
	rc = row.former != 0 ? delete_mailbox(w, row.former, err) : 0;
	return rc != 0 ? rc : delete_mailbox(w, id, err);
}

static int apply_mailbox(struct state_write *w, const struct item *item, struct err *err)
{
	int rc = item->former ? forget_mailbox(w, item->former, err) : 0;
	return rc != 0 || item->mailbox.id == 0 ? rc : state_put_mailbox(w, &item->mailbox, err);
}

static int apply_renumbered(struct state_write *w, const struct item *item, struct err *err)
{
	struct state_mailbox old = {0};
	int rc = state_write_get_mailbox(w, item->former, &old, err);

	if (rc < 0)
		return -1;
	uint32_t forgotten = old.former;
	old.wire = old.name = old.path = (struct slice){0};
	old.where = 0;
	old.former = 0;
	rc = rc == 1 ? state_put_mailbox(w, &old, err) : 0;
	if (rc == 0 && forgotten != 0)
		rc = delete_mailbox(w, forgotten, err);
	return rc != 0 ? rc : state_put_mailbox(w, &item->mailbox, err);
}

/* The watermark's other half, what is known of the server, is as good as ever. The letters are
 * those of the other folder. */
static int apply_folder(struct state_write *w, const struct settled_folder *folder, struct err *err)
{
	struct state_mailbox row = {0};
	char key[LETTERS_KEY_SIZE];
	int rc = state_write_get_mailbox(w, folder->id, &row, err);

	if (rc <= 0)
		return rc;
	row.inode = folder->folder.inode;
	row.born = folder->folder.born;
	row.watermark.new_mtime = row.watermark.new_ctime = 0;
	row.watermark.cur_mtime = row.watermark.cur_ctime = 0;
	letters_key(folder->id, key);
	rc = state_delete_text(w, key, err);
	return rc != 0 ? rc : state_put_mailbox(w, &row, err);
}

static int apply_folders(struct state_write *w, const struct item *item, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < item->folders.count; i++)
		rc = apply_folder(w, &item->folders.items[i], err);
	return rc;
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
	case ITEM_MOVING:
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
	case ITEM_RENUMBERED:
		return apply_renumbered(w, item, err);
	case ITEM_FOLDERS:
		return apply_folders(w, item, err);
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

/* What this pass has done so far, should it be killed: see history.c. */
static int apply_progress(struct settler *s, struct state_write *w, struct err *err)
{
	struct buf text = {0};
	int rc = 0;

	if (history_progress(s->o.report, s->o.pass, &text))
		rc = state_put_text(w, "progress", buf_slice(&text), err);
	buf_fini(&text);
	return rc;
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
	if (rc == 0 && s->marked)
		rc = apply_progress(s, w, err);
	for (struct item *item = batch->first; rc == 0 && item; item = item->next)
		rc = apply(w, item, err);
	if (rc == 0)
		return state_commit(w, err);
	state_abort(w);
	return rc;
}

/* What is noted as refused counts, too: it bears the number of the pass (ledger.c). */
static bool changes_messages(const struct list *batch)
{
	for (const struct item *item = batch->first; item; item = item->next)
		if (item->kind <= ITEM_UPLOAD || item->kind == ITEM_PENDING)
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

int batch_commit(struct settler *s, const struct list *batch, struct err *err)
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

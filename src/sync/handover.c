/*
 * What workers hand to the settler: each item carries copies of all that it tells, so that nobody
 * waits for anybody.
 */
#include <string.h>

#include "sync/pass.h"
#include "sync/settle_impl.h"

static int hand_over_row(struct settler *s, enum item_kind kind, uint32_t id,
	struct maildir *maildir, const struct state_message *row, struct err *err)
{
	char path[ROW_FILE_SIZE];
	row_file(row, path, sizeof(path));
	size_t length = strlen(path) + 1;
	struct item *item = item_new(kind, id, maildir, row->base.n + row->info.n + length);
	char *pos = item->strings;

	item->row = *row;
	item_keep(&pos, &item->row.base);
	item_keep(&pos, &item->row.info);
	if (kind == ITEM_MESSAGE && row->where & STATE_HERE)
		item->path = memcpy(pos, path, length);
	return settler_hand_over(s, item, err);
}

int settle_arrival(struct settler *s, uint32_t id, struct maildir *maildir,
	const struct state_message *row, struct err *err)
{
	return hand_over_row(s, ITEM_ARRIVAL, id, maildir, row, err);
}

int settle_moving(struct settler *s, uint32_t id, const struct state_message *row, struct err *err)
{
	return hand_over_row(s, ITEM_MOVING, id, NULL, row, err);
}

int settle_arrival_gone(struct settler *s, uint32_t id, uint32_t uid, struct err *err)
{
	struct item *item = item_new(ITEM_ARRIVAL_GONE, id, NULL, 0);
	item->row.uid = uid;
	return settler_hand_over(s, item, err);
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
	return settler_hand_over(s, item, err);
}

int settle_forget(
	struct settler *s, uint32_t id, uint32_t uid, struct maildir *maildir, struct err *err)
{
	struct item *item = item_new(ITEM_FORGET, id, maildir, 0);
	item->row.uid = uid;
	return settler_hand_over(s, item, err);
}

int settle_where(struct settler *s, uint32_t id, uint32_t uid, unsigned where,
	struct maildir *maildir, struct err *err)
{
	struct item *item = item_new(ITEM_WHERE, id, maildir, 0);
	item->row.uid = uid;
	item->row.where = where;
	return settler_hand_over(s, item, err);
}

int settle_upload(
	struct settler *s, uint32_t id, const struct state_upload *upload, struct err *err)
{
	struct item *item = item_new(ITEM_UPLOAD, id, NULL, upload->base.n);
	char *pos = item->strings;
	item->upload = *upload;
	item_keep(&pos, &item->upload.base);
	return settler_hand_over(s, item, err);
}

int settle_upload_gone(
	struct settler *s, uint32_t id, struct slice base, struct maildir *maildir, struct err *err)
{
	struct item *item = item_new(ITEM_UPLOAD_GONE, id, maildir, base.n);
	char *pos = item->strings;
	item->upload.base = base;
	item_keep(&pos, &item->upload.base);
	return settler_hand_over(s, item, err);
}

static int hand_over_pending(struct settler *s, enum item_kind kind, uint32_t id,
	const struct state_pending *pending, struct err *err)
{
	struct item *item = item_new(kind, id, NULL, pending->base.n + pending->reason.n);
	char *pos = item->strings;
	item->pending = *pending;
	item->pending.pass = s->o.pass;
	item_keep(&pos, &item->pending.base);
	item_keep(&pos, &item->pending.reason);
	return settler_hand_over(s, item, err);
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

static int hand_over_mailbox(struct settler *s, enum item_kind kind,
	const struct state_mailbox *mailbox, uint32_t former, struct err *err)
{
	struct item *item = item_new(kind, mailbox->id, NULL,
		mailbox->wire.n + mailbox->name.n + mailbox->path.n + mailbox->mailboxid.n);
	char *pos = item->strings;
	item->mailbox = *mailbox;
	item->former = former;
	item_keep(&pos, &item->mailbox.wire);
	item_keep(&pos, &item->mailbox.name);
	item_keep(&pos, &item->mailbox.path);
	item_keep(&pos, &item->mailbox.mailboxid);
	return settler_hand_over(s, item, err);
}

int settle_mailbox(
	struct settler *s, const struct state_mailbox *mailbox, uint32_t former, struct err *err)
{
	return hand_over_mailbox(s, ITEM_MAILBOX, mailbox, former, err);
}

int settle_renumbered(
	struct settler *s, const struct state_mailbox *mailbox, uint32_t former, struct err *err)
{
	return hand_over_mailbox(s, ITEM_RENUMBERED, mailbox, former, err);
}

int settle_folders(
	struct settler *s, const struct settled_folder *folders, size_t count, struct err *err)
{
	struct item *item = item_new(ITEM_FOLDERS, 0, NULL, 0);
	item->folders.items = xcalloc(count, sizeof(*folders));
	item->folders.count = count;
	memcpy(item->folders.items, folders, count * sizeof(*folders));
	return settler_hand_over(s, item, err);
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
	item_keep(&pos, &item->text.value);
	return settler_hand_over(s, item, err);
}

/*
 * Durability by group: one syncfs() where many files wait for it, a few fsync()s where few do.
 */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "sync/settle_impl.h"

#define FEW_FILES 4 /* up to here fsync each, above one syncfs */

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

int batch_make_durable(const struct settler *s, const struct list *batch, struct err *err)
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

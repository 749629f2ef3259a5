/*
 * The two steps of a download; see settle.c for why there are two.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "sync/pass.h"
#include "sync/settle_impl.h"

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
	if (fs_rename(item->maildir->fd, from, item->maildir->fd, to, err) != 0)
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
	char base[256], path[ROW_FILE_SIZE];

	snprintf(base, sizeof(base), "%.*s", SLICE_ARG(item->row.base));
	row_file(&item->row, path, sizeof(path));
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
int batch_settle(struct settler *s, struct list *batch, struct err *err)
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
	int rc = batch_make_durable(s, &now, err) != 0 ||
				 (now.count > 0 && batch_commit(s, &now, err) != 0)
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

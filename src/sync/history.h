/*
 * The history as its two users see it: history.c writes and reads it, undo.c finds its way back by
 * it. Internal to sync/.
 */
#ifndef SYNC_HISTORY_H
#define SYNC_HISTORY_H

#include "sync/pass.h"

/* OUT->passes: the lines of the history. */
int history_read_passes(const struct config_account *account, struct arena *arena,
	struct sync_log *out, struct err *err) MUST_USE;
/* NULL: no such pass has a line. */
const struct sync_past *history_find(const struct sync_log *log, uint64_t pass);
/* Root and attic; ROOT->fd or ATTIC->fd -1 if there is none. */
int history_open_attic(const struct config_account *account, struct maildir_root *root,
	struct attic *attic, struct err *err) MUST_USE;
void history_close_attic(struct maildir_root *root, struct attic *attic);

#endif

/*
 * A mailbox's folder, opened when somebody turns to it.
 */
#include "sync/pass.h"

void mailbox_close_here(struct box *box)
{
	maildir_unref(box->maildir);
	box->maildir = NULL;
}

#define OPEN_MOST 100 /* folders at once: 400 of the usual 1024 descriptors */

/* Files that wait for the settler keep their folder open: of many small mailboxes they are settled
 * in time. */
static int open_folder(struct worker *w, struct box *box, bool writes, struct err *err)
{
	if (maildir_open_count() >= OPEN_MOST && w->pass->settler &&
		settler_flush(w->pass->settler, err) != 0)
		return -1;
	if (maildir_open(&box->maildir, &w->pass->root, box->path, w->pass->keywords, err) != 0)
		return maildir_is_gone(&w->pass->root, box->path)
			       ? err_set(err, ERR_CONFLICT,
					 "another program took its folder away meanwhile; the next "
					 "pass goes on")
			       : -1;
	/* Whoever meets a file must know what its letters mean. */
	if (identity_check_here(w, box, err) == 0 && maildir_letters_load(box->maildir, err) == 0 &&
		letters_restore(w, box, writes, err) == 0)
		return 0;
	mailbox_close_here(box);
	return -1;
}

int mailbox_open_here(struct worker *w, struct box *box, struct err *err)
{
	const struct policy *policy = &w->pass->policy;
	bool writes = (policy->new_messages | policy->flags | policy->deletes) & WAY_PULL;

	if (!box->here)
		return 0;
	if (!box->maildir && open_folder(w, box, writes && w->pass->settler, err) != 0)
		return -1;
	/* Else the settler, whose errors end the pass, would be the first to meet it. */
	return writes && w->pass->settler ? maildir_check_writable(box->maildir, err) : 0;
}

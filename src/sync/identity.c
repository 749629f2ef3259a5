/*
 * Do the rows of a mailbox still speak of what is there and here? A new UIDVALIDITY gives the UIDs
 * another meaning, and a folder that took the place of the one that was synced never held what it
 * lacks: put back from a backup, or removed and made again. Either way the mailbox gets a new id,
 * both sides are compared, and nothing is deleted.
 *
 * Why not just take what such a folder lacks for not yet fetched, and keep the rows: then every
 * place where rows meet absence would have to know of it, and a pass that is killed in between,
 * too. A new id is one transaction, and pairing is there anyway.
 *
 * A folder that is another mailbox's is one of those that changed places: places.c, before this.
 */
#include "base/log.h"
#include "sync/pass.h"

/*
 * The numbers of the server, or the folder here, are others than those that the rows speak of: a
 * new id; the old id's rows help with pairing until this box is finished.
 */
static int renumber(struct worker *w, struct box *box, uint32_t uidvalidity, struct err *err)
{
	struct pass *pass = w->pass;
	uint32_t old = box->row.id;

	box->former = old;
	box->row.id = atomic_fetch_add(&pass->next_id, 1);
	box->row.uidvalidity = uidvalidity;
	box->row.former = old;
	box->row.watermark = (struct state_watermark){0};
	box->paired = true;
	uidset_clear(&box->delete_here);
	uidset_clear(&box->delete_there);
	uidset_clear(&box->left_there);
	uidset_clear(&box->done_there);
	uidset_clear(&box->done_here);
	return pass->settler ? settle_renumbered(pass->settler, &box->row, old, err) : 0;
}

static void warn_renumbered(const struct box *box, uint32_t uidvalidity)
{
	log_warn("the server has numbered this mailbox anew (UIDVALIDITY %u, was %u%s): both sides "
		 "are compared, nothing is deleted in this pass",
		uidvalidity, box->row.uidvalidity,
		uidvalidity == box->row.uidvalidity
			? ", but it is another mailbox or its UIDs went back"
			: "");
}

/*
 * Was the folder put back from a backup, or removed and made again? What it lacks was not deleted
 * one by one then, and stays (I3).
 */
bool identity_is_replaced(const struct box *box)
{
	struct maildir_identity then = {box->row.inode, box->row.born};

	return box->maildir && maildir_identity_differs(&then, &box->folder);
}

/* The rows speak of this folder from now on. */
static void note_folder(struct box *box)
{
	if (!box->maildir || box->folder.inode == 0)
		return;
	box->row.inode = box->folder.inode;
	box->row.born = box->folder.born;
}

bool identity_is_another(const struct box *box, const struct imap_mailbox *selected)
{
	return box->row.mailboxid.n > 0 && selected->mailboxid[0] &&
	       !slice_eq_str(box->row.mailboxid, selected->mailboxid);
}

int identity_check_here(struct worker *w, struct box *box, struct err *err)
{
	struct maildir_identity now;

	if (maildir_identity(&w->pass->root, box->maildir, &now, err) != 0)
		return -1;
	if ((box->looked || box->folder_known) && maildir_identity_differs(&box->folder, &now))
		return err_set(err, ERR_CONFLICT,
			"another folder took the place of this one meanwhile; the next pass goes "
			"on");
	box->folder = now;
	return 0;
}

int identity_check_there(struct worker *w, struct box *box, bool same, struct err *err)
{
	uint32_t uidvalidity = imap_selected(w->imap)->uidvalidity;
	bool replaced = identity_is_replaced(box), fresh = box->row.uidvalidity == 0;

	note_folder(box);
	if (same && !replaced)
		return 0;
	if (fresh) {
		box->row.uidvalidity = uidvalidity;
		return w->pass->settler ? settle_mailbox(w->pass->settler, &box->row, 0, err) : 0;
	}
	box->same_uids = same;
	if (same)
		log_warn("the folder is another one than in the last pass (put back, or made "
			 "again): both sides are compared, nothing is deleted in this pass");
	else
		warn_renumbered(box, uidvalidity);
	return renumber(w, box, uidvalidity, err);
}

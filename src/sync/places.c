/*
 * Folders that changed places here: `mv A t; mv B A; mv t B`, a bigger circle, or a row whose last
 * folder has a new name (`mv A C; mv B A`).
 *
 * To a mailbox by itself such a folder is one that took the place of its own: put back from a
 * backup, or made again, so that what it lacks was never in it (identity.c). All of it would be
 * fetched again, and all that it holds be sent, and be there twice. But nothing was lost: the
 * folder that the rows speak of stands under another name, and the one in its place is another
 * mailbox's. So each file is one that was moved by hand from one folder to another, and
 * moves_here.c lets the messages follow.
 *
 * That is noted before anything else is done, for all of them in one transaction: the rows know the
 * folders that stand there now, whose files they lack. From then on, killed or not, it is as if the
 * user had moved the files one by one. If only one of two rows knew it, the folder of the other one
 * would be nobody's, and be taken for one that was made again.
 *
 * Not done: renaming the mailboxes on the server. It takes three commands, between which other
 * clients, and a pass after a kill, find neither the old order nor the new one, and children of the
 * mailboxes would go with them.
 *
 * A folder of which nobody knows (`mv A C; mkdir A`) is left to identity.c: it may be a backup's.
 * Proof is the inode together with the time when it was made; where the file system does not tell
 * that, an inode may have been given out again.
 */
#include "base/log.h"
#include "sync/pass.h"
#include "sync/unwind.h"

static struct maildir_identity known_folder(const struct box *box)
{
	return (struct maildir_identity){box->row.inode, box->row.born};
}

static bool is_same(const struct maildir_identity *a, const struct maildir_identity *b)
{
	return a->inode != 0 && a->born != 0 && a->inode == b->inode && a->born == b->born;
}

/* The mailbox in whose place the folder of BOX stands now; NULL: none. */
static const struct box *find_place(const struct pass *pass, const struct box *box)
{
	struct maildir_identity known = known_folder(box);

	for (size_t i = 0; i < pass->box_count; i++) {
		const struct box *other = &pass->boxes[i];
		if (other != box && other->folder_known && is_same(&known, &other->folder))
			return other;
	}
	return NULL;
}

/* Is the folder in the place of BOX that of another mailbox? */
static bool is_of_another(const struct pass *pass, const struct box *box)
{
	for (size_t i = 0; i < pass->box_count; i++) {
		struct maildir_identity known = known_folder(&pass->boxes[i]);
		if (&pass->boxes[i] != box && is_same(&known, &box->folder))
			return true;
	}
	return false;
}

static bool is_another(const struct box *box)
{
	struct maildir_identity known = known_folder(box);

	return box->folder_known && maildir_identity_differs(&known, &box->folder);
}

static bool is_in_pass(const struct pass *pass, const struct folder *folder)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (pass->boxes[i].path == folder->path)
			return true;
	return false;
}

/* Does FOLDER, which this pass is not about, hold the files of BOX? 1, 0, -1. */
static int holds_files_of(
	struct pass *pass, const struct folder *folder, const struct box *box, struct err *err)
{
	struct maildir_identity known = known_folder(box), now = {0};
	struct maildir *maildir = NULL;
	int rc = maildir_open(&maildir, &pass->root, folder->path, pass->keywords, err);

	if (rc == 0)
		rc = maildir_identity(&pass->root, maildir, &now, err);
	maildir_unref(maildir);
	if (rc == 0)
		return is_same(&known, &now);
	if (unwind_of(err) != UNWIND_MAILBOX)
		return -1;
	err_clear(err); /* whoever takes that mailbox meets it again */
	return 0;
}

/*
 * Where a pass is about some mailboxes only: the files of BOX may be in the folder of another one.
 * Then they can't follow now, and comparing would double them.
 */
static int leave_alone(struct pass *pass, struct box *box, struct err *err)
{
	struct err why = {0};

	for (size_t i = 0; i < pass->folder_count; i++) {
		const struct folder *folder = &pass->folders[i];
		int rc = is_in_pass(pass, folder) ? 0 : holds_files_of(pass, folder, box, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			continue;
		box->displaced = true;
		err_set(&why, ERR_CONFLICT,
			"its folder stands in the place of %s now: a pass over all mailboxes "
			"goes on",
			folder->name);
		pass_failed(pass, box, 0, NULL, &why);
		return 0;
	}
	return 0;
}

/* The rows speak of the folders that stand there now, and their files are elsewhere. */
static int settle(struct pass *pass, struct box **moved, size_t count, struct err *err)
{
	struct settled_folder *folders = arena_alloc(&pass->arena, count * sizeof(*folders));

	for (size_t i = 0; i < count; i++) {
		struct state_watermark *mark = &moved[i]->row.watermark;
		folders[i] = (struct settled_folder){moved[i]->row.id, moved[i]->folder};
		moved[i]->row.inode = moved[i]->folder.inode;
		moved[i]->row.born = moved[i]->folder.born;
		moved[i]->moved_in = true;
		mark->new_mtime = mark->new_ctime = mark->cur_mtime = mark->cur_ctime = 0;
		/* Whoever moved them: the state is not to know what a power cut takes back. */
		if (pass->settler && fs_sync_path(pass->root.fd, moved[i]->path, err) != 0)
			return err_wrap(err, "%s", moved[i]->path);
	}
	if (!pass->settler)
		return 0;
	return settle_folders(pass->settler, folders, count, err) != 0
		       ? -1
		       : settler_flush(pass->settler, err);
}

int places_settle(struct pass *pass, struct err *err)
{
	struct box **moved = NULL;
	size_t count = 0;

	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (!is_another(box))
			continue;
		const struct box *place = find_place(pass, box);
		if (!place && pass->options->mailbox_count > 0 && leave_alone(pass, box, err) != 0)
			return -1;
		if (!place || !is_of_another(pass, box))
			continue;
		log_info("%s: its folder stands in the place of %s now: what is in it follows",
			box->name, place->name);
		if (!moved)
			moved = arena_alloc(&pass->arena, pass->box_count * sizeof(*moved));
		moved[count++] = box;
	}
	return count > 0 ? settle(pass, moved, count, err) : 0;
}

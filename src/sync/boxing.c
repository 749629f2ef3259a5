/*
 * The boxes of a pass: the survey's decisions become struct box, and mailboxes that only one side
 * has are made on the other.
 */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "sync/pass.h"
#include "sync/unwind.h"

#define FEW_FOLDERS 2 /* up to here fsync() each level, above one syncfs() */

static bool asked_for(const struct pass *pass, const char *name)
{
	const struct sync_options *o = pass->options;

	for (size_t i = 0; i < o->mailbox_count; i++)
		if (strcmp(o->mailboxes[i], name) == 0)
			return true;
	return o->mailbox_count == 0;
}

static void skip_gone(struct pass *pass, const char *name, const char *why)
{
	atomic_fetch_add(&pass->report->totals.pending, 1);
	pass_tell(pass, REPORT_NOTE, name, why);
}

/* The mailbox is not synced, and the user has to know. */
static void fail_gone(struct pass *pass, const char *name, enum err_kind kind, const char *why)
{
	struct err err = {0};

	err_set(&err, kind, "%s", why);
	pass_failed(pass, &(struct box){.name = name}, 0, NULL, &err);
}

static struct box *add_box(struct pass *pass, const struct survey_box *found)
{
	const struct box_decision *d = found->decision;
	struct box *box = &pass->boxes[pass->box_count++];

	*box = (struct box){
		.name = d->name,
		.wire = found->wire,
		.path = found->path,
		.there = d->there && d->there->selectable,
		.here = d->here != NULL,
		.row = found->row,
	};
	if (found->entry)
		box->status = found->entry->status;
	box->former = box->row.former;
	if (box->row.id == 0)
		box->row = (struct state_mailbox){.id = atomic_fetch_add(&pass->next_id, 1)};
	box->row.wire = box->wire;
	box->row.name = slice_str(box->name);
	box->row.path = slice_str(box->path);
	return box;
}

static bool is_inbox(const char *name)
{
	return strcmp(name, "INBOX") == 0;
}

/* May a mailbox that SIDE has lost be deleted on the other one? */
static bool carries_loss(const struct pass *pass, enum side side)
{
	const struct policy *policy = &pass->policy;

	return side == SIDE_THERE ? policy->deletes & WAY_PULL && policy->expunge & SIDE_HERE
				  : policy->deletes & WAY_PUSH && policy->expunge & SIDE_THERE;
}

/* The server does not list it. It is gone only if the server says so when asked by name (I3). */
static int take_gone_there(struct pass *pass, const struct survey_box *found, struct err *err)
{
	const char *name = found->decision->name;
	struct imap_status status;

	if (is_inbox(name)) {
		fail_gone(pass, name, ERR_CONFLICT,
			"the server does not list its INBOX: nothing is done about it");
		return 0;
	}
	if (!carries_loss(pass, SIDE_THERE)) {
		skip_gone(pass, name,
			"the mailbox is gone on the server; the folder stays here (remove it, or "
			"make the mailbox again)");
		return 0;
	}
	int known = imap_status(pass->control->imap, found->wire, &status, err);
	if (known < 0 && !imap_is_alive(pass->control->imap))
		return -1;
	err_clear(err);
	if (known == 0) {
		add_box(pass, found)->lost = SIDE_THERE;
		pass_tell(pass, REPORT_BOX_GONE, name, "gone on the server: deleted here");
	} else {
		fail_gone(pass, name, ERR_CONFLICT,
			"the server does not list the mailbox, and does not say that it is gone: "
			"nothing is done about it");
	}
	return 0;
}

/*
 * The survey did not find the folder. It is gone only if nothing stands in its place (I3), and what
 * the server holds under this name is still the mailbox that was here.
 */
static void take_gone_here(struct pass *pass, const struct survey_box *found)
{
	const char *name = found->decision->name;
	const struct state_mailbox *row = &found->row;
	const struct imap_status *status = &found->entry->status;

	if (status->known && status->uidvalidity != row->uidvalidity) {
		/* Another mailbox of this name: made here, and paired. */
		add_box(pass, found)->row.where = STATE_THERE;
		return;
	}
	if (!maildir_is_gone(&pass->root, found->path)) {
		fail_gone(pass, name, ERR_DISK,
			"something stands in the place of the folder: no Maildir (cur, new and "
			"tmp), a symlink, what we may not read, or another file system. Nothing is "
			"done about the mailbox");
	} else if (is_inbox(name)) {
		fail_gone(pass, name, ERR_CONFLICT,
			pass->root.inodes_last
				? "the folder is gone here. INBOX is never deleted: put the folder "
				  "back, or make an empty one to have its messages again"
				: "the folder is gone here. INBOX is never deleted: put the folder "
				  "back");
	} else if (!carries_loss(pass, SIDE_HERE)) {
		skip_gone(pass, name,
			"the folder is gone here; the mailbox stays on the server (delete it "
			"there, or make the folder again)");
	} else {
		add_box(pass, found)->lost = SIDE_HERE;
		pass_tell(pass, REPORT_BOX_GONE, name, "gone here: deleted on the server");
	}
}

static int forget_box(struct pass *pass, const struct survey_box *found, struct err *err)
{
	return pass->settler ? settle_mailbox_gone(pass->settler, found->row.id, err) : 0;
}

static int take_box(struct pass *pass, const struct survey_box *found, struct err *err)
{
	const struct box_decision *d = found->decision;
	struct err problem = {0};

	if (!asked_for(pass, d->name))
		return 0;
	switch (d->action) {
	case BOX_SYNC:
	case BOX_CREATE_HERE:
	case BOX_CREATE_THERE:
		add_box(pass, found);
		return 0;
	case BOX_GONE_THERE:
		return take_gone_there(pass, found, err);
	case BOX_GONE_HERE:
		take_gone_here(pass, found);
		return 0;
	case BOX_FORGET:
		return forget_box(pass, found, err);
	case BOX_PROBLEM:
		err_set(&problem, ERR_CONFLICT, "%s", d->problem);
		pass_failed(pass, &(struct box){.name = d->name}, 0, NULL, &problem);
		return 0;
	case BOX_SKIP:
		return 0;
	}
	return 0;
}

/* Where deleting means moving to the trash: which mailbox is it? */
static void find_trash(struct pass *pass, const struct survey *survey)
{
	const struct config_list *words = &pass->account->quirks;

	pass->trash = (struct slice){0};
	if (!quirk_trash((struct quirk_words){words->items, words->count}, pass->profile))
		return;
	for (size_t i = 0; i < survey->count; i++)
		if (survey->boxes[i].entry && survey->boxes[i].entry->attributes & IMAP_TRASH)
			pass->trash = survey->boxes[i].wire;
}

/* What was asked for by name and will not be synced. Once: this pass may delete a mailbox. */
static void tell_unknown(struct pass *pass, const struct survey *survey)
{
	const struct sync_options *o = pass->options;

	for (size_t i = 0; !pass->names_known && i < o->mailbox_count; i++) {
		const struct box_decision *found = NULL;
		for (size_t k = 0; !found && k < survey->count; k++)
			if (strcmp(survey->boxes[k].decision->name, o->mailboxes[i]) == 0)
				found = survey->boxes[k].decision;
		if (!found)
			fail_gone(pass, o->mailboxes[i], ERR_CONFLICT,
				"there is no such mailbox on either side");
		else if ((found->there || found->here) && !found->selected)
			fail_gone(pass, o->mailboxes[i], ERR_CONFLICT,
				"the patterns of `mailboxes` do not choose it");
	}
	pass->names_known = true;
}

static void take_folders(struct pass *pass, const struct survey *survey)
{
	pass->folders = arena_zalloc(&pass->arena, (survey->count + 1) * sizeof(*pass->folders));
	for (size_t i = 0; i < survey->count; i++) {
		const struct survey_box *found = &survey->boxes[i];

		if (found->decision->here)
			pass->folders[pass->folder_count++] = (struct folder){found->decision->name,
				found->path, found->row.id, found->row.former};
	}
}

static int take_boxes(struct pass *pass, const struct survey *survey, struct err *err)
{
	uint32_t highest = 0;

	for (size_t i = 0; i < survey->count; i++)
		if (survey->boxes[i].row.id > highest)
			highest = survey->boxes[i].row.id;
	if (highest >= atomic_load(&pass->next_id))
		atomic_store(&pass->next_id, highest + 1);
	pass->boxes = arena_zalloc(&pass->arena, (survey->count + 1) * sizeof(*pass->boxes));
	find_trash(pass, survey);
	take_folders(pass, survey);
	tell_unknown(pass, survey);
	for (size_t i = 0; i < survey->count; i++)
		if (take_box(pass, &survey->boxes[i], err) != 0)
			return -1;
	return 0;
}

/* Ids of former UIDVALIDITYs count, too: they have no name, so the survey does not show them. */
static int find_next_id(struct pass *pass, struct state_read *read, struct err *err)
{
	struct state_mailbox row;
	uint32_t id = 0;
	int rc;

	while ((rc = state_next_mailbox(read, id, &row, err)) == 1)
		id = row.id + 1;
	atomic_store(&pass->next_id, id > 0 ? id : 1);
	return rc;
}

int pass_survey(struct pass *pass, struct err *err)
{
	struct state_read *read = NULL;
	struct survey survey;
	int rc = -1;

	if (pass->state && state_read_begin(pass->state, &read, err) != 0)
		return -1;
	struct survey_input input = {
		.account = pass->account,
		.imap = pass->control->imap,
		.root = pass->root.fd >= 0 ? &pass->root : NULL,
		.read = read,
		.status = true,
	};
	if (find_next_id(pass, read, err) == 0 && turned_load_rows(pass, read, err) == 0 &&
		survey_make(&input, &pass->arena, &survey, err) == 0) {
		pass->profile = imap_profile(pass->control->imap).profile;
		rc = take_boxes(pass, &survey, err);
	}
	state_read_end(read);
	return rc;
}

/* Some servers make missing parents that hold messages, too (Cyrus): what was made is looked at
 * once more then. */
static void expect_parents(struct pass *pass, const struct box *box)
{
	const char *slash = strrchr(box->name, '/');

	for (size_t i = 0; slash && i < pass->box_count; i++) {
		const struct box *other = &pass->boxes[i];
		if (other->there && strlen(other->name) == (size_t)(slash - box->name) &&
			strncmp(other->name, box->name, (size_t)(slash - box->name)) == 0)
			return;
	}
	if (slash)
		atomic_store(&pass->again, true);
}

static int make_there(struct pass *pass, struct box *box, struct err *err)
{
	struct imap *imap = pass->control->imap;
	imap_ticket create, subscribe;
	struct imap_result result;

	if (imap_create_send(imap, box->wire, &create, err) != 0 ||
		imap_subscribe_send(imap, box->wire, &subscribe, err) != 0)
		return -1;
	if (imap_wait(imap, create, &result, err) != 0)
		return -1;
	if (!result.ok && result.code != IMAP_CODE_ALREADYEXISTS) {
		struct err why = {0};
		err_set(&why, ERR_SERVER_NO, "the server does not create the mailbox");
		err_server(&why, result.text, strlen(result.text));
		pass_failed(pass, box, 0, NULL, &why);
	} else {
		box->there = true;
		expect_parents(pass, box);
		atomic_fetch_add(&pass->report->totals.boxes_made_there, 1);
	}
	/* Not being subscribed is no reason to fail: most clients list everything. */
	return imap_wait(imap, subscribe, &result, err);
}

/* Where the folder is made: not in the place of another one. 0, -1. */
static int find_place(struct pass *pass, struct box *box, struct err *err)
{
	struct buf path = {0};
	int rc = maildir_fit(&pass->root, slice_str(box->name), &path, err);

	if (rc == 0)
		rc = err_set(err, ERR_CONFLICT, "the name is too long for the file system");
	else if (rc == 1 && maildir_exists(&pass->root, path.data))
		rc = err_set(
			err, ERR_CONFLICT, "the folder was made just now; the next pass goes on");
	if (rc == 1) {
		box->path = arena_strndup(&pass->arena, path.data, path.len);
		box->row.path = slice_str(box->path);
	}
	buf_fini(&path);
	return rc == 1 ? 0 : -1;
}

static int make_here(struct pass *pass, struct box *box, struct err *err)
{
	if (find_place(pass, box, err) != 0 || maildir_create(&pass->root, box->path, err) != 0) {
		if (unwind_of(err) != UNWIND_MAILBOX)
			return -1;
		pass_failed(pass, box, 0, NULL, err);
		return 0;
	}
	box->here = true;
	atomic_fetch_add(&pass->report->totals.boxes_made_here, 1);
	return 0;
}

/* A mailbox that the state has not held as one of both sides. */
static bool is_newly_met(const struct box *box)
{
	return box->lost == SIDE_NONE && box->there && box->here &&
	       box->row.where != (STATE_THERE | STATE_HERE);
}

/*
 * Folders are durable up to the root before the state knows them, whoever made them: if one went in
 * a power cut, its mailbox would count as deleted here.
 */
static int make_durable(struct pass *pass, struct err *err)
{
	size_t count = 0;

	for (size_t i = 0; i < pass->box_count; i++)
		count += is_newly_met(&pass->boxes[i]);
	if (count > FEW_FOLDERS && fs_group_supported(pass->root.fd))
		return fs_group_sync(pass->root.fd, err);
	for (size_t i = 0; i < pass->box_count; i++)
		if (is_newly_met(&pass->boxes[i]) &&
			fs_sync_path(pass->root.fd, pass->boxes[i].path, err) != 0)
			return err_wrap(err, "%s", pass->boxes[i].path);
	return 0;
}

static int settle_boxes(struct pass *pass, struct err *err)
{
	if (make_durable(pass, err) != 0)
		return -1;
	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (!is_newly_met(box))
			continue;
		box->row.where = STATE_THERE | STATE_HERE;
		if (settle_mailbox(pass->settler, &box->row, 0, err) != 0)
			return -1;
	}
	return 0;
}

int pass_make_boxes(struct pass *pass, struct err *err)
{
	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (box->lost != SIDE_NONE)
			continue;
		if (!box->there)
			pass_tell(pass, REPORT_BOX, box->name, "new here: made on the server");
		if (!box->here)
			pass_tell(pass, REPORT_BOX, box->name, "new on the server: made here");
		if (pass->options->plan)
			continue;
		if ((!box->there && make_there(pass, box, err) != 0) ||
			(!box->here && make_here(pass, box, err) != 0))
			return -1;
	}
	return pass->settler ? settle_boxes(pass, err) : 0;
}

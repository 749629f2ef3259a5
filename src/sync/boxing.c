/*
 * The boxes of a pass: the survey's decisions become struct box, and mailboxes that only one side
 * has are made on the other.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "sync/pass.h"

static bool asked_for(const struct pass *pass, const char *name)
{
	const struct sync_options *o = pass->options;

	for (size_t i = 0; i < o->mailbox_count; i++)
		if (strcmp(o->mailboxes[i], name) == 0)
			return true;
	return o->mailbox_count == 0;
}

static void skip_gone(struct pass *pass, const char *name, bool there)
{
	atomic_fetch_add(&pass->report->totals.pending, 1);
	pass_tell(pass, REPORT_NOTE, name,
		there ? "the folder is gone here; the mailbox stays on the server (delete it "
			"there, or make the folder again)"
		      : "the mailbox is gone on the server; the folder stays here (remove it, or "
			"make the mailbox again)");
}

static void add_box(struct pass *pass, const struct survey_box *found)
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
	box->row.mailboxid = slice_str(arena_strdup(&pass->arena, box->status.mailboxid));
}

static void take_box(struct pass *pass, const struct survey_box *found)
{
	const struct box_decision *d = found->decision;
	struct err err = {0};

	if (!asked_for(pass, d->name))
		return;
	switch (d->action) {
	case BOX_SYNC:
	case BOX_CREATE_HERE:
	case BOX_CREATE_THERE:
		add_box(pass, found);
		return;
	case BOX_GONE_THERE:
	case BOX_GONE_HERE:
		skip_gone(pass, d->name, d->action == BOX_GONE_HERE);
		return;
	case BOX_PROBLEM:
		err_set(&err, ERR_CONFLICT, "%s", d->problem);
		pass_failed(pass, &(struct box){.name = d->name}, 0, NULL, &err);
		return;
	case BOX_SKIP:
		return;
	}
}

static void take_boxes(struct pass *pass, const struct survey *survey)
{
	uint32_t highest = 0;

	for (size_t i = 0; i < survey->count; i++)
		if (survey->boxes[i].row.id > highest)
			highest = survey->boxes[i].row.id;
	if (highest >= atomic_load(&pass->next_id))
		atomic_store(&pass->next_id, highest + 1);
	pass->boxes = arena_zalloc(&pass->arena, (survey->count + 1) * sizeof(*pass->boxes));
	for (size_t i = 0; i < survey->count; i++)
		take_box(pass, &survey->boxes[i]);
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
		.imap = pass->workers[0].imap,
		.root = pass->root.fd >= 0 ? &pass->root : NULL,
		.read = read,
		.status = true,
	};
	if (find_next_id(pass, read, err) == 0 &&
		survey_make(&input, &pass->arena, &survey, err) == 0) {
		take_boxes(pass, &survey);
		rc = 0;
	}
	state_read_end(read);
	return rc;
}

static int make_there(struct pass *pass, struct box *box, struct err *err)
{
	struct imap *imap = pass->workers[0].imap;
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
		atomic_fetch_add(&pass->report->totals.boxes_made_there, 1);
	}
	/* Not being subscribed is no reason to fail: most clients list everything. */
	return imap_wait(imap, subscribe, &result, err);
}

static int make_here(struct pass *pass, struct box *box, struct err *err)
{
	if (maildir_create(&pass->root, box->path, err) != 0) {
		if (err->sys != ENAMETOOLONG)
			return -1;
		pass_failed(pass, box, 0, NULL, err);
		return 0;
	}
	box->here = true;
	atomic_fetch_add(&pass->report->totals.boxes_made_here, 1);
	return 0;
}

int pass_make_boxes(struct pass *pass, struct err *err)
{
	for (size_t i = 0; i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (!box->there)
			pass_tell(pass, REPORT_BOX, box->name, "new here: made on the server");
		if (!box->here)
			pass_tell(pass, REPORT_BOX, box->name, "new on the server: made here");
		if (pass->options->plan)
			continue;
		if ((!box->there && make_there(pass, box, err) != 0) ||
			(!box->here && make_here(pass, box, err) != 0))
			return -1;
		if (!box->there || !box->here)
			continue;
		box->row.where = STATE_THERE | STATE_HERE;
		if (settle_mailbox(pass->settler, &box->row, 0, err) != 0)
			return -1;
	}
	return 0;
}

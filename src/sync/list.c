/*
 * `list` and `status --remote`: connect, survey, and tell. The pass without the pass.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sync/open.h"
#include "sync/pass.h"

static const char *problem_of(const struct survey_box *box)
{
	switch (box->decision->action) {
	case BOX_PROBLEM:
		return box->decision->problem;
	case BOX_GONE_HERE:
		return "the folder is gone here";
	case BOX_GONE_THERE:
		return "the mailbox is gone on the server";
	case BOX_SYNC:
	case BOX_CREATE_HERE:
	case BOX_CREATE_THERE:
	case BOX_FORGET:
	case BOX_SKIP:
		break;
	}
	return NULL;
}

static void fill(const struct survey_box *from, struct sync_box *to)
{
	const struct box_decision *d = from->decision;

	*to = (struct sync_box){
		.name = d->name,
		.wire = from->wire,
		.path = from->path,
		.there = d->there != NULL,
		.here = d->here != NULL,
		.selectable = d->there && d->there->selectable,
		.selected = d->selected,
		.problem = problem_of(from),
	};
	if (from->entry) {
		to->attributes = from->entry->attributes;
		to->status = from->entry->status;
	}
}

static void list_capabilities(const struct imap *imap, struct sync_capabilities *out)
{
	*out = (struct sync_capabilities){.profile = imap_profile(imap)};
	for (unsigned c = 0; c < IMAP_CAP_COUNT; c++) {
		out->announced |= (uint64_t)imap_announces(imap, (enum imap_capability)c) << c;
		out->usable |= (uint64_t)imap_can(imap, (enum imap_capability)c) << c;
	}
}

static int survey(struct pass *pass, struct worker *w, bool status, struct arena *arena,
	struct sync_boxes *out, struct err *err)
{
	struct state_read *read = NULL;
	struct survey found;

	if (pass->state && state_read_begin(pass->state, &read, err) != 0)
		return -1;
	struct survey_input input = {
		.account = pass->account,
		.imap = w->imap,
		.root = pass->root.fd >= 0 ? &pass->root : NULL,
		.read = read,
		.status = status,
	};
	int rc = survey_make(&input, arena, &found, err);
	state_read_end(read);
	if (rc != 0)
		return -1;
	out->items = arena_alloc(arena, (found.count + 1) * sizeof(*out->items));
	for (out->count = 0; out->count < found.count; out->count++)
		fill(&found.boxes[out->count], &out->items[out->count]);
	return 0;
}

int sync_list(const struct config_account *account, bool status, struct arena *arena,
	struct sync_boxes *out, struct sync_capabilities *capabilities, struct err *err)
{
	struct sync_options options = {.plan = true};
	struct report report;
	struct pass pass = {.account = account,
		.options = &options,
		.report = &report,
		.policy = account->policy,
		.root = {.fd = -1},
		.attic = {.fd = -1}};
	struct worker w = {.pass = &pass, .number = 1};
	int rc = -1;

	log_set_context(account->name);
	report_init(&report, account->name, NULL, NULL);
	pass.keywords = keywords_new();
	if (pass_open_state(&pass, err) == 0 && pass_open_root_to_list(&pass, err) == 0 &&
		pass_open_access(&pass, err) == 0 && worker_connect(&w, err) == 0) {
		rc = survey(&pass, &w, status, arena, out, err);
		if (rc == 0 && capabilities)
			list_capabilities(w.imap, capabilities);
		imap_logout(w.imap);
	}
	worker_disconnect(&w);
	pass_close(&pass);
	report_fini(&report);
	log_set_context(NULL);
	return rc;
}

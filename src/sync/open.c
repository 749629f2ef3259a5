/*
 * See open.h. The marker is the reason why a missing folder is never "the user deleted all mail":
 * state and Maildir must have agreed at the end of the last pass, and prove it, before absence
 * means anything.
 */
#include "sync/open.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* Not the port: the same server is reached at 993 and, by STARTTLS, at 143. */
void sync_identity(const struct config_account *account, struct buf *out)
{
	buf_addf(out, "%s@%s %s", account->user ? account->user : "",
		account->host ? account->host : "(tunnel)", account->path);
}

int pass_open_state(struct pass *pass, struct err *err)
{
	struct buf identity = {0};
	bool plan = pass->options->plan;

	sync_identity(pass->account, &identity);
	int rc = state_open(&pass->state, pass->account->state_dir, identity.data, plan, err);
	buf_fini(&identity);
	if (rc != 0 && plan && err->sys == ENOENT) {
		err_clear(err);
		return 0;
	}
	return rc != 0 ? -1 : state_load_keywords(pass->state, pass->keywords, err);
}

static enum maildir_layout layout_of(const struct config_account *account)
{
	return account->layout == CONFIG_LAYOUT_NESTED ? MAILDIR_NESTED : MAILDIR_PLUSPLUS;
}

static int refuse_root(struct pass *pass, const char *why, struct err *err)
{
	return err_set(err, ERR_CONFLICT,
		"%s %s: is the right disk mounted? Nothing was changed; if it is meant to be so, "
		"run `godwit sync --approve %s`: what is there is then compared with the server",
		pass->account->path, why, pass->account->name);
}

/* Forget the state, keep its file for the curious: everything is paired again, nothing deleted. */
static int start_over(struct pass *pass, struct err *err)
{
	char from[4096], to[4096];

	log_warn("starting over: the old state is kept as %s/data.mdb.old",
		pass->account->state_dir);
	state_close(pass->state);
	pass->state = NULL;
	snprintf(from, sizeof(from), "%s/data.mdb", pass->account->state_dir);
	snprintf(to, sizeof(to), "%s/data.mdb.old", pass->account->state_dir);
	if (fs_rename(AT_FDCWD, from, AT_FDCWD, to, err) != 0)
		return -1;
	snprintf(from, sizeof(from), "%s/lock.mdb", pass->account->state_dir);
	if (fs_unlink(AT_FDCWD, from, err) != 0 && err->sys != ENOENT)
		return -1;
	err_clear(err);
	return pass_open_state(pass, err);
}

/*
 * Has local.layout been changed since the last pass? Then every folder is looked for where none
 * ever was, and would be taken for deleted. Folders of the former layout are no mailboxes any more.
 * 1, 0, -1.
 */
static int has_another_layout(struct pass *pass, struct err *err)
{
	enum maildir_layout other =
		layout_of(pass->account) == MAILDIR_NESTED ? MAILDIR_PLUSPLUS : MAILDIR_NESTED;
	struct state_read *read = NULL;
	struct state_mailbox row = {0};
	struct buf path = {0};
	bool found = false;
	int rc = state_read_begin(pass->state, &read, err);

	while (rc == 0 && !found && (rc = state_next_mailbox(read, row.id, &row, err)) == 1) {
		buf_clear(&path);
		found = row.name.n > 0 && maildir_path(other, row.name, &path) &&
			slice_eq(buf_slice(&path), row.path);
		row.id++;
		rc = 0;
	}
	state_read_end(read);
	buf_fini(&path);
	return rc < 0 ? -1 : found;
}

/* 1: the root is the one that the state knows; 2: it is, but what it lacks was not deleted; 0: it
 * is not; WHY says how; -1. */
static int check_marker(struct pass *pass, uint64_t last_pass, const char **why, struct err *err)
{
	struct maildir_marker marker;
	int rc = maildir_marker_read(&pass->root, state_id(pass->state), &marker, NULL, err);

	if (rc < 0)
		return -1;
	if (rc == 0) {
		*why = "is not the Maildir that this account was synced with (its marker file "
		       ".godwit is missing or of another account)";
		return 0;
	}
	*why = "is older than the last sync (restored from a backup or a snapshot?)";
	if (marker.pass < last_pass)
		return 2;
	*why = "was last synced with another local.layout (its folders stay as they are)";
	rc = has_another_layout(pass, err);
	return rc < 0 ? -1 : rc + 1;
}

static int last_pass(struct pass *pass, uint64_t *out, struct err *err)
{
	struct state_read *read = NULL;

	*out = 0;
	if (!pass->state)
		return 0;
	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	int rc = state_get_number(read, "pass", out, err);
	state_read_end(read);
	return rc < 0 ? -1 : 0;
}

/* What is missing here was not deleted, WHY. Nothing is deleted; both sides are compared as if they
 * had never met. */
static int compare_anew(struct pass *pass, const char *why, struct err *err)
{
	log_warn("%s %s: both sides are compared anew, nothing is deleted in this pass",
		pass->account->path, why);
	if (!pass->options->plan)
		return start_over(pass, err);
	state_close(pass->state);
	pass->state = NULL;
	return 0;
}

int pass_open_root(struct pass *pass, uint64_t *pass_number, struct err *err)
{
	if (last_pass(pass, pass_number, err) != 0)
		return -1;
	bool before = pass->state && *pass_number > 0; /* else there is no marker to expect */
	const char *why = "does not exist";
	bool create = !pass->options->plan && (!before || pass->options->approve);
	int rc = maildir_root_open(
		&pass->root, pass->account->path, layout_of(pass->account), create, err);

	if (rc != 0 && err->sys == ENOENT && !before) { /* only plan comes here */
		err_clear(err);
		pass->root.fd = -1;
		return 0;
	}
	if (rc != 0 && err->sys != ENOENT)
		return -1;
	if (!before)
		return 0;
	if (rc == 0) {
		rc = check_marker(pass, *pass_number, &why, err);
		if (rc == 2)
			return compare_anew(pass, why, err);
		if (rc != 0)
			return rc < 0 ? -1 : 0;
	}
	if (!pass->options->approve || pass->options->plan)
		return refuse_root(pass, why, err);
	*pass_number = 0;
	return start_over(pass, err);
}

/* The policy as text: when it changes, everything is looked at again. */
void pass_policy_text(const struct pass *pass, struct buf *out)
{
	const struct policy *p = &pass->policy;
	buf_addf(out, "new=%s flags=%s deletes=%s create=%s expunge=%s", way_name(p->new_messages),
		way_name(p->flags), way_name(p->deletes), way_name(p->create),
		side_name(p->expunge));
}

int pass_check_policy(struct pass *pass, struct err *err)
{
	struct buf now = {0};
	struct slice then;
	struct state_read *read = NULL;
	int rc;

	if (!pass->state)
		return 0;
	if (pass->options->thorough) {
		pass->void_watermarks = true;
		return 0;
	}
	pass_policy_text(pass, &now);
	rc = state_read_begin(pass->state, &read, err);
	if (rc == 0)
		rc = state_get_text(read, "policy", &then, err);
	if (rc >= 0)
		pass->void_watermarks = rc == 0 || !slice_eq(then, buf_slice(&now));
	state_read_end(read);
	buf_fini(&now);
	return rc < 0 ? -1 : 0;
}

int pass_open_root_to_list(struct pass *pass, struct err *err)
{
	if (maildir_root_open(
		    &pass->root, pass->account->path, layout_of(pass->account), false, err) == 0)
		return 0;
	pass->root.fd = -1;
	if (err->sys != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

void pass_forget_boxes(struct pass *pass)
{
	for (size_t i = 0; i < pass->box_count; i++) {
		maildir_unref(pass->boxes[i].maildir);
		uidset_fini(&pass->boxes[i].delete_here);
		uidset_fini(&pass->boxes[i].sent);
		uidset_fini(&pass->boxes[i].taken);
		uidset_fini(&pass->boxes[i].done_there);
		uidset_fini(&pass->boxes[i].done_here);
		uidset_fini(&pass->boxes[i].told_there);
		uidset_fini(&pass->boxes[i].told_here);
		uidset_fini(&pass->boxes[i].delete_there);
		uidset_fini(&pass->boxes[i].left_there);
	}
	pass->box_count = pass->folder_count = 0;
}

void pass_close(struct pass *pass)
{
	pass_forget_boxes(pass);
	state_close(pass->state);
	attic_close(&pass->attic);
	if (pass->root.fd >= 0)
		maildir_root_close(&pass->root);
	access_close(&pass->access);
	keywords_free(pass->keywords);
	arena_fini(&pass->arena);
}

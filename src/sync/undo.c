/*
 * The way back from what a pass deleted here: files return from the attic to their folders, where
 * the next pass finds them as new messages.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sync/history.h"

struct undo {
	struct maildir_root root;
	struct attic attic;
	struct keywords *keywords;
	struct state *state; /* NULL: none that can be read */
	struct arena arena;
};

/* Items come folder by folder. LAST: of the one before, NULL: there is none. */
static bool is_same_folder(const char *folder, const char *last)
{
	return folder && last && strcmp(folder, last) == 0;
}

/* The folders that got something back. */
static int make_durable(const struct maildir_root *root, const struct attic_items *items,
	uint64_t pass, struct err *err)
{
	const char *last = NULL;
	int rc = 0;

	if (fs_group_supported(root->fd))
		return fs_group_sync(root->fd, err);
	for (size_t i = 0; rc == 0 && i < items->count; i++) {
		const struct attic_item *item = &items->items[i];
		if (item->pass != pass || is_same_folder(item->folder, last))
			continue;
		last = item->folder;
		char *in_new = xasprintf("%s/new", last), *in_cur = xasprintf("%s/cur", last);
		if (fs_sync_path(root->fd, in_new, err) != 0 ||
			fs_sync_path(root->fd, in_cur, err) != 0)
			rc = -1;
		free(in_new);
		free(in_cur);
	}
	return rc;
}

/* ---- rows ---- */

/* The mailbox of FOLDER as the state has it; 0: it has none. 1, 0, -1. */
static int find_mailbox(
	struct state_read *read, const char *folder, struct state_mailbox *out, struct err *err)
{
	int rc;

	*out = (struct state_mailbox){0};
	while ((rc = state_next_mailbox(read, out->id, out, err)) == 1)
		if (slice_eq_str(out->path, folder))
			return 1;
		else if (out->id++ == UINT32_MAX)
			return 0;
	return rc;
}

/* UIDs of rows that still have the files of the items from FIRST to END, of one folder. */
static int find_rows(struct state_read *read, uint32_t id, const struct attic_item *items,
	size_t count, struct uidset *out, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < count; i++) {
		struct slice base, info;
		uint32_t uid;
		maildir_split(slice_str(items[i].path + 4), &base, &info);
		rc = state_get_by_base(read, id, base, &uid, err);
		if (rc == 1)
			uidset_add(out, uid);
	}
	return rc < 0 ? -1 : 0;
}

static int forget(struct state *state, uint32_t id, const struct uidset *uids, struct err *err)
{
	int rc;

	do {
		struct state_write *write = NULL;
		struct uid_iter it = {0};
		uint32_t uid;
		rc = state_write_begin(state, &write, err);
		while (rc == 0 && (uid = uidset_next(uids, &it)) != 0)
			rc = state_delete_message(write, id, uid, err);
		if (rc == 0)
			rc = state_commit(write, err);
		else
			state_abort(write);
	} while (rc == 1);
	return rc;
}

/*
 * The pass was killed before the rows of what it deleted went: they would tell the next pass that
 * these messages are gone from the server, and it would delete them once more.
 */
static int forget_rows(
	struct state *state, const struct attic_item *items, size_t count, struct err *err)
{
	struct state_read *read = NULL;
	struct state_mailbox box;
	struct uidset uids = {0};

	if (!state || count == 0)
		return 0;
	if (state_read_begin(state, &read, err) != 0)
		return -1;
	int rc = find_mailbox(read, items->folder, &box, err);
	if (rc == 1)
		rc = find_rows(read, box.id, items, count, &uids, err);
	state_read_end(read);
	if (rc == 0 && !uidset_empty(&uids))
		rc = forget(state, box.id, &uids, err);
	uidset_fini(&uids);
	return rc;
}

/* NULL: there is none that can be read; then the next pass compares both sides anew. */
static struct state *open_rows(const struct config_account *account)
{
	struct buf identity = {0};
	struct state *state = NULL;
	struct err err = {0};

	sync_identity(account, &identity);
	if (state_open(&state, account->state_dir, identity.data, true, &err) == 0) {
		state_close(state);
		if (state_open(&state, account->state_dir, identity.data, false, &err) == 0) {
			buf_fini(&identity);
			return state;
		}
	}
	log_debug(LOG_SYNC, "%s", err.msg);
	buf_fini(&identity);
	return NULL;
}

/* COUNT items of one folder. */
static int restore_folder(const struct undo *u, const struct attic_item *items, size_t count,
	uint64_t *done, struct err *err)
{
	if (forget_rows(u->state, items, count, err) != 0 ||
		attic_prepare(&u->attic, &u->root, items, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		if (attic_restore(&u->attic, &u->root, u->keywords, &items[i], err) != 0)
			return -1;
		++*done;
	}
	return 0;
}

/* Folders of another local.layout are no mailboxes: what went there would be nowhere. */
static int check_layout(
	const struct undo *u, const struct attic_items *items, uint64_t pass, struct err *err)
{
	struct buf name = {0};
	bool good = true;

	for (size_t i = 0; good && i < items->count; i++) {
		const struct attic_item *item = &items->items[i];
		if (item->pass != pass)
			continue;
		buf_clear(&name);
		good = maildir_name(u->root.layout, slice_str(item->folder), &name);
		if (!good)
			err_set(err, ERR_CONFLICT,
				"the folder %s is of another local.layout: set that one to bring "
				"back what pass %llu deleted",
				item->folder, (unsigned long long)pass);
	}
	buf_fini(&name);
	return good ? 0 : -1;
}

static int restore(struct undo *u, uint64_t *pass, uint64_t *done, struct err *err)
{
	struct attic_items items;
	int rc = attic_list(&u->attic, &u->arena, &items, err);

	*done = 0;
	if (rc == 0 && *pass == 0 && items.count > 0)
		*pass = items.items[items.count - 1].pass;
	if (rc == 0)
		rc = check_layout(u, &items, *pass, err);
	for (size_t i = 0, n; rc == 0 && i < items.count; i += n) {
		const struct attic_item *first = &items.items[i];
		for (n = 1; i + n < items.count && first[n].pass == first->pass &&
			    is_same_folder(first[n].folder, first->folder);)
			n++;
		if (first->pass == *pass)
			rc = restore_folder(u, first, n, done, err);
	}
	return rc == 0 ? make_durable(&u->root, &items, *pass, err) : -1;
}

/* Nothing is kept of *PASS (0: of any). That is no mistake if there was such a pass: an undo asked
 * for twice. 0, 1: there was none, -1. The attic knows a pass that was killed and has no line. */
static int find_done(const struct config_account *account, const struct attic *attic,
	uint64_t *pass, struct err *err)
{
	struct arena arena = {0};
	struct sync_log log = {0};
	uint64_t known = 0;
	int rc = history_read_passes(account, &arena, &log, err);

	for (size_t i = 0; rc == 0 && i < log.pass_count; i++) {
		const struct sync_past *past = &log.passes[i];
		if (*pass ? past->pass == *pass
			  : past->deleted_here > 0 || past->boxes_deleted_here > 0)
			known = past->pass;
	}
	if (rc == 0 && *pass == 0) {
		uint64_t last = 0;
		rc = attic_last(attic, &last, err);
		known = last > known ? last : known;
	} else if (rc == 0 && attic_has(attic, *pass)) {
		known = *pass;
	}
	arena_fini(&arena);
	if (rc != 0)
		return rc;
	if (known == 0)
		return *pass ? 1 : 0;
	*pass = known;
	return 0;
}

int sync_undo(
	const struct config_account *account, uint64_t *pass, uint64_t *count, struct err *err)
{
	struct undo u = {.keywords = keywords_new()};
	int lock_fd = -1;
	int rc = state_lock(account->state_dir, true, &lock_fd, err) < 0 ? -1 : 0;

	if (rc == 0) {
		rc = history_open_attic(account, &u.root, &u.attic, err);
		u.state = rc == 0 ? open_rows(account) : NULL;
		if (rc == 0)
			rc = restore(&u, pass, count, err);
		if (rc == 0 && *count == 0)
			rc = find_done(account, &u.attic, pass, err);
		state_close(u.state);
		history_close_attic(&u.root, &u.attic);
		close(lock_fd);
	}
	keywords_free(u.keywords);
	arena_fini(&u.arena);
	return rc;
}

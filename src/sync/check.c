/*
 * Is the state sound by itself, and do the files hold what it says? What merely changed on either
 * side since the last pass is the plan's business. Mending the state never touches mail: an index
 * is made again, counts are counted, and the watermarks are taken back, so that the next pass looks
 * at everything.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sync/pass.h"

#define RENEW_ROWS 500 /* rows a read snapshot is held for */

struct checking {
	const struct config_account *account;
	const struct sync_check *options;
	struct state *state;
	struct state_read *read;
	struct state_write *write; /* with options->repair */
	struct maildir_root root;
	struct maildir *maildir; /* of the present mailbox, NULL: there is none */
	struct keywords *keywords;
	struct state_mailbox box;
	char name[1024]; /* of the present mailbox */
	uint64_t there, here;
	struct arena arena;
};

static void found(struct checking *c, uint32_t uid, const char *file, const char *what, bool mended)
{
	struct sync_finding finding = {
		.mailbox = c->name, .uid = uid, .file = file, .what = what, .mended = mended};

	c->options->found(&finding, c->options->arg);
}

/* ---- rows ---- */

static int check_index(struct checking *c, const struct state_message *row, struct err *err)
{
	uint32_t uid = 0;
	int rc = state_get_by_base(c->read, c->box.id, row->base, &uid, err);

	if (rc < 0 || (rc == 1 && uid == row->uid))
		return rc < 0 ? -1 : 0;
	found(c, row->uid, NULL, "the state does not find the message by its file's name",
		c->write != NULL);
	return c->write ? state_put_message(c->write, c->box.id, row, err) : 0;
}

/* Open the file of ROW, wherever a reader put it. 1, 0: there is none, -1. */
static int open_file(struct checking *c, const struct state_message *row, char path[ROW_FILE_SIZE],
	struct maildir_reader **reader, struct maildir_facts *facts, struct err *err)
{
	row_file(row, path, ROW_FILE_SIZE);
	for (int attempt = 0; attempt < 3; attempt++) {
		if (maildir_reader_open(reader, c->maildir, path, facts, err) == 0)
			return 1;
		if (err->sys != ENOENT)
			return -1;
		err_clear(err);
		int rc = maildir_find(c->maildir, row->base, path, ROW_FILE_SIZE, err);
		if (rc <= 0)
			return rc;
	}
	return 0;
}

static int check_contents(struct checking *c, const struct state_message *row, struct err *err)
{
	struct maildir_reader *reader;
	struct maildir_facts facts;
	char path[ROW_FILE_SIZE], what[200];

	if (!c->maildir || digest_is_zero(&row->content))
		return 0;
	int rc = open_file(c, row, path, &reader, &facts, err);
	if (rc <= 0)
		return rc;
	maildir_reader_close(reader);
	if (digest_equal(&facts.content, &row->content))
		return 0;
	snprintf(what, sizeof(what),
		"the file was changed: it holds %llu bytes as they are sent, the message has %llu",
		(unsigned long long)facts.wire_size, (unsigned long long)row->size);
	found(c, row->uid, path, what, false);
	return 0;
}

static int check_row(struct checking *c, const struct state_message *row, struct err *err)
{
	c->there += (row->where & STATE_THERE) != 0;
	c->here += (row->where & STATE_HERE) != 0;
	if (!(row->where & STATE_HERE))
		return 0;
	if (check_index(c, row, err) != 0)
		return -1;
	return c->options->deep ? check_contents(c, row, err) : 0;
}

static int check_rows(struct checking *c, struct err *err)
{
	struct state_message row;
	uint64_t from = 0;
	unsigned rows = 0;
	int rc;

	c->there = c->here = 0;
	while ((rc = state_next_message(c->read, c->box.id, from, &row, err)) == 1) {
		from = (uint64_t)row.uid + 1;
		row.base = arena_slice(&c->arena, row.base);
		row.info = arena_slice(&c->arena, row.info);
		if (cancel_check(err) != 0 || check_row(c, &row, err) != 0)
			return -1;
		if (++rows % RENEW_ROWS == 0) {
			arena_reset(&c->arena);
			if (state_read_renew(c->read, err) != 0)
				return -1;
		}
	}
	return rc < 0 ? -1 : 0;
}

static int check_counts(struct checking *c, struct err *err)
{
	struct state_tally tally = {.id = c->box.id, .there = c->there, .here = c->here};
	uint64_t there, here;

	if (state_count_messages(c->read, c->box.id, &there, &here, err) != 0)
		return -1;
	if (there == c->there && here == c->here)
		return 0;
	found(c, 0, NULL, "the state's count of messages is wrong", c->write != NULL);
	return c->write ? state_put_tally(c->write, &tally, err) : 0;
}

static int name_pending(struct checking *c, struct err *err)
{
	struct state_pending pending, last = {0};
	char file[ROW_FILE_SIZE], what[1200];
	bool any = false;
	int rc;

	while ((rc = state_next_pending(c->read, c->box.id, any ? &last : NULL, &pending, err)) ==
		1) {
		snprintf(what, sizeof(what), "waits since it failed %u times: %.*s", pending.count,
			SLICE_ARG(pending.reason));
		snprintf(file, sizeof(file), "%.*s", SLICE_ARG(pending.base));
		found(c, pending.uid, file[0] ? file : NULL, what, false);
		last = pending;
		last.base = arena_slice(&c->arena, pending.base);
		any = true;
	}
	return rc;
}

/* ---- a mailbox ---- */

static int open_folder(struct checking *c, struct err *err)
{
	char path[4096];

	c->maildir = NULL;
	snprintf(path, sizeof(path), "%.*s", SLICE_ARG(c->box.path));
	if (c->root.fd < 0 || maildir_open(&c->maildir, &c->root, path, c->keywords, err) == 0)
		return 0;
	if (err->sys != ENOENT)
		return -1;
	err_clear(err); /* gone: the plan says so */
	return 0;
}

static int take_back_watermark(struct checking *c, struct err *err)
{
	struct state_mailbox box = c->box;

	box.watermark = (struct state_watermark){0};
	return c->write ? state_put_mailbox(c->write, &box, err) : 0;
}

static int check_box(struct checking *c, struct err *err)
{
	snprintf(c->name, sizeof(c->name), "%.*s", SLICE_ARG(c->box.name));
	if (open_folder(c, err) != 0)
		return -1;
	int rc = check_rows(c, err);
	if (rc == 0)
		rc = check_counts(c, err);
	if (rc == 0)
		rc = name_pending(c, err);
	if (rc == 0)
		rc = take_back_watermark(c, err);
	maildir_unref(c->maildir);
	arena_reset(&c->arena);
	return rc;
}

static int check_boxes(struct checking *c, struct err *err)
{
	struct arena names = {0};
	uint32_t id = 0;
	int rc;

	while ((rc = state_next_mailbox(c->read, id, &c->box, err)) == 1) {
		id = c->box.id + 1;
		c->box.name = arena_slice(&names, c->box.name);
		c->box.wire = arena_slice(&names, c->box.wire);
		c->box.path = arena_slice(&names, c->box.path);
		c->box.mailboxid = arena_slice(&names, c->box.mailboxid);
		/* One without a name is what UIDs meant formerly. */
		if (c->box.name.n > 0 && (rc = check_box(c, err)) != 0)
			break;
		arena_reset(&names);
	}
	arena_fini(&names);
	return rc < 0 ? -1 : rc;
}

/* ---- the whole ---- */

/* 0, 1 (map full: once more), -1. */
static int check_state(struct checking *c, struct err *err)
{
	if (state_read_begin(c->state, &c->read, err) != 0)
		return -1;
	int rc = c->options->repair ? state_write_begin(c->state, &c->write, err) : 0;
	if (rc == 0)
		rc = check_boxes(c, err);
	state_read_end(c->read);
	if (!c->write)
		return rc;
	if (rc == 0)
		return state_commit(c->write, err);
	state_abort(c->write);
	return rc;
}

static int open_all(struct checking *c, struct err *err)
{
	const struct config_account *a = c->account;
	enum maildir_layout layout =
		a->layout == CONFIG_LAYOUT_NESTED ? MAILDIR_NESTED : MAILDIR_PLUSPLUS;
	struct buf identity = {0};

	sync_identity(a, &identity);
	int rc = state_open(&c->state, a->state_dir, identity.data, !c->options->repair, err);
	buf_fini(&identity);
	if (rc != 0)
		return -1;
	if (maildir_root_open(&c->root, a->path, layout, false, err) == 0)
		return 0;
	c->root.fd = -1;
	if (err->sys != ENOENT)
		return -1;
	err_clear(err);
	return 0;
}

/* A database that can't be read is mended by taking it away. */
static int mend_damage(struct checking *c, struct err *err)
{
	char to[4096], what[4200];

	snprintf(what, sizeof(what), "%s", err->msg);
	err_clear(err);
	if (c->options->repair && state_set_aside(c->account->state_dir, to, sizeof(to), err) != 0)
		return -1;
	c->name[0] = '\0';
	found(c, 0, NULL, what, c->options->repair);
	return 0;
}

static int check_locked(struct checking *c, struct err *err)
{
	int rc = open_all(c, err);

	for (int attempt = 0; rc == 0 && attempt < 20; attempt++)
		if ((rc = check_state(c, err)) != 1)
			break;
	state_close(c->state);
	if (c->root.fd >= 0)
		maildir_root_close(&c->root);
	/* A sound state of another account, or of a later version, goes only if that is asked for.
	 */
	if (rc < 0 && (state_is_damaged(err) || (c->options->repair && state_is_foreign(err))))
		rc = mend_damage(c, err);
	if (rc < 0 && err->kind == ERR_STATE && err->sys == ENOENT) { /* never synced */
		err_clear(err);
		rc = 0;
	}
	return rc;
}

int sync_check(
	const struct config_account *account, const struct sync_check *options, struct err *err)
{
	struct checking c = {.account = account, .options = options, .root = {.fd = -1}};
	int lock_fd = -1;

	log_set_context(account->name);
	c.keywords = keywords_new();
	int rc = options->repair ? state_lock(account->state_dir, true, &lock_fd, err) : 1;
	if (rc >= 0)
		rc = check_locked(&c, err);
	if (lock_fd >= 0)
		close(lock_fd);
	keywords_free(c.keywords);
	arena_fini(&c.arena);
	log_set_context(NULL);
	return rc;
}

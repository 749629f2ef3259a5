/*
 * Downloads that a killed pass left half settled: `arrival` rows. Their data is durable (the row is
 * written only after it is); what is open is whether the rename to the final name came to pass. So:
 * still in tmp/ -> rename now; found under its BASE -> make it a message row; neither -> the row
 * goes, and the message is fetched again. Names prove nothing, only BASEs of rows do.
 *
 * A mail reader may have taken the file to another folder meanwhile. Found there (elsewhere.c), it
 * is a message row all the same: one whose file is gone, so that it is found again as a move.
 *
 * So are files that were to follow to another folder (moves_there.c), but those were never in tmp/:
 * what is still in its old folder is found as a move once more.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/elsewhere.h"
#include "sync/unwind.h"

#define SCANS 5 /* of a folder in which another program keeps renaming files */

/* One arrival; strings in the arena. */
struct arrived {
	struct state_message row;
	bool found;     /* in its folder, in cur/ or new/ */
	bool elsewhere; /* in that of another mailbox */
};

struct recovery {
	struct pass *pass;
	struct arena arena;
	struct box *box;
	struct arrived *items; /* owned; sorted by BASE while files are looked up */
	size_t count, room;
};

/* A file that was to follow from another folder? */
static bool is_moving(const struct arrived *item)
{
	return !(item->row.where & STATE_HERE);
}

static int load(struct recovery *r, struct err *err)
{
	struct state_read *read = NULL;
	struct state_message row;
	uint64_t from = 0;
	int rc;

	if (state_read_begin(r->pass->state, &read, err) != 0)
		return -1;
	while ((rc = state_next_arrival(read, r->box->row.id, from, &row, err)) == 1) {
		r->items = base_reserve(r->items, r->count, &r->room, sizeof(*r->items));
		from = (uint64_t)row.uid + 1;
		row.base = arena_slice(&r->arena, row.base);
		row.info = arena_slice(&r->arena, row.info);
		r->items[r->count++] = (struct arrived){.row = row};
	}
	state_read_end(read);
	return rc < 0 ? -1 : 0;
}

static int compare_bases(const void *a, const void *b)
{
	return slice_cmp(
		((const struct arrived *)a)->row.base, ((const struct arrived *)b)->row.base);
}

static struct arrived *find(struct recovery *r, struct slice base)
{
	struct arrived key = {.row.base = base};
	return r->count ? bsearch(&key, r->items, r->count, sizeof(*r->items), compare_bases)
			: NULL;
}

/* Files that a reader may have renamed already: note the name they have now. 1: nobody renamed
 * anything meanwhile, 0, -1. */
static int look_through(struct recovery *r, struct maildir *maildir, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable;
	int rc;

	if (maildir_scan_begin(&scan, maildir, err) != 0)
		return -1;
	while ((rc = maildir_scan_next(&scan, &file, err)) == 1) {
		struct arrived *item = find(r, file.base);
		if (!item)
			continue;
		item->found = true;
		item->row.in_new = file.in_new;
		item->row.info = arena_slice(&r->arena, file.info);
	}
	return maildir_scan_end(&scan, rc, &stable, err) != 0 ? -1 : stable;
}

static bool is_any_lost(const struct recovery *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (!r->items[i].found)
			return true;
	return false;
}

/* What is not in its folder may be in any other one, whatever this pass is about. */
static int look_elsewhere(struct recovery *r, struct err *err)
{
	struct sought *lost = arena_zalloc(&r->arena, (r->count + 1) * sizeof(*lost));
	size_t count = 0;

	for (size_t i = 0; i < r->count; i++)
		if (!r->items[i].found)
			lost[count++] = (struct sought){.base = r->items[i].row.base,
				.content = r->items[i].row.content,
				.size = r->items[i].row.size,
				.moving = is_moving(&r->items[i])};
	if (elsewhere_look(r->pass, r->box->name, lost, count, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++)
		find(r, lost[i].base)->elsewhere = lost[i].found;
	return 0;
}

static int publish(struct maildir *maildir, struct arrived *item, struct err *err)
{
	char base[ROW_FILE_SIZE], path[ROW_FILE_SIZE];

	snprintf(base, sizeof(base), "%.*s", SLICE_ARG(item->row.base));
	row_file(&item->row, path, sizeof(path));
	if (maildir_publish(maildir, base, path, err) == 0) {
		item->found = true;
		return 0;
	}
	return err->sys == ENOENT || err->sys == EEXIST ? 0 : -1;
}

static int settle(
	struct recovery *r, struct maildir *maildir, const struct arrived *item, struct err *err)
{
	struct settler *settler = r->pass->settler;

	struct state_message row = item->row;

	row.where |= STATE_HERE;
	/* What is elsewhere changes nothing on this disk. */
	if ((item->found || item->elsewhere) &&
		settle_message(settler, r->box->row.id, item->found ? maildir : NULL, &row, err) !=
			0)
		return -1;
	return settle_arrival_gone(settler, r->box->row.id, item->row.uid, err);
}

/* A message that is fetched again must not be hidden by a watermark that has passed it. */
static int look_again(struct recovery *r, struct err *err)
{
	if (!is_any_lost(r))
		return 0;
	r->box->row.watermark = (struct state_watermark){0};
	return settle_mailbox(r->pass->settler, &r->box->row, 0, err);
}

/* The BASE of a file that is about to be moved here is not ours: another message may have it, or
 * another file. 1: it is this one, 0: it is not, -1. */
static int is_moved(const struct recovery *r, struct maildir *maildir, const struct arrived *item,
	struct err *err)
{
	struct maildir_reader *reader;
	struct maildir_facts facts;
	struct state_read *read = NULL;
	char path[ROW_FILE_SIZE];
	uint32_t uid;

	if (state_read_begin(r->pass->state, &read, err) != 0)
		return -1;
	int known = state_get_by_base(read, r->box->row.id, item->row.base, &uid, err);
	state_read_end(read);
	if (known != 0)
		return known < 0 ? -1 : uid == item->row.uid;
	row_file(&item->row, path, sizeof(path));
	if (maildir_reader_open(&reader, maildir, path, &facts, err) != 0) {
		if (unwind_of(err) != UNWIND_MAILBOX)
			return -1;
		err_clear(err); /* then the look at its folder will tell what it is */
		return 0;
	}
	maildir_reader_close(reader);
	return digest_equal(&facts.content, &item->row.content);
}

static int drop_strangers(struct recovery *r, struct maildir *maildir, struct err *err)
{
	for (size_t i = 0; i < r->count; i++) {
		struct arrived *item = &r->items[i];
		int rc = item->found && is_moving(item) ? is_moved(r, maildir, item, err) : 1;
		if (rc < 0)
			return -1;
		item->found &= rc == 1;
	}
	return 0;
}

/* In the folder itself, and in its tmp/. */
static int find_files(struct recovery *r, struct maildir *maildir, struct err *err)
{
	int stable = 0;

	for (int i = 0; i < SCANS && stable == 0; i++)
		stable = look_through(r, maildir, err);
	if (stable < 0 || drop_strangers(r, maildir, err) != 0)
		return -1;
	for (size_t i = 0; i < r->count; i++)
		if (!r->items[i].found && !is_moving(&r->items[i]) &&
			publish(maildir, &r->items[i], err) != 0)
			return -1;
	return 0;
}

static int recover_box(struct recovery *r, struct err *err)
{
	struct maildir *maildir = NULL;
	int rc = -1;

	if (load(r, err) != 0)
		return -1;
	if (r->count == 0)
		return 0;
	log_info("%s: finishing %zu downloads or moves of an interrupted pass", r->box->name,
		r->count);
	qsort(r->items, r->count, sizeof(*r->items), compare_bases);
	if (r->box->here && (maildir_open(&maildir, &r->pass->root, r->box->path, r->pass->keywords,
				     err) != 0 ||
				    find_files(r, maildir, err) != 0))
		goto out;
	if (look_elsewhere(r, err) != 0)
		goto out;
	/* Before the rows go that are the reason for it. */
	if (look_again(r, err) != 0)
		goto out;
	for (size_t i = 0; i < r->count; i++)
		if (settle(r, maildir, &r->items[i], err) != 0)
			goto out;
	rc = 0;
out:
	maildir_unref(maildir);
	return rc;
}

static int recover(struct pass *pass, struct box *box, struct err *err)
{
	struct recovery r = {.pass = pass, .box = box};
	int rc = recover_box(&r, err);

	free(r.items);
	arena_fini(&r.arena);
	return rc;
}

static bool is_in_pass(const struct pass *pass, uint32_t id)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (pass->boxes[i].row.id == id)
			return true;
	return false;
}

static bool has_folder(const struct pass *pass, uint32_t id)
{
	for (size_t i = 0; i < pass->folder_count; i++)
		if (pass->folders[i].id == id)
			return true;
	return false;
}

/* The mailbox ID, as far as recover() wants to know it, if downloads of it were left. 1, 0: none,
 * -1. */
static int load_other(struct pass *pass, uint32_t id, struct box *out, struct err *err)
{
	struct state_read *read = NULL;
	struct state_message arrival;
	struct state_mailbox row;

	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	int rc = state_next_arrival(read, id, 0, &arrival, err);
	if (rc == 1)
		rc = state_get_mailbox(read, id, &row, err);
	if (rc == 1 && row.name.n > 0) { /* a former id has none: those rows are partners only */
		row.wire = arena_slice(&pass->arena, row.wire);
		row.name = slice_str(arena_strndup(&pass->arena, row.name.p, row.name.n));
		row.path = slice_str(arena_strndup(&pass->arena, row.path.p, row.path.n));
		row.mailboxid = arena_slice(&pass->arena, row.mailboxid);
		*out = (struct box){.name = row.name.p,
			.path = row.path.p,
			.here = has_folder(pass, id),
			.row = row};
	} else if (rc == 1) {
		rc = 0;
	}
	state_read_end(read);
	return rc;
}

/*
 * A pass that is about some mailboxes only: files that were on their way to others may be in their
 * folders by now, and would be sent as new before the state knows them.
 */
static int recover_others(struct pass *pass, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < pass->known_count; i++) {
		struct box box;
		if (is_in_pass(pass, pass->known[i].id))
			continue;
		rc = load_other(pass, pass->known[i].id, &box, err);
		if (rc == 1)
			rc = recover(pass, &box, err);
	}
	return rc < 0 ? -1 : 0;
}

int recover_arrivals(struct pass *pass, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < pass->box_count; i++)
		rc = recover(pass, &pass->boxes[i], err);
	if (rc == 0 && pass->options->mailbox_count > 0)
		rc = recover_others(pass, err);
	return rc != 0 ? err_wrap(err, "finishing what an interrupted pass left")
		       : settler_flush(pass->settler, err);
}

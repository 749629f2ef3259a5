/*
 * Moved on the server: the file follows.
 *
 * Before files are renamed, the state notes under which name they will be in their new folder, as
 * an arrival: if the program is killed before the new row is there, and a mail reader takes the
 * file on to a third folder, recover.c still knows it. One commit more for some hundred files.
 */
#include <errno.h>

#include "base/log.h"
#include "sync/moves.h"
#include "sync/pair.h"

#define AT_ONCE 500 /* files, between two commits */

/* Note that the file of ROW will be in TO under BASE, before it is. */
static int announce(struct worker *w, struct box *to, const struct state_message *row,
	struct slice base, struct err *err)
{
	struct state_message arrival = *row;

	arrival.base = base;
	arrival.where = STATE_THERE;
	return settle_moving(w->pass->settler, to->row.id, &arrival, err);
}

/* A name that nobody has; noted before it is used, but for an upload in doubt, which has no row. */
static int take_fresh_base(struct worker *w, struct box *to, const struct state_message *row,
	struct slice *kept, struct err *err)
{
	char base[MAILDIR_BASE_SIZE];

	err_clear(err);
	maildir_fresh_base(base);
	*kept = slice_str(arena_strdup(&w->arena, base));
	if (row->uid == 0)
		return 0;
	return announce(w, to, row, *kept, err) != 0 ? -1 : settler_flush(w->pass->settler, err);
}

/* Rename the file of ROW, wherever a reader put it, to folder TO with the letters that its flags
 * have there. ROW becomes the new one. 1: done, 0: there is no file, -1. */
static int rename_file(struct worker *w, struct box *from, struct box *to,
	struct state_message *row, struct err *err)
{
	char path[ROW_FILE_SIZE], target[ROW_FILE_SIZE];
	struct slice kept = row->base;
	bool fresh = false;

	row_file(row, path, sizeof(path));
	for (int attempt = 0; attempt < 4; attempt++) {
		struct state_message now = {0};
		row_set_file(&now, path);
		struct flags flags = maildir_flags(from->maildir, now.info);
		if (maildir_letters_add(to->maildir, &flags, NULL, err) != 0)
			return -1;
		if (maildir_filename(to->maildir, kept, now.in_new, (struct slice){0}, &flags,
			    target, sizeof(target)) == 0)
			return 0; /* too long there: copied under a name of our own */
		int rc = (fresh ? maildir_move_fresh : maildir_move)(
			from->maildir, path, to->maildir, target, err);
		if (rc == 0) {
			row_set_file(row, arena_strdup(&w->arena, target));
			return 1;
		}
		if (err->sys == EEXIST) {
			fresh = true;
			if (take_fresh_base(w, to, row, &kept, err) != 0)
				return -1;
		} else if (err->sys == ENOENT) {
			err_clear(err);
			rc = maildir_find(from->maildir, row->base, path, sizeof(path), err);
			if (rc <= 0)
				return rc;
		} else {
			return -1;
		}
	}
	return 0;
}

/* The row that ITEM will have in TO, but for its file. 1, 0: there is none, -1. Both folders are
 * open then. */
static int make_row(struct worker *w, struct box *to, const struct moved *item,
	struct state_message *row, struct err *err)
{
	struct box *from = item->lost.box;
	int rc = row_get(w, item->lost.id, item->lost.uid, row, err);

	if (rc <= 0)
		return rc;
	if (moved_open_source(w, from, to, err) != 0)
		return -1;
	row->uid = item->new->uid;
	row->date = item->new->date;
	row->where = STATE_THERE | STATE_HERE;
	return 1;
}

static int announce_one(struct worker *w, struct box *to, const struct moved *item, struct err *err)
{
	struct state_message row;
	int rc = make_row(w, to, item, &row, err);

	if (rc <= 0)
		return rc;
	moved_drop_untold(&row, item->lost.box, to);
	return announce(w, to, &row, row.base, err);
}

static int follow_one(struct worker *w, struct box *to, const struct moved *item, struct err *err)
{
	struct settler *settler = w->pass->settler;
	const struct lost *lost = &item->lost;
	struct state_message row;
	int rc = make_row(w, to, item, &row, err);

	if (rc == 1)
		rc = rename_file(w, lost->box, to, &row, err);
	if (rc < 0)
		return -1;
	if (rc == 1) {
		moved_drop_untold(&row, lost->box, to);
		atomic_fetch_add(&w->pass->report->totals.moved_here, 1);
		if (settle_message(settler, to->row.id, to->maildir, &row, err) != 0 ||
			settle_forget(settler, lost->id, lost->uid, lost->box->maildir, err) != 0)
			return -1;
	}
	return settle_arrival_gone(settler, to->row.id, item->new->uid, err);
}

int moves_follow(
	struct worker *w, struct box *to, const struct moved *items, size_t count, struct err *err)
{
	for (size_t i = 0; i < count; i += AT_ONCE) {
		size_t end = count - i < AT_ONCE ? count : i + AT_ONCE;
		for (size_t k = i; k < end; k++)
			if (cancel_check(err) != 0 || announce_one(w, to, &items[k], err) != 0)
				return -1;
		if (settler_flush(w->pass->settler, err) != 0)
			return -1;
		for (size_t k = i; k < end; k++)
			if (follow_one(w, to, &items[k], err) != 0)
				return -1;
	}
	return 0;
}

/* As pairing would have it: flags of both sides unite. 1, 0: FILE is not there any more, or another
 * message; -1. */
static int follow_sent(struct worker *w, struct box *to, const struct new_there *new,
	const struct lost *lost, const struct new_here *file, struct err *err)
{
	struct settler *settler = w->pass->settler;
	struct state_message row = {
		.base = slice_str(file->base),
		.size = file->wire_size,
		.header = file->header,
		.content = file->content,
	};
	/* Another upload of an equal message would have another date. */
	if (!settler || new->date != file->date)
		return 0;
	int rc = moved_open_source(w, lost->box, to, err) != 0
			 ? -1
			 : rename_file(w, lost->box, to, &row, err);
	if (rc <= 0)
		return rc;
	struct flags here = maildir_flags(to->maildir, row.info);

	row.uid = new->uid;
	row.date = new->date;
	row.where = STATE_THERE | STATE_HERE;
	row.flags = flags_and(&new->flags, &here);
	log_info("%s: message %u is an upload that was moved from %s there", to->name, new->uid,
		lost->box->name);
	/* In this order: without a row the two are paired. */
	if (settle_upload_gone(settler, lost->id, slice_str(file->base), lost->box->maildir, err) !=
			0 ||
		settle_not_pending(settler, lost->id, STATE_PENDING_APPEND, 0,
			slice_str(file->base), err) != 0 ||
		settle_message(settler, to->row.id, to->maildir, &row, err) != 0)
		return -1;
	return 1;
}

/* PARTNER: for each of NEWS what it was in pass->moves, -1: nothing of it. */
static int follow_pairs(struct worker *w, struct box *to, struct look *look,
	const struct new_there *news, size_t count, const int32_t *partner, struct err *err)
{
	const struct moves *m = w->pass->moves;
	struct moved *items = arena_alloc(&w->arena, (count + 1) * sizeof(*items));
	size_t moved = 0;

	for (size_t i = 0; i < count; i++) {
		if (partner[i] < 0)
			continue;
		const struct lost *lost = &m->there[partner[i]];
		const struct new_here *file = &m->files[partner[i]];
		if (lost->uid != 0) {
			moved_tell(w, to, OP_MOVE_HERE, news[i].uid, file->name, lost->box);
			items[moved++] = (struct moved){&news[i], *lost};
			continue;
		}
		int rc = lost->box == to ? 0 : follow_sent(w, to, &news[i], lost, file, err);
		if (rc < 0)
			return -1;
		if (rc == 1)
			uidset_remove(&look->new_there, news[i].uid);
	}
	if (!w->pass->options->plan && moves_follow(w, to, items, moved, err) != 0)
		return -1;
	for (size_t i = 0; i < moved; i++) {
		uidset_remove(&items[i].lost.box->delete_here, items[i].lost.uid);
		uidset_remove(&look->new_there, items[i].new->uid);
	}
	return 0;
}

int moves_match_there(struct worker *w, struct box *to, struct look *look, struct err *err)
{
	struct moves *m = w->pass->moves;
	size_t count = 0, n = (size_t)uidset_size(&look->new_there);
	struct uid_iter it = {0};
	uint32_t uid;

	if (m->there_count == 0 || n == 0 || n > NEWS_MOST)
		return 0;
	struct new_there *news = arena_zalloc(&w->arena, n * sizeof(*news));
	int32_t *partner = arena_alloc(&w->arena, n * sizeof(*partner));
	while ((uid = uidset_next(&look->new_there, &it)) != 0)
		news[count++].uid = uid;
	if (facts_sizes(w, news, count, err) != 0 ||
		facts_there(w, to, m->files, m->there_count, news, count, err) != 0)
		return -1;
	pair_match(&w->arena, news, count, m->files, m->there_count, m->used, partner);
	return follow_pairs(w, to, look, news, count, partner, err);
}

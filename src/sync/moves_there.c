/*
 * Moved on the server: the file follows.
 */
#include <errno.h>

#include "base/log.h"
#include "sync/moves.h"
#include "sync/pair.h"

/* Rename the file of ROW, wherever a reader put it, to folder TO with the letters that its flags
 * have there. ROW becomes the new one. 1: done, 0: there is no file, -1. */
static int rename_file(struct worker *w, struct box *from, struct box *to,
	struct state_message *row, struct err *err)
{
	char path[ROW_FILE_SIZE], target[ROW_FILE_SIZE], base[MAILDIR_BASE_SIZE];
	struct slice kept = row->base;
	bool fresh = false;

	row_file(row, path, sizeof(path));
	for (int attempt = 0; attempt < 4; attempt++) {
		struct state_message now = {0};
		row_set_file(&now, path);
		struct flags flags = maildir_flags(from->maildir, now.in_new, now.info);
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
			maildir_fresh_base(base);
			kept = slice_str(base);
			fresh = true;
		} else if (err->sys == ENOENT) {
			rc = maildir_find(from->maildir, row->base, path, sizeof(path), err);
			if (rc <= 0)
				return rc;
		} else {
			return -1;
		}
		err_clear(err);
	}
	return 0;
}

int moves_follow(struct worker *w, struct box *to, const struct new_there *new,
	const struct lost *lost, struct err *err)
{
	struct settler *settler = w->pass->settler;
	struct state_message row;
	int rc = row_get(w, lost->id, lost->uid, &row, err);

	if (rc == 1)
		rc = moved_open_source(w, lost->box, to, err) != 0
			     ? -1
			     : rename_file(w, lost->box, to, &row, err);
	if (rc <= 0)
		return rc;
	row.uid = new->uid;
	row.date = new->date;
	row.where = STATE_THERE | STATE_HERE;
	moved_drop_untold(&row, lost->box, to);
	atomic_fetch_add(&w->pass->report->totals.moved_here, 1);
	if (settle_message(settler, to->row.id, to->maildir, &row, err) != 0 ||
		settle_forget(settler, lost->id, lost->uid, lost->box->maildir, err) != 0)
		return -1;
	return 1;
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
	struct flags here = maildir_flags(to->maildir, row.in_new, row.info);

	row.uid = new->uid;
	row.date = new->date;
	row.where = STATE_THERE | STATE_HERE;
	row.flags = flags_and(&new->flags, &here);
	log_info("%s: message %u is an upload that was moved from %s there", to->name, new->uid,
		lost->box->name);
	/* In this order: without a row the two are paired. */
	if (settle_upload_gone(settler, lost->id, slice_str(file->base), lost->box->maildir, err) !=
			0 ||
		settle_message(settler, to->row.id, to->maildir, &row, err) != 0)
		return -1;
	return 1;
}

/* 1, 0: it is left to be copied; -1. */
static int follow(struct worker *w, struct box *to, const struct new_there *new,
	const struct lost *lost, const struct new_here *file, struct err *err)
{
	if (lost->uid == 0)
		return lost->box == to ? 0 : follow_sent(w, to, new, lost, file, err);
	moved_tell(w, to, OP_MOVE_HERE, new->uid, file->name, lost->box);
	if (!w->pass->options->plan && moves_follow(w, to, new, lost, err) < 0)
		return -1;
	uidset_remove(&lost->box->delete_here, lost->uid);
	return 1;
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
	for (size_t i = 0; i < count; i++) {
		if (partner[i] < 0)
			continue;
		int rc = follow(w, to, &news[i], &m->there[partner[i]], &m->files[partner[i]], err);
		if (rc < 0)
			return -1;
		if (rc == 1)
			uidset_remove(&look->new_there, news[i].uid);
	}
	return 0;
}

/*
 * Moves. A message that one mailbox lost and another one has new was moved: the file follows by a
 * rename, or the message by UID MOVE, and nothing is copied.
 *
 * Moves are matched between the two halves of the work phase: when all mailboxes were looked at (so
 * that what is gone anywhere is known, proven complete, and waits in the boxes' delete sets) and
 * before anything new is copied. Holding back the copies costs a second look at mailboxes with
 * news, so it is done only if the survey leaves room for a move: one mailbox that may have lost a
 * message, and another one that may have a new one.
 *
 *     on the server   what is new there has size and header of a file whose message is gone there
 *     here            what is new here has the content of a file that is gone here; a BASE proves
 *                     nothing
 *
 * A move changes two rows: the new one comes first, the old one goes after it. Killed in between,
 * the next pass finds a row that neither side has, and forgets it. Killed before, it finds the same
 * message unknown on both sides of the new mailbox, and pairs it.
 *
 * What does not match is copied and deleted as ever. Moved to two places: both copies stay. Matches
 * are not deletions, so the guard does not count them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/pair.h"
#include "sync/pass.h"

#define LOST_MOST 50000 /* messages gone from all mailboxes that are considered */
#define NEWS_MOST 50000 /* new messages of one mailbox that are */

/* ---- could anything have moved? ---- */

struct chances {
	size_t lost, news; /* mailboxes that may have lost something, that may have something new */
	const struct box *only_lost, *only_news;
};

static void add_chance(struct chances *c, const struct box *box, bool lost, bool news)
{
	if (lost) {
		c->lost++;
		c->only_lost = box;
	}
	if (news) {
		c->news++;
		c->only_news = box;
	}
}

static bool any_chance(const struct chances *c)
{
	return c->lost > 0 && c->news > 0 &&
	       !(c->lost == 1 && c->news == 1 && c->only_lost == c->only_news);
}

/* By the counts of STATUS: UIDs given out since the watermark bound what can have come. */
static void judge_there(struct chances *c, const struct box *box, uint64_t rows)
{
	const struct imap_status *now = &box->status;
	const struct state_watermark *then = &box->row.watermark;
	bool known = now->known && then->uidnext != 0 && now->uidnext >= then->uidnext;
	uint64_t came = known ? now->uidnext - then->uidnext : 0;
	bool lost = rows > 0 && (box->lost == SIDE_THERE || !known || now->messages < rows + came);

	add_chance(c, box, lost, box->there && (!known || came > 0));
}

static void judge_here(struct chances *c, const struct box *box, uint64_t rows)
{
	const struct state_watermark *mark = &box->row.watermark;
	struct maildir_times then = {
		mark->new_mtime, mark->new_ctime, mark->cur_mtime, mark->cur_ctime};

	bool changed = then.new_mtime == 0 || !maildir_times_equal(&box->times, &then);

	if (!box->times_known) /* lost, or not there */
		add_chance(c, box, rows > 0, box->here);
	else
		add_chance(c, box, changed && rows > 0, changed);
}

static bool moves_here_allowed(const struct policy *policy)
{
	return policy->new_messages & WAY_PULL && policy->deletes & WAY_PULL &&
	       policy->expunge & SIDE_HERE;
}

static bool moves_there_allowed(const struct policy *policy)
{
	return policy->new_messages & WAY_PUSH && policy->deletes & WAY_PUSH &&
	       policy->expunge & SIDE_THERE;
}

int pass_expect_moves(struct pass *pass, struct err *err)
{
	struct chances there = {0}, here = {0};
	struct state_read *read = NULL;
	uint64_t rows_there = 0, rows_here = 0;
	int rc = 0;

	pass->hold_there = pass->hold_here = false;
	if (!pass->state)
		return 0;
	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; i < pass->box_count; i++) {
		const struct box *box = &pass->boxes[i];
		rc = state_count_messages(read, box->row.id, &rows_there, &rows_here, err);
		if (rc != 0)
			break;
		judge_there(&there, box, rows_there);
		judge_here(&here, box, rows_here);
	}
	state_read_end(read);
	pass->hold_there = any_chance(&there) && moves_here_allowed(&pass->policy);
	pass->hold_here = any_chance(&here) && moves_there_allowed(&pass->policy);
	return rc;
}

/* ---- what is gone ---- */

/* A message that one side lost. */
struct lost {
	struct box *box;
	uint32_t uid;
	struct digest content;
	bool used;
};

struct moves {
	/* gone there: as files that wait for a partner; the two run in parallel */
	struct lost *there;
	struct new_here *files;
	bool *used; /* files that found one */
	size_t there_count;
	/* gone here; sorted by content */
	struct lost *here;
	size_t here_count;
};

static void add_gone_there(struct pass *pass, struct box *box, const struct state_message *row)
{
	struct moves *m = pass->moves;
	char path[ROW_FILE_SIZE];

	if (digest_is_zero(&row->header) || !(row->where & STATE_HERE))
		return;
	row_file(row, path, sizeof(path));
	m->files[m->there_count] = (struct new_here){
		.name = arena_strdup(&pass->arena, path),
		.base = arena_strndup(&pass->arena, row->base.p, row->base.n),
		.flags = row->flags,
		.has_facts = true,
		.wire_size = row->size,
		.date = row->date,
		.header = row->header,
		.content = row->content,
	};
	m->there[m->there_count++] = (struct lost){.box = box, .uid = row->uid};
}

static void add_gone_here(struct pass *pass, struct box *box, const struct state_message *row)
{
	struct moves *m = pass->moves;

	if (!digest_is_zero(&row->content) && row->where & STATE_THERE)
		m->here[m->here_count++] =
			(struct lost){.box = box, .uid = row->uid, .content = row->content};
}

typedef void add_lost(struct pass *pass, struct box *box, const struct state_message *row);

/* Nothing of a mailbox that was paired in this pass is taken for gone. */
static int load_box(struct pass *pass, struct state_read *read, struct box *box,
	const struct uidset *set, size_t *count, add_lost *add, struct err *err)
{
	struct state_message row;
	struct uid_iter it = {0};
	uint32_t uid;
	int rc = 0;

	while (rc >= 0 && !box->paired && *count < LOST_MOST &&
		(uid = uidset_next(set, &it)) != 0) {
		rc = state_get_message(read, box->row.id, uid, &row, err);
		if (rc == 1)
			add(pass, box, &row);
	}
	return rc < 0 ? -1 : 0;
}

static int compare_lost(const void *a, const void *b)
{
	const struct lost *x = a, *y = b;
	int order = digest_cmp(&x->content, &y->content);

	if (order != 0)
		return order;
	return x->box != y->box ? strcmp(x->box->name, y->box->name)
				: (x->uid > y->uid) - (x->uid < y->uid);
}

static size_t bounded(uint64_t n)
{
	return n < LOST_MOST ? (size_t)n : LOST_MOST;
}

static int load_lost(struct pass *pass, struct err *err)
{
	struct moves *m = pass->moves;
	struct state_read *read = NULL;
	uint64_t there = 0, here = 0;
	int rc = 0;

	for (size_t i = 0; i < pass->box_count; i++) {
		there += uidset_size(&pass->boxes[i].delete_here);
		here += uidset_size(&pass->boxes[i].delete_there);
	}
	m->there = arena_zalloc(&pass->arena, (bounded(there) + 1) * sizeof(*m->there));
	m->files = arena_zalloc(&pass->arena, (bounded(there) + 1) * sizeof(*m->files));
	m->used = arena_zalloc(&pass->arena, bounded(there) + 1);
	m->here = arena_zalloc(&pass->arena, (bounded(here) + 1) * sizeof(*m->here));
	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (pass->hold_there)
			rc = load_box(pass, read, box, &box->delete_here, &m->there_count,
				add_gone_there, err);
		if (rc == 0 && pass->hold_here)
			rc = load_box(pass, read, box, &box->delete_there, &m->here_count,
				add_gone_here, err);
	}
	state_read_end(read);
	if (m->here_count > 0)
		qsort(m->here, m->here_count, sizeof(*m->here), compare_lost);
	return rc;
}

/* ---- the two rows ---- */

static int get_row(
	struct worker *w, const struct lost *lost, struct state_message *row, struct err *err)
{
	struct state_read *read = NULL;

	if (state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	int rc = state_get_message(read, lost->box->row.id, lost->uid, row, err);
	if (rc == 1) {
		row->base = arena_slice(&w->arena, row->base);
		row->info = arena_slice(&w->arena, row->info);
	}
	state_read_end(read);
	return rc;
}

/*
 * A keyword that has no letter in one of the two folders: the file's name could not tell it in the
 * old one, or whether it was meant to go in the new one. The row is not sure of it either, so that
 * the next look at the mailbox takes it for new there, and gives it a letter.
 */
static void drop_untold(struct state_message *row, const struct box *from, const struct box *to)
{
	static const struct flags none = {0};
	struct flags old = from->maildir ? maildir_mask(from->maildir) : none;
	struct flags new = maildir_mask(to->maildir);
	struct flags told = flags_and(&old, &new), system = flags_system(row->flags.system);

	row->flags = flags_and(&row->flags, &told);
	row->flags = flags_or(&row->flags, &system);
}

static void tell_move(struct worker *w, const struct box *to, enum op_kind kind, uint32_t uid,
	const char *file, const struct box *from)
{
	struct op op = {.kind = kind, .uid = uid, .name = file};

	op.reason = arena_printf(&w->arena, "moved %s from %s",
		kind == OP_MOVE_HERE ? "on the server" : "here", from->name);
	if (w->pass->options->plan)
		pass_tell_op(w->pass, to, &op);
	else
		log_debug(LOG_SYNC, "%s", op.reason);
}

#define SOURCES_MOST 50 /* folders open at once besides the one with the news */

/* Only one worker matches moves: nobody works in the others. */
static void close_sources(struct pass *pass, const struct box *to)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (&pass->boxes[i] != to)
			mailbox_close_here(&pass->boxes[i]);
}

/* Open the folder FROM, from which something went to TO. */
static int open_source(struct worker *w, struct box *from, const struct box *to, struct err *err)
{
	if (!from->maildir && maildir_open_count() >= SOURCES_MOST)
		close_sources(w->pass, to);
	return mailbox_open_here(w, from, err);
}

/* ---- moved on the server: the file follows ---- */

/* Rename the file of ROW, wherever a reader put it, to folder TO with the letters that its flags
 * have there. ROW becomes the new one. 1: done, 0: there is no file, -1. */
static int rename_file(struct worker *w, struct box *from, struct box *to,
	struct state_message *row, struct err *err)
{
	char path[ROW_FILE_SIZE], target[ROW_FILE_SIZE], base[MAILDIR_BASE_SIZE];
	struct slice kept = row->base;

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
		if (maildir_move(from->maildir, path, to->maildir, target, err) == 0) {
			row_set_file(row, arena_strdup(&w->arena, target));
			return 1;
		}
		if (err->sys == EEXIST) {
			maildir_fresh_base(base);
			kept = slice_str(base);
		} else if (err->sys == ENOENT) {
			int rc = maildir_find(from->maildir, row->base, path, sizeof(path), err);
			if (rc <= 0)
				return rc;
		} else {
			return -1;
		}
		err_clear(err);
	}
	return 0;
}

static int follow_message(struct worker *w, struct box *to, const struct new_there *new,
	const struct lost *lost, struct err *err)
{
	struct settler *settler = w->pass->settler;
	struct state_message row;
	int rc = get_row(w, lost, &row, err);

	if (rc == 1)
		rc = open_source(w, lost->box, to, err) != 0
			     ? -1
			     : rename_file(w, lost->box, to, &row, err);
	if (rc <= 0)
		return rc;
	row.uid = new->uid;
	row.date = new->date;
	row.where = STATE_THERE | STATE_HERE;
	drop_untold(&row, lost->box, to);
	atomic_fetch_add(&w->pass->report->totals.moved_here, 1);
	if (settle_message(settler, to->row.id, to->maildir, &row, err) != 0)
		return -1;
	return settle_forget(settler, lost->box->row.id, lost->uid, lost->box->maildir, err);
}

static int match_there(struct worker *w, struct box *to, struct look *look, struct err *err)
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
		struct lost *lost = &m->there[partner[i]];
		tell_move(w, to, OP_MOVE_HERE, news[i].uid, m->files[partner[i]].name, lost->box);
		if (!w->pass->options->plan && follow_message(w, to, &news[i], lost, err) != 0)
			return -1;
		uidset_remove(&lost->box->delete_here, lost->uid);
		uidset_remove(&look->new_there, news[i].uid);
	}
	return 0;
}

/* ---- moved here: the message follows ---- */

/* A file and the message that it was. */
struct follower {
	const struct new_here *file;
	struct lost *lost;
};

struct following {
	struct worker *w;
	struct box *from, *to;
	struct follower *items; /* of one source */
	size_t count;
};

static struct lost *find_lost(const struct moves *m, const struct digest *content)
{
	size_t low = 0, high = m->here_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (digest_cmp(&m->here[middle].content, content) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < m->here_count && digest_equal(&m->here[low].content, content); low++)
		if (!m->here[low].used)
			return &m->here[low];
	return NULL;
}

static int compare_followers(const void *a, const void *b)
{
	const struct follower *x = a, *y = b;

	if (x->lost->box != y->lost->box)
		return x->lost->box < y->lost->box ? -1 : 1;
	return (x->lost->uid > y->lost->uid) - (x->lost->uid < y->lost->uid);
}

/* As for an APPEND: if the answer is lost, the file is not sent before it is sure that nothing
 * arrived. */
static int begin_upload(
	struct following *f, const struct new_here *file, bool answered, struct err *err)
{
	struct state_upload upload = {
		.base = slice_str(file->base),
		.content = file->content,
		.header = file->header,
		.size = file->wire_size,
		.date = file->date,
		.answered = answered,
	};
	return settle_upload(f->w->pass->settler, f->to->row.id, &upload, err);
}

static int settle_moved(struct following *f, const struct follower *item, uint32_t uid, bool copied,
	struct err *err)
{
	struct settler *settler = f->w->pass->settler;
	struct state_message row;
	int rc = get_row(f->w, item->lost, &row, err);

	if (rc <= 0)
		return rc;
	row.uid = uid;
	row.where = STATE_THERE | STATE_HERE;
	row_set_file(&row, item->file->name);
	if (open_source(f->w, f->from, f->to, err) != 0)
		return -1;
	drop_untold(&row, f->from, f->to);
	if (settle_message(settler, f->to->row.id, f->to->maildir, &row, err) != 0)
		return -1;
	if (copied) { /* what is left behind goes when deletions go */
		uidset_add(&f->from->left_there, item->lost->uid);
		return 0;
	}
	uidset_remove(&f->from->delete_there, item->lost->uid);
	return settle_forget(settler, f->from->row.id, item->lost->uid, f->from->maildir, err);
}

static uint32_t new_uid(const struct imap_moved *moved, uint32_t uid)
{
	for (size_t i = 0; i < moved->count; i++)
		if (moved->pairs[i].from == uid)
			return moved->pairs[i].to;
	return 0;
}

/* The server did as it was told. Where it does not say which UIDs came of it, pairing will. */
static int take_moved(struct following *f, const struct imap_moved *moved, struct err *err)
{
	bool told = moved->uidvalidity == f->to->row.uidvalidity;

	for (size_t i = 0; i < f->count; i++) {
		struct follower *item = &f->items[i];
		uint32_t uid = told ? new_uid(moved, item->lost->uid) : 0;
		int rc = uid != 0 ? settle_moved(f, item, uid, moved->copied, err)
				  : begin_upload(f, item->file, moved->count == 0, err);
		if (rc != 0)
			return -1;
		atomic_fetch_add(&f->w->pass->report->totals.moved_there, uid != 0);
	}
	return 0;
}

static int send_move(struct following *f, const struct uidset *uids, struct err *err)
{
	struct imap_moved moved;
	int rc = imap_move(f->w->imap, uids, f->to->wire, &moved, err);

	if (rc == 0) {
		rc = take_moved(f, &moved, err);
	} else if (err->kind == ERR_SERVER_NO) {
		log_info("%s: %s; the messages are copied", f->from->name, err->msg);
		err_clear(err);
		rc = 0;
		for (size_t i = 0; rc == 0 && i < f->count; i++)
			rc = settle_upload_gone(f->w->pass->settler, f->to->row.id,
				slice_str(f->items[i].file->base), err);
	}
	imap_moved_fini(&moved);
	return rc;
}

/* Items of one source, not more than a command takes. What shows up again in its folder was copied,
 * not moved. */
static int follow_files(struct following *f, struct err *err)
{
	struct uidset uids = {0};
	size_t kept = 0;
	int rc = -1;

	for (size_t i = 0; i < f->count; i++)
		uidset_add(&uids, f->items[i].lost->uid);
	if (open_source(f->w, f->from, f->to, err) != 0 ||
		prove_absence(f->w, f->from, &uids, err) != 0)
		goto out;
	for (size_t i = 0; i < f->count; i++)
		if (uidset_contains(&uids, f->items[i].lost->uid))
			f->items[kept++] = f->items[i];
	f->count = kept;
	rc = kept > 0 ? worker_select(f->w, f->from, err) : 0;
	for (size_t i = 0; rc == 0 && i < kept; i++)
		rc = begin_upload(f, f->items[i].file, false, err);
	if (rc == 0 && kept > 0)
		rc = settler_flush(f->w->pass->settler, err) != 0 || send_move(f, &uids, err) != 0
			     ? -1
			     : 0;
out:
	uidset_fini(&uids);
	return rc;
}

/* ITEMS by source, in commands of IMAP_MOVE_MOST. */
static int follow_all(
	struct worker *w, struct box *to, struct follower *items, size_t count, struct err *err)
{
	if (count > 0)
		qsort(items, count, sizeof(*items), compare_followers);
	for (size_t i = 0, n; i < count; i += n) {
		struct box *from = items[i].lost->box;
		for (n = 1; n < IMAP_MOVE_MOST && i + n < count && items[i + n].lost->box == from;)
			n++;
		struct following f = {w, from, to, &items[i], n};
		if (cancel_check(err) != 0 || follow_files(&f, err) != 0)
			return -1;
	}
	return 0;
}

static bool may_follow(const struct new_here *file)
{
	return file->has_facts && !file->doubtful && !file->answered && !file->refused;
}

static int match_here(struct worker *w, struct box *to, struct look *look, struct err *err)
{
	struct moves *m = w->pass->moves;
	size_t count = 0, kept = 0;

	if (m->here_count == 0 || look->new_here_count == 0 || look->new_here_count > NEWS_MOST)
		return 0;
	if (facts_here(w, to, look, NULL, err) != 0)
		return -1;
	struct follower *items =
		arena_alloc(&w->arena, look->new_here_count * sizeof(struct follower));
	for (size_t i = 0; i < look->new_here_count; i++) {
		struct new_here *file = &look->new_here[i];
		struct lost *lost = may_follow(file) ? find_lost(m, &file->content) : NULL;
		if (!lost || lost->box == to) {
			look->new_here[kept++] = *file;
			continue;
		}
		lost->used = true;
		struct new_here *copy = arena_alloc(&w->arena, sizeof(*copy));
		*copy = *file;
		items[count++] = (struct follower){copy, lost};
		tell_move(w, to, OP_MOVE_THERE, lost->uid, file->name, lost->box);
		if (w->pass->options->plan)
			uidset_remove(&lost->box->delete_there, lost->uid);
	}
	look->new_here_count = kept;
	return w->pass->options->plan ? 0 : follow_all(w, to, items, count, err);
}

/* ---- one mailbox with news ---- */

/* `plan`: what is not a move is copied. */
static void tell_copies(struct worker *w, const struct box *box, const struct look *look)
{
	struct op fetch = {.kind = OP_FETCH, .reason = "new on the server"};
	struct op append = {.kind = OP_APPEND, .reason = "new here"};
	struct uid_iter it = {0};

	for (size_t i = 0; box->held_here && i < look->new_here_count; i++) {
		append.name = look->new_here[i].name;
		pass_tell_op(w->pass, box, &append);
	}
	while (box->held_there && (fetch.uid = uidset_next(&look->new_there, &it)) != 0)
		pass_tell_op(w->pass, box, &fetch);
}

static int match_box(struct worker *w, struct box *box, struct err *err)
{
	struct look look = {0};
	int rc = -1;

	w->ahead = (struct ahead){0};
	if (mailbox_open_here(w, box, err) != 0 ||
		(box->there && worker_select(w, box, err) != 0) ||
		(box->there && look_there(w, box, &look, err) != 0) ||
		look_here(w, box, true, &look, err) != 0 || follow_renames(w, box, &look, err) != 0)
		goto out;
	if (box->there && box->held_there && match_there(w, box, &look, err) != 0)
		goto out;
	if (box->maildir && box->held_here && match_here(w, box, &look, err) != 0)
		goto out;
	if (w->pass->options->plan)
		tell_copies(w, box, &look);
	rc = w->pass->settler ? settler_flush(w->pass->settler, err) : 0;
out:
	look_fini(&look);
	return rc;
}

int pass_match_moves(struct pass *pass, struct err *err)
{
	struct box **jobs = arena_alloc(&pass->arena, (pass->box_count + 1) * sizeof(*jobs));
	struct moves moves = {0};
	size_t count = 0;

	pass->moves = &moves;
	int rc = load_lost(pass, err);
	bool any = moves.there_count > 0 || moves.here_count > 0;
	for (size_t i = 0; i < pass->box_count; i++)
		if ((pass->boxes[i].held_there || pass->boxes[i].held_here) &&
			(any || pass->options->plan))
			jobs[count++] = &pass->boxes[i];
	/* One connection: what one mailbox takes, no other one can have. */
	if (rc == 0)
		rc = pass_run(pass, match_box, jobs, count, 1, err);
	pass->moves = NULL;
	return rc;
}

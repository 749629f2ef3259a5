/*
 * Moved here: the message follows.
 *
 * Equal content proves it. Of several equal ones that are gone it is the one with the file's BASE,
 * which most readers keep. If more is gone than is held in memory, each mailbox is asked for that
 * BASE, so that a folder of any size can be renamed; what another name was given, too, is found
 * among those that are held.
 */
#include <stdlib.h>

#include "base/log.h"
#include "sync/moves.h"

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

/* Gone here, and nothing else has followed it. */
static bool is_free(const struct box *box, uint32_t uid)
{
	return uidset_contains(&box->delete_there, uid) && !uidset_contains(&box->taken, uid);
}

/* The first that was lost with CONTENT, and whose BASE has this hash or a greater one. */
static size_t lower_bound(const struct moves *m, const struct digest *content, uint32_t base)
{
	size_t low = 0, high = m->here_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct lost *lost = &m->here[middle];
		int order = digest_cmp(&lost->content, content);
		if (order < 0 || (order == 0 && lost->base < base))
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct lost *find_content(const struct moves *m, const struct digest *content)
{
	size_t i = lower_bound(m, content, 0);

	for (; i < m->here_count && digest_equal(&m->here[i].content, content); i++)
		if (is_free(m->here[i].box, m->here[i].uid))
			return &m->here[i];
	return NULL;
}

/* The same, but under the BASE of FILE, and not in TO. */
static struct lost *find_base(
	const struct moves *m, const struct box *to, const struct new_here *file)
{
	uint32_t base = slice_hash(slice_str(file->base));
	size_t i = lower_bound(m, &file->content, base);

	for (; i < m->here_count && digest_equal(&m->here[i].content, &file->content) &&
		m->here[i].base == base;
		i++)
		if (m->here[i].box != to && is_free(m->here[i].box, m->here[i].uid))
			return &m->here[i];
	return NULL;
}

/* 1: OUT is the message of FROM that FILE was; 0: it is none of it, -1. */
static int is_from(struct state_read *read, struct box *from, const struct new_here *file,
	struct lost *out, struct err *err)
{
	struct state_message row;
	uint32_t uid;
	int rc = state_get_by_base(read, from->row.id, slice_str(file->base), &uid, err);

	if (rc <= 0 || !is_free(from, uid))
		return rc < 0 ? -1 : 0;
	rc = state_get_message(read, from->row.id, uid, &row, err);
	if (rc <= 0 || !(row.where & STATE_THERE) || digest_is_zero(&row.content) ||
		!digest_equal(&row.content, &file->content))
		return rc < 0 ? -1 : 0;
	*out = (struct lost){.box = from, .id = from->row.id, .uid = uid, .content = row.content};
	return 1;
}

/* What FILE, new in TO, was. 1: *OUT, 0: nothing that is known, -1. */
static int find_lost(struct worker *w, struct state_read *read, const struct box *to,
	const struct new_here *file, struct lost **out, struct err *err)
{
	const struct moves *m = w->pass->moves;
	struct lost found;
	int rc = 0;

	*out = find_base(m, to, file);
	if (*out)
		return 1;
	for (size_t i = 0; !m->here_all && rc == 0 && i < w->pass->box_count; i++) {
		struct box *from = &w->pass->boxes[i];
		if (from != to && !from->paired && !uidset_empty(&from->delete_there))
			rc = is_from(read, from, file, &found, err);
	}
	if (rc == 1) {
		*out = arena_alloc(&w->arena, sizeof(**out));
		**out = found;
		return 1;
	}
	*out = rc == 0 ? find_content(m, &file->content) : NULL;
	return rc < 0 ? -1 : *out && (*out)->box != to;
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
		/* As it was before: what comes of the move has no lower UID. */
		.uidnext_before = f->to->watermark.uidnext,
		.answered = answered,
	};
	return settle_upload(f->w->pass->settler, f->to->row.id, &upload, err);
}

static int settle_moved(struct following *f, const struct follower *item, uint32_t uid, bool copied,
	struct err *err)
{
	struct settler *settler = f->w->pass->settler;
	struct state_message row;
	int rc = row_get(f->w, item->lost->box->row.id, item->lost->uid, &row, err);

	if (rc <= 0)
		return rc;
	row.uid = uid;
	row.where = STATE_THERE | STATE_HERE;
	row_set_file(&row, item->file->name);
	if (moved_open_source(f->w, f->from, f->to, err) != 0)
		return -1;
	moved_drop_untold(&row, f->from, f->to);
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

/*
 * The server did as it was told. Where it does not say which UIDs came of it, pairing will. But one
 * that has UIDPLUS and says nothing may have moved nothing: somebody else was faster. That is OK,
 * too (RFC 3501, section 6.4.8: UIDs that are not there are no error), and no proof that anything
 * was stored.
 */
static int take_moved(struct following *f, const struct imap_moved *moved, struct err *err)
{
	bool told = moved->uidvalidity == f->to->row.uidvalidity;
	bool silent = moved->count == 0 && !imap_can(f->w->imap, IMAP_CAP_UIDPLUS);

	for (size_t i = 0; i < f->count; i++) {
		struct follower *item = &f->items[i];
		uint32_t uid = told ? new_uid(moved, item->lost->uid) : 0;
		int rc = uid != 0 ? settle_moved(f, item, uid, moved->copied, err)
				  : begin_upload(f, item->file, silent, err);
		if (rc != 0)
			return -1;
		atomic_fetch_add(&f->w->pass->report->totals.moved_there, uid != 0 || silent);
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
				slice_str(f->items[i].file->base), NULL, err);
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
	if (moved_open_source(f->w, f->from, f->to, err) != 0 ||
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

struct matching {
	struct worker *w;
	struct box *to;
	struct state_read *read;
	struct follower *items; /* arena */
	size_t count;
};

/* Take FILE out of what is new, if it is known what it was. 1: it was, 0, -1. */
static int match(struct matching *m, const struct new_here *file, struct err *err)
{
	struct worker *w = m->w;
	struct lost *lost = NULL;
	int rc = may_follow(file) ? find_lost(w, m->read, m->to, file, &lost, err) : 0;

	if (rc <= 0)
		return rc;
	uidset_add(&lost->box->taken, lost->uid);
	struct new_here *copy = arena_alloc(&w->arena, sizeof(*copy));
	*copy = *file;
	m->items[m->count++] = (struct follower){copy, lost};
	moved_tell(w, m->to, OP_MOVE_THERE, lost->uid, file->name, lost->box);
	if (w->pass->options->plan)
		uidset_remove(&lost->box->delete_there, lost->uid);
	return 1;
}

int moves_match_here(struct worker *w, struct box *to, struct look *look, struct err *err)
{
	struct matching m = {.w = w, .to = to};
	size_t kept = 0;
	int rc = 0;

	if (w->pass->moves->here_count == 0 || look->new_here_count == 0)
		return 0;
	if (facts_here(w, to, look, NULL, err) != 0 ||
		state_read_begin(w->pass->state, &m.read, err) != 0)
		return -1;
	m.items = arena_alloc(&w->arena, look->new_here_count * sizeof(*m.items));
	for (size_t i = 0; rc >= 0 && i < look->new_here_count; i++) {
		rc = match(&m, &look->new_here[i], err);
		if (rc == 0)
			look->new_here[kept++] = look->new_here[i];
	}
	state_read_end(m.read);
	look->new_here_count = kept;
	if (rc < 0)
		return -1;
	return w->pass->options->plan ? 0 : follow_all(w, to, m.items, m.count, err);
}

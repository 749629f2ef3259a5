/*
 * A mailbox that was renamed on the server, or changed places with others (turned.c): the files
 * follow, UID by UID.
 *
 * To the survey it is one mailbox that is gone and another one that is new. moves_there.c would
 * find its messages, too, but holds all that are gone and all that are new in memory to do it, and
 * so has a limit, beyond which everything would be copied. Here the UIDs tell which message should
 * be which, so any number is done in windows.
 *
 * What may be the same mailbox: the server says that one is gone, and another one has its
 * UIDVALIDITY (servers keep it, but by chance two mailboxes may have the same one). Two messages of
 * one UID are the same if size, date and header are; headers are asked for where size and date
 * agree, and not at all where both mailboxes have the same MAILBOXID (OBJECTID, RFC 8474: it stays
 * with a renamed mailbox). What is not the same is left to moves_there.c. A move of a file is the
 * same one as there: as safe, and repeated by the next pass if this one is killed in between.
 *
 * Not done: renaming the folder. Children would go with it that are not to go, and between that
 * and the rows that follow nothing here fits the state.
 */
#include <stdlib.h>

#include "sync/moves.h"

#define WINDOW 5000 /* messages at once */

struct renamed {
	struct worker *w;
	struct box *from, *to;
	uint32_t id;         /* of the rows of what FROM was */
	struct uidset *gone; /* from there */
	struct uidset *news; /* of TO: UIDs without a row */
	bool proven;         /* it is the same mailbox */
};

static bool has_id_of(const struct box *from, const struct box *to)
{
	return from->row.mailboxid.n > 0 && slice_eq(from->row.mailboxid, to->row.mailboxid);
}

/* TO was selected once: its numbers are known. */
static bool may_be(const struct box *from, const struct box *to)
{
	uint32_t known = from->row.watermark.uidnext;
	bool other_ids =
		from->row.mailboxid.n > 0 && to->row.mailboxid.n > 0 && !has_id_of(from, to);

	return from != to && from->lost == SIDE_THERE && !from->paired &&
	       from->row.uidvalidity == to->row.uidvalidity && !other_ids &&
	       (to->watermark.uidnext == 0 || to->watermark.uidnext >= known) &&
	       !uidset_empty(&from->delete_here);
}

bool renamed_may_be(const struct pass *pass, const struct box *to)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (may_be(&pass->boxes[i], to) || turned_is_source(pass, &pass->boxes[i], to))
			return true;
	return false;
}

/* What size and date already tell of NEWS; the rest is without facts then. */
static int compare_facts(struct renamed *r, struct new_there *news, size_t count,
	struct uidset *alike, struct err *err)
{
	struct state_message row;

	if (facts_sizes(r->w, news, count, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		int rc = row_get(r->w, r->id, news[i].uid, &row, err);
		if (rc < 0)
			return -1;
		news[i].has_facts = news[i].has_facts && rc == 1 && row.where & STATE_HERE &&
				    row.size == news[i].size && row.date == news[i].date;
		if (news[i].has_facts)
			uidset_add(alike, news[i].uid);
	}
	return 0;
}

/* 1: NEW is the message of this UID that FROM had; 0, -1. */
static int is_same(struct renamed *r, const struct new_there *new, struct err *err)
{
	struct state_message row;
	char path[ROW_FILE_SIZE];
	int rc = row_get(r->w, r->id, new->uid, &row, err);

	if (rc <= 0 || (!r->proven && (digest_is_zero(&new->header) ||
					      !digest_equal(&new->header, &row.header))))
		return rc < 0 ? -1 : 0;
	row_file(&row, path, sizeof(path));
	moved_tell(r->w, r->to, OP_MOVE_HERE, new->uid, arena_strdup(&r->w->arena, path), r->from);
	return 1;
}

static int follow(struct renamed *r, const struct moved *items, size_t count, struct err *err)
{
	bool plan = r->w->pass->options->plan;

	if (!plan && moves_follow(r->w, r->to, items, count, err) != 0)
		return -1;
	for (size_t i = 0; i < count; i++) {
		uint32_t uid = items[i].new->uid;
		if (plan) {
			uidset_add(&r->to->told_there, uid);
			uidset_add(&r->from->told_here, uid);
		}
		uidset_remove(r->gone, uid);
		uidset_remove(r->news, uid);
	}
	return 0;
}

static int follow_window(struct renamed *r, struct new_there *news, size_t count, struct err *err)
{
	struct moved *items = arena_alloc(&r->w->arena, count * sizeof(*items));
	struct uidset alike = {0};
	size_t same = 0;
	int rc = compare_facts(r, news, count, &alike, err);

	if (rc == 0 && !r->proven && !uidset_empty(&alike))
		rc = facts_headers(r->w, r->to, &alike, news, count, err);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		rc = news[i].has_facts ? is_same(r, &news[i], err) : 0;
		if (rc == 1)
			items[same++] = (struct moved){
				&news[i], {.box = r->from, .id = r->id, .uid = news[i].uid}};
	}
	if (rc >= 0)
		rc = follow(r, items, same, err);
	report_advance(r->w->pass->report, r->w->number, count, 0);
	uidset_fini(&alike);
	return rc;
}

/* What FROM lost and TO has new under the same UID. */
static int follow_all(struct renamed *r, struct err *err)
{
	struct uidset common = {0};
	struct uid_iter it = {0};
	size_t count;
	uint32_t uid;
	int rc = 0;

	uidset_copy(&common, r->news);
	uidset_intersect(&common, r->gone);
	report_begin(r->w->pass->report, r->w->number, r->to->name, "comparing",
		uidset_size(&common), 0);
	do {
		arena_reset(&r->w->arena);
		struct new_there *news = arena_zalloc(&r->w->arena, WINDOW * sizeof(*news));
		for (count = 0; count < WINDOW && (uid = uidset_next(&common, &it)) != 0; count++)
			news[count].uid = uid;
		if (count > 0)
			rc = follow_window(r, news, count, err);
	} while (rc == 0 && count > 0);
	uidset_fini(&common);
	return rc;
}

/* What FROM, which is another mailbox now, was: rows with a file, under its former id. */
static int load_former(struct renamed *r, struct err *err)
{
	struct state_read *read = NULL;
	struct state_message row;
	uint64_t from = 0;
	unsigned count = 0;
	int rc;

	if (state_read_begin(r->w->pass->state, &read, err) != 0)
		return -1;
	while ((rc = state_next_message(read, r->id, from, &row, err)) == 1) {
		from = (uint64_t)row.uid + 1;
		if (row.where & STATE_HERE)
			uidset_add(r->gone, row.uid);
		if (++count % WINDOW == 0 && state_read_renew(read, err) != 0) {
			rc = -1;
			break;
		}
	}
	state_read_end(read);
	return rc;
}

/* Files in the folder of a box that the state does not know, under any of its ids. */
struct strangers {
	struct box *box;
	uint32_t ids[2];
	struct uidset *nameless; /* what has a file under ids[0] is taken out; NULL */
	struct look look;        /* they go to look.new_here */
};

/* 1, 0, -1. */
static int is_stranger(const struct strangers *s, struct state_read *read,
	const struct maildir_file *file, struct err *err)
{
	struct state_upload upload;
	uint32_t uid;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < COUNT_OF(s->ids); i++) {
		rc = state_get_by_base(read, s->ids[i], file->base, &uid, err);
		if (rc == 1 && i == 0 && s->nameless)
			uidset_remove(s->nameless, uid);
		if (rc == 0)
			rc = state_get_upload(read, s->ids[i], file->base, &upload, err);
	}
	return rc < 0 ? -1 : rc == 0;
}

static void add_stranger(struct renamed *r, struct strangers *s, const struct maildir_file *file)
{
	struct look *look = &s->look;

	look->new_here = base_reserve(look->new_here, look->new_here_count, &look->new_here_room,
		sizeof(*look->new_here));
	look->new_here[look->new_here_count++] = (struct new_here){
		.name = arena_printf(&r->w->arena, "%s/%.*s", file->in_new ? "new" : "cur",
			SLICE_ARG(file->name)),
		.base = arena_strndup(&r->w->arena, file->base.p, file->base.n),
		.flags = maildir_flags(s->box->maildir, file->info),
	};
}

/* 1: the folder stood still, 0, -1. */
static int find_strangers(struct renamed *r, struct strangers *s, struct err *err)
{
	struct state_read *read = NULL;
	struct maildir_scan scan;
	struct maildir_file file;
	unsigned count = 0;
	bool stable = false;
	int rc;

	if (state_read_begin(r->w->pass->state, &read, err) != 0)
		return -1;
	rc = maildir_scan_begin(&scan, s->box->maildir, err);
	while (rc == 0 && (rc = maildir_scan_next(&scan, &file, err)) == 1) {
		rc = is_stranger(s, read, &file, err);
		if (rc == 1 && s->look.new_here_count < NEWS_MOST)
			add_stranger(r, s, &file);
		if (rc >= 0)
			rc = ++count % WINDOW == 0 ? state_read_renew(read, err) : 0;
	}
	state_read_end(read);
	return maildir_scan_end(&scan, rc, &stable, err) != 0 ? -1 : stable;
}

static int compare_content(const void *a, const void *b)
{
	const struct new_here *x = a, *y = b;

	return digest_cmp(&x->content, &y->content);
}

/* Is there one with CONTENT among the COUNT sorted FILES that is not USED? Uses it. */
static bool take_equal(
	struct new_here *files, bool *used, size_t count, const struct digest *content)
{
	struct new_here key = {.content = *content};
	struct new_here *found =
		count ? bsearch(&key, files, count, sizeof(key), compare_content) : NULL;
	size_t i = found ? (size_t)(found - files) : count;

	while (i > 0 && i < count && digest_equal(&files[i - 1].content, content))
		i--;
	while (i < count && used[i] && digest_equal(&files[i].content, content))
		i++;
	if (i >= count || !digest_equal(&files[i].content, content))
		return false;
	return used[i] = true;
}

/*
 * What is NAMELESS, as a look that found it gone would have it; but not what the folder of TO holds
 * already, under a name that the state does not know: an older state was put back, which has not
 * seen yet that the files followed. Those are paired where they are.
 */
static int list_nameless(struct renamed *r, const struct uidset *nameless, struct strangers *held,
	struct look *look, struct err *err)
{
	struct new_here *files = held->look.new_here;
	size_t count = held->look.new_here_count;
	bool *used = arena_zalloc(&r->w->arena, count + 1);
	struct uid_iter it = {0};
	struct state_message row;
	uint32_t uid;
	int rc = facts_here(r->w, r->to, &held->look, NULL, err);

	if (rc == 0 && count > 0)
		qsort(files, count, sizeof(*files), compare_content);
	while (rc >= 0 && look->here_count < NEWS_MOST && (uid = uidset_next(nameless, &it)) != 0) {
		rc = count > 0 ? row_get(r->w, r->id, uid, &row, err) : 0;
		if (rc < 0 || (rc == 1 && !digest_is_zero(&row.content) &&
				      take_equal(files, used, count, &row.content)))
			continue;
		look->here = base_reserve(
			look->here, look->here_count, &look->here_room, sizeof(*look->here));
		look->here[look->here_count++] = (struct change){.uid = uid, .kind = CHANGE_GONE};
	}
	return rc < 0 ? -1 : 0;
}

/*
 * A reader may have given files another BASE since: then their rows follow first, as they do in a
 * mailbox that nobody moved (follow.c). Else nothing would be found under the old name, and such
 * messages be copied. In folders that do not stand still nothing is taken for renamed.
 */
static int follow_names(struct renamed *r, struct err *err)
{
	struct uidset nameless = {0};
	struct strangers named = {
		.box = r->from, .ids = {r->id, r->from->row.id}, .nameless = &nameless};
	struct strangers held = {.box = r->to, .ids = {r->to->row.id, r->to->former}};

	if (!r->w->pass->settler || uidset_empty(r->gone))
		return 0;
	if (moved_open_source(r->w, r->from, r->to, err) != 0 ||
		mailbox_open_here(r->w, r->to, err) != 0)
		return -1;
	if (!r->from->maildir)
		return 0;
	uidset_copy(&nameless, r->gone);
	int rc = find_strangers(r, &named, err);
	if (rc == 1 && named.look.new_here_count > 0 && r->to->maildir)
		rc = find_strangers(r, &held, err);
	if (rc == 1) {
		rc = list_nameless(r, &nameless, &held, &named.look, err);
		if (rc == 0)
			rc = follow_renames_of(r->w, r->from, r->id, &named.look, err);
	}
	if (rc == 0)
		rc = settler_flush(r->w->pass->settler, err);
	uidset_fini(&nameless);
	look_fini(&named.look);
	look_fini(&held.look);
	return rc;
}

static int follow_turned(struct renamed *r, struct err *err)
{
	struct uidset gone = {0};

	r->id = r->from->former;
	r->gone = &gone;
	r->proven = turned_is_proven(r->w->pass, r->from, r->to);
	int rc = load_former(r, err);
	if (rc == 0)
		rc = follow_names(r, err);
	if (rc == 0)
		rc = follow_all(r, err);
	uidset_fini(&gone);
	r->gone = NULL;
	return rc;
}

static int follow_from(
	struct worker *w, struct box *from, struct box *to, struct uidset *news, struct err *err)
{
	struct renamed r = {.w = w, .from = from, .to = to, .news = news};

	if (turned_is_source(w->pass, from, to))
		return follow_turned(&r, err);
	if (!may_be(from, to))
		return 0;
	r.id = from->row.id;
	r.gone = &from->delete_here;
	r.proven = has_id_of(from, to);
	return follow_all(&r, err);
}

int renamed_follow(struct worker *w, struct box *to, struct err *err)
{
	struct look look = {0};
	int rc = -1;

	w->ahead = (struct ahead){0};
	if (mailbox_open_here(w, to, err) == 0 && worker_select(w, to, err) == 0 &&
		look_there(w, to, &look, err) == 0)
		rc = 0;
	for (size_t i = 0; rc == 0 && i < w->pass->box_count; i++)
		rc = follow_from(w, &w->pass->boxes[i], to, &look.new_there, err);
	if (rc == 0 && w->pass->settler)
		rc = settler_flush(w->pass->settler, err);
	look_fini(&look);
	return rc;
}

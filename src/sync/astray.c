/*
 * Uploads whose file is not where it was sent from. A pass is cut off, the answer to an APPEND
 * never seen, and a mail reader takes the file to another folder, or gives its folder another name:
 * then the message is new on the server in the one mailbox, and its file new here in the other one.
 * Both would be copied, and the message be doubled.
 *
 * If the file is elsewhere, and the server has a new message that is equal, the message gets its
 * row: one whose file is gone. The look that follows finds that out, and the move. If the file is
 * nowhere, it was removed, and the message is fetched: it may be another client's.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/elsewhere.h"
#include "sync/pair.h"

struct astray {
	struct worker *w;
	struct box *box;
	struct new_here *files; /* arena: as they were when they were sent */
	size_t count;
	struct new_there *there; /* arena: what the server got since */
	size_t there_count;
	int32_t *partner; /* arena: for each of THERE its file, -1: none */
};

static int compare_base(const void *key, const void *file)
{
	return strcmp(key, ((const struct new_here *)file)->base);
}

/* Is the file BASE in its folder? 1, 0, -1. */
static int is_here(
	const struct box *box, const struct look *look, const char *base, struct err *err)
{
	char path[MAILDIR_FILE_SIZE];

	if (look->new_here_count > 0 && bsearch(base, look->new_here, look->new_here_count,
						sizeof(*look->new_here), compare_base))
		return 1;
	/* Not all of them are listed then. */
	return look->truncated && box->maildir
		       ? maildir_find(box->maildir, slice_str(base), path, sizeof(path), err)
		       : 0;
}

static void add_file(struct astray *a, const struct state_upload *upload, const char *base)
{
	a->files[a->count++] = (struct new_here){
		.name = "",
		.base = base,
		.has_facts = true,
		.wire_size = upload->size,
		.date = upload->date,
		.header = upload->header,
		.content = upload->content,
		.doubtful = true,
		.uidnext_before = upload->uidnext_before,
	};
}

static int load_files(struct astray *a, const struct look *look, struct err *err)
{
	struct arena *arena = &a->w->arena;
	struct state_read *read = NULL;
	struct state_upload upload;
	size_t room = 0;
	const char *base = "";
	int rc;

	if (state_read_begin(a->w->pass->state, &read, err) != 0)
		return -1;
	while ((rc = state_next_upload(read, a->box->row.id, slice_str(base), &upload, err)) == 1) {
		base = arena_strndup(arena, upload.base.p, upload.base.n);
		int here = upload.uidnext_before > 0 ? is_here(a->box, look, base, err) : 1;
		if (here < 0) {
			rc = -1;
			break;
		}
		if (here == 1)
			continue;
		if (a->count == room) {
			struct new_here *more = arena_alloc(arena, (2 * room + 8) * sizeof(*more));
			if (room > 0)
				memcpy(more, a->files, room * sizeof(*more));
			a->files = more;
			room = 2 * room + 8;
		}
		add_file(a, &upload, base);
	}
	state_read_end(read);
	return rc;
}

/* What the server has new since the first of the files was sent. */
static void list_there(struct astray *a, const struct look *look)
{
	uint32_t since = UINT32_MAX, uid;
	struct uid_iter it = {0};
	size_t room = 0;

	for (size_t i = 0; i < a->count; i++)
		if (a->files[i].uidnext_before < since)
			since = a->files[i].uidnext_before;
	while ((uid = uidset_next(&look->new_there, &it)) != 0)
		room += uid >= since;
	a->there = arena_zalloc(&a->w->arena, (room + 1) * sizeof(*a->there));
	a->partner = arena_alloc(&a->w->arena, (room + 1) * sizeof(*a->partner));
	it = (struct uid_iter){0};
	while ((uid = uidset_next(&look->new_there, &it)) != 0)
		if (uid >= since)
			a->there[a->there_count++].uid = uid;
}

/* Only what is equal, and came after it was sent. Sets how many found a partner. */
static int match(struct astray *a, size_t *matched, struct err *err)
{
	bool *used = arena_zalloc(&a->w->arena, a->count + 1);

	if (facts_sizes(a->w, a->there, a->there_count, err) != 0 ||
		facts_there(a->w, a->box, a->files, a->count, a->there, a->there_count, err) != 0)
		return -1;
	pair_match(&a->w->arena, a->there, a->there_count, a->files, a->count, used, a->partner);
	*matched = 0;
	for (size_t i = 0; i < a->there_count; i++) {
		if (a->partner[i] >= 0 && a->there[i].uid < a->files[a->partner[i]].uidnext_before)
			a->partner[i] = -1;
		*matched += a->partner[i] >= 0;
	}
	return 0;
}

/* Where are the files that have a partner? */
static int search(struct astray *a, struct sought *items, size_t matched, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < a->there_count; i++) {
		if (a->partner[i] < 0)
			continue;
		const struct new_here *file = &a->files[a->partner[i]];
		items[n++] = (struct sought){.base = slice_str(file->base),
			.content = file->content,
			.size = file->wire_size};
	}
	return elsewhere_look(a->w->pass, a->box->name, items, matched, err);
}

static bool was_found(const struct sought *items, size_t count, const char *base)
{
	for (size_t i = 0; i < count; i++)
		if (slice_eq_str(items[i].base, base))
			return items[i].found;
	return false;
}

static int settle(struct astray *a, const struct new_there *there, const struct new_here *file,
	struct err *err)
{
	struct state_message row = {
		.uid = there->uid,
		.where = STATE_THERE | STATE_HERE,
		.base = slice_str(file->base),
		.flags = there->flags,
		.size = file->wire_size,
		.date = there->date,
		.header = file->header,
		.content = file->content,
	};

	log_info("%s: message %u is an upload whose file is in another folder by now", a->box->name,
		there->uid);
	/* No folder: it changes nothing on this disk. */
	return settle_message(a->w->pass->settler, a->box->row.id, NULL, &row, err);
}

int astray_settle(
	struct worker *w, struct box *box, struct look *look, bool *again, struct err *err)
{
	struct astray a = {.w = w, .box = box};
	size_t matched;

	if (!w->pass->settler || !box->there || !look->here_complete ||
		uidset_empty(&look->new_there))
		return 0;
	if (load_files(&a, look, err) != 0)
		return -1;
	if (a.count == 0)
		return 0;
	list_there(&a, look);
	if (a.there_count == 0)
		return 0;
	if (match(&a, &matched, err) != 0)
		return -1;
	if (matched == 0)
		return 0;
	struct sought *items = arena_zalloc(&w->arena, matched * sizeof(*items));
	if (search(&a, items, matched, err) != 0)
		return -1;
	for (size_t i = 0; i < a.there_count; i++) {
		if (a.partner[i] < 0 || !was_found(items, matched, a.files[a.partner[i]].base))
			continue;
		if (settle(&a, &a.there[i], &a.files[a.partner[i]], err) != 0)
			return -1;
		uidset_remove(&look->new_there, a.there[i].uid);
		*again = true;
	}
	return 0;
}

/*
 * What is gone anywhere, as the boxes' delete sets have it: what may have moved. And uploads of
 * former passes that did not see the answer: another client may have moved what came of them.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/moves.h"

/* Messages that are gone from all mailboxes, and are held; see moves_window(). */
static size_t lost_most = 50000, window = 20000;

void sync_set_moves(unsigned messages)
{
	window = lost_most = messages;
}

size_t moves_window(void)
{
	return window;
}

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
	m->there[m->there_count++] = (struct lost){.box = box, .id = box->row.id, .uid = row->uid};
}

static void add_gone_here(struct pass *pass, struct box *box, const struct state_message *row)
{
	struct moves *m = pass->moves;

	if (!digest_is_zero(&row->content) && row->where & STATE_THERE)
		m->here[m->here_count++] = (struct lost){.box = box,
			.id = box->row.id,
			.uid = row->uid,
			.content = row->content,
			.base = slice_hash(row->base)};
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

	while (rc >= 0 && !box->paired && *count < lost_most &&
		(uid = uidset_next(set, &it)) != 0) {
		rc = state_get_message(read, box->row.id, uid, &row, err);
		if (rc == 1)
			add(pass, box, &row);
	}
	return rc < 0 ? -1 : 0;
}

/* ---- uploads in doubt ---- */

typedef void each_upload(
	struct pass *pass, struct box *box, uint32_t id, const struct state_upload *upload);

/* Those of which nobody knows what became of them, under the mailbox's id or its former one. */
static int for_uploads(struct pass *pass, struct state_read *read, struct box *box,
	each_upload *each, struct err *err)
{
	uint32_t ids[2] = {box->row.id, box->former};
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < 2 && ids[i] != 0; i++) {
		struct state_upload upload;
		struct buf base = {0};
		while ((rc = state_next_upload(read, ids[i], buf_slice(&base), &upload, err)) ==
			1) {
			buf_clear(&base);
			buf_add(&base, upload.base.p, upload.base.n);
			if (upload.uidnext_before > 0)
				each(pass, box, ids[i], &upload);
		}
		buf_fini(&base);
	}
	return rc;
}

static void count_upload(struct pass *pass UNUSED, struct box *box, uint32_t id UNUSED,
	const struct state_upload *upload UNUSED)
{
	box->in_doubt++;
}

int moves_count_doubts(struct pass *pass, struct state_read *read, struct box *box, struct err *err)
{
	box->in_doubt = 0;
	return pass->settler ? for_uploads(pass, read, box, count_upload, err) : 0;
}

static void add_upload(
	struct pass *pass, struct box *box, uint32_t id, const struct state_upload *upload)
{
	struct moves *m = pass->moves;

	if (m->there_count == m->there_room)
		return;
	m->files[m->there_count] = (struct new_here){
		.name = arena_printf(&pass->arena, "cur/%.*s", SLICE_ARG(upload->base)),
		.base = arena_strndup(&pass->arena, upload->base.p, upload->base.n),
		.has_facts = true,
		.wire_size = upload->size,
		.date = upload->date,
		.header = upload->header,
		.content = upload->content,
	};
	m->there[m->there_count++] = (struct lost){.box = box, .id = id};
}

/* ---- all of it ---- */

static int compare_lost(const void *a, const void *b)
{
	const struct lost *x = a, *y = b;
	int order = digest_cmp(&x->content, &y->content);

	if (order != 0)
		return order;
	if (x->base != y->base)
		return x->base < y->base ? -1 : 1;
	return x->box != y->box ? strcmp(x->box->name, y->box->name)
				: (x->uid > y->uid) - (x->uid < y->uid);
}

static size_t bounded(uint64_t n)
{
	return n < lost_most ? (size_t)n : lost_most;
}

int moves_load_lost(struct pass *pass, struct err *err)
{
	struct moves *m = pass->moves;
	struct state_read *read = NULL;
	uint64_t there = 0, here = 0;
	int rc = 0;

	for (size_t i = 0; i < pass->box_count; i++) {
		there += uidset_size(&pass->boxes[i].delete_here);
		here += uidset_size(&pass->boxes[i].delete_there);
		there += pass->boxes[i].in_doubt;
	}
	m->there_room = bounded(there);
	m->there = arena_zalloc(&pass->arena, (bounded(there) + 1) * sizeof(*m->there));
	m->files = arena_zalloc(&pass->arena, (bounded(there) + 1) * sizeof(*m->files));
	m->used = arena_zalloc(&pass->arena, bounded(there) + 1);
	m->here_all = here <= lost_most;
	m->here = arena_zalloc(&pass->arena, (bounded(here) + 1) * sizeof(*m->here));
	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < pass->box_count; i++) {
		struct box *box = &pass->boxes[i];
		if (pass->hold_there)
			rc = load_box(pass, read, box, &box->delete_here, &m->there_count,
				add_gone_there, err);
		if (rc == 0 && pass->hold_there && box->in_doubt > 0)
			rc = for_uploads(pass, read, box, add_upload, err);
		if (rc == 0 && pass->hold_here)
			rc = load_box(pass, read, box, &box->delete_there, &m->here_count,
				add_gone_here, err);
	}
	state_read_end(read);
	if (m->here_count > 0)
		qsort(m->here, m->here_count, sizeof(*m->here), compare_lost);
	return rc;
}

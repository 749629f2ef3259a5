#include "sync/survey.h"

#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
	const struct box_name *x = a, *y = b;
	int order = strcmp(x->name, y->name);
	return order != 0 ? order : (x->index > y->index) - (x->index < y->index);
}

/* Sort; of several entries with one canonical name the first stays, the others are dropped and it
 * gets the problem. */
static size_t sort_unique(struct box_name *names, size_t count, const char *problem)
{
	size_t kept = 0;

	qsort(names, count, sizeof(*names), compare_names);
	for (size_t i = 0; i < count; i++) {
		if (kept > 0 && strcmp(names[kept - 1].name, names[i].name) == 0)
			names[kept - 1].problem = problem;
		else
			names[kept++] = names[i];
	}
	return kept;
}

struct making {
	const struct survey_input *in;
	struct arena *arena;
	struct imap_list list;
	struct maildir_folders folders;
	struct state_mailbox *rows; /* arena */
	size_t row_count;
	struct boxes_input boxes;
};

static enum maildir_layout layout_of(const struct making *m)
{
	return m->in->account->layout == CONFIG_LAYOUT_NESTED ? MAILDIR_NESTED : MAILDIR_PLUSPLUS;
}

/* The folder for a canonical name, NULL if the file system can't hold it. */
static const char *folder_of(struct making *m, const char *name)
{
	struct buf path = {0};
	const char *out = NULL;

	if (maildir_path(layout_of(m), slice_str(name), &path))
		out = arena_strndup(m->arena, path.data, path.len);
	buf_fini(&path);
	return out;
}

/* Does the mailbox only show what lies in others (Gmail's All Mail)? */
static bool is_view(const struct making *m, unsigned attributes)
{
	const struct config_list *words = &m->in->account->quirks;
	unsigned views = quirk_views((struct quirk_words){words->items, words->count},
		imap_profile(m->in->imap).profile);

	return (views & QUIRK_VIEW_ALL && attributes & IMAP_ALL) ||
	       (views & QUIRK_VIEW_FLAGGED && attributes & IMAP_FLAGGED) ||
	       (views & QUIRK_VIEW_IMPORTANT && attributes & IMAP_IMPORTANT);
}

static void names_there(struct making *m)
{
	struct box_name *names = arena_zalloc(m->arena, (m->list.count + 1) * sizeof(*names));
	struct buf name = {0};
	size_t count = 0;

	for (size_t i = 0; i < m->list.count; i++) {
		const struct imap_list_entry *entry = &m->list.entries[i];
		buf_clear(&name);
		if (!name_to_canonical(imap_name_rules(m->in->imap), entry->wire, &name))
			continue; /* empty, or holds NUL: no name at all */
		struct box_name *box = &names[count++];
		box->name = arena_strndup(m->arena, name.data, name.len);
		box->index = i;
		box->selectable = !(entry->attributes & (IMAP_NOSELECT | IMAP_NONEXISTENT));
		box->view = is_view(m, entry->attributes);
		if (!folder_of(m, box->name))
			box->problem = "the name is too long for the file system";
	}
	buf_fini(&name);
	m->boxes.there = names;
	m->boxes.there_count =
		sort_unique(names, count, "two mailboxes of the server have this name here");
}

static void names_here(struct making *m)
{
	struct box_name *names = arena_zalloc(m->arena, (m->folders.count + 1) * sizeof(*names));
	struct buf wire = {0};

	for (size_t i = 0; i < m->folders.count; i++) {
		names[i].name = m->folders.items[i].name;
		names[i].index = i;
		buf_clear(&wire);
		if (!name_to_wire(imap_name_rules(m->in->imap), slice_str(names[i].name), &wire))
			names[i].problem = "the server can't hold a mailbox of this name";
	}
	buf_fini(&wire);
	m->boxes.here = names;
	m->boxes.here_count =
		sort_unique(names, m->folders.count, "two folders stand for this mailbox");
}

static int load_rows(struct making *m, struct err *err)
{
	struct state_mailbox row;
	size_t room = 0;
	struct state_mailbox *rows = NULL;
	uint32_t after = 0;
	int rc;

	while ((rc = state_next_mailbox(m->in->read, after, &row, err)) == 1) {
		rows = base_reserve(rows, m->row_count, &room, sizeof(*rows));
		after = row.id + 1;
		row.wire = arena_slice(m->arena, row.wire);
		row.name = slice_str(arena_strndup(m->arena, row.name.p, row.name.n));
		row.path = slice_str(arena_strndup(m->arena, row.path.p, row.path.n));
		row.mailboxid = arena_slice(m->arena, row.mailboxid);
		rows[m->row_count++] = row;
	}
	m->rows = arena_alloc(m->arena, (m->row_count + 1) * sizeof(*rows));
	if (rows)
		memcpy(m->rows, rows, m->row_count * sizeof(*rows));
	free(rows);
	return rc;
}

static void names_of_rows(struct making *m)
{
	struct box_name *names = arena_zalloc(m->arena, (m->row_count + 1) * sizeof(*names));

	for (size_t i = 0; i < m->row_count; i++)
		names[i] = (struct box_name){
			.name = m->rows[i].name.p, .index = i, .where = m->rows[i].where};
	m->boxes.rows = names;
	m->boxes.row_count = sort_unique(names, m->row_count, NULL);
}

static struct slice wire_of(struct making *m, const struct survey_box *box)
{
	struct buf wire = {0};
	struct slice out = {0};

	if (box->entry)
		return box->entry->wire;
	if (name_to_wire(imap_name_rules(m->in->imap), slice_str(box->decision->name), &wire))
		out = arena_slice(m->arena, buf_slice(&wire));
	buf_fini(&wire);
	return out;
}

static void fill(struct making *m, const struct box_decision *d, struct survey_box *box)
{
	*box = (struct survey_box){.decision = d};
	if (d->there)
		box->entry = &m->list.entries[d->there->index];
	if (d->row)
		box->row = m->rows[d->row->index];
	box->wire = wire_of(m, box);
	if (d->here)
		box->path = m->folders.items[d->here->index].path;
	else if (d->row && maildir_stands_for(layout_of(m), box->row.path, slice_str(d->name)))
		box->path = box->row.path.p;
	else
		box->path = folder_of(m, d->name);
}

int survey_make(
	const struct survey_input *input, struct arena *arena, struct survey *out, struct err *err)
{
	struct making m = {.in = input, .arena = arena};
	struct box_decisions decisions;

	if (imap_list(input->imap, input->status, arena, &m.list, err) != 0)
		return -1;
	if (input->root && maildir_folders(input->root, arena, &m.folders, err) != 0)
		return -1;
	if (load_rows(&m, err) != 0)
		return -1;
	names_there(&m);
	names_here(&m);
	names_of_rows(&m);
	m.boxes.patterns = input->account->mailboxes.items;
	m.boxes.pattern_count = input->account->mailboxes.count;
	m.boxes.create = input->account->policy.create;
	boxes_decide(arena, &m.boxes, &decisions);

	out->count = decisions.count;
	out->boxes = arena_alloc(arena, (decisions.count + 1) * sizeof(*out->boxes));
	for (size_t i = 0; i < decisions.count; i++)
		fill(&m, &decisions.items[i], &out->boxes[i]);
	return 0;
}

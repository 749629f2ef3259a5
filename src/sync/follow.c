/*
 * A mail reader that gives a file another BASE (mu4e with "change file names", some importers)
 * makes one file go and an equal one come. That is the same message under a new name: the row
 * follows the file, and nothing is sent. Only equal contents prove it; a copy that stays beside its
 * original is new.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/pair.h"
#include "sync/pass.h"

/* A row whose file is gone, by the digest of what the file held. */
struct lost {
	struct digest content;
	size_t change; /* index in look->here */
	bool found;
};

struct following {
	struct worker *w;
	struct box *box;
	uint32_t id; /* of its rows */
	struct look *look;
	struct lost *lost; /* arena; sorted by content */
	size_t count;
	struct pair_sizes sizes; /* of the lost messages */
};

static int compare_lost(const void *a, const void *b)
{
	const struct lost *x = a, *y = b;
	int order = digest_cmp(&x->content, &y->content);

	return order != 0 ? order : (x->change > y->change) - (x->change < y->change);
}

static int load_lost(struct following *f, struct err *err)
{
	struct state_read *read = NULL;
	int rc = 0;

	f->lost = arena_zalloc(&f->w->arena, (f->look->here_count + 1) * sizeof(*f->lost));
	f->sizes.sizes = arena_alloc(&f->w->arena, (f->look->here_count + 1) * sizeof(uint64_t));
	if (state_read_begin(f->w->pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; rc >= 0 && i < f->look->here_count; i++) {
		const struct change *change = &f->look->here[i];
		struct state_message row = {0};
		if (change->kind != CHANGE_GONE || change->kept)
			continue;
		rc = state_get_message(read, f->id, change->uid, &row, err);
		if (rc != 1 || digest_is_zero(&row.content))
			continue;
		f->sizes.sizes[f->count] = row.size;
		f->lost[f->count++] = (struct lost){.content = row.content, .change = i};
	}
	state_read_end(read);
	if (f->count > 0)
		qsort(f->lost, f->count, sizeof(*f->lost), compare_lost);
	f->sizes.count = f->count;
	pair_sizes_sort(&f->sizes);
	return rc < 0 ? -1 : 0;
}

static struct lost *find(struct following *f, const struct digest *content)
{
	size_t low = 0, high = f->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (digest_cmp(&f->lost[middle].content, content) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < f->count && digest_equal(&f->lost[low].content, content); low++)
		if (!f->lost[low].found)
			return &f->lost[low];
	return NULL;
}

/*
 * The message was not deleted, it has another name, and perhaps other flags. The row learns the
 * name at once: whatever the plan makes of the message has to find its file.
 */
static int follow(
	struct following *f, struct lost *lost, const struct new_here *new, struct err *err)
{
	static const struct flags none = {0};
	struct settler *settler = f->w->pass->settler;
	struct change *change = &f->look->here[lost->change];
	struct flags mask = maildir_mask(f->box->maildir);
	struct flags shown = flags_and(&new->flags, &mask);
	struct flags hidden = flags_minus(&change->base, &mask);
	struct state_message named = {0};

	lost->found = true;
	/* Not a keyword of the row that files of this folder have no letter for, as none has it:
	 * the folder may have been another mailbox's (places.c). */
	row_set_file(&named, new->name);
	if (maildir_shows_all(f->box->maildir, named.info))
		hidden = none;
	change->flags = flags_or(&shown, &hidden);
	change->kind = flags_equal(&change->flags, &change->base) ? CHANGE_NAME : CHANGE_FLAGS;
	change->name = new->name;
	return settler ? settle_flags(settler, f->id, change->uid, &none, &none, f->box->maildir,
				 new->name, err)
		       : 0;
}

int follow_renames_of(
	struct worker *w, struct box *box, uint32_t id, struct look *look, struct err *err)
{
	struct following f = {.w = w, .box = box, .id = id, .look = look};
	size_t kept = 0;

	if (look->new_here_count == 0 || look->here_count == 0)
		return 0;
	if (load_lost(&f, err) != 0)
		return -1;
	if (f.count == 0)
		return 0;
	if (facts_here(w, box, look, &f.sizes, err) != 0)
		return -1;
	for (size_t i = 0; i < look->new_here_count; i++) {
		struct new_here *new = &look->new_here[i];
		struct lost *lost =
			new->has_facts && !new->doubtful ? find(&f, &new->content) : NULL;
		/* A file that can't be read just now may be any of those that are gone. */
		look->here_complete &= !new->unreadable || new->refused;
		if (!lost)
			look->new_here[kept++] = *new;
		else if (follow(&f, lost, new, err) != 0)
			return -1;
	}
	look->new_here_count = kept;
	return 0;
}

int follow_renames(struct worker *w, struct box *box, struct look *look, struct err *err)
{
	return follow_renames_of(w, box, box->row.id, look, err);
}

/*
 * A merge of three sorted lists. A mailbox that the state knows on both sides and that one side
 * lacks now is "gone", never "to be made": making it again would undo what somebody did there.
 */
#include "sync/boxes.h"

#include <string.h>

#include "model/pattern.h"

#define ROW_THERE 1u /* STATE_THERE */
#define ROW_HERE 2u  /* STATE_HERE */

static bool is_named(const struct boxes_input *in, const char *name)
{
	for (size_t i = 0; i < in->pattern_count; i++)
		if (strcmp(in->patterns[i], name) == 0)
			return true;
	return false;
}

static void decide(const struct boxes_input *in, struct box_decision *d)
{
	const struct box_name *there = d->there && d->there->selectable ? d->there : NULL;
	unsigned known = d->row ? d->row->where : 0;

	d->selected = pattern_selects(in->patterns, in->pattern_count, slice_str(d->name)) &&
		      (!there || !there->view || is_named(in, d->name));
	if (!d->there && !d->here) {
		/* A row without a name is a former UIDVALIDITY's: see identity.c. */
		d->action = d->name[0] ? BOX_FORGET : BOX_SKIP;
		return;
	}
	if (!d->selected || (!there && !d->here)) {
		/* While it is left out, a side may be without it: no deletion to be carried later.
		 */
		d->action = d->row && (!there || !d->here) ? BOX_FORGET : BOX_SKIP;
		return;
	}
	if (there && there->problem)
		d->problem = there->problem;
	else if (d->here && d->here->problem && !there)
		d->problem = d->here->problem;
	if (d->problem)
		d->action = BOX_PROBLEM;
	else if (there && d->here)
		d->action = BOX_SYNC;
	else if (known == (ROW_THERE | ROW_HERE))
		d->action = there ? BOX_GONE_HERE : BOX_GONE_THERE;
	else if (there)
		d->action = in->create & WAY_PULL ? BOX_CREATE_HERE : BOX_SKIP;
	else
		d->action = in->create & WAY_PUSH ? BOX_CREATE_THERE : BOX_SKIP;
}

static const char *least(const char *a, const char *b)
{
	if (!a || !b)
		return a ? a : b;
	return strcmp(a, b) <= 0 ? a : b;
}

/* The entry of LIST at *POS if its name is NAME; then *POS goes on. */
static const struct box_name *take(
	const struct box_name *list, size_t count, size_t *pos, const char *name)
{
	if (*pos >= count || strcmp(list[*pos].name, name) != 0)
		return NULL;
	return &list[(*pos)++];
}

void boxes_decide(struct arena *arena, const struct boxes_input *in, struct box_decisions *out)
{
	size_t t = 0, h = 0, r = 0;

	out->items = arena_alloc(arena,
		(in->there_count + in->here_count + in->row_count + 1) * sizeof(*out->items));
	out->count = 0;
	for (;;) {
		const char *name = least(t < in->there_count ? in->there[t].name : NULL,
			h < in->here_count ? in->here[h].name : NULL);
		name = least(name, r < in->row_count ? in->rows[r].name : NULL);
		if (!name)
			break;
		struct box_decision *d = &out->items[out->count++];
		*d = (struct box_decision){.name = name};
		d->there = take(in->there, in->there_count, &t, name);
		d->here = take(in->here, in->here_count, &h, name);
		d->row = take(in->rows, in->row_count, &r, name);
		decide(in, d);
	}
}

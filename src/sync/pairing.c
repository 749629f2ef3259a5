/*
 * New files and new messages at once: which are the same? The proof comes first (facts.c, pair.c);
 * what is left of the files that the state vouches for is then recognised by less, as the server
 * may have changed the message when it was sent.
 */
#include "sync/pair.h"
#include "sync/pass.h"

static void list_there(struct worker *w, struct look *look, struct pairing *out)
{
	struct uid_iter it = {0};
	uint32_t uid;

	out->there = arena_zalloc(&w->arena, uidset_size(&look->new_there) * sizeof(*out->there));
	while ((uid = uidset_next(&look->new_there, &it)) != 0)
		out->there[out->there_count++].uid = uid;
	uidset_clear(&look->new_there); /* planned with the rest */
}

static int gather(
	struct worker *w, struct box *box, struct look *look, struct pairing *p, struct err *err)
{
	struct pair_sizes sizes;

	if (facts_sizes(w, p->there, p->there_count, err) != 0)
		return -1;
	pair_sizes_there(&w->arena, p->there, p->there_count, &sizes);
	if (facts_here(w, box, look, &sizes, err) != 0)
		return -1;
	return facts_there(
		w, box, look->new_here, look->new_here_count, p->there, p->there_count, err);
}

/* A message whose header the server refuses may be any file of its size: neither is copied. */
static void hold_untold(struct worker *w, struct box *box, struct look *look, struct pairing *p,
	const struct new_there *there)
{
	struct err why = w->refusal;

	for (size_t i = 0; i < look->new_here_count; i++) {
		struct new_here *file = &look->new_here[i];
		file->held |=
			!p->used[i] && (pair_is_vouched(file) || pair_may_be(file, there->size));
	}
	box->incomplete = true;
	err_wrap(&why, "whether it is here already can't be told");
	pass_failed(w->pass, box, there->uid, NULL, &why);
}

static void leave_out_untold(
	struct worker *w, struct box *box, struct look *look, struct pairing *p)
{
	size_t kept = 0;

	for (size_t i = 0; i < p->there_count; i++) {
		if (p->there[i].untold && p->partner[i] < 0) {
			hold_untold(w, box, look, p, &p->there[i]);
			continue;
		}
		p->there[kept] = p->there[i];
		p->partner[kept++] = p->partner[i];
	}
	p->there_count = kept;
}

static bool any_vouched(const struct look *look, const bool *used)
{
	for (size_t i = 0; i < look->new_here_count; i++)
		if (!used[i] && pair_is_vouched(&look->new_here[i]))
			return true;
	return false;
}

int pairing_find(
	struct worker *w, struct box *box, struct look *look, struct pairing *out, struct err *err)
{
	/* Needs all of both. */
	if ((look->truncated || look->new_here_count >= LOOK_CHANGES) &&
		(look_here(w, box, true, look, err) != 0 || follow_renames(w, box, look, err) != 0))
		return -1;
	list_there(w, look, out);
	if (gather(w, box, look, out, err) != 0)
		return -1;
	out->used = arena_zalloc(&w->arena, look->new_here_count + 1);
	out->partner = arena_alloc(&w->arena, (out->there_count + 1) * sizeof(*out->partner));
	pair_match(&w->arena, out->there, out->there_count, look->new_here, look->new_here_count,
		out->used, out->partner);
	if (any_vouched(look, out->used)) {
		if (facts_vouched(w, box, look, out->used, out->there, out->partner,
			    out->there_count, err) != 0)
			return -1;
		pair_vouched(&w->arena, out->there, out->there_count, look->new_here,
			look->new_here_count, out->used, out->partner);
	}
	leave_out_untold(w, box, look, out);
	return 0;
}

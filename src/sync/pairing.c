/*
 * New files and new messages at once: which are the same? The proof comes first (facts.c, pair.c);
 * what is left of the files that the state vouches for is then recognised by less, as the server
 * may have changed the message when it was sent.
 */
#include "sync/pair.h"
#include "sync/pass.h"

static uint64_t sieve_from = 50000;

void sync_set_sieve(unsigned messages)
{
	sieve_from = messages;
}

/* From which UID on may a message be a file that is recognised by less than its size? 0: none may.
 */
static uint32_t vouched_from(const struct look *look)
{
	uint32_t since = 0;

	for (size_t i = 0; i < look->new_here_count; i++) {
		const struct new_here *file = &look->new_here[i];
		uint32_t first =
			file->has_former || file->uidnext_before == 0 ? 1 : file->uidnext_before;
		if (pair_is_vouched(file) && (since == 0 || first < since))
			since = first;
	}
	return since;
}

/*
 * What is known of a message takes a hundred bytes, and a server may have millions that are new
 * when a few files are. So of very many only those are compared whose size fits a file. The others,
 * to REST, are new for sure.
 */
static int sieve(
	struct worker *w, struct box *box, struct look *look, struct uidset *rest, struct err *err)
{
	struct pair_sizes sizes;
	struct uidset fitting = {0};

	if (uidset_size(&look->new_there) <= sieve_from)
		return 0;
	if (facts_here(w, box, look, NULL, err) != 0)
		return -1;
	pair_sizes_here(&w->arena, look->new_here, look->new_here_count, &sizes);
	int rc = facts_fitting_sizes(w, &look->new_there, &sizes, &fitting, err);
	uint32_t since = vouched_from(look);
	if (since != 0)
		uidset_add_range(&fitting, since, UINT32_MAX);
	uidset_copy(rest, &look->new_there);
	uidset_subtract(rest, &fitting);
	uidset_subtract(&look->new_there, rest);
	uidset_fini(&fitting);
	return rc;
}

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
	struct uidset rest = {0};

	/* Needs all of both. */
	if ((look->truncated || look->new_here_count >= look_most()) &&
		(look_here(w, box, true, look, err) != 0 || follow_renames(w, box, look, err) != 0))
		return -1;
	int rc = sieve(w, box, look, &rest, err);
	list_there(w, look, out);
	if (rc == 0)
		rc = gather(w, box, look, out, err);
	uidset_union(&look->new_there, &rest); /* of no use if it failed */
	uidset_fini(&rest);
	if (rc != 0)
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

/*
 * A BASE that is listed twice is the same file seen under two names (one inode: scan again; if both
 * names stay, they are one message) or a copy that somebody made (two inodes: the second one gets a
 * name of its own and is new).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/twice.h"

const char *here_name(struct scanning *s, const struct maildir_file *file)
{
	return arena_printf(
		&s->w->arena, "%s/%.*s", file->in_new ? "new" : "cur", SLICE_ARG(file->name));
}

static int compare_uids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return x < y ? -1 : x > y;
}

static int compare_news(const void *a, const void *b)
{
	const struct new_here *x = a, *y = b;
	int order = strcmp(x->base, y->base);
	return order != 0 ? order : strcmp(x->name, y->name);
}

static void add_doubled(struct scanning *s, const char *base)
{
	s->doubled =
		base_reserve(s->doubled, s->doubled_count, &s->doubled_room, sizeof(*s->doubled));
	s->doubled[s->doubled_count++] = (struct doubled){.base = base};
}

static int compare_doubled(const void *a, const void *b)
{
	return strcmp(((const struct doubled *)a)->base, ((const struct doubled *)b)->base);
}

int here_find_doubled(struct scanning *s, struct err *err)
{
	struct look *look = s->look;
	struct state_message row;

	s->doubled_count = 0;
	if (s->seen_count > 0)
		qsort(s->seen, s->seen_count, sizeof(*s->seen), compare_uids);
	if (look->new_here_count > 0)
		qsort(look->new_here, look->new_here_count, sizeof(*look->new_here), compare_news);
	for (size_t i = 1; i < s->seen_count; i++) {
		if (s->seen[i] != s->seen[i - 1])
			continue;
		int rc = state_get_message(s->read, s->box->row.id, s->seen[i], &row, err);
		if (rc < 0)
			return -1;
		if (rc == 1)
			add_doubled(s, arena_strndup(&s->w->arena, row.base.p, row.base.n));
	}
	for (size_t i = 1; i < look->new_here_count; i++)
		if (strcmp(look->new_here[i].base, look->new_here[i - 1].base) == 0)
			add_doubled(s, look->new_here[i].base);
	if (s->doubled_count > 0)
		qsort(s->doubled, s->doubled_count, sizeof(*s->doubled), compare_doubled);
	return 0;
}

/* Another file than the first one with the same BASE: it gets a name of its own. 1: renamed, 0:
 * nothing to do, -1. */
static int separate(struct scanning *s, const struct maildir_file *file, struct err *err)
{
	char base[MAILDIR_BASE_SIZE];

	maildir_fresh_base(base);
	const char *from = here_name(s, file);
	const char *to = arena_printf(&s->w->arena, "%s/%s%s%.*s", file->in_new ? "new" : "cur",
		base, file->info.n ? ":" : "", SLICE_ARG(file->info));
	if (maildir_rename_fresh(s->box->maildir, from, to, err) != 0)
		return err->sys == ENOENT ? 0 : -1;
	log_info("%s: two files had this name; the second is now %s", from, to);
	return 1;
}

/* FILE's BASE was listed twice: is it another file than the first one of that name? 1, 0. */
static bool is_copy(struct scanning *s, const struct maildir_file *file)
{
	struct doubled key = {arena_strndup(&s->w->arena, file->base.p, file->base.n), 0};
	struct doubled *found =
		bsearch(&key, s->doubled, s->doubled_count, sizeof(*s->doubled), compare_doubled);

	if (!found || found->inode == file->inode)
		return false;
	if (found->inode != 0)
		return true;
	found->inode = file->inode;
	return false;
}

int here_separate_copies(struct scanning *s, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable, renamed = false;
	int rc;

	if (maildir_scan_begin(&scan, s->box->maildir, err) != 0)
		return -1;
	while ((rc = maildir_scan_next(&scan, &file, err)) == 1) {
		int one = is_copy(s, &file) ? separate(s, &file, err) : 0;
		renamed |= one == 1;
		if (one < 0) {
			rc = -1;
			break;
		}
	}
	return maildir_scan_end(&scan, rc, &stable, err) != 0 ? -1 : renamed;
}

int here_compare_changes(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	return x->uid < y->uid ? -1 : x->uid > y->uid;
}

/* How often UID was listed. SEEN is sorted. */
static size_t times_seen(const struct scanning *s, uint32_t uid)
{
	size_t low = 0, high = s->seen_count, n = 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (s->seen[middle] < uid)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low + n < s->seen_count && s->seen[low + n] == uid; n++)
		;
	return n;
}

/* The other NAMES of the file KEPT. */
static int drop_names(struct scanning *s, const char *kept, const struct change *changes,
	size_t count, struct err *err)
{
	bool plan = s->w->pass->options->plan;

	for (size_t i = 0; !plan && i < count; i++)
		if (changes[i].name &&
			maildir_drop_name(s->box->maildir, changes[i].name, kept, err) < 0)
			return -1;
	return 0;
}

/* COUNT changes of one message under several names. 1: the first of them counts, 0: the name that
 * the row has does, -1. */
static int choose_name(
	struct scanning *s, const struct change *changes, size_t count, struct err *err)
{
	size_t seen = times_seen(s, changes->uid);
	struct state_message row;
	char known[ROW_FILE_SIZE];

	if (count == seen) /* else one of its names is that of the row */
		return drop_names(s, changes->name, changes + 1, count - 1, err) == 0 ? 1 : -1;
	int rc = state_get_message(s->read, s->box->row.id, changes->uid, &row, err);
	if (rc <= 0)
		return rc;
	row_file(&row, known, sizeof(known));
	return drop_names(s, known, changes, count, err);
}

static int drop_new_names(struct scanning *s, struct err *err)
{
	struct look *look = s->look;
	size_t kept = 0;

	for (size_t i = 0; i < look->new_here_count; i++) {
		struct new_here *new = &look->new_here[i];
		const struct new_here *last = kept > 0 ? &look->new_here[kept - 1] : NULL;
		if (!last || strcmp(last->base, new->base) != 0)
			look->new_here[kept++] = *new;
		else if (!s->w->pass->options->plan &&
			 maildir_drop_name(s->box->maildir, new->name, last->name, err) < 0)
			return -1;
	}
	look->new_here_count = kept;
	return 0;
}

int here_drop_second_names(struct scanning *s, struct err *err)
{
	struct look *look = s->look;
	size_t kept = 0;

	if (look->here_count > 0)
		qsort(look->here, look->here_count, sizeof(*look->here), here_compare_changes);
	for (size_t i = 0, n; i < look->here_count; i += n) {
		uint32_t uid = look->here[i].uid;
		for (n = 1; i + n < look->here_count && look->here[i + n].uid == uid;)
			n++;
		int first = choose_name(s, &look->here[i], n, err);
		if (first < 0)
			return -1;
		if (first == 1)
			look->here[kept++] = look->here[i];
	}
	look->here_count = kept;
	return drop_new_names(s, err);
}

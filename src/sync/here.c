/*
 * What changed in the Maildir. Each file name is looked up by its BASE; in memory stay the UIDs
 * seen (four bytes a message) and what differs.
 *
 * Mail readers work in the folder meanwhile. A file that is renamed while the directory is read may
 * not be listed at all, so what a scan lacks is believed only if the directory times stood still
 * (maildir/scan.c); after SCANS restless scans nothing of this mailbox is deleted in this pass. A
 * BASE listed twice is the same file seen under two names (one inode: scan again; if both names
 * stay, they are one message) or a copy that somebody made (two inodes: the second one gets a name
 * of its own and is new).
 *
 * Directories whose times are those of the watermark are not read at all. Times that could hide a
 * change never become a watermark (take_times() in mailbox.c).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/pass.h"
#include "sync/plan.h"

static unsigned most = 20000;

void sync_set_look(unsigned changes)
{
	most = changes;
}

size_t look_most(void)
{
	return most;
}

#define SCANS 5
#define RENEW_FILES 5000 /* files a read snapshot is held for */

struct doubled {
	const char *base; /* arena */
	uint64_t inode;   /* of the first file of that name; 0: none seen yet */
};

struct scanning {
	struct worker *w;
	struct box *box;
	struct look *look;
	struct state_read *read; /* NULL: no state */
	bool all_new;
	size_t to_send;       /* of the new files: as many as may be sent in this pass */
	struct flags mask;    /* what file names can show */
	struct flags carried; /* ... and changes of which are carried */
	uint32_t *seen;       /* UIDs whose file was listed */
	size_t seen_count, seen_room;
	uint64_t seen_there;     /* of these, so many that the server had, too */
	struct doubled *doubled; /* BASEs that were listed more than once; sorted */
	size_t doubled_count, doubled_room;
	unsigned files;
};

static const char *keep_name(struct scanning *s, const struct maildir_file *file)
{
	return arena_printf(
		&s->w->arena, "%s/%.*s", file->in_new ? "new" : "cur", SLICE_ARG(file->name));
}

/* Is the file another one than that which was refused? */
static bool was_changed(
	const struct box *box, const struct new_here *new, const struct state_pending *pending)
{
	struct err ignored = {0};
	uint64_t size;
	int64_t stamp;

	return pending->stamp != 0 &&
	       maildir_file_stat(box->maildir, new->name, &size, &stamp, &ignored) == 0 &&
	       stamp != pending->stamp;
}

int look_history(const struct pass *pass, const struct box *box, struct state_read *read,
	struct new_here *new, struct err *err)
{
	struct state_upload upload;
	struct state_pending pending;
	struct state_message former;
	struct slice base = slice_str(new->base);
	uint32_t uid;

	int rc = state_get_upload(read, box->row.id, base, &upload, err);
	if (rc < 0)
		return -1;
	new->doubtful = rc == 1;
	new->answered = rc == 1 && upload.answered;
	new->uidnext_before = rc == 1 ? upload.uidnext_before : 0;
	rc = state_get_pending(read, box->row.id, STATE_PENDING_APPEND, 0, base, &pending, err);
	if (rc < 0)
		return -1;
	new->refused = rc == 1 && !pending.for_now && !was_changed(box, new, &pending);
	new->pending = rc == 1 && pending.for_now;
	new->tried = rc == 1 && pending.pass == pass->number;
	if (box->former == 0)
		return 0;
	rc = state_get_by_base(read, box->former, base, &uid, err);
	if (rc == 1)
		rc = state_get_message(read, box->former, uid, &former, err);
	new->has_former = rc == 1;
	if (rc == 1) {
		new->former = former.flags;
		new->former_date = former.date;
		new->former_uid = uid;
	}
	return rc < 0 ? -1 : 0;
}

/* FNV-1a: the same part in every scan. */
static unsigned part_of_base(struct slice base, unsigned parts)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < base.n; i++)
		hash = (hash ^ (unsigned char)base.p[i]) * 16777619U;
	return hash % parts;
}

/* Is it one of those that are wanted? */
static bool is_wanted(struct look *look, struct slice base)
{
	look->new_here_total++;
	return (look->parts == 0 || part_of_base(base, look->parts) == look->part) &&
	       (look->new_here_most == 0 || look->new_here_count < look->new_here_most);
}

static int add_new(struct scanning *s, const struct maildir_file *file, struct err *err)
{
	struct look *look = s->look;

	if (!is_wanted(look, file->base))
		return 0;
	if (!s->all_new && s->to_send >= look_most() && !s->w->pass->options->plan) {
		/* Where uploads wait, another look would find the same. */
		look->truncated |= !s->w->pass->hold_here && s->box->lost == SIDE_NONE;
		return 0;
	}
	look->new_here = base_reserve(look->new_here, look->new_here_count, &look->new_here_room,
		sizeof(*look->new_here));
	struct new_here *new = &look->new_here[look->new_here_count++];
	*new = (struct new_here){
		.name = keep_name(s, file),
		.base = arena_strndup(&s->w->arena, file->base.p, file->base.n),
		.flags = maildir_flags(s->box->maildir, file->in_new, file->info),
	};
	if (look_history(s->w->pass, s->box, s->read, new, err) != 0)
		return -1;
	/* The others, which no later round will be rid of, must not keep these from their turn. */
	s->to_send += plan_may_send(&s->w->pass->policy, new);
	return 0;
}

static struct change *add_change(
	struct scanning *s, const struct state_message *row, enum change_kind kind)
{
	struct look *look = s->look;

	if (look->here_count >= look_most() && !s->w->pass->options->plan) {
		look->truncated = true;
		return NULL;
	}
	look->here =
		base_reserve(look->here, look->here_count, &look->here_room, sizeof(*look->here));
	struct change *change = &look->here[look->here_count++];
	*change = (struct change){
		.uid = row->uid,
		.kind = kind,
		.base = row->flags,
		.kept = !(row->where & STATE_HERE),
		.alone = !(row->where & STATE_THERE),
	};
	return change;
}

/* A file whose row is known: do flags or name differ? */
static void compare(
	struct scanning *s, const struct maildir_file *file, const struct state_message *row)
{
	struct flags flags = maildir_flags(s->box->maildir, file->in_new, file->info);
	struct flags diff = flags_xor(&flags, &row->flags);
	diff = flags_and(&diff, row->where & STATE_THERE ? &s->carried : &s->mask);
	bool renamed = file->in_new != row->in_new || !slice_eq(file->info, row->info);

	if (flags_empty(&diff) && !renamed)
		return;
	if (uidset_contains(&s->box->delete_here, row->uid) ||
		uidset_contains(&s->box->done_here, row->uid))
		return;
	struct change *change = add_change(s, row, flags_empty(&diff) ? CHANGE_NAME : CHANGE_FLAGS);
	if (!change)
		return;
	/* What the name can't show stays as the row has it. */
	struct flags hidden = flags_minus(&row->flags, &s->mask);
	struct flags shown = flags_and(&flags, &s->mask);
	change->flags = flags_or(&shown, &hidden);
	if (renamed)
		change->name = keep_name(s, file);
}

static int look_up(struct scanning *s, const struct maildir_file *file, struct err *err)
{
	struct state_message row;
	uint32_t uid;
	int rc;

	if (++s->files % RENEW_FILES == 0 && s->read && state_read_renew(s->read, err) != 0)
		return -1;
	rc = state_get_by_base(s->read, s->box->row.id, file->base, &uid, err);
	if (rc == 1)
		rc = state_get_message(s->read, s->box->row.id, uid, &row, err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return add_new(s, file, err);
	s->seen = base_reserve(s->seen, s->seen_count, &s->seen_room, sizeof(*s->seen));
	s->seen[s->seen_count++] = uid;
	s->seen_there += (row.where & STATE_THERE) != 0;
	compare(s, file, &row);
	return 0;
}

/* One scan. 1: the directories stood still, 0: they did not, -1. */
static int scan_once(struct scanning *s, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable = false;
	int rc;

	s->seen_there = s->to_send = 0;
	s->seen_count = s->look->here_count = s->look->new_here_count = 0;
	s->look->new_here_total = 0;
	if (maildir_scan_begin(&scan, s->box->maildir, err) != 0)
		return -1;
	s->look->times = scan.before;
	s->mask = maildir_mask(s->box->maildir);
	s->carried = plan_flags_carried(&s->w->pass->policy, SIDE_HERE, s->mask);
	while ((rc = maildir_scan_next(&scan, &file, err)) == 1)
		if (look_up(s, &file, err) != 0) {
			rc = -1;
			break;
		}
	return maildir_scan_end(&scan, rc, &stable, err) != 0 ? -1 : stable;
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

/* Sorts what was listed, and notes every BASE that was listed twice. */
static int find_doubled(struct scanning *s, struct err *err)
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
	const char *from = keep_name(s, file);
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

/* Find the copies that share their BASE with another file and rename them. 1: some were, 0: none
 * (it was one file, seen twice), -1. */
static int separate_copies(struct scanning *s, struct err *err)
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

/* Was the file of every row listed, and is there no row without a file? Their counts tell, and
 * spare reading all of them. 1, 0, -1. */
static int all_listed(struct scanning *s, struct err *err)
{
	uint64_t there, here;

	if (s->doubled_count > 0 || s->seen_count == 0)
		return 0;
	if (state_count_messages(s->read, s->box->row.id, &there, &here, err) != 0)
		return -1;
	return here == s->seen_count && there == s->seen_there;
}

/* Is a row whose file was not listed a change? Not if that was dealt with, in this pass or an
 * earlier one. */
static bool counts_as_gone(const struct scanning *s, const struct state_message *row)
{
	if (row->where & STATE_REFUSED || uidset_contains(&s->box->delete_there, row->uid) ||
		uidset_contains(&s->box->done_here, row->uid))
		return false;
	return row->where & STATE_HERE ||
	       plan_carries_kept(&s->w->pass->policy, SIDE_HERE, &row->flags);
}

/* Rows with a file that no scan listed. SEEN is sorted. */
static int find_gone(struct scanning *s, struct err *err)
{
	struct state_message row;
	uint64_t from = 0;
	size_t i = 0;
	int rc = all_listed(s, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	while ((rc = state_next_message(s->read, s->box->row.id, from, &row, err)) == 1) {
		from = (uint64_t)row.uid + 1;
		while (i < s->seen_count && s->seen[i] < row.uid)
			i++;
		bool listed = i < s->seen_count && s->seen[i] == row.uid;
		if (!listed && counts_as_gone(s, &row) && !add_change(s, &row, CHANGE_GONE))
			return 0;
		if (++s->files % RENEW_FILES == 0 && state_read_renew(s->read, err) != 0)
			return -1;
	}
	return rc < 0 ? -1 : 0;
}

static int compare_changes(const void *a, const void *b)
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

/*
 * A file with two names (whoever renames by link and unlink was killed in between) is one message.
 * The name that the row knows counts, else the first one. The other one is taken away as soon as it
 * is sure that nobody is at it (maildir/linked.c).
 */
static int drop_second_names(struct scanning *s, struct err *err)
{
	struct look *look = s->look;
	size_t kept = 0;

	if (look->here_count > 0)
		qsort(look->here, look->here_count, sizeof(*look->here), compare_changes);
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

/* Scan until the folder stands still. 1: it did, 0: it never did, -1. */
static int scan_until_stable(struct scanning *s, struct err *err)
{
	bool plan = s->w->pass->options->plan;
	int linked = 0; /* scans in a row that showed one file under two names */

	for (int i = 0; i < SCANS; i++) {
		int stable = scan_once(s, err);
		if (stable < 0 || find_doubled(s, err) != 0)
			return -1;
		if (s->doubled_count == 0 && stable)
			return 1;
		int renamed = s->doubled_count > 0 && !plan ? separate_copies(s, err) : 0;
		if (renamed < 0)
			return -1;
		linked = s->doubled_count > 0 && stable && !renamed ? linked + 1 : 0;
		if (linked > (plan ? 0 : 1))
			return drop_second_names(s, err) == 0 ? 1 : -1;
	}
	return s->doubled_count > 0
		       ? err_set(err, ERR_CONFLICT,
				 "another program keeps renaming files; left for the next pass")
		       : 0;
}

/*
 * Do the directories look as they did before the scan from which the last watermark was taken? Then
 * every name is as it was then, and the row of each file says so. 1, 0, -1.
 */
static int same_as_ever(
	const struct worker *w, const struct box *box, struct look *look, struct err *err)
{
	const struct state_watermark *mark = &box->row.watermark;
	struct maildir_times then = {
		mark->new_mtime, mark->new_ctime, mark->cur_mtime, mark->cur_ctime};

	if (then.new_mtime == 0 || w->pass->void_watermarks || box->former != 0)
		return 0;
	int left = pass_has_leftovers(w->pass, box, err);
	if (left != 0)
		return left < 0 ? -1 : 0;
	if (maildir_times(box->maildir, &look->times, err) != 0)
		return -1;
	if (!maildir_times_equal(&look->times, &then))
		return 0;
	log_debug(LOG_SYNC, "the folder is as it was: not read");
	return 1;
}

int look_here(struct worker *w, struct box *box, bool all_new, struct look *look, struct err *err)
{
	struct scanning s = {.w = w, .box = box, .look = look, .all_new = all_new};
	int rc = -1;

	look->here_complete = true;
	box->restless = false;
	if (!box->maildir && box->lost != SIDE_HERE) /* plan: no folder yet */
		return 0;
	/* Read or not: whoever renames a file has to know what its letters mean. */
	if (box->maildir && maildir_letters_load(box->maildir, err) != 0)
		return -1;
	int same = box->maildir ? same_as_ever(w, box, look, err) : 0;
	if (same != 0)
		return same < 0 ? -1 : 0;
	if (w->pass->state && state_read_begin(w->pass->state, &s.read, err) != 0)
		return -1;
	rc = box->maildir ? scan_until_stable(&s, err) : 1;
	if (rc == 0) {
		pass_unproven(w->pass, box,
			"another program keeps changing the folder: nothing is deleted on the "
			"server, and nothing new sent, before it stands still");
		look->here_complete = false;
		box->restless = true;
	} else if (rc == 1) {
		rc = find_gone(&s, err);
	}
	if (rc == 0 && look->here_count > 0)
		qsort(look->here, look->here_count, sizeof(*look->here), compare_changes);
	state_read_end(s.read);
	free(s.seen);
	free(s.doubled);
	return rc;
}

/*
 * What changed in the Maildir. Each file name is looked up by its BASE; in memory stay the UIDs
 * seen (four bytes a message) and what differs.
 *
 * Mail readers work in the folder meanwhile. A file that is renamed while the directory is read may
 * not be listed at all, so what a scan lacks is believed only if the directory times stood still
 * (maildir/scan.c); after SCANS restless scans nothing of this mailbox is deleted in this pass.
 * What to do about a BASE that is listed twice is in twice.c.
 *
 * Directories whose times are those of the watermark are not read at all. Times that could hide a
 * change never become a watermark (take_times() in mailbox.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/twice.h"
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

/* Is it one of those that are wanted? In every scan the same ones are. */
static bool is_wanted(struct look *look, struct slice base)
{
	look->new_here_total++;
	return (look->parts == 0 || slice_hash(base) % look->parts == look->part) &&
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
		.name = here_name(s, file),
		.base = arena_strndup(&s->w->arena, file->base.p, file->base.n),
		.flags = maildir_flags(s->box->maildir, file->info),
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
	struct flags flags = maildir_flags(s->box->maildir, file->info);
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
		change->name = here_name(s, file);
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

/* Scan until the folder stands still. 1: it did, 0: it never did, -1. */
static int scan_until_stable(struct scanning *s, struct err *err)
{
	bool plan = s->w->pass->options->plan;
	int linked = 0; /* scans in a row that showed one file under two names */

	for (int i = 0; i < SCANS; i++) {
		int stable = scan_once(s, err);
		if (stable < 0 || here_find_doubled(s, err) != 0)
			return -1;
		if (s->doubled_count == 0 && stable)
			return 1;
		int renamed = s->doubled_count > 0 && !plan ? here_separate_copies(s, err) : 0;
		if (renamed < 0)
			return -1;
		linked = s->doubled_count > 0 && stable && !renamed ? linked + 1 : 0;
		if (linked > (plan ? 0 : 1))
			return here_drop_second_names(s, err) == 0 ? 1 : -1;
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
		qsort(look->here, look->here_count, sizeof(*look->here), here_compare_changes);
	state_read_end(s.read);
	free(s.seen);
	free(s.doubled);
	return rc;
}

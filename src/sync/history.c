/*
 * What past passes did. The history is a text file in the account's state directory, one line a
 * pass that did something; it is for people, nothing depends on it.
 *
 * A pass writes its line at its end. One that is killed does not come to that, so what it has done
 * so far goes with each commit into the state, and the next pass writes the line for it. What it
 * moved to the attic before any commit has a folder there, with the number that the next pass would
 * have: that number is not used again.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "sync/history.h"

#define HISTORY_MOST (256u << 10) /* then the older half goes */

/* Fields of a line, in its order. */
static const struct {
	const char *name;
	size_t field; /* in struct sync_past */
} fields[] = {
	{"fetched", offsetof(struct sync_past, fetched)},
	{"appended", offsetof(struct sync_past, appended)},
	{"adopted", offsetof(struct sync_past, adopted)},
	{"flags_here", offsetof(struct sync_past, flags_here)},
	{"flags_there", offsetof(struct sync_past, flags_there)},
	{"moved_here", offsetof(struct sync_past, moved_here)},
	{"moved_there", offsetof(struct sync_past, moved_there)},
	{"deleted_here", offsetof(struct sync_past, deleted_here)},
	{"deleted_there", offsetof(struct sync_past, deleted_there)},
	{"boxes_deleted_here", offsetof(struct sync_past, boxes_deleted_here)},
	{"boxes_deleted_there", offsetof(struct sync_past, boxes_deleted_there)},
	{"failed", offsetof(struct sync_past, failed)},
	{"refused", offsetof(struct sync_past, refused)},
	{"unfinished", offsetof(struct sync_past, unfinished)},
};

static uint64_t *field_of(struct sync_past *past, size_t i)
{
	return (uint64_t *)(void *)((char *)past + fields[i].field);
}

static struct sync_past past_of(struct report *report, uint64_t number)
{
	struct report_totals *t = &report->totals;

	return (struct sync_past){
		.pass = number,
		.time = (int64_t)time(NULL),
		.fetched = atomic_load(&t->fetched),
		.appended = atomic_load(&t->appended),
		.adopted = atomic_load(&t->adopted),
		.flags_here = atomic_load(&t->flags_here),
		.flags_there = atomic_load(&t->flags_there),
		.moved_here = atomic_load(&t->moved_here),
		.moved_there = atomic_load(&t->moved_there),
		.deleted_here = atomic_load(&t->deleted_here),
		.deleted_there = atomic_load(&t->deleted_there),
		.boxes_deleted_here = atomic_load(&t->boxes_deleted_here),
		.boxes_deleted_there = atomic_load(&t->boxes_deleted_there),
		.failed = atomic_load(&t->failed),
		.refused = atomic_load(&t->refused),
	};
}

/* ---- writing ---- */

/* "PASS TIME fetched=3 ...\n"; false: it did nothing. */
static bool format(struct sync_past *past, struct buf *out)
{
	bool any = false;

	buf_addf(out, "%llu %lld", (unsigned long long)past->pass, (long long)past->time);
	for (size_t i = 0; i < COUNT_OF(fields); i++) {
		uint64_t value = *field_of(past, i);
		if (value > 0)
			buf_addf(out, " %s=%llu", fields[i].name, (unsigned long long)value);
		any |= value > 0;
	}
	buf_add_char(out, '\n');
	return any;
}

bool history_progress(struct report *report, uint64_t number, struct buf *out)
{
	struct sync_past past = past_of(report, number);

	return format(&past, out);
}

static char *history_file(const struct config_account *account)
{
	return xasprintf("%s/history", account->state_dir);
}

/* The file's text; "" if there is none yet. NULL on error. */
static char *read_history(const char *path, size_t *n, struct err *err)
{
	struct err local = {0};
	char *text = fs_read_file(AT_FDCWD, path, 4 * HISTORY_MOST, n, &local);

	if (text)
		return text;
	if (local.sys == ENOENT) {
		*n = 0;
		return xstrdup("");
	}
	*err = local;
	return NULL;
}

static int append(const char *path, struct slice line, struct err *err)
{
	struct buf all = {0};
	size_t n;
	char *old = read_history(path, &n, err);

	if (!old)
		return -1;
	const char *from = old;
	if (n > HISTORY_MOST) {
		const char *newline = memchr(old + n / 2, '\n', n - n / 2);
		from = newline ? newline + 1 : old + n;
	}
	buf_add(&all, from, n - (size_t)(from - old));
	buf_add_slice(&all, line);
	int rc = fs_replace_file(AT_FDCWD, path, all.data, all.len, 0600, err);
	buf_fini(&all);
	free(old);
	return rc;
}

/* What this pass added may be too much together with what earlier ones did. */
static int shrink(struct pass *pass, const struct attic *attic, struct err *err)
{
	uint64_t most, count = 0;
	char reason[200];
	struct report_event event = {.kind = REPORT_NOTE,
		.account = pass->account->name,
		.mailbox = "",
		.reason = reason};

	if (attic_limit(attic, &most, err) != 0 || attic_shrink(attic, most, &count, err) != 0)
		return -1;
	if (count == 0)
		return 0;
	snprintf(reason, sizeof(reason),
		"what is kept of deleted messages took more than a tenth of the disk: the oldest "
		"%llu can't come back any more",
		(unsigned long long)count);
	report_event(pass->report, &event);
	return 0;
}

static int expire(struct pass *pass, struct err *err)
{
	const struct config_account *a = pass->account;
	struct attic attic = {.fd = -1};

	if (attic_open(&attic, &pass->root, a->state_dir, a->name, false, err) != 0)
		return -1;
	int rc = attic_expire(&attic, (int64_t)time(NULL) - a->keep_deleted, err);
	if (rc == 0 && attic.fd >= 0 && atomic_load(&pass->report->totals.deleted_here) > 0)
		rc = shrink(pass, &attic, err);
	attic_close(&attic);
	return rc;
}

int history_close_pass(struct pass *pass, struct err *err)
{
	struct sync_past past = past_of(pass->report, pass->number);
	struct buf line = {0};
	char *path = history_file(pass->account);
	int rc = 0;

	if (format(&past, &line) && append(path, buf_slice(&line), err) != 0)
		rc = err_wrap(err, "the mail is settled, but its history can't be written");
	else if (expire(pass, err) != 0)
		rc = err_wrap(err, "what was deleted long ago can't be removed");
	free(path);
	buf_fini(&line);
	return rc;
}

/* ---- reading ---- */

/* The next word of *LINE, which goes on behind it. */
static struct slice word(struct slice *line)
{
	const char *blank = line->n ? memchr(line->p, ' ', line->n) : NULL;
	struct slice out = {line->p, blank ? (size_t)(blank - line->p) : line->n};
	size_t skip = out.n + (blank != NULL);

	line->p += skip;
	line->n -= skip;
	return out;
}

static bool parse(struct slice line, struct sync_past *out)
{
	uint64_t seconds;

	*out = (struct sync_past){0};
	if (!slice_number(word(&line), UINT64_MAX, &out->pass) ||
		!slice_number(word(&line), INT64_MAX, &seconds))
		return false;
	out->time = (int64_t)seconds;
	while (line.n > 0) {
		struct slice item = word(&line);
		for (size_t i = 0; i < COUNT_OF(fields); i++) {
			size_t n = strlen(fields[i].name);
			if (item.n > n && item.p[n] == '=' &&
				memcmp(item.p, fields[i].name, n) == 0 &&
				!slice_number((struct slice){item.p + n + 1, item.n - n - 1},
					UINT64_MAX, field_of(out, i)))
				return false;
		}
	}
	return true;
}

int history_read_passes(const struct config_account *account, struct arena *arena,
	struct sync_log *out, struct err *err)
{
	char *path = history_file(account);
	size_t n, lines = 1;
	char *text = read_history(path, &n, err);

	free(path);
	if (!text)
		return -1;
	for (size_t i = 0; i < n; i++)
		lines += text[i] == '\n';
	out->passes = arena_alloc(arena, lines * sizeof(*out->passes));
	for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1)
		if (parse((struct slice){line, (size_t)(end - line)},
			    &out->passes[out->pass_count]))
			out->pass_count++;
	free(text);
	return 0;
}

static enum maildir_layout layout_of(const struct config_account *account)
{
	return account->layout == CONFIG_LAYOUT_NESTED ? MAILDIR_NESTED : MAILDIR_PLUSPLUS;
}

int history_open_attic(const struct config_account *account, struct maildir_root *root,
	struct attic *attic, struct err *err)
{
	attic->fd = -1;
	if (maildir_root_open(root, account->path, layout_of(account), false, err) != 0) {
		root->fd = -1;
		if (err->sys != ENOENT)
			return -1;
		err_clear(err);
		return 0;
	}
	return attic_open(attic, root, account->state_dir, account->name, false, err);
}

void history_close_attic(struct maildir_root *root, struct attic *attic)
{
	attic_close(attic);
	maildir_root_close(root);
}

static int read_kept(const struct config_account *account, struct arena *arena,
	struct sync_log *out, struct err *err)
{
	struct maildir_root root;
	struct attic attic;
	struct attic_items items = {0};
	int rc = history_open_attic(account, &root, &attic, err);

	if (rc == 0)
		rc = attic_list(&attic, arena, &items, err);
	history_close_attic(&root, &attic);
	if (rc != 0)
		return -1;
	out->kept = arena_alloc(arena, (items.count + 1) * sizeof(*out->kept));
	for (size_t i = 0; i < items.count; i++) {
		const struct attic_item *item = &items.items[i];
		out->kept[out->kept_count++] = (struct sync_kept){
			item->pass, item->when, item->folder, item->path, item->size};
	}
	return 0;
}

const struct sync_past *history_find(const struct sync_log *log, uint64_t pass)
{
	for (size_t i = log->pass_count; i > 0; i--)
		if (log->passes[i - 1].pass == pass)
			return &log->passes[i - 1];
	return NULL;
}

/* What is kept of passes that have no line (yet). */
static void add_unfinished(struct arena *arena, struct sync_log *log)
{
	struct sync_past *all =
		arena_alloc(arena, (log->pass_count + log->kept_count + 1) * sizeof(*all));
	size_t known = log->pass_count;

	memcpy(all, log->passes, known * sizeof(*all));
	log->passes = all;
	for (size_t i = 0; i < log->kept_count; i++) {
		const struct sync_kept *kept = &log->kept[i];
		if (i > 0 && log->kept[i - 1].pass == kept->pass)
			all[log->pass_count - 1].deleted_here +=
				all[log->pass_count - 1].pass == kept->pass &&
				log->pass_count > known;
		else if (!history_find(log, kept->pass))
			all[log->pass_count++] = (struct sync_past){.pass = kept->pass,
				.time = kept->time,
				.deleted_here = 1,
				.unfinished = 1};
	}
}

int sync_read_log(const struct config_account *account, struct arena *arena, struct sync_log *out,
	struct err *err)
{
	*out = (struct sync_log){0};
	if (history_read_passes(account, arena, out, err) != 0 ||
		read_kept(account, arena, out, err) != 0)
		return -1;
	add_unfinished(arena, out);
	return 0;
}

/* ---- a pass that was killed ---- */

/* What the last pass that committed anything had done by then. 1, 0, -1. */
static int read_progress(struct pass *pass, struct sync_past *out, struct err *err)
{
	struct state_read *read = NULL;
	struct slice text;

	if (state_read_begin(pass->state, &read, err) != 0)
		return -1;
	int rc = state_get_text(read, "progress", &text, err);
	if (rc == 1) {
		text.n -= text.n > 0; /* the newline */
		rc = parse(text, out);
	}
	state_read_end(read);
	return rc;
}

/* Put PAST at the end of the history, with what the attic has of it; not if it is there already, or
 * did nothing. */
static int add_line(struct pass *pass, struct sync_past *past, struct err *err)
{
	struct arena arena = {0};
	struct sync_log log = {0};
	struct buf line = {0};
	uint64_t kept = 0;
	char *path = history_file(pass->account);
	int rc = history_read_passes(pass->account, &arena, &log, err);

	if (rc == 0 && !history_find(&log, past->pass)) {
		rc = read_kept(pass->account, &arena, &log, err);
		for (size_t i = 0; i < log.kept_count; i++)
			if (log.kept[i].pass == past->pass) {
				past->time = past->time ? past->time : log.kept[i].time;
				kept++;
			}
		if (past->deleted_here < kept)
			past->deleted_here = kept;
		bool any = format(past, &line);
		past->unfinished = 1;
		buf_clear(&line);
		if (rc == 0 && any && format(past, &line))
			rc = append(path, buf_slice(&line), err);
	}
	free(path);
	buf_fini(&line);
	arena_fini(&arena);
	return rc;
}

/* A state that begins anew would count anew, too: `undo` and `log` would take what is long past for
 * the latest. */
static int go_on_counting(struct pass *pass, const struct attic *attic, struct err *err)
{
	struct arena arena = {0};
	struct sync_log log = {0};
	uint64_t last = 0;
	int rc = attic_last(attic, &last, err);

	if (rc == 0)
		rc = history_read_passes(pass->account, &arena, &log, err);
	for (size_t i = 0; i < log.pass_count; i++)
		if (log.passes[i].pass > last)
			last = log.passes[i].pass;
	if (last >= pass->number && last < UINT64_MAX)
		pass->number = last + 1;
	arena_fini(&arena);
	return rc;
}

int history_open_pass(struct pass *pass, struct err *err)
{
	const struct config_account *a = pass->account;
	struct sync_past past = {0}, numbered = {.pass = pass->number};
	struct attic attic = {.fd = -1};

	int rc = read_progress(pass, &past, err);
	if (rc < 0 || (rc == 1 && add_line(pass, &past, err) != 0) ||
		attic_open(&attic, &pass->root, a->state_dir, a->name, false, err) != 0)
		return -1;
	rc = pass->number == 1 ? go_on_counting(pass, &attic, err) : 0;
	while (rc == 0 && attic_has(&attic, pass->number)) {
		numbered.pass = pass->number++;
		rc = add_line(pass, &numbered, err);
	}
	attic_close(&attic);
	return rc;
}

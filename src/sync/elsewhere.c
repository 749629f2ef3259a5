/*
 * See elsewhere.h. A BASE is enough where the state does not know it in that folder, as no two
 * programs make the same; most readers keep it. Some do not, so contents are compared, too, of
 * those new files whose size fits.
 */
#include "sync/elsewhere.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "sync/pair.h"
#include "sync/unwind.h"

struct searching {
	struct pass *pass;
	const struct folder *folder;
	struct maildir *maildir;
	struct sought *items; /* sorted by BASE */
	size_t count;
	struct pair_sizes sizes; /* of those not found yet */
};

static int compare_bases(const void *a, const void *b)
{
	return slice_cmp(((const struct sought *)a)->base, ((const struct sought *)b)->base);
}

static struct sought *find(const struct searching *s, struct slice base)
{
	struct sought key = {.base = base};
	return bsearch(&key, s->items, s->count, sizeof(*s->items), compare_bases);
}

/* The content of the message that the state knows in this folder under BASE. 1, 0: it knows none,
 * -1. */
static int recall(
	const struct searching *s, struct slice base, struct digest *content, struct err *err)
{
	const uint32_t ids[] = {s->folder->id, s->folder->former};
	struct state_read *read = NULL;
	struct state_message row;
	uint32_t uid;
	int rc = 0;

	if (state_read_begin(s->pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < COUNT_OF(ids) && ids[i] != 0; i++) {
		rc = state_get_by_base(read, ids[i], base, &uid, err);
		if (rc == 1)
			rc = state_get_message(read, ids[i], uid, &row, err);
	}
	if (rc == 1)
		*content = row.content;
	state_read_end(read);
	return rc;
}

/* Read FILE, if its size may be that of something sought. 1, 0: it was not, -1. */
static int read_content(const struct searching *s, const struct maildir_file *file,
	struct digest *out, struct err *err)
{
	struct maildir_reader *reader;
	struct maildir_facts facts;
	char path[MAILDIR_FILE_SIZE];
	uint64_t size;
	int64_t stamp;

	snprintf(
		path, sizeof(path), "%s/%.*s", file->in_new ? "new" : "cur", SLICE_ARG(file->name));
	int rc = maildir_file_stat(s->maildir, path, &size, &stamp, err);
	if (rc == 0 && !pair_file_fits(&s->sizes, size))
		return 0;
	if (rc == 0)
		rc = maildir_reader_open(&reader, s->maildir, path, &facts, err);
	if (rc == 0) {
		maildir_reader_close(reader);
		*out = facts.content;
		return 1;
	}
	/* Gone again, being written, or not for us: whoever takes the mailbox tells. */
	if (err->sys != ENOENT && err->sys != EACCES && err->kind != ERR_CONFLICT)
		return -1;
	err_clear(err);
	return 0;
}

static void mark_content(struct searching *s, const struct digest *content)
{
	for (size_t i = 0; i < s->count; i++)
		if (!s->items[i].found && !digest_is_zero(content) &&
			digest_equal(&s->items[i].content, content)) {
			s->items[i].found = true;
			return; /* one file is one message */
		}
}

static int look_at(struct searching *s, const struct maildir_file *file, struct err *err)
{
	struct digest content = {{0}};
	struct sought *item = find(s, file->base);
	int known = recall(s, file->base, &content, err);

	if (known < 0)
		return -1;
	if (item && item->moving && known == 1) {
		item->still = true;
		return 0;
	}
	if (item && item->found)
		return 0;
	if (item) { /* known: sent from there already, by this pass or one before */
		item->found = known == 0 ||
			      (!digest_is_zero(&content) && digest_equal(&item->content, &content));
		return 0;
	}
	int rc = known == 0 ? read_content(s, file, &content, err) : 0;
	if (rc == 1)
		mark_content(s, &content);
	return rc < 0 ? -1 : 0;
}

static int look_in(struct searching *s, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable;
	int rc;

	if (maildir_open(&s->maildir, &s->pass->root, s->folder->path, s->pass->keywords, err) != 0)
		return err->sys == ENOENT ? 0 : -1;
	if ((rc = maildir_scan_begin(&scan, s->maildir, err)) == 0)
		while ((rc = maildir_scan_next(&scan, &file, err)) == 1)
			if (look_at(s, &file, err) != 0) {
				rc = -1;
				break;
			}
	rc = maildir_scan_end(&scan, rc, &stable, err);
	maildir_unref(s->maildir);
	return rc;
}

/* The sizes of what is not found yet. */
static size_t list_sizes(struct searching *s)
{
	s->sizes.count = 0;
	for (size_t i = 0; i < s->count; i++)
		if (!s->items[i].found)
			s->sizes.sizes[s->sizes.count++] = s->items[i].size;
	pair_sizes_sort(&s->sizes);
	return s->sizes.count;
}

int elsewhere_look(
	struct pass *pass, const char *mailbox, struct sought *items, size_t count, struct err *err)
{
	struct searching s = {.pass = pass, .items = items, .count = count};
	int rc = 0;

	s.sizes.sizes = xcalloc(count + 1, sizeof(*s.sizes.sizes));
	if (count > 0)
		qsort(items, count, sizeof(*items), compare_bases);
	for (size_t i = 0; rc == 0 && i < pass->folder_count && list_sizes(&s) > 0; i++) {
		s.folder = &pass->folders[i];
		if (strcmp(s.folder->name, mailbox) == 0 || look_in(&s, err) == 0)
			continue;
		if (unwind_of(err) != UNWIND_MAILBOX) {
			rc = -1;
			break;
		}
		log_warn("%s: %s", s.folder->name,
			err->msg); /* who takes the mailbox tells it, too */
		err_clear(err);
	}
	for (size_t i = 0; i < count; i++)
		items[i].found &= !items[i].still;
	free(s.sizes.sizes);
	return rc;
}

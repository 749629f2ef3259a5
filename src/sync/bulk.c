/*
 * Files are read once: their facts go to a temporary file that has no name any more when the first
 * byte is in it, so that it goes with the process, however that ends. In memory stay the beginning
 * of the header's digest and the place of the facts, sorted by digest (8 bytes a file), and the
 * sizes that occur. Then the server's messages are taken window by window, in the order of their
 * UIDs, as pair_match() would do with all of them.
 *
 * Rejected: a table of the state for it (random keys, and a transaction that has to be undone), and
 * windows of files, too (each window of messages would have to be compared with each).
 */
#include "sync/bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "sync/pair.h"

#define WRITE_AT_ONCE (64u << 10)
#define TWINS_MOST 1000 /* files with one header that a window looks at */
#define GRAIN 32        /* sizes are kept as multiples of it: the sieve is coarser */

static unsigned bulk_from = 20000, window = 5000;

void sync_set_bulk(unsigned from, unsigned messages)
{
	bulk_from = from;
	window = messages;
}

/* As it lies in the temporary file, two names with their NULs behind it. */
struct record {
	struct new_here file; /* its pointers mean nothing */
	uint32_t name_n, base_n;
};
#define RECORD_MOST (sizeof(struct record) + 2 * ROW_FILE_SIZE)

#define PLACE 16
struct bulk {
	struct worker *w;
	struct box *box;
	struct uidset uids; /* new there */
	struct uid_iter it;
	int fd;
	struct buf out;    /* not written yet */
	uint64_t written;  /* bytes in the temporary file */
	uint64_t *entries; /* sorted: the first 32 bits of a file's header digest, then the place
			      of its record in units of PLACE. Others may begin alike. */
	size_t count, room;
	struct pair_sizes sizes; /* multiples of GRAIN, each once */
	size_t sizes_room;
	size_t files; /* read so far */
};

bool bulk_suits(const struct worker *w, const struct box *box, const struct look *look)
{
	return w->pass->settler && box->maildir && !box->in_bulk &&
	       look->new_here_count >= bulk_from && !uidset_empty(&look->new_there);
}

static uint32_t key_of(const struct digest *header)
{
	uint32_t key;

	memcpy(&key, header->bytes, sizeof(key));
	return key;
}

/* ---- files ---- */

static int make_temporary(struct bulk *b, struct err *err)
{
	char *path = xasprintf("%s/pairing.tmp", b->w->pass->account->state_dir);
	int rc = -1;

	/* Of a pass that was killed before it had taken the name away. */
	if (fs_unlink(AT_FDCWD, path, err) == 0 || err->sys == ENOENT) {
		err_clear(err);
		b->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
		rc = b->fd >= 0 ? fs_unlink(AT_FDCWD, path, err)
				: err_set_errno(err, ERR_DISK, "can't create %s", path);
	}
	free(path);
	return rc;
}

static int flush(struct bulk *b, struct err *err)
{
	if (fs_write_all(b->fd, b->out.data, b->out.len, err) != 0)
		return -1;
	b->written += b->out.len;
	buf_clear(&b->out);
	return 0;
}

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void sort_sizes(struct pair_sizes *s)
{
	size_t kept = 0;

	if (s->count > 0)
		qsort(s->sizes, s->count, sizeof(*s->sizes), compare_numbers);
	for (size_t i = 0; i < s->count; i++)
		if (kept == 0 || s->sizes[kept - 1] != s->sizes[i])
			s->sizes[kept++] = s->sizes[i];
	s->count = kept;
}

/* The multiples on both sides of SIZE: any range of sizes that has it in it, and is no narrower
 * than the grain, has one of them, too. */
static void add_size(struct bulk *b, uint64_t size)
{
	if (b->sizes.count + 2 > b->sizes_room)
		sort_sizes(&b->sizes);
	/* Grown only if sorting did not help. */
	while (b->sizes.count * 2 + 2 > b->sizes_room)
		b->sizes.sizes = base_reserve(
			b->sizes.sizes, b->sizes_room, &b->sizes_room, sizeof(uint64_t));
	b->sizes.sizes[b->sizes.count++] = size / GRAIN * GRAIN;
	b->sizes.sizes[b->sizes.count++] = (size / GRAIN + 1) * GRAIN;
}

static int keep(struct bulk *b, const struct new_here *file, struct err *err)
{
	struct record record = {
		*file, (uint32_t)strlen(file->name) + 1, (uint32_t)strlen(file->base) + 1};

	uint64_t at = b->written + b->out.len;
	static const char zeros[PLACE];

	if (record.name_n > ROW_FILE_SIZE || record.base_n > ROW_FILE_SIZE ||
		at / PLACE > UINT32_MAX)
		return 0; /* left to the usual pairing */
	b->entries = base_reserve(b->entries, b->count, &b->room, sizeof(*b->entries));
	b->entries[b->count++] = (uint64_t)key_of(&file->header) << 32 | at / PLACE;
	add_size(b, file->wire_size);
	buf_add(&b->out, (const char *)&record, sizeof(record));
	buf_add(&b->out, file->name, record.name_n);
	buf_add(&b->out, file->base, record.base_n);
	buf_add(&b->out, zeros, (PLACE - b->out.len % PLACE) % PLACE);
	return b->out.len >= WRITE_AT_ONCE ? flush(b, err) : 0;
}

/* A file without a row; the strings of NEW are in the arena. */
static int read_one(struct bulk *b, const struct maildir_file *file, struct err *err)
{
	struct arena *arena = &b->w->arena;
	struct new_here new = {
		.name = arena_printf(
			arena, "%s/%.*s", file->in_new ? "new" : "cur", SLICE_ARG(file->name)),
		.base = arena_strndup(arena, file->base.p, file->base.n),
		.flags = maildir_flags(b->box->maildir, file->info),
	};
	struct state_read *read = NULL;
	uint32_t uid;

	if (cancel_check(err) != 0 || state_read_begin(b->w->pass->state, &read, err) != 0)
		return -1;
	int known = state_get_by_base(read, b->box->row.id, file->base, &uid, err);
	int rc = known == 0 ? look_history(b->w->pass, b->box, read, &new, err) : known;
	state_read_end(read);
	if (known == 0 && rc == 0)
		rc = facts_of(b->box, &new, err);
	if (known == 0 && rc == 0 && new.has_facts)
		rc = keep(b, &new, err);
	if (++b->files % 1000 == 0)
		arena_reset(arena);
	report_advance(b->w->pass->report, b->w->number, known == 0, 0);
	return rc < 0 ? -1 : 0;
}

static int read_files(struct bulk *b, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	bool stable;
	int rc;

	if (maildir_scan_begin(&scan, b->box->maildir, err) != 0)
		return -1;
	while ((rc = maildir_scan_next(&scan, &file, err)) == 1)
		if (read_one(b, &file, err) != 0) {
			rc = -1;
			break;
		}
	/* What a restless folder hides is left to the usual pairing. */
	return maildir_scan_end(&scan, rc, &stable, err) == 0 ? flush(b, err) : -1;
}

int bulk_open(struct bulk **out, struct worker *w, struct box *box, const struct uidset *new_there,
	struct err *err)
{
	struct bulk *b = xcalloc(1, sizeof(*b));

	*out = b;
	b->w = w;
	b->box = box;
	b->fd = -1;
	uidset_copy(&b->uids, new_there);
	arena_reset(&w->arena);
	report_begin(w->pass->report, w->number, box->name, "comparing", 0, 0);
	if (make_temporary(b, err) != 0 || read_files(b, err) != 0)
		return -1;
	sort_sizes(&b->sizes);
	if (b->count > 0)
		qsort(b->entries, b->count, sizeof(*b->entries), compare_numbers);
	log_info("%s: comparing %zu files with %llu messages", box->name, b->count,
		(unsigned long long)uidset_size(&b->uids));
	return 0;
}

void bulk_close(struct bulk *b)
{
	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd);
	uidset_fini(&b->uids);
	buf_fini(&b->out);
	free(b->entries);
	free(b->sizes.sizes);
	free(b);
}

/* ---- a window ---- */

struct candidates {
	struct new_here *files; /* malloc; strings in the arena */
	size_t count, room;
};

/* 1: it is there, 0: it is no file to be paired (any more), -1. */
static int read_record(struct bulk *b, uint64_t entry, struct new_here *out, struct err *err)
{
	char bytes[RECORD_MOST];
	struct record record;
	ssize_t n = pread(b->fd, bytes, sizeof(bytes), (off_t)(entry & UINT32_MAX) * PLACE);

	if (n < 0)
		return err_set_errno(err, ERR_DISK, "can't read what is known of files");
	ASSERT((size_t)n >= sizeof(record));
	memcpy(&record, bytes, sizeof(record));
	ASSERT((size_t)n >= sizeof(record) + record.name_n + record.base_n);
	*out = record.file;
	out->name = bytes + sizeof(record);
	out->base = out->name + record.name_n;
	out->name = arena_strndup(&b->w->arena, out->name, record.name_n - 1);
	out->base = arena_strndup(&b->w->arena, out->base, record.base_n - 1);
	return 0;
}

static size_t lower_bound(const struct bulk *b, uint64_t entry)
{
	size_t low = 0, high = b->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (b->entries[middle] < entry)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Files whose header begins as KEY, and that no earlier window has taken. */
static int add_files(struct bulk *b, uint32_t key, struct state_read *read, struct candidates *c,
	struct err *err)
{
	struct new_here file;
	uint32_t uid;

	for (size_t k = lower_bound(b, (uint64_t)key << 32), n = 0;
		k < b->count && b->entries[k] >> 32 == key && n < TWINS_MOST; k++) {
		if (read_record(b, b->entries[k], &file, err) != 0)
			return -1;
		int taken =
			state_get_by_base(read, b->box->row.id, slice_str(file.base), &uid, err);
		if (taken < 0)
			return -1;
		if (taken == 1)
			continue;
		c->files = base_reserve(c->files, c->count, &c->room, sizeof(*c->files));
		c->files[c->count++] = file;
		n++;
	}
	return 0;
}

static int compare_bases(const void *a, const void *b)
{
	const struct new_here *x = a, *y = b;
	int order = strcmp(x->base, y->base);
	return order != 0 ? order : strcmp(x->name, y->name);
}

/* In the order in which the usual pairing has them. Of two files with one BASE the second has to
 * get another one first (here.c). */
static void sort_candidates(struct candidates *c)
{
	size_t kept = 0;

	if (c->count > 0)
		qsort(c->files, c->count, sizeof(*c->files), compare_bases);
	for (size_t i = 0; i < c->count; i++)
		if (kept == 0 || strcmp(c->files[kept - 1].base, c->files[i].base) != 0)
			c->files[kept++] = c->files[i];
	c->count = kept;
}

static int find_candidates(struct bulk *b, const struct new_there *there, size_t count,
	struct candidates *c, struct err *err)
{
	uint64_t *keys = arena_alloc(&b->w->arena, (count + 1) * sizeof(*keys));
	struct state_read *read = NULL;
	size_t n = 0;
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		if (!digest_is_zero(&there[i].header))
			keys[n++] = key_of(&there[i].header);
	if (n > 0)
		qsort(keys, n, sizeof(*keys), compare_numbers);
	if (state_read_begin(b->w->pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; rc == 0 && i < n; i++)
		if (i == 0 || keys[i] != keys[i - 1])
			rc = add_files(b, (uint32_t)keys[i], read, c, err);
	state_read_end(read);
	sort_candidates(c);
	return rc;
}

/* Only what has a partner: those messages and their files, in the same order. */
static void take_pairs(struct bulk *b, const struct new_there *there, size_t count,
	const struct candidates *c, const int32_t *partner, struct changes *changes,
	struct pairing *pairing)
{
	struct arena *arena = &b->w->arena;
	struct new_there *messages = arena_alloc(arena, (count + 1) * sizeof(*messages));
	struct new_here *files = arena_alloc(arena, (count + 1) * sizeof(*files));
	size_t n = 0;

	pairing->partner = arena_alloc(arena, (count + 1) * sizeof(*pairing->partner));
	for (size_t i = 0; i < count; i++) {
		if (partner[i] < 0)
			continue;
		ASSERT(c->files && (size_t)partner[i] < c->count);
		messages[n] = there[i];
		files[n] = c->files[partner[i]];
		pairing->partner[n] = (int32_t)n;
		n++;
	}
	*changes = (struct changes){.new_there = messages,
		.new_there_count = n,
		.new_here = files,
		.new_here_count = n};
}

/* COUNT messages; CHANGES may come out empty. */
static int pair_window(struct bulk *b, struct new_there *there, size_t count,
	struct changes *changes, struct pairing *pairing, struct err *err)
{
	struct worker *w = b->w;
	struct candidates c = {0};
	int rc = -1;

	if (facts_sizes(w, there, count, err) == 0 &&
		facts_fitting_headers(w, b->box, &b->sizes, there, count, err) == 0 &&
		find_candidates(b, there, count, &c, err) == 0 &&
		facts_contents(w, b->box, c.files, c.count, there, count, err) == 0) {
		int32_t *partner = arena_alloc(&w->arena, (count + 1) * sizeof(*partner));
		bool *used = arena_zalloc(&w->arena, c.count + 1);
		pair_match(&w->arena, there, count, c.files, c.count, used, partner);
		take_pairs(b, there, count, &c, partner, changes, pairing);
		rc = 0;
	}
	free(c.files);
	return rc;
}

int bulk_next(struct bulk *b, struct changes *changes, struct pairing *pairing, struct err *err)
{
	uint32_t uid;

	*changes = (struct changes){0};
	while (changes->new_there_count == 0) {
		arena_reset(&b->w->arena);
		struct new_there *there = arena_zalloc(&b->w->arena, window * sizeof(*there));
		size_t count = 0;
		while (count < window && (uid = uidset_next(&b->uids, &b->it)) != 0)
			there[count++].uid = uid;
		if (count == 0)
			return 0;
		if (cancel_check(err) != 0 ||
			pair_window(b, there, count, changes, pairing, err) != 0)
			return -1;
	}
	return 1;
}

/*
 * Rejected: hard links beside the unlinked file (two changes of the file system where one rename
 * will do, and file systems without links), and copying (a pass that deletes would fill the disk).
 */
#include "maildir/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"

#define DEPTH_MOST 70
#define ITEMS_MOST 1000000
#define SHARE_MOST 10 /* percent of the file system */

/* ---- places ---- */

/* "PARENT/.godwit-deleted-ACCOUNT" beside the root. */
static char *place_beside(const char *root, const char *account)
{
	const char *slash = strrchr(root, '/');
	int n = slash && slash != root ? (int)(slash - root) : 0;

	return xasprintf("%.*s/.godwit-deleted-%s", n, root, account);
}

static int open_plain(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

/* 1: PLACE is open and on the root's file system; 0: it will not do. */
static int try_place(
	struct attic *attic, const struct maildir_root *root, const char *place, bool create)
{
	struct stat st;
	struct err ignored = {0};

	int fd = open_plain(place);
	if (fd < 0 && errno == ENOENT && create && fs_mkdir(AT_FDCWD, place, 0700, &ignored) == 0)
		fd = open_plain(place);
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) == 0 && st.st_dev == root->device) {
		attic->fd = fd;
		return 1;
	}
	close(fd);
	/* Made in vain: take it away, unless somebody used it. */
	if (create && rmdir(place) != 0)
		log_debug(LOG_MAILDIR, "%s stays", place);
	return 0;
}

int attic_open(struct attic *attic, const struct maildir_root *root, const char *state_dir,
	const char *account, bool create, struct err *err)
{
	char *places[] = {
		xasprintf("%s/deleted", state_dir),
		place_beside(root->path, account),
		/* Maildir++ takes what begins with a dot for a mailbox, others look past it. */
		xasprintf("%s/%sgodwit-deleted-%s", root->path,
			root->layout == MAILDIR_PLUSPLUS ? "" : ".", account),
	};
	int found = 0;

	attic->fd = -1;
	for (size_t i = 0; i < COUNT_OF(places); i++) {
		if (!found)
			found = try_place(attic, root, places[i], create);
		free(places[i]);
	}
	if (found || !create)
		return 0;
	return err_set(err, ERR_CONFLICT,
		"there is no place on the file system of %s to keep deleted messages; nothing is "
		"deleted (sync.keep_deleted: 0 would not keep them)",
		root->path);
}

void attic_close(struct attic *attic)
{
	if (attic->fd >= 0)
		close(attic->fd);
	attic->fd = -1;
}

/* ---- walking ---- */

struct walk {
	struct arena *arena;
	struct attic_item *items; /* malloc */
	size_t count, room;
	uint64_t pass;
	int64_t when;
	unsigned depth;
};

static int add_item(struct walk *w, int fd, const char *folder, const char *part, const char *name,
	struct err *err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode))
		return 0; /* nothing of ours */
	if (w->count == ITEMS_MOST)
		return err_set(err, ERR_DISK, "more than %d deleted messages are kept", ITEMS_MOST);
	w->items = base_reserve(w->items, w->count, &w->room, sizeof(*w->items));
	w->items[w->count++] = (struct attic_item){
		.pass = w->pass,
		.when = w->when,
		.folder = arena_strdup(w->arena, folder[0] ? folder : "."),
		.path = arena_printf(w->arena, "%s/%s", part, name),
		.size = (uint64_t)st.st_size,
	};
	return 0;
}

static int walk_part(struct walk *w, int at, const char *folder, const char *part, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	int rc;

	if (fs_dir_open(&dir, at, part, err) != 0)
		return err->sys == ENOENT || err->sys == ENOTDIR || err->sys == ELOOP ? 0 : -1;
	while ((rc = fs_dir_next(&dir, &entry, err)) == 1)
		if (add_item(w, dir.fd, folder, part, entry.name, err) != 0) {
			rc = -1;
			break;
		}
	fs_dir_close(&dir);
	return rc;
}

static bool is_part(const char *name)
{
	return strcmp(name, "cur") == 0 || strcmp(name, "new") == 0;
}

/* FD is FOLDER's: its messages, then the folders below it. */
static int walk_folder(struct walk *w, int fd, const char *folder, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	int rc = 0;

	if (walk_part(w, fd, folder, "cur", err) != 0 || walk_part(w, fd, folder, "new", err) != 0)
		return -1;
	if (++w->depth > DEPTH_MOST)
		return err_set(err, ERR_DISK, "%s: nested too deeply", folder);
	if (fs_dir_open(&dir, fd, ".", err) != 0)
		return -1;
	while (rc >= 0 && (rc = fs_dir_next(&dir, &entry, err)) == 1) {
		if (is_part(entry.name))
			continue;
		int sub =
			openat(dir.fd, entry.name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
		if (sub < 0)
			continue;
		char *path = xasprintf("%s%s%s", folder, folder[0] ? "/" : "", entry.name);
		if (walk_folder(w, sub, path, err) != 0)
			rc = -1;
		free(path);
		close(sub);
	}
	fs_dir_close(&dir);
	w->depth--;
	return rc < 0 ? -1 : 0;
}

/* A folder that attic_keep() made: its number. */
static bool is_pass(const char *name, uint64_t *pass)
{
	return strlen(name) >= 12 && slice_number(slice_str(name), UINT64_MAX, pass);
}

static int compare_items(const void *a, const void *b)
{
	const struct attic_item *x = a, *y = b;

	if (x->pass != y->pass)
		return x->pass < y->pass ? -1 : 1;
	int order = strcmp(x->folder, y->folder);
	return order != 0 ? order : strcmp(x->path, y->path);
}

static int walk_pass(struct walk *w, int at, const char *name, struct err *err)
{
	struct stat st;
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_set_errno(err, ERR_DISK, "can't open %s", name);
	w->when = fstat(fd, &st) == 0 ? st.st_ctim.tv_sec : 0;
	int rc = walk_folder(w, fd, "", err);
	close(fd);
	return rc;
}

int attic_list(
	const struct attic *attic, struct arena *arena, struct attic_items *out, struct err *err)
{
	struct walk w = {.arena = arena};
	struct fs_dir dir;
	struct fs_entry entry;
	int rc = 0;

	*out = (struct attic_items){0};
	if (attic->fd < 0)
		return 0;
	if (fs_dir_open(&dir, attic->fd, ".", err) != 0)
		return -1;
	while (rc >= 0 && (rc = fs_dir_next(&dir, &entry, err)) == 1)
		if (is_pass(entry.name, &w.pass) && walk_pass(&w, dir.fd, entry.name, err) != 0)
			rc = -1;
	fs_dir_close(&dir);
	if (rc == 0) {
		out->count = w.count;
		out->items = arena_alloc(arena, (w.count + 1) * sizeof(*out->items));
		if (w.items) {
			memcpy(out->items, w.items, w.count * sizeof(*out->items));
			qsort(out->items, out->count, sizeof(*out->items), compare_items);
		}
	}
	free(w.items);
	return rc < 0 ? -1 : 0;
}

bool attic_has(const struct attic *attic, uint64_t pass)
{
	char name[32];

	snprintf(name, sizeof(name), "%012llu", (unsigned long long)pass);
	return attic->fd >= 0 && faccessat(attic->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int attic_last(const struct attic *attic, uint64_t *pass, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	uint64_t number;
	int rc;

	*pass = 0;
	if (attic->fd < 0)
		return 0;
	if (fs_dir_open(&dir, attic->fd, ".", err) != 0)
		return -1;
	while ((rc = fs_dir_next(&dir, &entry, err)) == 1)
		if (is_pass(entry.name, &number) && number > *pass)
			*pass = number;
	fs_dir_close(&dir);
	return rc;
}

/* ---- back, or gone for good ---- */

/* The name of ITEM in its folder: FROM's letters for its keywords, translated to TO's. */
static int name_back(struct maildir *from, struct maildir *to, const struct attic_item *item,
	char *out, size_t size, struct err *err)
{
	struct slice base, info;
	size_t letters;

	snprintf(out, size, "%s", item->path);
	maildir_split(slice_str(item->path + 4), &base, &info);
	struct flags flags = maildir_flags(from, info);
	struct flags plain = flags_system(flags.system);
	if (flags_equal(&flags, &plain))
		return 0;
	if (maildir_letters_add(to, &flags, NULL, err) != 0)
		return -1;
	/* Capitals stay as they are; small letters are of the other table. */
	for (letters = info.n; letters > 0 && info.p[letters - 1] >= 'a'; letters--)
		;
	if (maildir_filename(to, base, false, (struct slice){info.p, letters}, &flags, out, size) ==
		0)
		return err_set(err, ERR_DISK, "%s: the file name would be too long", item->path);
	return 0;
}

static int restore(
	struct maildir *from, struct maildir *to, const struct attic_item *item, struct err *err)
{
	char path[MAILDIR_FILE_SIZE];
	bool in_new = item->path[0] == 'n';
	int target = in_new ? to->fd_new : to->fd_cur;

	if (maildir_letters_load(from, err) != 0 || maildir_letters_load(to, err) != 0 ||
		name_back(from, to, item, path, sizeof(path), err) != 0 ||
		attic_move(in_new ? from->fd_new : from->fd_cur, item->path + 4, target, path + 4,
			err) != 0)
		return -1;
	return 0;
}

static struct maildir_root attic_as_root(const struct attic *attic, const struct maildir_root *root)
{
	return (struct maildir_root){.fd = attic->fd,
		.layout = MAILDIR_NESTED,
		.device = root->device,
		.path = root->path};
}

/* Where ITEM's folder lies in the attic; to be freed. */
static char *source_path(const struct attic_item *item)
{
	bool top = strcmp(item->folder, ".") == 0;

	return xasprintf("%012llu%s%s", (unsigned long long)item->pass, top ? "" : "/",
		top ? "" : item->folder);
}

int attic_prepare(const struct attic *attic, const struct maildir_root *root,
	const struct attic_item *item, struct err *err)
{
	struct maildir_root kept = attic_as_root(attic, root);
	char *source = source_path(item);
	/* What is moved into a folder that a power cut takes away would be on neither side. */
	int rc = maildir_create(&kept, source, err) != 0 ||
				 maildir_create(root, item->folder, err) != 0 ||
				 fs_sync_path(root->fd, item->folder, err) != 0
			 ? -1
			 : 0;

	free(source);
	return rc;
}

int attic_restore(const struct attic *attic, const struct maildir_root *root,
	struct keywords *keywords, const struct attic_item *item, struct err *err)
{
	struct maildir_root kept = attic_as_root(attic, root);
	struct maildir *from = NULL, *to = NULL;
	char *source = source_path(item);
	int rc = -1;

	if (maildir_open(&from, &kept, source, keywords, err) == 0 &&
		maildir_open(&to, root, item->folder, keywords, err) == 0)
		rc = restore(from, to, item, err);
	maildir_unref(from);
	maildir_unref(to);
	free(source);
	return rc;
}

/* Everything below AT/NAME, then NAME itself. */
static int remove_tree(int at, const char *name, unsigned depth, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	int rc = 0;

	if (depth > DEPTH_MOST)
		return err_set(err, ERR_DISK, "%s: nested too deeply", name);
	if (fs_dir_open(&dir, at, name, err) != 0)
		return -1;
	while (rc >= 0 && (rc = fs_dir_next(&dir, &entry, err)) == 1)
		if (fs_unlink(dir.fd, entry.name, err) != 0)
			rc = err->sys == EISDIR || err->sys == EPERM
				     ? remove_tree(dir.fd, entry.name, depth + 1, err)
				     : -1;
	fs_dir_close(&dir);
	if (rc < 0)
		return -1;
	return fs_rmdir(at, name, err);
}

int attic_expire(const struct attic *attic, int64_t before, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	struct stat st;
	uint64_t pass;
	int rc = 0;

	if (attic->fd < 0)
		return 0;
	if (fs_dir_open(&dir, attic->fd, ".", err) != 0)
		return -1;
	while (rc >= 0 && (rc = fs_dir_next(&dir, &entry, err)) == 1) {
		if (!is_pass(entry.name, &pass) ||
			fstatat(dir.fd, entry.name, &st, AT_SYMLINK_NOFOLLOW) != 0)
			continue;
		if (S_ISDIR(st.st_mode) && st.st_ctim.tv_sec < before &&
			remove_tree(dir.fd, entry.name, 0, err) != 0)
			rc = -1;
	}
	fs_dir_close(&dir);
	return rc;
}

/* ---- not too much of it ---- */

int attic_limit(const struct attic *attic, uint64_t *bytes, struct err *err)
{
	struct statvfs info;

	if (fstatvfs(attic->fd, &info) != 0)
		return err_set_errno(err, ERR_DISK, "can't look at the file system");
	*bytes = (uint64_t)info.f_blocks * info.f_frsize / 100 * SHARE_MOST;
	return 0;
}

/* Items from FIRST to the return value are of one pass; their *BYTES. */
static size_t pass_end(const struct attic_items *items, size_t first, uint64_t *bytes)
{
	size_t i = first;

	*bytes = 0;
	for (; i < items->count && items->items[i].pass == items->items[first].pass; i++)
		*bytes += items->items[i].size;
	return i;
}

int attic_shrink(const struct attic *attic, uint64_t most, uint64_t *count, struct err *err)
{
	struct arena arena = {0};
	struct attic_items items;
	uint64_t all = 0, bytes;
	char name[32];
	int rc = attic_list(attic, &arena, &items, err);

	*count = 0;
	for (size_t i = 0; rc == 0 && i < items.count; i++)
		all += items.items[i].size;
	for (size_t i = 0, end; rc == 0 && all > most; i = end) {
		end = pass_end(&items, i, &bytes);
		if (end == items.count)
			break;
		snprintf(name, sizeof(name), "%012llu", (unsigned long long)items.items[i].pass);
		rc = remove_tree(attic->fd, name, 0, err);
		all -= bytes;
		*count += end - i;
	}
	arena_fini(&arena);
	return rc;
}

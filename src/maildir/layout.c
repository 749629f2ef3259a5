/*
 * Canonical mailbox names <-> folders. This is the one function through which a name that a server
 * chose becomes a path (I6): whatever the name, each level of the result is non-empty, holds no
 * '/', no control byte, does not begin with '.', and is none of cur, new, tmp nor a file of a
 * Maildir; so the path stays below the root and never meets a Maildir's own parts.
 *
 * Canonical levels already carry %XX for what no file name can hold (model/name.h). Here each
 * layout adds what it can't hold; both ways are exact, because a '%' before two hex digits in a
 * canonical level always is such an escape.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/escape.h"
#include "base/log.h"
#include "maildir/part.h"
#include "model/name.h"

#define PATH_MOST 4000
#define LEVEL_MOST 255
#define FOLDERS_MOST 100000
#define DEPTH_MOST 64

static void escape_byte(struct buf *out, unsigned char c)
{
	buf_addf(out, "%%%02X", c);
}

static bool reserved(struct slice level)
{
	static const char *const names[] = {
		"cur", "new", "tmp", "dovecot-keywords", "dovecot-uidlist.lock"};

	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (slice_eq_str(level, names[i]))
			return true;
	return false;
}

/* A canonical level as a folder of the nested layout. */
static bool nested_level(struct slice level, struct buf *out)
{
	size_t start = out->len;

	if (level.n == 0)
		return false;
	if (level.p[0] == '.' || reserved(level))
		escape_byte(out, (unsigned char)level.p[0]);
	else
		buf_add_char(out, level.p[0]);
	buf_add(out, level.p + 1, level.n - 1);
	return out->len - start <= LEVEL_MOST;
}

/* Canonical form of the raw bytes RAW of one level: name_to_canonical() of a name without
 * hierarchy. */
static bool canonical_level(struct slice raw, bool first, struct buf *out)
{
	struct name_rules rules = {.delimiter = 0, .utf8 = true, .prefix = ""};
	size_t start = out->len;

	if (!name_to_canonical(&rules, raw, out))
		return false;
	/* Only a first level may be spelled INBOX for the server; elsewhere it is a name like any
	 * other. */
	if (!first && out->len - start == 5 && slice_eq_nocase(raw, SLICE("INBOX")))
		memcpy(out->data + start, raw.p, 5);
	return true;
}

/*
 * Is NAME what name_to_canonical() writes, no escape more and none fewer, no level without a byte?
 * What is not could lead to the folder of another name.
 */
static bool is_canonical(struct slice name)
{
	struct buf raw = {0}, again = {0};
	struct slice rest = name, level;
	bool good = name.n > 0 && name.p[name.n - 1] != '/', first = true;

	while (good && name_next_level(&rest, &level)) {
		buf_clear(&raw);
		buf_clear(&again);
		name_unescape(level, &raw);
		if (raw.len == 0)
			good = slice_eq_str(level, "%");
		else
			good = canonical_level(buf_slice(&raw), first, &again) &&
			       slice_eq(buf_slice(&again), level);
		first = false;
	}
	buf_fini(&raw);
	buf_fini(&again);
	return good;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "%XX" at P stands for, -1 if it is none. */
static int escaped_byte(struct slice s, size_t i)
{
	if (i + 2 >= s.n || s.p[i] != '%' || hex_value(s.p[i + 1]) < 0 || hex_value(s.p[i + 2]) < 0)
		return -1;
	return hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]);
}

/* Modified UTF-7 in a part of ".A.B". */
static void escape_plusplus(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '.' || text.p[i] == '/' || escaped_byte(text, i) >= 0)
			escape_byte(out, (unsigned char)text.p[i]);
		else
			buf_add_char(out, text.p[i]);
	}
}

/* The canonical form of a level that is not UTF-8. Its own escapes will do, they are no lookalikes.
 */
static void escape_broken(struct slice level, struct buf *out)
{
	for (size_t i = 0; i < level.n; i++) {
		unsigned char c = (unsigned char)level.p[i];
		if (c == '.' || c >= 0x7f)
			escape_byte(out, c);
		else
			buf_add_char(out, (char)c);
	}
}

/* A canonical level as a part of ".A.B": modified UTF-7 of its raw bytes, what can't stand there
 * escaped. */
static void plusplus_level(struct slice level, struct buf *out)
{
	struct buf raw = {0}, text = {0};

	name_unescape(level, &raw);
	if (raw.len == 0)
		buf_add_char(out, '%');
	else if (slice_eq_str(buf_slice(&raw), "%"))
		escape_byte(out, '%'); /* or it would be the empty level */
	else if (utf7_encode(buf_slice(&raw), &text))
		escape_plusplus(buf_slice(&text), out);
	else
		escape_broken(level, out);
	buf_fini(&raw);
	buf_fini(&text);
}

bool maildir_path(enum maildir_layout layout, struct slice canonical, struct buf *out)
{
	struct slice rest = canonical, level;
	size_t start = out->len;
	bool good = is_canonical(canonical), first = true;

	if (layout == MAILDIR_PLUSPLUS && slice_eq_str(canonical, "INBOX")) {
		buf_add_char(out, '.');
		return true;
	}
	while (good && name_next_level(&rest, &level)) {
		if (layout == MAILDIR_PLUSPLUS) {
			buf_add_char(out, '.');
			plusplus_level(level, out);
			good = out->len - start <= LEVEL_MOST;
		} else {
			if (!first)
				buf_add_char(out, '/');
			good = nested_level(level, out);
		}
		first = false;
	}
	good = good && out->len - start <= PATH_MOST;
	if (!good && out->data) {
		out->len = start;
		out->data[start] = '\0';
	}
	return good;
}

/* Whatever is escaped in a LEVEL: by nested_level(), by spelling_respell(), or in the canonical
 * form. */
static bool nested_name(struct slice level, bool first, struct buf *out)
{
	struct buf raw = {0};
	bool good = name_valid_utf8(level);

	if (good)
		name_unescape(level, &raw);
	if (good && raw.len > 0)
		good = canonical_level(buf_slice(&raw), first, out);
	else if (good)
		buf_add_slice(out, level); /* the level without a byte */
	buf_fini(&raw);
	return good;
}

static bool plusplus_name(struct slice level, bool first, struct buf *out)
{
	struct buf text = {0}, raw = {0};
	bool good = true;

	if (slice_eq_str(level, "%")) {
		buf_add_char(out, '%');
		return true;
	}
	for (size_t i = 0; i < level.n; i++) {
		int c = escaped_byte(level, i);
		buf_add_char(&text, c >= 0 ? (char)c : level.p[i]);
		i += c >= 0 ? 2 : 0;
	}
	if (utf7_decode(buf_slice(&text), &raw))
		good = canonical_level(buf_slice(&raw), first, out);
	else
		good = canonical_level(buf_slice(&text), first, out);
	buf_fini(&text);
	buf_fini(&raw);
	return good;
}

static bool plusplus_names(struct slice path, struct buf *out)
{
	bool first = true;

	if (slice_eq_str(path, ".")) {
		buf_add_str(out, "INBOX");
		return true;
	}
	if (path.n < 2 || path.p[0] != '.')
		return false;
	while (path.n > 0) {
		path.p++; /* the dot */
		path.n--;
		const char *dot = path.n ? memchr(path.p, '.', path.n) : NULL;
		struct slice level = {path.p, dot ? (size_t)(dot - path.p) : path.n};
		if (level.n == 0)
			return false;
		if (!first)
			buf_add_char(out, '/');
		if (!plusplus_name(level, first, out))
			return false;
		first = false;
		path.p += level.n;
		path.n -= level.n;
	}
	return true;
}

bool maildir_name(enum maildir_layout layout, struct slice path, struct buf *out)
{
	struct slice rest = path, level;
	struct buf name = {0}, back = {0};
	bool good = path.n > 0;

	if (layout == MAILDIR_PLUSPLUS) {
		good = plusplus_names(path, &name);
	} else {
		for (bool first = true; good && name_next_level(&rest, &level); first = false) {
			if (!first)
				buf_add_char(&name, '/');
			good = level.n > 0 && nested_name(level, first, &name);
		}
	}
	/* Only a folder that this name leads back to stands for it, and only a name that a server
	 * could have. */
	good = good && is_canonical(buf_slice(&name)) &&
	       maildir_path(layout, buf_slice(&name), &back) &&
	       spelling_stands_for(layout, buf_slice(&back), path);
	if (good)
		buf_add_slice(out, buf_slice(&name));
	buf_fini(&name);
	buf_fini(&back);
	return good;
}

bool maildir_stands_for(enum maildir_layout layout, struct slice path, struct slice name)
{
	struct buf found = {0};
	bool same = maildir_name(layout, path, &found) && slice_eq(buf_slice(&found), name);

	buf_fini(&found);
	return same;
}

/* ---- walking ---- */

struct walk {
	const struct maildir_root *root;
	struct arena *arena;
	struct maildir_folder *items; /* malloc */
	size_t count, room;
	unsigned depth;
};

static int add_folder(struct walk *w, const char *path, const struct stat *st, struct err *err)
{
	struct buf name = {0};
	char escaped[512];

	if (w->count == FOLDERS_MOST)
		return err_set(
			err, ERR_DISK, "%s: more than %d folders", w->root->path, FOLDERS_MOST);
	if (!maildir_name(w->root->layout, slice_str(path), &name)) {
		log_warn("the folder %s is left alone: no mailbox name leads to it",
			escape(slice_str(path), escaped, sizeof(escaped)));
		buf_fini(&name);
		return 0;
	}
	w->items = base_reserve(w->items, w->count, &w->room, sizeof(*w->items));
	w->items[w->count++] = (struct maildir_folder){
		.path = arena_strdup(w->arena, path),
		.name = arena_strndup(w->arena, name.data, name.len),
		.device = st->st_dev,
		.inode = st->st_ino,
	};
	buf_fini(&name);
	return 0;
}

static int walk(struct walk *w, int fd, const char *path, struct err *err);

/* The directory NAME within FD, PATH below the root. Other devices and symlinks are not entered. */
static int enter(struct walk *w, int fd, const char *name, const char *path, struct err *err)
{
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : err_set_errno(err, ERR_DISK, "can't look at %s", path);
	if (!S_ISDIR(st.st_mode) || st.st_dev != w->root->device)
		return 0;
	int sub = fs_open_dir(fd, name, err);
	if (sub < 0)
		return err->sys == ENOENT ? 0 : err_wrap(err, "%s", path);
	int rc = part_all_there(sub, err);
	if (rc < 0)
		err_wrap(err, "%s", path);
	if (rc == 1)
		rc = add_folder(w, path, &st, err);
	if (rc == 0 && w->root->layout == MAILDIR_NESTED) {
		if (++w->depth > DEPTH_MOST)
			rc = err_set(err, ERR_DISK, "%s: folders are nested more than %d deep",
				path, DEPTH_MOST);
		else
			rc = walk(w, sub, path, err);
		w->depth--;
	}
	close(sub);
	return rc;
}

static bool candidate(const struct walk *w, const struct fs_entry *entry)
{
	if (entry->type != DT_DIR && entry->type != DT_UNKNOWN)
		return false;
	if (w->root->layout == MAILDIR_PLUSPLUS)
		return entry->name[0] == '.';
	return entry->name[0] != '.' && !reserved((struct slice){entry->name, entry->length});
}

static int walk(struct walk *w, int fd, const char *path, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	struct buf sub = {0};
	int rc;

	if (fs_dir_open(&dir, fd, ".", err) != 0)
		return err_wrap(err, "%s", path);
	while ((rc = fs_dir_next(&dir, &entry, err)) == 1) {
		if (!candidate(w, &entry))
			continue;
		buf_clear(&sub);
		if (path[0])
			buf_addf(&sub, "%s/", path);
		buf_add(&sub, entry.name, entry.length);
		if (enter(w, fd, entry.name, sub.data, err) == 0)
			continue;
		if (err->sys != EACCES) {
			rc = -1;
			break;
		}
		/* Not listed, and not gone, either: maildir_is_gone() can't look into it. */
		log_warn("%s", err->msg);
		err_clear(err);
	}
	buf_fini(&sub);
	fs_dir_close(&dir);
	return rc < 0 ? -1 : 0;
}

static int compare_folders(const void *a, const void *b)
{
	return strcmp(
		((const struct maildir_folder *)a)->name, ((const struct maildir_folder *)b)->name);
}

static int add_inbox(struct walk *w, struct err *err)
{
	struct stat st;
	int rc = part_all_there(w->root->fd, err);

	if (rc == 1 && fstat(w->root->fd, &st) != 0)
		return err_set_errno(err, ERR_DISK, "can't look at %s", w->root->path);
	return rc == 1 ? add_folder(w, ".", &st, err) : rc;
}

int maildir_folders(const struct maildir_root *root, struct arena *arena,
	struct maildir_folders *out, struct err *err)
{
	struct walk w = {.root = root, .arena = arena};
	int rc = root->layout == MAILDIR_PLUSPLUS ? add_inbox(&w, err) : 0;

	if (rc == 0)
		rc = walk(&w, root->fd, "", err);
	if (rc == 0) {
		out->count = w.count;
		out->items = arena_alloc(arena, (w.count + 1) * sizeof(*out->items));
		if (w.count > 0) {
			memcpy(out->items, w.items, w.count * sizeof(*out->items));
			qsort(out->items, out->count, sizeof(*out->items), compare_folders);
		}
	}
	free(w.items);
	return rc == 0 ? 0 : err_wrap(err, "%s", root->path);
}

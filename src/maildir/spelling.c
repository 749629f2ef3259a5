/*
 * Names that the file system can't tell apart. "Foo" and "foo" are two mailboxes of most servers,
 * and one folder where case does not count (ext4 with casefold, vfat, APFS), as are two ways to
 * write "é" where accents are put together; and "CUR" is the cur/ of the folder that it lies in.
 * In one folder the mail of each would become that of both. So the second one is spelled with its
 * first characters as %XX, as many as it takes: no canonical name is written so, and maildir_name()
 * undoes it.
 *
 * What folds, and how, is the file system's business. All that is asked here is whether a name
 * leads to something that is not listed under it. Reading a directory for each folder would cost
 * too much where nothing folds; there, the same name in other letters leads nowhere.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "maildir/part.h"
#include "model/name.h"

#define LEVEL_MOST 255

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F');
}

/* How many bytes the character at I takes, in UTF-8 and with what is already written %XX. */
static size_t length_at(struct slice level, size_t i, bool *escaped)
{
	size_t n = 1;

	*escaped = i + 2 < level.n && level.p[i] == '%' && is_hex(level.p[i + 1]) &&
		   is_hex(level.p[i + 2]);
	if (*escaped)
		return 3;
	while (i + n < level.n && ((unsigned char)level.p[i + n] & 0xc0) == 0x80)
		n++;
	return n;
}

/* What maildir++ writes as one entry of a directory has its last level behind the last dot. */
static size_t start_of(enum maildir_layout layout, struct slice level)
{
	size_t i = layout == MAILDIR_PLUSPLUS ? level.n : 0;

	while (i > 0 && level.p[i - 1] != '.')
		i--;
	return i;
}

bool spelling_respell(
	enum maildir_layout layout, struct slice level, unsigned count, struct buf *out)
{
	size_t start = out->len, i = start_of(layout, level);
	bool escaped;

	buf_add(out, level.p, i);
	for (size_t n; i < level.n; i += n) {
		n = length_at(level, i, &escaped);
		if (escaped || count == 0) {
			buf_add(out, level.p + i, n);
			continue;
		}
		for (size_t k = 0; k < n; k++)
			buf_addf(out, "%%%02X", (unsigned char)level.p[i + k]);
		count--;
	}
	return count == 0 && out->len - start <= LEVEL_MOST;
}

/* Is LEVEL one of the ways to spell PLAIN? */
static bool is_spelling(enum maildir_layout layout, struct slice plain, struct slice level)
{
	struct buf again = {0};
	bool same = slice_eq(plain, level), more = true;

	for (unsigned count = 1; !same && more && plain.n < level.n; count++) {
		buf_clear(&again);
		more = spelling_respell(layout, plain, count, &again) && again.len <= level.n;
		same = more && slice_eq(buf_slice(&again), level);
	}
	buf_fini(&again);
	return same;
}

bool spelling_stands_for(enum maildir_layout layout, struct slice plain, struct slice path)
{
	struct slice level, spelled;

	if (path.n > 0 && path.p[path.n - 1] == '/')
		return false;
	while (name_next_level(&plain, &level))
		if (!name_next_level(&path, &spelled) || !is_spelling(layout, level, spelled))
			return false;
	return !name_next_level(&path, &spelled);
}

/* ---- what stands there ---- */

/* The other case of each letter. */
static void swap_case(const char *name, char out[LEVEL_MOST + 1])
{
	size_t n = strlen(name);

	ASSERT(n <= LEVEL_MOST);
	for (size_t i = 0; i <= n; i++) {
		bool letter =
			(name[i] >= 'a' && name[i] <= 'z') || (name[i] >= 'A' && name[i] <= 'Z');
		out[i] = letter ? (char)(name[i] ^ 0x20) : name[i];
	}
}

static bool is_ascii(const char *name)
{
	while (*name && (unsigned char)*name < 0x80)
		name++;
	return *name == '\0';
}

/* Is NAME listed in the directory AT? 1, 0, -1. */
static int is_listed(int at, const char *name, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	int rc;

	if (fs_dir_open(&dir, at, ".", err) != 0)
		return -1;
	while ((rc = fs_dir_next(&dir, &entry, err)) == 1 && strcmp(entry.name, name) != 0)
		;
	fs_dir_close(&dir);
	return rc;
}

/* Does NAME lead to something of another name? 1, 0: to nothing, or to what has it, -1. */
static int is_taken(int at, const char *name, struct err *err)
{
	char other[LEVEL_MOST + 1];
	struct stat st;

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : err_set_errno(err, ERR_DISK, "can't look at %s", name);
	swap_case(name, other);
	if (is_ascii(name) && strcmp(name, other) == 0)
		return 0; /* nothing in it can fold */
	if (is_ascii(name) && fstatat(at, other, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : err_set_errno(err, ERR_DISK, "can't look at %s", name);
	int listed = is_listed(at, name, err);
	return listed < 0 ? -1 : !listed;
}

/* Append to OUT how the level PLAIN is spelled in the directory AT. 1, 0: it becomes too long, -1.
 */
static int fit_level(
	enum maildir_layout layout, int at, struct slice plain, struct buf *out, struct err *err)
{
	size_t start = out->len;

	for (unsigned count = 0;; count++) {
		if (!spelling_respell(layout, plain, count, out))
			return 0;
		int taken = is_taken(at, out->data + start, err);
		if (taken <= 0)
			return taken < 0 ? -1 : 1;
		out->len = start;
		out->data[start] = '\0';
	}
}

/* The directory of the level that OUT holds from START on, in *AT's place; -1 if it is not there,
 * or no directory. */
static int step_into(int *at, const struct buf *out, size_t start, struct err *err)
{
	int next = fs_open_dir(*at, out->data + start, err);

	if (next < 0 && err->sys != ENOENT && err->sys != ENOTDIR && err->sys != ELOOP)
		return -1;
	if (next < 0)
		err_clear(err);
	close(*at);
	*at = next;
	return 0;
}

int maildir_fit(
	const struct maildir_root *root, struct slice canonical, struct buf *out, struct err *err)
{
	struct buf plain = {0};
	struct slice rest, level;
	bool good = maildir_path(root->layout, canonical, &plain);
	int rc = good ? 1 : 0, at = good ? fs_open_dir(root->fd, ".", err) : -1;

	if (good && at < 0)
		rc = -1;
	rest = buf_slice(&plain);
	for (bool first = true; rc == 1 && name_next_level(&rest, &level); first = false) {
		if (!first)
			buf_add_char(out, '/');
		size_t start = out->len;
		if (at < 0) { /* nothing stands below what is not there */
			buf_add_slice(out, level);
			continue;
		}
		rc = fit_level(root->layout, at, level, out, err);
		if (rc == 1 && rest.n > 0 && step_into(&at, out, start, err) != 0)
			rc = -1;
	}
	if (at >= 0)
		close(at);
	buf_fini(&plain);
	return rc < 0 ? err_wrap(err, "%s", root->path) : rc;
}

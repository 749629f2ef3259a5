/*
 * Names that the file system can't tell apart. "Foo" and "foo" are two mailboxes of most servers,
 * and one folder where case does not count (ext4 with casefold, vfat, APFS), as are two ways to
 * write "é" where accents are put together; and "CUR" is the cur/ of the folder that it lies in.
 * In one folder the mail of each would become that of both. So the second one is spelled in another
 * way (spelling.c).
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

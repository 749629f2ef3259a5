/*
 * The root of a tree of Maildirs, and its marker file: the proof that what is seen here is the tree
 * that the state knows, not an empty mount point.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/thread.h"
#include "maildir/maildir.h"

#define MARKER ".godwit"
#define MARKER_MAX (64u << 10)
#define LOCK_WAIT_MS 10000
#define HEADER                                                                                     \
	"# This folder is kept in step with an IMAP account by godwit, which will not go on "      \
	"without this file.\n"

int maildir_root_open(struct maildir_root *root, const char *path, enum maildir_layout layout,
	bool create, struct err *err)
{
	struct stat st;

	*root = (struct maildir_root){.fd = -1, .layout = layout, .path = path};
	/* The root itself may be a symlink: the user put it there. */
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT && create && path[0]) {
		if (fs_make_path(path, 0700, err) != 0)
			return err_wrap(err, "can't make the Maildir root %s", path);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0 || fstat(fd, &st) != 0) {
		err_set_errno(err, ERR_DISK, "can't open the Maildir root %s", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	root->fd = fd;
	root->device = st.st_dev;
	root->inodes_last = fs_inodes_last(fd);
	return 0;
}

void maildir_root_close(struct maildir_root *root)
{
	if (root->fd >= 0)
		close(root->fd);
	root->fd = -1;
}

/* "ID PASS" */
static bool parse_line(struct slice line, struct slice *id, uint64_t *pass)
{
	const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;

	if (!blank || blank == line.p || line.p[0] == '#')
		return false;
	*id = (struct slice){line.p, (size_t)(blank - line.p)};
	return slice_number((struct slice){blank + 1, line.n - id->n - 1}, UINT64_MAX, pass);
}

static bool next_line(struct slice *text, struct slice *line)
{
	if (text->n == 0 || !text->p)
		return false;
	const char *newline = memchr(text->p, '\n', text->n);
	line->p = text->p;
	line->n = newline ? (size_t)(newline - text->p) : text->n;
	size_t skip = line->n + (newline != NULL);
	text->p += skip;
	text->n -= skip;
	return true;
}

/* The marker file's text from malloc. 1, 0: there is none, -1. */
static int load(const struct maildir_root *root, char **text, size_t *n, struct err *err)
{
	struct err local = {0};

	*text = fs_read_file(root->fd, MARKER, MARKER_MAX, n, &local);
	if (*text)
		return 1;
	if (local.sys == ENOENT)
		return 0;
	if (err)
		*err = local;
	return err_wrap(err, "%s", root->path);
}

int maildir_marker_read(const struct maildir_root *root, const char *account_id,
	struct maildir_marker *out, unsigned *others, struct err *err)
{
	char *file;
	size_t n;
	unsigned other = 0;
	int found = 0;
	int rc = load(root, &file, &n, err);

	if (rc > 0) {
		struct slice text = {file, n}, line, id;
		uint64_t pass;
		while (next_line(&text, &line)) {
			if (!parse_line(line, &id, &pass))
				continue;
			if (slice_eq_str(id, account_id)) {
				out->pass = pass;
				found = 1;
			} else {
				other++;
			}
		}
		free(file);
	}
	if (others)
		*others = other;
	return rc < 0 ? -1 : found;
}

/* The file's text with the line of this account replaced; everything else stays as it is. */
static void rewrite(struct slice text, const char *account_id, uint64_t pass, struct buf *out)
{
	struct slice line, id;
	uint64_t old;

	while (next_line(&text, &line)) {
		if (parse_line(line, &id, &old) && slice_eq_str(id, account_id))
			continue;
		buf_add_slice(out, line);
		buf_add_char(out, '\n');
	}
	buf_addf(out, "%s %llu\n", account_id, (unsigned long long)pass);
}

/*
 * Accounts may share a root, and each rewrites the one file: one at a time, over all threads and
 * programs. Where directories can't be locked (NFS) it must do without.
 */
static int lock(const struct maildir_root *root, struct err *err)
{
	int64_t until = clock_ms() + LOCK_WAIT_MS;

	while (flock(root->fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return 0;
		if (clock_ms() >= until)
			return err_set(err, ERR_CONFLICT, "%s: another program keeps %s locked",
				root->path, MARKER);
		if (cancel_sleep_ms(10, err) != 0)
			return -1;
	}
	return 0;
}

static void unlock(const struct maildir_root *root)
{
	/* Where there is no lock there is nothing to give back; else closing the root would give it
	 * back. */
	if (flock(root->fd, LOCK_UN) != 0)
		log_debug(LOG_MAILDIR, "%s: can't unlock the folder: %s", root->path,
			strerror(errno));
}

int maildir_marker_write(const struct maildir_root *root, const char *account_id,
	const struct maildir_marker *marker, struct err *err)
{
	struct buf out = {0};
	char *file = NULL;
	size_t n = 0;

	if (lock(root, err) != 0)
		return -1;
	int rc = load(root, &file, &n, err);
	if (rc == 0)
		buf_add_str(&out, HEADER);
	if (rc >= 0) {
		rewrite((struct slice){file, n}, account_id, marker->pass, &out);
		rc = fs_replace_file(root->fd, MARKER, out.data, out.len, 0600, err);
		if (rc != 0)
			err_wrap(err, "%s", root->path);
	}
	unlock(root);
	buf_fini(&out);
	free(file);
	return rc;
}

/*
 * Delivery into tmp/: CRLF becomes LF while the bytes stream by, in one buffer that is digested and
 * written when it is full. A short message costs create, write, utimens and close; a long one a
 * write each 64 KiB.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "maildir/part.h"

#define BUFFER (64u << 10)

struct maildir_delivery {
	struct digester *digester;
	struct maildir *maildir; /* a reference while a message is open */
	int fd;                  /* -1: no message is open, or it is complete */
	char base[256];          /* name in tmp/; "" if there is no file of ours */
	bool held_cr;            /* a CR at the end of the last piece: is an LF behind it? */
	uint64_t wire_size, local_size;
	size_t used;
	char buffer[BUFFER];
};

struct maildir_delivery *maildir_delivery_new(void)
{
	struct maildir_delivery *d = xcalloc(1, sizeof(*d));
	d->digester = digester_new();
	d->fd = -1;
	return d;
}

void maildir_delivery_free(struct maildir_delivery *d)
{
	if (!d)
		return;
	maildir_delivery_abort(d);
	digester_free(d->digester);
	free(d);
}

/* No message is open, and the file in tmp/, if there was one, is not ours any more. */
static void let_go(struct maildir_delivery *d)
{
	maildir_unref(d->maildir);
	d->maildir = NULL;
	d->base[0] = '\0';
}

int maildir_delivery_begin(
	struct maildir_delivery *d, struct maildir *maildir, const char *base, struct err *err)
{
	maildir_delivery_abort(d);
	ASSERT(!strchr(base, '/') && strlen(base) < sizeof(d->base));
	d->fd = fs_create(maildir->fd_tmp, base, 0600, err);
	if (d->fd < 0)
		return err_wrap(err, "%s/tmp", maildir->path);
	snprintf(d->base, sizeof(d->base), "%s", base);
	d->maildir = maildir_ref(maildir);
	d->held_cr = false;
	d->wire_size = d->local_size = d->used = 0;
	digester_reset(d->digester);
	return 0;
}

static int failed(const struct maildir_delivery *d, struct err *err)
{
	return err_wrap(err, "%s/tmp/%s", d->maildir->path, d->base);
}

static int flush(struct maildir_delivery *d, struct err *err)
{
	if (d->used == 0)
		return 0;
	digester_feed(d->digester, d->buffer, d->used);
	if (fs_write_all(d->fd, d->buffer, d->used, err) != 0)
		return failed(d, err);
	d->local_size += d->used;
	d->used = 0;
	return 0;
}

static int put(struct maildir_delivery *d, const char *p, size_t n, struct err *err)
{
	while (n > 0) {
		size_t fits = BUFFER - d->used < n ? BUFFER - d->used : n;
		memcpy(d->buffer + d->used, p, fits);
		d->used += fits;
		p += fits;
		n -= fits;
		if (d->used == BUFFER && flush(d, err) != 0)
			return -1;
	}
	return 0;
}

int maildir_delivery_write(struct maildir_delivery *d, const void *data, size_t n, struct err *err)
{
	const char *p = data, *end = p + n;

	ASSERT(d->fd >= 0);
	d->wire_size += n;
	if (d->held_cr && n > 0) {
		d->held_cr = false;
		if (*p != '\n' && put(d, "\r", 1, err) != 0)
			return -1;
	}
	while (p < end) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));
		size_t run = cr ? (size_t)(cr - p) : (size_t)(end - p);
		if (put(d, p, run, err) != 0)
			return -1;
		if (!cr)
			return 0;
		p = cr + 1;
		if (p == end)
			d->held_cr = true;
		else if (*p != '\n' && put(d, "\r", 1, err) != 0)
			return -1;
	}
	return 0;
}

int maildir_delivery_end(
	struct maildir_delivery *d, int64_t date, struct maildir_delivered *out, struct err *err)
{
	ASSERT(d->fd >= 0);
	if ((d->held_cr && put(d, "\r", 1, err) != 0) || flush(d, err) != 0)
		return -1;
	if (fs_set_mtime(d->fd, date, err) != 0)
		return failed(d, err);
	/* close() may report a write error that a network file system kept back. */
	int fd = d->fd;
	d->fd = -1;
	if (close(fd) != 0 && errno != EINTR) {
		err_set_errno(err, ERR_DISK, "can't write");
		return failed(d, err);
	}
	out->wire_size = d->wire_size;
	out->local_size = d->local_size;
	digester_finish(d->digester, &out->header, &out->content);
	return 0;
}

void maildir_delivery_abort(struct maildir_delivery *d)
{
	struct err err = {0};

	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
	/* A file that can't be removed stays in tmp/, where nobody takes it for a message. */
	if (d->maildir && fs_unlink(d->maildir->fd_tmp, d->base, &err) != 0)
		log_debug(LOG_MAILDIR, "%s/tmp: %s", d->maildir->path, err.msg);
	let_go(d);
}

void maildir_delivery_hand_over(struct maildir_delivery *d)
{
	ASSERT(d->fd < 0);
	let_go(d);
}

/* ---- names ---- */

int maildir_publish(struct maildir *m, const char *base, const char *path, struct err *err)
{
	int to = part_of(m, &path);
	return fs_rename_noreplace(m->fd_tmp, base, to, path, err) == 0
		       ? 0
		       : err_wrap(err, "%s", m->path);
}

int maildir_rename(struct maildir *m, const char *path, const char *to_path, struct err *err)
{
	const char *name = path, *to_name = to_path;
	int from = part_of(m, &name), to = part_of(m, &to_name);
	struct err why = {0};

	if (fs_rename_noreplace(from, name, to, to_name, err) == 0)
		return 0;
	int finished = err->sys == EEXIST ? maildir_finish_rename(m, path, to_path, &why) : 0;
	if (finished < 0)
		*err = why;
	return finished == 1 ? 0 : err_wrap(err, "%s", m->path);
}

int maildir_rename_fresh(struct maildir *m, const char *path, const char *to_path, struct err *err)
{
	return maildir_move_fresh(m, path, m, to_path, err);
}

int maildir_move(struct maildir *from, const char *path, struct maildir *to, const char *to_path,
	struct err *err)
{
	int from_at = part_of(from, &path), to_at = part_of(to, &to_path);

	if (fs_rename_at_once(from_at, path, to_at, to_path, err) == 0)
		return 0;
	if (err->sys == ENOSYS)
		err->sys = EEXIST;
	return err_wrap(err, "%s", from->path);
}

int maildir_move_fresh(struct maildir *from, const char *path, struct maildir *to,
	const char *to_path, struct err *err)
{
	int from_at = part_of(from, &path), to_at = part_of(to, &to_path);

	if (faccessat(to_at, to_path, F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return err_set_errno(err, ERR_DISK, "%s: %s can't be there", to->path, to_path);
	}
	return fs_rename(from_at, path, to_at, to_path, err) == 0 ? 0
								  : err_wrap(err, "%s", from->path);
}

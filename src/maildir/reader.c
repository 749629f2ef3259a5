/*
 * A message file in wire form. The first pass counts and digests, the second one streams; both read
 * in pieces, so a message of any size needs the same memory.
 *
 * LF becomes CRLF. A file whose every line ends in CRLF already goes as it is: somebody copied it
 * from elsewhere. In a mixed file every LF gets its CR, also one that has a CR before it: a CR that
 * is part of the file's bytes comes back as such, as the way down takes away exactly the one that
 * the way up added. So for every file but those of CRLF lines only, down(up(x)) == x.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/part.h"

#define PIECE (64u << 10)

struct maildir_reader {
	int fd;
	char *name;        /* for messages */
	bool as_is;        /* every line ends in CRLF */
	struct stat seen;  /* at the beginning */
	uint64_t promised; /* wire octets that the first pass counted */
	uint64_t given;
	size_t piece; /* bytes read at once: a small message needs little memory */
	char *out;    /* 2 * piece bytes, behind in[] */
	char in[];
};

struct counts {
	uint64_t size, lf, crlf;
	bool last_cr; /* the last byte was a CR */
};

static ssize_t read_piece(struct maildir_reader *r, struct err *err)
{
	ssize_t n;
	do
		n = read(r->fd, r->in, r->piece);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		err_set_errno(err, ERR_DISK, "can't read %s", r->name);
	return n;
}

static void count(struct counts *c, const char *p, size_t n)
{
	const char *start = p, *end = p + n;

	c->size += n;
	for (const char *lf; (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1) {
		c->lf++;
		c->crlf += lf > start ? lf[-1] == '\r' : c->last_cr;
	}
	if (n > 0)
		c->last_cr = end[-1] == '\r';
}

/* Digest what a delivery of the wire form would have stored: for a CRLF file its LF form. */
static void digest_without_cr(struct digester *digester, const char *p, size_t n, bool *held)
{
	const char *end = p + n;

	if (*held && n > 0 && *p != '\n')
		digester_feed(digester, "\r", 1);
	*held = false;
	while (p < end) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));
		digester_feed(digester, p, cr ? (size_t)(cr - p) : (size_t)(end - p));
		if (!cr)
			return;
		p = cr + 1;
		if (p == end)
			*held = true;
		else if (*p != '\n')
			digester_feed(digester, "\r", 1);
	}
}

static int rewind_file(struct maildir_reader *r, struct err *err)
{
	if (lseek(r->fd, 0, SEEK_SET) == 0)
		return 0;
	return err_set_errno(err, ERR_DISK, "can't read %s", r->name);
}

/* All bytes as they are. */
static int count_and_digest(
	struct maildir_reader *r, struct digester *digester, struct counts *c, struct err *err)
{
	ssize_t n;

	while ((n = read_piece(r, err)) > 0) {
		count(c, r->in, (size_t)n);
		digester_feed(digester, r->in, (size_t)n);
	}
	return n < 0 ? -1 : 0;
}

static int digest_lf_form(struct maildir_reader *r, struct digester *digester, struct err *err)
{
	bool held = false;
	ssize_t n = rewind_file(r, err);

	digester_reset(digester);
	while (n >= 0 && (n = read_piece(r, err)) > 0)
		digest_without_cr(digester, r->in, (size_t)n, &held);
	if (held)
		digester_feed(digester, "\r", 1);
	return n < 0 ? -1 : 0;
}

/*
 * One pass counts and digests the bytes as they are; only a CRLF file, which is rare, is read once
 * more for the digest of its LF form.
 */
static int first_pass(struct maildir_reader *r, struct maildir_facts *facts, struct err *err)
{
	struct digester *digester = digester_new();
	struct counts c = {0};
	int rc = count_and_digest(r, digester, &c, err);

	r->as_is = c.lf > 0 && c.crlf == c.lf;
	if (rc == 0 && r->as_is)
		rc = digest_lf_form(r, digester, err);
	facts->date = r->seen.st_mtim.tv_sec;
	facts->local_size = c.size;
	facts->wire_size = r->promised = r->as_is ? c.size : c.size + c.lf;
	digester_finish(digester, &facts->header, &facts->content);
	digester_free(digester);
	return rc == 0 ? rewind_file(r, err) : -1;
}

static struct maildir_reader *reader_new(int fd, const struct stat *st, char *name)
{
	/* One byte more than the file: then the first read of a small message brings all of it. */
	size_t piece = st->st_size < PIECE ? (size_t)st->st_size + 1 : PIECE;
	struct maildir_reader *r = xmalloc(sizeof(*r) + 3 * piece);

	*r = (struct maildir_reader){.fd = fd, .name = name, .seen = *st, .piece = piece};
	r->out = r->in + piece;
	return r;
}

int maildir_file_stat(const struct maildir *maildir, const char *path, uint64_t *size,
	int64_t *stamp, struct err *err)
{
	struct stat st;
	const char *name = path;
	int at = part_of(maildir, &name);

	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return err_set_errno(err, ERR_DISK, "can't look at %s/%s", maildir->path, path);
	*size = (uint64_t)st.st_size;
	*stamp = fs_time_ns(st.st_mtim);
	return 0;
}

static int open_file(
	const struct maildir *maildir, const char *path, struct stat *st, struct err *err)
{
	const char *name = path;
	int at = part_of(maildir, &name);
	int fd = fs_open_read(at, name, err);

	if (fd < 0)
		return err_wrap(err, "%s", maildir->path);
	if (fstat(fd, st) != 0) {
		err_set_errno(err, ERR_DISK, "can't read %s/%s", maildir->path, path);
		close(fd);
		return -1;
	}
	return fd;
}

int maildir_reader_open(struct maildir_reader **out, struct maildir *maildir, const char *path,
	struct maildir_facts *facts, struct err *err)
{
	struct stat st;
	int fd = open_file(maildir, path, &st, err);

	if (fd < 0)
		return -1;
	struct maildir_reader *r = reader_new(fd, &st, xasprintf("%s/%s", maildir->path, path));
	if (first_pass(r, facts, err) != 0) {
		maildir_reader_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

static size_t add_crs(struct maildir_reader *r, size_t n)
{
	const char *p = r->in, *end = p + n;
	char *out = r->out;

	for (const char *lf; (lf = memchr(p, '\n', (size_t)(end - p))); p = lf + 1) {
		memcpy(out, p, (size_t)(lf - p));
		out += lf - p;
		*out++ = '\r';
		*out++ = '\n';
	}
	memcpy(out, p, (size_t)(end - p));
	return (size_t)(out + (end - p) - r->out);
}

/*
 * Was the file written to since it was opened? Not by the ctime: a rename by a mail reader changes
 * that, too.
 */
static bool changed(const struct maildir_reader *r)
{
	struct stat now;

	return fstat(r->fd, &now) != 0 || now.st_size != r->seen.st_size ||
	       fs_time_ns(now.st_mtim) != fs_time_ns(r->seen.st_mtim);
}

int maildir_reader_next(struct maildir_reader *r, struct slice *data, struct err *err)
{
	ssize_t n = read_piece(r, err);

	if (n < 0)
		return -1;
	*data = (struct slice){r->in, (size_t)n};
	if (!r->as_is)
		*data = (struct slice){r->out, add_crs(r, (size_t)n)};
	r->given += data->n;
	/* Looked at with every piece, so that the last one is held back if the file changed. */
	if (r->given > r->promised || (n == 0 && r->given != r->promised) || changed(r))
		return err_set(err, ERR_CONFLICT, "%s changed while it was read", r->name);
	return n > 0;
}

void maildir_reader_rest(struct maildir_reader **r)
{
	close((*r)->fd);
	(*r)->fd = -1;
	*r = xrealloc_array(*r, 1, sizeof(**r));
}

int maildir_reader_wake(
	struct maildir_reader **r, struct maildir *maildir, const char *path, struct err *err)
{
	const struct stat *seen = &(*r)->seen;
	struct stat st;
	int fd = open_file(maildir, path, &st, err);

	if (fd < 0)
		return -1;
	if (st.st_dev != seen->st_dev || st.st_ino != seen->st_ino || st.st_size != seen->st_size ||
		fs_time_ns(st.st_mtim) != fs_time_ns(seen->st_mtim)) {
		close(fd);
		return err_set(err, ERR_CONFLICT, "%s changed while it was read", (*r)->name);
	}
	*r = xrealloc_array(*r, 1, sizeof(**r) + 3 * (*r)->piece);
	(*r)->fd = fd;
	(*r)->out = (*r)->in + (*r)->piece;
	return 0;
}

void maildir_reader_close(struct maildir_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		close(r->fd);
	free(r->name);
	free(r);
}

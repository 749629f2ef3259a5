/*
 * A message file in wire form. The first pass counts and digests, the second one streams; both read
 * in pieces, so a message of any size needs the same memory.
 *
 * LF becomes CRLF. A file whose every line ends in CRLF already goes as it is: somebody copied it
 * from elsewhere. In a mixed file every LF gets its CR, also one that has a CR before it: a CR that
 * is part of the file's bytes comes back as such, as the way down takes away exactly the one that
 * the way up added.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/maildir.h"

#define PIECE (64u << 10)

struct maildir_reader {
	int fd;
	char *name;        /* for messages */
	bool as_is;        /* every line ends in CRLF */
	uint64_t promised; /* wire octets that the first pass counted */
	uint64_t given;
	char in[PIECE];
	char out[2 * PIECE];
};

struct counts {
	uint64_t size, lf, crlf;
	bool last_cr; /* the last byte was a CR */
};

static ssize_t read_piece(struct maildir_reader *r, struct err *err)
{
	ssize_t n;
	do
		n = read(r->fd, r->in, PIECE);
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

/*
 * One pass counts and digests the bytes as they are; only a CRLF file, which is rare, is read once
 * more for the digest of its LF form.
 */
static int first_pass(struct maildir_reader *r, struct maildir_facts *facts, struct err *err)
{
	struct digester *digester = digester_new();
	struct counts c = {0};
	ssize_t n;

	while ((n = read_piece(r, err)) > 0) {
		count(&c, r->in, (size_t)n);
		digester_feed(digester, r->in, (size_t)n);
	}
	r->as_is = c.lf > 0 && c.crlf == c.lf;
	if (n == 0 && r->as_is) {
		bool held = false;
		digester_reset(digester);
		if (lseek(r->fd, 0, SEEK_SET) != 0)
			n = err_set_errno(err, ERR_DISK, "can't read %s", r->name);
		while (n >= 0 && (n = read_piece(r, err)) > 0)
			digest_without_cr(digester, r->in, (size_t)n, &held);
		if (held)
			digester_feed(digester, "\r", 1);
	}
	facts->local_size = c.size;
	facts->wire_size = r->promised = r->as_is ? c.size : c.size + c.lf;
	digester_finish(digester, &facts->header, &facts->content);
	digester_free(digester);
	return n < 0 ? -1 : 0;
}

int maildir_reader_open(struct maildir_reader **out, struct maildir *maildir, const char *path,
	struct maildir_facts *facts, struct err *err)
{
	struct stat st;
	int fd = fs_open_read(
		strncmp(path, "new/", 4) == 0 ? maildir->fd_new : maildir->fd_cur, path + 4, err);

	if (fd < 0)
		return err_wrap(err, "%s", maildir->path);
	struct maildir_reader *r = xmalloc(sizeof(*r));
	r->fd = fd;
	r->name = xasprintf("%s/%s", maildir->path, path);
	r->given = 0;
	if (fstat(fd, &st) != 0) {
		err_set_errno(err, ERR_DISK, "can't read %s", r->name);
		maildir_reader_close(r);
		return -1;
	}
	facts->date = st.st_mtim.tv_sec;
	if (first_pass(r, facts, err) != 0) {
		maildir_reader_close(r);
		return -1;
	}
	if (lseek(fd, 0, SEEK_SET) != 0) {
		err_set_errno(err, ERR_DISK, "can't read %s", r->name);
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

int maildir_reader_next(struct maildir_reader *r, struct slice *data, struct err *err)
{
	ssize_t n = read_piece(r, err);

	if (n < 0)
		return -1;
	if (n > 0)
		*data = r->as_is ? (struct slice){r->in, (size_t)n}
				 : (struct slice){r->out, add_crs(r, (size_t)n)};
	r->given += n > 0 ? data->n : 0;
	if (r->given > r->promised || (n == 0 && r->given != r->promised))
		return err_set(err, ERR_CONFLICT, "%s changed while it was read", r->name);
	return n > 0;
}

void maildir_reader_close(struct maildir_reader *r)
{
	if (!r)
		return;
	close(r->fd);
	free(r->name);
	free(r);
}

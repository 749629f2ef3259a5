#include "config/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/slice.h"

#define FILE_NAME "oauth-token"
#define FILE_MOST (64u << 10)

/* Nobody holds it for long: one exchange with the provider, which has a time-out. */
int tokens_lock(const char *state_dir, struct err *err)
{
	int fd;

	if (fs_make_path(state_dir, 0700, err) != 0)
		return -1;
	char *path = xasprintf("%s/" FILE_NAME ".lock", state_dir);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
	free(path);
	while (fd >= 0 && flock(fd, LOCK_EX) != 0) {
		if (errno == EINTR)
			continue;
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		err_set_errno(err, ERR_DISK, "can't lock the OAuth tokens in %s", state_dir);
	return fd;
}

void tokens_set(char **field, char *text)
{
	if (*field)
		explicit_bzero(*field, strlen(*field));
	free(*field);
	*field = text;
}

void tokens_fini(struct tokens *tokens)
{
	tokens_set(&tokens->access, NULL);
	tokens_set(&tokens->refresh, NULL);
	tokens->expires = 0;
}

static void take_line(struct slice line, struct tokens *out)
{
	const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
	struct slice key, value;
	uint64_t number;

	if (!blank)
		return;
	key = (struct slice){line.p, (size_t)(blank - line.p)};
	value = (struct slice){blank + 1, line.n - key.n - 1};
	if (slice_eq_str(key, "access_token"))
		tokens_set(&out->access, xstrndup(value.p, value.n));
	else if (slice_eq_str(key, "refresh_token"))
		tokens_set(&out->refresh, xstrndup(value.p, value.n));
	else if (slice_eq_str(key, "expires") && slice_number(value, INT64_MAX / 2, &number))
		out->expires = (int64_t)number;
}

/* A file that others can read has been read: its tokens are theirs, too. */
static int check_mode(int dir, struct err *err)
{
	struct stat st;

	if (fstatat(dir, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mode & 077)
		return err_set(err, ERR_CONFIG,
			"the OAuth tokens in " FILE_NAME
			" can be read by others; run: godwit login");
	return 0;
}

int tokens_read(const char *state_dir, struct tokens *out, struct err *err)
{
	int dir = fs_open_dir(AT_FDCWD, state_dir, err), rc = -1;
	struct err e = {0};
	size_t n = 0;
	char *text;

	*out = (struct tokens){0};
	if (dir < 0)
		return -1;
	text = fs_read_file(dir, FILE_NAME, FILE_MOST, &n, &e);
	if (text)
		rc = check_mode(dir, err) == 0 ? 1 : -1;
	else if (e.sys == ENOENT)
		rc = 0;
	else if (err)
		*err = e;
	for (const char *line = text; rc == 1 && *line;) {
		const char *end = strchrnul(line, '\n');

		take_line((struct slice){line, (size_t)(end - line)}, out);
		line = *end ? end + 1 : end;
	}
	if (text)
		explicit_bzero(text, n);
	free(text);
	close(dir);
	return rc;
}

int tokens_write(const char *state_dir, const struct tokens *tokens, struct err *err)
{
	int dir = fs_open_dir(AT_FDCWD, state_dir, err), rc;
	struct buf text = {0};

	if (dir < 0)
		return -1;
	buf_room(&text, FILE_MOST); /* grows no more: no copy stays behind */
	buf_addf(&text, "access_token %s\nexpires %" PRId64 "\n", tokens->access, tokens->expires);
	if (tokens->refresh)
		buf_addf(&text, "refresh_token %s\n", tokens->refresh);
	rc = fs_replace_file(dir, FILE_NAME, text.data, text.len, 0600, err);
	buf_wipe(&text);
	close(dir);
	return rc;
}

/*
 * Where secrets come from. Of what a command prints only the first line counts: password managers
 * print notes below.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/program.h"
#include "config/config.h"
#include "config/oauth.h"

#define LINE_MOST 4096 /* of a password file */

/* Cut OUT behind START at the first line end. */
static void first_line(struct buf *out, size_t start)
{
	char *end = out->data ? memchr(out->data + start, '\n', out->len - start) : NULL;

	if (end) {
		explicit_bzero(end, out->len - (size_t)(end - out->data));
		out->len = (size_t)(end - out->data);
	}
	if (out->data && out->len > start && out->data[out->len - 1] == '\r')
		out->data[--out->len] = '\0';
}

/* A descriptor, or -1. */
static int open_private(const char *path, struct err *err)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return err_set_errno(err, ERR_CONFIG, "can't read the password file %s", path);
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		err_set(err, ERR_CONFIG, "the password file %s is no regular file", path);
	else if (st.st_mode & (S_IRWXG | S_IRWXO))
		err_set(err, ERR_CONFIG,
			"the password file %s can be read by others; run: chmod 600 %s", path,
			path);
	else
		return fd;
	close(fd);
	return -1;
}

static int from_file(const char *path, struct buf *out, struct err *err)
{
	int fd = open_private(path, err), rc = 0;

	if (fd < 0)
		return -1;
	char *room = buf_room(out, LINE_MOST);
	ssize_t n = read(fd, room, LINE_MOST);
	if (n < 0)
		rc = err_set_errno(err, ERR_CONFIG, "can't read the password file %s", path);
	else if (n == LINE_MOST && !memchr(room, '\n', LINE_MOST))
		rc = err_set(err, ERR_CONFIG,
			"the first line of the password file %s is longer than %d octets", path,
			LINE_MOST - 1);
	close(fd);
	out->len += n > 0 ? (size_t)n : 0;
	out->data[out->len] = '\0';
	return rc;
}

static int from_environment(const char *name, struct buf *out, struct err *err)
{
	const char *value = getenv(name);

	if (!value)
		return err_set(err, ERR_CONFIG,
			"the environment variable %s, which should hold the password, is not set",
			name);
	buf_add_str(out, value);
	return 0;
}

bool config_secret_is_token(const struct config_account *account)
{
	return account->secret_kind == CONFIG_SECRET_TOKEN_COMMAND ||
	       account->secret_kind == CONFIG_SECRET_OAUTH;
}

int config_secret_get(
	const struct config_account *a, unsigned timeout_ms, struct buf *out, struct err *err)
{
	size_t start = out->len;
	int rc = -1;

	switch (a->secret_kind) {
	case CONFIG_SECRET_NONE:
		return 0;
	case CONFIG_SECRET_PASSWORD:
		buf_add_str(out, a->secret);
		return 0;
	case CONFIG_SECRET_COMMAND:
	case CONFIG_SECRET_TOKEN_COMMAND:
		rc = program_run(a->secret_argv.items, SLICE(""), timeout_ms, out, err);
		break;
	case CONFIG_SECRET_FILE:
		rc = from_file(a->secret, out, err);
		break;
	case CONFIG_SECRET_ENV:
		rc = from_environment(a->secret, out, err);
		break;
	case CONFIG_SECRET_OAUTH:
		rc = oauth_token(a, false, timeout_ms, out, err);
		return rc == 0 ? 0 : config_locate(a, a->secret_place, err);
	}
	if (rc != 0)
		return config_locate(a, a->secret_place, err);
	first_line(out, start);
	if (out->len == start)
		return err_set(err, ERR_AUTH, "the password is empty: nothing came from %s",
			a->secret_argv.count ? a->secret_argv.items[0] : a->secret);
	if (memchr(out->data + start, '\0', out->len - start))
		return err_set(err, ERR_AUTH, "the password that came from %s has a NUL byte in it",
			a->secret_argv.count ? a->secret_argv.items[0] : a->secret);
	return 0;
}

int config_secret_check(const struct config_account *a, struct err *err)
{
	int fd = a->secret_kind == CONFIG_SECRET_FILE ? open_private(a->secret, err) : -1;

	if (fd >= 0)
		close(fd);
	return fd >= 0 || a->secret_kind != CONFIG_SECRET_FILE
		       ? 0
		       : config_locate(a, a->secret_place, err);
}

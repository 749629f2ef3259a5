#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"

void err_clear(struct err *err)
{
	if (err)
		*err = (struct err){0};
}

PRINTF(4, 0)
static void set(struct err *err, enum err_kind kind, int sys, const char *fmt, va_list args)
{
	char msg[sizeof(err->msg)];

	/* Formatted aside first: an argument may point into the old message. */
	vsnprintf(msg, sizeof(msg), fmt, args);
	memcpy(err->msg, msg, sizeof(msg));
	err->kind = kind;
	err->sys = sys;
	err->wait_ms = 0;
	err->server[0] = '\0';
}

int err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	if (!err)
		return -1;
	va_list args;
	va_start(args, fmt);
	set(err, kind, 0, fmt, args);
	va_end(args);
	return -1;
}

int err_set_errno(struct err *err, enum err_kind kind, const char *fmt, ...)
{
	int sys = errno;

	if (!err)
		return -1;
	va_list args;
	va_start(args, fmt);
	set(err, kind, sys, fmt, args);
	va_end(args);
	size_t n = strlen(err->msg);
	char text[128];
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror_r(sys, text, sizeof(text)));
	return -1;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	char msg[sizeof(err->msg)];

	if (!err)
		return -1;
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(msg, sizeof(msg), fmt, args);
	va_end(args);
	if (n >= 0 && (size_t)n < sizeof(msg))
		snprintf(msg + n, sizeof(msg) - (size_t)n, ": %s", err->msg);
	memcpy(err->msg, msg, sizeof(msg));
	return -1;
}

void err_server(struct err *err, const char *text, size_t n)
{
	if (err)
		escape((struct slice){text, n}, err->server, sizeof(err->server));
}

const char *err_line(const struct err *err, char *out, size_t size)
{
	if (err->server[0])
		snprintf(out, size, "%s; the server said: \"%s\"", err->msg, err->server);
	else
		snprintf(out, size, "%s", err->msg);
	return out;
}

const char *err_kind_name(enum err_kind kind)
{
	switch (kind) {
	case ERR_NONE:
		return "none";
	case ERR_CONFIG:
		return "config";
	case ERR_AUTH:
		return "auth";
	case ERR_OFFLINE:
		return "offline";
	case ERR_NET:
		return "net";
	case ERR_PROTO:
		return "proto";
	case ERR_SERVER_NO:
		return "server-no";
	case ERR_SERVER_BUSY:
		return "server-busy";
	case ERR_DISK:
		return "disk";
	case ERR_STATE:
		return "state";
	case ERR_CONFLICT:
		return "conflict";
	case ERR_CANCELLED:
		return "cancelled";
	}
	return "unknown";
}

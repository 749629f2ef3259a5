/*
 * Errors are values. The function that knows the cause forms them with err_set(), callers add
 * context with err_wrap(), and only the top of the program prints them, once. A struct err lies on
 * the caller's stack; it owns nothing and needs no cleanup. Passing NULL is allowed where the
 * caller does not care.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

/* What happened; how far to unwind is decided in one place (sync/unwind.h). */
enum err_kind {
	ERR_NONE = 0,
	ERR_CONFIG,      /* the configuration, or what it names, is wrong */
	ERR_AUTH,        /* login refused, certificate not trusted */
	ERR_OFFLINE,     /* no connection could be made: name service, route, port */
	ERR_NET,         /* a connection was cut, timed out */
	ERR_PROTO,       /* the server broke the protocol */
	ERR_SERVER_NO,   /* the server said NO or BAD to one command */
	ERR_SERVER_BUSY, /* the server asked for patience: [UNAVAILABLE], [INUSE], [LIMIT], BYE */
	ERR_DISK,        /* a local file operation failed */
	ERR_STATE,       /* the state database is unusable */
	ERR_CONFLICT,    /* the world changed under us; looking again will help */
	ERR_CANCELLED,   /* the user asked us to stop */
};

struct err {
	enum err_kind kind;
	int sys;          /* errno of the failed call, 0 if none */
	unsigned wait_ms; /* the server asks to be left alone for so long; 0: it does not say */
	char msg[512];    /* ours: what, where, what to do; no final full stop, no newline */
	char server[512]; /* the server's own words, escaped; empty if none */
};

/* A released struct err. */
void err_clear(struct err *err);

/* Fill ERR. Always returns -1, so that `return err_set(...)` reads well. Long messages are cut,
 * never overflow. */
int err_set(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4) COLD;

/* As err_set(), with ": " and the text of errno appended; stores errno in ->sys. Always returns -1.
 */
int err_set_errno(struct err *err, enum err_kind kind, const char *fmt, ...) PRINTF(3, 4) COLD;

/* Put "context: " in front of the message. Kind and server text stay. Always returns -1. */
int err_wrap(struct err *err, const char *fmt, ...) PRINTF(2, 3) COLD;

/* Attach what the server said (N bytes at TEXT); control bytes and bytes that are not UTF-8 are
 * escaped. */
void err_server(struct err *err, const char *text, size_t n);

/* One line for people: message, and `; the server said: "..."` if it said something. Writes into
 * OUT, returns OUT. */
const char *err_line(const struct err *err, char *out, size_t size);

/* The kind's name in lower case, for JSON and tests ("net", "server-no", ...). */
const char *err_kind_name(enum err_kind kind);

#endif

/*
 * Messages for people. Lines go to one sink, which cli/ installs (standard error, below a progress
 * display if there is one). Thread-safe: a line is written whole. Text from servers must be escaped
 * by the caller with escape(); errors are logged only by whoever ends the unwinding.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/slice.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Debug categories, as in --debug imap,state. */
enum log_category {
	LOG_IMAP = 1 << 0,    /* the wire, without secrets and without message bodies */
	LOG_NET = 1 << 1,     /* connecting, TLS */
	LOG_SYNC = 1 << 2,    /* what was found and decided */
	LOG_STATE = 1 << 3,   /* transactions */
	LOG_MAILDIR = 1 << 4, /* scans */
};

/* A sink gets one line without newline. Called with the log's lock held. */
typedef void log_sink(enum log_level level, const char *line, void *arg);

void log_set_sink(log_sink *sink, void *arg); /* NULL: standard error */
void log_set_level(enum log_level most);      /* default LOG_LEVEL_WARN */
void log_set_categories(unsigned categories); /* bits of enum log_category */
/* The bits for a comma-separated list; false (and *BAD = the first unknown word) if one is unknown.
 * "all" is all. */
bool log_parse_categories(const char *list, unsigned *out, struct slice *bad);
bool log_on(enum log_category category);

/* "NAME: " put in front of this thread's lines (account, mailbox); copied, cut at 255 bytes. NULL:
 * nothing. */
void log_set_context(const char *name);

void log_error(const char *fmt, ...) PRINTF(1, 2);
void log_warn(const char *fmt, ...) PRINTF(1, 2);
void log_info(const char *fmt, ...) PRINTF(1, 2);
/* Only if CATEGORY is on. */
void log_debug(enum log_category category, const char *fmt, ...) PRINTF(2, 3);

#endif

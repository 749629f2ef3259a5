#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/escape.h"
#include "base/thread.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the sink */
static log_sink *sink;
static void *sink_arg;
static _Atomic int level = LOG_LEVEL_WARN;
static _Atomic unsigned categories;
static _Thread_local char context[256];

void log_set_sink(log_sink *new_sink, void *arg)
{
	mutex_lock(&lock);
	sink = new_sink;
	sink_arg = arg;
	mutex_unlock(&lock);
}

void log_set_level(enum log_level most)
{
	atomic_store(&level, (int)most);
}

void log_set_categories(unsigned bits)
{
	atomic_store(&categories, bits);
}

static const struct {
	const char *name;
	unsigned bits;
} category_names[] = {
	{"imap", LOG_IMAP},
	{"net", LOG_NET},
	{"sync", LOG_SYNC},
	{"state", LOG_STATE},
	{"maildir", LOG_MAILDIR},
	{"all", LOG_IMAP | LOG_NET | LOG_SYNC | LOG_STATE | LOG_MAILDIR},
};

static unsigned category_bits(struct slice word)
{
	for (size_t i = 0; i < COUNT_OF(category_names); i++)
		if (slice_eq_str(word, category_names[i].name))
			return category_names[i].bits;
	return 0;
}

bool log_parse_categories(const char *list, unsigned *out, struct slice *bad)
{
	*out = 0;
	for (;;) {
		size_t n = strcspn(list, ",");
		struct slice word = {list, n};
		unsigned bits = category_bits(word);
		if (bits == 0) {
			*bad = word;
			return false;
		}
		*out |= bits;
		if (list[n] == '\0')
			return true;
		list += n + 1;
	}
}

bool log_on(enum log_category category)
{
	return (atomic_load_explicit(&categories, memory_order_relaxed) & category) != 0;
}

void log_set_context(const char *name)
{
	snprintf(context, sizeof(context), "%s", name ? name : "");
}

PRINTF(2, 0) static void write_line(enum log_level of, const char *fmt, va_list args)
{
	char line[2048];
	char escaped[512];
	int n = 0;

	/* The context holds mailbox names, which come from the server. */
	if (context[0])
		n = snprintf(line, sizeof(line),
			"%s: ", escape(slice_str(context), escaped, sizeof(escaped)));
	vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, args);
	mutex_lock(&lock);
	if (sink)
		sink(of, line, sink_arg);
	else
		fprintf(stderr, "godwit: %s\n", line);
	mutex_unlock(&lock);
}

static bool shown(enum log_level of)
{
	return (int)of <= atomic_load_explicit(&level, memory_order_relaxed);
}

void log_error(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
}

void log_warn(const char *fmt, ...)
{
	if (!shown(LOG_LEVEL_WARN))
		return;
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_WARN, fmt, args);
	va_end(args);
}

void log_info(const char *fmt, ...)
{
	if (!shown(LOG_LEVEL_INFO))
		return;
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void log_debug(enum log_category category, const char *fmt, ...)
{
	if (!log_on(category))
		return;
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_DEBUG, fmt, args);
	va_end(args);
}

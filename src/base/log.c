#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

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
			"%s: ", log_escape(slice_str(context), escaped, sizeof(escaped)));
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

/* Length of the well-formed UTF-8 sequence at S that may be shown (no C1 control), 0 if there is
 * none. */
static size_t printable(const unsigned char *s, size_t n)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = s[0] < 0x80             ? 1
			: (s[0] & 0xe0) == 0xc0 ? 2
			: (s[0] & 0xf0) == 0xe0 ? 3
			: (s[0] & 0xf8) == 0xf0 ? 4
						: 0;

	if (length == 1)
		return s[0] >= 0x20 && s[0] != 0x7f;
	if (length == 0 || length > n)
		return 0;
	uint32_t c = s[0] & (0xffu >> (length + 1));
	for (size_t i = 1; i < length; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	bool bidi = (c >= 0x202a && c <= 0x202e) ||
		    (c >= 0x2066 && c <= 0x2069); /* would turn the line around */
	return c < least[length] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || c < 0xa0 || bidi
		       ? 0
		       : length;
}

const char *log_escape(struct slice s, char *out, size_t size)
{
	const unsigned char *p = (const unsigned char *)s.p;
	size_t used = 0;

	ASSERT(size > 0);
	for (size_t i = 0; i < s.n;) {
		size_t n = printable(p + i, s.n - i);
		if (used + (n ? n : 4) >= size)
			break;
		if (n > 0) {
			memcpy(out + used, p + i, n);
			used += n;
			i += n;
		} else {
			used += (size_t)snprintf(out + used, 5, "\\x%02x", p[i++]);
		}
	}
	out[used] = '\0';
	return out;
}

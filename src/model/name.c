#include "model/name.h"

#include <string.h>

static const char hex[] = "0123456789ABCDEF";

static int hex_value(char c)
{
	const char *at = c ? strchr(hex, c >= 'a' && c <= 'f' ? c - 'a' + 'A' : c) : NULL;
	return at ? (int)(at - hex) : -1;
}

static bool is_escape(struct slice s, size_t i)
{
	return s.p[i] == '%' && i + 2 < s.n && hex_value(s.p[i + 1]) >= 0 &&
	       hex_value(s.p[i + 2]) >= 0;
}

static void add_escaped(struct buf *out, unsigned char c)
{
	buf_add_char(out, '%');
	buf_add_char(out, hex[c >> 4]);
	buf_add_char(out, hex[c & 15]);
}

/* Length of the well-formed UTF-8 character at the front of S, 0 if there is none. */
static size_t utf8_length(struct slice s)
{
	for (size_t n = 1; n <= 4 && n <= s.n; n++)
		if (name_valid_utf8((struct slice){s.p, n}))
			return n;
	return 0;
}

/* Raw bytes of one level in canonical form. */
static void escape_level(struct slice raw, struct buf *out)
{
	if (raw.n == 0)
		buf_add_char(out, '%');
	for (size_t i = 0; i < raw.n;) {
		unsigned char c = (unsigned char)raw.p[i];
		size_t n = utf8_length((struct slice){raw.p + i, raw.n - i});
		bool lone = raw.n == 1 && c == '%'; /* "%" stands for the empty level */
		if (n == 0 || c < 0x20 || c == 0x7f || c == '/' || is_escape(raw, i) || lone) {
			add_escaped(out, c);
			i++;
		} else {
			buf_add(out, raw.p + i, n);
			i += n;
		}
	}
}

void name_unescape(struct slice level, struct buf *out)
{
	if (slice_eq_str(level, "%"))
		return;
	for (size_t i = 0; i < level.n; i++) {
		if (is_escape(level, i)) {
			buf_add_char(out,
				(char)(hex_value(level.p[i + 1]) << 4 | hex_value(level.p[i + 2])));
			i += 2;
		} else {
			buf_add_char(out, level.p[i]);
		}
	}
}

/* The front of *REST up to DELIMITER (0: all of it); *REST goes on behind it, *MORE tells whether
 * there was a delimiter. */
static struct slice cut(struct slice *rest, char delimiter, bool *more)
{
	const char *at = delimiter && rest->n ? memchr(rest->p, delimiter, rest->n) : NULL;
	struct slice level = {rest->p, at ? (size_t)(at - rest->p) : rest->n};

	*more = at != NULL;
	rest->p += level.n + *more;
	rest->n -= level.n + *more;
	return level;
}

bool name_next_level(struct slice *rest, struct slice *level)
{
	bool more;

	if (rest->n == 0)
		return false;
	*level = cut(rest, '/', &more);
	return true;
}

static void level_to_canonical(
	const struct name_rules *rules, struct slice level, bool first, struct buf *out)
{
	struct buf raw = {0};

	if (first && slice_eq_nocase(level, SLICE("INBOX"))) {
		buf_add_str(out, "INBOX");
	} else if (!rules->utf8 && utf7_decode(level, &raw)) {
		escape_level(buf_slice(&raw), out);
	} else {
		escape_level(level, out);
	}
	buf_fini(&raw);
}

static bool is_inbox(struct slice s)
{
	return slice_eq_nocase(s, SLICE("INBOX"));
}

/* WIRE without the namespace prefix. The mailbox that the prefix itself names ("INBOX" for
 * "INBOX.") keeps its name. */
static struct slice without_prefix(const struct name_rules *rules, struct slice wire)
{
	size_t n = rules->prefix ? strlen(rules->prefix) : 0;

	if (n == 0 || wire.n <= n)
		return wire;
	bool inbox = slice_starts_nocase(slice_str(rules->prefix), "INBOX");
	struct slice front = {wire.p, n};
	if (!(inbox ? slice_eq_nocase(front, slice_str(rules->prefix))
		    : slice_eq_str(front, rules->prefix)))
		return wire;
	struct slice rest = {wire.p + n, wire.n - n};
	/* "INBOX.INBOX" would become INBOX itself: keep it whole. */
	bool more;
	struct slice after = rest;
	return is_inbox(cut(&after, rules->delimiter, &more)) ? wire : rest;
}

bool name_to_canonical(const struct name_rules *rules, struct slice wire, struct buf *out)
{
	if (wire.n == 0 || wire.n > NAME_MAX_BYTES || memchr(wire.p, '\0', wire.n))
		return false;
	struct slice rest = without_prefix(rules, wire);
	bool more = true;
	for (bool first = true; more; first = false) {
		if (!first)
			buf_add_char(out, '/');
		struct slice level = cut(&rest, rules->delimiter, &more);
		level_to_canonical(rules, level, first, out);
	}
	return true;
}

/* One canonical level in wire form. */
static bool level_to_wire(const struct name_rules *rules, struct slice level, struct buf *out)
{
	struct buf raw = {0};
	size_t start = out->len;
	bool good = true;

	name_unescape(level, &raw);
	if (rules->utf8) {
		good = name_valid_utf8(buf_slice(&raw));
		buf_add_slice(out, buf_slice(&raw));
	} else {
		good = utf7_encode(buf_slice(&raw), out);
	}
	if (raw.len > 0 && memchr(raw.data, '\0', raw.len))
		good = false;
	if (rules->delimiter && out->len > start &&
		memchr(out->data + start, rules->delimiter, out->len - start))
		good = false;
	buf_fini(&raw);
	return good;
}

/* Does NAME live outside the prefix: INBOX itself, or a name that carries the prefix in its first
 * level? */
static bool outside_prefix(struct slice canonical)
{
	bool more;
	struct slice rest = canonical;
	return is_inbox(cut(&rest, '/', &more));
}

bool name_to_wire(const struct name_rules *rules, struct slice canonical, struct buf *out)
{
	size_t start = out->len;
	struct slice rest = canonical, level;
	bool first = true, good = canonical.n > 0;

	if (rules->prefix && !outside_prefix(canonical))
		buf_add_str(out, rules->prefix);
	while (good && name_next_level(&rest, &level)) {
		if (!first) {
			if (rules->delimiter)
				buf_add_char(out, rules->delimiter);
			else
				good = false;
		}
		good = good && level_to_wire(rules, level, out);
		first = false;
	}
	good = good && out->len - start <= NAME_MAX_BYTES && out->len > start;
	if (!good && out->data) {
		out->len = start;
		out->data[start] = '\0';
	}
	return good;
}

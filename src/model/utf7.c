/*
 * Modified UTF-7 (RFC 3501 5.1.3): printable ASCII stands for itself, '&' is "&-", everything else
 * is UTF-16 in base64 with ',' for '/' between '&' and '-'. Decoding takes only what encoding
 * makes, so that two names of a server never become one here.
 */
#include <string.h>

#include "model/name.h"

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/* One UTF-8 character at the front of S into *C; its length, 0 if it is not well-formed. */
static size_t utf8_next(struct slice s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)s.p;
	size_t n = p[0] < 0x80             ? 1
		   : (p[0] & 0xe0) == 0xc0 ? 2
		   : (p[0] & 0xf0) == 0xe0 ? 3
		   : (p[0] & 0xf8) == 0xf0 ? 4
					   : 0;

	if (n == 0 || n > s.n)
		return 0;
	*c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	bool surrogate = *c >= 0xd800 && *c < 0xe000;
	return *c < least[n] || *c > 0x10ffff || surrogate ? 0 : n;
}

bool name_valid_utf8(struct slice s)
{
	uint32_t c;
	while (s.n > 0) {
		size_t n = utf8_next(s, &c);
		if (n == 0)
			return false;
		s.p += n;
		s.n -= n;
	}
	return true;
}

static bool direct(uint32_t c)
{
	return c >= 0x20 && c <= 0x7e;
}

/* Bits on their way into base64. */
struct bits {
	uint32_t value;
	unsigned count;
};

static void put16(struct bits *b, uint32_t unit, struct buf *out)
{
	b->value = b->value << 16 | unit;
	b->count += 16;
	while (b->count >= 6) {
		b->count -= 6;
		buf_add_char(out, base64[b->value >> b->count & 0x3f]);
	}
	b->value &= (1u << b->count) - 1;
}

static void put_char(struct bits *b, uint32_t c, struct buf *out)
{
	if (c >= 0x10000) {
		put16(b, 0xd800 + ((c - 0x10000) >> 10), out);
		put16(b, 0xdc00 + ((c - 0x10000) & 0x3ff), out);
	} else {
		put16(b, c, out);
	}
}

static void end_shift(struct bits *b, struct buf *out)
{
	if (b->count > 0)
		buf_add_char(out, base64[b->value << (6 - b->count) & 0x3f]);
	buf_add_char(out, '-');
	*b = (struct bits){0};
}

bool utf7_encode(struct slice s, struct buf *out)
{
	struct bits bits = {0};
	bool shifted = false;
	uint32_t c;

	if (!name_valid_utf8(s))
		return false;
	while (s.n > 0) {
		size_t n = utf8_next(s, &c);
		if (direct(c) && shifted) {
			end_shift(&bits, out);
			shifted = false;
		}
		if (c == '&') {
			buf_add_str(out, "&-");
		} else if (direct(c)) {
			buf_add_char(out, (char)c);
		} else {
			if (!shifted)
				buf_add_char(out, '&');
			shifted = true;
			put_char(&bits, c, out);
		}
		s.p += n;
		s.n -= n;
	}
	if (shifted)
		end_shift(&bits, out);
	return true;
}

static void put_utf8(uint32_t c, struct buf *out)
{
	if (c < 0x80) {
		buf_add_char(out, (char)c);
	} else if (c < 0x800) {
		buf_add_char(out, (char)(0xc0 | c >> 6));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else if (c < 0x10000) {
		buf_add_char(out, (char)(0xe0 | c >> 12));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	} else {
		buf_add_char(out, (char)(0xf0 | c >> 18));
		buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
		buf_add_char(out, (char)(0x80 | (c & 0x3f)));
	}
}

/* The base64 run TEXT (between '&' and '-') as UTF-8. */
static bool decode_run(struct slice text, struct buf *out)
{
	uint32_t value = 0, high = 0;
	unsigned count = 0;

	for (size_t i = 0; i < text.n; i++) {
		const char *at = text.p[i] ? strchr(base64, text.p[i]) : NULL;
		if (!at)
			return false;
		value = (value << 6 | (uint32_t)(at - base64)) & 0x3fffff;
		count += 6;
		if (count < 16)
			continue;
		count -= 16;
		uint32_t unit = value >> count & 0xffff;
		if (high) {
			if (unit < 0xdc00 || unit > 0xdfff)
				return false;
			put_utf8(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00), out);
			high = 0;
		} else if (unit >= 0xd800 && unit < 0xdc00) {
			high = unit;
		} else {
			put_utf8(unit, out);
		}
	}
	return high == 0;
}

static bool decode(struct slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '&') {
			buf_add_char(out, s.p[i]);
			continue;
		}
		const char *end = memchr(s.p + i, '-', s.n - i);
		if (!end)
			return false;
		struct slice run = {s.p + i + 1, (size_t)(end - s.p) - i - 1};
		if (run.n == 0)
			buf_add_char(out, '&');
		else if (!decode_run(run, out))
			return false;
		i += run.n + 1;
	}
	return true;
}

/* Canonical is exactly what encodes back to the same bytes: one rule instead of a list of them. */
bool utf7_decode(struct slice s, struct buf *out)
{
	struct buf text = {0}, back = {0};
	bool good = decode(s, &text) && utf7_encode(buf_slice(&text), &back) &&
		    slice_eq(buf_slice(&back), s);

	if (good)
		buf_add_slice(out, buf_slice(&text));
	buf_fini(&text);
	buf_fini(&back);
	return good;
}

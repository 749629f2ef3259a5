#include "base/escape.h"

#include <stdio.h>
#include <string.h>

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

const char *escape(struct slice s, char *out, size_t size)
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

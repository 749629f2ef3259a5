/*
 * Text for people. The UTF-8 decoder is strict (no overlong forms, no surrogates), because JSON is
 * made with it too.
 */
#include "cli/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wchar.h>

#include "base/escape.h"

/* The longest word that is compared when looking for what was meant. */
#define NEAREST_LIMIT 64

/*
 * Length that the first byte announces and the smallest code that may be written so; 0: begins no
 * character.
 */
static size_t announced_length(unsigned char first, uint32_t *bits, uint32_t *least)
{
	if (first < 0x80) {
		*bits = first, *least = 0;
		return 1;
	}
	if (first >= 0xC2 && first < 0xE0) {
		*bits = first & 0x1F, *least = 0x80;
		return 2;
	}
	if (first >= 0xE0 && first < 0xF0) {
		*bits = first & 0x0F, *least = 0x800;
		return 3;
	}
	if (first >= 0xF0 && first < 0xF5) {
		*bits = first & 0x07, *least = 0x10000;
		return 4;
	}
	return 0;
}

size_t text_decode(struct slice s, uint32_t *code)
{
	uint32_t bits = 0, least = 0;
	size_t length = announced_length((unsigned char)s.p[0], &bits, &least);

	*code = TEXT_BAD;
	if (length == 0 || length > s.n)
		return 1;
	for (size_t i = 1; i < length; i++) {
		unsigned char next = (unsigned char)s.p[i];

		if ((next & 0xC0) != 0x80)
			return 1;
		bits = bits << 6 | (next & 0x3F);
	}
	if (bits < least || bits > 0x10FFFF || (bits >= 0xD800 && bits < 0xE000))
		return 1;
	*code = bits;
	return length;
}

/* Columns of the first character of S; *LENGTH = its bytes. */
static size_t first_width(struct slice s, size_t *length)
{
	uint32_t code;
	int width;

	*length = text_decode(s, &code);
	width = code == TEXT_BAD ? 1 : wcwidth((wchar_t)code);
	return width < 0 ? 1 : (size_t)width;
}

size_t text_width(struct slice s)
{
	size_t width = 0, length;

	for (; s.n != 0; s.p += length, s.n -= length)
		width += first_width(s, &length);
	return width;
}

void text_cut(struct slice s, size_t columns, struct buf *out)
{
	size_t used = 0, length, width;

	if (text_width(s) <= columns) {
		buf_add_slice(out, s);
		return;
	}
	if (columns == 0)
		return;
	for (; s.n != 0; s.p += length, s.n -= length) {
		width = first_width(s, &length);
		if (used + width > columns - 1)
			break;
		used += width;
		buf_add(out, s.p, length);
	}
	buf_add_str(out, "…");
}

static void add_blanks(size_t n, struct buf *out)
{
	while (n-- != 0)
		buf_add_char(out, ' ');
}

void text_pad(struct slice s, size_t columns, bool right, struct buf *out)
{
	size_t width = text_width(s);
	size_t missing = width < columns ? columns - width : 0;

	if (right)
		add_blanks(missing, out);
	buf_add_slice(out, s);
	if (!right)
		add_blanks(missing, out);
}

void text_escape_slice(struct slice s, struct buf *out)
{
	size_t size = s.n * 4 + 1; /* \xHH for each byte at worst */
	char *room = buf_room(out, size);

	escape(s, room, size);
	out->len += strlen(room);
}

void text_escape(const char *s, struct buf *out)
{
	text_escape_slice(slice_str(s), out);
}

void text_bytes(uint64_t n, struct buf *out)
{
	static const char *const units[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
	double value = (double)n / 1000;
	size_t unit = 0;

	if (n < 1000) {
		buf_addf(out, "%" PRIu64 " B", n);
		return;
	}
	while (value >= 999.5 && unit + 1 < COUNT_OF(units)) {
		value /= 1000;
		unit++;
	}
	buf_addf(out, value < 99.95 ? "%.1f %s" : "%.0f %s", value, units[unit]);
}

void text_elapsed(int64_t ms, struct buf *out)
{
	int64_t seconds = (ms + 500) / 1000;

	if (ms < 9995)
		buf_addf(out, "%.2f s", (double)ms / 1000);
	else if (ms < 59950)
		buf_addf(out, "%.1f s", (double)ms / 1000);
	else if (seconds < 3600)
		buf_addf(out, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
	else
		buf_addf(out, "%" PRId64 " h %" PRId64 " min", seconds / 3600, seconds / 60 % 60);
}

void text_clock(uint64_t seconds, struct buf *out)
{
	uint64_t minutes = seconds / 60;

	if (minutes < 60)
		buf_addf(out, "%" PRIu64 ":%02" PRIu64, minutes, seconds % 60);
	else
		buf_addf(out, "%" PRIu64 ":%02" PRIu64 ":%02" PRIu64, minutes / 60, minutes % 60,
			seconds % 60);
}

void text_time(int64_t seconds, struct buf *out)
{
	time_t when = (time_t)seconds;
	struct tm tm;
	char text[64];

	if (seconds == 0) {
		buf_add_str(out, "never");
		return;
	}
	if (!localtime_r(&when, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm) == 0)
		buf_addf(out, "@%" PRId64, seconds);
	else
		buf_add_str(out, text);
}

void text_count(uint64_t n, const char *one, const char *many, struct buf *out)
{
	buf_addf(out, "%" PRIu64 " %s", n, n == 1 ? one : many);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Letters to add, drop, change or swap (with its neighbour) to get from A to B: three rows of the
 * classic table, two letters that stand in each other's place count once.
 */
static size_t edit_distance(struct slice a, struct slice b)
{
	size_t rows[3][NEAREST_LIMIT + 1];
	size_t *before = rows[0], *above = rows[1], *row = rows[2];

	for (size_t j = 0; j <= b.n; j++)
		above[j] = before[j] = j;
	for (size_t i = 1; i <= a.n; i++) {
		size_t *spare = before;

		row[0] = i;
		for (size_t j = 1; j <= b.n; j++) {
			size_t change = a.p[i - 1] == b.p[j - 1] ? 0 : 1;

			row[j] = least(above[j - 1] + change, least(above[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				row[j] = least(row[j], before[j - 2] + 1);
		}
		before = above;
		above = row;
		row = spare;
	}
	return above[b.n];
}

void text_nearest_try(struct text_nearest *near, const char *word)
{
	struct slice other = slice_str(word);
	size_t distance, limit = least(near->wanted.n, other.n) > 4 ? 2 : 1;

	if (near->wanted.n > NEAREST_LIMIT || other.n > NEAREST_LIMIT)
		return;
	distance = edit_distance(near->wanted, other);
	if (distance > limit || (near->best && distance >= near->distance))
		return;
	near->best = word;
	near->distance = distance;
}

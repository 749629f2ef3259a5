/*
 * The writer keeps no stack: whether a comma is due shows in the last byte written.
 */
#include "cli/json.h"

#include <inttypes.h>

#include "cli/text.h"
#include "model/date.h"

void json_fini(struct json *json)
{
	buf_fini(&json->text);
}

void json_clear(struct json *json)
{
	buf_clear(&json->text);
}

/* What a terminal would obey, or what turns a line around. */
static bool acts(uint32_t code)
{
	return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
	       (code >= 0x2066 && code <= 0x2069);
}

static void add_escaped(struct buf *out, struct slice s)
{
	uint32_t code;
	size_t length;

	for (; s.n != 0; s.p += length, s.n -= length) {
		length = text_decode(s, &code);
		if (code == TEXT_BAD)
			buf_add_str(out, "\xEF\xBF\xBD");
		else if (code == '"' || code == '\\')
			buf_addf(out, "\\%c", (char)code);
		else if (code == '\n')
			buf_add_str(out, "\\n");
		else if (code == '\t')
			buf_add_str(out, "\\t");
		else if (acts(code))
			buf_addf(out, "\\u%04" PRIx32, code);
		else
			buf_add(out, s.p, length);
	}
}

static void add_quoted(struct buf *out, struct slice s)
{
	buf_add_char(out, '"');
	add_escaped(out, s);
	buf_add_char(out, '"');
}

/* Everything that stands before a value. */
static void begin_value(struct json *json, const char *key)
{
	struct buf *text = &json->text;
	char last = text->len == 0 ? '\n' : text->data[text->len - 1];

	if (last != '{' && last != '[' && last != '\n')
		buf_add_char(text, ',');
	if (key) {
		add_quoted(text, slice_str(key));
		buf_add_char(text, ':');
	}
}

void json_open(struct json *json)
{
	begin_value(json, NULL);
	buf_add_char(&json->text, '{');
}

void json_line(struct json *json)
{
	buf_add_str(&json->text, "}\n");
}

void json_object(struct json *json, const char *key)
{
	begin_value(json, key);
	buf_add_char(&json->text, '{');
}

void json_end_object(struct json *json)
{
	buf_add_char(&json->text, '}');
}

void json_array(struct json *json, const char *key)
{
	begin_value(json, key);
	buf_add_char(&json->text, '[');
}

void json_end_array(struct json *json)
{
	buf_add_char(&json->text, ']');
}

void json_slice(struct json *json, const char *key, struct slice value)
{
	begin_value(json, key);
	add_quoted(&json->text, value);
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (value)
		json_slice(json, key, slice_str(value));
	else
		json_null(json, key);
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	begin_value(json, key);
	buf_addf(&json->text, "%" PRIu64, value);
}

void json_seconds(struct json *json, const char *key, int64_t ms)
{
	uint64_t value = ms < 0 ? 0 : (uint64_t)ms;

	begin_value(json, key);
	buf_addf(&json->text, "%" PRIu64 ".%03" PRIu64, value / 1000, value % 1000);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin_value(json, key);
	buf_add_str(&json->text, value ? "true" : "false");
}

void json_null(struct json *json, const char *key)
{
	begin_value(json, key);
	buf_add_str(&json->text, "null");
}

void json_time(struct json *json, const char *key, int64_t seconds)
{
	char text[DATE_TEXT_SIZE];

	if (seconds == 0) {
		json_null(json, key);
		return;
	}
	date_format_iso(seconds, text);
	json_string(json, key, text);
}

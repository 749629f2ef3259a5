/*
 * Writing JSON, one object a line. Keys are literals of ours; values may hold any bytes: what is
 * not UTF-8 becomes U+FFFD.
 *
 *     struct json json = { 0 };
 *     json_open(&json); json_string(&json, "account", "work"); json_number(&json, "uid", 17);
 * json_line(&json);
 *
 * and &json.text holds `{"account":"work","uid":17}` with a newline. json_fini() frees.
 */
#ifndef CLI_JSON_H
#define CLI_JSON_H

#include "base/buf.h"

struct json {
	struct buf text; /* what was written so far */
};

void json_fini(struct json *json);
void json_clear(struct json *json); /* empty text, room kept */

void json_open(struct json *json);                    /* "{" of a line */
void json_line(struct json *json);                    /* "}" and a newline */
void json_object(struct json *json, const char *key); /* "key":{ ... until json_end_object() */
void json_end_object(struct json *json);
void json_array(struct json *json, const char *key); /* "key":[ ... until json_end_array() */
void json_end_array(struct json *json);

/* Within an array KEY is NULL. */
void json_string(struct json *json, const char *key, const char *value); /* NULL: null */
void json_slice(struct json *json, const char *key, struct slice value);
void json_number(struct json *json, const char *key, uint64_t value);
void json_seconds(struct json *json, const char *key, int64_t ms); /* 0.420 */
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
/* Seconds since 1970 as "2026-11-23T18:12:03Z"; 0: null. */
void json_time(struct json *json, const char *key, int64_t seconds);

#endif

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "cli/json.h"

static void escapes_strings(void **state)
{
	static const struct {
		struct slice value;
		const char *text;
	} rows[] = {
		{SLICE(""), "\"\""},
		{SLICE("plain"), "\"plain\""},
		{SLICE("a\"b\\c"), "\"a\\\"b\\\\c\""},
		{SLICE("a\nb\tc\rd"), "\"a\\nb\\tc\\u000dd\""},
		{SLICE("nul\0x"), "\"nul\\u0000x\""},
		{SLICE("\x7F\xC2\x9B"), "\"\\u007f\\u009b\""},
		{SLICE("Entw\xC3\xBCrfe"), "\"Entw\xC3\xBCrfe\""},
		{SLICE("bad\xFFz"), "\"bad\xEF\xBF\xBDz\""},
		{SLICE("cut\xE2\x82"), "\"cut\xEF\xBF\xBD\xEF\xBF\xBD\""},
		{SLICE("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""},
		{SLICE("\xF0\x9F\x90\xA6"), "\"\xF0\x9F\x90\xA6\""},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct json json = {0};

		json_slice(&json, NULL, rows[i].value);
		if (strcmp(json.text.data, rows[i].text) != 0)
			fail_msg("row %zu: got %s", i, json.text.data);
		json_fini(&json);
	}
}

static void writes_objects(void **state)
{
	struct json json = {0};

	(void)state;
	json_open(&json);
	json_string(&json, "event", "failed");
	json_number(&json, "uid", 17);
	json_number(&json, "most", UINT64_MAX);
	json_bool(&json, "yes", true);
	json_bool(&json, "no", false);
	json_null(&json, "none");
	json_string(&json, "null", NULL);
	json_seconds(&json, "seconds", 1042);
	json_seconds(&json, "back", -5);
	json_object(&json, "error");
	json_string(&json, "kind", "net");
	json_number(&json, "n", 1);
	json_end_object(&json);
	json_array(&json, "list");
	json_string(&json, NULL, "a");
	json_string(&json, NULL, "b");
	json_end_array(&json);
	json_array(&json, "empty");
	json_end_array(&json);
	json_number(&json, "last", 0);
	json_line(&json);
	assert_string_equal(json.text.data,
		"{\"event\":\"failed\",\"uid\":17,\"most\":18446744073709551615,\"yes\":true,"
		"\"no\":false,"
		"\"none\":null,\"null\":null,\"seconds\":1.042,\"back\":0.000,"
		"\"error\":{\"kind\":\"net\",\"n\":1},\"list\":[\"a\",\"b\"],\"empty\":[],\"last\":"
		"0}\n");
	json_fini(&json);
}

/* A value that ends like a beginning must not eat the comma behind it. */
static void separates_lines_and_values(void **state)
{
	struct json json = {0};

	(void)state;
	json_open(&json);
	json_string(&json, "a", "{");
	json_string(&json, "b", "[");
	json_line(&json);
	json_open(&json);
	json_line(&json);
	assert_string_equal(json.text.data, "{\"a\":\"{\",\"b\":\"[\"}\n{}\n");
	json_clear(&json);
	json_open(&json);
	json_time(&json, "never", 0);
	json_time(&json, "then", 1795457523);
	json_line(&json);
	assert_string_equal(json.text.data, "{\"never\":null,\"then\":\"2026-11-23T18:12:03Z\"}\n");
	json_fini(&json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escapes_strings),
		cmocka_unit_test(writes_objects),
		cmocka_unit_test(separates_lines_and_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

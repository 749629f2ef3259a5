#include "oauth/answer.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* RFC 6749 5.1 and 5.2, RFC 8628 3.2. */
static const struct {
	const char *name;
	bool needed; /* an answer has one of these */
} members[] = {
	{"access_token", true},
	{"device_code", true},
	{"error", true},
	{"error_description", false},
	{"expires_in", false},
	{"interval", false},
	{"refresh_token", false},
	{"user_code", false},
	{"verification_uri", false},
	{"verification_uri_complete", false},
};

static bool has_control_bytes(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			return true;
	}
	return n == 0;
}

/* Some providers write numbers as strings; here they look the same. */
static bool add_member(const char *name, const json_t *value, struct buf *out)
{
	if (json_is_integer(value) && json_integer_value(value) >= 0) {
		buf_addf(out, "%s %lld\n", name, (long long)json_integer_value(value));
		return true;
	}
	if (!json_is_string(value) ||
		has_control_bytes(json_string_value(value), json_string_length(value)))
		return false;
	buf_addf(out, "%s %s\n", name, json_string_value(value));
	return true;
}

static json_t *get(const json_t *root, const char *name)
{
	json_t *value = json_object_get(root, name);

	/* Google's name for it, older than the RFC. */
	if (!value && strcmp(name, "verification_uri") == 0)
		value = json_object_get(root, "verification_url");
	return value;
}

bool answer_lines(struct slice text, struct buf *out)
{
	json_t *root = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, NULL);
	bool found = false;

	for (size_t i = 0; json_is_object(root) && i < COUNT_OF(members); i++) {
		if (add_member(members[i].name, get(root, members[i].name), out))
			found |= members[i].needed;
	}
	json_decref(root);
	return found;
}

/*
 * godwit-oauth: one question to an OAuth server, for godwit, which starts it.
 *
 * godwit itself links neither an HTTP library nor a JSON parser: what syncs mail should not hold
 * code that it needs once an hour, and what talks to a web server should not hold the mail. This
 * program gets one request on standard input, lines of a word, a blank and a value:
 *
 *     action refresh|device|poll
 *     url https://...              where to ask
 *     client_id ID                 and client_secret, scope, refresh_token, device_code, ca_file
 *     timeout SECONDS
 *
 * and prints one answer of the same form: the members of the server's JSON (answer.c), or "failure
 * WHY" if there was none. Nothing secret is in its arguments, its environment or its messages. Exit
 * status 0; 64 if the request is not one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/base.h"
#include "oauth/answer.h"
#include "oauth/http.h"

#define REQUEST_MOST (64u << 10)
#define TIMEOUT_MOST 600
#define DEVICE_GRANT "urn:ietf:params:oauth:grant-type:device_code"

/* What of the request becomes part of the form, and under which name. */
static const char *const passed_on[] = {
	"client_id", "client_secret", "scope", "refresh_token", "device_code"};

static const struct action {
	const char *name;
	const char *grant_type; /* NULL: none */
} actions[] = {
	{"refresh", "refresh_token"},
	{"device", NULL},
	{"poll", DEVICE_GRANT},
};

/* The value of KEY, NUL-terminated in place; NULL: not there. TEXT: lines ended by NUL, then one
 * more. */
static const char *get(const char *text, const char *key)
{
	size_t n = strlen(key);

	for (; *text; text += strlen(text) + 1) {
		if (strncmp(text, key, n) == 0 && text[n] == ' ')
			return text + n + 1;
	}
	return NULL;
}

/* All of standard input, its lines ended by NUL. false: too long. */
static bool read_request(struct buf *request)
{
	ssize_t n;

	buf_room(request, REQUEST_MOST + 1); /* grows no more: no copy stays behind */
	while ((n = read(STDIN_FILENO, request->data + request->len, REQUEST_MOST - request->len)) >
		0)
		request->len += (size_t)n;
	request->data[request->len] = '\0';
	for (char *p = request->data; (p = strchr(p, '\n')); p++)
		*p = '\0';
	return n == 0 && request->len < REQUEST_MOST;
}

static const struct action *find_action(const char *name)
{
	for (size_t i = 0; name && i < COUNT_OF(actions); i++) {
		if (strcmp(actions[i].name, name) == 0)
			return &actions[i];
	}
	return NULL;
}

static void make_form(const struct action *action, const char *request, struct buf *form)
{
	buf_room(form, 4 * REQUEST_MOST);
	if (action->grant_type)
		http_form_add(form, "grant_type", action->grant_type);
	for (size_t i = 0; i < COUNT_OF(passed_on); i++) {
		const char *value = get(request, passed_on[i]);

		if (value)
			http_form_add(form, passed_on[i], value);
	}
}

/* "failure WHY", a line whatever stands in WHY. */
static void add_failure(const char *why, struct buf *answer)
{
	size_t start = answer->len;

	buf_addf(answer, "failure %s", why);
	for (size_t i = start; i < answer->len; i++) {
		if ((unsigned char)answer->data[i] < 0x20)
			answer->data[i] = ' ';
	}
	buf_add_char(answer, '\n');
}

static void ask(const char *request, const struct buf *form, struct buf *answer)
{
	const char *seconds = get(request, "timeout");
	uint64_t timeout = 0;
	struct http_request post = {.url = get(request, "url"),
		.ca_file = get(request, "ca_file"),
		.form = buf_slice(form)};
	struct buf body = {0};
	struct err err = {0};
	long status = 0;

	if (!slice_number(slice_str(seconds), TIMEOUT_MOST, &timeout) || timeout == 0)
		timeout = TIMEOUT_MOST;
	post.timeout_s = (unsigned)timeout;
	if (http_post(&post, &status, &body, &err) != 0) {
		add_failure(err.msg, answer);
	} else if (status >= 500 || status == 429 || !answer_lines(buf_slice(&body), answer)) {
		char why[64];

		snprintf(why, sizeof(why), "an answer that is none (HTTP status %ld)", status);
		buf_clear(answer);
		add_failure(why, answer);
	}
	buf_wipe(&body);
}

int main(void)
{
	struct buf request = {0}, form = {0}, answer = {0};
	const struct action *action;

	prctl(PR_SET_DUMPABLE, 0);
	if (!read_request(&request) || !get(request.data, "url") ||
		!(action = find_action(get(request.data, "action")))) {
		fprintf(stderr,
			"godwit-oauth: this program is started by godwit; it reads a request "
			"on its standard input\n");
		buf_wipe(&request);
		return EX_USAGE;
	}
	make_form(action, request.data, &form);
	ask(request.data, &form, &answer);
	fwrite(answer.data, 1, answer.len, stdout);
	buf_wipe(&request);
	buf_wipe(&form);
	buf_wipe(&answer);
	return fflush(stdout) == 0 ? 0 : EX_IOERR;
}

/*
 * The program's side of OAuth: what is asked of the helper, and what its answers mean.
 *
 * The helper gets one request on its standard input and prints one answer: lines of a word, a blank
 * and a value (oauth/main.c). Neither secret nor token is ever in an argument list.
 *
 * Two programs may want a fresh token at once, and a refresh token may be good for one use only. So
 * the file is locked while it is looked at and renewed, and who had to wait looks again.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/thread.h"
#include "config/program.h"
#include "config/oauth.h"
#include "config/tokens.h"

#define SPARE 120          /* seconds before the end at which a token counts as run out */
#define LIFE_UNKNOWN 3600  /* of a token whose end the provider does not tell */
#define INTERVAL_UNKNOWN 5 /* RFC 8628 3.2 */
#define INTERVAL_MORE 5    /* RFC 8628 3.5: slow_down */
#define DEVICE_TIMEOUT_MS 30000

static const struct oauth_provider providers[] = {
	{"google", "https://oauth2.googleapis.com/token",
		"https://oauth2.googleapis.com/device/code", "https://mail.google.com/"},
	{"microsoft", "https://login.microsoftonline.com/common/oauth2/v2.0/token",
		"https://login.microsoftonline.com/common/oauth2/v2.0/devicecode",
		"https://outlook.office.com/IMAP.AccessAsUser.All offline_access"},
};

const struct oauth_provider *oauth_provider(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(providers); i++) {
		if (strcmp(providers[i].name, name) == 0)
			return &providers[i];
	}
	return NULL;
}

/* ---- the helper ---- */

/* Beside this program, or where `make install` puts it. */
static char *find_helper(struct err *err)
{
	static const char *const places[] = {"godwit-oauth", "../libexec/godwit/godwit-oauth"};
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *slash;

	self[n > 0 ? n : 0] = '\0';
	slash = strrchr(self, '/');
	for (size_t i = 0; slash && i < COUNT_OF(places); i++) {
		char *path = xasprintf("%.*s/%s", (int)(slash - self), self, places[i]);

		if (faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0)
			return path;
		free(path);
	}
	err_set(err, ERR_CONFIG,
		"the program godwit-oauth, which auth.oauth needs, is neither beside %s nor in "
		"../libexec/godwit",
		self);
	return NULL;
}

/* The value of KEY in an answer, NULL if it is not there. Caller wipes and frees. */
static char *get(const struct buf *answer, const char *key)
{
	size_t n = strlen(key);

	for (const char *line = answer->data; line && *line;) {
		const char *end = strchrnul(line, '\n');

		if (strncmp(line, key, n) == 0 && line[n] == ' ')
			return xstrndup(line + n + 1, (size_t)(end - line) - n - 1);
		line = *end ? end + 1 : end;
	}
	return NULL;
}

static unsigned get_number(const struct buf *answer, const char *key, unsigned fallback)
{
	char *text = get(answer, key);
	uint64_t value = fallback;

	if (text && (!slice_number(slice_str(text), 10L * 365 * 86400, &value)))
		value = fallback;
	free(text);
	return (unsigned)value;
}

static void add(struct buf *request, const char *key, const char *value)
{
	if (value)
		buf_addf(request, "%s %s\n", key, value);
}

/* A secret of our side of the bargain; many programs have none. */
static int add_client_secret(
	const struct config_account *account, struct buf *request, struct err *err)
{
	const struct config_oauth *oauth = &account->oauth;
	struct buf secret = {0};
	int rc = 0;

	add(request, "client_secret", oauth->client_secret);
	if (oauth->client_secret_command.count) {
		rc = program_run(oauth->client_secret_command.items, SLICE(""), account->timeout_ms,
			&secret, err);
		if (rc == 0)
			buf_addf(request, "client_secret %.*s\n",
				(int)strcspn(secret.data ? secret.data : "", "\r\n"),
				secret.data ? secret.data : "");
	}
	buf_wipe(&secret);
	return rc;
}

/* Every request says who asks. REQUEST is the rest. */
static int ask(const struct config_account *account, const char *url, struct buf *request,
	unsigned timeout_ms, struct buf *answer, struct err *err)
{
	char *path = find_helper(err);
	char *argv[] = {path, NULL};
	int rc = path ? add_client_secret(account, request, err) : -1;

	add(request, "url", url);
	add(request, "client_id", account->oauth.client_id);
	add(request, "ca_file", account->oauth.ca_file);
	buf_addf(request, "timeout %u\n", (timeout_ms + 999) / 1000);
	if (rc == 0 && request->len > PROGRAM_INPUT_MOST)
		rc = err_set(err, ERR_AUTH, "the OAuth tokens are longer than %u octets",
			PROGRAM_INPUT_MOST);
	if (rc == 0)
		rc = program_run(argv, buf_slice(request), timeout_ms + 5000, answer, err);
	buf_wipe(request);
	free(path);
	return rc;
}

/* ---- what answers mean ---- */

/* The provider could not be asked, or said nothing that we know: "failure WHY". -1 if so. */
static int check_failure(const struct buf *answer, const char *url, struct err *err)
{
	char *why = get(answer, "failure");

	if (!why)
		return 0;
	err_set(err, ERR_NET, "the OAuth server %s: %s", url, why);
	free(why);
	return -1;
}

/* The provider says no: CODE is its word for it. Always -1. */
static int set_refusal(const struct config_account *account, const struct buf *answer,
	const char *code, struct err *err)
{
	char *description = get(answer, "error_description");

	err_set(err, ERR_AUTH, "the OAuth server refused (%s); run: godwit login %s", code,
		account->name);
	if (description)
		err_server(err, description, strlen(description));
	free(description);
	return -1;
}

/* Tokens out of an answer to a request that was granted. */
static int take_tokens(
	const struct buf *answer, const char *url, struct tokens *tokens, struct err *err)
{
	char *access = get(answer, "access_token"), *refresh = get(answer, "refresh_token");

	if (refresh) /* else the old one stays good */
		tokens_set(&tokens->refresh, refresh);
	if (!access)
		return err_set(err, ERR_NET, "the OAuth server %s: an answer without a token", url);
	tokens_set(&tokens->access, access);
	tokens->expires = time(NULL) + get_number(answer, "expires_in", LIFE_UNKNOWN);
	return 0;
}

/* ---- access tokens ---- */

static int not_logged_in(const struct config_account *account, struct err *err)
{
	return err_set(
		err, ERR_AUTH, "no OAuth token is stored; run: godwit login %s", account->name);
}

static int refresh(const struct config_account *account, unsigned timeout_ms, struct tokens *tokens,
	struct err *err)
{
	const struct config_oauth *oauth = &account->oauth;
	struct buf request = {0}, answer = {0};
	char *error = NULL;
	int rc;

	if (!tokens->refresh)
		return not_logged_in(account, err);
	add(&request, "action", "refresh");
	add(&request, "refresh_token", tokens->refresh);
	add(&request, "scope", oauth->scope);
	rc = ask(account, oauth->token_url, &request, timeout_ms, &answer, err);
	if (rc == 0)
		rc = check_failure(&answer, oauth->token_url, err);
	if (rc == 0 && (error = get(&answer, "error")))
		rc = set_refusal(account, &answer, error, err);
	if (rc == 0)
		rc = take_tokens(&answer, oauth->token_url, tokens, err);
	free(error);
	buf_wipe(&answer);
	return rc;
}

int oauth_token(const struct config_account *account, bool anew, unsigned timeout_ms,
	struct buf *out, struct err *err)
{
	struct tokens tokens = {0};
	int lock = tokens_lock(account->state_dir, err), rc = -1;

	if (lock < 0)
		return -1;
	rc = tokens_read(account->state_dir, &tokens, err);
	if (rc == 0)
		rc = not_logged_in(account, err);
	else if (rc > 0)
		rc = 0;
	if (rc == 0 && (anew || !tokens.access || tokens.expires < time(NULL) + SPARE)) {
		rc = refresh(account, timeout_ms, &tokens, err);
		if (rc == 0)
			rc = tokens_write(account->state_dir, &tokens, err);
	}
	if (rc == 0)
		buf_add_str(out, tokens.access);
	tokens_fini(&tokens);
	close(lock);
	return rc;
}

/* ---- the first login ---- */

int oauth_device_begin(
	const struct config_account *account, struct oauth_device *out, struct err *err)
{
	const struct config_oauth *oauth = &account->oauth;
	struct buf request = {0}, answer = {0};
	char *error = NULL;
	int rc;

	*out = (struct oauth_device){0};
	add(&request, "action", "device");
	add(&request, "scope", oauth->scope);
	rc = ask(account, oauth->device_url, &request, DEVICE_TIMEOUT_MS, &answer, err);
	if (rc == 0)
		rc = check_failure(&answer, oauth->device_url, err);
	if (rc == 0 && (error = get(&answer, "error")))
		rc = set_refusal(account, &answer, error, err);
	if (rc == 0) {
		out->url = get(&answer, "verification_uri");
		out->whole_url = get(&answer, "verification_uri_complete");
		out->code = get(&answer, "user_code");
		out->secret = get(&answer, "device_code");
		out->interval = get_number(&answer, "interval", INTERVAL_UNKNOWN);
		out->life = get_number(&answer, "expires_in", LIFE_UNKNOWN);
		if (!out->url || !out->code || !out->secret)
			rc = err_set(err, ERR_NET, "the OAuth server %s: an answer without a code",
				oauth->device_url);
	}
	free(error);
	buf_wipe(&answer);
	return rc;
}

/* RFC 8628 3.5. 0: ask again; -1. */
static int take_pending(const struct config_account *account, struct oauth_device *device,
	const struct buf *answer, const char *error, struct err *err)
{
	if (strcmp(error, "authorization_pending") == 0)
		return 0;
	if (strcmp(error, "slow_down") == 0) {
		device->interval += INTERVAL_MORE;
		return 0;
	}
	if (strcmp(error, "access_denied") == 0)
		return err_set(err, ERR_AUTH, "the login was denied in the browser");
	if (strcmp(error, "expired_token") == 0)
		return err_set(err, ERR_AUTH,
			"nobody typed the code in time; run again: godwit login %s", account->name);
	return set_refusal(account, answer, error, err);
}

static int store(const struct config_account *account, const struct buf *answer, struct err *err)
{
	struct tokens tokens = {0};
	int lock = tokens_lock(account->state_dir, err), rc = -1;

	if (lock < 0)
		return -1;
	rc = take_tokens(answer, account->oauth.token_url, &tokens, err);
	if (rc == 0)
		rc = tokens_write(account->state_dir, &tokens, err);
	tokens_fini(&tokens);
	close(lock);
	return rc == 0 ? 1 : -1;
}

int oauth_device_poll(
	const struct config_account *account, struct oauth_device *device, struct err *err)
{
	const char *url = account->oauth.token_url;
	struct buf request = {0}, answer = {0};
	char *error = NULL;
	int rc;

	add(&request, "action", "poll");
	add(&request, "device_code", device->secret);
	rc = ask(account, url, &request, DEVICE_TIMEOUT_MS, &answer, err);
	if (rc == 0)
		rc = check_failure(&answer, url, err);
	if (rc == 0 && (error = get(&answer, "error")))
		rc = take_pending(account, device, &answer, error, err);
	else if (rc == 0)
		rc = store(account, &answer, err);
	free(error);
	buf_wipe(&answer);
	return rc;
}

void oauth_device_fini(struct oauth_device *device)
{
	if (device->secret)
		explicit_bzero(device->secret, strlen(device->secret));
	free(device->url);
	free(device->whole_url);
	free(device->code);
	free(device->secret);
	*device = (struct oauth_device){0};
}

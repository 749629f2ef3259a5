/*
 * The section `auth` of an account. The six sources of a secret are one group: an account that
 * names any of them names all.
 */
#include <string.h>
#include <strings.h>

#include "config/oauth.h"
#include "config/reading.h"
#include "config/values.h"

static const struct {
	const char *key;
	enum config_secret kind;
} secrets[] = {
	{"auth.password", CONFIG_SECRET_PASSWORD},
	{"auth.password_command", CONFIG_SECRET_COMMAND},
	{"auth.password_file", CONFIG_SECRET_FILE},
	{"auth.password_env", CONFIG_SECRET_ENV},
	{"auth.token_command", CONFIG_SECRET_TOKEN_COMMAND},
	{"auth.oauth", CONFIG_SECRET_OAUTH},
};

/* The one source of a secret below MAP. 1: found (*WHICH), 0: none, -1: several. */
static int find_secret(struct reading *r, const struct yaml_node *map, size_t *which,
	const struct yaml_node **found)
{
	int count = 0;

	for (size_t i = 0; i < COUNT_OF(secrets); i++) {
		const struct yaml_node *node = reading_find_in(map, secrets[i].key);
		if (!node)
			continue;
		if (count++ > 0)
			return reading_fail(r, node->key_line, node->key_column,
				"%s and %s can't both be set; keep one", secrets[*which].key,
				secrets[i].key);
		*which = i;
		*found = node;
	}
	return count;
}

/* A login that needs no secret: a tunnel that is logged in already, a client certificate
 * (EXTERNAL), or a Kerberos ticket. */
static bool needs_no_secret(const struct config_account *a)
{
	if (a->tunnel.count > 0 || a->client_cert)
		return true;
	for (size_t i = 0; i < a->mechanisms.count; i++)
		if (strcasecmp(a->mechanisms.items[i], "GSSAPI") == 0)
			return true;
	return false;
}

static int get_url(struct reading *r, const char *key, char **out)
{
	const struct yaml_node *node = reading_find(r, key);

	if (reading_string(r, key, out) != 0)
		return -1;
	return !node || strncmp(*out, "https://", 8) == 0
		       ? 0
		       : reading_fail(
				 r, node->line, node->column, "%s must begin with https://", key);
}

/* The addresses that the file does not name are the provider's. */
static int read_provider(struct reading *r)
{
	struct config_oauth *oauth = &r->out->oauth;
	const struct oauth_provider *provider;
	int which;

	if (!reading_find(r, "auth.oauth.provider"))
		return 0;
	if (reading_enum(r, "auth.oauth.provider", &which) != 0 ||
		reading_string(r, "auth.oauth.provider", &oauth->provider) != 0)
		return -1;
	provider = oauth_provider(oauth->provider);
	ASSERT(provider);
	if (!oauth->token_url)
		oauth->token_url = xstrdup(provider->token_url);
	if (!oauth->device_url)
		oauth->device_url = xstrdup(provider->device_url);
	if (!oauth->scope)
		oauth->scope = xstrdup(provider->scope);
	return 0;
}

static int read_oauth(struct reading *r, const struct yaml_node *section)
{
	struct config_oauth *oauth = &r->out->oauth;
	const struct yaml_node *command = reading_find(r, "auth.oauth.client_secret_command");

	if (reading_string(r, "auth.oauth.client_id", &oauth->client_id) != 0 ||
		reading_string(r, "auth.oauth.client_secret", &oauth->client_secret) != 0 ||
		get_url(r, "auth.oauth.token_url", &oauth->token_url) != 0 ||
		get_url(r, "auth.oauth.device_url", &oauth->device_url) != 0 ||
		reading_string(r, "auth.oauth.scope", &oauth->scope) != 0 ||
		reading_path(r, "auth.oauth.ca_file", true, &oauth->ca_file) != 0 ||
		read_provider(r) != 0)
		return -1;
	if (command && reading_argv(r, "auth.oauth.client_secret_command", command,
			       &oauth->client_secret_command) != 0)
		return -1;
	if (command && oauth->client_secret)
		return reading_fail(r, command->key_line, command->key_column,
			"auth.oauth: client_secret and client_secret_command can't both be set");
	if (!oauth->client_id || !oauth->token_url)
		return reading_fail(r, section->key_line, section->key_column,
			"auth.oauth needs client_id, and a provider or token_url");
	return 0;
}

static int read_secret(struct reading *r)
{
	struct config_account *a = r->out;
	const struct yaml_node *node = NULL;
	char reason[200];
	size_t which = 0;
	int rc = find_secret(r, r->account, &which, &node);

	if (rc == 0)
		rc = find_secret(r, r->defaults, &which, &node);
	if (rc < 0)
		return -1;
	if (rc == 0)
		return needs_no_secret(a) ? 0
					  : reading_fail(r, r->account->line, r->account->column,
						    "account '%s' has no password; set one of "
						    "auth.password_command, password_file, "
						    "password_env, token_command, oauth",
						    a->name);
	a->secret_kind = secrets[which].kind;
	a->secret_place = (struct config_place){node->line, node->column};
	if (a->secret_kind == CONFIG_SECRET_COMMAND ||
		a->secret_kind == CONFIG_SECRET_TOKEN_COMMAND)
		return reading_argv(r, secrets[which].key, node, &a->secret_argv);
	if (a->secret_kind == CONFIG_SECRET_OAUTH)
		return read_oauth(r, node);
	if (reading_scalar(r, secrets[which].key, node) != 0)
		return -1;
	if (node->text.n == 0)
		return reading_fail(
			r, node->line, node->column, "%s can't be empty", secrets[which].key);
	if (a->secret_kind != CONFIG_SECRET_FILE) {
		a->secret = xstrndup(node->text.p, node->text.n);
		return 0;
	}
	a->secret = value_path(node->text.p, reason, sizeof(reason));
	return a->secret ? 0
			 : reading_fail(r, node->line, node->column, "%s: %s", secrets[which].key,
				   reason);
}

int reading_auth(struct reading *r)
{
	if (reading_string(r, "auth.user", &r->out->user) != 0 ||
		reading_list(r, "auth.mechanisms", &r->out->mechanisms) != 0)
		return -1;
	if (!r->out->user && r->out->tunnel.count == 0)
		return reading_fail(r, r->account->line, r->account->column,
			"account '%s' has no auth.user; name the user", r->out->name);
	return read_secret(r);
}

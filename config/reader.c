/*
 * From the tree to accounts. Lists replace those of `defaults`, they never merge with them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/nearest.h"
#include "config/reading.h"
#include "config/values.h"
#include "model/quirk.h"

/* ---- unknown keys ---- */

#define KEYS_MOST 64

/* All keys, and the keys that hold keys: "auth.oauth" before "auth.oauth.scope". Their memory is
 * ARENA's. */
static size_t known_keys(const char *words[KEYS_MOST], struct arena *arena)
{
	size_t count = 0;

	for (size_t i = 0; i < config_option_count; i++) {
		const char *key = config_options[i].key,
			   *before = i ? config_options[i - 1].key : "";

		for (const char *dot = strchr(key, '.'); dot; dot = strchr(dot + 1, '.')) {
			size_t n = (size_t)(dot - key);

			if (count < KEYS_MOST && strncmp(key, before, n + 1) != 0)
				words[count++] = arena_strndup(arena, key, n);
		}
		if (count < KEYS_MOST)
			words[count++] = key;
	}
	return count;
}

/* PREFIX + "." + KEY is unknown: say which known one is near. */
static int unknown_key(struct reading *r, const struct yaml_node *node, const char *prefix)
{
	const char *words[KEYS_MOST];
	size_t count = known_keys(words, r->arena);
	char name[128];

	snprintf(name, sizeof(name), "%s%s%.60s", prefix, *prefix ? "." : "", node->key);
	const char *near = nearest_word(slice_str(name), words, count);
	if (near)
		return reading_fail(r, node->key_line, node->key_column,
			"unknown key '%s'; did you mean '%s'?", name, near);
	return reading_fail(r, node->key_line, node->key_column,
		"unknown key '%s'; see sample.yaml for all keys", name);
}

/* PREFIX + "." + KEY holds keys of its own: some option's name begins with it. NAME gets it. */
static bool is_section(const char *prefix, const char *key, char *name, size_t size)
{
	size_t n = (size_t)snprintf(name, size, "%s%s%s", prefix, *prefix ? "." : "", key);

	for (size_t i = 0; n < size && i < config_option_count; i++)
		if (strncmp(config_options[i].key, name, n) == 0 && config_options[i].key[n] == '.')
			return true;
	return false;
}

static int check_keys(struct reading *r, const struct yaml_node *map, const char *prefix)
{
	char name[128];

	for (const struct yaml_node *node = map->first; node; node = node->next) {
		if (!strchr(node->key, '.') && is_section(prefix, node->key, name, sizeof(name))) {
			if (yaml_is_null(node))
				continue;
			if (node->kind != YAML_MAP)
				return reading_fail(r, node->line, node->column,
					"'%s' must hold keys of its own, like %s: { ... }",
					node->key, node->key);
			if (check_keys(r, node, name) != 0)
				return -1;
		} else if (strchr(node->key, '.') || !reading_option(prefix, node->key)) {
			return unknown_key(r, node, prefix);
		}
	}
	return 0;
}

/* ---- sections ---- */

static int read_port(struct reading *r)
{
	unsigned port;

	if (!reading_find(r, "server.port")) {
		r->out->port = r->out->tls == CONFIG_TLS_IMPLICIT ? 993 : 143;
		return 0;
	}
	if (reading_number(r, "server.port", 1, 65535, &port) != 0)
		return -1;
	r->out->port = (uint16_t)port;
	return 0;
}

static int read_pins(struct reading *r)
{
	const struct yaml_node *node = reading_find(r, "server.pin");

	if (reading_list(r, "server.pin", &r->out->pins) != 0)
		return -1;
	for (const struct yaml_node *item = node ? node->first : NULL; item; item = item->next)
		if (!value_pin(item->text.p))
			return reading_fail(r, item->line, item->column,
				"server.pin: a pin is 'sha256:' and 64 hex digits");
	return 0;
}

static int read_tunnel(struct reading *r)
{
	const struct yaml_node *node = reading_find(r, "server.tunnel");

	if (node && reading_argv(r, "server.tunnel", node, &r->out->tunnel) != 0)
		return -1;
	if (!r->out->host && r->out->tunnel.count == 0)
		return reading_fail(r, r->account->line, r->account->column,
			"account '%s' has no server.host; name the IMAP server", r->out->name);
	return 0;
}

static int read_host(struct reading *r)
{
	const struct yaml_node *node = reading_find(r, "server.host");
	char reason[200];

	if (!node)
		return 0;
	if (reading_scalar(r, "server.host", node) != 0)
		return -1;
	r->out->host = value_host(node->text.p, reason, sizeof(reason));
	return r->out->host ? 0
			    : reading_fail(r, node->line, node->column, "server.host: %s", reason);
}

static int check_quirk(struct reading *r, const struct yaml_node *node, const char *word)
{
	const char *const *known = quirk_vocabulary();
	size_t count = 0;

	for (; known[count]; count++)
		if (strcasecmp(known[count], word) == 0)
			return 0;
	const char *near = nearest_word(slice_str(word), known, count);
	return near ? reading_fail(r, node->line, node->column,
			      "server.quirks knows no '%.60s'; did you mean '%s'?", word, near)
		    : reading_fail(r, node->line, node->column,
			      "server.quirks knows no '%.60s'; see godwit.yaml(5)", word);
}

static int read_quirks(struct reading *r)
{
	const struct yaml_node *node = reading_find(r, "server.quirks");

	if (reading_list(r, "server.quirks", &r->out->quirks) != 0)
		return -1;
	for (const struct yaml_node *item = node ? node->first : NULL; item; item = item->next)
		if (check_quirk(r, item, item->text.p) != 0)
			return -1;
	return 0;
}

/* A time of at most a day, in milliseconds. */
static int read_wait(struct reading *r, const char *key, int64_t least, unsigned *ms)
{
	const struct yaml_node *node = reading_find(r, key);
	int64_t seconds = 0;

	if (reading_duration(r, key, &seconds) != 0)
		return -1;
	if (node && (seconds < least || seconds > 86400))
		return reading_fail(r, node->line, node->column, "%s must be %llds to 1d", key,
			(long long)least);
	*ms = (unsigned)seconds * 1000;
	return 0;
}

static int read_server(struct reading *r)
{
	struct config_account *a = r->out;
	int tls = 0, compress = 0;

	if (read_host(r) != 0 || reading_enum(r, "server.tls", &tls) != 0)
		return -1;
	a->tls = (enum config_tls)tls;
	if (read_port(r) != 0 || reading_path(r, "server.ca_file", true, &a->ca_file) != 0 ||
		read_pins(r) != 0 ||
		reading_path(r, "server.client_cert", true, &a->client_cert) != 0 ||
		reading_path(r, "server.client_key", true, &a->client_key) != 0 ||
		read_tunnel(r) != 0 ||
		reading_number(r, "server.connections", 1, 32, &a->connections) != 0 ||
		read_wait(r, "server.timeout", 1, &a->timeout_ms) != 0 ||
		read_wait(r, "server.retry", 0, &a->retry_ms) != 0 ||
		reading_enum(r, "server.compress", &compress) != 0 || read_quirks(r) != 0)
		return -1;
	a->compress = (enum config_compress)compress;
	return 0;
}

static int read_local(struct reading *r)
{
	int layout = 0;

	if (reading_path(r, "local.path", false, &r->out->path) != 0 ||
		reading_enum(r, "local.layout", &layout) != 0)
		return -1;
	r->out->layout = (enum config_layout)layout;
	if (!r->out->path)
		return reading_fail(r, r->account->line, r->account->column,
			"account '%s' has no local.path; name the folder of its Maildir",
			r->out->name);
	return 0;
}

static const enum way ways[] = {WAY_BOTH, WAY_PULL, WAY_PUSH, WAY_NONE};

/* A kind of change goes as sync.direction says, unless it has a word of its own. */
static int get_way(struct reading *r, const char *key, enum way *out)
{
	int index = 0;

	*out = r->out->direction;
	if (!reading_find(r, key))
		return 0;
	if (reading_enum(r, key, &index) != 0)
		return -1;
	*out = ways[index];
	return 0;
}

static int read_max_delete(struct reading *r)
{
	const struct yaml_node *node = reading_find(r, "sync.max_delete");

	if (node && reading_scalar(r, "sync.max_delete", node) != 0)
		return -1;
	r->out->policy.max_delete_free = 20;
	if (value_percent(node ? node->text.p : reading_fallback("sync.max_delete"),
		    &r->out->policy.max_delete))
		return 0;
	return node ? reading_fail(r, node->line, node->column,
			      "sync.max_delete must be a share like 50%%")
		    : -1;
}

static int read_sync(struct reading *r)
{
	static const enum side sides[] = {SIDE_BOTH, SIDE_THERE, SIDE_HERE, SIDE_NONE};
	struct policy *policy = &r->out->policy;
	int direction = 0, expunge = 0;

	if (reading_enum(r, "sync.direction", &direction) != 0)
		return -1;
	r->out->direction = ways[direction];
	if (get_way(r, "sync.new", &policy->new_messages) != 0 ||
		get_way(r, "sync.flags", &policy->flags) != 0 ||
		get_way(r, "sync.deletes", &policy->deletes) != 0 ||
		get_way(r, "sync.create", &policy->create) != 0 ||
		reading_enum(r, "sync.expunge", &expunge) != 0 || read_max_delete(r) != 0)
		return -1;
	policy->expunge = sides[expunge];
	return reading_duration(r, "sync.keep_deleted", &r->out->keep_deleted);
}

static int read_mailboxes(struct reading *r)
{
	if (reading_list(r, "mailboxes", &r->out->mailboxes) != 0)
		return -1;
	if (!reading_find(r, "mailboxes"))
		reading_list_add(&r->out->mailboxes, "*");
	return 0;
}

static int read_account(struct reading *r, const struct yaml_node *node, const char *state_dir)
{
	r->account = node;
	r->out->name = xstrdup(node->key);
	r->out->file = r->file;
	r->out->place = (struct config_place){node->key_line, node->key_column};
	if (!value_account_name(node->key))
		return reading_fail(r, node->key_line, node->key_column,
			"an account's name has 1 to 64 of the characters A-Z a-z 0-9 . _ @ -");
	r->out->state_dir = xasprintf("%s/%s", state_dir, node->key);
	if (node->kind != YAML_MAP)
		return reading_fail(r, node->line, node->column,
			"account '%s' must hold keys like server, auth and local", node->key);
	if (check_keys(r, node, "") != 0 || read_server(r) != 0 || reading_auth(r) != 0 ||
		read_local(r) != 0 || read_mailboxes(r) != 0)
		return -1;
	return read_sync(r);
}

/* ---- the whole file ---- */

static int read_state_dir(struct reading *r, const struct yaml_node *root, char **out)
{
	const struct yaml_node *node = yaml_get(root, "state_dir");
	char reason[200];

	if (node && !yaml_is_null(node)) {
		if (reading_scalar(r, "state_dir", node) != 0)
			return -1;
		*out = value_path(node->text.p, reason, sizeof(reason));
		return *out ? 0
			    : reading_fail(r, node->line, node->column, "state_dir: %s", reason);
	}
	const char *xdg = getenv("XDG_STATE_HOME");
	*out = value_path(xdg && xdg[0] == '/' ? "$XDG_STATE_HOME/godwit" : "~/.local/state/godwit",
		reason, sizeof(reason));
	return *out ? 0 : err_set(r->err, ERR_CONFIG, "%s: state_dir: %s", r->file, reason);
}

static int check_top(struct reading *r, const struct yaml_node *root)
{
	static const char *const words[] = {"accounts", "defaults", "state_dir"};

	if (!root || root->kind != YAML_MAP)
		return reading_fail(r, root ? root->line : 1, root ? root->column : 1,
			"'accounts:' is missing; see sample.yaml");
	for (const struct yaml_node *node = root->first; node; node = node->next) {
		bool known = false;
		for (size_t i = 0; i < COUNT_OF(words); i++)
			known |= strcmp(words[i], node->key) == 0;
		if (known)
			continue;
		const char *near = nearest_word(slice_str(node->key), words, COUNT_OF(words));
		return near ? reading_fail(r, node->key_line, node->key_column,
				      "unknown key '%.60s'; did you mean '%s'?", node->key, near)
			    : reading_fail(r, node->key_line, node->key_column,
				      "unknown key '%.60s'; here stand accounts, defaults and "
				      "state_dir",
				      node->key);
	}
	const struct yaml_node *accounts = yaml_get(root, "accounts");
	if (!accounts || accounts->kind != YAML_MAP || !accounts->first)
		return reading_fail(r, accounts ? accounts->line : root->line,
			accounts ? accounts->column : root->column,
			"'accounts:' must hold at least one account; see sample.yaml");
	return 0;
}

static int read_all(struct reading *r, const struct yaml_node *root, struct config *out)
{
	size_t room = 0;

	if (check_top(r, root) != 0 || read_state_dir(r, root, &out->state_dir) != 0)
		return -1;
	r->defaults = yaml_get(root, "defaults");
	if (r->defaults && yaml_is_null(r->defaults))
		r->defaults = NULL;
	if (r->defaults && r->defaults->kind != YAML_MAP)
		return reading_fail(r, r->defaults->line, r->defaults->column,
			"'defaults' must hold keys like server, auth and sync");
	if (r->defaults && check_keys(r, r->defaults, "") != 0)
		return -1;
	for (const struct yaml_node *node = yaml_get(root, "accounts")->first; node;
		node = node->next) {
		out->accounts =
			base_reserve(out->accounts, out->count, &room, sizeof(*out->accounts));
		r->out = &out->accounts[out->count++];
		*r->out = (struct config_account){0};
		if (read_account(r, node, out->state_dir) != 0)
			return -1;
	}
	return reading_roots(r, out);
}

int config_load(struct config *out, const char *file, struct err *err)
{
	struct arena arena = {0};
	struct yaml_node *root;

	*out = (struct config){.file = xstrdup(file)};
	struct reading r = {.file = out->file, .err = err, .arena = &arena};
	int rc = yaml_load(file, &arena, &root, err);
	if (rc == 0)
		rc = read_all(&r, root, out);
	arena_wipe(&arena);
	if (rc != 0)
		config_fini(out);
	return rc;
}

char *config_find(const char *explicit_path, struct err *err)
{
	const char *from_environment = getenv("GODWIT_CONFIG"), *xdg = getenv("XDG_CONFIG_HOME");
	char reason[200];

	if (explicit_path)
		return xstrdup(explicit_path);
	if (from_environment && from_environment[0])
		return xstrdup(from_environment);
	char *path = value_path(xdg && xdg[0] == '/' ? "$XDG_CONFIG_HOME/godwit/config.yaml"
						     : "~/.config/godwit/config.yaml",
		reason, sizeof(reason));
	if (!path)
		err_set(err, ERR_CONFIG, "the configuration can't be found: %s; give -c FILE",
			reason);
	return path;
}

static void list_fini(struct config_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
	*list = (struct config_list){0};
}

static void account_fini(struct config_account *a)
{
	char *strings[] = {a->name, a->host, a->ca_file, a->client_cert, a->client_key, a->user,
		a->path, a->state_dir, a->oauth.provider, a->oauth.client_id, a->oauth.token_url,
		a->oauth.device_url, a->oauth.scope, a->oauth.ca_file};
	char *secrets_of_it[] = {a->secret, a->oauth.client_secret};
	struct config_list *lists[] = {&a->oauth.client_secret_command, &a->pins, &a->tunnel,
		&a->quirks, &a->secret_argv, &a->mechanisms, &a->mailboxes};

	for (size_t i = 0; i < COUNT_OF(strings); i++)
		free(strings[i]);
	for (size_t i = 0; i < COUNT_OF(lists); i++)
		list_fini(lists[i]);
	for (size_t i = 0; i < COUNT_OF(secrets_of_it); i++) {
		if (secrets_of_it[i])
			explicit_bzero(secrets_of_it[i], strlen(secrets_of_it[i]));
		free(secrets_of_it[i]);
	}
}

int config_locate(const struct config_account *account, struct config_place place, struct err *err)
{
	return err->kind == ERR_CONFIG && place.line > 0
		       ? err_wrap(err, "%s:%u:%u", account->file, place.line, place.column)
		       : -1;
}

void config_fini(struct config *config)
{
	for (size_t i = 0; i < config->count; i++)
		account_fini(&config->accounts[i]);
	free(config->accounts);
	free(config->file);
	free(config->state_dir);
	*config = (struct config){0};
}

struct config_account *config_account(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->count; i++)
		if (strcmp(config->accounts[i].name, name) == 0)
			return &config->accounts[i];
	return NULL;
}

/*
 * The table of all account keys: the one place that knows names, types, defaults and help.
 * sample.yaml, the manual page and the tests are checked against it.
 */
#include <string.h>

#include "config/config.h"

const struct config_option config_options[] = {
	{"server.host", CONFIG_STRING, NULL, NULL,
		"the IMAP server's name or address; required unless there is a tunnel", false},
	{"server.port", CONFIG_NUMBER, NULL, "993",
		"its port; 143 by default when tls is not implicit", false},
	{"server.tls", CONFIG_ENUM, "implicit|starttls|none", "implicit",
		"TLS from the first byte, by STARTTLS, or not at all", false},
	{"server.ca_file", CONFIG_PATH, NULL, NULL,
		"PEM file to trust instead of the system's certificates", false},
	{"server.pin", CONFIG_LIST, NULL, NULL, "accept exactly these public keys: sha256:HEX",
		false},
	{"server.client_cert", CONFIG_PATH, NULL, NULL, "PEM file with a client certificate",
		false},
	{"server.client_key", CONFIG_PATH, NULL, NULL,
		"PEM file with its key, if not in the same file", false},
	{"server.tunnel", CONFIG_ARGV, NULL, NULL,
		"a command that speaks IMAP on its standard input and output", false},
	{"server.connections", CONFIG_NUMBER, NULL, "4",
		"at most this many connections at once (1 to 32)", false},
	{"server.timeout", CONFIG_DURATION, NULL, "60s",
		"silence before a connection counts as dead", false},
	{"server.retry", CONFIG_DURATION, NULL, "2m",
		"how long a pass goes on trying after network trouble", false},
	{"server.compress", CONFIG_ENUM, "auto|yes|no", "auto", "COMPRESS=DEFLATE", false},
	{"server.quirks", CONFIG_LIST, NULL, NULL,
		"a provider's profile (gmail), extensions to leave alone (-MOVE), behaviours",
		false},
	{"auth.user", CONFIG_STRING, NULL, NULL, "the user's name; required", false},
	{"auth.password", CONFIG_STRING, NULL, NULL,
		"the password itself: better use one of the next", true},
	{"auth.password_command", CONFIG_ARGV, NULL, NULL,
		"a command that prints the password on its first line", false},
	{"auth.password_file", CONFIG_PATH, NULL, NULL,
		"a file with the password on its first line, readable by nobody else", false},
	{"auth.password_env", CONFIG_STRING, NULL, NULL,
		"an environment variable that holds the password", false},
	{"auth.token_command", CONFIG_ARGV, NULL, NULL,
		"a command that prints an OAuth access token on its first line", false},
	{"auth.oauth.provider", CONFIG_ENUM, "google|microsoft", NULL,
		"whose addresses and scope stand for the next keys", false},
	{"auth.oauth.client_id", CONFIG_STRING, NULL, NULL,
		"the name under which the provider knows this program; required with oauth", false},
	{"auth.oauth.client_secret", CONFIG_STRING, NULL, NULL,
		"its secret, if the provider gave one", true},
	{"auth.oauth.client_secret_command", CONFIG_ARGV, NULL, NULL,
		"a command that prints it on its first line", false},
	{"auth.oauth.token_url", CONFIG_STRING, NULL, NULL,
		"where tokens are renewed; required without a provider", false},
	{"auth.oauth.device_url", CONFIG_STRING, NULL, NULL,
		"where `godwit login` gets its code (RFC 8628)", false},
	{"auth.oauth.scope", CONFIG_STRING, NULL, NULL, "what to ask for", false},
	{"auth.oauth.ca_file", CONFIG_PATH, NULL, NULL,
		"PEM file to trust at these addresses instead of the system's certificates", false},
	{"auth.mechanisms", CONFIG_LIST, NULL, NULL, "SASL mechanisms in order of preference",
		false},
	{"local.path", CONFIG_PATH, NULL, NULL, "the root of the Maildir tree; required", false},
	{"local.layout", CONFIG_ENUM, "nested|maildir++", "nested",
		"folders in folders, or .A.B beside each other", false},
	{"mailboxes", CONFIG_LIST, NULL, "[\"*\"]", "patterns, last match wins; ! takes away",
		false},
	{"sync.direction", CONFIG_ENUM, "both|pull|push", "both", "which way changes go", false},
	{"sync.new", CONFIG_ENUM, "both|pull|push|none", "both",
		"new messages; by default as direction", false},
	{"sync.flags", CONFIG_ENUM, "both|pull|push|none", "both",
		"flags and keywords; by default as direction", false},
	{"sync.deletes", CONFIG_ENUM, "both|pull|push|none", "both",
		"deletions; by default as direction", false},
	{"sync.create", CONFIG_ENUM, "both|pull|push|none", "both",
		"new mailboxes; by default as direction", false},
	{"sync.expunge", CONFIG_ENUM, "both|there|here|none", "both",
		"where a deleted message is really removed", false},
	{"sync.max_delete", CONFIG_PERCENT, NULL, "50%",
		"refuse when more than this share (and more than 20 messages) would go", false},
	{"sync.keep_deleted", CONFIG_DURATION, NULL, "30d",
		"how long what a pass deleted here can be brought back", false},
};
const size_t config_option_count = COUNT_OF(config_options);

/* YAML text of a string: quoted only if it has to be. */
static void add_string(struct buf *out, const char *s)
{
	static const char special[] = "#&*!|>'\"%@`[]{},:?-\\ ";
	bool plain = *s && !strchr(special, *s) && !strpbrk(s, "\"\\#,:[]{}\t\n") &&
		     s[strlen(s) - 1] != ' ';

	if (plain) {
		buf_add_str(out, s);
		return;
	}
	buf_add_char(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			buf_add_char(out, '\\');
		if ((unsigned char)*s < 0x20)
			buf_addf(out, "\\x%02x", (unsigned char)*s);
		else
			buf_add_char(out, *s);
	}
	buf_add_char(out, '"');
}

static bool string(struct buf *out, const char *s)
{
	if (s)
		add_string(out, s);
	return s != NULL;
}

static bool list(struct buf *out, const struct config_list *l)
{
	if (l->count == 0)
		return false;
	for (size_t i = 0; i < l->count; i++) {
		buf_add_str(out, i ? ", " : "[");
		/* Always in quotes: a list is where "*" and "!x" stand. */
		struct buf item = {0};
		add_string(&item, l->items[i]);
		if (item.data[0] != '"')
			buf_addf(out, "\"%s\"", item.data);
		else
			buf_add_slice(out, buf_slice(&item));
		buf_fini(&item);
	}
	buf_add_char(out, ']');
	return true;
}

static bool number(struct buf *out, unsigned n)
{
	buf_addf(out, "%u", n);
	return true;
}

/* In the largest unit that needs no fraction. */
static bool duration(struct buf *out, int64_t ms)
{
	static const struct {
		int64_t ms;
		char unit;
	} units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}, {1000, 's'}};

	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (ms % units[i].ms != 0 || (ms == 0 && i < 3))
			continue;
		buf_addf(out, "%lld%c", (long long)(ms / units[i].ms), units[i].unit);
		return true;
	}
	return false;
}

static bool word(struct buf *out, const char *s)
{
	buf_add_str(out, s);
	return true;
}

static bool secret(const struct config_account *a, enum config_secret kind, struct buf *out)
{
	if (a->secret_kind != kind)
		return false;
	if (kind == CONFIG_SECRET_COMMAND || kind == CONFIG_SECRET_TOKEN_COMMAND)
		return list(out, &a->secret_argv);
	return kind == CONFIG_SECRET_PASSWORD ? word(out, "(hidden)") : string(out, a->secret);
}

static bool is(const struct config_option *option, const char *key)
{
	return strcmp(option->key, key) == 0;
}

static bool server_text(
	const struct config_account *a, const struct config_option *o, struct buf *out)
{
	static const char *const tls[] = {[CONFIG_TLS_IMPLICIT] = "implicit",
		[CONFIG_TLS_STARTTLS] = "starttls",
		[CONFIG_TLS_NONE] = "none"};
	static const char *const compress[] = {[CONFIG_COMPRESS_AUTO] = "auto",
		[CONFIG_COMPRESS_YES] = "yes",
		[CONFIG_COMPRESS_NO] = "no"};

	return is(o, "server.host")          ? string(out, a->host)
	       : is(o, "server.port")        ? number(out, a->port)
	       : is(o, "server.tls")         ? word(out, tls[a->tls])
	       : is(o, "server.ca_file")     ? string(out, a->ca_file)
	       : is(o, "server.pin")         ? list(out, &a->pins)
	       : is(o, "server.client_cert") ? string(out, a->client_cert)
	       : is(o, "server.client_key")  ? string(out, a->client_key)
	       : is(o, "server.tunnel")      ? list(out, &a->tunnel)
	       : is(o, "server.connections") ? number(out, a->connections)
	       : is(o, "server.timeout")     ? duration(out, a->timeout_ms)
	       : is(o, "server.retry")       ? duration(out, a->retry_ms)
	       : is(o, "server.compress")    ? word(out, compress[a->compress])
	       : is(o, "server.quirks")      ? list(out, &a->quirks)
					     : false;
}

static bool oauth_text(
	const struct config_account *a, const struct config_option *o, struct buf *out)
{
	const struct config_oauth *oauth = &a->oauth;

	return is(o, "auth.oauth.provider")        ? string(out, oauth->provider)
	       : is(o, "auth.oauth.client_id")     ? string(out, oauth->client_id)
	       : is(o, "auth.oauth.client_secret") ? oauth->client_secret && word(out, "(hidden)")
	       : is(o, "auth.oauth.client_secret_command")
		       ? list(out, &oauth->client_secret_command)
	       : is(o, "auth.oauth.token_url")  ? string(out, oauth->token_url)
	       : is(o, "auth.oauth.device_url") ? string(out, oauth->device_url)
	       : is(o, "auth.oauth.scope")      ? string(out, oauth->scope)
	       : is(o, "auth.oauth.ca_file")    ? string(out, oauth->ca_file)
						: false;
}

static bool auth_text(
	const struct config_account *a, const struct config_option *o, struct buf *out)
{
	return is(o, "auth.user")               ? string(out, a->user)
	       : is(o, "auth.password")         ? secret(a, CONFIG_SECRET_PASSWORD, out)
	       : is(o, "auth.password_command") ? secret(a, CONFIG_SECRET_COMMAND, out)
	       : is(o, "auth.password_file")    ? secret(a, CONFIG_SECRET_FILE, out)
	       : is(o, "auth.password_env")     ? secret(a, CONFIG_SECRET_ENV, out)
	       : is(o, "auth.token_command")    ? secret(a, CONFIG_SECRET_TOKEN_COMMAND, out)
	       : is(o, "auth.mechanisms")       ? list(out, &a->mechanisms)
						: false;
}

static bool sync_text(
	const struct config_account *a, const struct config_option *o, struct buf *out)
{
	if (is(o, "sync.max_delete")) {
		buf_addf(out, "%u%%", a->policy.max_delete);
		return true;
	}
	return is(o, "sync.direction")      ? word(out, way_name(a->direction))
	       : is(o, "sync.new")          ? word(out, way_name(a->policy.new_messages))
	       : is(o, "sync.flags")        ? word(out, way_name(a->policy.flags))
	       : is(o, "sync.deletes")      ? word(out, way_name(a->policy.deletes))
	       : is(o, "sync.create")       ? word(out, way_name(a->policy.create))
	       : is(o, "sync.expunge")      ? word(out, side_name(a->policy.expunge))
	       : is(o, "sync.keep_deleted") ? duration(out, a->keep_deleted * 1000)
					    : false;
}

bool config_option_text(
	const struct config_account *a, const struct config_option *o, struct buf *out)
{
	if (strncmp(o->key, "server.", 7) == 0)
		return server_text(a, o, out);
	if (strncmp(o->key, "auth.oauth.", 11) == 0)
		return oauth_text(a, o, out);
	if (strncmp(o->key, "auth.", 5) == 0)
		return auth_text(a, o, out);
	if (strncmp(o->key, "sync.", 5) == 0)
		return sync_text(a, o, out);
	return is(o, "local.path") ? string(out, a->path)
	       : is(o, "local.layout")
		       ? word(out, a->layout == CONFIG_LAYOUT_NESTED ? "nested" : "maildir++")
	       : is(o, "mailboxes") ? list(out, &a->mailboxes) || word(out, "[]")
				    : false;
}

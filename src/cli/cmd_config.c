/*
 * godwit config: check the configuration and print it resolved: every key with its value, defaults
 * included, secrets hidden, and the profile that is certain before a connection. With
 * --check-server look at the servers instead (inspect.c).
 */
#include <string.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/inspect.h"
#include "cli/json.h"
#include "cli/profile.h"
#include "cli/text.h"
#include "sync/sync.h"

static const struct option_row rows[] = {
	{.name = "check-server",
		.help = "connect and show certificates, pin, mechanisms and capabilities",
		.field = offsetof(struct cli_options, check_server)},
	CLI_OPTION_JSON,
};

/* Characters that need no quotes anywhere in a YAML plain scalar, whatever stands around them. */
static bool is_plain(struct slice s)
{
	static const char safe[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./~+@%^()=";

	for (size_t i = 0; i < s.n; i++)
		if (!memchr(safe, s.p[i], sizeof(safe) - 1) && !(s.p[i] == '-' && i != 0))
			return false;
	return s.n != 0 && !strchr("@%~=", s.p[0]);
}

/* A JSON string is a YAML double-quoted scalar. */
static void add_scalar(struct slice s, struct buf *out)
{
	struct json json = {0};

	if (is_plain(s)) {
		buf_add_slice(out, s);
		return;
	}
	json_slice(&json, NULL, s);
	buf_add_slice(out, buf_slice(&json.text));
	json_fini(&json);
}

static int hex_digit(char c)
{
	const char *at = memchr("0123456789abcdef", c, 16);

	return at ? (int)(at - "0123456789abcdef") : 0;
}

/* The text of a value that config/ had to put into quotes: back to what it says, in place. */
static void unquote(struct buf *value)
{
	char *to = value->data;
	const char *from = value->data + 1, *end = value->data + value->len - 1;

	if (value->len < 2 || value->data[0] != '"')
		return;
	while (from < end) {
		if (*from == '\\' && from[1] == 'x') {
			*to++ = (char)(hex_digit(from[2]) << 4 | hex_digit(from[3]));
			from += 4;
			continue;
		}
		from += *from == '\\';
		*to++ = *from++;
	}
	*to = '\0';
	value->len = (size_t)(to - value->data);
}

static bool is_list(const struct config_option *option)
{
	return option->type == CONFIG_LIST || option->type == CONFIG_ARGV;
}

/*
 * "server.host" stands as "host" below "server"; a heading is written where it is not that of the
 * key BEFORE ("" at first), too.
 */
static void add_key(const char *key, const char *before, struct buf *out)
{
	const char *part = key, *dot;
	unsigned indent = 4;

	for (; (dot = strchr(part, '.')); part = dot + 1, indent += 2) {
		if (strncmp(key, before, (size_t)(dot - key) + 1) != 0)
			buf_addf(out, "%*s%.*s:\n", (int)indent, "", (int)(dot - part), part);
	}
	buf_addf(out, "%*s%s: ", (int)indent, "", part);
}

/* What is known without a connection. */
static struct quirk_choice choose_profile(const struct config_account *account)
{
	struct quirk_words words = {account->quirks.items, account->quirks.count};
	struct quirk_server server = {.host = account->host};

	return quirk_choose(words, &server);
}

static void add_account_yaml(const struct config_account *account, struct buf *out)
{
	struct quirk_choice profile = choose_profile(account);
	const char *before = "";
	struct buf value = {0};

	buf_add_str(out, "  ");
	add_scalar(slice_str(account->name), out);
	buf_add_str(out, ":\n    # profile: ");
	profile_text(&profile, "none yet; the server's greeting or its answer to ID may choose one",
		out);
	buf_add_char(out, '\n');
	for (size_t i = 0; i < config_option_count; i++) {
		const struct config_option *option = &config_options[i];

		buf_clear(&value);
		if (!config_option_text(account, option, &value))
			continue;
		add_key(option->key, before, out);
		before = option->key;
		if (is_list(option)) {
			text_escape_slice(buf_slice(&value), out);
		} else {
			unquote(&value);
			add_scalar(buf_slice(&value), out);
		}
		buf_add_char(out, '\n');
	}
	buf_fini(&value);
}

static void show_yaml(const struct cli *cli, struct buf *out)
{
	buf_add_str(out, "# ");
	text_escape(cli->config.file, out);
	buf_add_str(out, "\nstate_dir: ");
	add_scalar(slice_str(cli->config.state_dir), out);
	buf_add_str(out, "\naccounts:\n");
	for (size_t i = 0; i < cli->target_count; i++)
		add_account_yaml(cli->targets[i].account, out);
}

static void add_account_json(
	const struct cli *cli, const struct config_account *account, struct json *json)
{
	struct quirk_choice profile = choose_profile(account);
	struct buf value = {0};

	json_open(json);
	json_string(json, "type", "account");
	json_string(json, "account", account->name);
	json_string(json, "file", cli->config.file);
	json_string(json, "state_dir", account->state_dir);
	for (size_t i = 0; i < config_option_count; i++) {
		buf_clear(&value);
		bool set = config_option_text(account, &config_options[i], &value);

		if (set && !is_list(&config_options[i]))
			unquote(&value);
		if (set)
			json_slice(json, config_options[i].key, buf_slice(&value));
		else
			json_null(json, config_options[i].key);
	}
	profile_json(&profile, json);
	json_line(json);
	buf_fini(&value);
}

/* What can be wrong although it was read. */
static int check(const struct cli *cli)
{
	int status = 0;

	for (size_t i = 0; i < cli->target_count; i++) {
		struct err err = {0};

		if (config_secret_check(cli->targets[i].account, &err) == 0)
			continue;
		cli_error(cli->targets[i].account->name, &err);
		status = sync_worse_status(status, sync_err_status(&err));
	}
	return status;
}

static int run(const struct cli *cli)
{
	struct json json = {0};

	if (cli->options.check_server)
		return inspect_servers(cli);
	if (!cli->options.json)
		show_yaml(cli, &json.text);
	for (size_t i = 0; cli->options.json && i < cli->target_count; i++)
		add_account_json(cli, cli->targets[i].account, &json);
	console_print(buf_slice(&json.text));
	json_fini(&json);
	return check(cli);
}

const struct command command_config = {
	.name = "config",
	.names = "[ACCOUNT...]",
	.summary = "check the configuration and print it resolved, secrets hidden",
	.options = {"Options", rows, COUNT_OF(rows)},
	.run = run,
};

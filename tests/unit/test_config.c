/*
 * The configuration: what is read, what is inherited, and the one line for every mistake.
 * sample.yaml and the table of options say the same.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/config.h"
#include "config/nearest.h"
#include "config/values.h"
#include "config/yaml.h"

static char directory[] = "/tmp/godwit-config-XXXXXX";
static char file[64];

static int set_up(void **state UNUSED)
{
	if (!mkdtemp(directory))
		return -1;
	snprintf(file, sizeof(file), "%s/c", directory);
	setenv("HOME", "/home/me", 1);
	setenv("XDG_STATE_HOME", "", 1);
	setenv("MAILROOT", "/srv/mail", 1);
	setenv("EMPTY", "", 1);
	unsetenv("NOT_SET");
	return 0;
}

static int tear_down(void **state UNUSED)
{
	unlink(file);
	return rmdir(directory);
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	unlink(path);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, mode);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int load(const char *text, struct config *config, struct err *err)
{
	write_file(file, text, 0600);
	return config_load(config, file, err);
}

#define AUTH "    auth: {user: u, password: p}\n"
#define LOCAL "    local: {path: /m}\n"
#define A "accounts:\n  a:\n    server: {host: h}\n" AUTH LOCAL

static const struct {
	const char *text, *message; /* behind "FILE:" */
} mistakes[] = {
	{"", "1:1: 'accounts:' is missing; see sample.yaml"},
	{"accounts: {}\n", "1:11: 'accounts:' must hold at least one account; see sample.yaml"},
	{"accunts: {}\n", "1:1: unknown key 'accunts'; did you mean 'accounts'?"},
	{"nonsense: {}\n",
		"1:1: unknown key 'nonsense'; here stand accounts, defaults and state_dir"},
	{A "    sync: {max_delte: 5%}\n",
		"6:12: unknown key 'sync.max_delte'; did you mean 'sync.max_delete'?"},
	{A "    srever: {port: 1}\n", "6:5: unknown key 'srever'; did you mean 'server'?"},
	{A "    mailbox: [INBOX]\n", "6:5: unknown key 'mailbox'; did you mean 'mailboxes'?"},
	{A "# \xc3\xa4 \xff\n", "6:5: invalid leading UTF-8 octet"},
	{A "    zzz: 1\n", "6:5: unknown key 'zzz'; see sample.yaml for all keys"},
	{A "    sync: {max_delete: 5}\n", "6:24: sync.max_delete must be a share like 50%"},
	{A "    sync: {max_delete: 101%}\n", "6:24: sync.max_delete must be a share like 50%"},
	{A "    sync: {direction: up}\n", "6:23: sync.direction must be one of both|pull|push"},
	{A "    sync: {keep_deleted: 3 weeks}\n",
		"6:26: sync.keep_deleted must be a time like 60s, 2m, 1h or 30d"},
	{A "    mailboxes: INBOX\n", "6:16: mailboxes must be a list, like [a, b]"},
	{A "    sync: on\n", "6:11: 'sync' must hold keys of its own, like sync: { ... }"},
	{A "    sync: {new: pull, new: push}\n",
		"6:23: the key 'new' stands here twice; take one away"},
	{"accounts:\n  a:\n    server: {host: h, port: 70000}\n" AUTH LOCAL,
		"3:29: server.port must be a number from 1 to 65535"},
	{"accounts:\n  a:\n    server: {host: h, connections: 0}\n" AUTH LOCAL,
		"3:36: server.connections must be a number from 1 to 32"},
	{"accounts:\n  a:\n    server: {host: h, tls: maybe}\n" AUTH LOCAL,
		"3:28: server.tls must be one of implicit|starttls|none"},
	{"accounts:\n  a:\n    server: {host: h, pin: [\"sha256:12\"]}\n" AUTH LOCAL,
		"3:29: server.pin: a pin is 'sha256:' and 64 hex digits"},
	{"accounts:\n  a:\n    server: {host: h, ca_file: /no/such}\n" AUTH LOCAL,
		"3:32: server.ca_file: the file /no/such can't be read; name one that is there"},
	{"accounts:\n  a:\n    server: {port: 1}\n" AUTH LOCAL,
		"3:5: account 'a' has no server.host; name the IMAP server"},
	{"accounts:\n  a:\n    server: {host: h}\n    auth: {password: p}\n" LOCAL,
		"3:5: account 'a' has no auth.user; name the user"},
	{"accounts:\n  a:\n    server: {host: h}\n    auth: {user: u}\n" LOCAL,
		"3:5: account 'a' has no password; set one of auth.password_command, "
		"password_file, password_env, token_command, oauth"},
	{"accounts:\n  a:\n    server: {host: h}\n    auth: {user: u, password: p, password_env: "
	 "E}\n" LOCAL,
		"4:34: auth.password and auth.password_env can't both be set; keep one"},
	{"accounts:\n  a:\n    server: {host: h}\n    auth: {user: u, password_command: "
	 "[]}\n" LOCAL,
		"4:39: auth.password_command: a command needs at least its name, like [pass, show, "
		"mail]"},
	{"accounts:\n  a:\n    server: {host: h}\n" AUTH,
		"3:5: account 'a' has no local.path; name the folder of its Maildir"},
	{"accounts:\n  a:\n    server: {host: h}\n" AUTH "    local: {path: $NOT_SET/x}\n",
		"5:19: local.path: the environment variable NOT_SET is not set"},
	{"accounts:\n  a:\n    server: {host: h}\n" AUTH
	 "    local: {path: ~nobody-has-this-name/x}\n",
		"5:19: local.path: there is no user 'nobody-has-this-name' whose home "
		"~nobody-has-this-name could be"},
	{"accounts:\n  a/b:\n    server: {host: h}\n" AUTH LOCAL,
		"2:3: an account's name has 1 to 64 of the characters A-Z a-z 0-9 . _ @ -"},
	{A "  b:\n    server: {host: h}\n" AUTH LOCAL,
		"6:3: account 'b' has the same local.path as 'a'; each needs one of its own"},
	{A "  b:\n    server: {host: h}\n" AUTH "    local: {path: //m/.}\n",
		"6:3: account 'b' has the same local.path as 'a'; each needs one of its own"},
	{A "  b:\n    server: {host: h}\n" AUTH "    local: {path: /m/w}\n",
		"6:3: the local.path of account 'b' lies within that of 'a', which would take its "
		"mail; give it another, or mailboxes: [\"*\", \"!w\", \"!w/*\"] to 'a'"},
	{A "    mailboxes: [\"*\", \"!w\"]\n  b:\n    server: {host: h}\n" AUTH
	   "    local: {path: /m/w}\n",
		"7:3: the local.path of account 'b' lies within that of 'a', which would take its "
		"mail; give it another, or mailboxes: [\"*\", \"!w\", \"!w/*\"] to 'a'"},
	{A "  b:\n    server: {host: h}\n" AUTH "    local: {path: /}\n",
		"6:3: the local.path of account 'a' lies within that of 'b', which would take its "
		"mail; give it another, or mailboxes: [\"*\", \"!m\", \"!m/*\"] to 'b'"},
	{"accounts:\n  a:\n    server: {host: \"\"}\n" AUTH LOCAL,
		"3:20: server.host: a host's name can't be empty"},
	{"accounts:\n  a:\n    server: {host: h}\n    auth: {user: \"\", password: p}\n" LOCAL,
		"4:18: auth.user can't be empty"},
	{"accounts:\n  a:\n    server: {host: h}\n    auth: {user: u, password: \"\"}\n" LOCAL,
		"4:31: auth.password can't be empty"},
	{"accounts:\n  a:\n    server: {host: h}\n" AUTH "    local: {path: $EMPTY}\n",
		"5:19: local.path: $EMPTY says nothing: a path can't be empty"},
	{"accounts:\n  a:\n    server: {host: h, timeout: 0}\n" AUTH LOCAL,
		"3:32: server.timeout must be 1s to 1d"},
	{"accounts:\n  a:\n    server: {host: h, retry: 2d}\n" AUTH LOCAL,
		"3:30: server.retry must be 0s to 1d"},
	{"accounts:\n  a:\n    server: {host: h, quirks: [-MOVE, gmial]}\n" AUTH LOCAL,
		"3:39: server.quirks knows no 'gmial'; did you mean 'gmail'?"},
	{"accounts:\n  a:\n    server: {host: h, ca_file: /}\n" AUTH LOCAL,
		"3:32: server.ca_file: / is a folder; name a file"},
	{A "    mailboxes: *x\n", "6:16: aliases (*name) are not supported; use `defaults`"},
	{A "---\n" A, "6:1: a second document (---) can't stand in this file"},
	{"accounts: [\n", "2:1: did not find expected node content while parsing a flow node"},
};

static void test_mistakes(void **state UNUSED)
{
	for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
		struct config config;
		struct err err = {0};
		char expect[600];
		snprintf(expect, sizeof(expect), "%s:%s", file, mistakes[i].message);
		if (load(mistakes[i].text, &config, &err) == 0)
			fail_msg("row %zu was taken: %s", i, mistakes[i].text);
		if (err.kind != ERR_CONFIG || strcmp(err.msg, expect) != 0)
			fail_msg("row %zu: \"%s\", not \"%s\"", i, err.msg, expect);
	}
}

/* Maildirs in one another of which none takes the other's mail. */
static void test_roots_apart(void **state UNUSED)
{
	static const char *const rest[] = {
		"    mailboxes: [INBOX, Sent]\n  b:\n    local: {path: /m/w}\n",
		"    mailboxes: [\"*\", \"!w\", \"!w/*\"]\n  b:\n    local: {path: /m/w}\n",
		"  b:\n    local: {path: /m2}\n",
		"  b:\n    local: {path: /m/.w}\n",
		"  b:\n    local: {path: /x/m}\n",
	};
	for (size_t i = 0; i < COUNT_OF(rest); i++) {
		struct config config;
		struct err err = {0};
		char text[600];
		snprintf(text, sizeof(text), A "%s    server: {host: h}\n" AUTH, rest[i]);
		if (load(text, &config, &err) != 0)
			fail_msg("row %zu: %s", i, err.msg);
		config_fini(&config);
	}
}

static void test_bombs(void **state UNUSED)
{
	struct config config;
	struct err err = {0};
	char *deep = xmalloc(4000), *large = xmalloc((1 << 20) + 100);

	memset(deep, '[', 3000);
	deep[3000] = '\0';
	assert_int_equal(load(deep, &config, &err), -1);
	assert_non_null(strstr(err.msg, "nested too deeply"));
	memset(large, '#', (1 << 20) + 50);
	large[(1 << 20) + 50] = '\0';
	assert_int_equal(load(large, &config, &err), -1);
	assert_non_null(strstr(err.msg, "larger than 1 MiB"));
	struct buf many = {0};
	buf_add_str(&many, "accounts:\n");
	for (unsigned i = 0; many.len < (1u << 20) - 20; i++)
		buf_addf(&many, " %x:\n", i);
	assert_int_equal(load(many.data, &config, &err), -1);
	assert_non_null(strstr(err.msg, ":2002:2: too many keys stand here"));
	buf_fini(&many);
	assert_int_equal(config_load(&config, "/no/such/file", &err), -1);
	assert_string_equal(err.msg,
		"/no/such/file: no such file; write one (see sample.yaml) or give -c FILE");
	free(deep);
	free(large);
}

static void test_defaults(void **state UNUSED)
{
	struct config config;
	struct err err = {0};

	assert_int_equal(load(A, &config, &err), 0);
	const struct config_account *a = &config.accounts[0];
	assert_string_equal(a->name, "a");
	assert_int_equal(a->port, 993);
	assert_int_equal(a->connections, 4);
	assert_int_equal(a->timeout_ms, 60000);
	assert_int_equal(a->retry_ms, 120000);
	assert_int_equal(a->policy.max_delete, 50);
	assert_int_equal(a->policy.max_delete_free, 20);
	assert_int_equal(a->policy.new_messages, WAY_BOTH);
	assert_int_equal(a->keep_deleted, 30 * 86400);
	assert_string_equal(a->mailboxes.items[0], "*");
	assert_string_equal(config.state_dir, "/home/me/.local/state/godwit");
	assert_string_equal(a->state_dir, "/home/me/.local/state/godwit/a");
	assert_null(config_account(&config, "b"));
	config_fini(&config);
}

static void test_inheritance(void **state UNUSED)
{
	struct config config;
	struct err err = {0};

	if (load("state_dir: ~/s\n"
		 "defaults:\n"
		 "  server: {host: h, tls: starttls, quirks: [-MOVE]}\n"
		 "  auth: {user: u, password_env: E, mechanisms: [PLAIN]}\n"
		 "  sync: {direction: pull, deletes: both}\n"
		 "  mailboxes: [\"*\", \"!Spam\"]\n"
		 "accounts:\n"
		 "  one: {local: {path: \"${MAILROOT}/one/\"}}\n"
		 "  two:\n"
		 "    server: {tls: none, quirks: ~}\n"
		 "    auth: {password_file: ~/pw}\n"
		 "    mailboxes: [INBOX]\n"
		 "    sync: {direction: push}\n"
		 "    local: {path: ~/two, layout: maildir++}\n",
		    &config, &err) != 0)
		fail_msg("%s", err.msg);
	const struct config_account *one = &config.accounts[0], *two = &config.accounts[1];
	assert_string_equal(config.state_dir, "/home/me/s");
	assert_string_equal(one->path, "/srv/mail/one");
	assert_int_equal(one->port, 143);
	assert_int_equal(one->secret_kind, CONFIG_SECRET_ENV);
	assert_int_equal(one->policy.new_messages, WAY_PULL);
	assert_int_equal(one->policy.deletes, WAY_BOTH);
	assert_int_equal(one->mailboxes.count, 2);
	assert_int_equal(two->tls, CONFIG_TLS_NONE);
	assert_string_equal(two->quirks.items[0], "-MOVE"); /* ~ says nothing: inherited */
	assert_int_equal(two->secret_kind, CONFIG_SECRET_FILE);
	assert_string_equal(two->secret, "/home/me/pw");
	assert_int_equal(two->mailboxes.count, 1);
	assert_int_equal(two->policy.flags, WAY_PUSH);
	assert_int_equal(two->policy.deletes, WAY_BOTH);
	assert_int_equal(two->layout, CONFIG_LAYOUT_MAILDIRPP);
	config_fini(&config);
}

/* Every key of the table stands in sample.yaml, active with its default or behind a '#', and no
 * other. */
static void test_sample(void **state UNUSED)
{
	struct arena arena = {0};
	struct yaml_node *root;
	struct err err = {0};
	struct config config;
	char *text = NULL;
	size_t n = 0;

	FILE *sample = fopen("sample.yaml", "r");
	assert_non_null(sample); /* tests run at the top of the repository */
	assert_true(getdelim(&text, &n, '\0', sample) > 0);
	fclose(sample);
	assert_int_equal(yaml_load("sample.yaml", &arena, &root, &err), 0);
	const struct yaml_node *work = yaml_get(yaml_get(root, "accounts"), "work");
	assert_non_null(work);
	for (size_t i = 0; i < config_option_count; i++) {
		const struct config_option *option = &config_options[i];
		const char *dot = strrchr(option->key, '.');
		char section[32], commented[64];
		snprintf(section, sizeof(section), "%.*s", dot ? (int)(dot - option->key) : 0,
			option->key);
		const char *leaf = dot ? dot + 1 : option->key;
		const struct yaml_node *node = yaml_get(dot ? yaml_get(work, section) : work, leaf);
		snprintf(commented, sizeof(commented), "# %s: ", leaf);
		if (strcmp(section, "auth.oauth") == 0)
			snprintf(commented, sizeof(commented), "#   %s: ", leaf);
		if (!node && !strstr(text, commented))
			fail_msg("sample.yaml does not show %s", option->key);
		if (node && option->fallback && node->kind == YAML_SCALAR &&
			!slice_eq_str(node->text, option->fallback))
			fail_msg("sample.yaml shows %s: %s, the default is %s", option->key,
				node->text.p, option->fallback);
	}
	assert_int_equal(config_load(&config, "sample.yaml", &err), 0);
	config_fini(&config);
	arena_fini(&arena);
	free(text);
}

/* What config prints can be read again, and says the same. Secrets are not in it. */
static void test_texts(void **state UNUSED)
{
	struct config config;
	struct err err = {0};
	struct buf value = {0};

	if (load("accounts:\n  a:\n    server: {host: h, timeout: 90s, retry: 0, tunnel: [ssh, \"a "
		 "b\", 'q\"q']}\n"
		 "    auth: {user: \"u: #x\", password: geheim}\n    local: {path: /m}\n    "
		 "mailboxes: [\"*\", \"!x\"]\n",
		    &config, &err) != 0)
		fail_msg("%s", err.msg);
	static const struct {
		const char *key, *text;
	} rows[] = {{"server.timeout", "90s"}, {"server.retry", "0s"},
		{"server.tunnel", "[\"ssh\", \"a b\", \"q\\\"q\"]"}, {"auth.user", "\"u: #x\""},
		{"auth.password", "(hidden)"}, {"auth.password_file", NULL},
		{"mailboxes", "[\"*\", \"!x\"]"}, {"sync.max_delete", "50%"}, {"server.pin", NULL}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t k = 0; k < config_option_count; k++) {
			if (strcmp(config_options[k].key, rows[i].key) != 0)
				continue;
			buf_clear(&value);
			bool set =
				config_option_text(&config.accounts[0], &config_options[k], &value);
			if (set != (rows[i].text != NULL) ||
				(set && strcmp(value.data, rows[i].text) != 0))
				fail_msg("%s: %s", rows[i].key, set ? value.data : "not set");
		}
	}
	buf_fini(&value);
	config_fini(&config);
}

/* ---- secrets ---- */

static int get(enum config_secret kind, const char *secret, char *const argv[], struct buf *out,
	struct err *err)
{
	struct config_account account = {.secret_kind = kind, .secret = (char *)(uintptr_t)secret};
	while (argv && argv[account.secret_argv.count])
		account.secret_argv.count++;
	account.secret_argv.items = (char **)(uintptr_t)argv;
	buf_clear(out);
	return config_secret_get(&account, 1000, out, err);
}

static void test_secrets(void **state UNUSED)
{
	struct buf out = {0};
	struct err err = {0};

	setenv("GW_SECRET", "from env", 1);
	assert_int_equal(get(CONFIG_SECRET_PASSWORD, "plain", NULL, &out, &err), 0);
	assert_string_equal(out.data, "plain");
	assert_int_equal(get(CONFIG_SECRET_ENV, "GW_SECRET", NULL, &out, &err), 0);
	assert_string_equal(out.data, "from env");
	assert_int_equal(get(CONFIG_SECRET_ENV, "NOT_SET", NULL, &out, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);

	write_file(file, "from file\nuser: x\n", 0600);
	assert_int_equal(get(CONFIG_SECRET_FILE, file, NULL, &out, &err), 0);
	assert_string_equal(out.data, "from file");
	assert_int_equal(chmod(file, 0640), 0);
	assert_int_equal(get(CONFIG_SECRET_FILE, file, NULL, &out, &err), -1);
	assert_non_null(strstr(err.msg, "can be read by others"));
	assert_int_equal(get(CONFIG_SECRET_FILE, "/no/such", NULL, &out, &err), -1);

	char long_line[4097];
	memset(long_line, 'x', 4096);
	long_line[4096] = '\0';
	write_file(file, long_line, 0600);
	assert_int_equal(get(CONFIG_SECRET_FILE, file, NULL, &out, &err), -1);
	assert_non_null(strstr(err.msg, "longer than 4095"));
	long_line[4095] = '\n';
	write_file(file, long_line, 0600);
	assert_int_equal(get(CONFIG_SECRET_FILE, file, NULL, &out, &err), 0);
	assert_int_equal(out.len, 4095);

	char *good[] = {"printf", "first line\\r\\nsecond", NULL};
	assert_int_equal(get(CONFIG_SECRET_COMMAND, NULL, good, &out, &err), 0);
	assert_string_equal(out.data, "first line");
	char *no_shell[] = {"echo", "$HOME;id", NULL};
	assert_int_equal(get(CONFIG_SECRET_TOKEN_COMMAND, NULL, no_shell, &out, &err), 0);
	assert_string_equal(out.data, "$HOME;id");
	buf_wipe(&out);
}

static void test_bad_commands(void **state UNUSED)
{
	static char *const silent[] = {"true", NULL};
	static char *const failing[] = {"sh", "-c", "echo secret; exit 3", NULL};
	static char *const missing[] = {"/no/such/command", NULL};
	static char *const slow[] = {"sh", "-c", "sleep 20 & wait", NULL};
	static char *const endless[] = {"yes", NULL};
	static char *const nul[] = {"printf", "a\\0b", NULL};
	static const struct {
		char *const *argv;
		const char *part;
	} rows[] = {{silent, "the password is empty"}, {failing, "failed with status 3"},
		{missing, "can't be started"}, {slow, "did not end in time"},
		{endless, "prints more than 64 KiB"}, {nul, "has a NUL byte"}};
	struct buf out = {0};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct err err = {0};
		assert_int_equal(get(CONFIG_SECRET_COMMAND, NULL, rows[i].argv, &out, &err), -1);
		if (err.kind != ERR_AUTH || !strstr(err.msg, rows[i].part) ||
			strstr(err.msg, "secret"))
			fail_msg("row %zu: %s", i, err.msg);
	}
	buf_wipe(&out);
}

static void test_values(void **state UNUSED)
{
	int64_t seconds;

	assert_true(value_duration("0", &seconds) && seconds == 0);
	assert_true(value_duration("90", &seconds) && seconds == 90);
	assert_true(value_duration("2h", &seconds) && seconds == 7200);
	assert_false(value_duration("", &seconds));
	assert_false(value_duration("s", &seconds));
	assert_false(value_duration("-1s", &seconds));
	assert_false(value_duration("1.5h", &seconds));
	assert_false(value_duration("99999999999999999999d", &seconds));
	assert_false(value_duration("1d ", &seconds));
	assert_int_equal(value_enum("push", "both|pull|push"), 2);
	assert_int_equal(value_enum("pu", "both|pull|push"), -1);
	assert_int_equal(nearest_distance(SLICE("hots"), SLICE("host"), 3), 1);
	assert_false(value_account_name(".."));
	assert_false(value_account_name(""));
	assert_true(value_account_name("me@example.org"));
}

static void test_hosts(void **state UNUSED)
{
	static const struct {
		const char *text, *host; /* host NULL: refused */
	} rows[] = {
		{"imap.example.org", "imap.example.org"},
		{"IMAP.example.org.", "IMAP.example.org."},
		{"my_host", "my_host"},
		{"::1", "::1"},
		{"b\xc3\xbc"
		 "cher.example.org",
			"xn--bcher-kva.example.org"},
		{"B\xc3\x9c"
		 "CHER.example.org",
			"xn--bcher-kva.example.org"},
		{"bu\xcc\x88"
		 "cher.example.org",
			"xn--bcher-kva.example.org"},
		{"\xe2\x98\x83\xff", NULL},
		{"\xe2\x80\xae.example.org", NULL}, /* turns the writing direction */
		{"a b", NULL},
		{"a\nb", NULL},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char reason[200] = "";
		char *host = value_host(rows[i].text, reason, sizeof(reason));

		if ((host == NULL) != (rows[i].host == NULL) ||
			(host && strcmp(host, rows[i].host) != 0))
			fail_msg("row %zu: %s", i, host ? host : reason);
		if (!host)
			assert_true(reason[0]);
		free(host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_roots_apart),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_bad_commands),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_hosts),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/*
 * godwit login: the first OAuth login of an account, on a machine that may have no browser: show
 * where to go and which code to type, wait until the user has agreed, keep the tokens (RFC 8628).
 */
#include "base/thread.h"
#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json.h"
#include "cli/text.h"
#include "config/oauth.h"
#include "sync/sync.h"

#define INTERVAL_MOST 60 /* seconds between two polls, whatever the provider wants */

static const struct option_row rows[] = {CLI_OPTION_JSON};

static void print_and_flush(struct buf *text)
{
	console_print(buf_slice(text));
	console_flush();
	buf_fini(text);
}

static void show_json(const char *account, const struct oauth_device *device)
{
	struct json json = {0};

	json_open(&json);
	json_string(&json, "type", "device");
	json_string(&json, "account", account);
	json_string(&json, "url", device->url);
	json_string(&json, "code", device->code);
	json_string(&json, "whole_url", device->whole_url);
	json_number(&json, "seconds", device->life);
	json_line(&json);
	print_and_flush(&json.text);
}

static void show_text(const char *account, const struct oauth_device *device)
{
	struct buf text = {0};

	buf_addf(&text, "%s: open this address in a browser, on any machine:\n\n    ", account);
	text_escape(device->url, &text);
	buf_add_str(&text, "\n\nand type this code:\n\n    ");
	text_escape(device->code, &text);
	if (device->whole_url) {
		buf_add_str(&text, "\n\nor open this one, which has the code in it:\n\n    ");
		text_escape(device->whole_url, &text);
	}
	buf_addf(&text, "\n\nWaiting for at most %u minutes...\n", (device->life + 59) / 60);
	print_and_flush(&text);
}

/* 0 when the user has agreed. */
static int wait_for_user(
	const struct config_account *account, struct oauth_device *device, struct err *err)
{
	int64_t end = clock_ms() + (int64_t)device->life * 1000;
	int rc = 0;

	while (rc == 0) {
		unsigned pause =
			device->interval < INTERVAL_MOST ? device->interval : INTERVAL_MOST;

		if (clock_ms() >= end)
			return err_set(err, ERR_AUTH, "nobody typed the code in time");
		if (cancel_sleep_ms(pause * 1000, err) != 0)
			return -1;
		rc = oauth_device_poll(account, device, err);
		if (rc < 0 && err->kind == ERR_NET) /* RFC 8628 3.5: slower, and on */ {
			console_note("%s: %s; trying again", account->name, err->msg);
			err_clear(err);
			device->interval = device->interval * 2 + 1;
			rc = 0;
		}
	}
	return rc > 0 ? 0 : -1;
}

static void tell_success(const struct cli *cli, const char *account)
{
	struct json json = {0};

	if (cli->options.json) {
		json_open(&json);
		json_string(&json, "type", "login");
		json_string(&json, "account", account);
		json_line(&json);
	} else {
		buf_addf(&json.text, "%s: logged in\n", account);
	}
	print_and_flush(&json.text);
}

static int log_in(const struct cli *cli, const struct config_account *account, struct err *err)
{
	struct oauth_device device;
	int rc;

	if (account->secret_kind != CONFIG_SECRET_OAUTH) {
		err_set(err, ERR_CONFIG,
			"this account has no auth.oauth: there is nothing to log in to beforehand");
		return config_locate(account, account->place, err);
	}
	if (!account->oauth.device_url) {
		err_set(err, ERR_CONFIG, "auth.oauth.device_url is not set");
		return config_locate(account, account->secret_place, err);
	}
	rc = oauth_device_begin(account, &device, err);
	if (rc == 0 && cli->options.json)
		show_json(account->name, &device);
	else if (rc == 0)
		show_text(account->name, &device);
	if (rc == 0)
		rc = wait_for_user(account, &device, err);
	oauth_device_fini(&device);
	return rc;
}

static int run(const struct cli *cli)
{
	const struct config_account *account = cli->targets[0].account;
	struct err err = {0};

	if (log_in(cli, account, &err) != 0) {
		cli_error(account->name, &err);
		return sync_err_status(&err);
	}
	tell_success(cli, account->name);
	return 0;
}

const struct command command_login = {
	.name = "login",
	.names = "ACCOUNT",
	.summary = "log in to the OAuth provider of an account, once",
	.options = {"Options", rows, COUNT_OF(rows)},
	.least = 1,
	.most = 1,
	.run = run,
};

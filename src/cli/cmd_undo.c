/*
 * godwit undo: bring back what a pass deleted here.
 */
#include <inttypes.h>
#include <sysexits.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json.h"
#include "sync/sync.h"

static const struct option_row rows[] = {CLI_OPTION_JSON};

static void print_json(const char *account, uint64_t pass, uint64_t count)
{
	struct json json = {0};

	json_open(&json);
	json_string(&json, "type", "undo");
	json_string(&json, "account", account);
	if (pass != 0)
		json_number(&json, "pass", pass);
	else
		json_null(&json, "pass");
	json_number(&json, "restored", count);
	json_line(&json);
	console_print(buf_slice(&json.text));
	json_fini(&json);
}

static void print_text(const char *account, uint64_t pass, uint64_t count)
{
	struct buf text = {0};

	if (pass == 0)
		buf_addf(&text, "%s: nothing was ever deleted here\n", account);
	else if (count == 0)
		buf_addf(&text,
			"%s: nothing that pass %" PRIu64
			" deleted here is left to bring back: it is back already, or kept no "
			"longer\n",
			account, pass);
	else
		buf_addf(&text,
			"%s: %" PRIu64 " %s that pass %" PRIu64
			" deleted %s back; the next sync sends %s to the server\n",
			account, count, count == 1 ? "message" : "messages", pass,
			count == 1 ? "is" : "are", count == 1 ? "it" : "them");
	console_print(buf_slice(&text));
	buf_fini(&text);
}

static int no_such_pass(const char *account, uint64_t pass)
{
	console_error("godwit: %s: no pass %" PRIu64 " is known; see godwit log %s", account, pass,
		account);
	return EX_USAGE;
}

static int run(const struct cli *cli)
{
	const char *account = cli->targets[0].account->name;
	uint64_t pass = cli->number, count = 0;
	struct err err = {0};

	int rc = sync_undo(cli->targets[0].account, &pass, &count, &err);

	if (rc < 0) {
		cli_error(account, &err);
		return sync_err_status(&err);
	}
	if (rc == 1)
		return no_such_pass(account, pass);
	if (cli->options.json)
		print_json(account, pass, count);
	else
		print_text(account, pass, count);
	return 0;
}

const struct command command_undo = {
	.name = "undo",
	.names = "ACCOUNT [PASS]",
	.summary = "bring back what a pass deleted here",
	.options = {"Options", rows, COUNT_OF(rows)},
	.least = 1,
	.most = 2,
	.number = true,
	.confined = true,
	.run = run,
};

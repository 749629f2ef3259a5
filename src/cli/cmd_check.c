/*
 * godwit check: do state, Maildir and server agree? The state is looked at by itself; then what a
 * plan would do that takes no shortcut is what differs.
 */
#include "cli/console.h"
#include "cli/json.h"
#include "cli/passes.h"
#include "cli/text.h"

static const struct option_row rows[] = {
	{0, "deep", NULL, "read every file and compare it with its digest",
		offsetof(struct cli_options, deep)},
	{0, "repair", NULL, "mend the state; no message is deleted or changed",
		offsetof(struct cli_options, repair)},
	CLI_OPTION_JSON,
};

struct findings {
	const char *account;
	bool json;
	uint64_t count, mended;
};

static void print_text(const struct findings *f, const struct sync_finding *finding)
{
	struct buf text = {0};

	text_escape(f->account, &text);
	if (finding->mailbox[0]) {
		buf_add_char(&text, '/');
		text_escape(finding->mailbox, &text);
	}
	if (finding->uid)
		buf_addf(&text, ": message %u", finding->uid);
	if (finding->file) {
		buf_add_str(&text, ": ");
		text_escape(finding->file, &text);
	}
	buf_add_str(&text, ": ");
	text_escape(finding->what, &text);
	buf_add_str(&text, finding->mended ? " (mended)\n" : "\n");
	console_print(buf_slice(&text));
	buf_fini(&text);
}

static void print_json(const struct findings *f, const struct sync_finding *finding)
{
	struct json json = {0};

	json_open(&json);
	json_string(&json, "event", "finding");
	json_string(&json, "account", f->account);
	json_string(&json, "mailbox", finding->mailbox);
	json_number(&json, "uid", finding->uid);
	json_string(&json, "file", finding->file ? finding->file : "");
	json_string(&json, "what", finding->what);
	json_bool(&json, "mended", finding->mended);
	json_line(&json);
	console_print(buf_slice(&json.text));
	json_fini(&json);
}

static void take(const struct sync_finding *finding, void *arg)
{
	struct findings *f = arg;

	f->count++;
	f->mended += finding->mended;
	if (f->json)
		print_json(f, finding);
	else
		print_text(f, finding);
}

static int check_state(const struct cli *cli, const struct config_account *account)
{
	struct findings findings = {.account = account->name, .json = cli->options.json};
	struct sync_check options = {.deep = cli->options.deep,
		.repair = cli->options.repair,
		.found = take,
		.arg = &findings};
	struct err err = {0};

	if (sync_check(account, &options, &err) != 0) {
		cli_error(account->name, &err);
		return sync_err_status(&err);
	}
	return findings.count > findings.mended;
}

static int run(const struct cli *cli)
{
	struct sync_options plan = {.plan = true, .thorough = true};
	uint64_t operations = 0;
	int status = 0;

	for (size_t i = 0; i < cli->target_count; i++)
		status = sync_worse_status(status, check_state(cli, cli->targets[i].account));
	status = sync_worse_status(status, passes_count(cli, &plan, &operations));
	return sync_worse_status(status, operations > 0);
}

const struct command command_check = {
	.name = "check",
	.names = "[ACCOUNT...]",
	.summary = "do state, Maildir and server agree?",
	.options = {"Options", rows, COUNT_OF(rows)},
	.confined = true,
	.run = run,
};

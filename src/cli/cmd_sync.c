/*
 * godwit sync: one two-way pass over each account.
 */
#include "cli/passes.h"

static const struct option_row rows[] = {
	{.name = "approve",
		.help = "carry out the deletions that the guard refused",
		.field = offsetof(struct cli_options, approve)},
	{.name = "retry",
		.help = "try again what a side refused earlier",
		.field = offsetof(struct cli_options, retry)},
	{.name = "no-wait",
		.help = "end at once with status 75 if another pass of the account runs",
		.field = offsetof(struct cli_options, no_wait)},
	CLI_OPTION_JSON,
};

static int run(const struct cli *cli)
{
	struct sync_options options = {
		.approve = cli->options.approve,
		.retry = cli->options.retry,
		.no_wait = cli->options.no_wait,
	};

	return passes_run(cli, &options);
}

const struct command command_sync = {
	.name = "sync",
	.names = "[ACCOUNT[/MAILBOX]...]",
	.summary = "make both sides equal; without names, of every account",
	.options = {"Options", rows, COUNT_OF(rows)},
	.mailboxes = true,
	.confined = true,
	.run = run,
};

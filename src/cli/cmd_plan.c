/*
 * godwit plan: what sync would do, and why. Changes nothing, anywhere.
 */
#include "cli/passes.h"

static const struct option_row rows[] = {CLI_OPTION_JSON};

static int run(const struct cli *cli)
{
	struct sync_options options = {.plan = true};

	return passes_run(cli, &options);
}

const struct command command_plan = {
	.name = "plan",
	.names = "[ACCOUNT[/MAILBOX]...]",
	.summary = "print what sync would do, one line an operation with its reason",
	.options = {"Options", rows, COUNT_OF(rows)},
	.mailboxes = true,
	.confined = true,
	.run = run,
};

/*
 * godwit dump: the state database of an account as text.
 */
#include <errno.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "state/state.h"
#include "sync/sync.h"

static const struct option_row rows[] = {CLI_OPTION_JSON};

/* A state_dump_line; a reader that went away ends the dump. */
static int print_line(const char *line, void *arg)
{
	struct buf *text = arg;

	buf_clear(text);
	buf_addf(text, "%s\n", line);
	console_print(buf_slice(text));
	return console_is_broken();
}

static int dump(const struct config_account *account, bool json, struct err *err)
{
	struct buf identity = {0}, text = {0};
	struct state *state = NULL;
	int rc;

	sync_identity(account, &identity);
	rc = state_open(&state, account->state_dir, identity.data, true, err);
	if (rc == 0)
		rc = state_dump(state, json, print_line, &text, err);
	state_close(state);
	buf_fini(&identity);
	buf_fini(&text);
	return rc;
}

static int run(const struct cli *cli)
{
	const struct config_account *account = cli->targets[0].account;
	struct err err = {0};

	if (dump(account, cli->options.json, &err) == 0 || console_is_broken())
		return 0; /* what broke is told at the end */
	if (err.sys == ENOENT) {
		if (!cli->options.quiet)
			console_note("%s: no state yet, nothing was synced so far", account->name);
		return 0;
	}
	cli_error(account->name, &err);
	return sync_err_status(&err);
}

const struct command command_dump = {
	.name = "dump",
	.names = "ACCOUNT",
	.summary = "print the state database as text",
	.options = {"Options", rows, COUNT_OF(rows)},
	.least = 1,
	.most = 1,
	.confined = true,
	.run = run,
};

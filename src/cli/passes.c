#include "cli/passes.h"

#include <stdlib.h>

#include "cli/console.h"
#include "cli/events.h"
#include "cli/progress.h"
#include "cli/summary.h"
#include "cli/targets.h"

/* One account's pass. */
struct pass {
	const struct config_account *account;
	struct sync_options options;
	struct report report;
	struct events events;
	struct err err;
	int rc;
	int64_t elapsed_ms;
};

static void pass_init(struct pass *pass, const struct cli *cli, const struct cli_target *target,
	const struct sync_options *options)
{
	pass->account = target->account;
	pass->options = *options;
	pass->options.mailboxes = target->mailboxes;
	pass->options.mailbox_count = target->mailbox_count;
	pass->events.json = cli->options.json;
	pass->events.plan = options->plan;
	pass->events.quiet = cli->options.quiet;
	pass->events.verbose = cli->options.verbose;
	report_init(&pass->report, target->account->name, events_sink, &pass->events);
}

static void pass_fini(struct pass *pass)
{
	report_fini(&pass->report);
	events_fini(&pass->events);
}

static void pass_account(void *item)
{
	struct pass *pass = item;

	pass->rc = sync_account(pass->account, &pass->options, &pass->report, &pass->err);
	pass->elapsed_ms = clock_ms() - pass->report.started_ms;
}

/* The error if there was one, and the summary; returns the account's exit status. */
static int pass_finish(const struct pass *pass)
{
	struct summary summary = {
		.account = pass->account->name,
		.totals = &pass->report.totals,
		.elapsed_ms = pass->elapsed_ms,
		.status = sync_exit_status(pass->rc, &pass->err, &pass->report),
		.err = pass->rc == 0 ? NULL : &pass->err,
		.operations = pass->options.plan ? pass->events.operations : NULL,
		.boxes_to_make = pass->events.boxes_to_make,
		.boxes_to_delete = pass->events.boxes_to_delete,
	};
	struct json json = {0};

	if (pass->events.json)
		summary_json(&summary, &json);
	else if (!pass->events.quiet)
		summary_text(&summary, &json.text);
	console_print(buf_slice(&json.text));
	json_fini(&json);
	if (summary.err)
		cli_error(summary.account, summary.err);
	return summary.status;
}

static void run_all(const struct cli *cli, struct pass *passes, size_t count)
{
	struct report **reports = xcalloc(count + 1, sizeof(struct report *));
	bool show = console_is_terminal() && !cli->options.quiet && !cli->options.json;
	struct progress *progress;

	for (size_t i = 0; i < count; i++)
		reports[i] = &passes[i].report;
	progress = show ? progress_start(reports, count) : NULL;
	targets_run(passes, count, sizeof(*passes), pass_account);
	progress_stop(progress);
	free(reports);
}

int passes_run(const struct cli *cli, const struct sync_options *options)
{
	uint64_t ignored = 0;

	return passes_count(cli, options, &ignored);
}

int passes_count(const struct cli *cli, const struct sync_options *options, uint64_t *operations)
{
	size_t count = cli->target_count;
	struct pass *passes = xcalloc(count + 1, sizeof(*passes));
	int status = 0;

	for (size_t i = 0; i < count; i++)
		pass_init(&passes[i], cli, &cli->targets[i], options);
	run_all(cli, passes, count);
	for (size_t i = 0; i < count; i++) {
		status = sync_worse_status(status, pass_finish(&passes[i]));
		for (size_t k = 0; k < OP_KIND_COUNT; k++)
			*operations += passes[i].events.operations[k];
		pass_fini(&passes[i]);
	}
	free(passes);
	return status;
}

/*
 * godwit log: what past passes did, and what was deleted here and can come back.
 */
#include <inttypes.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json.h"
#include "cli/text.h"
#include "sync/sync.h"

static const struct option_row rows[] = {CLI_OPTION_JSON};

/* A pass's counts, in the order in which they are told. */
static const struct {
	const char *key;        /* JSON */
	const char *one, *many; /* people */
	size_t field;           /* in struct sync_past */
} counts[] = {
	{"fetched", "new here", "new here", offsetof(struct sync_past, fetched)},
	{"appended", "sent", "sent", offsetof(struct sync_past, appended)},
	{"adopted", "paired", "paired", offsetof(struct sync_past, adopted)},
	{"flags_here", "flag here", "flags here", offsetof(struct sync_past, flags_here)},
	{"flags_there", "flag there", "flags there", offsetof(struct sync_past, flags_there)},
	{"moved_here", "moved here", "moved here", offsetof(struct sync_past, moved_here)},
	{"moved_there", "moved there", "moved there", offsetof(struct sync_past, moved_there)},
	{"deleted_here", "deleted here", "deleted here", offsetof(struct sync_past, deleted_here)},
	{"deleted_there", "deleted there", "deleted there",
		offsetof(struct sync_past, deleted_there)},
	{"boxes_deleted_here", "mailbox deleted here", "mailboxes deleted here",
		offsetof(struct sync_past, boxes_deleted_here)},
	{"boxes_deleted_there", "mailbox deleted there", "mailboxes deleted there",
		offsetof(struct sync_past, boxes_deleted_there)},
	{"failed", "failed", "failed", offsetof(struct sync_past, failed)},
	{"refused", "refused", "refused", offsetof(struct sync_past, refused)},
};

static uint64_t count_of(const struct sync_past *past, size_t i)
{
	return *(const uint64_t *)(const void *)((const char *)past + counts[i].field);
}

static uint64_t kept_of(const struct sync_log *log, uint64_t pass)
{
	uint64_t n = 0;

	for (size_t i = 0; i < log->kept_count; i++)
		n += log->kept[i].pass == pass;
	return n;
}

static void print_pass(
	const char *account, const struct sync_log *log, const struct sync_past *past)
{
	struct buf text = {0};
	const char *gap = "";

	buf_addf(&text, "%s: pass %" PRIu64 ", ", account, past->pass);
	text_time(past->time, &text);
	buf_add_str(&text, ": ");
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		uint64_t n = count_of(past, i);
		if (n == 0)
			continue;
		buf_addf(
			&text, "%s%" PRIu64 " %s", gap, n, n == 1 ? counts[i].one : counts[i].many);
		gap = ", ";
	}
	if (past->unfinished)
		buf_addf(&text, "%snot finished", gap[0] ? "; " : "");
	uint64_t kept = kept_of(log, past->pass);
	if (kept > 0)
		buf_addf(&text, "; %" PRIu64 " can come back: godwit undo %s %" PRIu64, kept,
			account, past->pass);
	buf_add_char(&text, '\n');
	console_print(buf_slice(&text));
	buf_fini(&text);
}

static void print_json(const char *account, const struct sync_log *log)
{
	struct json json = {0};

	for (size_t k = 0; k < log->pass_count; k++) {
		const struct sync_past *past = &log->passes[k];
		json_open(&json);
		json_string(&json, "type", "pass");
		json_string(&json, "account", account);
		json_number(&json, "pass", past->pass);
		json_time(&json, "time", past->time);
		for (size_t i = 0; i < COUNT_OF(counts); i++)
			json_number(&json, counts[i].key, count_of(past, i));
		json_bool(&json, "finished", !past->unfinished);
		json_line(&json);
	}
	for (size_t k = 0; k < log->kept_count; k++) {
		const struct sync_kept *kept = &log->kept[k];
		json_open(&json);
		json_string(&json, "type", "kept");
		json_string(&json, "account", account);
		json_number(&json, "pass", kept->pass);
		json_time(&json, "time", kept->time);
		json_string(&json, "folder", kept->folder);
		json_string(&json, "file", kept->path);
		json_number(&json, "size", kept->size);
		json_line(&json);
	}
	if (json.text.len > 0)
		console_print(buf_slice(&json.text));
	json_fini(&json);
}

static int show(const struct config_account *account, const struct cli_options *options)
{
	struct arena arena = {0};
	struct sync_log log;
	struct err err = {0};
	int rc = sync_read_log(account, &arena, &log, &err);

	if (rc != 0)
		cli_error(account->name, &err);
	else if (options->json)
		print_json(account->name, &log);
	else if (log.pass_count == 0 && !options->quiet)
		console_note("%s: no pass has done anything so far", account->name);
	for (size_t i = 0; rc == 0 && !options->json && i < log.pass_count; i++)
		print_pass(account->name, &log, &log.passes[i]);
	arena_fini(&arena);
	return rc == 0 ? 0 : sync_err_status(&err);
}

static int run(const struct cli *cli)
{
	int status = 0;

	for (size_t i = 0; i < cli->target_count; i++)
		status = sync_worse_status(status, show(cli->targets[i].account, &cli->options));
	return status;
}

const struct command command_log = {
	.name = "log",
	.names = "[ACCOUNT...]",
	.summary = "what past passes did, and what was deleted here and can come back",
	.options = {"Options", rows, COUNT_OF(rows)},
	.confined = true,
	.run = run,
};

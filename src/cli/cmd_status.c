/*
 * godwit status: a table of the mailboxes, from the state; with --remote also what the server holds
 * now.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/targets.h"
#include "cli/text.h"
#include "sync/sync.h"

static const struct option_row rows[] = {
	{.name = "remote",
		.help = "ask the server how many messages it holds now",
		.field = offsetof(struct cli_options, remote)},
	CLI_OPTION_JSON,
};

static const struct table_column columns[] = {
	{"MAILBOX", false},
	{"SERVER", true},
	{"HERE", true},
	{"PENDING", true},
	{"LAST SYNC", false},
	{"SERVER NOW", true},
};

/* One account. */
struct view {
	const struct config_account *account;
	bool remote; /* ask the server */
	struct arena arena;
	struct status status;
	struct sync_boxes boxes; /* of the server, if asked */
	struct err err;
	int rc;
};

static void collect(void *item)
{
	struct view *view = item;

	view->rc = status_read(view->account, true, &view->arena, &view->status, &view->err);
	if (view->rc == 0 && view->remote)
		view->rc = sync_list(
			view->account, true, &view->arena, &view->boxes, NULL, &view->err);
}

static const struct sync_box *remote_box(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->boxes.count; i++)
		if (strcmp(view->boxes.items[i].name, name) == 0)
			return &view->boxes.items[i];
	return NULL;
}

static bool in_state(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->status.count; i++)
		if (strcmp(view->status.boxes[i].name, name) == 0)
			return true;
	return false;
}

/* A mailbox that only the server knows so far, and that a pass would take. */
static bool is_unknown_remote(const struct view *view, const struct sync_box *remote)
{
	return remote->there && remote->selectable && remote->selected &&
	       !in_state(view, remote->name);
}

/* How a view's rows are shown: in a table or as JSON. BOX or REMOTE may be NULL. */
typedef void show_row(const struct view *view, const struct status_box *box,
	const struct sync_box *remote, void *arg);

static void each_row(const struct view *view, show_row *show, void *arg)
{
	for (size_t i = 0; i < view->status.count; i++) {
		const struct status_box *box = &view->status.boxes[i];

		show(view, box, remote_box(view, box->name), arg);
	}
	for (size_t i = 0; i < view->boxes.count; i++)
		if (is_unknown_remote(view, &view->boxes.items[i]))
			show(view, NULL, &view->boxes.items[i], arg);
}

static void add_number(struct table *table, bool known, uint64_t n)
{
	if (known)
		table_cellf(table, "%" PRIu64, n);
	else
		table_cell(table, SLICE("-"));
}

static void add_table_row(const struct view *view, const struct status_box *box,
	const struct sync_box *remote, void *arg)
{
	struct table *table = arg;

	text_escape(view->account->name, &table->text);
	buf_add_char(&table->text, '/');
	text_escape(box ? box->name : remote->name, &table->text);
	table_end_cell(table);
	add_number(table, box, box ? box->there : 0);
	add_number(table, box, box ? box->here : 0);
	add_number(table, box, box ? box->pending : 0);
	text_time(box ? box->synced : 0, &table->text);
	table_end_cell(table);
	if (view->remote)
		add_number(table, remote && remote->status.known,
			remote ? remote->status.messages : 0);
	else
		table_end_cell(table);
}

static void add_json_row(const struct view *view, const struct status_box *box,
	const struct sync_box *remote, void *arg)
{
	struct json *json = arg;

	json_open(json);
	json_string(json, "type", "mailbox");
	json_string(json, "account", view->account->name);
	json_string(json, "mailbox", box ? box->name : remote->name);
	json_number(json, "there", box ? box->there : 0);
	json_number(json, "here", box ? box->here : 0);
	json_number(json, "pending", box ? box->pending : 0);
	json_time(json, "synced", box ? box->synced : 0);
	if (remote && remote->status.known)
		json_number(json, "there_now", remote->status.messages);
	else if (view->remote)
		json_null(json, "there_now");
	json_line(json);
}

/* "work/INBOX: fetch of message 17: too big (3 times since 2026-11-20 12:00)" */
static void add_pending_line(
	const struct view *view, const struct status_pending *pending, struct buf *out)
{
	const struct state_pending *entry = &pending->entry;

	text_escape(view->account->name, out);
	buf_add_char(out, '/');
	text_escape(pending->mailbox, out);
	buf_addf(out, ": %s", status_pending_name(entry->kind));
	if (entry->uid != 0)
		buf_addf(out, " of message %" PRIu32, entry->uid);
	else if (entry->base.n != 0) {
		buf_add_str(out, " of file ");
		text_escape_slice(entry->base, out);
	}
	buf_add_str(out, ": ");
	text_escape_slice(entry->reason, out);
	buf_add_str(out, " (");
	text_count(entry->count, "time", "times", out);
	buf_add_str(out, " since ");
	text_time(entry->since, out);
	buf_add_str(out, ")\n");
}

static void add_pending_json(
	const struct view *view, const struct status_pending *pending, struct json *json)
{
	const struct state_pending *entry = &pending->entry;

	json_open(json);
	json_string(json, "type", "pending");
	json_string(json, "account", view->account->name);
	json_string(json, "mailbox", pending->mailbox);
	json_string(json, "operation", status_pending_name(entry->kind));
	if (entry->uid != 0)
		json_number(json, "uid", entry->uid);
	else
		json_null(json, "uid");
	if (entry->base.n != 0)
		json_slice(json, "file", entry->base);
	json_slice(json, "reason", entry->reason);
	json_number(json, "count", entry->count);
	json_time(json, "since", entry->since);
	json_line(json);
}

/* An account about which nothing else can be said: its table would be empty. */
static void add_nothing_line(const struct view *view, struct buf *out)
{
	if (view->rc != 0 || view->status.count != 0)
		return;
	text_escape(view->account->name, out);
	buf_addf(out, ": %snothing was synced so far\n", view->status.none ? "no state yet, " : "");
}

static void show_json(const struct view *views, size_t count, struct buf *out)
{
	struct json json = {0};

	for (size_t i = 0; i < count; i++) {
		if (views[i].status.none) {
			json_open(&json);
			json_string(&json, "type", "no-state");
			json_string(&json, "account", views[i].account->name);
			json_line(&json);
		}
		each_row(&views[i], add_json_row, &json);
		for (size_t j = 0; j < views[i].status.pending_count; j++)
			add_pending_json(&views[i], &views[i].status.pending[j], &json);
	}
	buf_add_slice(out, buf_slice(&json.text));
	json_fini(&json);
}

static void show_text(const struct view *views, size_t count, struct buf *out)
{
	struct table table;

	table_init(&table, columns, COUNT_OF(columns));
	for (size_t i = 0; i < count; i++)
		each_row(&views[i], add_table_row, &table);
	if (table_rows(&table) != 0)
		table_format(&table, out);
	table_fini(&table);
	for (size_t i = 0; i < count; i++) {
		add_nothing_line(&views[i], out);
		for (size_t j = 0; j < views[i].status.pending_count; j++)
			add_pending_line(&views[i], &views[i].status.pending[j], out);
	}
}

/* Errors go last: what is known about the others stands above. */
static int finish(struct view *views, size_t count)
{
	int status = 0;

	for (size_t i = 0; i < count; i++) {
		if (views[i].rc != 0) {
			cli_error(views[i].account->name, &views[i].err);
			status = sync_worse_status(status, sync_err_status(&views[i].err));
		}
		arena_fini(&views[i].arena);
	}
	free(views);
	return status;
}

static int run(const struct cli *cli)
{
	struct view *views = xcalloc(cli->target_count + 1, sizeof(*views));
	struct buf text = {0};

	for (size_t i = 0; i < cli->target_count; i++) {
		views[i].account = cli->targets[i].account;
		views[i].remote = cli->options.remote;
	}
	targets_run(views, cli->target_count, sizeof(*views), collect);
	if (cli->options.json)
		show_json(views, cli->target_count, &text);
	else
		show_text(views, cli->target_count, &text);
	console_print(buf_slice(&text));
	buf_fini(&text);
	return finish(views, cli->target_count);
}

const struct command command_status = {
	.name = "status",
	.names = "[ACCOUNT...]",
	.summary = "show each mailbox: messages on the server, here, pending, last sync",
	.options = {"Options", rows, COUNT_OF(rows)},
	.confined = true,
	.run = run,
};

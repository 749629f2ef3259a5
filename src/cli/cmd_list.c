/*
 * godwit list: the mailboxes on both sides and how they pair.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/console.h"
#include "cli/json.h"
#include "cli/profile.h"
#include "cli/status.h"
#include "cli/table.h"
#include "cli/targets.h"
#include "cli/text.h"
#include "sync/sync.h"

static const struct option_row rows[] = {
	{.name = "capabilities",
		.help = "print what the server can do instead of its mailboxes",
		.field = offsetof(struct cli_options, capabilities)},
	CLI_OPTION_JSON,
};

static const struct table_column columns[] = {
	{"MAILBOX", false},
	{"THERE", false},
	{"HERE", false},
	{"SERVER NAME", false},
	{"FOLDER", false},
	{"ROLE", false},
	{"NOTE", false},
};

/* One account. */
struct view {
	const struct config_account *account;
	struct arena arena;
	struct sync_boxes boxes;
	struct status status; /* for the keywords without a letter */
	struct sync_capabilities capabilities;
	struct err err;
	int rc;
};

static void collect(void *item)
{
	struct view *view = item;

	view->rc = sync_list(
		view->account, false, &view->arena, &view->boxes, &view->capabilities, &view->err);
	if (view->rc == 0)
		view->rc =
			status_read(view->account, false, &view->arena, &view->status, &view->err);
}

/* What the server says a mailbox is for (RFC 6154), NULL: nothing. */
static const char *role_name(unsigned attributes)
{
	static const struct {
		enum imap_attribute bit;
		const char *name;
	} roles[] = {
		{IMAP_ALL, "all"},
		{IMAP_ARCHIVE, "archive"},
		{IMAP_DRAFTS, "drafts"},
		{IMAP_FLAGGED, "flagged"},
		{IMAP_JUNK, "junk"},
		{IMAP_SENT, "sent"},
		{IMAP_TRASH, "trash"},
	};

	for (size_t i = 0; i < COUNT_OF(roles); i++)
		if (attributes & roles[i].bit)
			return roles[i].name;
	return NULL;
}

static uint32_t letterless(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->status.count; i++)
		if (strcmp(view->status.boxes[i].name, name) == 0)
			return view->status.boxes[i].letterless;
	return 0;
}

static void add_note(const char *note, size_t start, struct buf *out)
{
	if (out->len > start)
		buf_add_str(out, "; ");
	text_escape(note, out);
}

static void add_notes(const struct view *view, const struct sync_box *box, struct buf *out)
{
	uint32_t keywords = letterless(view, box->name);
	size_t start = out->len;

	if (box->problem)
		add_note(box->problem, start, out);
	if (box->there && !box->selectable)
		add_note("holds no messages", start, out);
	if (!box->selected)
		add_note("not selected", start, out);
	if (keywords != 0) {
		add_note("", start, out);
		text_count(keywords, "keyword without a letter", "keywords without a letter", out);
	}
}

static void add_row(const struct view *view, const struct sync_box *box, struct table *table)
{
	text_escape(view->account->name, &table->text);
	buf_add_char(&table->text, '/');
	text_escape(box->name, &table->text);
	table_end_cell(table);
	table_cell(table, box->there ? SLICE("yes") : SLICE("-"));
	table_cell(table, box->here ? SLICE("yes") : SLICE("-"));
	text_escape_slice(box->wire, &table->text);
	table_end_cell(table);
	text_escape(box->path, &table->text);
	table_end_cell(table);
	table_cell(table, slice_str(role_name(box->attributes)));
	add_notes(view, box, &table->text);
	table_end_cell(table);
}

static void add_json(const struct view *view, const struct sync_box *box, struct json *json)
{
	json_open(json);
	json_string(json, "type", "mailbox");
	json_string(json, "account", view->account->name);
	json_string(json, "mailbox", box->name);
	json_bool(json, "there", box->there);
	json_bool(json, "here", box->here);
	if (box->wire.n != 0)
		json_slice(json, "server_name", box->wire);
	else
		json_null(json, "server_name");
	json_string(json, "folder", box->path);
	json_string(json, "role", role_name(box->attributes));
	json_bool(json, "selectable", box->selectable);
	json_bool(json, "selected", box->selected);
	json_string(json, "problem", box->problem);
	json_number(json, "keywords_without_letter", letterless(view, box->name));
	json_line(json);
}

static bool has_bit(uint64_t bits, unsigned i)
{
	return bits >> i & 1;
}

/* What becomes of extension I. */
static const char *state_of(const struct sync_capabilities *c, unsigned i)
{
	if (!has_bit(c->announced, i))
		return has_bit(c->usable, i) ? "used" : "not announced"; /* implied by another */
	if (!has_bit(c->usable, i))
		return "switched off";
	return imap_extension((enum imap_capability)i)->used ? "used" : "not used";
}

static void add_capability(const struct view *view, unsigned i, struct table *table)
{
	const struct imap_extension *row = imap_extension((enum imap_capability)i);

	text_escape(view->account->name, &table->text);
	table_end_cell(table);
	table_cell(table, slice_str(row->name));
	table_cell(table, slice_str(row->since));
	table_cell(table, slice_str(state_of(&view->capabilities, i)));
	table_cell(table, slice_str(row->use));
}

static void show_capabilities(const struct view *view, struct buf *out)
{
	static const struct table_column heads[] = {{"ACCOUNT", false}, {"EXTENSION", false},
		{"SINCE", false}, {"STATE", false}, {"FOR", false}};
	const struct quirk_choice *choice = &view->capabilities.profile;
	struct table table;

	table_init(&table, heads, COUNT_OF(heads));
	for (unsigned i = 0; i < IMAP_CAP_COUNT; i++)
		add_capability(view, i, &table);
	table_format(&table, out);
	table_fini(&table);
	if (!choice->profile)
		return;
	text_escape(view->account->name, out);
	buf_add_str(out, ": treated as ");
	profile_text(choice, "", out);
	buf_add_char(out, '\n');
}

static void show_capabilities_json(const struct view *view, struct json *json)
{
	const struct sync_capabilities *c = &view->capabilities;

	json_open(json);
	json_string(json, "type", "capabilities");
	json_string(json, "account", view->account->name);
	profile_json(&c->profile, json);
	json_array(json, "capabilities");
	for (unsigned i = 0; i < IMAP_CAP_COUNT; i++)
		if (has_bit(c->usable, i))
			json_string(json, NULL, imap_capability_name((enum imap_capability)i));
	json_end_array(json);
	json_line(json);
	for (unsigned i = 0; i < IMAP_CAP_COUNT; i++) {
		const struct imap_extension *row = imap_extension((enum imap_capability)i);
		json_open(json);
		json_string(json, "type", "capability");
		json_string(json, "account", view->account->name);
		json_string(json, "name", row->name);
		json_string(json, "since", row->since);
		json_bool(json, "announced", has_bit(c->announced, i));
		json_string(json, "state", state_of(c, i));
		json_string(json, "for", row->use);
		json_line(json);
	}
}

static void show_json(const struct cli_options *options, const struct view *view, struct buf *out)
{
	struct json json = {0};

	if (options->capabilities)
		show_capabilities_json(view, &json);
	else
		for (size_t i = 0; i < view->boxes.count; i++)
			add_json(view, &view->boxes.items[i], &json);
	buf_add_slice(out, buf_slice(&json.text));
	json_fini(&json);
}

static void show_tables(const struct view *views, size_t count, struct buf *out)
{
	struct table table;

	table_init(&table, columns, COUNT_OF(columns));
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; views[i].rc == 0 && j < views[i].boxes.count; j++)
			add_row(&views[i], &views[i].boxes.items[j], &table);
	if (table_rows(&table) != 0)
		table_format(&table, out);
	table_fini(&table);
}

static void show(
	const struct cli_options *options, const struct view *views, size_t count, struct buf *out)
{
	if (!options->json && !options->capabilities) {
		show_tables(views, count, out);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		if (views[i].rc != 0)
			continue;
		if (options->json)
			show_json(options, &views[i], out);
		else
			show_capabilities(&views[i], out);
	}
}

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

	for (size_t i = 0; i < cli->target_count; i++)
		views[i].account = cli->targets[i].account;
	targets_run(views, cli->target_count, sizeof(*views), collect);
	show(&cli->options, views, cli->target_count, &text);
	console_print(buf_slice(&text));
	buf_fini(&text);
	return finish(views, cli->target_count);
}

const struct command command_list = {
	.name = "list",
	.names = "[ACCOUNT...]",
	.summary = "show the mailboxes on both sides and how they pair",
	.options = {"Options", rows, COUNT_OF(rows)},
	.confined = true,
	.run = run,
};

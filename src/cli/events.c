#include "cli/events.h"

#include <inttypes.h>
#include <string.h>

#include "cli/console.h"
#include "cli/text.h"

void events_fini(struct events *events)
{
	json_fini(&events->line);
	buf_fini(&events->text);
}

/* "work/INBOX" or "work" */
static void add_place(const struct report_event *event, struct buf *out)
{
	text_escape(event->account, out);
	if (event->mailbox && event->mailbox[0]) {
		buf_add_char(out, '/');
		text_escape(event->mailbox, out);
	}
}

/* What it is about within the mailbox: " 17" or " cur/x", each behind WORD. */
static void add_subject(const struct report_event *event, const char *word_uid,
	const char *word_file, struct buf *out)
{
	if (event->uid != 0) {
		buf_addf(out, "%s%" PRIu32, word_uid, event->uid);
	} else if (event->file) {
		buf_add_str(out, word_file);
		text_escape(event->file, out);
	}
}

/* Our reason; the server's words behind it unless it holds them already. */
static void add_reason(const struct report_event *event, struct buf *out)
{
	const struct err *err = event->err;
	char line[sizeof(err->msg) + sizeof(err->server) + 64];

	if (event->reason && event->reason[0]) {
		text_escape(event->reason, out);
		if (err && err->server[0] && !strstr(event->reason, err->server)) {
			buf_add_str(out, "; the server said: \"");
			text_escape(err->server, out);
			buf_add_char(out, '"');
		}
	} else if (err) {
		text_escape(err_line(err, line, sizeof(line)), out);
	}
}

void events_line(const struct report_event *event, struct buf *out)
{
	add_place(event, out);
	if (event->kind == REPORT_OP) {
		buf_add_char(out, ' ');
		text_escape(event->operation, out);
		add_subject(event, " ", " ", out);
	} else {
		add_subject(event, ": message ", ": file ", out);
	}
	buf_add_str(out, ": ");
	add_reason(event, out);
}

static const char *kind_name(enum report_event_kind kind)
{
	switch (kind) {
	case REPORT_OP:
		return "operation";
	case REPORT_BOX:
	case REPORT_BOX_GONE:
		return "mailbox";
	case REPORT_FAILED:
		return "failed";
	case REPORT_REFUSED:
		return "refused";
	case REPORT_NOTE:
		break;
	}
	return "note";
}

void events_json(const struct report_event *event, struct json *out)
{
	json_open(out);
	json_string(out, "event", kind_name(event->kind));
	json_string(out, "account", event->account);
	json_string(out, "mailbox", event->mailbox ? event->mailbox : "");
	if (event->operation)
		json_string(out, "operation", event->operation);
	if (event->uid != 0)
		json_number(out, "uid", event->uid);
	else
		json_null(out, "uid");
	if (event->file)
		json_string(out, "file", event->file);
	json_string(out, "reason", event->reason || !event->err ? event->reason : event->err->msg);
	if (event->side) {
		json_string(out, "side", event->side);
		json_number(out, "deletions", event->deletions);
		json_number(out, "messages", event->messages);
	}
	if (event->err && event->err->kind != ERR_NONE)
		json_string(out, "error", err_kind_name(event->err->kind));
	if (event->err && event->err->server[0])
		json_string(out, "server", event->err->server);
	json_line(out);
}

static void count(struct events *events, const struct report_event *event)
{
	if (event->kind == REPORT_BOX)
		events->boxes_to_make++;
	if (event->kind == REPORT_BOX_GONE)
		events->boxes_to_delete++;
	if (event->kind != REPORT_OP || !event->operation)
		return;
	for (size_t kind = 0; kind < OP_KIND_COUNT; kind++)
		if (strcmp(event->operation, op_kind_name((enum op_kind)kind)) == 0)
			events->operations[kind]++;
}

static void print_result(struct events *events)
{
	buf_add_char(&events->text, '\n');
	console_print(buf_slice(&events->text));
}

static void print_line(struct events *events, const struct report_event *event)
{
	buf_clear(&events->text);
	events_line(event, &events->text);
	switch (event->kind) {
	case REPORT_OP:
		if (!events->json)
			print_result(events);
		break;
	case REPORT_BOX:
	case REPORT_BOX_GONE:
		if (events->plan && !events->json)
			print_result(events);
		else if (events->verbose)
			console_note("%s", events->text.data);
		break;
	case REPORT_FAILED:
	case REPORT_REFUSED:
		console_error("%s", events->text.data);
		break;
	case REPORT_NOTE:
		if (!events->quiet)
			console_note("%s", events->text.data);
		break;
	}
}

static void print_json(struct events *events, const struct report_event *event)
{
	json_clear(&events->line);
	events_json(event, &events->line);
	console_print(buf_slice(&events->line.text));
	if (event->kind != REPORT_OP)
		console_flush();
}

void events_sink(const struct report_event *event, void *arg)
{
	struct events *events = arg;

	count(events, event);
	print_line(events, event);
	if (events->json)
		print_json(events, event);
}

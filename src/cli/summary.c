#include "cli/summary.h"

#include <inttypes.h>

#include "cli/text.h"

/* All totals; those with words stand in the line for people too, in this order. */
static const struct total {
	const char *key;  /* in JSON */
	size_t field;     /* offset in struct report_totals */
	const char *one;  /* words behind the number 1 */
	const char *many; /* ... and any other */
} totals[] = {
#define TOTAL(NAME, ONE, MANY)                                                                     \
	{                                                                                          \
#NAME, offsetof(struct report_totals, NAME), ONE, MANY                             \
	}
	TOTAL(fetched, "new here", "new here"),
	TOTAL(fetched_bytes, NULL, NULL),
	TOTAL(appended, "sent", "sent"),
	TOTAL(appended_bytes, NULL, NULL),
	TOTAL(adopted, "paired", "paired"),
	TOTAL(flags_here, "flag here", "flags here"),
	TOTAL(flags_there, "flag there", "flags there"),
	TOTAL(moved_here, "moved here", "moved here"),
	TOTAL(moved_there, "moved there", "moved there"),
	TOTAL(deleted_here, "deleted here", "deleted here"),
	TOTAL(deleted_there, "deleted there", "deleted there"),
	TOTAL(boxes_made_here, "mailbox made here", "mailboxes made here"),
	TOTAL(boxes_made_there, "mailbox made there", "mailboxes made there"),
	TOTAL(boxes_deleted_here, "mailbox deleted here", "mailboxes deleted here"),
	TOTAL(boxes_deleted_there, "mailbox deleted there", "mailboxes deleted there"),
	TOTAL(failed, "failed", "failed"),
	TOTAL(waiting, "still failed", "still failed"),
	TOTAL(refused, "deletion refused", "deletions refused"),
	TOTAL(pending, "pending", "pending"),
	TOTAL(boxes, NULL, NULL),
	TOTAL(boxes_done, NULL, NULL),
	TOTAL(boxes_skipped, NULL, NULL),
	TOTAL(round_trips, NULL, NULL),
	TOTAL(bytes_in, NULL, NULL),
	TOTAL(bytes_out, NULL, NULL),
#undef TOTAL
};

static uint64_t total_value(const struct report_totals *all, const struct total *total)
{
	return *(const _Atomic uint64_t *)((const char *)all + total->field);
}

static void add_comma(size_t start, struct buf *out)
{
	if (out->len > start)
		buf_add_str(out, ", ");
}

/* "120 new here (3.4 MB), 2 sent"; nothing if all are zero. */
static void add_changes(const struct report_totals *all, struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < COUNT_OF(totals); i++) {
		uint64_t value = total_value(all, &totals[i]);

		if (value == 0 || !totals[i].one)
			continue;
		add_comma(start, out);
		text_count(value, totals[i].one, totals[i].many, out);
		if (totals[i].field == offsetof(struct report_totals, fetched)) {
			buf_add_str(out, " (");
			text_bytes(all->fetched_bytes, out);
			buf_add_char(out, ')');
		}
	}
}

static void add_boxes(uint64_t count, const char *what, size_t start, struct buf *out)
{
	if (count == 0)
		return;
	add_comma(start, out);
	text_count(count, "mailbox ", "mailboxes ", out);
	buf_add_str(out, what);
}

/* "3 fetch, 1 append, 1 mailbox to make"; returns the number of operations. */
static uint64_t add_operations(const struct summary *summary, struct buf *out)
{
	uint64_t all = summary->boxes_to_make + summary->boxes_to_delete;
	size_t start = out->len;

	for (size_t kind = 0; kind < OP_KIND_COUNT; kind++) {
		if (summary->operations[kind] == 0)
			continue;
		add_comma(start, out);
		buf_addf(out, "%" PRIu64 " %s", summary->operations[kind],
			op_kind_name((enum op_kind)kind));
		all += summary->operations[kind];
	}
	add_boxes(summary->boxes_to_make, "to make", start, out);
	add_boxes(summary->boxes_to_delete, "to delete", start, out);
	return all;
}

static void plan_text(const struct summary *summary, struct buf *out)
{
	struct buf kinds = {0};
	uint64_t all = add_operations(summary, &kinds);

	if (all == 0) {
		buf_add_str(out, summary->totals->refused != 0
					 ? "nothing but what the guard refuses"
					 : "nothing to do");
	} else {
		buf_add_str(out, "would do ");
		text_count(all, "operation: ", "operations: ", out);
		buf_add_slice(out, buf_slice(&kinds));
	}
	buf_fini(&kinds);
}

/* All, or those that a pass came to before it was stopped. */
static uint64_t mailbox_count(const struct summary *summary)
{
	const struct report_totals *all = summary->totals;
	uint64_t boxes = all->boxes, done = all->boxes_done + all->boxes_skipped;

	return summary->err && done < boxes ? done : boxes;
}

static void pass_text(const struct summary *summary, const struct buf *changes, struct buf *out)
{
	if (summary->err)
		buf_add_str(out, "stopped after ");
	buf_add_slice(out, buf_slice(changes));
	buf_add_str(out, "; ");
	text_count(mailbox_count(summary), "mailbox", "mailboxes", out);
	buf_add_str(out, ", ");
	text_elapsed(summary->elapsed_ms, out);
}

void summary_text(const struct summary *summary, struct buf *out)
{
	struct buf changes = {0};

	add_changes(summary->totals, &changes);
	if (summary->err && (changes.len == 0 || summary->operations)) {
		buf_fini(&changes);
		return;
	}
	text_escape(summary->account, out);
	buf_add_str(out, ": ");
	if (summary->operations)
		plan_text(summary, out);
	else if (changes.len == 0)
		buf_add_str(out, "nothing to do");
	else
		pass_text(summary, &changes, out);
	buf_add_char(out, '\n');
	buf_fini(&changes);
}

static void json_operations(const struct summary *summary, struct json *out)
{
	json_object(out, "operations");
	for (size_t kind = 0; kind < OP_KIND_COUNT; kind++)
		if (summary->operations[kind] != 0)
			json_number(
				out, op_kind_name((enum op_kind)kind), summary->operations[kind]);
	json_end_object(out);
	json_number(out, "boxes_to_make", summary->boxes_to_make);
	json_number(out, "boxes_to_delete", summary->boxes_to_delete);
}

static void json_error(const struct err *err, struct json *out)
{
	if (!err) {
		json_null(out, "error");
		return;
	}
	json_object(out, "error");
	json_string(out, "kind", err_kind_name(err->kind));
	json_string(out, "message", err->msg);
	json_string(out, "server", err->server[0] ? err->server : NULL);
	json_end_object(out);
}

void summary_json(const struct summary *summary, struct json *out)
{
	json_open(out);
	json_string(out, "event", "summary");
	json_string(out, "account", summary->account);
	json_number(out, "status", (uint64_t)summary->status);
	if (summary->operations)
		json_operations(summary, out);
	for (size_t i = 0; i < COUNT_OF(totals); i++)
		json_number(out, totals[i].key, total_value(summary->totals, &totals[i]));
	json_seconds(out, "seconds", summary->elapsed_ms);
	json_error(summary->err, out);
	json_line(out);
}

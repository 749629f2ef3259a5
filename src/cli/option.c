#include "cli/option.h"

#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

/* Column at which the help texts of a table begin, at most. */
#define HELP_COLUMN 30

/* The row by its long name, or (NAME empty) by its letter. */
static const struct option_row *find_row(
	const struct option_parse *parse, struct slice name, char letter)
{
	for (size_t t = 0; t < parse->table_count; t++) {
		const struct option_table *table = &parse->tables[t];

		for (size_t i = 0; i < table->count; i++) {
			const struct option_row *row = &table->rows[i];

			if (name.n != 0 ? slice_eq_str(name, row->name) : row->letter == letter)
				return row;
		}
	}
	return NULL;
}

static bool unknown_name(const struct option_parse *parse, struct slice name, struct buf *problem)
{
	struct text_nearest near = {.wanted = name};

	for (size_t t = 0; t < parse->table_count; t++)
		for (size_t i = 0; i < parse->tables[t].count; i++)
			text_nearest_try(&near, parse->tables[t].rows[i].name);
	buf_add_str(problem, "unknown option --");
	text_escape_slice(name, problem);
	if (near.best)
		buf_addf(problem, "; did you mean --%s?", near.best);
	return false;
}

static bool missing_value(const struct option_row *row, struct buf *problem)
{
	buf_addf(problem, "option --%s needs a value: --%s %s", row->name, row->name, row->value);
	return false;
}

static void set_flag(const struct option_parse *parse, const struct option_row *row)
{
	*(bool *)((char *)parse->target + row->field) = true;
}

static void set_value(
	const struct option_parse *parse, const struct option_row *row, const char *value)
{
	*(const char **)((char *)parse->target + row->field) = value;
}

/* The value that follows in the next argument. */
static bool take_next(struct option_parse *parse, const struct option_row *row, struct buf *problem)
{
	if (parse->used == parse->argc)
		return missing_value(row, problem);
	set_value(parse, row, parse->argv[parse->used++]);
	return true;
}

/* --name, --name=VALUE; TEXT is behind the dashes. */
static bool parse_long(struct option_parse *parse, const char *text, struct buf *problem)
{
	size_t length = strcspn(text, "=");
	struct slice name = {text, length};
	const struct option_row *row = length == 0 ? NULL : find_row(parse, name, 0);

	if (!row)
		return unknown_name(parse, name, problem);
	if (row->value && text[length] == '=')
		set_value(parse, row, text + length + 1);
	else if (row->value)
		return take_next(parse, row, problem);
	else if (text[length] == '=') {
		buf_addf(problem, "option --%s takes no value", row->name);
		return false;
	} else
		set_flag(parse, row);
	return true;
}

/* -x, -xy, -xVALUE; TEXT is behind the dash. */
static bool parse_short(struct option_parse *parse, const char *text, struct buf *problem)
{
	for (; *text; text++) {
		const struct option_row *row = find_row(parse, (struct slice){0}, *text);

		if (!row) {
			buf_add_str(problem, "unknown option -");
			text_escape_slice((struct slice){text, 1}, problem);
			return false;
		}
		if (!row->value) {
			set_flag(parse, row);
			continue;
		}
		if (text[1] == '\0')
			return take_next(parse, row, problem);
		set_value(parse, row, text + 1);
		return true;
	}
	return true;
}

bool option_parse(struct option_parse *parse, struct buf *problem)
{
	bool options_ended = false, ok = true;

	parse->words = xcalloc(parse->argc + 1, sizeof(*parse->words));
	parse->word_count = parse->used = 0;
	while (ok && parse->used < parse->argc) {
		const char *arg = parse->argv[parse->used];

		if (options_ended || arg[0] != '-' || arg[1] == '\0') {
			if (parse->stop_at_word)
				break;
			parse->words[parse->word_count++] = arg;
			parse->used++;
			continue;
		}
		parse->used++;
		if (strcmp(arg, "--") == 0)
			options_ended = true;
		else if (arg[1] == '-')
			ok = parse_long(parse, arg + 2, problem);
		else
			ok = parse_short(parse, arg + 1, problem);
	}
	return ok;
}

/* "  -c, --config FILE" */
static void format_left(const struct option_row *row, struct buf *out)
{
	if (row->letter)
		buf_addf(out, "  -%c, ", row->letter);
	else
		buf_add_str(out, "      ");
	buf_addf(out, "--%s", row->name);
	if (row->value)
		buf_addf(out, " %s", row->value);
}

/* The column behind the widest left side. */
static size_t help_column(const struct option_table *table)
{
	struct buf left = {0};
	size_t widest = 0;

	for (size_t i = 0; i < table->count; i++) {
		buf_clear(&left);
		format_left(&table->rows[i], &left);
		if (left.len > widest)
			widest = left.len;
	}
	buf_fini(&left);
	return widest + 2 < HELP_COLUMN ? widest + 2 : HELP_COLUMN;
}

void option_help(const struct option_table *table, struct buf *out)
{
	size_t column = table->count == 0 ? 0 : help_column(table);
	struct buf left = {0};

	if (table->count != 0)
		buf_addf(out, "%s:\n", table->title);
	for (size_t i = 0; i < table->count; i++) {
		buf_clear(&left);
		format_left(&table->rows[i], &left);
		text_pad(buf_slice(&left), column, false, out);
		buf_addf(out, "%s%s\n", left.len >= column ? "  " : "", table->rows[i].help);
	}
	buf_fini(&left);
}

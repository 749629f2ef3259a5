#include "cli/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/text.h"

void table_init(struct table *table, const struct table_column *columns, size_t count)
{
	*table = (struct table){.columns = columns, .column_count = count};
}

void table_fini(struct table *table)
{
	buf_fini(&table->text);
	free(table->ends);
	*table = (struct table){0};
}

void table_end_cell(struct table *table)
{
	table->ends = base_reserve(table->ends, table->count, &table->room, sizeof(*table->ends));
	table->ends[table->count++] = table->text.len;
}

void table_cell(struct table *table, struct slice text)
{
	buf_add_slice(&table->text, text);
	table_end_cell(table);
}

void table_cellf(struct table *table, const char *fmt, ...)
{
	char text[64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	table_cell(table, slice_str(text));
}

size_t table_rows(const struct table *table)
{
	ASSERT(table->column_count != 0);
	ASSERT(table->count % table->column_count == 0);
	return table->count / table->column_count;
}

static struct slice cell_at(const struct table *table, size_t row, size_t column)
{
	size_t index = row * table->column_count + column;
	size_t start = index == 0 ? 0 : table->ends[index - 1];

	return (struct slice){table->text.data + start, table->ends[index] - start};
}

/* Width of a column with its title; 0: all its cells are empty. */
static size_t column_width(const struct table *table, size_t column)
{
	size_t widest = 0, title = text_width(slice_str(table->columns[column].title));

	for (size_t row = 0; row < table_rows(table); row++) {
		size_t width = text_width(cell_at(table, row, column));

		if (width > widest)
			widest = width;
	}
	if (widest == 0)
		return 0;
	return widest > title ? widest : title;
}

static void trim_line(struct buf *out, size_t start)
{
	while (out->len > start && out->data[out->len - 1] == ' ')
		out->len--;
	buf_add_char(out, '\n');
}

/* One line; ROW counts from 1, 0 are the titles. */
static void format_line(
	const struct table *table, const size_t *widths, size_t row, struct buf *out)
{
	size_t start = out->len;

	for (size_t column = 0; column < table->column_count; column++) {
		const struct table_column *spec = &table->columns[column];

		if (widths[column] == 0)
			continue;
		if (out->len > start)
			buf_add_str(out, "  ");
		text_pad(row == 0 ? slice_str(spec->title) : cell_at(table, row - 1, column),
			widths[column], spec->right, out);
	}
	trim_line(out, start);
}

void table_format(const struct table *table, struct buf *out)
{
	size_t *widths = xcalloc(table->column_count, sizeof(*widths));

	for (size_t column = 0; column < table->column_count; column++)
		widths[column] = column_width(table, column);
	for (size_t row = 0; row <= table_rows(table); row++)
		format_line(table, widths, row, out);
	free(widths);
}

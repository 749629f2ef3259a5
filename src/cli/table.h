/*
 * Aligned columns. Cells are given row by row, from left to right; widths are terminal columns.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

#include "base/buf.h"

struct table_column {
	const char *title;
	bool right; /* numbers */
};

struct table {
	const struct table_column *columns; /* borrowed */
	size_t column_count;
	struct buf text; /* all cells one after another */
	size_t *ends;    /* owned; where each cell ends in TEXT */
	size_t count;    /* cells */
	size_t room;
};

void table_init(struct table *table, const struct table_column *columns, size_t count);
void table_fini(struct table *table);
/* The next cell. Text must be safe for a terminal (text_escape()). */
void table_cell(struct table *table, struct slice text);
void table_cellf(struct table *table, const char *fmt, ...) PRINTF(2, 3);
/* Write the next cell yourself into table->text, then end it. */
void table_end_cell(struct table *table);
size_t table_rows(const struct table *table);
/*
 * The table with its titles, two blanks between columns, none at the ends of lines. A column whose
 * cells are all empty is left out.
 */
void table_format(const struct table *table, struct buf *out);

#endif

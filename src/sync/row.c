/*
 * A row's file as a path, and a path as the row's fields.
 */
#include <stdio.h>

#include "sync/pass.h"

void row_file(const struct state_message *row, char *out, size_t size)
{
	snprintf(out, size, "%s/%.*s%s%.*s", row->in_new ? "new" : "cur", SLICE_ARG(row->base),
		row->info.n ? ":" : "", SLICE_ARG(row->info));
}

void row_set_file(struct state_message *row, const char *path)
{
	row->in_new = path[0] == 'n';
	maildir_split(slice_str(path + 4), &row->base, &row->info);
}

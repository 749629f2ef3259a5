/*
 * One row of the state, its file as a path, and a path as the row's fields. And the key under which
 * the state keeps what letters.c wants to know again.
 */
#include <stdio.h>

#include "sync/pass.h"

int row_get(struct worker *w, uint32_t id, uint32_t uid, struct state_message *row, struct err *err)
{
	struct state_read *read = NULL;

	if (state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	int rc = state_get_message(read, id, uid, row, err);
	if (rc == 1) {
		row->base = arena_slice(&w->arena, row->base);
		row->info = arena_slice(&w->arena, row->info);
	}
	state_read_end(read);
	return rc;
}

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

void letters_key(uint32_t id, char out[LETTERS_KEY_SIZE])
{
	snprintf(out, LETTERS_KEY_SIZE, "letters/%u", id);
}

/*
 * What a move does on either side: its new row, the folder that it came from, the word about it.
 */
#include "base/log.h"
#include "sync/moves.h"

void moved_drop_untold(struct state_message *row, const struct box *from, const struct box *to)
{
	static const struct flags none = {0};
	struct flags old = from->maildir ? maildir_mask(from->maildir) : none;
	struct flags new = maildir_mask(to->maildir);
	struct flags told = flags_and(&old, &new), system = flags_system(row->flags.system);

	row->flags = flags_and(&row->flags, &told);
	row->flags = flags_or(&row->flags, &system);
}

void moved_tell(struct worker *w, const struct box *to, enum op_kind kind, uint32_t uid,
	const char *file, const struct box *from)
{
	struct op op = {.kind = kind, .uid = uid, .name = file};

	op.reason = arena_printf(&w->arena, "moved %s from %s",
		kind == OP_MOVE_HERE ? "on the server" : "here", from->name);
	if (w->pass->options->plan)
		pass_tell_op(w->pass, to, &op);
	else
		log_debug(LOG_SYNC, "%s", op.reason);
}

#define SOURCES_MOST 50 /* folders open at once besides the one with the news */

/* Only one worker matches moves: nobody works in the others. */
static void close_sources(struct pass *pass, const struct box *to)
{
	for (size_t i = 0; i < pass->box_count; i++)
		if (&pass->boxes[i] != to)
			mailbox_close_here(&pass->boxes[i]);
}

int moved_open_source(struct worker *w, struct box *from, const struct box *to, struct err *err)
{
	if (!from->maildir && maildir_open_count() >= SOURCES_MOST)
		close_sources(w->pass, to);
	return mailbox_open_here(w, from, err);
}

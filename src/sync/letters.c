/*
 * What the letters of a folder mean is kept in the state, too: "letters/ID", the lines of its
 * dovecot-keywords when it was last in sync. The table is a small file that Dovecot's name is on,
 * and gets lost when somebody tidies up, or puts a folder back from a backup that left it out. Then
 * each keyword in it would seem to be one that no file can show, until the next that comes is given
 * its letter: and all files that carry it would have that one.
 *
 * It is the folder that the letters belong to, not the mailbox. Where another folder stands in its
 * place (identity.c, places.c), nothing is known of them.
 *
 * A line that means something else by now is believed: somebody wrote it, and reads files by it.
 */
#include "sync/pass.h"

/* What the state has, until READ goes on; empty if nothing. */
static int get(struct state_read *read, const struct box *box, struct slice *out, struct err *err)
{
	char key[LETTERS_KEY_SIZE];

	*out = (struct slice){0};
	letters_key(box->row.id, key);
	return state_get_text(read, key, out, err) < 0 ? -1 : 0;
}

int letters_restore(struct worker *w, struct box *box, bool write, struct err *err)
{
	struct state_read *read = NULL;
	struct slice text;
	int rc;

	if (!w->pass->state || box->row.id == 0 || box->moved_in || identity_is_replaced(box))
		return 0;
	if (state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	rc = get(read, box, &text, err);
	if (rc == 0 && text.n > 0)
		rc = maildir_letters_restore(box->maildir, text, write, err);
	state_read_end(read);
	return rc;
}

int letters_note(struct worker *w, struct box *box, struct err *err)
{
	struct state_read *read = NULL;
	struct buf now = {0};
	struct slice then;
	char key[LETTERS_KEY_SIZE];
	int rc = 0;

	if (!box->maildir)
		return 0;
	if (state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	maildir_letters_text(box->maildir, &now);
	letters_key(box->row.id, key);
	rc = get(read, box, &then, err);
	if (rc == 0 && !slice_eq(buf_slice(&now), then))
		rc = settle_text(w->pass->settler, key, buf_slice(&now), err);
	state_read_end(read);
	buf_fini(&now);
	return rc;
}

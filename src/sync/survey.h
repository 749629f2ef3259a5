/*
 * The survey: which mailboxes there are on the server, here and in the state, and what is to be
 * done with each. Reads only.
 */
#ifndef SYNC_SURVEY_H
#define SYNC_SURVEY_H

#include "config/config.h"
#include "imap/imap.h"
#include "maildir/maildir.h"
#include "state/state.h"
#include "sync/boxes.h"

struct survey_input {
	const struct config_account *account;
	struct imap *imap;
	const struct maildir_root *root; /* NULL: there is none yet */
	struct state_read *read;         /* NULL: no state */
	bool status;                     /* ask for STATUS, too */
};

struct survey_box {
	const struct box_decision *decision;
	struct slice wire; /* the server's name, also for one that would have to be made; empty: it
			      can't hold it */
	const char
		*path; /* of the folder, also for one that would have to be made; NULL: can't be */
	const struct imap_list_entry *entry; /* NULL: not on the server */
	struct state_mailbox row;            /* id 0: not in the state; strings in the arena */
};

struct survey {
	struct survey_box *boxes; /* arena, sorted by canonical name */
	size_t count;
};

int survey_make(const struct survey_input *input, struct arena *arena, struct survey *out,
	struct err *err) MUST_USE;

#endif

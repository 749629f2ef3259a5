/*
 * Uploads on their way: shared by push.c, which sends them, and kept.c, which looks what the server
 * kept of them.
 */
#ifndef SYNC_UPLOADS_H
#define SYNC_UPLOADS_H

#include "sync/pass.h"

#define GROUP 500 /* APPENDs between two commits */

struct sending {
	const struct op *op;
	struct maildir_reader *reader; /* NULL: the file went away */
	struct maildir_facts facts;
	imap_ticket ticket;
	uint32_t uidnext_before; /* of the mailbox when it was about to be sent */
	uint32_t uid;            /* that the server gave it, 0: not told */
	bool sent;
	bool again;    /* alone, for the second time */
	size_t joined; /* so many files, this one included, went in its command; 0: in another's */
};

struct group {
	struct sending items[GROUP];
	size_t count;
};

struct pushing {
	struct worker *w;
	struct box *box;
	struct group groups[2];
	bool *again;
	struct err later; /* the server wants no message now */
	bool apart;       /* a command with several messages was refused */
};

/* Of the flags here those that the server can keep. */
struct flags push_flags_sent(const struct pushing *p, const struct sending *s);

/* The uploads of G are answered: did their flags arrive? If not, they are not agreed on, and the
 * mailbox is looked at again. */
int push_check_flags(struct pushing *p, const struct group *g, struct err *err) MUST_USE;

#endif

/*
 * What changed since both sides last agreed: the input of the planner. Plain data; lists live in
 * the worker's arena and are sorted by uid (changes) or by base (news). A list holds only what
 * differs from the state.
 */
#ifndef MODEL_CHANGE_H
#define MODEL_CHANGE_H

#include "model/digest.h"
#include "model/flags.h"

enum change_kind {
	CHANGE_FLAGS, /* the side's flags differ from the base */
	CHANGE_GONE,  /* the side does not hold the message any more; only from a view proven
			 complete */
	CHANGE_NAME,  /* here only: another file name, same flags; the row is refreshed */
};

/* A message that the state knows. */
struct change {
	uint32_t uid;
	enum change_kind kind;
	struct flags base;  /* flags in the state */
	struct flags flags; /* flags on this side (CHANGE_FLAGS) */
	bool kept;  /* gone, and the row says already that this side does not hold it: decided in an
		       earlier pass */
	bool alone; /* the row says that the other side does not hold it */
	const char *name; /* here: the file's present name, "new/x" or "cur/x:2,S"; borrowed from
			     the arena */
	uint64_t modseq;  /* there: MODSEQ if the server said it, else 0 */
};

/* A server message without a row. */
struct new_there {
	uint32_t uid;
	bool has_facts; /* the fields below were fetched (only when pairing may be needed) */
	uint64_t size;  /* RFC822.SIZE */
	int64_t date;   /* INTERNALDATE, seconds since 1970 */
	struct flags flags;
	bool untold;              /* the server refuses its header */
	struct digest header;     /* zero: not fetched */
	struct digest message_id; /* of the header's Message-ID; zero: not fetched, or none */
	struct digest content;    /* zero: not fetched (the body was needed to decide) */
};

/* A file without a row. */
struct new_here {
	const char *name; /* "new/x" or "cur/x:2,S"; arena */
	const char *base; /* "x"; arena */
	struct flags flags;
	bool has_facts;     /* the fields below were read */
	bool unreadable;    /* they could not be read just now */
	uint64_t wire_size; /* bytes with CRLF line ends, as the server will count them */
	int64_t date;       /* mtime */
	struct digest header;
	struct digest message_id; /* read only where nothing else is left to tell; else zero */
	struct digest content;
	struct flags former; /* flags of the row under the mailbox's former UIDVALIDITY */
	int64_t former_date; /* ... and its date */
	uint32_t former_uid; /* ... and the row's UID */
	bool has_former;
	bool refused;  /* an earlier upload was refused: see pending */
	bool pending;  /* ... or refused for now only */
	bool doubtful; /* an earlier APPEND was begun and its end is not known */
	bool answered; /* an earlier APPEND was answered with OK without its UID: pair, never send
			  again */
	bool tried;    /* it was refused in this pass: not once more */
	bool held;     /* must not be sent in this pass */
	uint32_t uidnext_before; /* doubtful: what that APPEND made has no lower UID; 0: unknown */
};

struct changes {
	struct change *there;
	size_t there_count;
	struct change *here;
	size_t here_count;
	struct new_there *new_there;
	size_t new_there_count;
	struct new_here *new_here;
	size_t new_here_count;
};

#endif

/* clang-format off: a table */
/*
 * The state database of one account: what both sides looked like when they last agreed. Read this
 * first.
 *
 * One LMDB environment in state_dir/ACCOUNT/, one named database per table. Keys are big-endian, so
 * that cursors run in order. Every value is CRC32C (4 bytes, over table number, key and the rest of
 * the value) + version byte + fields: LMDB does not notice damage, we do. Fields are written by
 * state/codec.c: varints (LEB128) for numbers, length + bytes for strings.
 *
 *   table    key                      value
 *   meta     name                     "schema" u32, "id" 16 bytes (the account's random identity),
 *                                     "identity" text (what this state belongs to: user@host and
 *                                     the Maildir path), "pass" u64 (number of the last pass),
 *                                     "progress" text (what it had done by then),
 *                                     "policy" text, "server" text (what it
 *                                     could do), "login" text (which one it took),
 *                                     "keyword/NNN" name of keyword NNN,
 *                                     "letters/ID" text (what keyword letters meant in the folder
 *                                     of a mailbox), "window/ID" text (what the guard knows of it)
 *   mailbox  id u32                   struct state_mailbox
 *   message  id u32, uid u32          struct state_message
 *   by_base  id u32, BASE             uid u32
 *   arrival  id u32, uid u32          struct state_message of a download that is durable in tmp/
 *                                     but not yet known to be renamed; or, not STATE_HERE, of a
 *                                     file of another folder that is about to be moved here
 *   upload   id u32, BASE             struct state_upload of an APPEND that is about to be sent or
 *                                     was sent
 *   pending  id u32, kind u8,         struct state_pending: what was refused or failed
 *            uid u32 or BASE
 *   tally    id u32                   struct state_tally: rows of the mailbox on each side
 *
 * A mailbox id stands for (mailbox, UIDVALIDITY); a new UIDVALIDITY gets a new id. Nothing is ever
 * stored under a UID alone.
 */
/* clang-format on */
#ifndef STATE_SCHEMA_H
#define STATE_SCHEMA_H

#include "model/digest.h"
#include "model/flags.h"

#define STATE_SCHEMA_VERSION 1

/* Every UID that the server showed has a row, even if nothing is here. */
enum state_where {
	STATE_THERE = 1 << 0,   /* the server holds it */
	STATE_HERE = 1 << 1,    /* a file holds it */
	STATE_REFUSED = 1 << 2, /* not here because it could not be fetched: see pending; only
				   --retry tries again */
};

struct state_message {
	uint32_t uid;
	unsigned where;    /* bits of enum state_where */
	struct slice base; /* "" when not STATE_HERE. In reads: points into the map, valid until the
			      read ends */
	bool in_new;       /* as last seen: new/ or cur/ */
	struct slice info; /* as last seen: "2,FS" or "" */
	struct flags flags;    /* agreed on both sides */
	uint64_t size;         /* wire octets */
	int64_t date;          /* INTERNALDATE, seconds since 1970 */
	struct digest header;  /* zero: unknown */
	struct digest content; /* zero: unknown */
};

/* How far both sides have been seen (I4). 0 / "unknown" = look at everything. */
struct state_watermark {
	uint32_t uidnext;
	uint32_t messages; /* EXISTS at that time */
	uint64_t highestmodseq;
	int64_t new_mtime, new_ctime, cur_mtime, cur_ctime; /* directory times in ns; 0: unknown */
};

struct state_mailbox {
	uint32_t id;          /* key */
	struct slice wire;    /* the server's name; map or caller's memory */
	struct slice name;    /* canonical */
	struct slice path;    /* folder below the Maildir root */
	uint32_t uidvalidity; /* 0: not known yet (made here, never selected) */
	uint64_t inode;       /* which directory the folder's cur/ was, 0: unknown: */
	int64_t born;         /* ... and when it was made, in ns, 0: unknown. Inodes are re-used */
	struct slice mailboxid; /* OBJECTID or "" */
	unsigned where;         /* STATE_THERE | STATE_HERE: on which sides the mailbox exists */
	uint32_t former; /* id under the former UIDVALIDITY whose rows are still to be paired, 0:
			    none */
	struct state_watermark watermark;
	int64_t synced; /* seconds since 1970 of the last pass that finished this mailbox, 0: never
			 */
	uint32_t letterless; /* keywords seen that found no letter here */
};

/* How many rows of table message a mailbox has: kept with them, in the same transaction. */
struct state_tally {
	uint32_t id; /* key */
	uint64_t there, here;
};

struct state_upload {
	struct slice base; /* key */
	struct digest content;
	struct digest header;
	uint64_t size; /* wire octets */
	int64_t date;
	uint32_t uidnext_before; /* of the mailbox when the APPEND was about to be sent */
	bool answered;           /* the server said OK, its UID is not known yet */
};

enum state_pending_kind {
	STATE_PENDING_FETCH = 1, /* by UID */
	STATE_PENDING_APPEND,    /* by BASE */
	STATE_PENDING_FLAGS,     /* by UID: the server refused a STORE */
	STATE_PENDING_DELETE,    /* by UID: no UIDPLUS and foreign \Deleted, or refused */
	STATE_PENDING_MAILBOX,   /* uid 0: the mailbox itself failed */
};

struct state_pending {
	enum state_pending_kind kind; /* key */
	uint32_t uid;                 /* key, if by UID */
	struct slice base;            /* key, if by BASE */
	struct slice reason;          /* one line for people */
	uint32_t count;               /* how often */
	int64_t since;                /* seconds since 1970 of the first time */
	uint64_t size;                /* of the message, 0: unknown */
	bool for_now;  /* nothing is wrong with the message: every pass tries again */
	uint64_t pass; /* of the last time */
	int64_t stamp; /* APPEND: when the file had been changed last, in ns, 0: unknown */
};

#endif

/*
 * The IMAP client (RFC 9051, RFC 3501): one connection, used by one thread, blocking, pipelined.
 *
 * Timeline of a connection
 *     imap_open()     greeting, TLS, login, ENABLE: the fields of struct imap_info are final
 *     imap_list()     names and, if asked, their STATUS
 *     imap_select()   from here on imap_selected() tells the mailbox, kept up to date by what the
 * server pushes imap_fetch_*()  one fetch at a time; other commands wait until it has ended
 *     *_send(), imap_wait()   commands whose answers may be waited for later, in any order
 *     imap_logout(), imap_close()
 *
 * Results are matched by tag; tags are random, a tagged answer to nothing is fatal. After a fatal
 * error the connection is dead (imap_is_alive()): each further call fails with the same error,
 * imap_close() is what is left. A command that was refused, for good (ERR_SERVER_NO) or for now
 * (ERR_SERVER_BUSY), leaves it alive. The server's text never decides a size of memory:
 * lines, literals outside bodies, nesting and counts are bounded. Knows no Maildir and no state.
 */
#ifndef IMAP_IMAP_H
#define IMAP_IMAP_H

#include "base/arena.h"
#include "model/keywords.h"
#include "model/name.h"
#include "model/quirk.h"
#include "model/uidset.h"
#include "net/net.h"

struct imap;

/* What a server can announce; rows of the table in imap/capability.c. */
enum imap_capability {
	IMAP_CAP_IMAP4REV1,
	IMAP_CAP_IMAP4REV2,
	IMAP_CAP_SASL_IR,
	IMAP_CAP_LITERAL_PLUS,
	IMAP_CAP_LITERAL_MINUS,
	IMAP_CAP_ENABLE,
	IMAP_CAP_ID,
	IMAP_CAP_NAMESPACE,
	IMAP_CAP_UIDPLUS,
	IMAP_CAP_MOVE,
	IMAP_CAP_CONDSTORE,
	IMAP_CAP_QRESYNC,
	IMAP_CAP_ESEARCH,
	IMAP_CAP_LIST_EXTENDED,
	IMAP_CAP_LIST_STATUS,
	IMAP_CAP_SPECIAL_USE,
	IMAP_CAP_CREATE_SPECIAL_USE,
	IMAP_CAP_STATUS_SIZE,
	IMAP_CAP_UNSELECT,
	IMAP_CAP_IDLE,
	IMAP_CAP_MULTIAPPEND,
	IMAP_CAP_APPENDLIMIT,
	IMAP_CAP_COMPRESS_DEFLATE,
	IMAP_CAP_UTF8_ACCEPT,
	IMAP_CAP_OBJECTID,
	IMAP_CAP_SAVEDATE,
	IMAP_CAP_INPROGRESS,
	IMAP_CAP_NOTIFY,
	IMAP_CAP_STARTTLS,
	IMAP_CAP_LOGINDISABLED,
	IMAP_CAP_COUNT,
};

struct imap_login {
	const char *user;
	const char *password;    /* NULL if there is a token */
	const char *token;       /* OAuth; NULL if there is a password */
	char *const *mechanisms; /* order of preference; count 0: strongest first */
	size_t mechanism_count;
	bool certificate; /* TLS shows a client certificate: EXTERNAL may use it */
	/*
	 * Shared by the connections of an account; NULL: every connection finds out for itself. How
	 * many of the ways that the server offers it refused before it took one: the others begin
	 * there.
	 */
	_Atomic unsigned *refused;
};

struct imap_options {
	struct net_context *net;               /* borrowed */
	const struct net_options *net_options; /* borrowed */
	const struct imap_login *login;        /* borrowed for imap_open() only */
	struct keywords *keywords;             /* borrowed: flags are given with its numbers */
	char *const *quirks;                   /* server.quirks, see model/quirk.h */
	size_t quirk_count;
	unsigned number; /* of the connection within its account, from 1: stands in traces */
};

/*
 * Connect, log in, ENABLE what we use. Capabilities from before TLS and before login are dropped. A
 * greeting of PREAUTH where STARTTLS is wanted is fatal. LOGINDISABLED is honoured; no password in
 * the clear without TLS except to 127.0.0.0/8, ::1 or a tunnel, or with tls: none written out.
 * ERR_AUTH for a refused login, ERR_SERVER_BUSY if the server asked for patience.
 */
int imap_open(struct imap **out, const struct imap_options *options, struct err *err) MUST_USE;
/* What a server says before a login. Owned by the caller, also on failure. */
struct imap_offer {
	struct buf mechanisms;   /* those that we know, a blank between them */
	struct buf capabilities; /* likewise, one a line */
	const char *choice;      /* the mechanism that we would use; NULL: none can be used */
	struct buf name, vendor; /* what it calls itself (ID); empty: it does not tell */
	struct quirk_choice profile;
};
/* Connect, look, and go away without a login. options->login: without secrets; "" stands for one
 * that is there. */
int imap_look(const struct imap_options *options, struct imap_offer *out, struct err *err) MUST_USE;
/* As imap_open() on a given stream (owned from here on, also on failure): for tests. */
int imap_open_stream(struct imap **out, const struct imap_options *options, struct stream *stream,
	struct err *err) MUST_USE;
/* Say LOGOUT; errors do not matter any more. */
void imap_logout_send(struct imap *imap);
/* Say it, unless it was said, and read until BYE, bounded, if a mailbox was selected at any time:
 * some servers write down only then what was done in it. Else there is nothing to wait for. */
void imap_logout(struct imap *imap);
void imap_close(struct imap *imap); /* NULL is allowed */

/* false: nothing more can be done with this connection. */
bool imap_is_alive(const struct imap *imap);
bool imap_can(const struct imap *imap, enum imap_capability capability);
/* APPENDLIMIT: the longest message that it takes; 0: none announced. */
uint64_t imap_append_limit(const struct imap *imap);
/* QRESYNC is on (RFC 7162): from the first answered command after login. */
bool imap_qresync(const struct imap *imap);
/* It is on, or was asked for and not answered yet: it is on for what is sent now if the server
 * means what it announces. Whoever builds on that asks imap_qresync() when the answer is there. */
bool imap_expects_qresync(struct imap *imap);
/* Announced, whether it is used or switched off. */
bool imap_announces(const struct imap *imap, enum imap_capability capability);
/* What is known about this provider. Final when the first command after imap_open() is answered:
 * the answer to ID, which may tell, comes with it. */
struct quirk_choice imap_profile(const struct imap *imap);

/* A row of the table of capabilities. */
struct imap_extension {
	const char *name;  /* as on the wire */
	const char *since; /* the RFC that defines it */
	const char *use;   /* what for */
	bool used;         /* false: nothing is done with it yet */
};
const struct imap_extension *imap_extension(enum imap_capability capability);
const char *imap_capability_name(enum imap_capability capability);
/* How names are written on this connection: NAMESPACE's prefix, the delimiter, UTF-8 or UTF-7.
 * Final from the first imap_list() on. */
const struct name_rules *imap_name_rules(const struct imap *imap);
/* Round trips (times we waited for an answer), bytes in and out so far. */
struct imap_counts {
	uint64_t round_trips, bytes_in, bytes_out, commands;
};
struct imap_counts imap_counts(const struct imap *imap);

/* The network's round trip in ms, as the kernel measured it; through a tunnel the shortest time
 * from asking to hearing so far. */
unsigned imap_round_trip_ms(const struct imap *imap);
/* COMPRESS=DEFLATE from here on (RFC 4978). 1: it is on, 0: not offered, or refused; -1. */
int imap_compress(struct imap *imap, struct err *err) MUST_USE;

/* ---- mailboxes ---- */

enum imap_attribute { /* of a LIST entry */
	IMAP_NOSELECT = 1 << 0,
	IMAP_NONEXISTENT = 1 << 1,
	IMAP_NOINFERIORS = 1 << 2,
	IMAP_SUBSCRIBED = 1 << 3,
	IMAP_ALL = 1 << 4,
	IMAP_ARCHIVE = 1 << 5,
	IMAP_DRAFTS = 1 << 6,
	IMAP_FLAGGED = 1 << 7,
	IMAP_JUNK = 1 << 8,
	IMAP_SENT = 1 << 9,
	IMAP_TRASH = 1 << 10,
	IMAP_HAS_CHILDREN = 1 << 11,
	IMAP_HAS_NO_CHILDREN = 1 << 12,
	IMAP_IMPORTANT = 1 << 13, /* RFC 8457 */
};

struct imap_status {
	bool known; /* the server gave a STATUS */
	uint32_t messages;
	uint32_t uidnext;       /* 0: not given */
	uint32_t uidvalidity;   /* 0: not given */
	uint64_t highestmodseq; /* 0: not given (no CONDSTORE, or NOMODSEQ) */
};

struct imap_list_entry {
	struct slice wire;   /* arena; not NUL-terminated */
	char delimiter;      /* 0: NIL */
	unsigned attributes; /* bits of enum imap_attribute */
	struct imap_status status;
};

struct imap_list {
	struct imap_list_entry *entries; /* arena, in the server's order, repeats dropped */
	size_t count;
};

/*
 * All mailboxes below the personal namespaces (LIST "" "*"), at most 100,000. STATUS: also
 * UIDVALIDITY UIDNEXT MESSAGES (and HIGHESTMODSEQ where offered) of each selectable one,
 * within the LIST (LIST-STATUS) or by pipelined STATUS commands. A STATUS that is refused leaves
 * known = false.
 */
int imap_list(struct imap *imap, bool status, struct arena *arena, struct imap_list *out,
	struct err *err) MUST_USE;
/* STATUS of one. 1: filled, 0: the server says that it does not exist ([NONEXISTENT], [TRYCREATE],
 * or, without a code, in words), -1. */
int imap_status(
	struct imap *imap, struct slice wire, struct imap_status *out, struct err *err) MUST_USE;

#define IMAP_OBJECT_ID_SIZE 256

struct imap_mailbox {
	uint32_t exists;        /* messages now: follows EXISTS, EXPUNGE and VANISHED */
	uint32_t uidvalidity;   /* 0: the server gave none */
	uint32_t uidnext;       /* of the SELECT; 0: not given (Courier) */
	uint64_t highestmodseq; /* of the SELECT; 0: none */
	bool read_only;
	bool new_keywords;      /* PERMANENTFLAGS has \* */
	struct flags permanent; /* what can be stored for good (new keywords apart, $Forwarded
				   included where they can be made); none if read_only */
	char mailboxid[IMAP_OBJECT_ID_SIZE]; /* OBJECTID: stays with a renamed mailbox, "" if not
						told */
	uint32_t expunged;                   /* messages that went since the SELECT */
	uint32_t arrived;                    /* messages that came since the SELECT */
	bool doubtful; /* the server changed EXISTS in a way in which it can't change */
};

/* SELECT or EXAMINE. ERR_SERVER_NO if refused; then nothing is selected. */
int imap_select(struct imap *imap, struct slice wire, bool examine, struct err *err) MUST_USE;
/*
 * The same in two steps. What is begun in between, a search or a fetch, goes out together with the
 * SELECT and saves a round trip; the answer is read after imap_select_end(). If the SELECT is
 * refused it is taken back.
 */
int imap_select_begin(struct imap *imap, struct slice wire, bool examine, struct err *err) MUST_USE;
int imap_select_end(struct imap *imap, struct err *err) MUST_USE;
/* The selected mailbox, NULL if none. Valid until the next select or close. */
const struct imap_mailbox *imap_selected(const struct imap *imap);
/* UNSELECT where offered; else EXAMINE of the same mailbox and CLOSE, which then expunges nothing
 * (RFC 9051 6.4.1). */
int imap_unselect(struct imap *imap, struct err *err) MUST_USE;
/* Takes what the server has to tell (NOOP). */
int imap_noop(struct imap *imap, struct err *err) MUST_USE;

/* ---- fetching ---- */

struct imap_fetch_request {
	const struct uidset *uids; /* NULL: 1:* */
	bool flags, date, size, modseq;
	bool body;               /* BODY.PEEK[], streamed */
	bool header;             /* BODY.PEEK[HEADER], streamed */
	uint64_t changed_since;  /* CONDSTORE: only messages with a larger MODSEQ; 0: all */
	struct uidset *vanished; /* borrowed; with changed_since and imap_qresync(): receives what
				    the server says has gone since then, as it says it (RFC 7162
				    3.2.6): UIDs that never were included */
	unsigned batch;          /* UIDs a command, 0: default for what is asked */
};

struct imap_message {
	uint32_t uid; /* 0 until the server said it */
	bool has_flags, has_date, has_size;
	bool has_body; /* a BODY[...] literal (or string) came: it was announced by IMAP_FETCH_BODY
			*/
	bool body_nil; /* BODY[...] NIL: the message is gone or can't be had */
	struct flags flags;
	int64_t date;       /* seconds since 1970 */
	uint64_t size;      /* RFC822.SIZE: as the server claims */
	uint64_t body_size; /* octets of the literal: the truth */
	uint64_t modseq;
};

enum imap_fetch_event {
	IMAP_FETCH_ERROR = -1,
	IMAP_FETCH_END = 0,     /* every command of this fetch was answered with OK */
	IMAP_FETCH_MESSAGE = 1, /* OUT is complete */
	IMAP_FETCH_BODY = 2, /* OUT->body_size octets follow: read them with imap_fetch_read(); the
				UID may not be known yet */
};

/*
 * Start a fetch. Commands are sent in batches of UIDs, several in flight, topped up by
 * imap_fetch_next(). imap_fetch_begin(...); while ((event = imap_fetch_next(imap, &m, err)) > 0)
 * ... Only answers with a UID of the request (all, for 1:*) are returned; others update nothing and
 * are dropped. A command that is answered with NO or BAD ends in IMAP_FETCH_ERROR with
 * ERR_SERVER_NO, but only after all others are answered: the connection lives on, and what did not
 * come was not delivered. "OK without data" is no error here. An answer to a request for bodies
 * (headers) is what has a body, or NIL for it; to one for flags, what has flags. News that the
 * server sends of its own accord is dropped. A body whose UID came behind it and was not asked for
 * is followed by no IMAP_FETCH_MESSAGE: the next event is about another message. The UID set is
 * copied. A fetch that is not read to its end is read away by the next command.
 */
int imap_fetch_begin(
	struct imap *imap, const struct imap_fetch_request *request, struct err *err) MUST_USE;
enum imap_fetch_event imap_fetch_next(
	struct imap *imap, struct imap_message *out, struct err *err) MUST_USE;
/*
 * Half of the UIDs that were not asked for yet, the highest, to OUT: this fetch does not bring
 * them. None if that would be fewer than LEAST, or everything is asked for.
 */
void imap_fetch_give_up(struct imap *imap, uint64_t least, struct uidset *out);
/* How many UIDs were not asked for yet. */
uint64_t imap_fetch_ahead(const struct imap *imap);
/* A fetch was begun and neither read to its end nor given up for another command. */
bool imap_fetch_is_open(const struct imap *imap);
/* The next piece of the body: 1 with DATA, valid until the next call on this connection; 0 at its
 * end; -1. What is not read is skipped. */
int imap_fetch_read(struct imap *imap, struct slice *data, struct err *err) MUST_USE;
/*
 * Several mailboxes one behind another, without a round trip between them: while the fetch of one
 * is read (its commands are all sent: it is one of everything), the SELECT of the next and a fetch
 * of everything in it go out. QRESYNC must be on: only then the server marks where the answers
 * about one mailbox end (RFC 7162 3.2.11). 1: sent; 0: there is no room for it now; -1.
 *
 * When the running fetch has ended, imap_select_queued() makes the first of them the selected
 * mailbox, and its fetch the running one; ERR_SERVER_NO as imap_select(). No other command may be
 * sent while there is a queue: imap_select_forget() first, after which nothing is selected.
 */
#define IMAP_QUEUE_MOST 16
int imap_select_queue(struct imap *imap, struct slice wire, bool examine,
	const struct imap_fetch_request *request, struct err *err) MUST_USE;
int imap_select_queued(struct imap *imap, struct err *err) MUST_USE;
int imap_select_forget(struct imap *imap, struct err *err) MUST_USE;
/* UIDs of all messages (UID SEARCH ALL; ESEARCH where offered). Adds to OUT. begin and end: the
 * same in two steps, see imap_select_begin(). */
int imap_search_all(struct imap *imap, struct uidset *out, struct err *err) MUST_USE;
int imap_search_all_begin(struct imap *imap, struct err *err) MUST_USE;
int imap_search_all_end(struct imap *imap, struct uidset *out, struct err *err) MUST_USE;

/* ---- commands with tickets ---- */

typedef uint32_t imap_ticket;

enum imap_code { /* response codes of tagged answers that callers look at (RFC 9051 7.1, RFC 5530)
		  */
	IMAP_CODE_NONE,
	IMAP_CODE_OTHER,
	IMAP_CODE_APPENDUID,
	IMAP_CODE_COPYUID,
	IMAP_CODE_TRYCREATE,
	IMAP_CODE_NONEXISTENT,
	IMAP_CODE_ALREADYEXISTS,
	IMAP_CODE_OVERQUOTA,
	IMAP_CODE_TOOBIG,
	IMAP_CODE_LIMIT,
	IMAP_CODE_INUSE,
	IMAP_CODE_UNAVAILABLE,
	IMAP_CODE_NOPERM,
	IMAP_CODE_CANNOT,
	IMAP_CODE_EXPUNGEISSUED,
	IMAP_CODE_MODIFIED,
	IMAP_CODE_AUTHENTICATIONFAILED,
	IMAP_CODE_AUTHORIZATIONFAILED,
	IMAP_CODE_EXPIRED,
	IMAP_CODE_SERVERBUG,
	IMAP_CODE_CLIENTBUG,
};

struct imap_result {
	bool ok;  /* tagged OK (else NO or BAD) */
	bool bad; /* tagged BAD */
	enum imap_code code;
	uint32_t uidvalidity;   /* APPENDUID */
	uint32_t uid, uid_last; /* APPENDUID: these UIDs, in order; 0: not told, or no such row */
	char text[256];         /* the server's words, escaped; "" if they repeat a secret */
	char words[256];        /* the same in any case: never shown */
};

/*
 * Wait for one answer. 0: OUT filled, whatever the server said; -1: the connection failed. Each
 * ticket is waited for once.
 */
int imap_wait(
	struct imap *imap, imap_ticket ticket, struct imap_result *out, struct err *err) MUST_USE;
/* Did the server refuse for now only, whatever was asked? ([UNAVAILABLE], [INUSE], a throttle.) */
bool imap_means_later(const struct imap_result *result);
/* How long its words ask us to wait, 0: they do not. */
unsigned imap_suggested_wait_ms(const char *text);
/* As imap_wait(), where only OK will do: NO and BAD are ERR_SERVER_NO (or ERR_SERVER_BUSY by code)
 * with the server's words. */
int imap_wait_ok(struct imap *imap, imap_ticket ticket, struct err *err) MUST_USE;

enum imap_store_mode { IMAP_STORE_ADD, IMAP_STORE_REMOVE };
/* UID STORE set +FLAGS.SILENT / -FLAGS.SILENT. A set too long for a line is sent as several
 * commands under one ticket. */
int imap_store_send(struct imap *imap, const struct uidset *uids, enum imap_store_mode mode,
	const struct flags *flags, imap_ticket *out, struct err *err) MUST_USE;
/* UID EXPUNGE of exactly these (UIDPLUS must be there). */
int imap_uid_expunge_send(
	struct imap *imap, const struct uidset *uids, imap_ticket *out, struct err *err) MUST_USE;
/* UIDs of the messages that carry \Deleted now (UID SEARCH DELETED). */
int imap_search_deleted(struct imap *imap, struct uidset *out, struct err *err) MUST_USE;
/* Plain EXPUNGE: removes everything with \Deleted. */
int imap_expunge(struct imap *imap, struct err *err) MUST_USE;
/* What a MOVE did. */
struct imap_moved_uid {
	uint32_t from, to;
};
struct imap_moved {
	bool copied;          /* the server has no MOVE: the messages still stand where they were */
	uint32_t uidvalidity; /* of the target */
	struct imap_moved_uid
		*pairs; /* owned; what the server told of new UIDs: some, all or none */
	size_t count, room;
};
#define IMAP_MOVE_MOST 1000 /* UIDs at once */
/*
 * UID MOVE of UIDS from the selected mailbox to WIRE (RFC 6851); where that is not offered, UID
 * COPY. ERR_SERVER_NO: refused. After an error of the connection nobody knows. OUT: owned by the
 * caller in every case.
 */
int imap_move(struct imap *imap, const struct uidset *uids, struct slice wire,
	struct imap_moved *out, struct err *err) MUST_USE;
void imap_moved_fini(struct imap_moved *moved);
int imap_delete_send(
	struct imap *imap, struct slice wire, imap_ticket *out, struct err *err) MUST_USE;
int imap_create_send(
	struct imap *imap, struct slice wire, imap_ticket *out, struct err *err) MUST_USE;
int imap_subscribe_send(
	struct imap *imap, struct slice wire, imap_ticket *out, struct err *err) MUST_USE;

/*
 * APPEND: begin, data (exactly SIZE octets in any pieces), end. LITERAL+ (or LITERAL- up to 4096
 * octets) sends without waiting; otherwise begin waits for the continuation. Once begun it has to
 * be completed, or the connection closed. begin returns 0: go on; 1: the server refused before the
 * literal: *OUT is the ticket to wait for, no data may be sent; -1. FLAGS without \Recent; DATE
 * seconds since 1970. imap_append_pending() = appends not waited for yet.
 */
int imap_append_begin(struct imap *imap, struct slice wire, const struct flags *flags, int64_t date,
	uint64_t size, imap_ticket *out, struct err *err) MUST_USE;
/* May a message of SIZE octets go in one command with others? With MULTIAPPEND (RFC 3502), where
 * nothing has to be waited for. */
bool imap_append_joins(const struct imap *imap, uint64_t size);
/* After all data of the message before: the next one of the same command. The server stores all or
 * none; one ticket tells of all. */
int imap_append_more(struct imap *imap, const struct flags *flags, int64_t date, uint64_t size,
	struct err *err) MUST_USE;
int imap_append_data(struct imap *imap, const void *data, size_t n, struct err *err) MUST_USE;
int imap_append_end(struct imap *imap, struct err *err) MUST_USE;
/* Uploads that were begun and not waited for yet. */
unsigned imap_append_pending(const struct imap *imap);

#endif

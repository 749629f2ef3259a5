/*
 * The inside of a connection, shared by the files of this folder only.
 *
 * Output is queued and leaves in one write, at the latest before we wait for an answer. Input comes
 * one response at a time through receive_next() (receive.h), which does with it what has to be done
 * whoever is waiting: match tagged answers to commands, follow the selected mailbox, end the
 * connection on BYE. Whoever asked for data then looks at the response as well; nobody else has to.
 *
 * An error of the wire or of the protocol is sticky: connection_fatal() keeps it,
 * connection_alive() repeats it.
 */
#ifndef IMAP_CONNECTION_H
#define IMAP_CONNECTION_H

#include "imap/response.h"

#define TAG_SIZE 20
#define COMPRESS_AHEAD_MOST (16 * 1024)

enum ticket_kind { TICKET_PLAIN, TICKET_APPEND };

/* What one *_send() promised: one command, or several with one result. */
struct ticket {
	imap_ticket id;
	enum ticket_kind kind;
	const char *what;          /* the command's name, static */
	unsigned unanswered;       /* commands sent and not answered */
	bool forget;               /* nobody will wait for it: goes with its last answer */
	struct imap_result result; /* the first answer that is not OK, else the last */
	bool any;                  /* result holds an answer */
};

/* A command on its way. */
struct command {
	char tag[TAG_SIZE];
	imap_ticket ticket;
	size_t size; /* octets of the command, literals of an APPEND apart */
};

/* See fetch.c. */
struct fetch {
	bool active;
	struct imap_fetch_request request; /* uids points to the copy below */
	struct uidset uids;                /* owned */
	struct uid_iter sent_to;           /* commands for UIDs up to here are sent */
	bool all_sent;
	uint64_t wanted, bodies; /* messages asked for by UID; bodies announced so far */
	bool drain;              /* given up: what still comes is dropped */
	imap_ticket ticket;
	/* Read and drop what was asked for already; nothing more is asked. fetch.c sets it. */
	int (*abandon)(struct imap *imap, struct err *err);
	bool in_message;   /* in the middle of a FETCH response */
	bool in_body;      /* the body was announced; imap_fetch_read() may be called */
	struct slice text; /* the rest of a body that is no literal */
	struct imap_message message;
};

/* A mailbox whose SELECT and fetch were sent while another fetch runs; see select.c. */
struct queued {
	imap_ticket select_ticket, fetch_ticket;
	bool examine;
	char *wire; /* owned */
	struct imap_fetch_request request;
};

/* See search.c. */
struct search {
	imap_ticket ticket; /* 0: none is on its way */
	char tag[TAG_SIZE];
};

struct imap {
	/* the wire */
	struct stream *stream; /* owned */
	struct reader reader;
	struct buf out; /* queued, not written yet */
	uint64_t bytes_out, command_count;
	struct err dead; /* kind is not ERR_NONE: the connection is over, and why */
	bool leaving;    /* LOGOUT was sent: BYE is welcome */
	imap_ticket logout_ticket;
	unsigned number;
	struct buf trace; /* the command being made, as it will be shown */

	/* what the server is */
	struct capabilities capabilities;
	struct capabilities announced; /* before quirks took some away */
	struct quirk_choice profile;
	const char *host;        /* borrowed while it opens */
	bool id_asked;           /* ID was sent: the next one that comes is the answer */
	struct buf name, vendor; /* what it calls itself there; owned */
	bool capabilities_open;  /* a CAPABILITY that comes now counts: only before and during login
				  */
	char *const *quirks;     /* borrowed */
	size_t quirk_count;
	struct keywords *keywords; /* borrowed */
	struct name_rules rules;   /* prefix points to .prefix */
	char *prefix;              /* owned */
	struct arena names;        /* of namespaces */
	struct response_namespace *namespaces;
	size_t namespace_count;

	/* commands */
	struct command *commands; /* on their way, oldest first; owned */
	size_t command_used, command_room;
	size_t commands_sent;   /* of them written */
	size_t unanswered_size; /* octets of them */
	struct ticket *tickets; /* by rising id; owned */
	size_t ticket_used, ticket_room;
	imap_ticket last_ticket;
	imap_ticket continuable; /* the ticket that waits for "+"; 0: none, a "+" is an error */
	bool continued;          /* the "+" came */
	bool building;           /* between command_begin() and command_end() */
	bool refused;            /* ... the server answered before the command was complete */
	bool nonsync;            /* ... literals need not wait */
	imap_ticket append_open; /* between imap_append_begin() and _end(); 0: no */
	uint64_t append_left;    /* octets still owed */

	/* the selected mailbox */
	bool selecting; /* codes of a SELECT are taken */
	bool examining; /* ... which is an EXAMINE */
	imap_ticket select_ticket;
	bool selected, has_selected; /* now; at any time */
	bool permanent_known;        /* PERMANENTFLAGS came; else FLAGS stands for it */
	struct flags defined;        /* FLAGS */
	struct buf wire;             /* its name */
	struct imap_mailbox mailbox;

	struct fetch fetch;
	struct queued queue[IMAP_QUEUE_MOST]; /* in the order in which they will be answered */
	unsigned queued;
	bool queueing; /* commands go behind the running fetch */
	struct search search;
	bool compressed;
	bool qresync;               /* the server said that it is on */
	imap_ticket qresync_ticket; /* the ENABLE that asks for it; 0: none was sent */
};

/* Keeps the error for good and returns -1. */
int connection_fatal(struct imap *imap, struct err *err, enum err_kind kind, const char *fmt, ...)
	PRINTF(4, 5) COLD;
/* The same for an error that is complete in FROM (may be ERR). */
int connection_die(struct imap *imap, const struct err *from, struct err *err) COLD;
/* 0, or -1 with the error that ended the connection. */
int connection_alive(const struct imap *imap, struct err *err) MUST_USE;
/* Write all that is queued. */
int connection_flush(struct imap *imap, struct err *err) MUST_USE;
/* Write past the queue, which goes first: for big data. */
int connection_write(struct imap *imap, const void *data, size_t n, struct err *err) MUST_USE;
/* All that we had to say is said: from here on the server has to keep a pace. */
void connection_servers_turn(struct imap *imap);
/* TLS begins: forget all that the server, or somebody in its place, has told so far. */
void connection_forget(struct imap *imap);
/* The greeting came: it may tell who made the server. */
void connection_take_greeting(struct imap *imap, struct slice text);
/* An ID came; counts once, and only if it was asked for. It chooses a profile where nothing else
 * did; what that switches off is left alone from here on. */
void connection_take_id(struct imap *imap, struct slice name, struct slice vendor);
/* A CAPABILITY came; counts only until login is over. */
void connection_take_capabilities(struct imap *imap, const struct capabilities *capabilities);
/* A connection that has not said anything yet. Owns STREAM. */
struct imap *connection_new(const struct imap_options *options, struct stream *stream);

#endif

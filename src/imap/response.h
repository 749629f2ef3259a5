/*
 * Responses: what the server says, line by line, as typed values.
 *
 *     reader_next()        one whole response; of a FETCH only the head
 *     reader_fetch_item()  then the items of that FETCH one after another, bodies as open literals
 * A FETCH that was not read to its end is skipped by the next reader_next(). Nothing here knows
 * what was asked for: matching answers to commands is connection.c's work.
 */
#ifndef IMAP_RESPONSE_H
#define IMAP_RESPONSE_H

#include "imap/capability.h"
#include "imap/item.h"

#define RESPONSE_RANGES_MAX (2 * 1024 * 1024) /* of one SEARCH, ESEARCH, VANISHED: 16 MiB */
#define RESPONSE_NAMESPACES_MAX 32
#define RESPONSE_ID_MAX 1024 /* octets of a value in an ID (RFC 2971 3.3) */

enum response_kind {
	RESPONSE_CONTINUE,   /* "+ text" */
	RESPONSE_TAGGED,     /* tag, state, code, text */
	RESPONSE_STATE,      /* untagged OK, NO, BAD: state, code, text */
	RESPONSE_BYE,        /* code, text */
	RESPONSE_PREAUTH,    /* code, text */
	RESPONSE_CAPABILITY, /* code.capabilities */
	RESPONSE_LIST,       /* name, delimiter, attributes */
	RESPONSE_STATUS,     /* name, status */
	RESPONSE_FLAGS,      /* flags */
	RESPONSE_SEARCH,     /* ranges; in SEARCH's own order */
	RESPONSE_ESEARCH,    /* tag, uid, ranges (ALL) */
	RESPONSE_VANISHED,   /* earlier, ranges */
	RESPONSE_EXISTS,     /* number */
	RESPONSE_EXPUNGE,    /* number */
	RESPONSE_FETCH,      /* number; the items follow */
	RESPONSE_NAMESPACE,  /* namespaces */
	RESPONSE_ENABLED,    /* enabled_* */
	RESPONSE_ID,         /* id_name, id_vendor */
	RESPONSE_OTHER,      /* RECENT and all that we do not know: skipped */
};

enum response_state { RESPONSE_IS_OK, RESPONSE_IS_NO, RESPONSE_IS_BAD };

/* Response codes that only this folder looks at; those for callers are enum imap_code. */
enum response_note {
	NOTE_NONE,
	NOTE_CAPABILITY,
	NOTE_CLOSED,
	NOTE_HIGHESTMODSEQ,
	NOTE_MAILBOXID,
	NOTE_NOMODSEQ,
	NOTE_PERMANENTFLAGS,
	NOTE_READ_ONLY,
	NOTE_READ_WRITE,
	NOTE_UIDNEXT,
	NOTE_UIDVALIDITY,
};

struct response_code {
	enum imap_code code; /* IMAP_CODE_OTHER: a note, or one that nobody looks at */
	enum response_note note;
	uint64_t number;                     /* HIGHESTMODSEQ, UIDNEXT, UIDVALIDITY */
	uint32_t uidvalidity, uid, uid_last; /* APPENDUID, COPYUID; 0 unless of the right form */
	struct slice object_id;              /* MAILBOXID; until the next response */
	struct slice uids_from,
		uids_to;    /* COPYUID: as the server wrote them; until the next response */
	struct flags flags; /* PERMANENTFLAGS */
	bool any_flag;      /* ... has \* */
	struct capabilities capabilities;
};

struct response_namespace {
	struct slice prefix;
	char delimiter; /* 0: NIL */
	bool personal;
};

/* Slices live until the next response. */
struct response {
	enum response_kind kind;
	struct slice tag;
	enum response_state state;
	struct response_code code;
	struct slice text;
	bool secret; /* TEXT repeats one: it is not for showing */
	uint32_t number;
	struct flags flags;
	struct slice name;
	char delimiter;
	unsigned attributes;
	struct imap_status status;
	bool uid, earlier;
	const struct uid_range *ranges;
	size_t range_count;
	struct response_namespace *namespaces;
	size_t namespace_count;
	bool enabled_rev2, enabled_qresync;
	struct slice id_name, id_vendor; /* empty: not told, or longer than RESPONSE_ID_MAX */
};

int reader_next(struct reader *reader, struct response *out, struct err *err) MUST_USE;
/* The code of "[CODE arguments] text", which is cut off TEXT. Tolerates any text; ERR_PROTO for
 * numbers that are none. */
int response_code_parse(struct slice *text, struct keywords *keywords, struct response_code *out,
	struct err *err) MUST_USE;

/*
 * What stands behind the names of some responses, each to its line end. 0; -1.
 *
 * uids.c: more than RESPONSE_RANGES_MAX ranges are ERR_PROTO. The ranges belong to the reader.
 */
int reader_search(struct reader *reader, struct response *out, struct err *err) MUST_USE;
int reader_esearch(struct reader *reader, struct response *out, struct err *err) MUST_USE;
int reader_vanished(struct reader *reader, struct response *out, struct err *err) MUST_USE;
/* mailboxes.c: attributes that nobody asks for are dropped, so are namespaces beyond
 * RESPONSE_NAMESPACES_MAX. */
int reader_list(struct reader *reader, struct response *out, struct err *err) MUST_USE;
int reader_namespace(struct reader *reader, struct response *out, struct err *err) MUST_USE;
/* What stands behind "* STATUS ". A line that is not understood fills in nothing but the name, if
 * that: status.known stays false. */
int reader_status(struct reader *reader, struct response *out, struct err *err) MUST_USE;

#endif

/*
 * The lexer: octets from a stream -> the words of IMAP's grammar (RFC 9051 section 9), one after
 * another, blocking.
 *
 * There is no line buffer to scan and re-scan: each function takes what it is named after from the
 * front of the input and waits for more octets where it must. So an answer may come in pieces of
 * any size, and a body is never copied. The words are context-dependent in IMAP, therefore the
 * caller says what it expects.
 *
 * Bounds (I6): a response without its streamed literals takes at most line_left octets, a literal
 * that is kept in memory LEXER_LITERAL_MAX, lists nest LEXER_DEPTH_MAX deep, numbers are checked
 * against the caller's maximum. Going beyond, NUL and control bytes are ERR_PROTO. Tolerated,
 * because real servers do it: several blanks for one, blanks before the line end, LF alone as line
 * end, 8-bit octets and most specials within atoms.
 *
 * Functions return 0 or -1 unless said otherwise. Slices point into the lexer and live until its
 * next call.
 */
#ifndef IMAP_LEXER_H
#define IMAP_LEXER_H

#include "base/buf.h"
#include "imap/pace.h"
#include "net/stream.h"

#define LEXER_INPUT_SIZE (64 * 1024)
#define LEXER_LINE_MAX (1024 * 1024)
#define LEXER_LITERAL_MAX (1024 * 1024)
#define LEXER_DEPTH_MAX 32

struct lexer {
	struct stream *stream; /* borrowed */
	char *input;           /* owned, LEXER_INPUT_SIZE */
	size_t pos, end;       /* input[pos..end) is read but not taken yet */
	size_t line_left;      /* octets that the present response may still take */
	struct buf text;       /* the last atom, string or text */
	uint64_t literal_left; /* octets of the open literal not taken yet */
	uint64_t bytes_in;     /* read so far */
	struct pace pace;
	unsigned least_wait_ms; /* of those reads: the shortest */
	uint64_t round_trips;   /* reads that had to wait for the answer to something sent */
	bool sent; /* the next read waits for the answer to what was just sent: set by the owner */
	unsigned number;     /* of the connection, for traces */
	bool tracing;        /* the present response is traced */
	struct buf trace;    /* the present line as it will be shown */
	struct buf secrets;  /* what is not shown again, each with a NUL behind it; wiped */
	size_t least_secret; /* shorter ones may be shown */
	/* What stands behind "+" is not shown: with the server's part of a SCRAM login, which
	 * proves that it knows the password, passwords can be tried out at leisure. Set by the
	 * owner. */
	bool hide_challenges;
};

void lexer_init(struct lexer *lexer, struct stream *stream, unsigned number);
void lexer_fini(struct lexer *lexer);
/*
 * Servers repeat what they do not like. From here on a line with SECRET in it is traced as
 * "(hidden)", and lexer_hides() is true of it. Called with each form in which one is sent: as it
 * is, in quotes, in base64.
 */
void lexer_hide(struct lexer *lexer, struct slice secret);
/* The login is over: what is so short that it stands in any text is hidden no more. */
void lexer_hide_less(struct lexer *lexer);
bool lexer_hides(const struct lexer *lexer, struct slice text);
/* Octets were received that nobody took yet. */
bool lexer_has_input(const struct lexer *lexer);
/* A new response starts: the line bound starts anew. */
void lexer_begin(struct lexer *lexer);

/* The next octet without taking it, 0..255, or -1. */
int lexer_peek(struct lexer *lexer, struct err *err) MUST_USE;
/* Take the next octet if it is C: 1, else 0; -1. */
int lexer_try(struct lexer *lexer, char c, struct err *err) MUST_USE;
/* Take the next octet, which must be C. */
int lexer_expect(struct lexer *lexer, char c, struct err *err) MUST_USE;
/* Take any blanks, also none. */
int lexer_blanks(struct lexer *lexer, struct err *err) MUST_USE;
/* 1: the line ends here (blanks before the end are taken), 0: it goes on, -1. */
int lexer_at_end(struct lexer *lexer, struct err *err) MUST_USE;
/* Take the line end, and blanks before it. */
int lexer_line_end(struct lexer *lexer, struct err *err) MUST_USE;

/* One or more octets up to a blank, parenthesis, double quote or line end. */
int lexer_atom(struct lexer *lexer, struct slice *out, struct err *err) MUST_USE;
/* As lexer_atom(), but what stands between '[' and ']' belongs to it: the name of a FETCH item. */
int lexer_item(struct lexer *lexer, struct slice *out, struct err *err) MUST_USE;
/* Decimal digits; ERR_PROTO if there are none or the value is above MAX. */
int lexer_number(struct lexer *lexer, uint64_t max, uint64_t *out, struct err *err) MUST_USE;
/* Quoted string, or a literal of at most LEXER_LITERAL_MAX octets. */
int lexer_string(struct lexer *lexer, struct slice *out, struct err *err) MUST_USE;
/* String, or NIL: then *NIL is true and OUT is empty. */
int lexer_nstring(struct lexer *lexer, struct slice *out, bool *nil, struct err *err) MUST_USE;
/* A mailbox name: string, or octets up to a blank or the line end. */
int lexer_mailbox(struct lexer *lexer, struct slice *out, struct err *err) MUST_USE;
/* What is left of the line, which is taken whole. */
int lexer_text(struct lexer *lexer, struct slice *out, struct err *err) MUST_USE;

/* 1: a literal is next, 0: something else, -1. */
int lexer_at_literal(struct lexer *lexer, struct err *err) MUST_USE;
/* Take "{n}", "{n+}" or "~{n}" with its line end. *SIZE may be anything up to 2^63-1: nothing is
 * allocated. */
int lexer_literal(struct lexer *lexer, uint64_t *size, struct err *err) MUST_USE;
/* The next piece of the open literal, straight from the input: 1, 0 at its end, -1. */
int lexer_literal_read(struct lexer *lexer, struct slice *out, struct err *err) MUST_USE;
int lexer_literal_skip(struct lexer *lexer, struct err *err) MUST_USE;

/* Skip one value of any form: atom, string, literal, or list with all that is in it. */
int lexer_skip_value(struct lexer *lexer, struct err *err) MUST_USE;
/* Skip the rest of the line and its literals. */
int lexer_skip_line(struct lexer *lexer, struct err *err) MUST_USE;

#endif

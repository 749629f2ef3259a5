/*
 * What responses are read with: the lexer, and room for one response at a time.
 */
#ifndef IMAP_READER_H
#define IMAP_READER_H

#include "base/arena.h"
#include "imap/lexer.h"
#include "model/flags.h"
#include "model/keywords.h"

struct reader {
	struct lexer lexer;
	struct keywords *keywords; /* borrowed */
	struct arena arena;        /* of the present response */
	struct uid_range *ranges;  /* owned; of the present response, room is re-used */
	size_t range_count, range_room;
	bool in_fetch; /* a FETCH is open: its items come next */
};

void reader_init(
	struct reader *reader, struct stream *stream, struct keywords *keywords, unsigned number);
void reader_fini(struct reader *reader);

/* Pieces of grammar that responses and their items share. A blank, or several: */
int reader_space(struct lexer *lexer, struct err *err) MUST_USE;
/* Within a list: 1: it ends here and the ')' is taken, 0: another element is next, -1. */
int reader_list_ends(struct lexer *lexer, struct err *err) MUST_USE;
/* A number that fits 32 bits: a UID, a message number. */
int reader_number(struct lexer *lexer, uint32_t *out, struct err *err) MUST_USE;
/* Skip values up to the end of the line, and that. */
int reader_skip_values(struct lexer *lexer, struct err *err) MUST_USE;
/* "(\Seen word)"; flags that are not for us and keywords beyond the table are dropped. */
int reader_flags(struct reader *reader, struct flags *out, struct err *err) MUST_USE;

#endif

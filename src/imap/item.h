/*
 * The items of a FETCH, one after another.
 */
#ifndef IMAP_ITEM_H
#define IMAP_ITEM_H

#include "imap/reader.h"

enum fetch_item_kind {
	FETCH_ITEM_END, /* the FETCH is complete */
	FETCH_ITEM_UID, /* number */
	FETCH_ITEM_FLAGS,
	FETCH_ITEM_DATE,
	FETCH_ITEM_SIZE,   /* number */
	FETCH_ITEM_MODSEQ, /* number */
	FETCH_ITEM_BODY,
	FETCH_ITEM_HEADER,
	FETCH_ITEM_OTHER, /* was skipped */
};

struct fetch_item {
	enum fetch_item_kind kind;
	uint64_t number; /* of a literal body: its size */
	struct flags flags;
	bool date_valid;
	int64_t date;
	bool nil;     /* BODY, HEADER: NIL */
	bool literal; /* BODY, HEADER: the lexer's literal is open; what is not read is skipped by
			 the next call */
	struct slice text; /* BODY, HEADER that is no literal */
};

/* The next item of the FETCH whose head reader_next() gave. */
int reader_fetch_item(struct reader *reader, struct fetch_item *out, struct err *err) MUST_USE;

#endif

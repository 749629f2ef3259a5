/*
 * The keyword table of an account: name <-> small number. Append-only, so a number once given
 * stays. Thread-safe: several workers of an account meet new keywords. Names compare without ASCII
 * case; the first spelling seen wins.
 */
#ifndef MODEL_KEYWORDS_H
#define MODEL_KEYWORDS_H

#include "model/flags.h"
#include "base/buf.h"

struct keywords;

struct keywords *keywords_new(void);
void keywords_free(struct keywords *keywords);
/* The number of NAME, given now if it has none. -1: the table is full (KEYWORDS_MAX) or NAME is no
 * IMAP atom. */
int keywords_intern(struct keywords *keywords, struct slice name);
/* The number of NAME or -1. */
int keywords_find(struct keywords *keywords, struct slice name);
/* The name of ID; valid as long as the table. NULL if there is none. */
const char *keywords_name(struct keywords *keywords, unsigned id);
unsigned keywords_count(struct keywords *keywords);
/* Restore a saved entry: ID must be the next free number. false: it is not, or the name is bad. */
bool keywords_restore(struct keywords *keywords, unsigned id, struct slice name);
/* Append "\Seen $Forwarded work" (no parentheses) for F to OUT. */
void keywords_format(struct keywords *keywords, const struct flags *f, struct buf *out);

#endif

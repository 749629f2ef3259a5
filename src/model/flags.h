/*
 * Flags of a message: the system flags that Maildir can show, and keywords.
 *
 * A keyword is a small number that the account's keyword table (model/keywords.h) gives to its
 * name, so that sets of keywords are compared and merged with a few machine words. \Recent is not a
 * flag for us.
 */
#ifndef MODEL_FLAGS_H
#define MODEL_FLAGS_H

#include "base/slice.h"

enum flag {
	FLAG_DRAFT = 1 << 0,     /* \Draft, D */
	FLAG_FLAGGED = 1 << 1,   /* \Flagged, F */
	FLAG_FORWARDED = 1 << 2, /* $Forwarded, P */
	FLAG_ANSWERED = 1 << 3,  /* \Answered, R */
	FLAG_SEEN = 1 << 4,      /* \Seen, S */
	FLAG_DELETED = 1 << 5,   /* \Deleted, T */
	FLAG_ALL = (1 << 6) - 1,
};

#define KEYWORDS_MAX                                                                               \
	256 /* distinct keywords of one account that are carried; more stay on the server          \
	       untouched */

struct flags {
	uint64_t keywords[KEYWORDS_MAX / 64]; /* bit N: keyword N of the account */
	uint32_t system;                      /* bits of enum flag */
};

bool flags_equal(const struct flags *a, const struct flags *b);
bool flags_empty(const struct flags *f);
struct flags flags_and(const struct flags *a, const struct flags *b);
struct flags flags_or(const struct flags *a, const struct flags *b);
struct flags flags_xor(const struct flags *a, const struct flags *b);
struct flags flags_minus(const struct flags *a, const struct flags *b); /* a & ~b */
struct flags flags_system(uint32_t system);
struct flags flags_full(void); /* every bit set: a mask that hides nothing */
bool flags_has_keyword(const struct flags *f, unsigned id);
void flags_add_keyword(struct flags *f, unsigned id);
/*
 * Three-way merge, bit by bit: base ^ (((there ^ base) & mask_there) | ((here ^ base) &
 * mask_here)). A bit outside a side's mask counts as unchanged on that side.
 */
struct flags flags_merge(const struct flags *base, const struct flags *there,
	const struct flags *here, const struct flags *mask_there, const struct flags *mask_here);

/* The Maildir letters of the system flags, in ASCII order ("DFPRST"), NUL-terminated; returns their
 * number. */
size_t flags_letters(uint32_t system, char out[7]);
/* The system flags of the letters in INFO (any order); letters that are none are ignored. */
uint32_t flags_from_letters(struct slice letters);
/* "\Seen" etc. for one bit; "$Forwarded" for FLAG_FORWARDED. */
const char *flags_imap_name(enum flag flag);
/* The bit for an IMAP flag name (case ignored), 0 if it is none. */
uint32_t flags_from_imap(struct slice name);

#endif

/*
 * What a server announces (CAPABILITY): one row each in the table of capability.c. What is not
 * announced, or not implied by what is, is never used; what is announced may still be refused.
 */
#ifndef IMAP_CAPABILITY_H
#define IMAP_CAPABILITY_H

#include "imap/imap.h"

struct capabilities {
	bool known;            /* a CAPABILITY was seen since the last reset */
	uint64_t bits;         /* bit N: enum imap_capability N, implied ones included */
	uint64_t mechanisms;   /* bit N: row N of the mechanism table (mechanism.c) was announced as
				  AUTH=... */
	uint64_t append_limit; /* APPENDLIMIT=n; 0: none announced */
};

/* Take one word of a CAPABILITY response. */
void capability_add(struct capabilities *capabilities, struct slice word);
bool capability_has(const struct capabilities *capabilities, enum imap_capability capability);
/* Switch off what WORDS or PROFILE say (and what only that implied stays on). */
void capability_drop(struct capabilities *capabilities, struct quirk_words words,
	const struct quirk_profile *profile);

#endif

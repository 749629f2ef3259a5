/*
 * The keyword letters of one folder: the file dovecot-keywords. Internal to maildir/. Line "N
 * NAME": keyword NAME has the N-th letter.
 */
#ifndef MAILDIR_LETTERS_H
#define MAILDIR_LETTERS_H

#include "maildir/maildir.h"

#define LETTERS_TABLE "dovecot-keywords"
#define LETTERS_TABLE_MAX (1u << 20) /* bytes */
#define LETTERS 26
#define LETTER_FREE (-1)
#define LETTER_TAKEN (-2) /* by a name that can't be carried, or by a system flag */

/* What 'a' + i stands for. The same keyword may have several letters; the first one is given to
 * files. */
struct letter_table {
	int keyword[LETTERS];     /* its number in the account's table, or one of the above */
	uint32_t system[LETTERS]; /* bit of enum flag: Dovecot gives $Forwarded a letter, too */
};

struct maildir_letters;

struct maildir_letters *letters_new(struct keywords *keywords); /* KEYWORDS is borrowed */
void letters_free(struct maildir_letters *letters);
/* The table as it is now. Any thread. */
void letters_get(struct maildir_letters *letters, struct letter_table *out);
/* Another number after each change of the table in memory. */
unsigned letters_version(struct maildir_letters *letters);
/* The keywords that have a letter. */
struct flags letters_mask(const struct letter_table *table);
/* split.c: the letters in INFO ("2,FSab"). *TAIL: a second comma and what some programs keep behind
 * it. */
struct slice letters_in(struct slice info, struct slice *tail);
/* What LETTER stands for; empty if nothing that we can read. */
struct flags letters_meaning(const struct letter_table *table, char letter);

/* dotlock.c: take Dovecot's lock of the folder, waiting up to ten seconds for who holds it:
 * ERR_CONFLICT then. One that was left behind is taken over. */
int dotlock_take(const struct maildir *maildir, struct err *err) MUST_USE;
int dotlock_release(const struct maildir *maildir, struct err *err) MUST_USE;

#endif

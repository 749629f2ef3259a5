/*
 * The keyword letters of one folder: the file dovecot-keywords. Internal to maildir/. Line "N
 * NAME": keyword NAME has the N-th letter.
 */
#ifndef MAILDIR_LETTERS_H
#define MAILDIR_LETTERS_H

#include "maildir/maildir.h"

#define LETTERS 26

struct maildir_letters;

struct maildir_letters *letters_new(struct keywords *keywords); /* KEYWORDS is borrowed */
void letters_free(struct maildir_letters *letters);
/* The keyword of LETTER, -1 if it has none. */
int letters_keyword(const struct maildir_letters *letters, char letter);
/* The keywords that have a letter. */
struct flags letters_mask(const struct maildir_letters *letters);

#endif

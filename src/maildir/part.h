/*
 * The parts of a Maildir: paths of message files are "new/NAME" or "cur/NAME". Internal to
 * maildir/.
 */
#ifndef MAILDIR_PART_H
#define MAILDIR_PART_H

#include "maildir/maildir.h"

/* The descriptor of the directory that *PATH lies in; *PATH goes on behind its slash. */
int part_of(const struct maildir *maildir, const char **path);
/* Is DIR a Maildir: has it a cur/ and a new/? 1, 0, -1. */
int part_all_there(int dir, struct err *err) MUST_USE;

#endif

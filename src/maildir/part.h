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

/* ---- spelling.c ---- */

/*
 * Append to OUT the LEVEL of a path that maildir_path() made (maildir++: the whole path), with the
 * first COUNT characters that are not written %XX yet written so. false: there are not as many, or
 * it is longer than 255 bytes then.
 */
bool spelling_respell(
	enum maildir_layout layout, struct slice level, unsigned count, struct buf *out) MUST_USE;
/* Is PATH the path PLAIN, but perhaps for levels that are spelled in another way? */
bool spelling_stands_for(
	enum maildir_layout layout, struct slice plain, struct slice path) MUST_USE;

#endif

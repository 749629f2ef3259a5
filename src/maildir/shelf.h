/*
 * What attic.c and shelf.c share. Internal to maildir/.
 */
#ifndef MAILDIR_SHELF_H
#define MAILDIR_SHELF_H

#include "maildir/attic.h"

/* FROM below FROM_AT becomes NAME below TO_AT, or NAME with a fresh BASE if that is taken. */
int attic_move(
	int from_at, const char *from, int to_at, const char *name, struct err *err) MUST_USE;

#endif

/*
 * The program with a fault in it (build/crash-godwit): every call that changes the disk, godwit's
 * own and LMDB's, goes through calls.c, which asks fault.c what to do about it.
 */
#ifndef CRASH_FAULT_H
#define CRASH_FAULT_H

#include <stdbool.h>

enum fault_kind {
	FAULT_WRITE,  /* may come short */
	FAULT_CHANGE, /* of a directory, or of a file's length or time */
	FAULT_SYNC,
};

#define FAULT_SHORT (-1)

/* Called before each call of KIND. 0: go on, FAULT_SHORT: write a part only, else: fail with this
 * errno. May end the process. One thread at a time. */
int fault_ask(enum fault_kind kind);
/* Called after a file got a second name. May end the process. */
void fault_linked(void);

/* Only calls on files below one of these, a list with ':', count; PATH absolute. */
void calls_watch(const char *prefixes);
/* Append all that succeeds to FILE, as tests/e2e/disk.py reads it. */
void calls_record(const char *file);

#endif

/*
 * Files that a mail reader took to another folder before the state knew what became of them: a
 * download between its rename and its row, an upload between its APPEND and the answer.
 */
#ifndef SYNC_ELSEWHERE_H
#define SYNC_ELSEWHERE_H

#include "sync/pass.h"

struct sought {
	struct slice base;     /* under which the file was known; borrowed */
	struct digest content; /* of the file; zero: not known */
	uint64_t size;         /* in wire form */
	bool found;
};

/*
 * Mark as found those of ITEMS that have a file in another folder than that of MAILBOX: one with
 * the same content that is new there, or has the same BASE. Sorts ITEMS. 0, -1. A folder that can't
 * be read is told, and nothing is found in it.
 */
int elsewhere_look(struct pass *pass, const char *mailbox, struct sought *items, size_t count,
	struct err *err) MUST_USE;

#endif

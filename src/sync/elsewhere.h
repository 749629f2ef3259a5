/*
 * Files that a mail reader took to another folder before the state knew what became of them: a
 * download or a move between its rename and its row, an upload between its APPEND and the answer.
 */
#ifndef SYNC_ELSEWHERE_H
#define SYNC_ELSEWHERE_H

#include "sync/pass.h"

struct sought {
	struct slice base;     /* under which the file was known; borrowed */
	struct digest content; /* of the file; zero: not known */
	uint64_t size;         /* in wire form */
	bool moving; /* it was about to leave the folder of another mailbox, which knows it */
	bool still;  /* ... and is there still */
	bool found;
};

/*
 * Mark as found those of ITEMS that have a file in another folder than that of MAILBOX: one with
 * the same content that is new there, or has the same BASE. What is moving and has not left is not
 * found, whatever has its content. Sorts ITEMS. 0, -1. A folder that can't be read is told, and
 * nothing is found in it.
 */
int elsewhere_look(struct pass *pass, const char *mailbox, struct sought *items, size_t count,
	struct err *err) MUST_USE;

#endif

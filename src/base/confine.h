/*
 * What the process gives up for good, so that a bug that a hostile server finds is of less use:
 * reading its memory from outside, and files that are none of its business.
 *
 * Not done, with intent: a filter of system calls (seccomp). What glibc, OpenSSL, the resolver's
 * plug-ins and GSSAPI call changes from release to release, and a program that dies on a new libc
 * is worse than what the filter would keep out, now that it can neither write nor read elsewhere.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include "base/err.h"

/* No core dumps, no ptrace and no /proc/PID/mem for others of the same user. Sanitizers need
 * ptrace: with them only core dumps are off. */
void confine_memory(void);

struct confine_path {
	const char *path;
	bool write; /* else only read */
};

/*
 * From here on, in this thread and in those that it starts, only what lies below these paths can be
 * read or written (Landlock); what is open stays usable. What is not there: for reading nothing is
 * allowed, for writing everything below the nearest folder above it that is there. Nothing that is
 * started from here on has more rights: see base/spawn.h. 1: it is so; 0: the kernel can't
 * (Landlock before Linux 5.19, or switched off); -1.
 */
int confine_files(const struct confine_path *paths, size_t count, struct err *err) MUST_USE;

#endif

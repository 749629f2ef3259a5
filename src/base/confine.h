/*
 * What the process gives up for good, so that a bug that a hostile server finds is of less use:
 * reading its memory from outside, files that are none of its business, and system calls for which
 * a mail program has no use.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include "base/err.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CONFINE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CONFINE_SANITIZED 1
#endif
#endif
#ifndef CONFINE_SANITIZED
#define CONFINE_SANITIZED 0
#endif

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

/*
 * From here on, in this thread and in those that it starts, no programs are started, no other
 * process is looked into, no namespaces, mounts and the like are made, and sockets are of the usual
 * families only (seccomp; confine_calls.c has the list and the reasons). What is denied fails, with
 * EPERM for most. false: the kernel can't, or does not let us.
 */
bool confine_calls(void) MUST_USE;

#endif

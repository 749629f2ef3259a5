/*
 * Running a command for what it prints: a password, a token, a helper's answer.
 */
#ifndef CONFIG_PROGRAM_H
#define CONFIG_PROGRAM_H

#include "base/buf.h"
#include "base/err.h"

#define PROGRAM_INPUT_MOST (32u << 10)

/*
 * Run ARGV with INPUT (at most PROGRAM_INPUT_MOST octets; empty: /dev/null) on its standard input
 * and append what it prints to OUT, at most 64 KiB; its standard error is ours. ERR_AUTH if it
 * can't be started, takes longer than TIMEOUT_MS milliseconds, or ends with another status than 0.
 */
int program_run(char *const argv[], struct slice input, unsigned timeout_ms, struct buf *out,
	struct err *err) MUST_USE;

#endif

/*
 * Linked into fuzzers only: a failed assertion has to look like a crash to libFuzzer, which keeps
 * the input of a crash, not of an exit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"

_Noreturn void __wrap_base_bug(const char *file, int line, const char *what);

_Noreturn void __wrap_base_bug(const char *file, int line, const char *what)
{
	fprintf(stderr, "bug at %s:%d: %s\n", file, line, what);
	abort();
}

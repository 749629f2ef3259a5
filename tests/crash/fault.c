/*
 * The program with a fault in it: linked into build/crash-godwit instead of nothing, for the tests
 * in tests/e2e/test_crash_*.py. Every change of the file system and every commit of the state
 * counts as a step.
 *
 *     GODWIT_FAULT="count FILE"      write the number of steps to FILE at the end
 *     GODWIT_FAULT="kill N"          SIGKILL instead of step N
 *     GODWIT_FAULT="fail N ERRNO FILE"   step N, and every one behind it, fails with ERRNO
 */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "sync/sync.h"

static atomic_int steps;
static int stop_at, error;
static char count_file[512];

static int on_step(const char *operation UNUSED, const char *path UNUSED)
{
	int step = atomic_fetch_add(&steps, 1) + 1;

	if (stop_at == 0 || step < stop_at)
		return 0;
	if (error == 0)
		kill(getpid(), SIGKILL);
	return error;
}

static void write_count(void)
{
	FILE *file = count_file[0] ? fopen(count_file, "w") : NULL;

	if (file) {
		fprintf(file, "%d\n", atomic_load(&steps));
		fclose(file);
	}
}

__attribute__((constructor)) static void install(void)
{
	const char *fault = getenv("GODWIT_FAULT");

	/* The wait before an upload in doubt is repeated would make these tests last for hours. */
	sync_set_doubt_ms(200);
	if (!fault)
		return;
	if (sscanf(fault, "count %511s", count_file) != 1 &&
		sscanf(fault, "fail %d %d %511s", &stop_at, &error, count_file) != 3 &&
		sscanf(fault, "kill %d", &stop_at) != 1)
		abort();
	atexit(write_count);
	fs_set_fault_hook(on_step);
}

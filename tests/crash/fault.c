/*
 * What is to go wrong, by environment:
 *
 *     GODWIT_WATCH=DIR[:DIR...]  calls on files below these count as steps
 *     GODWIT_RECORD=FILE         write down what is done to them
 *     GODWIT_STEPS=FILE          write "STEPS SYNCS LINKS" there at the end
 *     GODWIT_FAULT="kill N"          SIGKILL instead of step N
 *     GODWIT_FAULT="kill-sync N"     ... instead of the sync N
 *     GODWIT_FAULT="kill-link N"     ... when the Nth link was made
 *     GODWIT_FAULT="fail N ERRNO"    step N, and every one behind it, fails
 *     GODWIT_FAULT="once N ERRNO"    only step N fails
 *     GODWIT_FAULT="short N"         step N, if it is a write, writes a part only
 *     GODWIT_DOUBT_MS=N          how long an upload in doubt is waited for
 *     GODWIT_BULK=N, GODWIT_BULK_WINDOW=N   from how many new files on a mailbox is paired in
 *                                bulk, and how many messages at once
 *     GODWIT_LOOK=N              how many changes a look at a mailbox holds
 *     GODWIT_MOVES=N             how much of what moved is held at once
 *     GODWIT_STILL_MS=N          how long a file with two names has to stand still
 *     GODWIT_BACKOFF_MS=N        the first pause before connecting again
 */
#include "tests/crash/fault.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maildir/maildir.h"
#include "sync/patience.h"
#include "sync/sync.h"

static int steps, syncs, links;
static char mode[16];
static int number, error;
static const char *steps_file;

static bool is(const char *word)
{
	return strcmp(mode, word) == 0;
}

int fault_ask(enum fault_kind kind)
{
	steps++;
	syncs += kind == FAULT_SYNC;
	if ((is("kill") && steps == number) ||
		(is("kill-sync") && kind == FAULT_SYNC && syncs == number))
		kill(getpid(), SIGKILL);
	if ((is("fail") && steps >= number) || (is("once") && steps == number))
		return error;
	return is("short") && steps == number && kind == FAULT_WRITE ? FAULT_SHORT : 0;
}

void fault_linked(void)
{
	links++;
	if (is("kill-link") && links == number)
		kill(getpid(), SIGKILL);
}

static void write_steps(void)
{
	FILE *file = fopen(steps_file, "w");

	if (!file)
		return;
	fprintf(file, "%d %d %d\n", steps, syncs, links);
	fclose(file);
}

static unsigned number_of(const char *variable, unsigned otherwise)
{
	const char *text = getenv(variable);
	return text ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

__attribute__((constructor)) static void install(void)
{
	const char *fault = getenv("GODWIT_FAULT");

	/* What people wait for would make these tests last for hours. */
	sync_set_doubt_ms(number_of("GODWIT_DOUBT_MS", 200));
	maildir_set_still_ms(number_of("GODWIT_STILL_MS", 50));
	sync_set_bulk(number_of("GODWIT_BULK", 20000), number_of("GODWIT_BULK_WINDOW", 5000));
	sync_set_look(number_of("GODWIT_LOOK", 20000));
	sync_set_sieve(number_of("GODWIT_SIEVE", 50000));
	if (getenv("GODWIT_MOVES"))
		sync_set_moves(number_of("GODWIT_MOVES", 0));
	patience_set_first_ms(number_of("GODWIT_BACKOFF_MS", 500));
	setenv("GODWIT_CONFINE", "off", 1); /* what is written down goes anywhere */
	if (fault && sscanf(fault, "%15s %d %d", mode, &number, &error) < 2)
		abort();
	calls_watch(getenv("GODWIT_WATCH"));
	calls_record(getenv("GODWIT_RECORD"));
	steps_file = getenv("GODWIT_STEPS");
	if (steps_file)
		atexit(write_steps);
}

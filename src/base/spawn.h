/*
 * Starting commands: password commands, tunnels, helpers.
 *
 * Once confine_files() (base/confine.h) has taken rights from the process, what it starts would
 * have no more of them: `pass` could not write its GnuPG lock, ssh not its known_hosts, sudo would
 * not work at all. So a little process is forked before that, which keeps everything, does nothing
 * but start commands when it is asked to, and ends with us. What it starts is our child all the
 * same (CLONE_PARENT): it is waited for and killed as ever.
 */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <sys/types.h>
#include "base/err.h"

struct spawn {
	char *const *argv; /* NULL-terminated; argv[0] is looked for in PATH */
	int input, output; /* its standard input and output; -1: /dev/null, which we must be allowed
			      to open */
	bool own_group;    /* a process group of its own */
};

/* Start it with no signal blocked or ignored. 0 and *PID, or the errno of what failed. Any thread.
 */
int spawn_command(const struct spawn *spawn, pid_t *pid) MUST_USE;

/* From here on commands are started by the little process. Before the first thread. */
int spawn_helper_start(struct err *err) MUST_USE;
/* It ends; nothing happens if there is none. */
void spawn_helper_stop(void);

#endif

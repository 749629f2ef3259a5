/*
 * Which files a command may touch once it knows its accounts: base/confine.h with the paths of the
 * configuration.
 */
#ifndef CLI_CONFINEMENT_H
#define CLI_CONFINEMENT_H

#include "cli/cli.h"

/* $GODWIT_CONFINE is "off": for debuggers, and for systems where something lies elsewhere. */
bool confinement_is_off(void);
/*
 * Before the first thread. Accounts that start commands get a process for that, which keeps all
 * rights. 0, or -1: the kernel can, and it failed.
 */
int confinement_begin(const struct cli *cli, struct err *err) MUST_USE;
void confinement_end(void);

#endif

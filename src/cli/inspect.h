/*
 * `godwit config --check-server`: what the servers of the accounts show before a login.
 */
#ifndef CLI_INSPECT_H
#define CLI_INSPECT_H

#include "cli/cli.h"

/* Look at the server of every target and print it. Returns the exit status. */
int inspect_servers(const struct cli *cli);

#endif

/*
 * Running sync_account() for all targets at once, with progress and events: what `sync` and `plan`
 * share.
 */
#ifndef CLI_PASSES_H
#define CLI_PASSES_H

#include "cli/cli.h"
#include "sync/sync.h"

/*
 * Run with OPTIONS (its mailboxes are set per target), print events as they happen, then one
 * summary an account. Returns the exit status of all together.
 */
int passes_run(const struct cli *cli, const struct sync_options *options);

/* The same; adds the number of operations that were planned to *OPERATIONS. */
int passes_count(const struct cli *cli, const struct sync_options *options, uint64_t *operations);

#endif

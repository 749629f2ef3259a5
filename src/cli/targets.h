/*
 * From the names on the command line to accounts and mailboxes of the configuration.
 */
#ifndef CLI_TARGETS_H
#define CLI_TARGETS_H

#include "cli/cli.h"

/*
 * Fill CLI's targets from its configuration: every account if COUNT is 0. Several mailboxes of an
 * account become one target; the account's name alone means all of its mailboxes. MAILBOXES:
 * ACCOUNT/MAILBOX is allowed. false: PROBLEM says what is unknown.
 */
bool targets_pick(struct cli *cli, const char *const *words, size_t count, bool mailboxes,
	struct buf *problem) MUST_USE;
void targets_free(struct cli *cli);

/*
 * Run RUN for each of COUNT items (SIZE bytes each, an array at ITEMS), one thread each, and wait
 * for all of them.
 */
void targets_run(void *items, size_t count, size_t size, void (*run)(void *item));

#endif

/*
 * Opening what a pass stands on: state, Maildir root with its marker, login. Internal to sync/.
 */
#ifndef SYNC_OPEN_H
#define SYNC_OPEN_H

#include "sync/pass.h"

/* pass->state and the keywords in it. `plan` of an account that was never synced leaves NULL. */
int pass_open_state(struct pass *pass, struct err *err) MUST_USE;
/*
 * pass->root, if it is the one that the state knows: a root that is missing or has no marker of
 * this account is refused with ERR_CONFLICT, so that an unmounted disk is never taken for
 * deletions; with options->approve the state is set aside instead, and everything is paired anew.
 * So it is, without asking, if the marker is older than the state: a backup was restored.
 * *PASS_NUMBER = number of the last pass, 0: never.
 */
int pass_open_root(struct pass *pass, uint64_t *pass_number, struct err *err) MUST_USE;
/* Only to look: whatever root is there, fd -1 if there is none. */
int pass_open_root_to_list(struct pass *pass, struct err *err) MUST_USE;
/* Has the policy changed since the watermarks were set? Sets pass->void_watermarks. */
int pass_check_policy(struct pass *pass, struct err *err) MUST_USE;
/* The policy as text, appended to OUT. */
void pass_policy_text(const struct pass *pass, struct buf *out);
/* Close and free all of the above, the boxes, keywords and secrets (wiped). */
void pass_close(struct pass *pass);

#endif

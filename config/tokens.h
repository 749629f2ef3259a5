/*
 * The file that holds an account's OAuth tokens: state_dir/NAME/oauth-token, mode 0600, replaced
 * whole. Lines of a word, a blank and a value.
 */
#ifndef CONFIG_TOKENS_H
#define CONFIG_TOKENS_H

#include "base/err.h"

struct tokens {
	char *access, *refresh; /* owned; NULL: none */
	int64_t expires;        /* seconds since 1970: the end of the access token */
};

/* Wait until nobody else looks at the tokens of the account in STATE_DIR, which is made if need be.
 * A descriptor; closing it lets the next one in. -1. */
int tokens_lock(const char *state_dir, struct err *err) MUST_USE;
/* 1: read, 0: there are none, -1. */
int tokens_read(const char *state_dir, struct tokens *out, struct err *err) MUST_USE;
int tokens_write(const char *state_dir, const struct tokens *tokens, struct err *err) MUST_USE;
/* Put TEXT (owned from here on) in place of *FIELD, which is wiped. */
void tokens_set(char **field, char *text);
void tokens_fini(struct tokens *tokens); /* wipes */

#endif

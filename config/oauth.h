/*
 * OAuth 2.0 for an account with auth.oauth: access tokens, refreshed when they run out (RFC 6749),
 * and the first login on a device that has no browser of its own (RFC 8628).
 *
 * All that goes over the network is done by a program of its own, godwit-oauth (folder oauth/), so
 * that the one which syncs holds no HTTP and no JSON. Tokens are kept in
 * state_dir/NAME/oauth-token, which nobody else can read, and are replaced there before they are
 * used.
 */
#ifndef CONFIG_OAUTH_H
#define CONFIG_OAUTH_H

#include "config/config.h"

/* A provider's addresses, for auth.oauth.provider. */
struct oauth_provider {
	const char *name, *token_url, *device_url, *scope;
};
/* NULL: there is none of this NAME. */
const struct oauth_provider *oauth_provider(const char *name);

/*
 * An access token appended to OUT. A stored one, or if that has run out, or ANEW, a fresh one.
 * ERR_AUTH if the user has to log in (again), and the message says with which command; ERR_NET if
 * the provider can't be reached.
 */
int oauth_token(const struct config_account *account, bool anew, unsigned timeout_ms,
	struct buf *out, struct err *err) MUST_USE;

/* A login that waits for the user. Strings are owned and come from the provider: escape them. */
struct oauth_device {
	char *url;         /* to open in a browser */
	char *whole_url;   /* the same with the code in it; NULL: none */
	char *code;        /* to type there */
	char *secret;      /* the provider's name for this login */
	unsigned interval; /* seconds between two polls */
	unsigned life;     /* seconds until it is void */
};
/* Ask the provider for a code. */
int oauth_device_begin(
	const struct config_account *account, struct oauth_device *out, struct err *err) MUST_USE;
/* Has the user agreed? 1: the tokens are stored; 0: not yet, ask again after DEVICE->interval; -1:
 * refused (ERR_AUTH) or trouble. */
int oauth_device_poll(const struct config_account *account, struct oauth_device *device,
	struct err *err) MUST_USE;
void oauth_device_fini(struct oauth_device *device); /* wipes */

#endif

/*
 * The way to an account's server: addresses, TLS, who we are. Shared by the account's connections.
 */
#ifndef SYNC_ACCESS_H
#define SYNC_ACCESS_H

#include <pthread.h>

#include "config/config.h"
#include "imap/imap.h"

struct access {
	const struct config_account *account; /* borrowed */
	struct net_options net_options;
	struct net_context *net;
	_Atomic unsigned refused; /* see struct imap_login */
	bool open;
	pthread_mutex_t lock; /* guards the rest */
	struct buf secret;    /* password or token */
	int64_t renewed;      /* clock_ms() when it was fetched from where it comes from; 0: not */
};

/* What the configuration says, in the words of net/. Borrows from ACCOUNT. */
struct net_options access_net_options(const struct config_account *account);
/* Who we are, with SECRET (password or token by the configuration; NULL: none). Borrows from both.
 */
struct imap_login access_login(const struct config_account *account, const char *secret);
/* TLS context and secret. */
int access_open(
	struct access *access, const struct config_account *account, struct err *err) MUST_USE;
/*
 * imap_open() with KEYWORDS as connection NUMBER. A token that the server refuses is fetched anew
 * once: it may have run out, or was taken back, since the pass began.
 */
int access_connect(struct access *access, struct keywords *keywords, unsigned number,
	struct imap **out, struct err *err) MUST_USE;
void access_close(struct access *access); /* wipes; also what was never opened ({0}) */

#endif

#include "sync/access.h"

#include "base/log.h"
#include "base/thread.h"
#include "config/oauth.h"

#define TOKEN_FRESH_MS 60000 /* a command that just ran would print the same token again */

struct net_options access_net_options(const struct config_account *a)
{
	static const enum net_tls tls[] = {
		[CONFIG_TLS_IMPLICIT] = NET_TLS_IMPLICIT,
		[CONFIG_TLS_STARTTLS] = NET_TLS_STARTTLS,
		[CONFIG_TLS_NONE] = NET_TLS_NONE,
	};

	return (struct net_options){
		.host = a->host,
		.port = a->port,
		.tls = tls[a->tls],
		.ca_file = a->ca_file,
		.pins = a->pins.items,
		.pin_count = a->pins.count,
		.client_cert = a->client_cert,
		.client_key = a->client_key,
		.tunnel = a->tunnel.count ? a->tunnel.items : NULL,
		.timeout_ms = a->timeout_ms,
	};
}

struct imap_login access_login(const struct config_account *a, const char *secret)
{
	bool token = config_secret_is_token(a);

	return (struct imap_login){
		.user = a->user,
		.password = token ? NULL : secret,
		.token = token ? secret : NULL,
		.mechanisms = a->mechanisms.items,
		.mechanism_count = a->mechanisms.count,
		.certificate = a->client_cert != NULL,
	};
}

int access_open(struct access *access, const struct config_account *account, struct err *err)
{
	access->account = account;
	access->net_options = access_net_options(account);
	access->open = true;
	mutex_init(&access->lock);
	if (!(access->net = net_context_new(&access->net_options, err)))
		return config_locate(account, account->place, err);
	if (account->secret_kind == CONFIG_SECRET_NONE)
		return 0;
	/* A stored OAuth token may be old, everything else is as new as can be. */
	access->renewed = account->secret_kind == CONFIG_SECRET_OAUTH ? 0 : clock_ms();
	return config_secret_get(account, account->timeout_ms, &access->secret, err);
}

void access_close(struct access *access)
{
	if (!access->open)
		return;
	net_context_free(access->net);
	buf_wipe(&access->secret);
	mutex_fini(&access->lock);
	access->open = false;
}

static void copy_secret(struct access *access, struct buf *out)
{
	mutex_lock(&access->lock);
	buf_clear(out);
	buf_add_slice(out, buf_slice(&access->secret));
	mutex_unlock(&access->lock);
}

static int connect_with(struct access *access, const struct buf *secret, struct keywords *keywords,
	unsigned number, struct imap **out, struct err *err)
{
	const struct config_account *a = access->account;
	const char *text = a->secret_kind == CONFIG_SECRET_NONE ? NULL
			   : secret->data                       ? secret->data
								: "";
	struct imap_login login = access_login(a, text);
	login.refused = &access->refused;
	struct imap_options options = {
		.net = access->net,
		.net_options = &access->net_options,
		.login = &login,
		.keywords = keywords,
		.quirks = a->quirks.items,
		.quirk_count = a->quirks.count,
		.number = number,
	};

	return imap_open(out, &options, err) == 0 ? 0 : config_locate(a, a->place, err);
}

static int fetch_anew(struct access *access, struct err *err)
{
	const struct config_account *a = access->account;
	struct buf secret = {0};
	int rc;

	if (access->renewed != 0 && clock_ms() - access->renewed < TOKEN_FRESH_MS)
		return 0;
	access->renewed = clock_ms();
	rc = a->secret_kind == CONFIG_SECRET_OAUTH
		     ? oauth_token(a, true, a->timeout_ms, &secret, err)
		     : config_secret_get(a, a->timeout_ms, &secret, err);
	if (rc != 0) {
		buf_wipe(&secret);
		return a->secret_kind == CONFIG_SECRET_OAUTH
			       ? config_locate(a, a->secret_place, err)
			       : -1;
	}
	buf_wipe(&access->secret);
	access->secret = secret;
	return 1;
}

/* The server refused USED. 1: there is another one now; 0: there is none; -1. */
static int renew(struct access *access, const struct buf *used, struct err *err)
{
	int rc;

	if (!config_secret_is_token(access->account))
		return 0;
	mutex_lock(&access->lock);
	/* Another connection may have been here before us. */
	rc = slice_eq(buf_slice(used), buf_slice(&access->secret)) ? fetch_anew(access, err) : 1;
	mutex_unlock(&access->lock);
	return rc;
}

int access_connect(struct access *access, struct keywords *keywords, unsigned number,
	struct imap **out, struct err *err)
{
	struct buf secret = {0};
	struct err e = {0};
	int rc, renewed = 0;

	copy_secret(access, &secret);
	rc = connect_with(access, &secret, keywords, number, out, err);
	if (rc != 0 && err->kind == ERR_AUTH)
		renewed = renew(access, &secret, &e);
	if (renewed < 0)
		*err = e;
	if (renewed > 0) {
		log_debug(LOG_NET, "%s; with a new token once more", err->msg);
		err_clear(err);
		copy_secret(access, &secret);
		rc = connect_with(access, &secret, keywords, number, out, err);
	}
	buf_wipe(&secret);
	return rc;
}

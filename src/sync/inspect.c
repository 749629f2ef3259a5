/*
 * `config --check-server`: what a server shows before any login. Asks for no secret.
 */
#include "config/config.h"
#include "sync/access.h"
#include "sync/sync.h"

int sync_inspect(const struct config_account *account, struct sync_inspection *out, struct err *err)
{
	struct net_options net = access_net_options(account);
	/* As if the secret were there: only which mechanism it would be for matters. */
	struct imap_login login =
		access_login(account, account->secret_kind == CONFIG_SECRET_NONE ? NULL : "");
	struct net_context *context = net_context_new(&net, err);
	struct imap_options options = {
		.net = context,
		.net_options = &net,
		.login = &login,
		.quirks = account->quirks.items,
		.quirk_count = account->quirks.count,
		.keywords = keywords_new(),
		.number = 1,
	};
	int rc = -1;

	*out = (struct sync_inspection){0};
	if (context) {
		net_context_watch(context, &out->peer);
		rc = imap_look(&options, &out->offer, err);
	}
	if (rc != 0)
		config_locate(account, account->place, err);
	net_context_free(context);
	keywords_free(options.keywords);
	return rc;
}

void sync_inspection_fini(struct sync_inspection *inspection)
{
	net_peer_fini(&inspection->peer);
	buf_fini(&inspection->offer.mechanisms);
	buf_fini(&inspection->offer.capabilities);
	buf_fini(&inspection->offer.name);
	buf_fini(&inspection->offer.vendor);
}

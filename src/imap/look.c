/*
 * A look at a server before any login, for people who set up an account.
 */
#include "base/log.h"
#include "imap/login.h"

/* A server that ends the connection for it has shown all else before. */
static void ask_who(struct imap *imap, struct imap_offer *out)
{
	struct err err = {0};

	if (login_ask_id(imap, &err) < 0)
		log_debug(LOG_IMAP, "no answer to ID: %s", err.msg);
	buf_add_slice(&out->name, buf_slice(&imap->name));
	buf_add_slice(&out->vendor, buf_slice(&imap->vendor));
	out->profile = imap_profile(imap);
}

static void fill(const struct imap *imap, const struct imap_options *options, int logged_in,
	struct imap_offer *out)
{
	const struct mechanism *choice = logged_in ? NULL : login_choice(imap, options);

	mechanism_names(imap->capabilities.mechanisms, &out->mechanisms);
	for (unsigned c = 0; c < IMAP_CAP_COUNT; c++) {
		if (imap_can(imap, (enum imap_capability)c))
			buf_addf(&out->capabilities, "%s\n",
				imap_capability_name((enum imap_capability)c));
	}
	out->choice = logged_in ? "PREAUTH" : choice ? choice->name : NULL;
}

int imap_look(const struct imap_options *options, struct imap_offer *out, struct err *err)
{
	struct stream *stream;
	struct imap *imap;
	int rc;

	if (net_dial(options->net, &stream, err) < 0)
		return -1;
	imap = connection_new(options, stream);
	rc = login_begin(imap, options, err);
	if (rc >= 0) {
		fill(imap, options, rc, out);
		ask_who(imap, out);
		imap_logout(imap);
	}
	imap_close(imap);
	return rc < 0 ? -1 : 0;
}

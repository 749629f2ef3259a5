/*
 * Strongest first, and no downgrade behind the user's back.
 *
 * What a server announces is said before anybody has proved anything. Whoever stands between us
 * with a certificate that we trust can take words out of the list, or refuse what is strong in the
 * hope of something weaker. The rules against that:
 *
 * 1. Without TLS nothing that shows the secret is sent, unless the connection stays on this
 *    machine, or the user named that very mechanism in auth.mechanisms.
 * 2. SCRAM bound to TLS (-PLUS) is used wherever both sides have it: by RFC 9266's exporter on TLS
 *    1.3, and if the server refuses that by the older "tls-unique", the only one that Cyrus 3.6
 *    knows. If it refuses after both have shown what they bind to, that is what a man in the middle
 *    looks like: the end. If it refuses our very first word, it can't do what it announces (GNU
 *    mailutils): the same SCRAM is tried without, once and with a warning. Who enforces that in the
 *    middle is where he would be had he taken -PLUS out of the list, and he never sees the
 *    password: what began with -PLUS never ends with PLAIN. auth.mechanisms: [SCRAM-SHA-256-PLUS]
 *    allows nothing else. (SCRAM could tell the server under the password's seal that we were ready
 *    to bind, the "y" of RFC 5802; GNU SASL can't send it.)
 * 3. SCRAM and CRAM-MD5 need the password in a form which many servers announce and do not hold
 *    for every user, so a right password would be refused, and nobody could log in without knowing
 *    about SASL. Then, and only through verified TLS, where PLAIN would have been right in the
 *    first place, PLAIN (or LOGIN) is tried once, with a warning that says how to settle it. Not
 *    if auth.mechanisms has no PLAIN, and not if the server said something else than "wrong user
 *    or password".
 *
 * Rejected: trying every weaker mechanism in turn. Each refusal counts with programs that lock out
 * who guesses passwords; a store that can't do SCRAM-SHA-256 rarely does SCRAM-SHA-1.
 *
 * DIGEST-MD5 is obsolete (RFC 6331) and only used when named, GSSAPI needs a ticket and is
 * announced by servers that have no key, so it has to be named, too.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "imap/mechanism.h"

enum {
	SCRAM = MECHANISM_DEFAULT | MECHANISM_CLIENT_FIRST | MECHANISM_MUTUAL,
	CLEAR = MECHANISM_DEFAULT | MECHANISM_CLEAR,
};

/* Strongest first. */
static const struct mechanism mechanisms[] = {
	{"EXTERNAL", SECRET_CERTIFICATE, MECHANISM_DEFAULT | MECHANISM_CLIENT_FIRST},
	{"GSSAPI", SECRET_TICKET, MECHANISM_CLIENT_FIRST | MECHANISM_MUTUAL},
	{"SCRAM-SHA-256-PLUS", SECRET_PASSWORD, SCRAM | MECHANISM_BOUND},
	{"SCRAM-SHA-1-PLUS", SECRET_PASSWORD, SCRAM | MECHANISM_BOUND},
	{"SCRAM-SHA-256", SECRET_PASSWORD, SCRAM},
	{"SCRAM-SHA-1", SECRET_PASSWORD, SCRAM},
	{"CRAM-MD5", SECRET_PASSWORD, MECHANISM_DEFAULT},
	{"DIGEST-MD5", SECRET_PASSWORD, MECHANISM_MUTUAL},
	{"OAUTHBEARER", SECRET_TOKEN, CLEAR | MECHANISM_CLIENT_FIRST},
	{"XOAUTH2", SECRET_TOKEN, CLEAR | MECHANISM_CLIENT_FIRST},
	{"PLAIN", SECRET_PASSWORD, CLEAR | MECHANISM_CLIENT_FIRST},
	{"LOGIN", SECRET_PASSWORD, CLEAR | MECHANISM_COMMAND},
	{"LOGIN", SECRET_PASSWORD, CLEAR},
};

static_assert(COUNT_OF(mechanisms) <= 64, "mechanisms have to fit into a machine word");

static bool is_called(const struct mechanism *m, struct slice name)
{
	return slice_eq_nocase(name, slice_str(m->name));
}

uint64_t mechanism_bits(struct slice name)
{
	uint64_t bits = 0;

	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		if (is_called(&mechanisms[i], name))
			bits |= UINT64_C(1) << i;
	}
	return bits;
}

void mechanism_names(uint64_t bits, struct buf *out)
{
	size_t start = out->len;

	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		bool again = i > 0 && strcmp(mechanisms[i].name, mechanisms[i - 1].name) == 0;

		if (again || !(bits >> i & 1))
			continue;
		buf_addf(out, "%s%s", out->len > start ? " " : "", mechanisms[i].name);
	}
}

/* ---- usable ---- */

static bool has_secret(const struct imap_login *login, const struct mechanism *m)
{
	switch (m->secret) {
	case SECRET_PASSWORD:
		return login->password != NULL;
	case SECRET_TOKEN:
		return login->token != NULL;
	case SECRET_CERTIFICATE:
		/* Beside a password the certificate may be there for TLS alone. */
		return login->mechanism_count > 0 ||
		       (login->certificate && !login->password && !login->token);
	case SECRET_TICKET:
		return true;
	}
	return false;
}

static bool is_offered(const struct mechanism_offer *offer, const struct mechanism *m)
{
	if (m->traits & MECHANISM_COMMAND)
		return !offer->login_disabled;
	return offer->announced >> (m - mechanisms) & 1;
}

static bool is_named(const struct imap_login *login, const struct mechanism *m)
{
	for (size_t i = 0; i < login->mechanism_count; i++) {
		if (is_called(m, slice_str(login->mechanisms[i])))
			return true;
	}
	return false;
}

static bool is_allowed(const struct imap_login *login, const struct mechanism *m)
{
	return login->mechanism_count ? is_named(login, m) : m->traits & MECHANISM_DEFAULT;
}

/* May the secret go over this connection by M? */
static bool is_safe(const struct mechanism_offer *offer, const struct mechanism *m)
{
	return !(m->traits & MECHANISM_CLEAR) || offer->encrypted || offer->private ||
	       is_named(offer->login, m);
}

static bool is_usable(const struct mechanism_offer *offer, const struct mechanism *m)
{
	return has_secret(offer->login, m) && is_offered(offer, m) && is_safe(offer, m) &&
	       (offer->binding || !(m->traits & MECHANISM_BOUND));
}

/* ---- the choice ---- */

/* The strongest that is allowed; NAME: only under that name. */
static const struct mechanism *find_usable(const struct mechanism_offer *offer, const char *name)
{
	for (size_t i = 0; i < COUNT_OF(mechanisms); i++) {
		const struct mechanism *m = &mechanisms[i];

		if ((!name || is_called(m, slice_str(name))) && is_allowed(offer->login, m) &&
			is_usable(offer, m))
			return m;
	}
	return NULL;
}

const struct mechanism *mechanism_choose(const struct mechanism_offer *offer)
{
	const struct imap_login *login = offer->login;
	const struct mechanism *found = NULL;

	if (login->mechanism_count == 0)
		return find_usable(offer, NULL);
	for (size_t i = 0; i < login->mechanism_count && !found; i++)
		found = find_usable(offer, login->mechanisms[i]);
	return found;
}

/* SCRAM-SHA-256 for SCRAM-SHA-256-PLUS. */
static const struct mechanism *find_unbound(
	const struct mechanism_offer *offer, const struct mechanism *bound)
{
	char name[32];

	snprintf(name, sizeof(name), "%.*s", (int)(strlen(bound->name) - strlen("-PLUS")),
		bound->name);
	return find_usable(offer, name);
}

const struct mechanism *mechanism_after(
	const struct mechanism_offer *offer, const struct mechanism *refused)
{
	const struct mechanism *found;

	if (!offer->encrypted || refused->secret != SECRET_PASSWORD ||
		refused->traits & MECHANISM_CLEAR)
		return NULL;
	if (refused->traits & MECHANISM_BOUND)
		return find_unbound(offer, refused);
	found = find_usable(offer, "PLAIN");
	return found ? found : find_usable(offer, "LOGIN");
}

bool mechanism_only_in_clear(const struct mechanism_offer *offer)
{
	struct mechanism_offer as_if = *offer;

	as_if.private = true;
	return !mechanism_choose(offer) && mechanism_choose(&as_if);
}

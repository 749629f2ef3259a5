/*
 * The door to GNU SASL.
 */
#include <gsasl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "imap/sasl.h"
#include "model/digest.h"

#define CHALLENGE_MAX (64 * 1024)
#define STEPS_MAX 10
#define ITERATIONS_MIN 4096    /* SCRAM: fewer make the password easy to guess (RFC 7677) */
#define ITERATIONS_MAX 1000000 /* ... and more would let a server keep us busy for minutes */
#define COMPLAINT_MAX 300      /* octets of OAuth's error that are shown */

struct sasl {
	Gsasl *library; /* NULL: an OAuth mechanism */
	Gsasl_session *session;
	const struct imap_login *login;
	bool scram;
	bool sha256;      /* SCRAM: the hash; else SHA-1 */
	bool oauthbearer; /* else XOAUTH2 */
	unsigned steps;
	bool done;
	char complaint[COMPLAINT_MAX * 4 + 1];
};

static int failed(int rc, struct err *err)
{
	return err_set(err, ERR_AUTH, "login failed: %s", gsasl_strerror(rc));
}

/* What the connection can be tied to, for SCRAM: RFC 9266's kind, or the older one. */
static int set_binding(struct sasl *sasl, const struct net_binding *binding)
{
	static const Gsasl_property properties[] = {
		[NET_BINDING_EXPORTER] = GSASL_CB_TLS_EXPORTER,
		[NET_BINDING_UNIQUE] = GSASL_CB_TLS_UNIQUE,
	};
	char *text = NULL;
	int rc;

	if (!binding)
		return GSASL_OK;
	rc = gsasl_base64_to((const char *)binding->data, binding->n, &text, NULL);
	if (rc != GSASL_OK)
		return rc;
	rc = gsasl_property_set(sasl->session, properties[binding->kind], text);
	gsasl_free(text);
	return rc;
}

/* What mechanisms ask for; which of them do, the library knows. */
static int set_properties(struct sasl *sasl, const struct sasl_setup *setup)
{
	const struct {
		Gsasl_property property;
		const char *value;
	} rows[] = {
		{GSASL_AUTHID, setup->login->user},
		{GSASL_PASSWORD, setup->login->password},
		{GSASL_SERVICE, "imap"},
		{GSASL_HOSTNAME, setup->host ? setup->host : "localhost"},
	};
	bool external = strcmp(setup->mechanism, "EXTERNAL") == 0;
	int rc = set_binding(sasl, setup->binding);

	/* EXTERNAL: the certificate says who we are. GSSAPI: the ticket does, and the user is whose
	 * mail we want. */
	for (size_t i = 0; i < COUNT_OF(rows) && rc == GSASL_OK && !external; i++) {
		if (rows[i].value)
			rc = gsasl_property_set(sasl->session, rows[i].property, rows[i].value);
	}
	return rc;
}

static int start_session(struct sasl *sasl, const struct sasl_setup *setup, struct err *err)
{
	int rc = gsasl_init(&sasl->library);

	if (rc != GSASL_OK) {
		sasl->library = NULL;
		return failed(rc, err);
	}
	rc = gsasl_client_start(sasl->library, setup->mechanism, &sasl->session);
	if (rc != GSASL_OK) {
		sasl->session = NULL;
		return err_set(err, ERR_AUTH, "login with %s is not possible here: %s",
			setup->mechanism, gsasl_strerror(rc));
	}
	rc = set_properties(sasl, setup);
	return rc == GSASL_OK ? 0 : failed(rc, err);
}

int sasl_open(struct sasl **out, const struct sasl_setup *setup, struct err *err)
{
	struct sasl *sasl = xcalloc(1, sizeof(*sasl));
	int rc = 0;

	sasl->login = setup->login;
	sasl->scram = strncmp(setup->mechanism, "SCRAM-", 6) == 0;
	sasl->sha256 = strncmp(setup->mechanism, "SCRAM-SHA-256", 13) == 0;
	sasl->oauthbearer = strcmp(setup->mechanism, "OAUTHBEARER") == 0;
	if (!sasl->oauthbearer && strcmp(setup->mechanism, "XOAUTH2") != 0)
		rc = start_session(sasl, setup, err);
	if (rc < 0) {
		sasl_close(sasl);
		sasl = NULL;
	}
	*out = sasl;
	return rc;
}

/* ---- OAuth: RFC 7628, and Google's older form ---- */

/* RFC 5801: ',' and '=' can't stand in a GS2 header. */
static void add_saslname(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == ',')
			buf_add_str(out, "=2C");
		else if (*s == '=')
			buf_add_str(out, "=3D");
		else
			buf_add_char(out, *s);
	}
}

static int add_base64(const struct buf *plain, struct buf *out, struct err *err)
{
	char *text = NULL;
	size_t n = 0;
	int rc = gsasl_base64_to(plain->data, plain->len, &text, &n);

	if (rc != GSASL_OK)
		return failed(rc, err);
	buf_add(out, text, n);
	explicit_bzero(text, n);
	gsasl_free(text);
	return 0;
}

/* Keep what the server has against our token, unless it repeats the token. */
static void take_complaint(struct sasl *sasl, const char *challenge)
{
	struct err escaped = {0};
	char *plain = NULL;
	size_t n = 0;

	if (gsasl_base64_from(challenge, strlen(challenge), &plain, &n) != GSASL_OK)
		return;
	if (!memmem(plain, n, sasl->login->token, strlen(sasl->login->token))) {
		err_server(&escaped, plain, n < COMPLAINT_MAX ? n : COMPLAINT_MAX);
		snprintf(sasl->complaint, sizeof(sasl->complaint), "%s", escaped.server);
	}
	gsasl_free(plain);
}

static int oauth_step(struct sasl *sasl, const char *challenge, struct buf *out, struct err *err)
{
	struct buf plain = {0};
	int rc;

	/* A second challenge holds an error in JSON: an empty answer makes the server say NO. */
	if (sasl->steps > 1) {
		take_complaint(sasl, challenge);
		if (sasl->oauthbearer)
			buf_add_str(out, "AQ==");
		return 0;
	}
	if (sasl->oauthbearer) {
		buf_add_str(&plain, "n,a=");
		add_saslname(&plain, sasl->login->user);
		buf_add_str(&plain, ",");
	} else {
		buf_addf(&plain, "user=%s", sasl->login->user);
	}
	buf_addf(&plain, "\001auth=Bearer %s\001\001", sasl->login->token);
	rc = add_base64(&plain, out, err);
	buf_wipe(&plain);
	sasl->done = true;
	return rc;
}

/* ---- all others ---- */

/* The digits from P on as a number; ITERATIONS_MAX + 1 if it is larger than that. */
static unsigned long read_iterations(const char *p, const char *end)
{
	unsigned long n = 0;

	for (; p < end && *p >= '0' && *p <= '9' && n <= ITERATIONS_MAX; p++)
		n = n * 10 + (unsigned long)(*p - '0');
	return n <= ITERATIONS_MAX ? n : ITERATIONS_MAX + 1;
}

static int check_iterations(unsigned long rounds, struct err *err)
{
	if (rounds > ITERATIONS_MAX)
		return err_set(err, ERR_AUTH,
			"login failed: the server wants more than %d SCRAM rounds", ITERATIONS_MAX);
	if (rounds < ITERATIONS_MIN)
		return err_set(err, ERR_AUTH,
			"login failed: the server wants %lu SCRAM rounds; fewer than %d do not "
			"protect the password",
			rounds, ITERATIONS_MIN);
	return 0;
}

/* The library's property for the password salted so and so: hexadecimal. An odd one (the library
 * has the last word about what it takes) is just not set. */
static void set_salted(struct sasl *sasl, struct slice salt64, unsigned rounds)
{
	uint8_t salted[STRETCHED_SIZE];
	char hex[2 * STRETCHED_SIZE + 1];
	char *password = NULL, *salt = NULL;
	size_t n = 0;

	if (gsasl_saslprep(sasl->login->password, 0, &password, NULL) == GSASL_OK &&
		gsasl_base64_from(salt64.p, salt64.n, &salt, &n) == GSASL_OK && n > 0) {
		size_t size = digest_stretch(
			sasl->sha256, password, (struct slice){salt, n}, rounds, salted);
		for (size_t i = 0; i < size; i++)
			snprintf(hex + 2 * i, 3, "%02x", salted[i]);
		if (gsasl_property_set(sasl->session, GSASL_SCRAM_SALTED_PASSWORD, hex) != GSASL_OK)
			log_debug(LOG_IMAP, "the salted password is left to the library");
	}
	if (password)
		explicit_bzero(password, strlen(password));
	gsasl_free(password);
	gsasl_free(salt);
	explicit_bzero(salted, sizeof(salted));
	explicit_bzero(hex, sizeof(hex));
}

/*
 * SCRAM's first challenge is "r=...,s=...,i=N". Some thousand rounds of a hash are most of what a
 * pass with nothing to do computes, and OpenSSL's are ten times as fast as the library's.
 */
static int read_challenge(struct sasl *sasl, const struct buf *challenge, struct err *err)
{
	const char *end = challenge->data + challenge->len;
	const char *i = challenge->len ? memmem(challenge->data, challenge->len, ",i=", 3) : NULL;
	const char *s = i ? memmem(challenge->data, (size_t)(i - challenge->data), ",s=", 3) : NULL;
	unsigned long rounds = i ? read_iterations(i + 3, end) : ITERATIONS_MIN;

	if (check_iterations(rounds, err) < 0)
		return -1;
	if (s && sasl->login->password)
		set_salted(sasl, (struct slice){s + 3, (size_t)(i - s) - 3}, (unsigned)rounds);
	return 0;
}

/* OUT is ended by a NUL behind its last octet: GNU SASL 2.2's DIGEST-MD5 reads one too many, so
 * gsasl_step64(), which hands it a copy that is not, must not be used. */
static int decode(const char *text, struct buf *out, struct err *err)
{
	char *plain = NULL;
	size_t n = 0;

	if (gsasl_base64_from(text, strlen(text), &plain, &n) != GSASL_OK)
		return err_set(err, ERR_AUTH, "login failed: the server's challenge is not base64");
	buf_room(out, n + 1);
	buf_add(out, plain, n);
	gsasl_free(plain);
	return 0;
}

static int library_step(struct sasl *sasl, const char *challenge, struct buf *out, struct err *err)
{
	struct buf plain = {0}, reply = {0};
	char *answer = NULL;
	size_t n = 0;
	int rc;

	if (decode(challenge, &plain, err) < 0 ||
		(sasl->scram && read_challenge(sasl, &plain, err) < 0)) {
		buf_fini(&plain);
		return -1;
	}
	rc = gsasl_step(sasl->session, plain.data, plain.len, &answer, &n);
	buf_fini(&plain);
	if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
		return failed(rc, err);
	sasl->done = rc == GSASL_OK;
	buf_room(&reply, n); /* grows no more: no copy stays behind */
	buf_add(&reply, answer, n);
	if (answer)
		explicit_bzero(answer, n);
	gsasl_free(answer);
	rc = n > 0 ? add_base64(&reply, out, err) : 0;
	buf_wipe(&reply);
	return rc;
}

int sasl_step(struct sasl *sasl, struct slice challenge, struct buf *out, struct err *err)
{
	char *text;
	int rc;

	if (challenge.n > CHALLENGE_MAX)
		return err_set(err, ERR_AUTH, "login failed: the server's challenge is too long");
	if (++sasl->steps > STEPS_MAX)
		return err_set(err, ERR_AUTH, "login failed: the server asks without end");
	if (sasl->library && sasl->done) /* the server's last word was checked already; it waits for
					    an empty line */
		return 0;
	text = xstrndup(challenge.p ? challenge.p : "", challenge.n);
	rc = sasl->library ? library_step(sasl, text, out, err) : oauth_step(sasl, text, out, err);
	free(text);
	return rc;
}

bool sasl_done(const struct sasl *sasl)
{
	return sasl->done;
}

unsigned sasl_steps(const struct sasl *sasl)
{
	return sasl->steps;
}

const char *sasl_complaint(const struct sasl *sasl)
{
	return sasl->complaint;
}

/* The library frees its copies as they are. What is wiped here is ours to change: only the door
 * calls it const. */
static void wipe_property(Gsasl_session *session, Gsasl_property property)
{
	char *copy = (char *)(uintptr_t)gsasl_property_fast(session, property);

	if (copy)
		explicit_bzero(copy, strlen(copy));
}

void sasl_close(struct sasl *sasl)
{
	if (!sasl)
		return;
	if (sasl->session) {
		wipe_property(sasl->session, GSASL_PASSWORD);
		wipe_property(sasl->session, GSASL_SCRAM_SALTED_PASSWORD);
		gsasl_finish(sasl->session);
	}
	if (sasl->library)
		gsasl_done(sasl->library);
	free(sasl);
}

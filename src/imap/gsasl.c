/*
 * The door to GNU SASL.
 */
#include <gsasl.h>
#include <stdlib.h>
#include <string.h>
#include "imap/sasl.h"

#define CHALLENGE_MAX (64 * 1024)
#define STEPS_MAX 10
#define ITERATIONS_MAX 1000000 /* SCRAM: a server may not keep us busy for minutes */

struct sasl {
	Gsasl *library; /* NULL: an OAuth mechanism */
	Gsasl_session *session;
	const struct imap_login *login;
	bool oauthbearer; /* else XOAUTH2 */
	unsigned steps;
	bool done;
};

static int failed(int rc, struct err *err)
{
	return err_set(err, ERR_AUTH, "login failed: %s", gsasl_strerror(rc));
}

static int start_session(struct sasl *sasl, const char *mechanism, struct err *err)
{
	int rc = gsasl_init(&sasl->library);

	if (rc != GSASL_OK) {
		sasl->library = NULL;
		return failed(rc, err);
	}
	rc = gsasl_client_start(sasl->library, mechanism, &sasl->session);
	if (rc != GSASL_OK) {
		sasl->session = NULL;
		return err_set(err, ERR_AUTH, "login with %s is not possible here: %s", mechanism,
			gsasl_strerror(rc));
	}
	if (strcmp(mechanism, "EXTERNAL") != 0)
		rc = gsasl_property_set(sasl->session, GSASL_AUTHID, sasl->login->user);
	if (rc == GSASL_OK && sasl->login->password)
		rc = gsasl_property_set(sasl->session, GSASL_PASSWORD, sasl->login->password);
	return rc == GSASL_OK ? 0 : failed(rc, err);
}

int sasl_open(
	struct sasl **out, const char *mechanism, const struct imap_login *login, struct err *err)
{
	struct sasl *sasl = xcalloc(1, sizeof(*sasl));
	int rc = 0;

	sasl->login = login;
	sasl->oauthbearer = strcmp(mechanism, "OAUTHBEARER") == 0;
	if (!sasl->oauthbearer && strcmp(mechanism, "XOAUTH2") != 0)
		rc = start_session(sasl, mechanism, err);
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

static int oauth_step(struct sasl *sasl, struct buf *out, struct err *err)
{
	struct buf plain = {0};
	int rc;

	/* The second challenge holds an error in JSON: an empty answer makes the server say NO. */
	if (sasl->steps > 1) {
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

/* Is the number at P not above ITERATIONS_MAX? */
static bool are_few(const char *p, const char *end)
{
	unsigned long n = 0;

	for (; p < end && *p >= '0' && *p <= '9' && n <= ITERATIONS_MAX; p++)
		n = n * 10 + (unsigned long)(*p - '0');
	return n <= ITERATIONS_MAX;
}

/* SCRAM's first challenge is "r=...,s=...,i=N". */
static int check_iterations(const char *challenge, struct err *err)
{
	char *plain = NULL, *i;
	size_t n = 0;
	int rc = 0;

	if (gsasl_base64_from(challenge, strlen(challenge), &plain, &n) != GSASL_OK)
		return err_set(err, ERR_AUTH, "login failed: the server's challenge is not base64");
	i = n ? memmem(plain, n, ",i=", 3) : NULL;
	if (i && !are_few(i + 3, plain + n))
		rc = err_set(err, ERR_AUTH,
			"login failed: the server wants more than %d SCRAM rounds", ITERATIONS_MAX);
	gsasl_free(plain);
	return rc;
}

static int library_step(struct sasl *sasl, const char *challenge, struct buf *out, struct err *err)
{
	char *answer = NULL;
	int rc;

	if (challenge[0] && check_iterations(challenge, err) < 0)
		return -1;
	rc = gsasl_step64(sasl->session, challenge, &answer);
	if (rc != GSASL_OK && rc != GSASL_NEEDS_MORE)
		return failed(rc, err);
	sasl->done = rc == GSASL_OK;
	if (answer) {
		buf_add_str(out, answer);
		explicit_bzero(answer, strlen(answer));
		gsasl_free(answer);
	}
	return 0;
}

int sasl_step(struct sasl *sasl, struct slice challenge, struct buf *out, struct err *err)
{
	char *text;
	int rc;

	if (challenge.n > CHALLENGE_MAX)
		return err_set(err, ERR_AUTH, "login failed: the server's challenge is too long");
	if (++sasl->steps > STEPS_MAX)
		return err_set(err, ERR_AUTH, "login failed: the server asks without end");
	if (!sasl->library)
		return oauth_step(sasl, out, err);
	if (sasl->done) /* the server's last word was checked already; it waits for an empty line */
		return 0;
	text = xstrndup(challenge.p ? challenge.p : "", challenge.n);
	rc = library_step(sasl, text, out, err);
	free(text);
	return rc;
}

bool sasl_done(const struct sasl *sasl)
{
	return sasl->done;
}

void sasl_close(struct sasl *sasl)
{
	if (!sasl)
		return;
	if (sasl->session)
		gsasl_finish(sasl->session);
	if (sasl->library)
		gsasl_done(sasl->library);
	free(sasl);
}

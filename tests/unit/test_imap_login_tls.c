/*
 * Logins through real TLS, against a server in a thread of this program whose SCRAM is GNU SASL's:
 * what is bound to the connection (RFC 9266, RFC 5929), what a man in the middle looks like, and
 * what is tried after a refusal.
 */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#undef ERR_STATE

#include <gsasl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "imap/imap.h"
#include "net/pin.h"

enum ability {
	EXPORTER = 1 << 0, /* knows RFC 9266's binding */
	UNIQUE = 1 << 1,   /* knows the older one */
	MIDDLE = 1 << 2,   /* both are of another connection */
	SCRAM = 1 << 3,    /* takes SCRAM without a binding */
	PLAIN = 1 << 4,    /* takes PLAIN */
	BUSY = 1 << 5,     /* what is refused is refused with [UNAVAILABLE] */
	HANG_UP = 1 << 6,  /* cuts the connection after a refusal */
	RESUMED = 1 << 7,  /* the connection that counts is the second one, its session resumed */
	PREPARED = 1 << 8, /* knows the password as SASLprep makes it from ours (RFC 4013) */
};

static const struct row {
	const char *name;
	const char *auth;      /* what the server announces */
	int tls;               /* version */
	unsigned server;       /* bits of enum ability */
	const char *mechanism; /* auth.mechanisms; NULL: none named */
	const char *tried;     /* the server saw these */
	enum err_kind kind;    /* ERR_NONE: the login works */
	bool warned;
} rows[] = {
	{"bound, TLS 1.3", "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", TLS1_3_VERSION, EXPORTER, NULL,
		"SCRAM-SHA-256-PLUS", ERR_NONE, false},
	{"bound, TLS 1.2", "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", TLS1_2_VERSION, UNIQUE, NULL,
		"SCRAM-SHA-256-PLUS", ERR_NONE, false},
	{"bound, TLS 1.3, resumed", "SCRAM-SHA-256-PLUS", TLS1_3_VERSION, EXPORTER | RESUMED, NULL,
		"SCRAM-SHA-256-PLUS", ERR_NONE, false},
	{"bound, TLS 1.2, resumed", "SCRAM-SHA-256-PLUS", TLS1_2_VERSION, UNIQUE | RESUMED, NULL,
		"SCRAM-SHA-256-PLUS", ERR_NONE, false},
	{"a password to be prepared, SHA-256", "SCRAM-SHA-256", TLS1_3_VERSION, SCRAM | PREPARED,
		NULL, "SCRAM-SHA-256", ERR_NONE, false},
	{"a password to be prepared, SHA-1", "SCRAM-SHA-1", TLS1_3_VERSION, SCRAM | PREPARED, NULL,
		"SCRAM-SHA-1", ERR_NONE, false},
	{"the stronger of two", "SCRAM-SHA-1-PLUS SCRAM-SHA-256-PLUS", TLS1_3_VERSION, EXPORTER,
		NULL, "SCRAM-SHA-256-PLUS", ERR_NONE, false},
	{"SHA-1 where there is no other", "SCRAM-SHA-1-PLUS SCRAM-SHA-256", TLS1_3_VERSION,
		EXPORTER, NULL, "SCRAM-SHA-1-PLUS", ERR_NONE, false},
	{"the older binding on TLS 1.3, as with Cyrus", "SCRAM-SHA-256-PLUS SCRAM-SHA-256",
		TLS1_3_VERSION, UNIQUE | SCRAM, NULL, "SCRAM-SHA-256-PLUS SCRAM-SHA-256-PLUS",
		ERR_NONE, false},
	{"-PLUS without any binding, as with mailutils", "PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256",
		TLS1_3_VERSION, SCRAM | PLAIN, NULL,
		"SCRAM-SHA-256-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-256", ERR_NONE, true},
	{"-PLUS never ends with PLAIN", "PLAIN SCRAM-SHA-256-PLUS SCRAM-SHA-256", TLS1_3_VERSION,
		PLAIN, NULL, "SCRAM-SHA-256-PLUS SCRAM-SHA-256-PLUS SCRAM-SHA-256", ERR_AUTH,
		false},
	{"... not even without SCRAM beside it", "PLAIN SCRAM-SHA-256-PLUS", TLS1_3_VERSION, PLAIN,
		NULL, "SCRAM-SHA-256-PLUS SCRAM-SHA-256-PLUS", ERR_AUTH, false},
	{"somebody in the middle", "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS", TLS1_3_VERSION,
		EXPORTER | UNIQUE | MIDDLE | SCRAM | PLAIN, NULL,
		"SCRAM-SHA-256-PLUS SCRAM-SHA-256-PLUS", ERR_AUTH, false},
	{"somebody in the middle, TLS 1.2", "PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS",
		TLS1_2_VERSION, UNIQUE | MIDDLE | SCRAM | PLAIN, NULL, "SCRAM-SHA-256-PLUS",
		ERR_AUTH, false},
	{"only -PLUS is named", "SCRAM-SHA-256-PLUS SCRAM-SHA-256", TLS1_3_VERSION, SCRAM,
		"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS SCRAM-SHA-256-PLUS", ERR_AUTH, false},
	{"SCRAM is named beside -PLUS", "SCRAM-SHA-256-PLUS SCRAM-SHA-256", TLS1_3_VERSION, SCRAM,
		"SCRAM-SHA-256", "SCRAM-SHA-256", ERR_NONE, false},
	{"SCRAM refused, PLAIN taken", "PLAIN SCRAM-SHA-1 SCRAM-SHA-256", TLS1_3_VERSION, PLAIN,
		NULL, "SCRAM-SHA-256 PLAIN", ERR_NONE, true},
	{"SCRAM refused, PLAIN not named", "PLAIN SCRAM-SHA-256", TLS1_3_VERSION, PLAIN,
		"SCRAM-SHA-256", "SCRAM-SHA-256", ERR_AUTH, false},
	{"SCRAM and PLAIN refused", "PLAIN SCRAM-SHA-256", TLS1_3_VERSION, 0, NULL,
		"SCRAM-SHA-256 PLAIN", ERR_AUTH, false},
	{"SCRAM refused for now", "PLAIN SCRAM-SHA-256", TLS1_3_VERSION, PLAIN | BUSY, NULL,
		"SCRAM-SHA-256", ERR_SERVER_BUSY, false},
	{"a server that hangs up after a refusal", "PLAIN SCRAM-SHA-256", TLS1_3_VERSION,
		PLAIN | HANG_UP, NULL, "SCRAM-SHA-256", ERR_AUTH, false},
};

/* ---- the server ---- */

struct server {
	const struct row *row;
	SSL_CTX *context;
	SSL *ssl;
	int fd;
	pthread_t thread;
	char tried[200];
	bool resumed;
};

static char *base64(const void *data, size_t n)
{
	char *text = NULL;

	assert_int_equal(gsasl_base64_to(data, n, &text, NULL), GSASL_OK);
	return text;
}

static int set_binding(Gsasl_session *session, const struct server *server, Gsasl_property property)
{
	unsigned char data[64] = {0};
	size_t n = 32;
	char *text;

	if (property == GSASL_CB_TLS_EXPORTER)
		SSL_export_keying_material(server->ssl, data, n, "EXPORTER-Channel-Binding", 24,
			(const unsigned char *)"", 0, 1);
	else if (SSL_session_reused(server->ssl))
		n = SSL_get_finished(server->ssl, data, sizeof(data));
	else
		n = SSL_get_peer_finished(server->ssl, data, sizeof(data));
	data[0] ^= server->row->server & MIDDLE ? 1 : 0;
	text = base64(data, n);
	gsasl_property_set(session, property, text);
	gsasl_free(text);
	return GSASL_OK;
}

static int answer_library(Gsasl *library, Gsasl_session *session, Gsasl_property property)
{
	const struct server *server = gsasl_callback_hook_get(library);
	unsigned can = server->row->server;

	if (property == GSASL_PASSWORD)
		return gsasl_property_set(session, property, can & PREPARED ? "IX" : "secret");
	if (property == GSASL_SCRAM_ITER)
		return gsasl_property_set(session, property, "4096");
	if (strstr(gsasl_mechanism_name(session), "-PLUS") &&
		((property == GSASL_CB_TLS_EXPORTER && can & EXPORTER) ||
			(property == GSASL_CB_TLS_UNIQUE && can & UNIQUE)))
		return set_binding(session, server, property);
	return GSASL_NO_CALLBACK;
}

static void say(struct server *server, const char *text)
{
	SSL_write(server->ssl, text, (int)strlen(text));
}

/* A line without its end; "" when the client is gone. */
static const char *hear(struct server *server, char *line, size_t size)
{
	size_t n = 0;

	while (n + 1 < size && SSL_read(server->ssl, line + n, 1) == 1) {
		if (line[n++] != '\n')
			continue;
		line[n - 2] = '\0';
		return line;
	}
	return strcpy(line, "");
}

/* Runs GNU SASL's server over the lines; ANSWER: the client's first word. */
static bool run_scram(struct server *server, const char *mechanism, char *answer, size_t size)
{
	Gsasl *library = NULL;
	Gsasl_session *session = NULL;
	char *challenge, line[4096];
	int rc;

	gsasl_init(&library);
	gsasl_callback_set(library, answer_library);
	gsasl_callback_hook_set(library, server);
	rc = gsasl_server_start(library, mechanism, &session);
	for (rc = rc == GSASL_OK ? GSASL_NEEDS_MORE : rc; rc == GSASL_NEEDS_MORE;) {
		challenge = NULL;
		rc = gsasl_step64(session, answer, &challenge);
		if ((rc == GSASL_NEEDS_MORE || rc == GSASL_OK) && challenge && challenge[0]) {
			snprintf(line, sizeof(line), "+ %s\r\n", challenge);
			say(server, line);
			hear(server, answer, size);
		}
		gsasl_free(challenge);
	}
	gsasl_finish(session);
	gsasl_done(library);
	return rc == GSASL_OK;
}

static bool take(struct server *server, const char *mechanism, char *answer, size_t size)
{
	size_t used = strlen(server->tried);
	unsigned can = server->row->server;

	snprintf(server->tried + used, sizeof(server->tried) - used, "%s%s", used ? " " : "",
		mechanism);
	if (strcmp(mechanism, "PLAIN") == 0)
		return can & PLAIN && strcmp(answer, "AGFsaWNlAHNlY3JldA==") == 0;
	if (!strstr(mechanism, "-PLUS") && !(can & SCRAM))
		return false;
	return run_scram(server, mechanism, answer, size);
}

static void greet(struct server *server)
{
	char line[400];
	size_t n = (size_t)snprintf(line, sizeof(line), "* OK [CAPABILITY IMAP4rev1 SASL-IR");
	char *words = xstrdup(server->row->auth), *at = words, *word;

	while ((word = strsep(&at, " ")))
		n += (size_t)snprintf(line + n, sizeof(line) - n, " AUTH=%s", word);
	snprintf(line + n, sizeof(line) - n, "] hi\r\n");
	say(server, line);
	free(words);
}

static void *serve(void *arg)
{
	struct server *server = arg;
	unsigned can = server->row->server;
	char line[4096], tag[32], mechanism[32], answer[2048], reply[200];
	bool ok;

	server->ssl = SSL_new(server->context);
	SSL_set_fd(server->ssl, server->fd);
	if (SSL_accept(server->ssl) == 1) {
		server->resumed = SSL_session_reused(server->ssl);
		greet(server);
		while (sscanf(hear(server, line, sizeof(line)), "%31s AUTHENTICATE %31s %2047s",
			       tag, mechanism, answer) == 3) {
			ok = take(server, mechanism, answer, sizeof(answer));
			snprintf(reply, sizeof(reply), "%s %s\r\n", tag,
				ok           ? "OK [CAPABILITY IMAP4rev1] in"
				: can & BUSY ? "NO [UNAVAILABLE] later"
					     : "NO [AUTHENTICATIONFAILED] no");
			say(server, reply);
			if (!ok && can & HANG_UP)
				break;
		}
		SSL_shutdown(server->ssl);
	}
	ERR_clear_error();
	SSL_free(server->ssl);
	close(server->fd);
	return NULL;
}

/* ---- the client ---- */

static EVP_PKEY *key;
static X509 *certificate;
static char pin[PIN_TEXT_SIZE];
static _Atomic unsigned warnings;

static void count_warnings(enum log_level level, const char *line, void *arg)
{
	(void)line;
	(void)arg;
	if (level == LOG_LEVEL_WARN)
		atomic_fetch_add(&warnings, 1);
}

static SSL_CTX *server_context(int version)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());

	SSL_CTX_use_certificate(context, certificate);
	SSL_CTX_use_PrivateKey(context, key);
	SSL_CTX_set_min_proto_version(context, version);
	SSL_CTX_set_max_proto_version(context, version);
	return context;
}

static int log_in(struct server *server, struct net_context *net,
	const struct imap_options *options, struct err *err)
{
	int fds[2], rc;
	struct stream *stream;
	struct imap *imap = NULL;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	server->fd = fds[1];
	server->tried[0] = '\0';
	thread_start(&server->thread, "server", serve, server);
	stream = net_stream_fds(fds[0], fds[0], 5000);
	assert_int_equal(net_start_tls(net, &stream, err), 0);
	rc = imap_open_stream(&imap, options, stream, err);
	imap_close(imap);
	thread_join(server->thread);
	return rc;
}

static void check(const struct row *row)
{
	char *pins[] = {pin}, *mechanisms[] = {(char *)row->mechanism};
	struct net_options net = {.tls = NET_TLS_STARTTLS,
		.host = "imap.example.org",
		.pins = pins,
		.pin_count = 1,
		.timeout_ms = 5000};
	_Atomic unsigned refused = 0;
	struct imap_login login = {.user = "alice",
		.password = row->server & PREPARED ? "I\xC2\xADX" : "secret",
		.mechanisms = mechanisms,
		.mechanism_count = row->mechanism != NULL,
		.refused = &refused};
	struct net_options implicit = net;
	struct imap_options options = {
		.net_options = &implicit, .login = &login, .keywords = keywords_new(), .number = 1};
	struct server server = {.row = row, .context = server_context(row->tls)};
	struct err err = {0};
	struct net_context *context = net_context_new(&net, &err);
	int rc;

	implicit.tls = NET_TLS_IMPLICIT; /* log_in() did the handshake */
	atomic_store(&warnings, 0);
	rc = log_in(&server, context, &options, &err);
	if (row->server & RESUMED) {
		rc = log_in(&server, context, &options, &err);
		assert_true(server.resumed);
	}
	if (rc != (row->kind == ERR_NONE ? 0 : -1) || err.kind != row->kind)
		fail_msg("%s: %d, %s: %s (tried %s)", row->name, rc, err_kind_name(err.kind),
			err.msg, server.tried);
	if (strcmp(server.tried, row->tried) != 0)
		fail_msg("%s: tried %s", row->name, server.tried);
	if (atomic_load(&warnings) != row->warned)
		fail_msg("%s: %u warnings", row->name, atomic_load(&warnings));
	if (rc == 0 && strchr(row->tried, ' ')) { /* the next connection knows */
		assert_int_equal(log_in(&server, context, &options, &err), 0);
		assert_string_equal(server.tried, strrchr(row->tried, ' ') + 1);
		assert_int_equal(atomic_load(&warnings), row->warned);
	}
	net_context_free(context);
	SSL_CTX_free(server.context);
	keywords_free(options.keywords);
}

static void test_logins(void **state)
{
	(void)state;
	log_set_sink(count_warnings, NULL);
	log_set_level(LOG_LEVEL_WARN);
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check(&rows[i]);
	log_set_sink(NULL, NULL);
}

/* No TLS, nothing to bind to. */
static void test_no_binding(void **state)
{
	int fds[2];
	struct stream *stream;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	stream = net_stream_fds(fds[0], fds[0], 1000);
	assert_int_equal(net_binding(stream, NET_BINDING_EXPORTER).kind, NET_BINDING_NONE);
	assert_int_equal(net_binding(stream, NET_BINDING_UNIQUE).kind, NET_BINDING_NONE);
	assert_false(net_is_encrypted(stream));
	stream_close(stream);
	close(fds[1]);
}

static int setup(void **state)
{
	unsigned char *der = NULL;
	struct pin digest;
	int n;

	(void)state;
	key = EVP_EC_gen("P-256");
	certificate = X509_new();
	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, key);
	X509_sign(certificate, key, EVP_sha256());
	n = i2d_PUBKEY(key, &der);
	EVP_Digest(der, (size_t)n, digest.digest, NULL, EVP_sha256(), NULL);
	OPENSSL_free(der);
	pin_text(&digest, pin);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(key);
	X509_free(certificate);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_logins),
		cmocka_unit_test(test_no_binding),
	};

	signal(SIGPIPE, SIG_IGN);
	cancel_init();
	return cmocka_run_group_tests(tests, setup, teardown);
}

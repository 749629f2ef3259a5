/*
 * TLS over any stream. OpenSSL does its I/O through a BIO that calls the stream below, which blocks
 * with its own timeout and looks at the cancel flag; so SSL_read() and SSL_write() here are plain
 * blocking calls that either do their work or fail for good, and TLS runs over a socket, a tunnel's
 * pipes or a traced stream alike.
 *
 * The error of the stream below is kept beside the BIO, because OpenSSL has no room for it.
 *
 * Trust is decided in one function, verify(), in the middle of the handshake: nothing of ours
 * (client certificate, password) goes to a server that it refuses. Resumed handshakes don't come
 * there: their session was made by one that did, in the same context and so with the same host,
 * pins and trust store.
 */
/* OpenSSL has a type of this name, which nobody needs; ours comes with base/err.h below. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include "net/tls.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/thread.h"
#include "net/peer.h"

#define TLS_RECORD 16384       /* most bytes in one record */
#define TLS_AHEAD (256 * 1024) /* read ahead at most */

struct tls_context {
	const struct net_options *options; /* borrowed */
	SSL_CTX *ssl;
	BIO_METHOD *method; /* the BIO over a stream */
	struct pin *pins;   /* options->pin_count of them */
	char *name;         /* host without its final dot; NULL: there is none */
	bool name_is_address;
	struct net_peer *peer; /* borrowed; who wants to know what the server shows; NULL: nobody */
	pthread_mutex_t lock;  /* guards session */
	SSL_SESSION *session;  /* the latest to resume; a copy of our own; NULL: none yet */
};

struct tls {
	struct stream base;
	struct tls_context *context; /* borrowed */
	struct stream *lower;        /* owned */
	SSL *ssl;
	struct err lower_err; /* of the first call of the stream below that failed */
	bool lower_failed;    /* lower_err is filled */
	bool lower_ended;     /* the stream below came to its end */
	bool broken;          /* OpenSSL must not be called any more, except to free */
	bool closing;         /* what is written now goes out only if that needs no wait */
	int64_t deadline;     /* of the handshake (clock_ms()); 0: it is done */
	const char *distrust; /* why the certificate was refused; NULL: it was not */
	struct pin shown;     /* of the server's certificate; filled with distrust */
	size_t out_len;       /* gathered for one record */
	char out[TLS_RECORD];
};

/* ---- the BIO over the stream below ---- */

static int lower_fail(struct tls *tls)
{
	tls->lower_failed = true;
	return -1;
}

static int lower_read(BIO *bio, char *data, int n)
{
	struct tls *tls = BIO_get_data(bio);
	ssize_t got;

	BIO_clear_retry_flags(bio);
	if (tls->lower_failed || n <= 0)
		return -1;
	if (tls->deadline != 0 && clock_ms() >= tls->deadline) {
		/* Each wait below is bounded by itself; a server that trickles would still hold us
		 * forever. */
		err_set(&tls->lower_err, ERR_NET, "not done after %u s",
			(tls->context->options->timeout_ms + 999) / 1000);
		return lower_fail(tls);
	}
	got = stream_read(tls->lower, data, (size_t)n, &tls->lower_err);
	if (got < 0)
		return lower_fail(tls);
	tls->lower_ended = got == 0;
	return (int)got;
}

static int lower_write(BIO *bio, const char *data, int n)
{
	struct tls *tls = BIO_get_data(bio);

	BIO_clear_retry_flags(bio);
	if (tls->lower_failed || n <= 0)
		return -1;
	if (tls->closing)
		stream_send_last(tls->lower, data, (size_t)n);
	else if (stream_write(tls->lower, data, (size_t)n, &tls->lower_err))
		return lower_fail(tls);
	return n;
}

static long lower_ctrl(BIO *bio, int command, long number UNUSED, void *arg UNUSED)
{
	struct tls *tls = BIO_get_data(bio);

	if (command == BIO_CTRL_EOF)
		return tls->lower_ended;
	if (command != BIO_CTRL_FLUSH)
		return 0;
	if (tls->closing)
		return 1;
	if (tls->lower_failed)
		return 0;
	if (stream_flush(tls->lower, &tls->lower_err)) {
		lower_fail(tls);
		return 0;
	}
	return 1;
}

static BIO_METHOD *lower_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");

	ASSERT(method);
	BIO_meth_set_read(method, lower_read);
	BIO_meth_set_write(method, lower_write);
	BIO_meth_set_ctrl(method, lower_ctrl);
	return method;
}

static BIO *lower_bio(struct tls *tls)
{
	BIO *bio = BIO_new(tls->context->method);

	ASSERT(bio);
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	return bio;
}

/* ---- errors ---- */

/* Words for an entry of OpenSSL's error queue. */
static const char *reason_text(unsigned long code)
{
	const char *text;

	if (code == 0)
		return "unknown error";
	if (ERR_SYSTEM_ERROR(code))
		text = strerrordesc_np(ERR_GET_REASON(code));
	else
		text = ERR_reason_error_string(code);
	return text ? text : "unknown error";
}

/* Does the server say with this alert that it does not want us, by our certificate or for lack of
 * one? */
static bool is_refusal(int reason)
{
	static const int refusals[] = {
		SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED,
		SSL_R_SSLV3_ALERT_BAD_CERTIFICATE,
		SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
		SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED,
		SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
		SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN,
		SSL_R_TLSV1_ALERT_UNKNOWN_CA,
		SSL_R_TLSV1_ALERT_ACCESS_DENIED,
	};
	size_t i;

	for (i = 0; i < COUNT_OF(refusals); i++) {
		if (reason == refusals[i])
			return true;
	}
	return false;
}

/* A call of OpenSSL failed: the connection is over. Say why, WHAT failed first. */
static int tls_fail(struct tls *tls, const char *what, struct err *err)
{
	unsigned long code = ERR_peek_error();
	int reason = ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0;

	tls->broken = true;
	ERR_clear_error();
	if (tls->lower_failed) {
		if (err)
			*err = tls->lower_err;
		return err_wrap(err, "%s", what);
	}
	if (tls->lower_ended)
		return err_set(err, ERR_NET, "%s: the server cut the connection", what);
	if (reason == SSL_R_WRONG_VERSION_NUMBER)
		return err_set(err, ERR_NET,
			"%s: this is not TLS; do server.port and server.tls fit together?", what);
	if (is_refusal(reason))
		return err_set(err, ERR_AUTH,
			"%s: the server refused our certificate, or misses one: %s", what,
			reason_text(code));
	return err_set(err, ERR_NET, "%s: %s", what, reason_text(code));
}

static int distrust_error(const struct tls *tls, struct err *err)
{
	const char *name = tls->context->name;
	char pin[PIN_TEXT_SIZE];

	return err_set(err, ERR_AUTH, "the server's certificate is not trusted%s%s: %s; pin: %s",
		name ? " for " : "", name ? name : "", tls->distrust, pin_text(&tls->shown, pin));
}

/* ---- trust ---- */

static bool pin_known(const struct tls_context *context, const struct pin *shown)
{
	size_t i;

	for (i = 0; i < context->options->pin_count; i++) {
		if (memcmp(context->pins[i].digest, shown->digest, sizeof(shown->digest)) == 0)
			return true;
	}
	return false;
}

/*
 * Is the server whom we mean? Called by OpenSSL with the chain and all parameters set. Pins are the
 * whole answer where there are some: the key is what the user named, so names, dates and signatures
 * around it can add nothing; and any other key is refused, whoever signed it. Returns 1: trusted.
 */
static int verify(X509_STORE_CTX *chain, void *arg UNUSED)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *tls = SSL_get_app_data(ssl);

	if (tls->context->peer)
		peer_take_chain(tls->context->peer, X509_STORE_CTX_get0_untrusted(chain));
	if (!peer_pin(X509_STORE_CTX_get0_cert(chain), &tls->shown)) {
		tls->distrust = "its public key can't be read";
		X509_STORE_CTX_set_error(chain, X509_V_ERR_UNSPECIFIED);
	} else if (tls->context->options->pin_count > 0) {
		if (pin_known(tls->context, &tls->shown)) {
			X509_STORE_CTX_set_error(chain, X509_V_OK);
			return 1;
		}
		tls->distrust = "its public key is none of server.pin";
		X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
	} else {
		if (X509_verify_cert(chain) == 1)
			return 1;
		tls->distrust = X509_verify_cert_error_string(X509_STORE_CTX_get_error(chain));
	}
	return 0;
}

/* ---- sessions to resume ---- */

/*
 * A copy is kept and copies are handed out: OpenSSL marks the session of a connection that was cut
 * as spent, and the connection after a cut is the one that should be quick.
 */
static int session_arrived(SSL *ssl, SSL_SESSION *session)
{
	struct tls *tls = SSL_get_app_data(ssl);
	struct tls_context *context = tls->context;
	SSL_SESSION *copy = SSL_SESSION_dup(session), *old;

	mutex_lock(&context->lock);
	old = context->session;
	context->session = copy;
	mutex_unlock(&context->lock);
	SSL_SESSION_free(old);
	return 0; /* SESSION itself is not kept */
}

static void session_offer(struct tls *tls)
{
	SSL_SESSION *copy = NULL;

	mutex_lock(&tls->context->lock);
	if (tls->context->session && SSL_SESSION_is_resumable(tls->context->session))
		copy = SSL_SESSION_dup(tls->context->session);
	mutex_unlock(&tls->context->lock);
	if (copy)
		SSL_set_session(tls->ssl, copy);
	SSL_SESSION_free(copy);
}

/* ---- the context ---- */

static int file_error(struct err *err, const char *key, const char *file)
{
	const char *why = reason_text(ERR_peek_error());

	err_set(err, ERR_CONFIG, "%s: cannot use %s: %s", key, file, why);
	ERR_clear_error();
	return -1;
}

/* Has DIR a certificate under its hash ("a94d09e5.0")? Others are never looked at. */
static bool has_hashed_certificate(const char *dir)
{
	DIR *entries = opendir(dir);
	const struct dirent *entry;
	bool found = false;

	if (!entries)
		return false;
	while (!found && (entry = readdir(entries)))
		found = strspn(entry->d_name, "0123456789abcdef") == 8 && entry->d_name[8] == '.';
	closedir(entries);
	return found;
}

/*
 * As the standard places say, but the directory first and the bundle only without it: the directory
 * costs nothing until a certificate is looked up in it, the bundle is parsed whole (30 ms). A
 * bundle named by the environment counts always.
 */
static int load_system_trust(SSL_CTX *ssl, struct err *err)
{
	const char *env_dir = secure_getenv(X509_get_default_cert_dir_env());
	const char *env_file = secure_getenv(X509_get_default_cert_file_env());
	const char *dir = env_dir ? env_dir : X509_get_default_cert_dir();
	const char *file = env_file ? env_file : X509_get_default_cert_file();
	/* A list of directories is rare: left to OpenSSL unseen. */
	bool have_dir = strchr(dir, ':') || has_hashed_certificate(dir);
	bool have_file = false;

	if (have_dir && SSL_CTX_load_verify_dir(ssl, dir) != 1)
		return file_error(err, "the system's trust store", dir);
	if (env_file || !have_dir)
		have_file = SSL_CTX_load_verify_file(ssl, file) == 1;
	if (env_file && !have_file)
		return file_error(err, X509_get_default_cert_file_env(), file);
	ERR_clear_error();
	if (!have_dir && !have_file)
		return err_set(err, ERR_CONFIG,
			"no trust store: neither %s nor %s has certificates; set server.ca_file",
			dir, file);
	return 0;
}

static int load_trust(struct tls_context *context, struct err *err)
{
	const char *ca_file = context->options->ca_file;

	if (!ca_file)
		return context->options->pin_count > 0 ? 0 : load_system_trust(context->ssl, err);
	if (SSL_CTX_load_verify_file(context->ssl, ca_file) != 1)
		return file_error(err, "server.ca_file", ca_file);
	/* What the user names is trusted as it is: the server's own certificate or an intermediate
	 * one, too. */
	X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(context->ssl), X509_V_FLAG_PARTIAL_CHAIN);
	return 0;
}

/* OpenSSL would ask for the pass phrase on the terminal. */
static int no_passphrase(char *out UNUSED, int size UNUSED, int writing UNUSED, void *arg UNUSED)
{
	return -1;
}

static int load_client_certificate(struct tls_context *context, struct err *err)
{
	const struct net_options *options = context->options;
	const char *cert = options->client_cert, *key = options->client_key;
	const char *key_name = key ? "server.client_key" : "server.client_cert";

	if (!cert)
		return key ? err_set(err, ERR_CONFIG,
				     "server.client_key without server.client_cert")
			   : 0;
	if (!key)
		key = cert;
	SSL_CTX_set_default_passwd_cb(context->ssl, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(context->ssl, cert) != 1)
		return file_error(err, "server.client_cert", cert);
	if (SSL_CTX_use_PrivateKey_file(context->ssl, key, SSL_FILETYPE_PEM) != 1)
		return file_error(err, key_name, key);
	if (SSL_CTX_check_private_key(context->ssl) != 1)
		return file_error(err, key_name, key);
	return 0;
}

static int parse_pins(struct tls_context *context, struct err *err)
{
	const struct net_options *options = context->options;
	size_t i;

	context->pins = xcalloc(options->pin_count + 1, sizeof(*context->pins));
	for (i = 0; i < options->pin_count; i++) {
		if (!pin_parse(options->pins[i], &context->pins[i]))
			return err_set(err, ERR_CONFIG,
				"server.pin: \"%s\" is not \"sha256:\" and 64 hex digits",
				options->pins[i]);
	}
	return 0;
}

static int set_name(struct tls_context *context, struct err *err)
{
	const char *host = context->options->host;
	unsigned char address[sizeof(struct in6_addr)];
	size_t n = host ? strlen(host) : 0;

	if (n == 0 && context->options->pin_count == 0)
		return err_set(err, ERR_CONFIG,
			"no server.host that a certificate could be checked against: set it, or "
			"server.pin, or server.tls to none");
	if (n == 0)
		return 0;
	context->name = xstrndup(host, n > 1 && host[n - 1] == '.' ? n - 1 : n);
	context->name_is_address = inet_pton(AF_INET, context->name, address) == 1 ||
				   inet_pton(AF_INET6, context->name, address) == 1;
	return 0;
}

static void set_rules(struct tls_context *context)
{
	SSL_CTX *ssl = context->ssl;

	ASSERT(SSL_CTX_set_min_proto_version(ssl, TLS1_2_VERSION) == 1);
	SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	/* Else it asks for the five bytes of a record's head, then for the record. */
	SSL_CTX_set_read_ahead(ssl, 1);
	SSL_CTX_set_default_read_buffer_len(ssl, TLS_AHEAD);
	SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(ssl, verify, NULL);
	/* Names are in subjectAltName or nowhere; a wildcard is a whole label. */
	X509_VERIFY_PARAM_set_hostflags(SSL_CTX_get0_param(ssl),
		X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ssl, session_arrived);
}

struct tls_context *tls_context_new(const struct net_options *options, struct err *err)
{
	struct tls_context *context = xcalloc(1, sizeof(*context));

	context->options = options;
	mutex_init(&context->lock);
	context->method = lower_method();
	context->ssl = SSL_CTX_new(TLS_client_method());
	if (!context->ssl) {
		file_error(err, "OpenSSL", "its configuration");
		tls_context_free(context);
		return NULL;
	}

	set_rules(context);
	if (parse_pins(context, err) || set_name(context, err) || load_trust(context, err) ||
		load_client_certificate(context, err)) {
		tls_context_free(context);
		return NULL;
	}
	return context;
}

void tls_context_watch(struct tls_context *context, struct net_peer *out)
{
	context->peer = out;
}

void tls_context_free(struct tls_context *context)
{
	if (!context)
		return;
	SSL_SESSION_free(context->session);
	SSL_CTX_free(context->ssl);
	BIO_meth_free(context->method);
	mutex_fini(&context->lock);
	free(context->name);
	free(context->pins);
	free(context);
}

/* ---- the stream ---- */

static ssize_t tls_read(struct stream *stream, void *data, size_t n, struct err *err)
{
	struct tls *tls = (struct tls *)stream;
	size_t got;

	if (tls->broken)
		return err_set(err, ERR_NET, "the TLS connection broke before");
	ERR_clear_error();
	if (SSL_read_ex(tls->ssl, data, n, &got) == 1)
		return (ssize_t)got;
	if (SSL_get_error(tls->ssl, 0) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return tls_fail(tls, "reading through TLS", err);
}

static int tls_send(struct tls *tls, const void *data, size_t n, struct err *err)
{
	size_t sent;

	if (tls->broken)
		return err_set(err, ERR_NET, "the TLS connection broke before");
	ERR_clear_error();
	if (n == 0 || SSL_write_ex(tls->ssl, data, n, &sent) == 1)
		return 0;
	return tls_fail(tls, "writing through TLS", err);
}

static int tls_send_gathered(struct tls *tls, struct err *err)
{
	size_t n = tls->out_len;

	tls->out_len = 0;
	return tls_send(tls, tls->out, n, err);
}

static int tls_write(struct stream *stream, const void *data, size_t n, struct err *err)
{
	struct tls *tls = (struct tls *)stream;
	const char *from = data;
	size_t part;

	while (n > 0) {
		part = TLS_RECORD - tls->out_len < n ? TLS_RECORD - tls->out_len : n;
		memcpy(tls->out + tls->out_len, from, part);
		tls->out_len += part;
		from += part;
		n -= part;
		if (tls->out_len == TLS_RECORD && tls_send_gathered(tls, err))
			return -1;
	}
	return 0;
}

static int tls_flush(struct stream *stream, struct err *err)
{
	struct tls *tls = (struct tls *)stream;

	if (tls_send_gathered(tls, err))
		return -1;
	return stream_flush(tls->lower, err);
}

static bool tls_pending(struct stream *stream)
{
	const struct tls *tls = (struct tls *)stream;

	return SSL_has_pending(tls->ssl) || stream_pending(tls->lower);
}

static unsigned tls_round_trip_ms(struct stream *stream)
{
	return stream_round_trip_ms(((struct tls *)stream)->lower);
}

static void tls_set_deadline(struct stream *stream, int64_t deadline)
{
	stream_set_deadline(((struct tls *)stream)->lower, deadline);
}

static void tls_send_last(struct stream *stream, const void *data, size_t n)
{
	struct tls *tls = (struct tls *)stream;
	size_t sent;

	if (tls->broken || tls->out_len > 0)
		return;
	tls->closing = true;
	SSL_write_ex(tls->ssl, data, n, &sent);
	ERR_clear_error();
}

static void tls_close(struct stream *stream)
{
	struct tls *tls = (struct tls *)stream;

	tls->closing = true;
	if (!tls->broken)
		SSL_shutdown(tls->ssl); /* sends close_notify; the answer is not waited for */
	ERR_clear_error();
	SSL_free(tls->ssl);
	stream_close(tls->lower);
	free(tls);
}

static const struct stream_ops tls_ops = {
	.read = tls_read,
	.write = tls_write,
	.flush = tls_flush,
	.pending = tls_pending,
	.round_trip_ms = tls_round_trip_ms,
	.set_deadline = tls_set_deadline,
	.send_last = tls_send_last,
	.close = tls_close,
};

/* Tell OpenSSL whom we mean: for SNI (names only) and for verify(). */
static void ask_for_name(struct tls *tls)
{
	const struct tls_context *context = tls->context;

	if (!context->name)
		return;
	if (context->name_is_address) {
		ASSERT(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls->ssl), context->name) == 1);
		return;
	}
	ASSERT(SSL_set1_host(tls->ssl, context->name) == 1);
	SSL_set_tlsext_host_name(tls->ssl, context->name);
}

/* Tell who wants to know how the handshake ended. */
static void tell_peer(const struct tls *tls)
{
	struct net_peer *peer = tls->context->peer;

	if (!peer)
		return;
	snprintf(peer->distrust, sizeof(peer->distrust), "%s", tls->distrust ? tls->distrust : "");
	if (tls->distrust || tls->broken)
		return;
	snprintf(peer->version, sizeof(peer->version), "%s", SSL_get_version(tls->ssl));
	snprintf(peer->cipher, sizeof(peer->cipher), "%s", SSL_get_cipher_name(tls->ssl));
}

static int handshake(struct tls *tls, struct err *err)
{
	tls->deadline = clock_ms() + tls->context->options->timeout_ms;
	ERR_clear_error();
	if (SSL_connect(tls->ssl) != 1) {
		tls_fail(tls, "TLS handshake", err);
		if (tls->distrust && !tls->lower_failed)
			distrust_error(tls, err);
		tell_peer(tls);
		return -1;
	}
	tls->deadline = 0;
	tell_peer(tls);
	log_debug(LOG_NET, "%s, %s%s", SSL_get_version(tls->ssl), SSL_get_cipher_name(tls->ssl),
		SSL_session_reused(tls->ssl) ? ", resumed" : "");
	return 0;
}

struct stream *tls_open(struct tls_context *context, struct stream *lower, struct err *err)
{
	struct tls *tls = xmalloc(sizeof(*tls));
	BIO *bio;

	memset(tls, 0, offsetof(struct tls, out));
	tls->base.ops = &tls_ops;
	tls->context = context;
	tls->lower = lower;
	tls->ssl = SSL_new(context->ssl);
	ASSERT(tls->ssl);
	bio = lower_bio(tls);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_app_data(tls->ssl, tls);
	ask_for_name(tls);
	session_offer(tls);

	if (handshake(tls, err)) {
		tls_close(&tls->base);
		return NULL;
	}
	return &tls->base;
}

/* ---- what a login can be tied to ---- */

bool tls_is(const struct stream *stream)
{
	return stream->ops == &tls_ops;
}

static void bind_by_exporter(SSL *ssl, struct net_binding *out)
{
	static const char label[] = "EXPORTER-Channel-Binding";

	if (SSL_export_keying_material(ssl, out->data, 32, label, sizeof(label) - 1, NULL, 0, 0) !=
		1)
		return;
	out->kind = NET_BINDING_EXPORTER;
	out->n = 32;
}

/*
 * The first Finished message of the handshake: ours, or the server's if a session was resumed.
 * Without the extended master secret (RFC 7627; TLS 1.3 has it built in) two connections can be
 * made to have the same one.
 */
static void bind_by_finished(SSL *ssl, struct net_binding *out)
{
	size_t n = SSL_session_reused(ssl)
			   ? SSL_get_peer_finished(ssl, out->data, sizeof(out->data))
			   : SSL_get_finished(ssl, out->data, sizeof(out->data));

	if (n == 0 || n > sizeof(out->data))
		return;
	out->kind = NET_BINDING_UNIQUE;
	out->n = n;
}

struct net_binding tls_binding(const struct stream *stream, enum net_binding_kind kind)
{
	SSL *ssl = ((const struct tls *)stream)->ssl;
	bool tls13 = SSL_version(ssl) >= TLS1_3_VERSION;
	struct net_binding binding = {0};

	if (kind == NET_BINDING_EXPORTER && tls13)
		bind_by_exporter(ssl, &binding);
	else if (kind == NET_BINDING_UNIQUE && (tls13 || SSL_get_extms_support(ssl) == 1))
		bind_by_finished(ssl, &binding);
	ERR_clear_error();
	return binding;
}

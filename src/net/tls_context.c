/*
 * Whom we trust, and what we show.
 *
 * Trust is decided in one function, verify(), in the middle of the handshake: nothing of ours
 * (client certificate, password) goes to a server that it refuses. Resumed handshakes don't come
 * there: their session was made by one that did, in the same context and so with the same host,
 * pins and trust store.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/tls_impl.h"

#define TLS_AHEAD (256 * 1024) /* read ahead at most */

const char *tls_reason(unsigned long code)
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

void tls_session_offer(struct tls *tls)
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
	const char *why = tls_reason(ERR_peek_error());

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
	context->method = tls_bio_method();
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

/*
 * TLS over any stream. OpenSSL does its I/O through a BIO that calls the stream below, which blocks
 * with its own timeout and looks at the cancel flag; so SSL_read() and SSL_write() here are plain
 * blocking calls that either do their work or fail for good, and TLS runs over a socket, a tunnel's
 * pipes or a traced stream alike.
 *
 * The error of the stream below is kept beside the BIO, because OpenSSL has no room for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "net/tls_impl.h"

/* ---- errors ---- */

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
			tls_reason(code));
	return err_set(err, ERR_NET, "%s: %s", what, tls_reason(code));
}

static int distrust_error(const struct tls *tls, struct err *err)
{
	const char *name = tls->context->name;
	char pin[PIN_TEXT_SIZE];

	return err_set(err, ERR_AUTH, "the server's certificate is not trusted%s%s: %s; pin: %s",
		name ? " for " : "", name ? name : "", tls->distrust, pin_text(&tls->shown, pin));
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
	bio = tls_bio(tls);
	SSL_set_bio(tls->ssl, bio, bio);
	SSL_set_app_data(tls->ssl, tls);
	ask_for_name(tls);
	tls_session_offer(tls);

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

/*
 * TLS over any stream. The only door to OpenSSL in net/.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "net/net.h"

struct tls_context; /* settings, trust store, the latest session to resume. Thread-safe */

/*
 * Check and load what OPTIONS names (borrowed until tls_context_free()). ERR_CONFIG: a bad pin,
 * certificate, key or file, or nothing to verify a certificate against.
 */
struct tls_context *tls_context_new(const struct net_options *options, struct err *err) MUST_USE;
void tls_context_free(
	struct tls_context *context); /* NULL is allowed; no connection may use it any more */

/* See net_context_watch(). */
void tls_context_watch(struct tls_context *context, struct net_peer *out);

/*
 * The handshake as client on LOWER, which the result owns; on failure LOWER is closed. NULL:
 * ERR_AUTH if the certificate is not trusted, with the reason, the name asked for and the pin
 * shown; else ERR_NET or ERR_CANCELLED.
 */
struct stream *tls_open(
	struct tls_context *context, struct stream *lower, struct err *err) MUST_USE;

bool tls_is(const struct stream *stream);
/* STREAM: one of ours. */
struct net_binding tls_binding(const struct stream *stream, enum net_binding_kind kind);

#endif

/*
 * Getting a stream to a server: name resolution, racing connections, a tunnel command, TLS.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include "base/buf.h"
#include "net/stream.h"

enum net_tls { NET_TLS_IMPLICIT, NET_TLS_STARTTLS, NET_TLS_NONE };

/* Plain, resolved, borrowed for the life of the connection. */
struct net_options {
	const char *host; /* name or address; NULL with a tunnel that needs no host name */
	uint16_t port;
	enum net_tls tls;
	const char *ca_file; /* PEM; NULL: the system's trust store */
	char *const *pins; /* "sha256:HEX" of the public key (SPKI); pin_count 0: none. Where there
			      are some they decide alone: a certificate with one of these keys is
			      accepted (self-signed or not), any other refused */
	size_t pin_count;
	const char *client_cert; /* PEM, NULL: none */
	const char *client_key;  /* PEM, NULL: in client_cert */
	char *const *tunnel; /* NULL-terminated argv, NULL: none. TLS options apply on top of it */
	unsigned timeout_ms; /* silence before the connection counts as dead; also bounds connecting
				and handshake */
};

struct net_context; /* what connections of one account share: SSL_CTX, resumable TLS sessions.
		       Thread-safe */

struct net_context *net_context_new(const struct net_options *options, struct err *err)
	MUST_USE; /* ERR_CONFIG for bad files and pins, and for TLS without a host name and pins */
void net_context_free(struct net_context *context);

/* What a server showed of itself. Bytes are the server's: escape them. */
struct net_certificate {
	struct buf subject, issuer;
	struct buf names;              /* of hosts and addresses, a blank between them */
	int64_t not_before, not_after; /* seconds since 1970; 0: can't be read */
};
struct net_peer {
	struct net_certificate *chain; /* the server's own first; owned */
	size_t count;                  /* 0: no TLS, or it did not come so far */
	char pin[80];                  /* of the first, "sha256:HEX"; "": none */
	char distrust[256];            /* why it is not trusted; "": it is */
	char version[16], cipher[64];  /* of the finished handshake; "": there is none */
};
/* The next handshakes by CONTEXT fill OUT (zeroed before), until NULL. For one connection at a
 * time. */
void net_context_watch(struct net_context *context, struct net_peer *out);
void net_peer_fini(struct net_peer *peer);

/*
 * Connect: every address of the host, IPv6 first and then alternating, a new attempt each 250 ms
 * while the earlier ones go on (RFC 8305); the first that connects wins. With NET_TLS_IMPLICIT the
 * TLS handshake is done. ERR_NET on failure, ERR_AUTH if the certificate is not trusted (says why,
 * and the pin that would accept it), ERR_CONFIG if there is no such tunnel command. *OUT is NULL on
 * failure.
 */
int net_dial(struct net_context *context, struct stream **out, struct err *err) MUST_USE;

/*
 * Put TLS on *STREAM (STARTTLS). On success *STREAM is the TLS stream; on failure *STREAM is closed
 * and NULL. The caller has made sure that nothing of the plain stream is left unread; what the
 * stream itself still holds is refused as ERR_PROTO. Not with NET_TLS_NONE.
 */
int net_start_tls(struct net_context *context, struct stream **stream, struct err *err) MUST_USE;

/*
 * What a login can be tied to, so that somebody between us and the server can't pass it on:
 * something that is another on each TLS connection, and the same at both of its ends.
 */
enum net_binding_kind {
	NET_BINDING_NONE,
	NET_BINDING_EXPORTER, /* RFC 9266: TLS 1.3 */
	NET_BINDING_UNIQUE,   /* RFC 5929: TLS 1.2, and what some servers still take on 1.3 */
};
struct net_binding {
	enum net_binding_kind kind;
	unsigned char data[64];
	size_t n;
};
/* STREAM: as net_dial() or net_start_tls() gave it. NET_BINDING_NONE: it has nothing of this KIND.
 */
struct net_binding net_binding(const struct stream *stream, enum net_binding_kind kind);
/* STREAM is TLS, and the server was verified. */
bool net_is_encrypted(const struct stream *stream);
/* Connections by OPTIONS do not leave this machine, or go where a tunnel takes them. */
bool net_is_private(const struct net_options *options);

/*
 * Put compression on *STREAM (COMPRESS=DEFLATE, RFC 4978): *STREAM is the compressing stream then;
 * on failure it is closed and NULL. AHEAD: compressed octets that were read already, at most 16
 * KiB.
 */
int net_start_deflate(struct stream **stream, struct slice ahead, struct err *err) MUST_USE;

/* For tests and fake servers: a stream over two file descriptors (equal for a socket), owned by the
 * stream. */
struct stream *net_stream_fds(int read_fd, int write_fd, unsigned timeout_ms);

#endif

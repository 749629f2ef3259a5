/*
 * What the files that call OpenSSL for TLS share. Internal to net/.
 */
#ifndef NET_TLS_IMPL_H
#define NET_TLS_IMPL_H

/* OpenSSL has a type of this name, which nobody needs; ours comes with base/err.h below. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include "base/thread.h"
#include "net/peer.h"
#include "net/tls.h"

#define TLS_RECORD 16384 /* most bytes in one record */

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

/* ---- tls_bio.c ---- */

/* How OpenSSL does I/O on the stream below; NULL: no memory. */
BIO_METHOD *tls_bio_method(void);
/* Over tls->lower. */
BIO *tls_bio(struct tls *tls);

/* ---- tls_context.c ---- */

/* Words for an entry of OpenSSL's error queue. */
const char *tls_reason(unsigned long code);
/* Take up the context's latest session, if it can be. */
void tls_session_offer(struct tls *tls);

#endif

/* OpenSSL has a type of this name, which nobody needs; ours comes with base/err.h below. */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include "net/peer.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <time.h>

#define PEER_CHAIN_MOST 10
#define NAMES_MOST 100 /* of one certificate */

bool peer_pin(X509 *certificate, struct pin *out)
{
	unsigned char *der = NULL;
	int n = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der) : -1;
	bool ok = n > 0 && EVP_Digest(der, (size_t)n, out->digest, NULL, EVP_sha256(), NULL) == 1;

	OPENSSL_free(der);
	return ok;
}

/* "CN=a,O=b" */
static void add_name(const X509_NAME *name, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data;
	long n;

	if (bio && X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		n = BIO_get_mem_data(bio, &data);
		buf_add(out, data, n > 0 ? (size_t)n : 0);
	}
	BIO_free(bio);
}

static void add_address(const ASN1_OCTET_STRING *bytes, struct buf *out)
{
	char text[INET6_ADDRSTRLEN];
	int n = ASN1_STRING_length(bytes);

	if ((n == 4 || n == 16) && inet_ntop(n == 4 ? AF_INET : AF_INET6,
					   ASN1_STRING_get0_data(bytes), text, sizeof(text)))
		buf_add_str(out, text);
	else
		buf_add_str(out, "?");
}

/* The names and addresses that the certificate is for, a blank between them. */
static void add_alternative_names(X509 *certificate, struct buf *out)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	size_t start = out->len;

	for (int i = 0; i < sk_GENERAL_NAME_num(names) && i < NAMES_MOST; i++) {
		int type;
		void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

		if (type != GEN_DNS && type != GEN_IPADD)
			continue;
		if (out->len > start)
			buf_add_char(out, ' ');
		if (type == GEN_IPADD)
			add_address(value, out);
		else
			buf_add(out, ASN1_STRING_get0_data(value),
				(size_t)ASN1_STRING_length(value));
	}
	GENERAL_NAMES_free(names);
}

static int64_t seconds(const ASN1_TIME *when)
{
	struct tm tm;

	return ASN1_TIME_to_tm(when, &tm) == 1 ? timegm(&tm) : 0;
}

static void take(struct net_certificate *out, X509 *certificate)
{
	add_name(X509_get_subject_name(certificate), &out->subject);
	add_name(X509_get_issuer_name(certificate), &out->issuer);
	add_alternative_names(certificate, &out->names);
	out->not_before = seconds(X509_get0_notBefore(certificate));
	out->not_after = seconds(X509_get0_notAfter(certificate));
}

void peer_take_chain(struct net_peer *out, const STACK_OF(X509) * chain)
{
	int n = sk_X509_num(chain);
	struct pin pin;

	if (n > 0 && peer_pin(sk_X509_value(chain, 0), &pin))
		pin_text(&pin, out->pin);
	n = n < PEER_CHAIN_MOST ? n : PEER_CHAIN_MOST;
	out->chain = xcalloc((size_t)(n > 0 ? n : 0) + 1, sizeof(*out->chain));
	for (int i = 0; i < n; i++)
		take(&out->chain[out->count++], sk_X509_value(chain, i));
	ERR_clear_error();
}

void net_peer_fini(struct net_peer *peer)
{
	for (size_t i = 0; i < peer->count; i++) {
		buf_fini(&peer->chain[i].subject);
		buf_fini(&peer->chain[i].issuer);
		buf_fini(&peer->chain[i].names);
	}
	free(peer->chain);
	*peer = (struct net_peer){0};
}

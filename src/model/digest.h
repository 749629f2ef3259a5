/*
 * Digests of messages: SHA-256, the first 128 bits kept. Two of them, both over LF line ends and
 * both computed while bytes stream by: header: the header block without its final blank line, NUL
 * and bytes >= 0x80 dropped (servers mangle those) content: all bytes of the local (LF) form, but a
 * missing final newline counts as if it were there This file is OpenSSL's second door (libcrypto's
 * EVP).
 */
#ifndef MODEL_DIGEST_H
#define MODEL_DIGEST_H

#include "base/slice.h"

#define DIGEST_SIZE 16

struct digest {
	uint8_t bytes[DIGEST_SIZE];
};

bool digest_equal(const struct digest *a, const struct digest *b);
int digest_cmp(const struct digest *a, const struct digest *b);
bool digest_is_zero(const struct digest *d);    /* unknown */
struct digest digest_bytes(struct slice bytes); /* of a few bytes, as they are */

/* PBKDF2 with HMAC over SHA-256 (else SHA-1), RFC 8018: as many bytes as the hash has. */
#define STRETCHED_SIZE 32 /* the longer one */
size_t digest_stretch(bool sha256, const char *password, struct slice salt, unsigned rounds,
	uint8_t out[STRETCHED_SIZE]);

/* One message on its way. Feed LF-form bytes in pieces of any size. */
struct digester;
struct digester *digester_new(void);
void digester_free(struct digester *digester);
void digester_reset(struct digester *digester);
void digester_feed(struct digester *digester, const void *data, size_t n);
/* HEADER and CONTENT may be NULL. The digester must be reset before it is used again. */
void digester_finish(struct digester *digester, struct digest *header, struct digest *content);

#endif

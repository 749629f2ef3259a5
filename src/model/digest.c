#include "model/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define CLEAN 2048

struct digester {
	EVP_MD *sha256; /* fetched once: OpenSSL would look it up for each message */
	EVP_MD_CTX *header, *content;
	size_t clean_n;    /* of clean */
	char clean[CLEAN]; /* header: cleaned bytes, gathered for one call */
	bool in_header;    /* the blank line has not come yet */
	bool line_start;   /* the next byte begins a line */
	bool held_newline; /* header: a '\n' that is only fed when something follows it */
	bool any;          /* content has bytes */
	char last;         /* last byte of content */
};

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

int digest_cmp(const struct digest *a, const struct digest *b)
{
	return memcmp(a, b, sizeof(*a));
}

bool digest_is_zero(const struct digest *d)
{
	static const struct digest zero;
	return digest_equal(d, &zero);
}

struct digest digest_bytes(struct slice bytes)
{
	unsigned char all[EVP_MAX_MD_SIZE];
	struct digest out;

	ASSERT(EVP_Digest(bytes.p, bytes.n, all, NULL, EVP_sha256(), NULL) == 1);
	memcpy(out.bytes, all, sizeof(out.bytes));
	return out;
}

size_t digest_stretch(bool sha256, const char *password, struct slice salt, unsigned rounds,
	uint8_t out[STRETCHED_SIZE])
{
	const size_t n = sha256 ? 32 : 20;

	ASSERT(PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)salt.p,
		       (int)salt.n, (int)rounds, sha256 ? EVP_sha256() : EVP_sha1(), (int)n,
		       out) == 1);
	return n;
}

struct digester *digester_new(void)
{
	struct digester *d = xcalloc(1, sizeof(*d));

	d->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	d->header = EVP_MD_CTX_new();
	d->content = EVP_MD_CTX_new();
	ASSERT(d->sha256 && d->header && d->content);
	digester_reset(d);
	return d;
}

void digester_free(struct digester *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->header);
	EVP_MD_CTX_free(d->content);
	EVP_MD_free(d->sha256);
	free(d);
}

void digester_reset(struct digester *d)
{
	ASSERT(EVP_DigestInit_ex2(d->header, d->sha256, NULL) == 1);
	ASSERT(EVP_DigestInit_ex2(d->content, d->sha256, NULL) == 1);
	d->clean_n = 0;
	d->in_header = d->line_start = true;
	d->held_newline = d->any = false;
	d->last = '\0';
}

static void feed(EVP_MD_CTX *md, const void *data, size_t n)
{
	if (n > 0)
		ASSERT(EVP_DigestUpdate(md, data, n) == 1);
}

static void flush_header(struct digester *d)
{
	feed(d->header, d->clean, d->clean_n);
	d->clean_n = 0;
}

/* Bytes of one header line without NUL and 8-bit bytes. */
static void feed_clean(struct digester *d, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (d->clean_n == CLEAN)
			flush_header(d);
		d->clean[d->clean_n] = p[i];
		d->clean_n += (signed char)p[i] > 0;
	}
}

/*
 * Line ends are held back until more of the header follows: so the final line end and the blank
 * line are left out, and a header with and one without its blank line digest alike.
 */
static void feed_header(struct digester *d, const char *p, size_t n)
{
	while (n > 0 && d->in_header) {
		if (d->line_start && *p == '\n') {
			d->in_header = false;
			return;
		}
		const char *newline = memchr(p, '\n', n);
		size_t length = newline ? (size_t)(newline - p) : n;
		if (d->held_newline)
			feed_clean(d, "\n", 1);
		d->held_newline = false;
		feed_clean(d, p, length);
		d->line_start = newline != NULL;
		d->held_newline = newline != NULL;
		p += length + (newline != NULL);
		n -= length + (newline != NULL);
	}
}

void digester_feed(struct digester *d, const void *data, size_t n)
{
	if (n == 0)
		return;
	if (d->in_header)
		feed_header(d, data, n);
	feed(d->content, data, n);
	d->any = true;
	d->last = ((const char *)data)[n - 1];
}

static void finish(EVP_MD_CTX *md, struct digest *out)
{
	unsigned char bytes[EVP_MAX_MD_SIZE];

	ASSERT(EVP_DigestFinal_ex(md, bytes, NULL) == 1);
	if (out)
		memcpy(out->bytes, bytes, sizeof(out->bytes));
}

void digester_finish(struct digester *d, struct digest *header, struct digest *content)
{
	if (d->any && d->last != '\n')
		feed(d->content, "\n", 1);
	flush_header(d);
	finish(d->header, header);
	finish(d->content, content);
}

/*
 * The BIO through which OpenSSL reads and writes the stream below.
 */
#include <string.h>

#include "net/tls_impl.h"

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

BIO_METHOD *tls_bio_method(void)
{
	BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");

	ASSERT(method);
	BIO_meth_set_read(method, lower_read);
	BIO_meth_set_write(method, lower_write);
	BIO_meth_set_ctrl(method, lower_ctrl);
	return method;
}

BIO *tls_bio(struct tls *tls)
{
	BIO *bio = BIO_new(tls->context->method);

	ASSERT(bio);
	BIO_set_data(bio, tls);
	BIO_set_init(bio, 1);
	return bio;
}

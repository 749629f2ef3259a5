/*
 * Compression on a stream: what goes in at one end comes out at the other, in any pieces; damage is
 * an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/thread.h"
#include "net/net.h"

#define SIZE (600 * 1024)

struct pair {
	struct stream *here, *there;
};

static struct pair open_pair(void)
{
	struct err err = {0};
	struct pair p;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	p.here = net_stream_fds(fds[0], fds[0], 5000);
	p.there = net_stream_fds(fds[1], fds[1], 5000);
	assert_int_equal(net_start_deflate(&p.here, (struct slice){0}, &err), 0);
	return p;
}

static unsigned char *make_data(bool random)
{
	unsigned char *data = malloc(SIZE);
	unsigned seed = 1;

	for (size_t i = 0; i < SIZE; i++) {
		seed = seed * 1103515245 + 12345;
		data[i] = random ? (unsigned char)(seed >> 16) : "a line of text\r\n"[i % 16];
	}
	return data;
}

struct writing {
	struct stream *stream;
	const unsigned char *data;
};

static void *write_all(void *arg)
{
	struct writing *w = arg;
	struct err err = {0};

	for (size_t at = 0, n = 1; at < SIZE; at += n, n = n * 3 % 50000 + 1) {
		if (n > SIZE - at)
			n = SIZE - at;
		if (stream_write(w->stream, w->data + at, n, &err) != 0 ||
			(n % 2 && stream_flush(w->stream, &err) != 0))
			return arg;
	}
	return stream_flush(w->stream, &err) != 0 ? arg : NULL;
}

static void both_ways(void **state)
{
	(void)state;
	for (int random = 0; random < 2; random++) {
		struct pair p = open_pair();
		struct err err = {0};
		unsigned char *data = make_data(random), *got = malloc(SIZE);
		struct writing writing = {p.here, data};
		pthread_t thread;
		void *failed;

		assert_int_equal(net_start_deflate(&p.there, (struct slice){0}, &err), 0);
		assert_int_equal(pthread_create(&thread, NULL, write_all, &writing), 0);
		for (size_t at = 0; at < SIZE;) {
			size_t room = at % 7 ? 100000 : 3;
			ssize_t n = stream_read(
				p.there, got + at, room < SIZE - at ? room : SIZE - at, &err);
			assert_true(n > 0);
			at += (size_t)n;
		}
		pthread_join(thread, &failed);
		assert_null(failed);
		assert_memory_equal(data, got, SIZE);
		free(data);
		free(got);
		stream_close(p.here);
		stream_close(p.there);
	}
}

/* Octets that came with the answer to COMPRESS belong to the compressed data. */
static void read_ahead(void **state)
{
	struct pair p = open_pair();
	struct err err = {0};
	char wire[200], text[20];

	(void)state;
	assert_int_equal(stream_write(p.here, "* OK hello\r\n", 12, &err), 0);
	assert_int_equal(stream_flush(p.here, &err), 0);
	ssize_t n = stream_read(p.there, wire, sizeof(wire), &err);
	assert_true(n > 5);
	assert_int_equal(net_start_deflate(&p.there, (struct slice){wire, (size_t)n}, &err), 0);
	assert_true(stream_pending(p.there));
	assert_int_equal(stream_read(p.there, text, sizeof(text), &err), 12);
	assert_memory_equal(text, "* OK hello\r\n", 12);
	stream_close(p.here);
	assert_int_equal(stream_read(p.there, text, sizeof(text), &err), 0);
	stream_close(p.there);
}

static void damage(void **state)
{
	struct pair p = open_pair();
	struct err err = {0};
	char text[20];

	(void)state;
	assert_int_equal(stream_write(p.there, "\xff\xff\xff\xff no deflate", 15, &err), 0);
	assert_int_equal(stream_flush(p.there, &err), 0);
	assert_int_equal(stream_read(p.here, text, sizeof(text), &err), -1);
	assert_int_equal(err.kind, ERR_PROTO);
	stream_close(p.here);
	stream_close(p.there);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ways),
		cmocka_unit_test(read_ahead),
		cmocka_unit_test(damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

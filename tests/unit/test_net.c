/*
 * Streams over descriptors, racing connections and tunnel commands. Peers are threads of this
 * program on 127.0.0.1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "net/net.h"
#include "net/pin.h"
#include "net/tcp.h"

#define BIG ((size_t)8 * 1024 * 1024)

/* ---- helpers ---- */

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("\"%s\" does not have \"%s\"", text, part);
}

static void assert_error(const struct err *err, enum err_kind kind, const char *part)
{
	if (err->kind != kind)
		fail_msg("kind %d, not %d: %s", (int)err->kind, (int)kind, err->msg);
	assert_has(err->msg, part);
}

static void send_text(struct stream *s, const char *text)
{
	struct err err = {0};

	if (stream_write(s, text, strlen(text), &err) || stream_flush(s, &err))
		fail_msg("cannot send: %s", err.msg);
}

static void expect_text(struct stream *s, const char *text)
{
	struct err err = {0};
	char got[256] = "";
	size_t n = 0;
	ssize_t part;

	while (n < strlen(text)) {
		part = stream_read(s, got + n, strlen(text) - n, &err);
		if (part <= 0)
			fail_msg("read %zd: %s", part, err.msg);
		n += (size_t)part;
	}
	assert_string_equal(got, text);
}

static void expect_end(struct stream *s)
{
	struct err err = {0};
	char c;

	if (stream_read(s, &c, 1, &err) != 0)
		fail_msg("no end: %s", err.msg);
}

/* A stream on one end of a socket pair; *PEER is the other end. */
static struct stream *pair_stream(int *peer, unsigned timeout_ms)
{
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	*peer = fds[1];
	return net_stream_fds(fds[0], fds[0], timeout_ms);
}

/* A socket on 127.0.0.1, bound, perhaps listening. */
static int local_socket(bool listening, int backlog, uint16_t *port)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	if (listening)
		assert_int_equal(listen(fd, backlog), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	*port = ntohs(address.sin_port);
	return fd;
}

/* ---- streams over descriptors ---- */

static void test_flush_sends(void **state UNUSED)
{
	struct err err = {0};
	char got[16];
	int peer;
	struct stream *s = pair_stream(&peer, 1000);

	assert_int_equal(stream_write(s, "hel", 3, &err), 0);
	assert_int_equal(stream_write(s, "lo", 2, &err), 0);
	assert_int_equal(recv(peer, got, sizeof(got), MSG_DONTWAIT), -1);
	assert_int_equal(stream_flush(s, &err), 0);
	assert_int_equal(recv(peer, got, sizeof(got), MSG_DONTWAIT), 5);
	assert_memory_equal(got, "hello", 5);

	/* What was not flushed never leaves. */
	assert_int_equal(stream_write(s, "lost", 4, &err), 0);
	stream_close(s);
	assert_int_equal(recv(peer, got, sizeof(got), 0), 0);
	close(peer);
}

static void test_send_last(void **state UNUSED)
{
	static const struct {
		const char *name, *unflushed, *got;
	} rows[] = {
		{"nothing waits", "", "bye"},
		{"something waits", "cmd", ""},
	};
	struct err err = {0};
	char got[16];
	struct stream *s;
	ssize_t n;
	int peer;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		s = pair_stream(&peer, 1000);
		assert_int_equal(
			stream_write(s, rows[i].unflushed, strlen(rows[i].unflushed), &err), 0);
		stream_send_last(s, "bye", 3);
		stream_close(s);
		n = recv(peer, got, sizeof(got), 0);
		if (n != (ssize_t)strlen(rows[i].got) || memcmp(got, rows[i].got, (size_t)n) != 0)
			fail_msg("%s: got %zd bytes", rows[i].name, n);
		close(peer);
	}
}

static void test_pending(void **state UNUSED)
{
	struct err err = {0};
	char c;
	int peer;
	struct stream *s = pair_stream(&peer, 1000);

	assert_false(stream_pending(s));
	assert_int_equal(write(peer, "ab", 2), 2);
	assert_int_equal(stream_read(s, &c, 1, &err), 1);
	assert_true(stream_pending(s));
	assert_int_equal(stream_read(s, &c, 1, &err), 1);
	assert_int_equal(c, 'b');
	assert_false(stream_pending(s));
	close(peer);
	expect_end(s);
	stream_close(s);
}

static void test_silence(void **state UNUSED)
{
	struct err err = {0};
	int64_t begin = clock_ms();
	char c;
	int peer;
	struct stream *s = pair_stream(&peer, 150);

	assert_int_equal(stream_read(s, &c, 1, &err), -1);
	assert_error(&err, ERR_NET, "no answer for");
	assert_in_range(clock_ms() - begin, 140, 2000);
	stream_close(s);
	close(peer);
}

/* A layer above that makes nothing of what it reads (empty blocks of DEFLATE, tickets of TLS) reads
 * again at once: who always sends must not keep it beyond the deadline. */
static void test_late(void **state UNUSED)
{
	struct err err = {0};
	char c;
	int peer;
	struct stream *s = pair_stream(&peer, 1000);

	assert_int_equal(write(peer, "abc", 3), 3);
	stream_set_deadline(s, clock_ms() - 1);
	assert_int_equal(stream_read(s, &c, 1, &err), -1);
	assert_error(&err, ERR_NET, "takes too long");
	stream_set_deadline(s, INT64_MAX);
	expect_text(s, "abc");
	stream_close(s);
	close(peer);
}

static void test_peer_takes_nothing(void **state UNUSED)
{
	struct err err = {0};
	char *data = xcalloc(1, BIG);
	int peer;
	struct stream *s = pair_stream(&peer, 150);

	assert_int_equal(stream_write(s, data, BIG, &err), -1);
	assert_error(&err, ERR_NET, "takes no data");
	stream_close(s);
	close(peer);
	free(data);
}

static void test_peer_gone(void **state UNUSED)
{
	struct err err = {0};
	int peer;
	struct stream *s = pair_stream(&peer, 1000);

	close(peer);
	assert_int_equal(stream_write(s, "x", 1, &err), 0);
	assert_int_equal(
		stream_flush(s, &err), -1); /* and no SIGPIPE, which would end this program */
	assert_error(&err, ERR_NET, "broke while writing");
	stream_close(s);
}

static void *echo_big(void *arg)
{
	int fd = *(int *)arg;
	char *data = xmalloc(BIG);
	size_t n = 0;
	ssize_t part;

	while (n < BIG && (part = read(fd, data + n, BIG - n)) > 0)
		n += (size_t)part;
	for (n = 0; n < BIG && (part = write(fd, data + n, BIG - n)) > 0;)
		n += (size_t)part;
	close(fd);
	free(data);
	return NULL;
}

static void test_big(void **state UNUSED)
{
	char *sent = xmalloc(BIG), *got = xmalloc(BIG);
	struct err err = {0};
	pthread_t thread;
	size_t n, part;
	ssize_t rc;
	int peer;
	struct stream *s = pair_stream(&peer, 5000);

	for (n = 0; n < BIG; n++)
		sent[n] = (char)(n * 2654435761U >> 13);
	thread_start(&thread, "echo", echo_big, &peer);

	/* Pieces of many sizes, below and above the buffer. */
	for (n = 0, part = 1; n < BIG; n += part, part = part * 3 % 100003 + 1) {
		if (part > BIG - n)
			part = BIG - n;
		assert_int_equal(stream_write(s, sent + n, part, &err), 0);
	}
	assert_int_equal(stream_flush(s, &err), 0);
	for (n = 0, part = 1; n < BIG; n += (size_t)rc, part = part * 3 % 100003 + 1) {
		rc = stream_read(s, got + n, part > BIG - n ? BIG - n : part, &err);
		assert_true(rc > 0);
	}
	assert_memory_equal(sent, got, BIG);
	expect_end(s);

	stream_close(s);
	thread_join(thread);
	free(sent);
	free(got);
}

/* ---- connecting ---- */

static struct net_context *plain_context(struct net_options *options)
{
	struct err err = {0};
	struct net_context *context;

	options->tls = NET_TLS_NONE;
	if (options->timeout_ms == 0)
		options->timeout_ms = 3000;
	context = net_context_new(options, &err);
	assert_non_null(context);
	return context;
}

/* "localhost" is ::1 first in most places, where nobody listens. */
static void test_dial(void **state UNUSED)
{
	static const char *const hosts[] = {"127.0.0.1", "localhost"};
	struct net_options options = {0};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;
	int listener = local_socket(true, 5, &options.port), peer;
	size_t i;

	for (i = 0; i < COUNT_OF(hosts); i++) {
		options.host = hosts[i];
		context = plain_context(&options);
		if (net_dial(context, &s, &err))
			fail_msg("%s: %s", hosts[i], err.msg);
		peer = accept(listener, NULL, NULL);
		assert_int_equal(write(peer, "* OK\r\n", 6), 6);
		expect_text(s, "* OK\r\n");
		stream_close(s);
		close(peer);
		net_context_free(context);
	}
	close(listener);
}

static void test_dial_fails(void **state UNUSED)
{
	struct net_options options = {.timeout_ms = 2000};
	uint16_t closed_port;
	int closed = local_socket(
		false, 0, &closed_port); /* bound: nobody else gets this port meanwhile */
	const struct {
		const char *host;
		const char *part;
	} rows[] = {
		{"127.0.0.1", "127.0.0.1: Connection refused"},
		{"localhost", "cannot connect to localhost port"},
		{"no-such-host.invalid", "no-such-host.invalid"},
		{"", "\"\""},
	};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		options.host = rows[i].host;
		options.port = closed_port;
		context = plain_context(&options);
		assert_int_equal(net_dial(context, &s, &err), -1);
		assert_null(s);
		assert_error(&err, ERR_OFFLINE, rows[i].part);
		net_context_free(context);
	}
	close(closed);
}

/*
 * Addresses that swallow every SYN, as a dead host does: listeners whose queue is full.
 */
struct dead {
	int listener;
	int fillers[4];
	uint16_t port;
};

static void dead_init(struct dead *dead)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	size_t i;

	dead->listener = local_socket(true, 0, &dead->port);
	address.sin_port = htons(dead->port);
	for (i = 0; i < COUNT_OF(dead->fillers); i++) {
		dead->fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)!connect(dead->fillers[i], (struct sockaddr *)&address, sizeof(address));
	}
	usleep(50000);
}

static void dead_fini(struct dead *dead)
{
	size_t i;

	for (i = 0; i < COUNT_OF(dead->fillers); i++)
		close(dead->fillers[i]);
	close(dead->listener);
}

static void test_race(void **state UNUSED)
{
	enum { DEAD, REFUSED, ALIVE };
	static const struct {
		const char *name;
		int kinds[4];
		unsigned count;
		int64_t least, most; /* milliseconds */
		bool wins;
	} rows[] = {
		{"alive", {ALIVE}, 1, 0, 1000, true},
		{"refused, alive", {REFUSED, ALIVE}, 2, 0, 240, true},
		{"dead, alive", {DEAD, ALIVE}, 2, 240, 900, true},
		{"dead, refused, alive", {DEAD, REFUSED, ALIVE}, 3, 240, 900, true},
		{"dead, dead, alive", {DEAD, DEAD, ALIVE}, 3, 490, 1400, true},
		{"dead, dead", {DEAD, DEAD}, 2, 1400, 2500, false},
		{"refused, refused", {REFUSED, REFUSED}, 2, 0, 1000, false},
	};
	struct sockaddr_in addresses[4];
	struct addrinfo list[4];
	struct dead dead;
	struct err err = {0};
	uint16_t ports[3];
	int refused = local_socket(false, 0, &ports[REFUSED]),
	    alive = local_socket(true, 16, &ports[ALIVE]), fd;
	int64_t begin, took;
	size_t i;
	unsigned k;

	dead_init(&dead);
	ports[DEAD] = dead.port;
	for (i = 0; i < COUNT_OF(rows); i++) {
		for (k = 0; k < rows[i].count; k++) {
			addresses[k] = (struct sockaddr_in){.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				.sin_port = htons(ports[rows[i].kinds[k]])};
			list[k] = (struct addrinfo){.ai_family = AF_INET,
				.ai_addr = (struct sockaddr *)&addresses[k],
				.ai_addrlen = sizeof(addresses[k]),
				.ai_next = k + 1 < rows[i].count ? &list[k + 1] : NULL};
		}
		begin = clock_ms();
		fd = net_race(list, begin + 1500, &err);
		took = clock_ms() - begin;
		if ((fd >= 0) != rows[i].wins)
			fail_msg("%s: socket %d: %s", rows[i].name, fd, err.msg);
		if (took < rows[i].least || took > rows[i].most)
			fail_msg("%s: took %lld ms", rows[i].name, (long long)took);
		if (!rows[i].wins)
			assert_error(
				&err, ERR_NET, rows[i].kinds[0] == DEAD ? "no answer" : "refused");
		if (fd >= 0)
			close(fd);
	}
	dead_fini(&dead);
	close(refused);
	close(alive);
}

/* IPv6 goes first whatever the resolver says; a refused one costs no waiting. */
static void test_race_order(void **state UNUSED)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct sockaddr_in6 v6 = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT, .sin6_port = htons(1)};
	struct addrinfo second = {
		.ai_family = AF_INET6, .ai_addr = (struct sockaddr *)&v6, .ai_addrlen = sizeof(v6)};
	struct addrinfo first = {.ai_family = AF_INET,
		.ai_addr = (struct sockaddr *)&v4,
		.ai_addrlen = sizeof(v4),
		.ai_next = &second};
	struct err err = {0};
	uint16_t port;
	int closed = local_socket(false, 0, &port);

	v4.sin_port = htons(port);
	assert_int_equal(net_race(&first, clock_ms() + 1000, &err), -1);
	assert_int_equal(strncmp(err.msg, "::1: ", 5), 0);
	assert_has(err.msg, "; 127.0.0.1: Connection refused");
	close(closed);
}

/* ---- tunnels ---- */

static struct stream *open_tunnel(
	char *const *argv, unsigned timeout_ms, struct net_context **context)
{
	static struct net_options options;
	struct err err = {0};
	struct stream *s;

	options = (struct net_options){.tunnel = argv, .timeout_ms = timeout_ms};
	*context = plain_context(&options);
	if (net_dial(*context, &s, &err))
		fail_msg("%s: %s", argv[0], err.msg);
	return s;
}

/* Close, and demand that it took between LEAST and MOST milliseconds and left no child. */
static void close_tunnel(struct stream *s, struct net_context *context, int64_t least, int64_t most)
{
	int64_t begin = clock_ms();

	stream_close(s);
	net_context_free(context);
	assert_in_range(clock_ms() - begin, least, most);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void test_tunnel_cat(void **state UNUSED)
{
	char *const argv[] = {"cat", NULL};
	struct net_context *context;
	struct stream *s = open_tunnel(argv, 3000, &context);

	send_text(s, "hello\r\n");
	expect_text(s, "hello\r\n");
	close_tunnel(s, context, 0, 1000);
}

static void test_tunnel_ends(void **state UNUSED)
{
	static const struct {
		const char *name;
		char *const argv[4];
		ssize_t read;
		const char *part;
	} rows[] = {
		{"status 1", {"false", NULL}, -1, "\"false\" ended with exit status 1"},
		{"status 7", {"sh", "-c", "exit 7", NULL}, -1, "\"sh\" ended with exit status 7"},
		{"signal", {"sh", "-c", "kill -9 $$", NULL}, -1, "\"sh\" was ended by signal 9"},
		{"status 0", {"true", NULL}, 0, ""},
		{"output closed", {"sh", "-c", "exec >&-; cat >/dev/null", NULL}, 0, ""},
	};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;
	size_t i;
	char c;

	for (i = 0; i < COUNT_OF(rows); i++) {
		s = open_tunnel(rows[i].argv, 3000, &context);
		if (stream_read(s, &c, 1, &err) != rows[i].read)
			fail_msg("%s: %s", rows[i].name, err.msg);
		if (rows[i].read < 0)
			assert_error(&err, ERR_NET, rows[i].part);
		close_tunnel(s, context, 0, 1000);
	}
}

static void test_tunnel_write_after_end(void **state UNUSED)
{
	char *const argv[] = {"sh", "-c", "exit 3", NULL};
	struct net_context *context;
	struct err err = {0};
	struct stream *s = open_tunnel(argv, 3000, &context);
	int rc = 0, i;

	for (i = 0; i < 100 && rc == 0; i++) {
		assert_int_equal(stream_write(s, "x", 1, &err), 0);
		rc = stream_flush(s, &err);
		usleep(20000);
	}
	assert_int_equal(rc, -1);
	assert_error(&err, ERR_NET, "exit status 3");
	close_tunnel(s, context, 0, 1000);
}

static void test_no_host(void **state UNUSED)
{
	struct net_options options = {0};
	struct net_context *context = plain_context(&options);
	struct err err = {0};
	struct stream *s;

	assert_int_equal(net_dial(context, &s, &err), -1);
	assert_null(s);
	assert_error(&err, ERR_CONFIG, "server.host");
	net_context_free(context);
}

static void test_tunnel_missing(void **state UNUSED)
{
	char *const missing[] = {"/nonexistent/command", NULL}, *const folder[] = {"/", NULL};
	char *const *const rows[] = {missing, folder};
	struct net_options options = {0};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		options.tunnel = rows[i];
		context = plain_context(&options);
		assert_int_equal(net_dial(context, &s, &err), -1);
		assert_null(s);
		assert_error(&err, ERR_CONFIG, "cannot start the tunnel command");
		net_context_free(context);
	}
}

static void test_tunnel_silent(void **state UNUSED)
{
	char *const argv[] = {"cat", NULL};
	struct net_context *context;
	struct err err = {0};
	struct stream *s = open_tunnel(argv, 150, &context);
	char c;

	assert_int_equal(stream_read(s, &c, 1, &err), -1);
	assert_error(&err, ERR_NET, "no answer");
	close_tunnel(s, context, 0, 1000);
}

/* Closing waits 2 s for a command that stays, one more after SIGTERM, and not a moment after
 * SIGKILL. */
static void test_tunnel_stays(void **state UNUSED)
{
	char *const stays[] = {"sleep", "60", NULL};
	char *const stubborn[] = {"sh", "-c", "trap '' TERM; echo ready; exec sleep 60", NULL};
	struct net_context *context;
	struct stream *s = open_tunnel(stays, 1000, &context);

	close_tunnel(s, context, 1950, 2800);
	s = open_tunnel(stubborn, 3000, &context);
	expect_text(s, "ready\n");
	close_tunnel(s, context, 2950, 4000);
}

/* The first cat sees its end although a second command was started meanwhile: that one has no copy
 * of its pipes. */
static void test_tunnels_share_nothing(void **state UNUSED)
{
	char *const argv[] = {"cat", NULL};
	struct net_context *contexts[2];
	struct stream *first = open_tunnel(argv, 3000, &contexts[0]);
	struct stream *second = open_tunnel(argv, 3000, &contexts[1]);
	int64_t begin = clock_ms();

	stream_close(first);
	assert_in_range(clock_ms() - begin, 0, 1000);
	net_context_free(contexts[0]);
	close_tunnel(second, contexts[1], 0, 1000);
}

/* No signal is blocked or ignored in the command; those above 31 are libc's affair. */
static void test_tunnel_signals(void **state UNUSED)
{
	static const char script[] =
		"for m in $(sed -n 's/^Sig[BI][lg][kn]:.//p' /proc/self/status); do "
		"printf '%d ' $((0x$m & 0x7fffffff)); done";
	char *const argv[] = {"sh", "-c", (char *)script, NULL};
	struct net_context *context;
	struct stream *s;
	sigset_t block, before;

	sigfillset(&block);
	pthread_sigmask(SIG_SETMASK, &block, &before);
	s = open_tunnel(argv, 3000, &context);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	expect_text(s, "0 0 ");
	close_tunnel(s, context, 0, 1000);
}

/* ---- pins ---- */

static void test_pin(void **state UNUSED)
{
	static const char good[] =
		"sha256:00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";
	static const char *const bad[] = {
		"",
		"sha256:",
		"sha1:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
		"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeef",
		"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff0",
		"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeefg",
	};
	struct pin pin;
	char text[PIN_TEXT_SIZE];
	size_t i;

	assert_true(pin_parse(good, &pin));
	assert_string_equal(pin_text(&pin, text),
		"sha256:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff");
	for (i = 0; i < COUNT_OF(bad); i++) {
		if (pin_parse(bad[i], &pin))
			fail_msg("accepted: \"%s\"", bad[i]);
	}
}

/* ---- cancelling: last, for it is for good ---- */

static void *cancel_soon(void *arg UNUSED)
{
	usleep(150000);
	cancel_request();
	return NULL;
}

static void test_cancel(void **state UNUSED)
{
	struct err err = {0};
	int64_t begin = clock_ms();
	pthread_t thread;
	struct dead dead;
	struct addrinfo *addresses;
	char c;
	int peer;
	struct stream *s = pair_stream(&peer, 30000);

	dead_init(&dead);
	thread_start(&thread, "cancel", cancel_soon, NULL);
	assert_int_equal(stream_read(s, &c, 1, &err), -1);
	assert_error(&err, ERR_CANCELLED, "");
	assert_in_range(clock_ms() - begin, 100, 5000);
	thread_join(thread);

	assert_int_equal(net_tcp_connect("127.0.0.1", dead.port, 30000, &err), -1);
	assert_error(&err, ERR_CANCELLED, "");
	assert_int_equal(
		net_resolve("no-such-host.invalid", 1, clock_ms() + 30000, &addresses, &err), -1);
	assert_error(&err, ERR_CANCELLED, "");
	assert_in_range(clock_ms() - begin, 100, 10000);
	stream_close(s);
	close(peer);
	dead_fini(&dead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flush_sends),
		cmocka_unit_test(test_send_last),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_late),
		cmocka_unit_test(test_peer_takes_nothing),
		cmocka_unit_test(test_peer_gone),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_dial),
		cmocka_unit_test(test_dial_fails),
		cmocka_unit_test(test_race),
		cmocka_unit_test(test_race_order),
		cmocka_unit_test(test_tunnel_cat),
		cmocka_unit_test(test_tunnel_ends),
		cmocka_unit_test(test_tunnel_write_after_end),
		cmocka_unit_test(test_no_host),
		cmocka_unit_test(test_tunnel_missing),
		cmocka_unit_test(test_tunnel_silent),
		cmocka_unit_test(test_tunnel_stays),
		cmocka_unit_test(test_tunnels_share_nothing),
		cmocka_unit_test(test_tunnel_signals),
		cmocka_unit_test(test_pin),
		cmocka_unit_test(test_cancel),
	};

	signal(SIGPIPE, SIG_IGN); /* as main() does, for pipes */
	cancel_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}

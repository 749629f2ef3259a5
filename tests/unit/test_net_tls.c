/*
 * TLS against servers in threads of this program, with certificates made here: whom we trust, how
 * connections end, and that sessions are resumed. With the argument "relay PORT" this program is a
 * tunnel command.
 */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/thread.h"
#include "net/net.h"
#include "net/pin.h"

#define DAY (24L * 60 * 60)
#define BIG ((size_t)4 * 1024 * 1024)

/* ---- certificates ---- */

struct identity {
	EVP_PKEY *key;
	X509 *cert;
};

/* What a certificate says. { 0 }: nothing but a key, valid now. */
struct spec {
	const char *cn;       /* NULL: "test" */
	const char *san;      /* "DNS:a,IP:b"; NULL: none */
	bool expired, future; /* else valid now */
	bool self_signed;     /* else by the test's CA */
	bool ca;
	const char *usage; /* extended key usage; NULL: none */
	const char *nul;   /* a DNS name: this, a NUL, and ".evil.example"; NULL: none */
	const struct identity
		*by; /* signed by this one, which the server shows, too; NULL: see above */
};

static struct identity ca; /* signs */
static char folder[] = "/tmp/test_net_tls.XXXXXX";
static char ca_file[64]; /* PEM of ca */

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, cert, cert, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	assert_int_equal(X509_add_ext(cert, extension, -1), 1);
	X509_EXTENSION_free(extension);
}

/* CVE-2009-2666: a name that ends early for who reads it as a C string. */
static void add_nul_name(X509 *cert, const char *name)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	GENERAL_NAME *one = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();
	char bytes[100];
	int n = snprintf(bytes, sizeof(bytes), "%s%c.evil.example", name, 0);

	ASN1_STRING_set(text, bytes, n);
	GENERAL_NAME_set0_value(one, GEN_DNS, text);
	sk_GENERAL_NAME_push(names, one);
	assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0), 1);
	GENERAL_NAMES_free(names);
}

static struct identity identity_new(const struct spec *spec)
{
	static long serial = 1;
	struct identity id = {.key = EVP_EC_gen("P-256"), .cert = X509_new()};
	const struct identity *by = spec->by ? spec->by : spec->self_signed ? &id : &ca;
	const char *cn = spec->cn ? spec->cn : "test";

	assert_non_null(id.key);
	X509_set_version(id.cert, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(id.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(id.cert), spec->future ? DAY : -10 * DAY);
	X509_gmtime_adj(X509_getm_notAfter(id.cert), spec->expired ? -DAY : 10 * DAY);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(id.cert), "CN", MBSTRING_UTF8,
		(const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(id.cert, X509_get_subject_name(by->cert));
	X509_set_pubkey(id.cert, id.key);
	add_extension(id.cert, NID_basic_constraints, spec->ca ? "critical,CA:TRUE" : "CA:FALSE");
	if (spec->san)
		add_extension(id.cert, NID_subject_alt_name, spec->san);
	if (spec->usage)
		add_extension(id.cert, NID_ext_key_usage, spec->usage);
	if (spec->nul)
		add_nul_name(id.cert, spec->nul);
	assert_true(X509_sign(id.cert, by->key, EVP_sha256()) > 0);
	return id;
}

static void identity_free(struct identity *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
	*id = (struct identity){0};
}

/* Write what is not NULL to folder/NAME; the path goes to OUT. */
static const char *write_pem(
	const char *name, X509 *cert, EVP_PKEY *key, const char *passphrase, char *out, size_t size)
{
	FILE *file;

	snprintf(out, size, "%s/%s", folder, name);
	file = fopen(out, "w");
	assert_non_null(file);
	if (cert)
		assert_int_equal(PEM_write_X509(file, cert), 1);
	if (key)
		assert_int_equal(
			PEM_write_PrivateKey(file, key, passphrase ? EVP_aes_128_cbc() : NULL, NULL,
				0, NULL, (void *)passphrase),
			1);
	fclose(file);
	return out;
}

static const char *identity_pin(const struct identity *id, char *out)
{
	unsigned char *der = NULL;
	struct pin pin;
	int n = i2d_PUBKEY(id->key, &der);

	assert_true(n > 0);
	assert_int_equal(EVP_Digest(der, (size_t)n, pin.digest, NULL, EVP_sha256(), NULL), 1);
	OPENSSL_free(der);
	return pin_text(&pin, out);
}

/* ---- the server ---- */

enum behaviour {
	ECHO,      /* sends back what comes, until the end */
	COUNT_BIG, /* takes BIG bytes, then sends BIG */
	HELLO,     /* "hello", then a clean end */
	CUT,       /* "hello", then closes the socket without close_notify */
	SILENT,    /* never answers the handshake */
	PLAIN,     /* speaks without TLS */
	TRICKLE,   /* announces a big record and sends a byte now and then */
};

#define SEEN_MAX 64

struct server {
	/* set by the test */
	enum behaviour behaviour;
	int least, most;        /* TLS versions, 0: any */
	bool wants_certificate; /* of the client, by the test's CA */
	unsigned connections;   /* served one after the other, then it ends */
	X509 *also;             /* the certificate behind its own; NULL: none */
	/* filled by server_start() */
	const struct identity *id;
	SSL_CTX *ssl;
	int listener;
	uint16_t port;
	pthread_t thread;
	/* what it saw, for each connection; read after server_join() */
	struct seen {
		bool connected; /* the handshake ended well */
		bool reused;
		bool close_notify; /* came from the client */
		char sni[64];
	} seen[SEEN_MAX];
};

static void serve_echo(SSL *ssl)
{
	char data[4096];
	int n;

	while ((n = SSL_read(ssl, data, sizeof(data))) > 0) {
		if (SSL_write(ssl, data, n) <= 0)
			return;
	}
}

static void serve_big(SSL *ssl)
{
	char data[5000] = {0};
	size_t left;
	int n;

	for (left = BIG; left > 0; left -= (size_t)n) {
		n = SSL_read(ssl, data, sizeof(data));
		if (n <= 0)
			return;
	}
	for (left = BIG; left > 0; left -= (size_t)n) {
		n = SSL_write(ssl, data, left < sizeof(data) ? (int)left : (int)sizeof(data));
		if (n <= 0)
			return;
	}
	serve_echo(ssl);
}

static void serve_tls(struct server *server, int fd, struct seen *seen)
{
	SSL *ssl = SSL_new(server->ssl);
	const char *sni;

	SSL_set_fd(ssl, fd);
	if (SSL_accept(ssl) == 1) {
		seen->connected = true;
		seen->reused = SSL_session_reused(ssl);
		sni = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
		snprintf(seen->sni, sizeof(seen->sni), "%s", sni ? sni : "");
		if (server->behaviour == ECHO)
			serve_echo(ssl);
		else if (server->behaviour == COUNT_BIG)
			serve_big(ssl);
		else
			SSL_write(ssl, "hello", 5);
		seen->close_notify = SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN;
		if (server->behaviour != CUT)
			SSL_shutdown(ssl);
	}
	ERR_clear_error();
	SSL_free(ssl);
}

static void serve_raw(enum behaviour behaviour, int fd)
{
	char data[4096];
	int i;

	if (behaviour == PLAIN)
		(void)!write(fd, "* OK ready\r\n", 12);
	if (behaviour == TRICKLE)
		(void)!write(fd, "\x16\x03\x03\x40\x00", 5);
	for (i = 0; behaviour == TRICKLE && i < 100; i++) {
		if (send(fd, "\x02", 1, MSG_NOSIGNAL) < 0)
			break;
		usleep(50000);
	}
	while (read(fd, data, sizeof(data)) > 0)
		;
}

static void *server_main(void *arg)
{
	struct server *server = arg;
	unsigned i;
	int fd;

	for (i = 0; i < server->connections; i++) {
		fd = accept(server->listener, NULL, NULL);
		if (fd < 0)
			break;
		if (server->behaviour == SILENT || server->behaviour == PLAIN ||
			server->behaviour == TRICKLE)
			serve_raw(server->behaviour, fd);
		else
			serve_tls(server, fd, &server->seen[i]);
		close(fd);
	}
	return NULL;
}

static void server_set_rules(struct server *server)
{
	SSL_CTX *ssl = server->ssl;

	assert_int_equal(SSL_CTX_use_certificate(ssl, server->id->cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ssl, server->id->key), 1);
	if (server->also)
		assert_int_equal(SSL_CTX_add1_chain_cert(ssl, server->also), 1);
	assert_int_equal(SSL_CTX_set_session_id_context(ssl, (const unsigned char *)"test", 4), 1);
	if (server->least) {
		SSL_CTX_set_security_level(ssl, 0);
		SSL_CTX_set_min_proto_version(ssl, server->least);
	}
	if (server->most)
		SSL_CTX_set_max_proto_version(ssl, server->most);
	if (server->wants_certificate) {
		assert_int_equal(SSL_CTX_load_verify_file(ssl, ca_file), 1);
		SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	}
}

static void server_start(struct server *server, const struct identity *id)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);

	server->id = id;
	if (server->connections == 0)
		server->connections = 1;
	assert_true(server->connections <= SEEN_MAX);
	server->ssl = SSL_CTX_new(TLS_server_method());
	server_set_rules(server);
	server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(server->listener, SEEN_MAX), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
	server->port = ntohs(address.sin_port);
	thread_start(&server->thread, "server", server_main, server);
}

/* Waits until all its connections are served. */
static void server_join(struct server *server)
{
	thread_join(server->thread);
	close(server->listener);
	SSL_CTX_free(server->ssl);
}

/* ---- the client ---- */

static int connect_local(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static struct net_context *context_new(const struct net_options *options)
{
	struct err err = {0};
	struct net_context *context = net_context_new(options, &err);

	if (!context)
		fail_msg("context: %s", err.msg);
	return context;
}

/* TLS to a port on this machine whatever the name that is asked for. NULL and ERR if refused. */
static struct stream *start_tls(struct net_context *context, uint16_t port, struct err *err)
{
	int fd = connect_local(port);
	struct stream *s = net_stream_fds(fd, fd, 3000);

	if (net_start_tls(context, &s, err) == 0)
		return s;
	assert_null(s);
	return NULL;
}

static void assert_has(const char *row, const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("%s: \"%s\" does not have \"%s\"", row, text, part);
}

/* "ping" there and back. */
static void ping(struct stream *s)
{
	struct err err = {0};
	char got[4];
	size_t n = 0;
	ssize_t part;

	if (stream_write(s, "pi", 2, &err) || stream_write(s, "ng", 2, &err) ||
		stream_flush(s, &err))
		fail_msg("cannot write: %s", err.msg);
	while (n < sizeof(got)) {
		part = stream_read(s, got + n, sizeof(got) - n, &err);
		if (part <= 0)
			fail_msg("read %zd: %s", part, err.msg);
		n += (size_t)part;
	}
	assert_memory_equal(got, "ping", 4);
}

/* ---- trust ---- */

enum pins { NO_PIN, RIGHT_PIN, WRONG_PIN, WRONG_AND_RIGHT_PIN };

static const struct trust_row {
	const char *name;
	struct spec spec;
	struct spec middle; /* of who signs it, and is signed by the CA; no cn: the CA signs it */
	const char *host;
	bool no_ca; /* the system's trust store instead of the test's CA */
	enum pins pins;
	const char *refusal; /* part of the message; NULL: trusted */
} trust_rows[] = {
	{.name = "good chain", .spec.san = "DNS:a.example.org", .host = "a.example.org"},
	{.name = "letter case", .spec.san = "DNS:A.example.org", .host = "a.Example.org"},
	{.name = "final dot", .spec.san = "DNS:a.example.org", .host = "a.example.org."},
	{.name = "second name", .spec.san = "DNS:x.org,DNS:a.example.org", .host = "a.example.org"},
	{.name = "wildcard", .spec.san = "DNS:*.example.org", .host = "a.example.org"},
	{.name = "wildcard two levels",
		.spec.san = "DNS:*.example.org",
		.host = "a.b.example.org",
		.refusal = "mismatch"},
	{.name = "partial wildcard",
		.spec.san = "DNS:a*.example.org",
		.host = "ab.example.org",
		.refusal = "mismatch"},
	{.name = "wrong host",
		.spec.san = "DNS:a.example.org",
		.host = "b.example.org",
		.refusal = "mismatch"},
	{.name = "longer host",
		.spec.san = "DNS:example.org",
		.host = "a.example.org",
		.refusal = "mismatch"},
	{.name = "CN only",
		.spec.cn = "a.example.org",
		.host = "a.example.org",
		.refusal = "mismatch"},
	{.name = "CN beside another name",
		.spec.cn = "a.example.org",
		.spec.san = "IP:127.0.0.1",
		.host = "a.example.org",
		.refusal = "mismatch"},
	{.name = "wildcard for the domain itself",
		.spec.san = "DNS:*.example.org",
		.host = "example.org",
		.refusal = "mismatch"},
	{.name = "wildcard further down",
		.spec.san = "DNS:a.*.org",
		.host = "a.example.org",
		.refusal = "mismatch"},
	{.name = "wildcard for everything",
		.spec.san = "DNS:*",
		.host = "localhost",
		.refusal = "mismatch"},
	{.name = "wildcard for an address",
		.spec.san = "DNS:*.0.0.1",
		.host = "127.0.0.1",
		.refusal = "mismatch"},
	{.name = "name with a NUL",
		.spec.nul = "a.example.org",
		.host = "a.example.org",
		.refusal = "mismatch"},
	{.name = "international name",
		.spec.san = "DNS:xn--bcher-kva.example.org",
		.host = "xn--bcher-kva.example.org"},
	{.name = "wildcard for an international name",
		.spec.san = "DNS:xn--*.example.org",
		.host = "xn--bcher-kva.example.org",
		.refusal = "mismatch"},
	{.name = "certificate of a client",
		.spec = {.san = "DNS:a.example.org", .usage = "clientAuth"},
		.host = "a.example.org",
		.refusal = "purpose"},
	{.name = "by an intermediate CA",
		.spec.san = "DNS:a.example.org",
		.middle = {.cn = "middle", .ca = true},
		.host = "a.example.org"},
	{.name = "by an intermediate CA that has expired", /* CVE-2020-14154 */
		.spec.san = "DNS:a.example.org",
		.middle = {.cn = "middle", .ca = true, .expired = true},
		.host = "a.example.org",
		.refusal = "expired"},
	{.name = "by a certificate that is no CA",
		.spec.san = "DNS:a.example.org",
		.middle = {.cn = "middle"},
		.host = "a.example.org",
		.refusal = "CA"},
	{.name = "address", .spec.san = "IP:127.0.0.1", .host = "127.0.0.1"},
	{.name = "IPv6 address", .spec.san = "IP:::1", .host = "::1"},
	{.name = "wrong address",
		.spec.san = "IP:127.0.0.2",
		.host = "127.0.0.1",
		.refusal = "mismatch"},
	{.name = "address as a name",
		.spec.san = "DNS:127.0.0.1",
		.host = "127.0.0.1",
		.refusal = "mismatch"},
	{.name = "expired",
		.spec = {.san = "DNS:a.example.org", .expired = true},
		.host = "a.example.org",
		.refusal = "expired"},
	{.name = "not yet valid",
		.spec = {.san = "DNS:a.example.org", .future = true},
		.host = "a.example.org",
		.refusal = "not yet valid"},
	{.name = "self-signed",
		.spec = {.san = "DNS:a.example.org", .self_signed = true},
		.host = "a.example.org",
		.refusal = "self-signed"},
	{.name = "unknown CA",
		.spec.san = "DNS:a.example.org",
		.host = "a.example.org",
		.no_ca = true,
		.refusal = "issuer"},
	{.name = "self-signed, right pin",
		.spec = {.san = "DNS:a.example.org", .self_signed = true},
		.host = "a.example.org",
		.no_ca = true,
		.pins = RIGHT_PIN},
	{.name = "all wrong but the pin",
		.spec = {.self_signed = true, .expired = true},
		.host = "b.example.org",
		.no_ca = true,
		.pins = RIGHT_PIN},
	{.name = "second pin",
		.spec.self_signed = true,
		.host = "b.example.org",
		.no_ca = true,
		.pins = WRONG_AND_RIGHT_PIN},
	{.name = "no name, right pin", .spec.self_signed = true, .no_ca = true, .pins = RIGHT_PIN},
	{.name = "self-signed, wrong pin",
		.spec = {.san = "DNS:a.example.org", .self_signed = true},
		.host = "a.example.org",
		.no_ca = true,
		.pins = WRONG_PIN,
		.refusal = "server.pin"},
	{.name = "good chain, wrong pin",
		.spec.san = "DNS:a.example.org",
		.host = "a.example.org",
		.pins = WRONG_PIN,
		.refusal = "server.pin"},
	{.name = "good chain, right pin",
		.spec.san = "DNS:a.example.org",
		.host = "a.example.org",
		.pins = RIGHT_PIN},
};

static void check_refusal(const struct trust_row *row, const struct err *err, const char *pin)
{
	if (!row->refusal)
		fail_msg("%s: refused: %s", row->name, err->msg);
	if (err->kind != ERR_AUTH)
		fail_msg("%s: kind %d: %s", row->name, (int)err->kind, err->msg);
	assert_has(row->name, err->msg, row->refusal);
	assert_has(row->name, err->msg, row->host);
	assert_has(row->name, err->msg, "pin: ");
	assert_has(row->name, err->msg, pin);
}

static void check_trust(const struct trust_row *row, int version)
{
	struct identity middle = row->middle.cn ? identity_new(&row->middle) : (struct identity){0};
	struct spec spec = row->spec;
	spec.by = middle.cert ? &middle : NULL;
	struct identity id = identity_new(&spec);
	struct server server = {
		.behaviour = ECHO, .least = version, .most = version, .also = middle.cert};
	char right[PIN_TEXT_SIZE], wrong[PIN_TEXT_SIZE];
	char *pins[] = {wrong, right};
	struct net_options options = {.host = row->host,
		.tls = NET_TLS_STARTTLS,
		.timeout_ms = 3000,
		.ca_file = row->no_ca ? NULL : ca_file,
		.pins = pins};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;

	identity_pin(&ca, wrong);
	identity_pin(&id, right);
	options.pin_count = row->pins == NO_PIN ? 0 : row->pins == WRONG_AND_RIGHT_PIN ? 2 : 1;
	options.pins = row->pins == RIGHT_PIN ? pins + 1 : pins;
	server_start(&server, &id);
	context = context_new(&options);

	s = start_tls(context, server.port, &err);
	if (s && row->refusal)
		fail_msg("%s: trusted", row->name);
	if (s)
		ping(s);
	else
		check_refusal(row, &err, right);

	stream_close(s);
	net_context_free(context);
	server_join(&server);
	if (s && !server.seen[0].close_notify)
		fail_msg("%s: no close_notify", row->name);
	identity_free(&id);
	identity_free(&middle);
}

static void test_trust(void **state UNUSED)
{
	size_t i;

	for (i = 0; i < COUNT_OF(trust_rows); i++) {
		check_trust(&trust_rows[i], TLS1_3_VERSION);
		check_trust(&trust_rows[i], TLS1_2_VERSION);
	}
}

/* The user may name the server's own certificate as ca_file, though an unknown CA signed it. */
static void test_leaf_as_ca_file(void **state UNUSED)
{
	struct identity id = identity_new(&(struct spec){.san = "DNS:a.example.org"});
	struct server server = {.behaviour = ECHO};
	char file[64];
	struct net_options options = {
		.host = "a.example.org", .tls = NET_TLS_STARTTLS, .timeout_ms = 3000};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;

	options.ca_file = write_pem("leaf.pem", id.cert, NULL, NULL, file, sizeof(file));
	server_start(&server, &id);
	context = context_new(&options);
	s = start_tls(context, server.port, &err);
	if (!s)
		fail_msg("refused: %s", err.msg);
	stream_close(s);
	net_context_free(context);
	server_join(&server);
	identity_free(&id);
}

/* The system's trust store, as the environment names it: a directory, or without one a file. */
static void test_system_trust(void **state UNUSED)
{
	static const struct {
		const char *name, *dir, *file;
		bool trusted;
	} rows[] = {
		{"directory", "hashed", NULL, true},
		{"file without directory", "missing", "ca.pem", true},
		{"file, empty directory", "empty", "ca.pem", true},
		{"neither", "empty", "missing.pem", false},
	};
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	char path[128], dir[64], file[64];
	struct net_options options = {.host = "localhost", .timeout_ms = 3000};
	struct net_context *context;
	struct server server;
	struct err err = {0};
	struct stream *s;
	size_t i;

	snprintf(dir, sizeof(dir), "%s/empty", folder);
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(dir, sizeof(dir), "%s/hashed", folder);
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(path, sizeof(path), "%s/%08lx.0", dir, X509_subject_name_hash(ca.cert));
	assert_int_equal(symlink(ca_file, path), 0);

	for (i = 0; i < COUNT_OF(rows); i++) {
		snprintf(dir, sizeof(dir), "%s/%s", folder, rows[i].dir);
		setenv("SSL_CERT_DIR", dir, 1);
		snprintf(file, sizeof(file), "%s/%s", folder, rows[i].file ? rows[i].file : "");
		unsetenv("SSL_CERT_FILE");
		if (rows[i].file)
			setenv("SSL_CERT_FILE", file, 1);

		context = net_context_new(&options, &err);
		if ((context != NULL) != rows[i].trusted)
			fail_msg("%s: %s", rows[i].name, err.msg);
		if (context) {
			server = (struct server){.behaviour = ECHO};
			server_start(&server, &id);
			options.port = server.port;
			if (net_dial(context, &s, &err))
				fail_msg("%s: %s", rows[i].name, err.msg);
			ping(s);
			stream_close(s);
			server_join(&server);
		} else if (err.kind != ERR_CONFIG) {
			fail_msg("%s: kind %d", rows[i].name, (int)err.kind);
		}
		net_context_free(context);
	}
	unsetenv("SSL_CERT_DIR");
	unsetenv("SSL_CERT_FILE");
	unlink(path);
	identity_free(&id);
}

/* Names are told to the server, addresses not (RFC 6066). */
static void test_sni(void **state UNUSED)
{
	static const char *const rows[][2] = {{"localhost", "localhost"}, {"127.0.0.1", ""}};
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost,IP:127.0.0.1"});
	struct net_options options = {.ca_file = ca_file, .timeout_ms = 3000};
	struct net_context *context;
	struct server server;
	struct err err = {0};
	struct stream *s;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		server = (struct server){.behaviour = ECHO};
		server_start(&server, &id);
		options.host = rows[i][0];
		options.port = server.port;
		context = context_new(&options);
		if (net_dial(context, &s, &err))
			fail_msg("%s: %s", rows[i][0], err.msg);
		ping(s);
		stream_close(s);
		net_context_free(context);
		server_join(&server);
		assert_string_equal(server.seen[0].sni, rows[i][1]);
	}
	identity_free(&id);
}

/* ---- client certificates ---- */

static void test_client_certificate(void **state UNUSED)
{
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	struct identity client = identity_new(&(struct spec){.cn = "alice"});
	int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	char cert[64], key[64], both[64];
	const char *rows[][2] = {{cert, key}, {both, NULL}, {NULL, NULL}};
	struct net_options options = {.host = "localhost", .ca_file = ca_file, .timeout_ms = 3000};
	struct net_context *context;
	struct server server;
	struct stream *s;
	size_t i;
	char c;

	write_pem("client.pem", client.cert, NULL, NULL, cert, sizeof(cert));
	write_pem("client.key", NULL, client.key, NULL, key, sizeof(key));
	write_pem("both.pem", client.cert, client.key, NULL, both, sizeof(both));
	for (i = 0; i < 2 * COUNT_OF(rows); i++) {
		struct err err = {0};

		server = (struct server){
			.behaviour = ECHO, .wants_certificate = true, .most = versions[i % 2]};
		server_start(&server, &id);
		options.port = server.port;
		options.client_cert = rows[i / 2][0];
		options.client_key = rows[i / 2][1];
		context = context_new(&options);
		/* TLS 1.3 tells with the first byte, 1.2 in the handshake. */
		if (net_dial(context, &s, &err) == 0 && options.client_cert)
			ping(s);
		else if (s)
			assert_int_equal(stream_read(s, &c, 1, &err), -1);
		if (err.kind != (options.client_cert ? ERR_NONE : ERR_AUTH) &&
			!(versions[i % 2] == TLS1_2_VERSION &&
				strstr(err.msg, "handshake failure")))
			fail_msg("row %zu: kind %d: %s", i, (int)err.kind, err.msg);
		stream_close(s);
		net_context_free(context);
		server_join(&server);
		assert_int_equal(server.seen[0].connected, options.client_cert != NULL);
	}
	identity_free(&client);
	identity_free(&id);
}

/* ---- settings that can't work ---- */

static void test_bad_settings(void **state UNUSED)
{
	struct identity one = identity_new(&(struct spec){0}),
			other = identity_new(&(struct spec){0});
	char cert[64], key[64], locked[64], empty[64];
	char *bad_pin[] = {"sha256:12"};
	const struct {
		const char *name;
		struct net_options options;
		const char *part;
	} rows[] = {
		{"no ca_file", {.host = "h", .ca_file = "/nonexistent/ca.pem"},
			"server.ca_file: cannot use /nonexistent/ca.pem: No such file"},
		{"empty ca_file", {.host = "h", .ca_file = empty}, empty},
		{"ca_file is a folder", {.host = "h", .ca_file = folder}, folder},
		{"bad pin", {.host = "h", .pins = bad_pin, .pin_count = 1},
			"server.pin: \"sha256:12\""},
		{"no host", {.tunnel = bad_pin}, "server.host"},
		{"no client_cert",
			{.host = "h", .ca_file = ca_file, .client_cert = "/nonexistent/c.pem"},
			"server.client_cert: cannot use /nonexistent/c.pem: No such file"},
		{"no client_key",
			{.host = "h",
				.ca_file = ca_file,
				.client_cert = cert,
				.client_key = "/nonexistent/k"},
			"server.client_key: cannot use /nonexistent/k: No such file"},
		{"no key in client_cert", {.host = "h", .ca_file = ca_file, .client_cert = cert},
			"server.client_cert"},
		{"key without certificate", {.host = "h", .ca_file = ca_file, .client_key = key},
			"without"},
		{"other key",
			{.host = "h", .ca_file = ca_file, .client_cert = cert, .client_key = key},
			"mismatch"},
		{"locked key",
			{.host = "h",
				.ca_file = ca_file,
				.client_cert = cert,
				.client_key = locked},
			locked},
	};
	struct net_context *context;
	size_t i;

	write_pem("one.pem", one.cert, NULL, NULL, cert, sizeof(cert));
	write_pem("other.key", NULL, other.key, NULL, key, sizeof(key));
	write_pem("locked.key", NULL, one.key, "secret", locked, sizeof(locked));
	write_pem("empty.pem", NULL, NULL, NULL, empty, sizeof(empty));
	for (i = 0; i < COUNT_OF(rows); i++) {
		struct err err = {0};

		context = net_context_new(&rows[i].options, &err);
		if (context || err.kind != ERR_CONFIG)
			fail_msg("%s: kind %d: %s", rows[i].name, (int)err.kind, err.msg);
		assert_has(rows[i].name, err.msg, rows[i].part);
	}
	identity_free(&one);
	identity_free(&other);
}

/* ---- how connections fail ---- */

static void test_handshake_fails(void **state UNUSED)
{
	static const struct {
		const char *name;
		enum behaviour behaviour;
		int version;
		const char *part;
	} rows[] = {
		{"silence", SILENT, 0, "TLS handshake: no answer for"},
		{"trickle", TRICKLE, 0, "TLS handshake: not done after"},
		{"no TLS", PLAIN, 0, "this is not TLS"},
		{"TLS 1.1", ECHO, TLS1_1_VERSION, "protocol"},
		{"TLS 1.0", ECHO, TLS1_VERSION, "protocol"},
	};
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	struct net_options options = {.host = "localhost", .ca_file = ca_file, .timeout_ms = 300};
	struct net_context *context;
	struct server server;
	struct stream *s;
	int64_t begin;
	size_t i;

	for (i = 0; i < COUNT_OF(rows); i++) {
		struct err err = {0};

		server = (struct server){.behaviour = rows[i].behaviour,
			.least = rows[i].version,
			.most = rows[i].version};
		server_start(&server, &id);
		options.port = server.port;
		context = context_new(&options);
		begin = clock_ms();
		assert_int_equal(net_dial(context, &s, &err), -1);
		assert_null(s);
		if (err.kind != ERR_NET || clock_ms() - begin > 2000)
			fail_msg("%s: kind %d: %s", rows[i].name, (int)err.kind, err.msg);
		assert_has(rows[i].name, err.msg, rows[i].part);
		net_context_free(context);
		server_join(&server);
	}
	identity_free(&id);
}

/* An end without close_notify may be an attacker's: it is an error, a clean end is not. */
static void test_ends(void **state UNUSED)
{
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct net_options options = {.host = "localhost", .ca_file = ca_file, .timeout_ms = 3000};
	struct net_context *context;
	struct server server;
	struct stream *s;
	char data[16];
	size_t i;
	bool cut;

	for (i = 0; i < 4; i++) {
		struct err err = {0};

		cut = i >= 2;
		server = (struct server){.behaviour = cut ? CUT : HELLO, .most = versions[i % 2]};
		server_start(&server, &id);
		options.port = server.port;
		context = context_new(&options);
		assert_int_equal(net_dial(context, &s, &err), 0);
		assert_int_equal(stream_read(s, data, 3, &err), 3);
		assert_true(stream_pending(s));
		assert_int_equal(stream_read(s, data + 3, 10, &err), 2);
		assert_memory_equal(data, "hello", 5);
		assert_int_equal(stream_read(s, data, 1, &err), cut ? -1 : 0);
		if (cut)
			assert_has("cut", err.msg, "the server cut the connection");
		assert_int_equal(err.kind, cut ? ERR_NET : ERR_NONE);
		if (cut) {
			assert_int_equal(stream_read(s, data, 1, &err), -1);
			assert_int_equal(err.kind, ERR_NET);
		}
		stream_close(s);
		net_context_free(context);
		server_join(&server);
	}
	identity_free(&id);
}

static void test_silence_after_handshake(void **state UNUSED)
{
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	struct server server = {.behaviour = ECHO};
	struct net_options options = {.host = "localhost", .ca_file = ca_file, .timeout_ms = 200};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;
	char c;

	server_start(&server, &id);
	options.port = server.port;
	context = context_new(&options);
	assert_int_equal(net_dial(context, &s, &err), 0);
	assert_int_equal(stream_read(s, &c, 1, &err), -1);
	assert_int_equal(err.kind, ERR_NET);
	assert_has("silence", err.msg, "no answer");
	stream_close(s);
	net_context_free(context);
	server_join(&server);
	identity_free(&id);
}

/* What came before the handshake could be an attacker's. */
static void test_starttls_injection(void **state UNUSED)
{
	struct net_options options = {
		.host = "h", .tls = NET_TLS_STARTTLS, .ca_file = ca_file, .timeout_ms = 1000};
	struct net_context *context = context_new(&options);
	struct err err = {0};
	struct stream *s;
	char data[8];
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	s = net_stream_fds(fds[0], fds[0], 1000);
	assert_int_equal(write(fds[1], "a OK\r\n* BYE\r\n", 13), 13);
	assert_int_equal(stream_read(s, data, 6, &err), 6);
	assert_int_equal(net_start_tls(context, &s, &err), -1);
	assert_null(s);
	assert_int_equal(err.kind, ERR_PROTO);
	close(fds[1]);
	net_context_free(context);
}

/* ---- data ---- */

static void move_big(struct stream *s)
{
	char *data = xcalloc(1, BIG);
	struct err err = {0};
	size_t n, part;
	ssize_t got;

	for (n = 0, part = 1; n < BIG; n += part, part = part * 3 % 50021 + 1) {
		if (part > BIG - n)
			part = BIG - n;
		if (stream_write(s, data + n, part, &err))
			fail_msg("write: %s", err.msg);
	}
	assert_int_equal(stream_flush(s, &err), 0);
	for (n = 0; n < BIG; n += (size_t)got) {
		got = stream_read(s, data, BIG - n, &err);
		if (got <= 0)
			fail_msg("read %zd: %s", got, err.msg);
	}
	ping(s);
	free(data);
}

static void test_big(void **state UNUSED)
{
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	struct server server = {.behaviour = COUNT_BIG};
	struct net_options options = {.host = "localhost", .ca_file = ca_file, .timeout_ms = 5000};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;

	server_start(&server, &id);
	options.port = server.port;
	context = context_new(&options);
	assert_int_equal(net_dial(context, &s, &err), 0);
	move_big(s);
	stream_close(s);
	net_context_free(context);
	server_join(&server);
	assert_true(server.seen[0].close_notify);
	identity_free(&id);
}

/* This program as the tunnel command, TLS through its pipes. */
static void test_tunnel(void **state UNUSED)
{
	struct identity id = identity_new(&(struct spec){.san = "DNS:imap.example.org"});
	struct server server = {.behaviour = COUNT_BIG};
	char port[8];
	char *argv[] = {"/proc/self/exe", "relay", port, NULL};
	struct net_options options = {
		.host = "imap.example.org", .ca_file = ca_file, .timeout_ms = 5000, .tunnel = argv};
	struct net_context *context;
	struct err err = {0};
	struct stream *s;

	server_start(&server, &id);
	snprintf(port, sizeof(port), "%u", (unsigned)server.port);
	context = context_new(&options);
	if (net_dial(context, &s, &err))
		fail_msg("%s", err.msg);
	move_big(s);
	stream_close(s);
	net_context_free(context);
	server_join(&server);
	assert_true(server.seen[0].close_notify);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	identity_free(&id);
}

/* ---- sessions ---- */

static void test_resumption(void **state UNUSED)
{
	int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	struct net_options options = {.host = "localhost", .ca_file = ca_file, .timeout_ms = 3000};
	struct net_context *context;
	struct server server;
	struct err err = {0};
	struct stream *s;
	char data[8];
	size_t i, k;
	bool cut;

	for (i = 0; i < 4; i++) {
		cut = i >= 2; /* the connection after one that broke is resumed as well */
		server = (struct server){
			.behaviour = cut ? CUT : ECHO, .most = versions[i % 2], .connections = 3};
		server_start(&server, &id);
		options.port = server.port;
		context = context_new(&options);
		for (k = 0; k < 3; k++) {
			assert_int_equal(net_dial(context, &s, &err), 0);
			while (cut && stream_read(s, data, sizeof(data), &err) > 0)
				;
			if (!cut)
				ping(s);
			stream_close(s);
		}
		net_context_free(context);
		server_join(&server);
		for (k = 0; k < 3; k++) {
			if (!server.seen[k].connected || server.seen[k].reused != (k > 0))
				fail_msg("row %zu, connection %zu: reused %d", i, k,
					server.seen[k].reused);
		}
	}
	identity_free(&id);
}

/*
 * A session speaks for a server that was verified, in its own context and nowhere else: a server
 * with another key is verified anew, and refused; another account, host or set of pins has a
 * context of its own, to which the first one's session is nothing.
 */
static void test_resumption_is_no_way_in(void **state UNUSED)
{
	struct identity good = identity_new(&(struct spec){.san = "DNS:localhost"});
	struct identity other =
		identity_new(&(struct spec){.san = "DNS:localhost", .self_signed = true});
	int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	char pin[PIN_TEXT_SIZE];
	char *pins[] = {pin};
	struct net_options options = {.host = "localhost",
		.tls = NET_TLS_STARTTLS,
		.ca_file = ca_file,
		.timeout_ms = 3000};
	struct net_options pinned = options, elsewhere = options, strangers = options;

	identity_pin(&ca, pin);
	pinned.pins = pins;
	pinned.pin_count = 1;
	elsewhere.host = "b.example.org";
	strangers.ca_file = NULL;
	for (size_t i = 0; i < COUNT_OF(versions); i++) {
		const struct net_options *refused[] = {&pinned, &elsewhere, &strangers};
		struct server server = {.behaviour = ECHO, .most = versions[i], .connections = 5};
		struct server impostor = {.behaviour = ECHO, .most = versions[i]};
		struct net_context *context = context_new(&options);
		struct err err = {0};
		struct stream *s;

		server_start(&server, &good);
		server_start(&impostor, &other);
		for (size_t k = 0; k < 2; k++) {
			s = start_tls(context, server.port, &err);
			assert_non_null(s);
			ping(s);
			stream_close(s);
		}
		assert_null(start_tls(context, impostor.port, &err));
		assert_int_equal(err.kind, ERR_AUTH);
		for (size_t k = 0; k < COUNT_OF(refused); k++) {
			struct net_context *another = context_new(refused[k]);

			assert_null(start_tls(another, server.port, &err));
			assert_int_equal(err.kind, ERR_AUTH);
			net_context_free(another);
		}
		net_context_free(context);
		server_join(&server);
		server_join(&impostor);
		assert_true(server.seen[1].reused); /* there was a session to misuse */
		assert_false(impostor.seen[0].connected);
		for (size_t k = 2; k < 5; k++)
			assert_false(server.seen[k].reused);
	}
	identity_free(&good);
	identity_free(&other);
}

static void *dial_often(void *arg)
{
	struct net_context *context = arg;
	struct err err = {0};
	struct stream *s;
	int i;

	for (i = 0; i < 8; i++) {
		if (net_dial(context, &s, &err))
			fail_msg("%s", err.msg);
		ping(s);
		stream_close(s);
	}
	return NULL;
}

static void test_threads(void **state UNUSED)
{
	struct identity id = identity_new(&(struct spec){.san = "DNS:localhost"});
	struct server server = {.behaviour = ECHO, .connections = 32};
	struct net_options options = {.host = "localhost", .ca_file = ca_file, .timeout_ms = 5000};
	struct net_context *context;
	pthread_t threads[4];
	unsigned reused = 0;
	size_t i;

	server_start(&server, &id);
	options.port = server.port;
	context = context_new(&options);
	for (i = 0; i < COUNT_OF(threads); i++)
		thread_start(&threads[i], "dial", dial_often, context);
	for (i = 0; i < COUNT_OF(threads); i++)
		thread_join(threads[i]);
	net_context_free(context);
	server_join(&server);
	for (i = 0; i < 32; i++)
		reused += server.seen[i].reused;
	assert_in_range(reused, 20, 31);
	identity_free(&id);
}

/* ---- main ---- */

/* Copy between a socket and standard input and output until either ends. */
static int relay(uint16_t port)
{
	int fd = connect_local(port), from[2] = {0, fd}, to[2] = {fd, 1}, i;
	struct pollfd fds[2] = {{.fd = 0, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
	char data[8192];
	ssize_t n;

	while (poll(fds, 2, -1) > 0) {
		for (i = 0; i < 2; i++) {
			if (!fds[i].revents)
				continue;
			n = read(from[i], data, sizeof(data));
			if (n <= 0 || write(to[i], data, (size_t)n) != n)
				return 0;
		}
	}
	return 1;
}

static int setup(void **state UNUSED)
{
	if (!mkdtemp(folder))
		return -1;
	ca = identity_new(&(struct spec){.cn = "Test CA", .self_signed = true, .ca = true});
	write_pem("ca.pem", ca.cert, NULL, NULL, ca_file, sizeof(ca_file));
	return 0;
}

static int teardown(void **state UNUSED)
{
	static const char *const names[] = {"ca.pem", "leaf.pem", "client.pem", "client.key",
		"both.pem", "one.pem", "other.key", "locked.key", "empty.pem", "empty", "hashed",
		"."};
	char path[64];
	size_t i;

	for (i = 0; i < COUNT_OF(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		if (unlink(path))
			rmdir(path);
	}
	rmdir(folder);
	identity_free(&ca);
	return 0;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_leaf_as_ca_file),
		cmocka_unit_test(test_system_trust),
		cmocka_unit_test(test_sni),
		cmocka_unit_test(test_client_certificate),
		cmocka_unit_test(test_bad_settings),
		cmocka_unit_test(test_handshake_fails),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_silence_after_handshake),
		cmocka_unit_test(test_starttls_injection),
		cmocka_unit_test(test_big),
		cmocka_unit_test(test_tunnel),
		cmocka_unit_test(test_resumption),
		cmocka_unit_test(test_resumption_is_no_way_in),
		cmocka_unit_test(test_threads),
	};

	signal(SIGPIPE, SIG_IGN);
	if (argc == 3 && strcmp(argv[1], "relay") == 0)
		return relay((uint16_t)atoi(argv[2]));
	cancel_init();
	return cmocka_run_group_tests(tests, setup, teardown);
}

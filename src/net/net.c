#include "net/net.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#include "net/tcp.h"
#include "net/tls.h"
#include "net/tunnel.h"

struct net_context {
	const struct net_options *options; /* borrowed */
	struct tls_context *tls;           /* NULL: NET_TLS_NONE, OpenSSL is not even set up */
};

struct net_context *net_context_new(const struct net_options *options, struct err *err)
{
	struct net_context *context = xcalloc(1, sizeof(*context));

	context->options = options;
	if (options->tls == NET_TLS_NONE)
		return context;
	context->tls = tls_context_new(options, err);
	if (!context->tls) {
		free(context);
		return NULL;
	}
	return context;
}

void net_context_free(struct net_context *context)
{
	if (!context)
		return;
	tls_context_free(context->tls);
	free(context);
}

void net_context_watch(struct net_context *context, struct net_peer *out)
{
	if (context->tls)
		tls_context_watch(context->tls, out);
}

static struct stream *dial_plain(const struct net_options *options, struct err *err)
{
	int fd;

	if (options->tunnel)
		return net_tunnel_open(options->tunnel, options->timeout_ms, err);
	if (!options->host) {
		err_set(err, ERR_CONFIG, "neither server.host nor server.tunnel is set");
		return NULL;
	}
	fd = net_tcp_connect(options->host, options->port, options->timeout_ms, err);
	if (fd < 0 && err && err->kind == ERR_NET)
		err->kind = ERR_OFFLINE;
	return fd < 0 ? NULL : net_stream_fds(fd, fd, options->timeout_ms);
}

int net_dial(struct net_context *context, struct stream **out, struct err *err)
{
	struct stream *stream = dial_plain(context->options, err);

	if (stream && context->options->tls == NET_TLS_IMPLICIT)
		stream = tls_open(context->tls, stream, err);
	*out = stream;
	return stream ? 0 : -1;
}

int net_start_tls(struct net_context *context, struct stream **stream, struct err *err)
{
	struct stream *plain = *stream;

	ASSERT(context->tls);
	*stream = NULL;
	if (stream_pending(plain)) {
		/* Bytes of an attacker that would count as the server's once TLS is on. */
		stream_close(plain);
		return err_set(
			err, ERR_PROTO, "the server sent more behind its answer to STARTTLS");
	}
	*stream = tls_open(context->tls, plain, err);
	return *stream ? 0 : -1;
}

struct net_binding net_binding(const struct stream *stream, enum net_binding_kind kind)
{
	return tls_is(stream) ? tls_binding(stream, kind) : (struct net_binding){0};
}

bool net_is_encrypted(const struct stream *stream)
{
	return tls_is(stream);
}

bool net_is_private(const struct net_options *options)
{
	struct in6_addr six;
	struct in_addr four;

	if (options->tunnel || !options->host)
		return true;
	if (inet_pton(AF_INET, options->host, &four) == 1)
		return ntohl(four.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, options->host, &six) == 1)
		return IN6_IS_ADDR_LOOPBACK(&six);
	return strcasecmp(options->host, "localhost") == 0;
}

/*
 * Name resolution and racing connections: a connected socket for a host and a port.
 */
#ifndef NET_TCP_H
#define NET_TCP_H

#include <netdb.h>
#include "base/err.h"

/*
 * The addresses of HOST (a name or an address) with PORT, TCP only. Waits at most until DEADLINE
 * (clock_ms()). The caller frees *OUT with freeaddrinfo(). ERR_NET: unknown or no answer;
 * ERR_CANCELLED.
 */
int net_resolve(const char *host, uint16_t port, int64_t deadline, struct addrinfo **out,
	struct err *err) MUST_USE;

/*
 * Connect to the first of ADDRESSES that answers, by RFC 8305: IPv6 first, then the families in
 * turn, the next one started when the one before failed or after 250 ms, while those started go on.
 * Returns a connected non-blocking socket, or -1: ERR_NET (naming each address and why),
 * ERR_CANCELLED.
 */
int net_race(const struct addrinfo *addresses, int64_t deadline, struct err *err) MUST_USE;

/* Resolve and race within TIMEOUT_MS, and set the options of a long-lived connection. Returns the
 * socket or -1. */
int net_tcp_connect(const char *host, uint16_t port, unsigned timeout_ms, struct err *err) MUST_USE;

#endif

/*
 * A command that is the connection: it speaks the protocol on its standard input and output.
 */
#ifndef NET_TUNNEL_H
#define NET_TUNNEL_H

#include "net/stream.h"

/*
 * Start ARGV (NULL-terminated, found by PATH, no shell) and return the stream to it, NULL on error:
 * ERR_CONFIG if there is no such command, ERR_NET otherwise. Its standard error is ours. Where the
 * command ends with another status than 0, reads and writes give ERR_NET with that status. Closing
 * the stream closes its pipes and waits for its end: up to two seconds, then it gets SIGTERM, then
 * SIGKILL.
 */
struct stream *net_tunnel_open(char *const *argv, unsigned timeout_ms, struct err *err) MUST_USE;

#endif

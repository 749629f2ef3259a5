/*
 * What a server shows of itself in the TLS handshake, as text for people: a door to OpenSSL. Built
 * only for who asked by net_context_watch().
 */
#ifndef NET_PEER_H
#define NET_PEER_H

#include <openssl/x509.h>

#include "net/net.h"
#include "net/pin.h"

/* The pin of a certificate's public key. false: the key can't be read. */
bool peer_pin(X509 *certificate, struct pin *out) MUST_USE;
/* Fill OUT->chain, at most 10 of it, and OUT->pin. CHAIN: the server's own first. */
void peer_take_chain(struct net_peer *out, const STACK_OF(X509) * chain);

#endif

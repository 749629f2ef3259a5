/*
 * The written form of a pinned public key: "sha256:" and 64 hex digits.
 */
#ifndef NET_PIN_H
#define NET_PIN_H

#include "base/base.h"

struct pin {
	unsigned char digest[32]; /* SHA-256 of the DER form of the SubjectPublicKeyInfo */
};

#define PIN_TEXT_SIZE (7 + 64 + 1)

/* Hex digits of either case. false: TEXT is no pin. */
bool pin_parse(const char *text, struct pin *out) MUST_USE;
/* Writes PIN_TEXT_SIZE bytes to OUT, returns OUT. */
const char *pin_text(const struct pin *pin, char *out);

#endif

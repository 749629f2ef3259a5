/*
 * What fuzzers share. Each fuzz_*.c is a libFuzzer target; linked with replay.c instead of
 * libFuzzer it plays its corpus once, as a test.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes one octet off the front; 0 at the end. */
static inline uint8_t fuzz_octet(struct slice *input)
{
	uint8_t octet = 0;

	if (input->n > 0) {
		octet = (uint8_t)*input->p++;
		input->n--;
	}
	return octet;
}

/* Takes N octets off the front, or what there is. */
static inline struct slice fuzz_octets(struct slice *input, size_t n)
{
	struct slice out = {input->p, n < input->n ? n : input->n};

	input->p += out.n;
	input->n -= out.n;
	return out;
}

#endif

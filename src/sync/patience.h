/*
 * How long to go on in spite of trouble. Pure.
 *
 * Trouble lasts from its first sign until something works again. While it lasts less than
 * server.retry it is worth another attempt, after pauses that grow; a server that says itself how
 * long it wants to be left alone is believed.
 */
#ifndef SYNC_PATIENCE_H
#define SYNC_PATIENCE_H

#include "base/base.h"

/* Zero: all is well. */
struct patience {
	bool troubled;
	int64_t until;     /* of clock_awake_ms(): what does not work by then is given up */
	unsigned pause_ms; /* before the next attempt */
};

/* It did not work, NOW. HINT_MS: how long the server asks us to wait, 0: it does not say. true: try
 * again after *WAIT_MS; false: it has lasted for RETRY_MS, or the server wants more than that. */
bool patience_wait(struct patience *patience, int64_t now, unsigned retry_ms, unsigned hint_ms,
	unsigned *wait_ms);
/* For tests: the first pause (500 ms). */
void patience_set_first_ms(unsigned ms);

#endif

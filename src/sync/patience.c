#include "sync/patience.h"

#define PAUSE_MOST_MS 30000

static unsigned first_ms = 500;

void patience_set_first_ms(unsigned ms)
{
	first_ms = ms;
}

bool patience_wait(struct patience *patience, int64_t now, unsigned retry_ms, unsigned hint_ms,
	unsigned *wait_ms)
{
	if (!patience->troubled)
		*patience = (struct patience){
			.troubled = true, .until = now + retry_ms, .pause_ms = first_ms};
	int64_t left = patience->until - now;
	if (left <= 0 || hint_ms > left)
		return false;
	*wait_ms = patience->pause_ms > hint_ms ? patience->pause_ms : hint_ms;
	if (*wait_ms > left) /* one attempt more, at the very end */
		*wait_ms = (unsigned)left;
	patience->pause_ms =
		patience->pause_ms * 2 < PAUSE_MOST_MS ? patience->pause_ms * 2 : PAUSE_MOST_MS;
	return true;
}

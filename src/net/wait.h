/*
 * The one place where net/ sleeps: every wait ends after a time of silence or when the program is
 * cancelled.
 */
#ifndef NET_WAIT_H
#define NET_WAIT_H

#include <poll.h>
#include "base/err.h"

/*
 * Wait until one of the COUNT descriptors is ready (its revents says for what), or the clock
 * (clock_ms()) reaches DEADLINE. At most NET_WAIT_MAX descriptors. 1: ready, 0: the time is over,
 * -1: ERR_CANCELLED, or poll() failed.
 */
#define NET_WAIT_MAX 32
int net_wait_until(struct pollfd *fds, unsigned count, int64_t deadline, struct err *err) MUST_USE;

/* Wait for one descriptor, at most TIMEOUT_MS from now. Results as above. Errors and hangups count
 * as ready. */
int net_wait_fd(int fd, short events, unsigned timeout_ms, struct err *err) MUST_USE;

#endif

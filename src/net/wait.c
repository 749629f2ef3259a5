#include "net/wait.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include "base/thread.h"

int net_wait_until(struct pollfd *fds, unsigned count, int64_t deadline, struct err *err)
{
	struct pollfd all[NET_WAIT_MAX + 1];
	int64_t left;
	int ready;

	ASSERT(count <= NET_WAIT_MAX);
	memcpy(all, fds, count * sizeof(*fds));
	all[count] = (struct pollfd){.fd = cancel_fd(), .events = POLLIN};
	for (;;) {
		left = deadline - clock_ms();
		if (left < 0)
			left = 0;
		if (left > INT_MAX)
			left = INT_MAX;

		ready = poll(all, count + 1, (int)left);
		if (ready < 0 && errno != EINTR)
			return err_set_errno(err, ERR_NET, "cannot wait for the network");
		if (cancel_check(err))
			return -1;
		if (ready > 0) {
			memcpy(fds, all, count * sizeof(*fds));
			return 1;
		}
		if (ready == 0 && clock_ms() >= deadline)
			return 0;
	}
}

int net_wait_fd(int fd, short events, unsigned timeout_ms, struct err *err)
{
	struct pollfd one = {.fd = fd, .events = events};

	return net_wait_until(&one, 1, clock_ms() + timeout_ms, err);
}

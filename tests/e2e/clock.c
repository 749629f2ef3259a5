/*
 * Preloaded into godwit: clocks that jump. $GODWIT_CLOCKS names a file of two 64-bit numbers, read
 * at every look at a clock: seconds to add to the time of day, and to the time since boot (which
 * goes on during suspend).
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static int64_t shift(int which)
{
	const char *path = getenv("GODWIT_CLOCKS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	int64_t both[2] = {0, 0};

	if (fd < 0)
		return 0;
	ssize_t n = read(fd, both, sizeof(both));
	close(fd);
	return n == sizeof(both) ? both[which] : 0;
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
	int (*next)(clockid_t, struct timespec *);

	*(void **)&next = dlsym(RTLD_NEXT, "clock_gettime");
	int rc = next(clock, out);
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		out->tv_sec += shift(0);
	else if (clock == CLOCK_BOOTTIME)
		out->tv_sec += shift(1);
	return rc;
}

time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

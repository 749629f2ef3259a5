#include "base/thread.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

void thread_start(pthread_t *out, const char *name, thread_main *run, void *arg)
{
	sigset_t all, old;

	sigfillset(&all);
	ASSERT(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
	ASSERT(pthread_create(out, NULL, run, arg) == 0);
	ASSERT(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);
	pthread_setname_np(*out, name);
}

void thread_join(pthread_t thread)
{
	ASSERT(pthread_join(thread, NULL) == 0);
}

void mutex_init(pthread_mutex_t *mutex)
{
	ASSERT(pthread_mutex_init(mutex, NULL) == 0);
}

void mutex_fini(pthread_mutex_t *mutex)
{
	ASSERT(pthread_mutex_destroy(mutex) == 0);
}

void mutex_lock(pthread_mutex_t *mutex)
{
	ASSERT(pthread_mutex_lock(mutex) == 0);
}

void mutex_unlock(pthread_mutex_t *mutex)
{
	ASSERT(pthread_mutex_unlock(mutex) == 0);
}

void cond_init(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	ASSERT(pthread_condattr_init(&attr) == 0);
	ASSERT(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	ASSERT(pthread_cond_init(cond, &attr) == 0);
	pthread_condattr_destroy(&attr);
}

void cond_fini(pthread_cond_t *cond)
{
	ASSERT(pthread_cond_destroy(cond) == 0);
}

void cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
	ASSERT(pthread_cond_wait(cond, mutex) == 0);
}

bool cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, unsigned ms)
{
	struct timespec until;

	ASSERT(clock_gettime(CLOCK_MONOTONIC, &until) == 0);
	until.tv_sec += ms / 1000;
	until.tv_nsec += (long)(ms % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	int rc = pthread_cond_timedwait(cond, mutex, &until);
	ASSERT(rc == 0 || rc == ETIMEDOUT);
	return rc == 0;
}

void cond_signal(pthread_cond_t *cond)
{
	ASSERT(pthread_cond_signal(cond) == 0);
}

void cond_broadcast(pthread_cond_t *cond)
{
	ASSERT(pthread_cond_broadcast(cond) == 0);
}

static int64_t read_clock(clockid_t clock)
{
	struct timespec now;

	ASSERT(clock_gettime(clock, &now) == 0);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_ms(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int64_t clock_awake_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

static atomic_bool cancelled;
static atomic_int event_fd = -1; /* lock-free int: used in a signal handler */

void cancel_init(void)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	ASSERT(fd >= 0);
	int old = atomic_exchange(&event_fd, fd);
	if (old >= 0)
		close(old);
	atomic_store(&cancelled, false);
}

void cancel_request(void)
{
	static const uint64_t one = 1;
	int saved = errno;
	int fd = atomic_load(&event_fd);

	atomic_store(&cancelled, true);
	/* EAGAIN: the counter is full, so the descriptor is readable already. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
		base_bug(__FILE__, __LINE__, "can't wake the threads that wait");
	errno = saved;
}

bool cancel_requested(void)
{
	return atomic_load_explicit(&cancelled, memory_order_relaxed);
}

int cancel_fd(void)
{
	return atomic_load(&event_fd);
}

int cancel_check(struct err *err)
{
	return cancel_requested()
		       ? err_set(err, ERR_CANCELLED, "stopped on request; run again to go on")
		       : 0;
}

int cancel_sleep_ms(unsigned ms, struct err *err)
{
	int64_t until = clock_ms() + ms;
	struct pollfd fd = {.fd = cancel_fd(), .events = POLLIN};

	for (;;) {
		if (cancel_check(err) != 0)
			return -1;
		int64_t left = until - clock_ms();
		if (left <= 0)
			return 0;
		if (poll(&fd, 1, left > 1000 ? 1000 : (int)left) < 0)
			ASSERT(errno == EINTR);
	}
}

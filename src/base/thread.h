/*
 * Threads, locks and the cancel flag: thin wrappers whose failures are our bugs, so that call sites
 * stay one line.
 */
#ifndef BASE_THREAD_H
#define BASE_THREAD_H

#include <pthread.h>
#include "base/err.h"

typedef void *thread_main(void *arg);

/* Signals are blocked in new threads: only the main thread gets them. */
void thread_start(
	pthread_t *out, const char *name, thread_main *run, void *arg); /* name: up to 15 bytes */
void thread_join(pthread_t thread);
void mutex_init(pthread_mutex_t *mutex);
void mutex_fini(pthread_mutex_t *mutex);
void mutex_lock(pthread_mutex_t *mutex);
void mutex_unlock(pthread_mutex_t *mutex);
void cond_init(pthread_cond_t *cond);
void cond_fini(pthread_cond_t *cond);
void cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
/* false: MS milliseconds (CLOCK_MONOTONIC) went by. */
bool cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, unsigned ms);
void cond_signal(pthread_cond_t *cond);
void cond_broadcast(pthread_cond_t *cond);

/* Milliseconds on a clock that goes on during suspend (CLOCK_BOOTTIME). */
int64_t clock_ms(void);
/* ... and on one that stands still meanwhile (CLOCK_MONOTONIC). */
int64_t clock_awake_ms(void);

/*
 * The cancel flag of the whole program. cancel_request() is async-signal-safe. Blocking waits poll
 * cancel_fd(), which becomes readable for good once cancelled. cancel_init() before the first
 * thread.
 */
void cancel_init(void);
void cancel_request(void);
bool cancel_requested(void);
int cancel_fd(void);
/* 0, or -1 with ERR_CANCELLED. */
int cancel_check(struct err *err) MUST_USE;
/* Sleep MS milliseconds; -1 with ERR_CANCELLED if cancelled meanwhile. */
int cancel_sleep_ms(unsigned ms, struct err *err) MUST_USE;

#endif

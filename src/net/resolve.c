/*
 * getaddrinfo() can't be bounded or interrupted, so it runs in a thread of its own. If the caller
 * gives up first the thread is left to end by itself: request and result belong to whichever of the
 * two lets go last.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/thread.h"
#include "net/tcp.h"
#include "net/wait.h"

struct lookup {
	pthread_mutex_t lock; /* guards holders */
	unsigned holders;     /* 2: caller and thread; the last one frees */
	int done_fd;          /* eventfd; readable once result and code are filled */
	char *host;
	char service[8];
	int flags;               /* AI_* */
	struct addrinfo *result; /* owned until the caller takes it */
	int code;                /* of getaddrinfo() */
	int sys;                 /* errno for EAI_SYSTEM */
};

static void lookup_release(struct lookup *lookup)
{
	unsigned left;

	mutex_lock(&lookup->lock);
	left = --lookup->holders;
	mutex_unlock(&lookup->lock);
	if (left > 0)
		return;

	if (lookup->result)
		freeaddrinfo(lookup->result);
	if (lookup->done_fd >= 0)
		close(lookup->done_fd);
	mutex_fini(&lookup->lock);
	free(lookup->host);
	free(lookup);
}

static void lookup_run(struct lookup *lookup)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = lookup->flags | AI_NUMERICSERV,
	};

	lookup->code = getaddrinfo(lookup->host, lookup->service, &hints, &lookup->result);
	lookup->sys = errno;
	if (lookup->code != 0)
		lookup->result = NULL;
}

static void *lookup_thread(void *arg)
{
	struct lookup *lookup = arg;
	uint64_t one = 1;

	lookup_run(lookup);
	ASSERT(write(lookup->done_fd, &one, sizeof(one)) == sizeof(one));
	lookup_release(lookup);
	return NULL;
}

static int lookup_in_thread(struct lookup *lookup, int64_t deadline, struct err *err)
{
	struct pollfd done;
	pthread_t thread;
	uint64_t one;
	int rc;

	lookup->done_fd = eventfd(0, EFD_CLOEXEC);
	if (lookup->done_fd < 0)
		return err_set_errno(err, ERR_NET, "cannot look up \"%s\"", lookup->host);

	lookup->holders = 2;
	thread_start(&thread, "resolve", lookup_thread, lookup);
	pthread_detach(thread);
	done = (struct pollfd){.fd = lookup->done_fd, .events = POLLIN};
	rc = net_wait_until(&done, 1, deadline, err);
	if (rc == 0)
		return err_set(
			err, ERR_NET, "no answer from the name service for \"%s\"", lookup->host);
	if (rc < 0)
		return -1;
	/* The read is what hands the result over from the other thread. */
	ASSERT(read(lookup->done_fd, &one, sizeof(one)) == sizeof(one));
	return 0;
}

static int lookup_take(struct lookup *lookup, struct addrinfo **out, struct err *err)
{
	if (lookup->code == EAI_SYSTEM) {
		errno = lookup->sys;
		return err_set_errno(err, ERR_NET, "cannot look up \"%s\"", lookup->host);
	}
	if (lookup->code != 0)
		return err_set(err, ERR_NET, "cannot look up \"%s\": %s", lookup->host,
			gai_strerror(lookup->code));
	*out = lookup->result;
	lookup->result = NULL;
	return 0;
}

int net_resolve(
	const char *host, uint16_t port, int64_t deadline, struct addrinfo **out, struct err *err)
{
	struct lookup *lookup = xcalloc(1, sizeof(*lookup));
	int rc = 0;

	mutex_init(&lookup->lock);
	lookup->holders = 1;
	lookup->done_fd = -1;
	lookup->host = xstrdup(host);
	snprintf(lookup->service, sizeof(lookup->service), "%u", (unsigned)port);

	/* An address needs no name service, and so no thread. */
	lookup->flags = AI_NUMERICHOST;
	lookup_run(lookup);
	if (lookup->code == EAI_NONAME) {
		lookup->flags = 0;
		rc = lookup_in_thread(lookup, deadline, err);
	}
	if (rc == 0)
		rc = lookup_take(lookup, out, err);
	lookup_release(lookup);
	return rc;
}

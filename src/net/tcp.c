#include "net/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"
#include "net/wait.h"

#define RACE_STAGGER_MS 250
#define RACE_MAX 16 /* addresses tried; a name with more has enough with these */

/* Probes on an idle connection, so that a dead one (and a forgotten NAT entry) is seen in minutes,
 * not hours. */
#define KEEPALIVE_IDLE_S 120
#define KEEPALIVE_INTERVAL_S 30

struct attempt {
	const struct addrinfo *address;
	int fd;    /* -1: not started, or failed */
	int error; /* errno of the failure, 0: none yet */
};

struct race {
	struct attempt attempts[RACE_MAX]; /* in the order of starting */
	unsigned count, started;
	int winner; /* socket, -1: none yet */
};

static const struct addrinfo *next_of_family(const struct addrinfo *address, bool ipv6)
{
	while (address && (address->ai_family == AF_INET6) != ipv6)
		address = address->ai_next;
	return address;
}

/* IPv6 first, then in turn; within a family the order of the resolver. */
static void race_order(struct race *race, const struct addrinfo *addresses)
{
	const struct addrinfo *next[2];
	unsigned turn = 0;

	next[0] = next_of_family(addresses, true);
	next[1] = next_of_family(addresses, false);
	while ((next[0] || next[1]) && race->count < RACE_MAX) {
		if (next[turn]) {
			race->attempts[race->count++] =
				(struct attempt){.address = next[turn], .fd = -1};
			next[turn] = next_of_family(next[turn]->ai_next, turn == 0);
		}
		turn = !turn;
	}
}

static void attempt_fail(struct attempt *attempt, int error)
{
	attempt->error = error;
	if (attempt->fd >= 0)
		close(attempt->fd);
	attempt->fd = -1;
}

static void race_win(struct race *race, struct attempt *attempt)
{
	race->winner = attempt->fd;
	attempt->fd = -1;
}

static void race_start_next(struct race *race)
{
	struct attempt *attempt = &race->attempts[race->started++];
	const struct addrinfo *address = attempt->address;

	attempt->fd =
		socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
	if (attempt->fd < 0)
		attempt_fail(attempt, errno);
	else if (connect(attempt->fd, address->ai_addr, address->ai_addrlen) == 0)
		race_win(race, attempt);
	else if (errno != EINPROGRESS && errno != EINTR)
		attempt_fail(attempt, errno);
}

static unsigned race_running(const struct race *race)
{
	unsigned i, running = 0;

	for (i = 0; i < race->started; i++)
		running += race->attempts[i].fd >= 0;
	return running;
}

/* Look at an attempt whose socket is ready. Returns true if it failed. */
static bool attempt_settle(struct race *race, struct attempt *attempt)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &length))
		error = errno;
	if (error == 0) {
		race_win(race, attempt);
		return false;
	}
	attempt_fail(attempt, error);
	return true;
}

/*
 * Wait for the attempts under way, at most until the clock reads UNTIL. Returns 1 if one failed
 * (the next may start at once), 0 if not (there may be a winner), -1 on error.
 */
static int race_wait(struct race *race, int64_t until, struct err *err)
{
	struct pollfd fds[RACE_MAX];
	int rc, failed = 0;
	unsigned i;

	for (i = 0; i < race->started; i++) /* poll() passes over an fd of -1 */
		fds[i] = (struct pollfd){.fd = race->attempts[i].fd, .events = POLLOUT};
	rc = net_wait_until(fds, race->started, until, err);
	for (i = 0; rc == 1 && i < race->started && race->winner < 0; i++) {
		if (fds[i].fd >= 0 && fds[i].revents && attempt_settle(race, &race->attempts[i]))
			failed = 1;
	}
	return rc < 0 ? -1 : failed;
}

static const char *address_name(const struct addrinfo *address, char *out, socklen_t size)
{
	if (getnameinfo(address->ai_addr, address->ai_addrlen, out, size, NULL, 0, NI_NUMERICHOST))
		snprintf(out, size, "?");
	return out;
}

/* "ADDRESS: why" for each attempt; those still under way had no answer in time. */
static int race_lost(const struct race *race, struct err *err)
{
	char list[400] = "", name[INET6_ADDRSTRLEN + 20];
	const struct attempt *attempt;
	size_t used = 0;
	unsigned i;

	for (i = 0; i < race->count && used < sizeof(list) - 1; i++) {
		attempt = &race->attempts[i];
		if (i >= race->started)
			break;
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s: %s",
			i > 0 ? "; " : "", address_name(attempt->address, name, sizeof(name)),
			attempt->error ? strerrordesc_np(attempt->error) : "no answer");
	}
	err_set(err, ERR_NET, "%s", list);
	return -1;
}

static void race_fini(struct race *race)
{
	unsigned i;

	for (i = 0; i < race->started; i++)
		attempt_fail(&race->attempts[i], 0);
}

int net_race(const struct addrinfo *addresses, int64_t deadline, struct err *err)
{
	struct race race = {.winner = -1};
	int64_t now, next_start = 0;
	int rc = 0;

	race_order(&race, addresses);
	while (rc >= 0 && race.winner < 0) {
		now = clock_ms();
		if (now >= deadline || (race.started == race.count && race_running(&race) == 0)) {
			rc = race_lost(&race, err);
		} else if (race.started < race.count &&
			   (now >= next_start || race_running(&race) == 0)) {
			race_start_next(&race);
			next_start = now + RACE_STAGGER_MS;
		} else {
			rc = race_wait(&race,
				race.started < race.count && next_start < deadline ? next_start
										   : deadline,
				err);
			if (rc == 1)
				next_start = 0;
		}
	}
	race_fini(&race);
	return race.winner;
}

static void set_option(int fd, int level, int option, int value, const char *name)
{
	if (setsockopt(fd, level, option, &value, sizeof(value)))
		log_debug(LOG_NET, "cannot set %s: %s", name, strerrordesc_np(errno));
}

int net_tcp_connect(const char *host, uint16_t port, unsigned timeout_ms, struct err *err)
{
	int64_t deadline = clock_ms() + timeout_ms;
	struct addrinfo *addresses = NULL;
	int fd;

	if (net_resolve(host, port, deadline, &addresses, err))
		return -1;
	fd = net_race(addresses, deadline, err);
	freeaddrinfo(addresses);
	if (fd < 0)
		return err_wrap(err, "cannot connect to %s port %u", host, (unsigned)port);

	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1,
		"TCP_NODELAY"); /* we gather what belongs together ourselves */
	set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, (int)timeout_ms, "TCP_USER_TIMEOUT");
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S, "TCP_KEEPIDLE");
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S, "TCP_KEEPINTVL");
	return fd;
}

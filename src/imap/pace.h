/*
 * How long we listen to a server that keeps talking. server.timeout bounds its silence; an octet
 * now and then, or "* OK wait" for ever, would pass that for hours. So there are three more bounds,
 * each as far away as an honest server on a bad line needs:
 *
 *     a response     has to be complete within one timeout, and a second for each 100 octets
 *     a command      has to be answered within two timeouts, and a second for each 1000 octets
 *                    that came meanwhile (for each 100 of message bodies that we asked for). The
 *                    login as a whole counts as one command
 *     noise          responses that nobody asked for are bounded in number between two answers
 *
 * Rejected: a deadline for the pass, because a first sync rightly takes hours; counting a response
 * as progress by its kind alone, because whoever wants to hold us sends that kind.
 */
#ifndef IMAP_PACE_H
#define IMAP_PACE_H

#include "base/base.h"
#include "base/err.h"

#define PACE_TIMEOUTS 2 /* for a command */
#define PACE_NOISE_MAX 20000u
#define PACE_MESSAGES_MAX 5000000u

struct pace {
	unsigned timeout_ms;  /* 0: no bounds in time */
	int64_t begun;        /* clock_ms() when the server's turn began; 0: it did not */
	uint64_t octets;      /* received since, at what speed ever */
	uint64_t body;        /* of them bodies that were asked for */
	int64_t line_begun;   /* when the present response was first waited for; 0: not yet */
	uint64_t line_octets; /* received since */
	uint64_t noise;       /* responses since the last answer */
};

/* The server's turn begins (anew): it was asked, or it answered one of several commands. */
void pace_begin(struct pace *pace);
/* Another response is next. */
void pace_next_line(struct pace *pace);
/* N octets came. */
void pace_received(struct pace *pace, size_t n);
/* The time (clock_ms()) until which the next octets are waited for; INT64_MAX: for ever. */
int64_t pace_deadline(const struct pace *pace);
/* The same for sending N octets from now on. */
int64_t pace_write_deadline(const struct pace *pace, size_t n);
/* 0, or -1 if the deadline has passed. */
int pace_check(const struct pace *pace, struct err *err) MUST_USE;
/* The last response was no noise: whoever asked for it bounds the number of its kind. */
void pace_was_asked(struct pace *pace);
/* Another response that is no answer; MESSAGES: the mailbox has so many, each may be told about. */
int pace_noise(struct pace *pace, uint32_t messages, struct err *err) MUST_USE;

#endif

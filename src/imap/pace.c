#include "imap/pace.h"

#include "base/thread.h"

#define LINE_OCTETS_A_SECOND 100
#define COMMAND_OCTETS_A_SECOND 1000
#define BODY_OCTETS_A_SECOND 100

void pace_begin(struct pace *pace)
{
	pace->begun = clock_ms();
	pace->octets = pace->body = pace->noise = 0;
}

void pace_next_line(struct pace *pace)
{
	pace->line_begun = 0;
	pace->line_octets = 0;
}

void pace_received(struct pace *pace, size_t n)
{
	pace->octets += n;
	pace->line_octets += n;
	if (pace->line_begun == 0)
		pace->line_begun = clock_ms();
}

static int64_t milliseconds(uint64_t octets, unsigned octets_a_second)
{
	return (int64_t)(octets * 1000 / octets_a_second);
}

static int64_t command_deadline(const struct pace *pace)
{
	if (pace->begun == 0)
		return INT64_MAX;
	return pace->begun + (int64_t)pace->timeout_ms * PACE_TIMEOUTS +
	       milliseconds(pace->octets, COMMAND_OCTETS_A_SECOND) +
	       milliseconds(pace->body, BODY_OCTETS_A_SECOND);
}

static int64_t line_deadline(const struct pace *pace)
{
	if (pace->line_begun == 0)
		return INT64_MAX;
	return pace->line_begun + pace->timeout_ms +
	       milliseconds(pace->line_octets, LINE_OCTETS_A_SECOND);
}

int64_t pace_deadline(const struct pace *pace)
{
	int64_t command, line;

	if (pace->timeout_ms == 0)
		return INT64_MAX;
	command = command_deadline(pace);
	line = line_deadline(pace);
	return command < line ? command : line;
}

int64_t pace_write_deadline(const struct pace *pace, size_t n)
{
	if (pace->timeout_ms == 0)
		return INT64_MAX;
	return clock_ms() + (int64_t)pace->timeout_ms * PACE_TIMEOUTS +
	       milliseconds(n, COMMAND_OCTETS_A_SECOND);
}

int pace_check(const struct pace *pace, struct err *err)
{
	int64_t deadline = pace_deadline(pace);

	if (deadline == INT64_MAX || clock_ms() < deadline)
		return 0;
	return err_set(err, ERR_NET, "the server talks without coming to an end");
}

void pace_was_asked(struct pace *pace)
{
	if (pace->noise > 0)
		pace->noise--;
}

int pace_noise(struct pace *pace, uint32_t messages, struct err *err)
{
	uint64_t most = messages < PACE_MESSAGES_MAX ? messages : PACE_MESSAGES_MAX;

	if (++pace->noise <= PACE_NOISE_MAX + 2 * most)
		return 0;
	return err_set(err, ERR_PROTO, "the server talks without end");
}

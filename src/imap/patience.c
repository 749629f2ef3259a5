#include "imap/patience.h"

#include "base/thread.h"

#define LINE_OCTETS_A_SECOND 100
#define COMMAND_OCTETS_A_SECOND 1000
#define BODY_OCTETS_A_SECOND 100

void patience_begin(struct patience *patience)
{
	patience->begun = clock_ms();
	patience->octets = patience->body = patience->noise = 0;
}

void patience_next_line(struct patience *patience)
{
	patience->line_begun = 0;
	patience->line_octets = 0;
}

void patience_received(struct patience *patience, size_t n)
{
	patience->octets += n;
	patience->line_octets += n;
	if (patience->line_begun == 0)
		patience->line_begun = clock_ms();
}

static int64_t milliseconds(uint64_t octets, unsigned octets_a_second)
{
	return (int64_t)(octets * 1000 / octets_a_second);
}

static int64_t command_deadline(const struct patience *patience)
{
	if (patience->begun == 0)
		return INT64_MAX;
	return patience->begun + (int64_t)patience->timeout_ms * PATIENCE_TIMEOUTS +
	       milliseconds(patience->octets, COMMAND_OCTETS_A_SECOND) +
	       milliseconds(patience->body, BODY_OCTETS_A_SECOND);
}

static int64_t line_deadline(const struct patience *patience)
{
	if (patience->line_begun == 0)
		return INT64_MAX;
	return patience->line_begun + patience->timeout_ms +
	       milliseconds(patience->line_octets, LINE_OCTETS_A_SECOND);
}

int64_t patience_deadline(const struct patience *patience)
{
	int64_t command, line;

	if (patience->timeout_ms == 0)
		return INT64_MAX;
	command = command_deadline(patience);
	line = line_deadline(patience);
	return command < line ? command : line;
}

int64_t patience_write_deadline(const struct patience *patience, size_t n)
{
	if (patience->timeout_ms == 0)
		return INT64_MAX;
	return clock_ms() + (int64_t)patience->timeout_ms * PATIENCE_TIMEOUTS +
	       milliseconds(n, COMMAND_OCTETS_A_SECOND);
}

int patience_check(const struct patience *patience, struct err *err)
{
	int64_t deadline = patience_deadline(patience);

	if (deadline == INT64_MAX || clock_ms() < deadline)
		return 0;
	return err_set(err, ERR_NET, "the server talks without coming to an end");
}

void patience_was_asked(struct patience *patience)
{
	if (patience->noise > 0)
		patience->noise--;
}

int patience_noise(struct patience *patience, uint32_t messages, struct err *err)
{
	uint64_t most = messages < PATIENCE_MESSAGES_MAX ? messages : PATIENCE_MESSAGES_MAX;

	if (++patience->noise <= PATIENCE_NOISE_MAX + 2 * most)
		return 0;
	return err_set(err, ERR_PROTO, "the server talks without end");
}

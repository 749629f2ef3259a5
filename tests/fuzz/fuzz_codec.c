/*
 * State values: the checksum is made right, so that what lies behind it is met; what is decoded has
 * to be encoded to the same bytes again.
 */
#include <string.h>

#include "state/codec.h"
#include "tests/fuzz/fuzz.h"

/* Encoders put the checksum in front; so it is taken from one of them. */
static void seal(struct buf *value, enum state_table table, struct slice key, struct slice rest)
{
	unsigned char head[5] = {(unsigned char)table};
	uint32_t n = (uint32_t)key.n, crc;

	memcpy(head + 1, &n, 4);
	crc = crc32c(0, head, sizeof(head));
	crc = crc32c(crc, key.p, key.n);
	crc = crc32c(crc, rest.p, rest.n);
	for (int i = 0; i < 4; i++)
		buf_add_char(value, (char)(crc >> (8 * i) & 0xff));
	buf_add_slice(value, rest);
}

static bool again(enum state_table table, struct slice value, struct slice key, struct buf *out)
{
	struct state_mailbox mailbox = {0};
	struct state_message message = {0};
	struct state_upload upload = {0};
	struct state_pending pending = {0};
	struct state_tally tally = {0};
	struct slice text;
	bool good = false;

	switch (table) {
	case TABLE_META:
	case TABLE_BY_BASE:
		if ((good = decode_text(value, table, key, &text)))
			encode_text(out, table, key, text);
		break;
	case TABLE_MAILBOX:
		if ((good = decode_mailbox(value, key, &mailbox)))
			encode_mailbox(out, key, &mailbox);
		break;
	case TABLE_MESSAGE:
	case TABLE_ARRIVAL:
		if ((good = decode_message(value, table, key, &message)))
			encode_message(out, table, key, &message);
		break;
	case TABLE_UPLOAD:
		if ((good = decode_upload(value, key, &upload)))
			encode_upload(out, key, &upload);
		break;
	case TABLE_PENDING:
		if ((good = decode_pending(value, key, &pending)))
			encode_pending(out, key, &pending);
		break;
	case TABLE_TALLY:
		if ((good = decode_tally(value, key, &tally)))
			encode_tally(out, key, &tally);
		break;
	case TABLE_COUNT:
		break;
	}
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = {(const char *)data, size};
	enum state_table table = fuzz_octet(&input) % TABLE_COUNT;
	struct slice key = fuzz_octets(&input, fuzz_octet(&input)), number = key;
	struct buf value = {0}, out = {0};
	struct state_pending pending;
	uint32_t id;
	uint64_t n;

	seal(&value, table, key, input);
	if (again(table, buf_slice(&value), key, &out)) {
		struct buf twice = {0};
		ASSERT(again(table, buf_slice(&out), key, &twice));
		ASSERT(slice_eq(buf_slice(&out), buf_slice(&twice)));
		buf_fini(&twice);
	}
	if (decode_number(buf_slice(&value), table, key, &n)) {
		uint64_t same;
		encode_number(&out, table, key, n);
		ASSERT(decode_number(buf_slice(&out), table, key, &same) && same == n);
	}
	if (key_read_pending(key, &id, &pending) && key_read_number(&number, &id))
		ASSERT(number.n <= key.n);
	buf_fini(&value);
	buf_fini(&out);
	return 0;
}

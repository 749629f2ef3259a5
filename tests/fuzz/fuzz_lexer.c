/*
 * The lexer: half of the input says what is asked for, the other half is the server.
 */
#include "imap/lexer.h"
#include "tests/fake/memstream.h"
#include "tests/fuzz/fuzz.h"

static int ask(struct lexer *lexer, uint8_t what)
{
	struct slice text;
	uint64_t number;
	bool nil;

	switch (what % 16) {
	case 0:
		return lexer_atom(lexer, &text, NULL);
	case 1:
		return lexer_item(lexer, &text, NULL);
	case 2:
		return lexer_number(lexer, UINT32_MAX, &number, NULL);
	case 3:
		return lexer_number(lexer, UINT64_MAX, &number, NULL);
	case 4:
		return lexer_string(lexer, &text, NULL);
	case 5:
		return lexer_nstring(lexer, &text, &nil, NULL);
	case 6:
		return lexer_mailbox(lexer, &text, NULL);
	case 7:
		return lexer_text(lexer, &text, NULL);
	case 8:
		return lexer_literal(lexer, &number, NULL) < 0 ? -1
							       : lexer_literal_skip(lexer, NULL);
	case 9:
		return lexer_skip_value(lexer, NULL);
	case 10:
		return lexer_skip_line(lexer, NULL);
	case 11:
		return lexer_blanks(lexer, NULL);
	case 12:
		return lexer_line_end(lexer, NULL);
	case 13:
		return lexer_at_end(lexer, NULL);
	case 14:
		return lexer_try(lexer, ' ', NULL);
	default:
		lexer_begin(lexer);
		return lexer_peek(lexer, NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = {(const char *)data, size};
	struct slice asked = fuzz_octets(&input, fuzz_octet(&input));
	struct stream *stream = memstream_new();
	struct lexer lexer;

	memstream_chunk(stream, fuzz_octet(&input));
	memstream_feed(stream, input.p, input.n);
	memstream_feed_end(stream);
	lexer_init(&lexer, stream, 1);
	while (asked.n > 0 && ask(&lexer, fuzz_octet(&asked)) >= 0)
		;
	lexer_fini(&lexer);
	stream_close(stream);
	return 0;
}

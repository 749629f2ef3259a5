/*
 * Typed responses: the whole input is what the server sends.
 */
#include "imap/response.h"
#include "tests/fake/memstream.h"
#include "tests/fuzz/fuzz.h"

/* Everything that a response points to has to be there. */
static uint64_t touch(const struct response *response)
{
	uint64_t sum = response->number + response->text.n + response->name.n + response->tag.n;

	for (size_t i = 0; i < response->name.n; i++)
		sum += (unsigned char)response->name.p[i];
	for (size_t i = 0; i < response->range_count; i++) {
		ASSERT(response->ranges[i].first > 0);
		ASSERT(response->ranges[i].first <= response->ranges[i].last);
	}
	ASSERT(response->id_name.n <= RESPONSE_ID_MAX && response->id_vendor.n <= RESPONSE_ID_MAX);
	for (size_t i = 0; i < response->id_name.n; i++)
		sum += (unsigned char)response->id_name.p[i];
	for (size_t i = 0; i < response->id_vendor.n; i++)
		sum += (unsigned char)response->id_vendor.p[i];
	for (size_t i = 0; i < response->namespace_count; i++)
		sum += response->namespaces[i].prefix.n;
	return sum;
}

static int read_items(struct reader *reader)
{
	struct fetch_item item;
	struct slice piece;
	int rc;

	do {
		if (reader_fetch_item(reader, &item, NULL) < 0)
			return -1;
		rc = item.literal ? 1 : 0;
		while (rc == 1)
			rc = lexer_literal_read(&reader->lexer, &piece, NULL);
		if (rc < 0)
			return -1;
	} while (item.kind != FETCH_ITEM_END);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = {(const char *)data, size};
	struct keywords *keywords = keywords_new();
	struct stream *stream = memstream_new();
	struct response response;
	struct reader reader;
	bool skip = fuzz_octet(&input) & 1;

	memstream_chunk(stream, fuzz_octet(&input));
	memstream_feed(stream, input.p, input.n);
	memstream_feed_end(stream);
	reader_init(&reader, stream, keywords, 1);
	while (reader_next(&reader, &response, NULL) == 0) {
		ASSERT(touch(&response) < UINT64_MAX);
		if (response.kind == RESPONSE_FETCH && !skip && read_items(&reader) < 0)
			break;
	}
	reader_fini(&reader);
	stream_close(stream);
	keywords_free(keywords);
	return 0;
}

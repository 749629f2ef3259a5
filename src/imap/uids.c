/*
 * SEARCH, ESEARCH (RFC 4731), VANISHED (RFC 7162 3.2.10): lines that may carry the UIDs of a whole
 * mailbox. They go from the stream into ranges, number by number: neither the line nor its single
 * UIDs are ever in memory.
 */
#include "imap/response.h"

#define SETS_MAX (64u * 1024 * 1024) /* octets of such a line */

static int add_range(struct reader *reader, uint32_t first, uint32_t last, struct err *err)
{
	struct uid_range *previous =
		reader->range_count ? &reader->ranges[reader->range_count - 1] : NULL;

	if (first == 0 || last == 0)
		return err_set(err, ERR_PROTO, "the server sent a UID of 0");
	if (previous && first == last && previous->last < first && first - previous->last == 1) {
		previous->last = first;
		return 0;
	}
	if (reader->range_count == RESPONSE_RANGES_MAX)
		return err_set(err, ERR_PROTO, "the server sent more than %d UIDs in one response",
			RESPONSE_RANGES_MAX);

	reader->ranges = base_reserve(
		reader->ranges, reader->range_count, &reader->range_room, sizeof(*reader->ranges));
	reader->ranges[reader->range_count++] =
		(struct uid_range){first < last ? first : last, first < last ? last : first};
	return 0;
}

/* "1:3,7": straight from the stream, however long it is. */
static int parse_set(struct reader *reader, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	uint32_t first, last;
	int rc;

	do {
		if (reader_number(lexer, &first, err) < 0)
			return -1;
		last = first;
		rc = lexer_try(lexer, ':', err);
		if (rc < 0 || (rc && reader_number(lexer, &last, err) < 0) ||
			add_range(reader, first, last, err) < 0)
			return -1;
	} while ((rc = lexer_try(lexer, ',', err)) == 1);
	return rc;
}

/* "1 2 3", and "(MODSEQ 4)" behind it from CONDSTORE servers. */
int reader_search(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	uint32_t uid;
	int end, c;

	lexer->line_left = SETS_MAX;
	while ((end = lexer_at_end(lexer, err)) == 0) {
		c = lexer_peek(lexer, err);
		if (c < 0)
			return -1;
		if (c == '(')
			break;
		if (reader_number(lexer, &uid, err) < 0 || add_range(reader, uid, uid, err) < 0)
			return -1;
	}
	out->ranges = reader->ranges;
	out->range_count = reader->range_count;
	return end < 0 ? -1 : reader_skip_values(lexer, err);
}

/* "(TAG "x")" */
static int parse_correlator(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice word;
	int end;

	if (lexer_expect(lexer, '(', err) < 0)
		return -1;
	while ((end = reader_list_ends(lexer, err)) == 0) {
		bool tag;

		if (lexer_atom(lexer, &word, err) < 0)
			return -1;
		tag = slice_eq_nocase(word, SLICE("TAG"));
		if (reader_space(lexer, err) < 0)
			return -1;
		if (!tag && lexer_skip_value(lexer, err) < 0)
			return -1;
		if (tag && lexer_mailbox(lexer, &word, err) < 0)
			return -1;
		if (tag)
			out->tag = arena_slice(&reader->arena, word);
	}
	return end < 0 ? -1 : 0;
}

int reader_esearch(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice word;
	int end, c = lexer_at_end(lexer, err) < 0 ? -1 : lexer_peek(lexer, err);

	lexer->line_left = SETS_MAX;
	if (c < 0 || (c == '(' && parse_correlator(reader, out, err) < 0))
		return -1;
	while ((end = lexer_at_end(lexer, err)) == 0) {
		bool all;

		if (lexer_atom(lexer, &word, err) < 0)
			return -1;
		if (slice_eq_nocase(word, SLICE("UID"))) {
			out->uid = true;
			continue;
		}
		all = slice_eq_nocase(word, SLICE("ALL"));
		if (reader_space(lexer, err) < 0 ||
			(all ? parse_set(reader, err) : lexer_skip_value(lexer, err)) < 0)
			return -1;
	}
	out->ranges = reader->ranges;
	out->range_count = reader->range_count;
	return end < 0 ? -1 : lexer_line_end(lexer, err);
}

int reader_vanished(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	int c = lexer_peek(lexer, err);

	lexer->line_left = SETS_MAX;
	out->earlier = c == '(';
	if (c < 0 || (out->earlier &&
			     (lexer_skip_value(lexer, err) < 0 || reader_space(lexer, err) < 0)))
		return -1;
	if (parse_set(reader, err) < 0)
		return -1;
	out->ranges = reader->ranges;
	out->range_count = reader->range_count;
	return lexer_line_end(lexer, err);
}

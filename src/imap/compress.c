/*
 * COMPRESS=DEFLATE (RFC 4978). The server compresses from the octet behind its OK on; what of that
 * was read already goes to the decompressor first.
 */
#include "imap/command.h"

unsigned imap_round_trip_ms(const struct imap *imap)
{
	unsigned waited = imap->reader.lexer.least_wait_ms;
	unsigned measured = stream_round_trip_ms(imap->stream);

	return waited < measured ? waited : measured;
}

int imap_compress(struct imap *imap, struct err *err)
{
	struct lexer *lexer = &imap->reader.lexer;
	struct imap_result result;
	struct err e = {0};
	imap_ticket ticket;

	if (imap->compressed || !imap_can(imap, IMAP_CAP_COMPRESS_DEFLATE))
		return imap->compressed;
	if (command_settle(imap, err) < 0 ||
		command_simple(imap, "COMPRESS DEFLATE", &ticket, err) < 0 ||
		imap_wait(imap, ticket, &result, err) < 0)
		return -1;
	if (!result.ok)
		return 0;
	struct slice ahead = {lexer->input + lexer->pos, lexer->end - lexer->pos};
	if (ahead.n > COMPRESS_AHEAD_MOST)
		return connection_fatal(imap, err, ERR_PROTO,
			"the server sent too much at once when compression began");
	if (net_start_deflate(&imap->stream, ahead, &e) < 0)
		return connection_die(imap, &e, err);
	lexer->pos = lexer->end;
	lexer->stream = imap->stream;
	imap->compressed = true;
	return 1;
}

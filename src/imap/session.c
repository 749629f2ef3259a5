/*
 * A connection's life: opening and closing.
 */
#include <stdlib.h>
#include "base/log.h"
#include "imap/command.h"
#include "imap/login.h"
#include "imap/receive.h"
#include "imap/selected.h"

#define LOGOUT_TIMEOUT_MS 1500
#define LOGOUT_RESPONSES_MAX 1000 /* read after LOGOUT, then we hang up */

int imap_open_stream(struct imap **out, const struct imap_options *options, struct stream *stream,
	struct err *err)
{
	struct imap *imap = connection_new(options, stream);

	*out = NULL;
	if (login_run(imap, options, err) < 0) {
		imap_close(imap);
		return -1;
	}
	*out = imap;
	return 0;
}

int imap_open(struct imap **out, const struct imap_options *options, struct err *err)
{
	struct stream *stream;

	*out = NULL;
	if (net_dial(options->net, &stream, err) < 0)
		return -1;
	return imap_open_stream(out, options, stream, err);
}

void imap_logout_send(struct imap *imap)
{
	struct err err = {0};

	/* In the middle of a body or an upload the server would not read it as a command; then
	 * closing is enough. */
	if (imap->dead.kind != ERR_NONE || imap->append_open || imap->fetch.active ||
		imap->queued || imap->leaving)
		return;
	imap->leaving = true;
	if (command_simple(imap, "LOGOUT", &imap->logout_ticket, &err) < 0 ||
		connection_flush(imap, &err) < 0)
		log_debug(LOG_IMAP, "conn %u: no LOGOUT: %s", imap->number, err.msg);
}

void imap_logout(struct imap *imap)
{
	struct response response;
	struct err err = {0};

	imap_logout_send(imap);
	if (!imap->leaving || !imap->has_selected)
		return;
	if (imap->reader.lexer.pace.timeout_ms > LOGOUT_TIMEOUT_MS)
		imap->reader.lexer.pace.timeout_ms = LOGOUT_TIMEOUT_MS;
	for (unsigned i = 0; i < LOGOUT_RESPONSES_MAX; i++) {
		if (ticket_is_answered(imap, imap->logout_ticket) ||
			receive_next(imap, &response, &err) < 0)
			return;
	}
}

void imap_close(struct imap *imap)
{
	if (!imap)
		return;
	stream_close(imap->stream);
	reader_fini(&imap->reader);
	buf_wipe(&imap->out);
	buf_fini(&imap->trace);
	buf_fini(&imap->wire);
	buf_fini(&imap->name);
	buf_fini(&imap->vendor);
	arena_fini(&imap->names);
	uidset_fini(&imap->fetch.uids);
	selected_drop_queue(imap);
	free(imap->prefix);
	free(imap->commands);
	free(imap->tickets);
	free(imap);
}

bool imap_expects_qresync(struct imap *imap)
{
	return imap->qresync || !ticket_is_answered(imap, imap->qresync_ticket);
}

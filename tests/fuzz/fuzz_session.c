/*
 * A whole session: login, listing, a mailbox, bodies, uploads, moves. The input is what the server
 * sends, in which octet 1 stands for the tag of the oldest command that is not answered yet, octet
 * 3 for that of the newest, and octet 2 ends what is sent before the client speaks again.
 */
#include <string.h>

#include "imap/imap.h"
#include "tests/fake/memstream.h"
#include "tests/fuzz/fuzz.h"

#define TAGS 64

struct server {
	struct slice left;
	char tags[TAGS][20];
	size_t first, count;
};

static void note_tags(struct server *server, struct buf *written)
{
	char *end;

	while (written->len && (end = memchr(written->data, '\n', written->len))) {
		size_t n = strcspn(written->data, " \r\n");

		if (n > 0 && n < sizeof(server->tags[0]) && server->count < TAGS) {
			memcpy(server->tags[server->count], written->data, n);
			server->tags[server->count++][n] = 0;
		}
		buf_drop_front(written, (size_t)(end - written->data) + 1);
	}
}

static void speak(struct stream *stream, struct buf *written, void *arg)
{
	struct server *server = arg;

	note_tags(server, written);
	while (server->left.n > 0) {
		char c = (char)fuzz_octet(&server->left);

		if (c == 2)
			return;
		if (c == 1 && server->first < server->count)
			memstream_feed_str(stream, server->tags[server->first++]);
		else if (c == 3 && server->count > 0)
			memstream_feed_str(stream, server->tags[server->count - 1]);
		else
			memstream_feed(stream, &c, 1);
	}
	memstream_feed_end(stream);
}

static void fetch(struct imap *imap, const struct imap_fetch_request *request)
{
	struct imap_message message;
	enum imap_fetch_event event;
	struct slice piece;

	if (imap_fetch_begin(imap, request, NULL) < 0)
		return;
	while ((event = imap_fetch_next(imap, &message, NULL)) > 0)
		while (event == IMAP_FETCH_BODY && imap_fetch_read(imap, &piece, NULL) == 1)
			ASSERT(piece.n > 0);
}

static void upload(struct imap *imap)
{
	struct imap_result result;
	struct flags flags = {.system = FLAG_SEEN};
	imap_ticket ticket;
	int rc = imap_append_begin(imap, SLICE("INBOX"), &flags, 0, 5, &ticket, NULL);

	if (rc < 0)
		return;
	if (rc == 0 &&
		(imap_append_data(imap, "abcde", 5, NULL) < 0 || imap_append_end(imap, NULL) < 0))
		return;
	if (imap_wait(imap, ticket, &result, NULL) == 0)
		ASSERT(strlen(result.text) < sizeof(result.text));
}

static void work_on_mailbox(struct imap *imap, struct uidset *uids)
{
	struct imap_fetch_request flags = {.flags = true, .size = true, .date = true};
	struct imap_fetch_request bodies = {.uids = uids, .flags = true, .body = true};
	struct flags seen = {.system = FLAG_SEEN};
	struct imap_moved moved = {0};
	imap_ticket ticket;

	fetch(imap, &flags);
	if (imap_search_all(imap, uids, NULL) < 0)
		return;
	uidset_clear(uids);
	uidset_add(uids, 1);
	uidset_add(uids, 3);
	fetch(imap, &bodies);
	if (imap_store_send(imap, uids, IMAP_STORE_ADD, &seen, &ticket, NULL) == 0 &&
		imap_wait_ok(imap, ticket, NULL) < 0)
		uidset_add(uids, 4);
	upload(imap);
	if (imap_move(imap, uids, SLICE("other"), &moved, NULL) < 0)
		uidset_clear(uids);
	imap_moved_fini(&moved);
}

static void work(struct imap *imap)
{
	struct uidset uids = {0};
	struct arena arena = {0};
	struct imap_list list;
	struct imap_status status;

	if (imap_list(imap, true, &arena, &list, NULL) == 0)
		ASSERT(list.count <= 100000);
	if (imap_status(imap, SLICE("INBOX"), &status, NULL) >= 0 &&
		imap_select(imap, SLICE("INBOX"), false, NULL) == 0)
		work_on_mailbox(imap, &uids);
	if (imap_unselect(imap, NULL) == 0)
		imap_logout(imap);
	uidset_fini(&uids);
	arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct server server = {.left = {(const char *)data, size}};
	struct keywords *keywords = keywords_new();
	struct stream *stream = memstream_new();
	struct net_options net = {.tls = NET_TLS_NONE, .host = "127.0.0.1"};
	struct imap_login login = {.user = "alice", .password = "secret"};
	struct imap_options options = {
		.net_options = &net, .login = &login, .keywords = keywords, .number = 1};
	struct buf nothing = {0};
	struct imap *imap;

	memstream_chunk(stream, fuzz_octet(&server.left));
	memstream_on_write(stream, speak, &server);
	speak(stream, &nothing, &server);
	if (imap_open_stream(&imap, &options, stream, NULL) == 0) {
		work(imap);
		imap_close(imap);
	}
	keywords_free(keywords);
	return 0;
}

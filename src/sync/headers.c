/*
 * Header blocks of server messages, for pairing. A header that the server refuses, for good or, in
 * spite of all patience, for now, must not keep its mailbox from being synchronized: the message is
 * marked as one of which nothing is known (pairing.c leaves it alone), and the others go on.
 */
#include "model/messageid.h"
#include "sync/pass.h"

#define HEADER_MOST (256u << 10) /* bytes of a header block that are searched for Message-ID */
#define SINGLE_MOST 200  /* messages that are asked for one by one after a refusal of them all */
#define STUBBORN_MOST 20 /* messages that may be refused for now, in spite of all patience */

struct asking {
	struct worker *w;
	struct box *box;
	struct new_there *there;
	size_t count;
	struct uidset missing; /* asked for, not here yet */
};

struct new_there *facts_find(struct new_there *there, size_t count, uint32_t uid)
{
	size_t low = 0, high = count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (there[middle].uid < uid)
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && there[low].uid == uid ? &there[low] : NULL;
}

/* CRLF -> LF for the digest: HEADER is short, so in place. */
static void to_local(struct buf *header)
{
	size_t out = 0;
	for (size_t i = 0; i < header->len; i++)
		if (header->data[i] != '\r' || i + 1 == header->len || header->data[i + 1] != '\n')
			header->data[out++] = header->data[i];
	header->len = out;
}

static void digest_header(struct new_there *new, struct buf *header)
{
	struct digester *digester = digester_new();

	to_local(header);
	new->message_id = messageid_of(buf_slice(header));
	digester_feed(digester, header->data, header->len);
	digester_finish(digester, &new->header, NULL);
	digester_free(digester);
}

/* A header block into OUT; one longer than HEADER_MOST is cut and finds no partner. */
static int read_header(struct worker *w, struct buf *out, struct err *err)
{
	struct slice data;
	int rc;

	buf_clear(out);
	while ((rc = imap_fetch_read(w->imap, &data, err)) == 1)
		if (out->len < HEADER_MOST)
			buf_add_slice(out, data);
	return rc;
}

/* One fetch of all that is missing. 1: some was refused, as w->refusal says; 0: all commands were
 * answered, -1. */
static int fetch(struct asking *a, unsigned batch, struct err *err)
{
	struct imap *imap = a->w->imap;
	struct uidset asked = {0};
	struct imap_fetch_request request = {.uids = &asked, .header = true, .batch = batch};
	struct imap_message m;
	enum imap_fetch_event event = IMAP_FETCH_ERROR;
	struct buf header = {0};

	uidset_copy(&asked, &a->missing);
	if (imap_fetch_begin(imap, &request, err) == 0)
		while ((event = imap_fetch_next(imap, &m, err)) > 0) {
			if (event == IMAP_FETCH_BODY && read_header(a->w, &header, err) != 0) {
				event = IMAP_FETCH_ERROR;
				break;
			}
			if (event != IMAP_FETCH_MESSAGE)
				continue;
			struct new_there *new = facts_find(a->there, a->count, m.uid);
			if (m.has_body && new)
				digest_header(new, &header);
			uidset_remove(&a->missing, m.uid);
		}
	buf_fini(&header);
	uidset_fini(&asked);
	if (event == IMAP_FETCH_END)
		return 0;
	bool stubborn = err->kind == ERR_SERVER_BUSY && imap_is_alive(imap) && err->wait_ms == 0 &&
			a->box->patience.troubled;
	if (err->kind != ERR_SERVER_NO && !stubborn)
		return -1;
	a->w->refusal = *err;
	err_clear(err);
	return 1;
}

/* What is still missing after a refusal. */
static int give_up(struct asking *a, struct err *err)
{
	struct uid_iter it = {0};
	uint32_t uid;

	if (a->w->refusal.kind == ERR_SERVER_BUSY && uidset_size(&a->missing) > STUBBORN_MOST) {
		*err = a->w->refusal;
		return -1;
	}
	while ((uid = uidset_next(&a->missing, &it)) != 0) {
		struct new_there *new = facts_find(a->there, a->count, uid);
		if (new)
			new->untold = true;
	}
	return 0;
}

int facts_headers(struct worker *w, struct box *box, const struct uidset *uids,
	struct new_there *there, size_t count, struct err *err)
{
	struct asking a = {.w = w, .box = box, .there = there, .count = count};

	uidset_copy(&a.missing, uids);
	int rc = fetch(&a, 0, err);
	if (rc == 1 && !uidset_empty(&a.missing))
		rc = imap_noop(w->imap, err) != 0
			     ? -1
			     : fetch(&a, uidset_size(&a.missing) <= SINGLE_MOST ? 1 : 0, err);
	if (rc == 1 && !uidset_empty(&a.missing))
		rc = give_up(&a, err);
	uidset_fini(&a.missing);
	return rc < 0 ? -1 : 0;
}

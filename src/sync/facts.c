/*
 * Facts for pairing (pair.h), gathered from the cheap to the dear: sizes, dates and flags of the
 * unknown server messages; the files whose size fits one of them; headers of those whose size fits
 * a file; bodies only where header and size leave a doubt. A body fetched here is digested through
 * tmp/ and thrown away.
 */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "model/messageid.h"
#include "sync/pair.h"
#include "sync/pass.h"

#define HEADER_MOST (256u << 10) /* bytes of a header block that are searched for Message-ID */

/* A file that vanished meanwhile, or is being written, has no facts and is left for the next pass.
 * *READER NULL then. */
static int open_file(struct box *box, struct new_here *new, struct maildir_reader **reader,
	struct maildir_facts *facts, struct err *err)
{
	if (maildir_reader_open(reader, box->maildir, new->name, facts, err) == 0)
		return 0;
	*reader = NULL;
	/* One that nobody may read is told when it is its turn to be sent. */
	if (err->sys != ENOENT && err->sys != EACCES && err->kind != ERR_CONFLICT)
		return -1;
	log_debug(LOG_SYNC, "%s: %s", new->name, err->msg);
	box->incomplete |= err->sys != EACCES;
	err_clear(err);
	new->unreadable = true;
	return 0;
}

int facts_of(struct box *box, struct new_here *new, struct err *err)
{
	struct maildir_reader *reader;
	struct maildir_facts facts;

	if (open_file(box, new, &reader, &facts, err) != 0)
		return -1;
	if (!reader)
		return 0;
	maildir_reader_close(reader);
	new->has_facts = true;
	new->wire_size = facts.wire_size;
	new->date = facts.date;
	new->header = facts.header;
	new->content = facts.content;
	return 0;
}

/* 1: FILE may have one of the sizes WANTED (NULL: all are), 0, -1. */
static int may_fit(const struct box *box, const struct new_here *file,
	const struct pair_sizes *wanted, struct err *err)
{
	uint64_t size;
	int64_t stamp;

	if (!wanted || pair_is_vouched(file))
		return 1;
	if (maildir_file_stat(box->maildir, file->name, &size, &stamp, err) == 0)
		return pair_file_fits(wanted, size);
	if (err->sys != ENOENT)
		return -1;
	err_clear(err);
	return 1;
}

int facts_here(struct worker *w, struct box *box, struct look *look,
	const struct pair_sizes *wanted, struct err *err)
{
	report_begin(w->pass->report, w->number, box->name, "comparing", look->new_here_count, 0);
	for (size_t i = 0; i < look->new_here_count; i++) {
		struct new_here *new = &look->new_here[i];
		int fits = new->has_facts ? 0 : may_fit(box, new, wanted, err);
		if (fits < 0 || cancel_check(err) != 0 || (fits && facts_of(box, new, err) != 0))
			return -1;
		report_advance(w->pass->report, w->number, 1, 0);
	}
	return 0;
}

int facts_sizes(struct worker *w, struct new_there *there, size_t count, struct err *err)
{
	struct uidset uids = {0};
	struct imap_fetch_request request = {
		.uids = &uids, .flags = true, .date = true, .size = true};
	struct imap_message m;
	enum imap_fetch_event event = IMAP_FETCH_ERROR;

	for (size_t i = 0; i < count; i++)
		uidset_add(&uids, there[i].uid);
	if (imap_fetch_begin(w->imap, &request, err) != 0)
		goto out;
	while ((event = imap_fetch_next(w->imap, &m, err)) > 0) {
		struct new_there *new =
			event == IMAP_FETCH_MESSAGE ? facts_find(there, count, m.uid) : NULL;
		if (!new || !m.has_size)
			continue;
		new->has_facts = true;
		new->size = m.size;
		new->date = m.date;
		new->flags = m.flags;
	}
out:
	uidset_fini(&uids);
	return event == IMAP_FETCH_END ? 0 : -1;
}

int facts_fitting_sizes(struct worker *w, const struct uidset *uids, const struct pair_sizes *sizes,
	struct uidset *out, struct err *err)
{
	struct imap_fetch_request request = {.uids = uids, .size = true};
	struct uid_gather gather = {0};
	struct imap_message m;
	enum imap_fetch_event event;

	if (imap_fetch_begin(w->imap, &request, err) != 0)
		return -1;
	while ((event = imap_fetch_next(w->imap, &m, err)) > 0)
		if (event == IMAP_FETCH_MESSAGE && m.has_size && pair_size_fits(sizes, m.size))
			uid_gather(&gather, out, m.uid);
	uid_gather_end(&gather, out);
	return event == IMAP_FETCH_END ? 0 : -1;
}

static int read_body(struct worker *w, struct box *box, struct err *err)
{
	char base[MAILDIR_BASE_SIZE];
	struct slice data;
	int rc;

	maildir_fresh_base(base);
	if (maildir_delivery_begin(w->delivery, box->maildir, base, err) != 0)
		return -1;
	while ((rc = imap_fetch_read(w->imap, &data, err)) == 1)
		if (maildir_delivery_write(w->delivery, data.p, data.n, err) != 0)
			return -1;
	return rc;
}

static int fetch_contents(struct worker *w, struct box *box, const struct uidset *uids,
	struct new_there *there, size_t count, struct err *err)
{
	struct imap_fetch_request request = {.uids = uids, .body = true};
	struct imap_message m;
	enum imap_fetch_event event;
	struct maildir_delivered delivered;

	if (imap_fetch_begin(w->imap, &request, err) != 0)
		return -1;
	while ((event = imap_fetch_next(w->imap, &m, err)) > 0) {
		if (event == IMAP_FETCH_BODY && read_body(w, box, err) != 0) {
			event = IMAP_FETCH_ERROR;
			break;
		}
		if (event != IMAP_FETCH_MESSAGE || !m.has_body)
			continue;
		if (maildir_delivery_end(w->delivery, 0, &delivered, err) != 0) {
			event = IMAP_FETCH_ERROR;
			break;
		}
		maildir_delivery_abort(w->delivery);
		struct new_there *new = facts_find(there, count, m.uid);
		if (new)
			new->content = delivered.content;
	}
	if (event != IMAP_FETCH_END)
		maildir_delivery_abort(w->delivery);
	return event == IMAP_FETCH_END ? 0 : -1;
}

/* Of messages that need it: contents that the state knows, if their UIDs mean what they did. REST:
 * the others. */
static int recall_contents(struct worker *w, const struct box *box, const struct pair_index *index,
	struct new_there *there, size_t count, struct uidset *rest, struct err *err)
{
	struct state_read *read = NULL;
	struct state_message row;
	int rc = 0;

	if (box->same_uids && state_read_begin(w->pass->state, &read, err) != 0)
		return -1;
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		if (!pair_needs_content(index, &there[i]))
			continue;
		if (read &&
			(rc = state_get_message(read, box->former, there[i].uid, &row, err)) < 0)
			break;
		if (rc == 1 && !digest_is_zero(&row.content))
			there[i].content = row.content;
		else
			uidset_add(rest, there[i].uid);
	}
	state_read_end(read);
	return rc < 0 ? -1 : 0;
}

int facts_fitting_headers(struct worker *w, struct box *box, const struct pair_sizes *sizes,
	struct new_there *there, size_t count, struct err *err)
{
	struct uidset some = {0};
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		if (there[i].has_facts && pair_size_fits(sizes, there[i].size))
			uidset_add(&some, there[i].uid);
	report_begin(w->pass->report, w->number, box->name, "comparing", uidset_size(&some), 0);
	if (!uidset_empty(&some))
		rc = facts_headers(w, box, &some, there, count, err);
	uidset_fini(&some);
	return rc;
}

int facts_contents(struct worker *w, struct box *box, const struct new_here *here,
	size_t here_count, struct new_there *there, size_t count, struct err *err)
{
	struct pair_index index;
	struct uidset some = {0};

	pair_index_init(&w->arena, here, here_count, &index);
	int rc = recall_contents(w, box, &index, there, count, &some, err);
	if (rc == 0 && !uidset_empty(&some) && box->maildir)
		rc = fetch_contents(w, box, &some, there, count, err);
	uidset_fini(&some);
	return rc;
}

int facts_there(struct worker *w, struct box *box, const struct new_here *here, size_t here_count,
	struct new_there *there, size_t count, struct err *err)
{
	struct pair_sizes sizes;

	pair_sizes_here(&w->arena, here, here_count, &sizes);
	if (facts_fitting_headers(w, box, &sizes, there, count, err) != 0)
		return -1;
	return facts_contents(w, box, here, here_count, there, count, err);
}

/* ---- what the state vouches for ---- */

/* Where the header in TEXT, in wire form, ends; 0: not within what is there. */
static size_t header_end(const struct buf *text)
{
	const char *blank = text->len ? memmem(text->data, text->len, "\r\n\r\n", 4) : NULL;
	return blank ? (size_t)(blank - text->data) : 0;
}

static int read_message_id(struct box *box, struct new_here *file, struct err *err)
{
	struct maildir_reader *reader;
	struct maildir_facts facts;
	struct buf text = {0};
	struct slice data;
	int rc = 0;

	if (open_file(box, file, &reader, &facts, err) != 0)
		return -1;
	while (reader && text.len < HEADER_MOST && header_end(&text) == 0 &&
		(rc = maildir_reader_next(reader, &data, err)) == 1)
		buf_add_slice(&text, data);
	maildir_reader_close(reader);
	if (header_end(&text) > 0)
		text.len = header_end(&text);
	file->message_id = messageid_of(buf_slice(&text));
	buf_fini(&text);
	if (rc >= 0 || err->kind != ERR_CONFLICT)
		return rc < 0 ? -1 : 0;
	err_clear(err); /* it is being written: the next pass tells */
	box->incomplete = true;
	return 0;
}

int facts_vouched(struct worker *w, struct box *box, struct look *look, const bool *used,
	struct new_there *there, const int32_t *partner, size_t count, struct err *err)
{
	struct uidset some = {0};
	uint32_t since = UINT32_MAX;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < look->new_here_count; i++) {
		struct new_here *file = &look->new_here[i];
		if (used[i] || !pair_is_vouched(file))
			continue;
		uint32_t first = file->has_former ? 0 : file->uidnext_before;
		since = first < since ? first : since;
		rc = read_message_id(box, file, err);
	}
	for (size_t i = 0; rc == 0 && i < count; i++)
		if (partner[i] < 0 && there[i].uid >= since && digest_is_zero(&there[i].header))
			uidset_add(&some, there[i].uid);
	if (rc == 0 && !uidset_empty(&some))
		rc = facts_headers(w, box, &some, there, count, err);
	uidset_fini(&some);
	return rc;
}

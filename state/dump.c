/*
 * The database as text, for people and bug reports: a row a line, tables in the order of schema.h.
 * A row that is damaged is shown as such, and the dump goes on.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/escape.h"
#include "state/state_impl.h"

struct dumper {
	struct state *state;
	bool json;
	struct buf line;
	struct keywords *keywords;
	state_dump_line *print;
	void *arg;
	bool first; /* JSON: no comma before the next field */
};

static void add_quoted(struct buf *out, struct slice s)
{
	char escaped[8192];

	escape(s, escaped, sizeof(escaped));
	buf_add_char(out, '"');
	for (const char *p = escaped; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *p);
	}
	buf_add_char(out, '"');
}

static void name(struct dumper *d, const char *field)
{
	if (d->json)
		buf_addf(&d->line, "%s\"%s\":", d->first ? "" : ",", field);
	else
		buf_addf(&d->line, "%s%s=", d->first ? "" : " ", field);
	d->first = false;
}

static void string(struct dumper *d, const char *field, struct slice s)
{
	name(d, field);
	add_quoted(&d->line, s);
}

static void number(struct dumper *d, const char *field, long long value)
{
	name(d, field);
	buf_addf(&d->line, "%lld", value);
}

static void digest(struct dumper *d, const char *field, const struct digest *value)
{
	char hex[2 * DIGEST_SIZE + 1];

	for (size_t i = 0; i < DIGEST_SIZE; i++)
		snprintf(hex + 2 * i, 3, "%02x", value->bytes[i]);
	string(d, field, slice_str(digest_is_zero(value) ? "" : hex));
}

static void where(struct dumper *d, unsigned bits)
{
	char text[4];
	snprintf(text, sizeof(text), "%s%s%s", bits & STATE_THERE ? "t" : "",
		bits & STATE_HERE ? "h" : "", bits & STATE_REFUSED ? "r" : "");
	string(d, "where", slice_str(text));
}

static void flags(struct dumper *d, const struct flags *f)
{
	struct buf text = {0};
	keywords_format(d->keywords, f, &text);
	string(d, "flags", buf_slice(&text));
	buf_fini(&text);
}

static void begin(struct dumper *d, enum state_table table)
{
	buf_clear(&d->line);
	d->first = true;
	if (d->json) {
		buf_add_char(&d->line, '{');
		string(d, "table", slice_str(state_table_names[table]));
	} else {
		buf_addf(&d->line, "%s ", state_table_names[table]);
	}
}

static int end(struct dumper *d)
{
	if (d->json)
		buf_add_char(&d->line, '}');
	return d->print(d->line.data, d->arg);
}

static bool dump_meta(struct dumper *d, struct slice key, struct slice value)
{
	struct slice text;
	uint64_t n;

	string(d, "key", key);
	if (slice_eq_str(key, "schema") || slice_eq_str(key, "pass")) {
		if (!decode_number(value, TABLE_META, key, &n))
			return false;
		number(d, "value", (long long)n);
		return true;
	}
	if (!decode_text(value, TABLE_META, key, &text))
		return false;
	string(d, "value", text);
	return true;
}

static bool dump_mailbox(struct dumper *d, struct slice key, struct slice value)
{
	struct state_mailbox m = {0};
	struct slice rest = key;

	if (!key_read_number(&rest, &m.id) || !decode_mailbox(value, key, &m))
		return false;
	number(d, "id", m.id);
	string(d, "name", m.name);
	string(d, "wire", m.wire);
	string(d, "path", m.path);
	where(d, m.where);
	number(d, "uidvalidity", m.uidvalidity);
	number(d, "former", m.former);
	number(d, "uidnext", m.watermark.uidnext);
	number(d, "messages", m.watermark.messages);
	number(d, "highestmodseq", (long long)m.watermark.highestmodseq);
	number(d, "new_mtime", m.watermark.new_mtime);
	number(d, "new_ctime", m.watermark.new_ctime);
	number(d, "cur_mtime", m.watermark.cur_mtime);
	number(d, "cur_ctime", m.watermark.cur_ctime);
	string(d, "mailboxid", m.mailboxid);
	number(d, "synced", m.synced);
	number(d, "letterless", m.letterless);
	return true;
}

static bool dump_message(
	struct dumper *d, enum state_table table, struct slice key, struct slice value)
{
	struct state_message m = {0};
	struct slice rest = key;
	uint32_t id;

	if (!key_read_number(&rest, &id) || !key_read_number(&rest, &m.uid) ||
		!decode_message(value, table, key, &m))
		return false;
	number(d, "mailbox", id);
	number(d, "uid", m.uid);
	where(d, m.where);
	string(d, "base", m.base);
	string(d, "folder", slice_str(!(m.where & STATE_HERE) ? "" : m.in_new ? "new" : "cur"));
	string(d, "info", m.info);
	flags(d, &m.flags);
	number(d, "size", (long long)m.size);
	number(d, "date", m.date);
	digest(d, "header", &m.header);
	digest(d, "content", &m.content);
	return true;
}

static bool dump_by_base(struct dumper *d, struct slice key, struct slice value)
{
	struct slice rest = key;
	uint32_t id;
	uint64_t uid;

	if (!key_read_number(&rest, &id) || !decode_number(value, TABLE_BY_BASE, key, &uid))
		return false;
	number(d, "mailbox", id);
	string(d, "base", rest);
	number(d, "uid", (long long)uid);
	return true;
}

static bool dump_upload(struct dumper *d, struct slice key, struct slice value)
{
	struct state_upload u = {0};
	struct slice rest = key;
	uint32_t id;

	if (!key_read_number(&rest, &id) || !decode_upload(value, key, &u))
		return false;
	number(d, "mailbox", id);
	string(d, "base", rest);
	number(d, "answered", u.answered);
	number(d, "uidnext_before", u.uidnext_before);
	number(d, "size", (long long)u.size);
	number(d, "date", u.date);
	digest(d, "header", &u.header);
	digest(d, "content", &u.content);
	return true;
}

static const char *pending_name(enum state_pending_kind kind)
{
	switch (kind) {
	case STATE_PENDING_FETCH:
		return "fetch";
	case STATE_PENDING_APPEND:
		return "append";
	case STATE_PENDING_FLAGS:
		return "flags";
	case STATE_PENDING_DELETE:
		return "delete";
	case STATE_PENDING_MAILBOX:
		return "mailbox";
	}
	return "?";
}

static bool dump_pending(struct dumper *d, struct slice key, struct slice value)
{
	struct state_pending p = {0};
	uint32_t id;

	if (!key_read_pending(key, &id, &p) || !decode_pending(value, key, &p))
		return false;
	number(d, "mailbox", id);
	string(d, "kind", slice_str(pending_name(p.kind)));
	number(d, "uid", p.uid);
	string(d, "base", p.base);
	string(d, "reason", p.reason);
	number(d, "count", p.count);
	number(d, "since", p.since);
	number(d, "size", (long long)p.size);
	number(d, "pass", (long long)p.pass);
	return true;
}

static bool dump_tally(struct dumper *d, struct slice key, struct slice value)
{
	struct state_tally t;
	struct slice rest = key;
	uint32_t id;

	if (!key_read_number(&rest, &id) || !decode_tally(value, key, &t))
		return false;
	number(d, "mailbox", id);
	number(d, "there", (long long)t.there);
	number(d, "here", (long long)t.here);
	return true;
}

static bool dump_value(
	struct dumper *d, enum state_table table, struct slice key, struct slice value)
{
	switch (table) {
	case TABLE_META:
		return dump_meta(d, key, value);
	case TABLE_MAILBOX:
		return dump_mailbox(d, key, value);
	case TABLE_MESSAGE:
	case TABLE_ARRIVAL:
		return dump_message(d, table, key, value);
	case TABLE_BY_BASE:
		return dump_by_base(d, key, value);
	case TABLE_UPLOAD:
		return dump_upload(d, key, value);
	case TABLE_PENDING:
		return dump_pending(d, key, value);
	case TABLE_TALLY:
		return dump_tally(d, key, value);
	case TABLE_COUNT:
		break;
	}
	return false;
}

static int dump_row(struct dumper *d, enum state_table table, struct slice key, struct slice value)
{
	begin(d, table);
	if (!dump_value(d, table, key, value)) {
		begin(d, table);
		string(d, "damaged", key);
	}
	return end(d);
}

/* 0, 1: the printer has had enough, -1. */
static int dump_table(struct dumper *d, MDB_txn *txn, enum state_table table, struct err *err)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	unsigned steps = 0;
	int stop = 0;
	int rc = mdb_cursor_open(txn, d->state->tables[table], &cursor);

	if (rc != 0)
		return state_mdb_error(d->state, err, rc, "read");
	while (!stop && (rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
		trim_step(d->state, &steps);
		stop = dump_row(d, table, (struct slice){key.mv_data, key.mv_size},
			       (struct slice){value.mv_data, value.mv_size}) != 0;
	}
	mdb_cursor_close(cursor);
	if (rc != 0 && rc != MDB_NOTFOUND)
		return state_mdb_error(d->state, err, rc, "read");
	return stop;
}

int state_dump(struct state *state, bool json, state_dump_line *print, void *arg, struct err *err)
{
	struct dumper d = {.state = state,
		.json = json,
		.print = print,
		.arg = arg,
		.keywords = keywords_new()};
	struct state_read *read = NULL;
	int rc = state_load_keywords(state, d.keywords, err);

	if (rc == 0)
		rc = state_read_begin(state, &read, err);
	for (unsigned t = 0; rc == 0 && t < TABLE_COUNT; t++)
		rc = dump_table(&d, read->txn, (enum state_table)t, err);
	state_read_end(read);
	keywords_free(d.keywords);
	buf_fini(&d.line);
	return rc < 0 ? -1 : 0;
}

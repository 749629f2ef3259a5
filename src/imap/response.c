/*
 * Responses: a table of names, a function for each form.
 */
#include <string.h>
#include "imap/response.h"

#define SETS_MAX (64u * 1024 * 1024) /* octets of a line that carries UIDs of a whole mailbox */

/* ---- pieces ---- */

static int number32(struct lexer *lexer, uint32_t *out, struct err *err)
{
	uint64_t value;

	if (lexer_number(lexer, UINT32_MAX, &value, err) < 0)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

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
		if (number32(lexer, &first, err) < 0)
			return -1;
		last = first;
		rc = lexer_try(lexer, ':', err);
		if (rc < 0 || (rc && number32(lexer, &last, err) < 0) ||
			add_range(reader, first, last, err) < 0)
			return -1;
	} while ((rc = lexer_try(lexer, ',', err)) == 1);
	return rc;
}

/* ---- responses, one function a form; each takes the line to its end ---- */

typedef int parse_response(struct reader *reader, struct response *out, struct err *err);

/* "[CODE] text", also nothing at all. */
static parse_response parse_state;
static int parse_state(struct reader *reader, struct response *out, struct err *err)
{
	if (lexer_blanks(&reader->lexer, err) < 0 ||
		lexer_text(&reader->lexer, &out->text, err) < 0)
		return -1;
	out->secret = lexer_hides(&reader->lexer, out->text);
	return response_code_parse(&out->text, reader->keywords, &out->code, err);
}

static parse_response parse_capability;
static int parse_capability(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice word;
	int end;

	out->code.capabilities.known = true;
	while ((end = lexer_at_end(lexer, err)) == 0) {
		if (lexer_atom(lexer, &word, err) < 0)
			return -1;
		capability_add(&out->code.capabilities, word);
	}
	return end < 0 ? -1 : lexer_line_end(lexer, err);
}

static unsigned attribute_bit(struct slice word)
{
	static const struct {
		const char *name;
		unsigned bits;
	} rows[] = {
		{"\\Noselect", IMAP_NOSELECT},
		{"\\NonExistent", IMAP_NONEXISTENT | IMAP_NOSELECT},
		{"\\Noinferiors", IMAP_NOINFERIORS | IMAP_HAS_NO_CHILDREN},
		{"\\Subscribed", IMAP_SUBSCRIBED},
		{"\\All", IMAP_ALL},
		{"\\Archive", IMAP_ARCHIVE},
		{"\\Drafts", IMAP_DRAFTS},
		{"\\Flagged", IMAP_FLAGGED},
		{"\\Important", IMAP_IMPORTANT},
		{"\\Junk", IMAP_JUNK},
		{"\\Sent", IMAP_SENT},
		{"\\Trash", IMAP_TRASH},
		{"\\HasChildren", IMAP_HAS_CHILDREN},
		{"\\HasNoChildren", IMAP_HAS_NO_CHILDREN},
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (slice_eq_nocase(word, slice_str(rows[i].name)))
			return rows[i].bits;
	}
	return 0;
}

static int parse_attributes(struct lexer *lexer, unsigned *out, struct err *err)
{
	struct slice word;
	int end;

	if (lexer_expect(lexer, '(', err) < 0)
		return -1;
	while ((end = reader_list_ends(lexer, err)) == 0) {
		if (lexer_atom(lexer, &word, err) < 0)
			return -1;
		*out |= attribute_bit(word);
	}
	return end < 0 ? -1 : 0;
}

static int parse_delimiter(struct lexer *lexer, char *out, struct err *err)
{
	struct slice text;
	bool nil;

	if (lexer_nstring(lexer, &text, &nil, err) < 0)
		return -1;
	if (text.n > 1 || (text.n == 1 && ((unsigned char)text.p[0] <= 0x20 || text.p[0] & 0x80)))
		return err_set(err, ERR_PROTO,
			"the server sent a hierarchy delimiter that is not "
			"one character");
	*out = text.n ? text.p[0] : 0;
	return 0;
}

/* Skip values up to the end of the line. */
static int skip_values(struct lexer *lexer, struct err *err)
{
	int end;

	while ((end = lexer_at_end(lexer, err)) == 0) {
		if (lexer_skip_value(lexer, err) < 0)
			return -1;
	}
	return end < 0 ? -1 : lexer_line_end(lexer, err);
}

static parse_response parse_list;
static int parse_list(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;

	if (parse_attributes(lexer, &out->attributes, err) < 0 || reader_space(lexer, err) < 0 ||
		parse_delimiter(lexer, &out->delimiter, err) < 0 || reader_space(lexer, err) < 0 ||
		lexer_mailbox(lexer, &out->name, err) < 0)
		return -1;
	out->name = arena_slice(&reader->arena, out->name);
	return skip_values(lexer, err);
}

static parse_response parse_flags_line;
static int parse_flags_line(struct reader *reader, struct response *out, struct err *err)
{
	if (reader_flags(reader, &out->flags, err) < 0)
		return -1;
	return lexer_line_end(&reader->lexer, err);
}

/* "1 2 3", and "(MODSEQ 4)" behind it from CONDSTORE servers. */
static parse_response parse_search;
static int parse_search(struct reader *reader, struct response *out, struct err *err)
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
		if (number32(lexer, &uid, err) < 0 || add_range(reader, uid, uid, err) < 0)
			return -1;
	}
	out->ranges = reader->ranges;
	out->range_count = reader->range_count;
	return end < 0 ? -1 : skip_values(lexer, err);
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

static parse_response parse_esearch;
static int parse_esearch(struct reader *reader, struct response *out, struct err *err)
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

static parse_response parse_vanished;
static int parse_vanished(struct reader *reader, struct response *out, struct err *err)
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

/* One `("prefix" "/" extensions...)` */
static int parse_namespace_row(
	struct reader *reader, struct response *out, bool personal, struct err *err)
{
	struct response_namespace *row = &out->namespaces[out->namespace_count];
	struct lexer *lexer = &reader->lexer;
	struct slice prefix;
	int end;

	if (out->namespace_count == RESPONSE_NAMESPACES_MAX)
		return lexer_skip_value(lexer, err);
	if (lexer_expect(lexer, '(', err) < 0 || lexer_string(lexer, &prefix, err) < 0)
		return -1;
	row->personal = personal;
	row->prefix = arena_slice(&reader->arena, prefix);
	if (reader_space(lexer, err) < 0 || parse_delimiter(lexer, &row->delimiter, err) < 0)
		return -1;
	out->namespace_count++;
	while ((end = reader_list_ends(lexer, err)) == 0) {
		if (lexer_skip_value(lexer, err) < 0)
			return -1;
	}
	return end < 0 ? -1 : 0;
}

/* Personal, other users', shared: each NIL or a list. */
static parse_response parse_namespace;
static int parse_namespace(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;

	out->namespaces =
		arena_alloc(&reader->arena, RESPONSE_NAMESPACES_MAX * sizeof(*out->namespaces));
	for (int group = 0; group < 3; group++) {
		int end = lexer_at_end(lexer, err), list = end ? 0 : lexer_try(lexer, '(', err);

		if (end < 0 || list < 0)
			return -1;
		if (end)
			break;
		if (!list && lexer_skip_value(lexer, err) < 0)
			return -1;
		while (list && (end = reader_list_ends(lexer, err)) == 0) {
			if (parse_namespace_row(reader, out, group == 0, err) < 0)
				return -1;
		}
		if (end < 0)
			return -1;
	}
	return skip_values(lexer, err);
}

static parse_response parse_enabled;
static int parse_enabled(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice word;
	int end;

	while ((end = lexer_at_end(lexer, err)) == 0) {
		if (lexer_atom(lexer, &word, err) < 0)
			return -1;
		if (slice_eq_nocase(word, SLICE("IMAP4rev2")))
			out->enabled_rev2 = true;
		else if (slice_eq_nocase(word, SLICE("QRESYNC")))
			out->enabled_qresync = true;
	}
	return end < 0 ? -1 : lexer_line_end(lexer, err);
}

/* The next string of an ID's list to OUT: 1; 0: something else comes; -1. */
static int id_string(struct lexer *lexer, struct slice *out, struct err *err)
{
	int c = lexer_blanks(lexer, err) < 0 ? -1 : lexer_peek(lexer, err);
	int literal = c < 0 ? -1 : c == '"' ? 1 : lexer_at_literal(lexer, err);

	if (literal != 1)
		return literal;
	return lexer_string(lexer, out, err) < 0 ? -1 : 1;
}

/* Takes "key" and its value, a string or NIL. 1; 0: the list ends, or is none; -1. */
static int id_pair(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice text, *to;
	int rc = id_string(lexer, &text, err), c;

	if (rc != 1)
		return rc;
	to = slice_eq_nocase(text, SLICE("name"))     ? &out->id_name
	     : slice_eq_nocase(text, SLICE("vendor")) ? &out->id_vendor
						      : NULL;
	rc = id_string(lexer, &text, err);
	if (rc == 1 && to && text.n <= RESPONSE_ID_MAX)
		*to = arena_slice(&reader->arena, text);
	if (rc != 0)
		return rc;
	c = lexer_peek(lexer, err);
	if (c < 0)
		return -1;
	return c != 'N' && c != 'n' ? 0 : lexer_skip_value(lexer, err) < 0 ? -1 : 1;
}

/* A list of keys and values, or NIL. What is neither, harms nobody: it is skipped. */
static parse_response parse_id;
static int parse_id(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	int more = lexer_try(lexer, '(', err);

	while (more == 1)
		more = id_pair(reader, out, err);
	return more < 0 ? -1 : lexer_skip_line(lexer, err);
}

static parse_response parse_other;
static int parse_other(struct reader *reader, struct response *out, struct err *err)
{
	(void)out;
	return lexer_skip_line(&reader->lexer, err);
}

/* ---- dispatch ---- */

struct row {
	const char *name;
	enum response_kind kind;
	enum response_state state;
	bool numbered;         /* stands behind a number */
	parse_response *parse; /* NULL: only the line end */
};

static const struct row table[] = {
	{"FETCH", RESPONSE_FETCH, 0, true, NULL},
	{"EXISTS", RESPONSE_EXISTS, 0, true, NULL},
	{"EXPUNGE", RESPONSE_EXPUNGE, 0, true, NULL},
	{"OK", RESPONSE_STATE, RESPONSE_IS_OK, false, parse_state},
	{"NO", RESPONSE_STATE, RESPONSE_IS_NO, false, parse_state},
	{"BAD", RESPONSE_STATE, RESPONSE_IS_BAD, false, parse_state},
	{"BYE", RESPONSE_BYE, RESPONSE_IS_NO, false, parse_state},
	{"PREAUTH", RESPONSE_PREAUTH, RESPONSE_IS_OK, false, parse_state},
	{"LIST", RESPONSE_LIST, 0, false, parse_list},
	{"STATUS", RESPONSE_STATUS, 0, false, reader_status},
	{"SEARCH", RESPONSE_SEARCH, 0, false, parse_search},
	{"ESEARCH", RESPONSE_ESEARCH, 0, false, parse_esearch},
	{"VANISHED", RESPONSE_VANISHED, 0, false, parse_vanished},
	{"FLAGS", RESPONSE_FLAGS, 0, false, parse_flags_line},
	{"CAPABILITY", RESPONSE_CAPABILITY, 0, false, parse_capability},
	{"NAMESPACE", RESPONSE_NAMESPACE, 0, false, parse_namespace},
	{"ENABLED", RESPONSE_ENABLED, 0, false, parse_enabled},
	{"ID", RESPONSE_ID, 0, false, parse_id},
};

static const struct row other = {"", RESPONSE_OTHER, 0, false, parse_other};

static const struct row *find_row(struct slice name, bool numbered)
{
	for (size_t i = 0; i < COUNT_OF(table); i++) {
		if (table[i].numbered == numbered &&
			slice_eq_nocase(name, slice_str(table[i].name)))
			return &table[i];
	}
	return &other;
}

static int parse_row(
	struct reader *reader, const struct row *row, struct response *out, struct err *err)
{
	out->kind = row->kind;
	out->state = row->state;
	if (lexer_blanks(&reader->lexer, err) < 0)
		return -1;
	if (row->parse)
		return row->parse(reader, out, err);
	if (row->kind != RESPONSE_FETCH)
		return lexer_line_end(&reader->lexer, err);
	reader->in_fetch = true;
	return lexer_expect(&reader->lexer, '(', err);
}

/* Behind "* ". */
static int parse_untagged(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice name;
	int c = lexer_peek(lexer, err);
	bool numbered = c >= '0' && c <= '9';
	const struct row *row;

	if (c < 0 || (numbered && (number32(lexer, &out->number, err) < 0 ||
					  reader_space(lexer, err) < 0)))
		return -1;
	if (lexer_atom(lexer, &name, err) < 0)
		return -1;
	row = find_row(name, numbered);
	if (out->number == 0 && (row->kind == RESPONSE_EXPUNGE || row->kind == RESPONSE_FETCH))
		return err_set(err, ERR_PROTO, "the server sent the message number 0");
	return parse_row(reader, row, out, err);
}

static int parse_tagged(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice word;
	const struct row *row;

	if (lexer_atom(lexer, &word, err) < 0)
		return -1;
	out->tag = arena_slice(&reader->arena, word);
	if (reader_space(lexer, err) < 0 || lexer_atom(lexer, &word, err) < 0)
		return -1;
	row = find_row(word, false);
	if (row->kind != RESPONSE_STATE)
		return err_set(err, ERR_PROTO,
			"the server sent a tagged answer that is not OK, NO or BAD");
	if (parse_row(reader, row, out, err) < 0)
		return -1;
	out->kind = RESPONSE_TAGGED;
	return 0;
}

static int parse_line(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	int c = lexer_peek(lexer, err), rc = c < 0 ? -1 : 0;

	if (rc == 0 && c == '*')
		rc = lexer_try(lexer, '*', err) < 0 || reader_space(lexer, err) < 0
			     ? -1
			     : parse_untagged(reader, out, err);
	else if (rc == 0 && c == '+') {
		out->kind = RESPONSE_CONTINUE;
		rc = lexer_try(lexer, '+', err) < 0 || lexer_blanks(lexer, err) < 0
			     ? -1
			     : lexer_text(lexer, &out->text, err);
	} else if (rc == 0)
		rc = parse_tagged(reader, out, err);
	return rc;
}

int reader_next(struct reader *reader, struct response *out, struct err *err)
{
	struct fetch_item item;

	while (reader->in_fetch) {
		if (reader_fetch_item(reader, &item, err) < 0)
			return -1;
	}
	lexer_begin(&reader->lexer);
	arena_reset(&reader->arena);
	reader->range_count = 0;
	*out = (struct response){0};
	return parse_line(reader, out, err);
}

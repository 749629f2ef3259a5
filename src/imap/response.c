/*
 * Responses: a table of names, a function for each form.
 */
#include "imap/response.h"

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

static parse_response parse_flags_line;
static int parse_flags_line(struct reader *reader, struct response *out, struct err *err)
{
	if (reader_flags(reader, &out->flags, err) < 0)
		return -1;
	return lexer_line_end(&reader->lexer, err);
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
	{"LIST", RESPONSE_LIST, 0, false, reader_list},
	{"STATUS", RESPONSE_STATUS, 0, false, reader_status},
	{"SEARCH", RESPONSE_SEARCH, 0, false, reader_search},
	{"ESEARCH", RESPONSE_ESEARCH, 0, false, reader_esearch},
	{"VANISHED", RESPONSE_VANISHED, 0, false, reader_vanished},
	{"FLAGS", RESPONSE_FLAGS, 0, false, parse_flags_line},
	{"CAPABILITY", RESPONSE_CAPABILITY, 0, false, parse_capability},
	{"NAMESPACE", RESPONSE_NAMESPACE, 0, false, reader_namespace},
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

	if (c < 0 || (numbered && (reader_number(lexer, &out->number, err) < 0 ||
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

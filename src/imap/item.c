/*
 * The items of a FETCH response, one at a time, so that a body can be read where it stands.
 */
#include "imap/item.h"
#include "model/date.h"

static enum fetch_item_kind kind_named(struct slice name)
{
	static const struct {
		const char *name;
		enum fetch_item_kind kind;
	} items[] = {
		{"UID", FETCH_ITEM_UID},
		{"FLAGS", FETCH_ITEM_FLAGS},
		{"INTERNALDATE", FETCH_ITEM_DATE},
		{"RFC822.SIZE", FETCH_ITEM_SIZE},
		{"MODSEQ", FETCH_ITEM_MODSEQ},
		{"BODY[]", FETCH_ITEM_BODY},
		{"BODY[]<0>", FETCH_ITEM_BODY},
		{"BODY.PEEK[]", FETCH_ITEM_BODY},
		{"RFC822", FETCH_ITEM_BODY},
		{"BODY[HEADER]", FETCH_ITEM_HEADER},
		{"BODY[HEADER]<0>", FETCH_ITEM_HEADER},
		{"BODY.PEEK[HEADER]", FETCH_ITEM_HEADER},
		{"RFC822.HEADER", FETCH_ITEM_HEADER},
	};

	for (size_t i = 0; i < COUNT_OF(items); i++) {
		if (slice_eq_nocase(name, slice_str(items[i].name)))
			return items[i].kind;
	}
	return FETCH_ITEM_OTHER;
}

static int parse_date(struct lexer *lexer, struct fetch_item *out, struct err *err)
{
	struct slice text;
	bool nil;

	if (lexer_nstring(lexer, &text, &nil, err) < 0)
		return -1;
	out->date_valid = !nil && date_parse(text, &out->date);
	return 0;
}

static int parse_modseq(struct lexer *lexer, struct fetch_item *out, struct err *err)
{
	if (lexer_expect(lexer, '(', err) < 0 || lexer_blanks(lexer, err) < 0 ||
		lexer_number(lexer, INT64_MAX, &out->number, err) < 0 ||
		lexer_blanks(lexer, err) < 0)
		return -1;
	return lexer_expect(lexer, ')', err);
}

static int parse_body(struct lexer *lexer, struct fetch_item *out, struct err *err)
{
	int literal = lexer_at_literal(lexer, err);

	if (literal < 0)
		return -1;
	out->literal = literal;
	if (literal)
		return lexer_literal(lexer, &out->number, err);
	if (lexer_nstring(lexer, &out->text, &out->nil, err) < 0)
		return -1;
	out->number = out->text.n;
	return 0;
}

static int parse_item_value(struct reader *reader, struct fetch_item *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;

	switch (out->kind) {
	case FETCH_ITEM_UID:
		if (lexer_number(lexer, UINT32_MAX, &out->number, err) < 0)
			return -1;
		return out->number ? 0 : err_set(err, ERR_PROTO, "the server sent a UID of 0");
	case FETCH_ITEM_SIZE:
		return lexer_number(lexer, INT64_MAX, &out->number, err);
	case FETCH_ITEM_FLAGS:
		return reader_flags(reader, &out->flags, err);
	case FETCH_ITEM_DATE:
		return parse_date(lexer, out, err);
	case FETCH_ITEM_MODSEQ:
		return parse_modseq(lexer, out, err);
	case FETCH_ITEM_BODY:
	case FETCH_ITEM_HEADER:
		return parse_body(lexer, out, err);
	case FETCH_ITEM_OTHER:
		return lexer_skip_value(lexer, err);
	case FETCH_ITEM_END:
		break;
	}
	return 0;
}

int reader_fetch_item(struct reader *reader, struct fetch_item *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice name;
	int end;

	ASSERT(reader->in_fetch);
	*out = (struct fetch_item){.kind = FETCH_ITEM_END};
	if (lexer_literal_skip(lexer, err) < 0)
		return -1;
	end = reader_list_ends(lexer, err);
	if (end < 0)
		return -1;
	if (end) {
		reader->in_fetch = false;
		return lexer_line_end(lexer, err);
	}

	if (lexer_item(lexer, &name, err) < 0)
		return -1;
	out->kind = kind_named(name);
	if (reader_space(lexer, err) < 0)
		return -1;
	return parse_item_value(reader, out, err);
}

/*
 * LIST and NAMESPACE (RFC 2342): the names of mailboxes, and what stands between their levels.
 */
#include "imap/response.h"

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

int reader_list(struct reader *reader, struct response *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;

	if (parse_attributes(lexer, &out->attributes, err) < 0 || reader_space(lexer, err) < 0 ||
		parse_delimiter(lexer, &out->delimiter, err) < 0 || reader_space(lexer, err) < 0 ||
		lexer_mailbox(lexer, &out->name, err) < 0)
		return -1;
	out->name = arena_slice(&reader->arena, out->name);
	return reader_skip_values(lexer, err);
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
int reader_namespace(struct reader *reader, struct response *out, struct err *err)
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
	return reader_skip_values(lexer, err);
}

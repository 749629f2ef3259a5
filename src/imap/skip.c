/*
 * What nobody asked for: values of any form, and lines of any kind, taken without being kept.
 */
#include "imap/lexer.h"

/* Anything but a list. */
static int skip_simple(struct lexer *lexer, int c, struct err *err)
{
	int literal = lexer_at_literal(lexer, err);
	struct slice ignored;
	uint64_t size;

	if (literal < 0)
		return -1;
	if (literal)
		return lexer_literal(lexer, &size, err) < 0 ? -1 : lexer_literal_skip(lexer, err);
	return c == '"' ? lexer_string(lexer, &ignored, err) : lexer_item(lexer, &ignored, err);
}

int lexer_skip_value(struct lexer *lexer, struct err *err)
{
	unsigned depth = 0;
	int c;

	do {
		if (depth > 0 && lexer_blanks(lexer, err) < 0)
			return -1;
		c = lexer_peek(lexer, err);
		if (c < 0)
			return -1;
		if (c == '(' && depth == LEXER_DEPTH_MAX)
			return err_set(err, ERR_PROTO, "the server sent lists nested too deeply");
		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (skip_simple(lexer, c, err) < 0)
			return -1;
		if ((c == '(' || c == ')') && lexer_expect(lexer, (char)c, err) < 0)
			return -1;
	} while (depth > 0);
	return 0;
}

/* Does TEXT end in "{n}" or "{n+}"? */
static bool ends_in_literal(struct slice text, uint64_t *size)
{
	size_t end = text.n, start;

	if (end == 0 || text.p[--end] != '}')
		return false;
	if (end > 0 && text.p[end - 1] == '+')
		end--;
	for (start = end; start > 0 && text.p[start - 1] >= '0' && text.p[start - 1] <= '9';)
		start--;
	return start > 0 && text.p[start - 1] == '{' &&
	       slice_number((struct slice){text.p + start, end - start}, UINT64_MAX, size);
}

int lexer_skip_line(struct lexer *lexer, struct err *err)
{
	struct slice text;
	uint64_t size;

	for (;;) {
		if (lexer_text(lexer, &text, err) < 0)
			return -1;
		if (!ends_in_literal(text, &size))
			return 0;
		if (size > LEXER_LITERAL_MAX)
			return err_set(err, ERR_PROTO,
				"the server sent a string of %llu octets "
				"in an unknown response",
				(unsigned long long)size);
		lexer->literal_left = size;
		if (lexer_literal_skip(lexer, err) < 0)
			return -1;
	}
}

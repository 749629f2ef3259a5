/*
 * STATUS: "* STATUS name (MESSAGES 3 UIDNEXT 5)".
 *
 * Read from its end, as far as the name is no literal: GNU mailutils writes every name as it is,
 * with blanks, quotes and parentheses in it, and what stands in the last parentheses is the list
 * all the same. A line that makes no sense says nothing: its mailbox counts as changed, and the
 * account goes on.
 */
#include "imap/response.h"

/* Where the list at the end of LINE begins; NULL: it does not end in one. */
static const char *find_list(struct slice line)
{
	unsigned depth = 0;

	for (const char *p = line.p + line.n; p > line.p;) {
		char c = *--p;

		if (c == ')')
			depth++;
		else if (depth == 0)
			break;
		else if (c == '(' && --depth == 0)
			return p;
	}
	return NULL;
}

/* The next word of LIST, or all that stands in its next parentheses; false: there is none. */
static bool next_value(struct slice *list, struct slice *out)
{
	unsigned depth = 0;
	size_t n = 0;

	while (list->n > 0 && list->p[0] == ' ')
		*list = (struct slice){list->p + 1, list->n - 1};
	for (; n < list->n && (depth > 0 || list->p[n] != ' '); n++) {
		depth += list->p[n] == '(';
		depth -= list->p[n] == ')' && depth > 0;
	}
	*out = (struct slice){list->p, n};
	*list = (struct slice){list->p + n, list->n - n};
	return n > 0;
}

static bool number32(struct slice value, uint32_t *out)
{
	uint64_t number;

	if (!slice_number(value, UINT32_MAX, &number))
		return false;
	*out = (uint32_t)number;
	return true;
}

static bool take_item(struct slice name, struct slice value, struct imap_status *out)
{
	if (slice_eq_nocase(name, SLICE("HIGHESTMODSEQ")))
		return slice_number(value, INT64_MAX, &out->highestmodseq);
	if (slice_eq_nocase(name, SLICE("UIDNEXT")))
		return number32(value, &out->uidnext);
	if (slice_eq_nocase(name, SLICE("UIDVALIDITY")))
		return number32(value, &out->uidvalidity);
	if (!slice_eq_nocase(name, SLICE("MESSAGES")))
		return true;
	out->known = true;
	return number32(value, &out->messages);
}

/* What stands between the parentheses. */
static void take_items(struct slice list, struct imap_status *out)
{
	struct imap_status status = {0};
	struct slice name, value;

	while (next_value(&list, &name))
		if (!next_value(&list, &value) || !take_item(name, value, &status))
			return;
	*out = status;
}

/* "quoted", if it is that to its end; else NAME as it is. */
static struct slice unquote(struct arena *arena, struct slice name)
{
	if (name.n < 2 || name.p[0] != '"' || name.p[name.n - 1] != '"')
		return arena_slice(arena, name);
	char *out = arena_alloc(arena, name.n);
	size_t n = 0;
	for (size_t i = 1; i < name.n - 1; i++) {
		i += name.p[i] == '\\' && i < name.n - 2;
		out[n++] = name.p[i];
	}
	return (struct slice){out, n};
}

int reader_status(struct reader *reader, struct response *out, struct err *err)
{
	struct slice line, name = {0};
	int literal = lexer_at_literal(&reader->lexer, err);

	if (literal < 0 || (literal && lexer_mailbox(&reader->lexer, &name, err) < 0))
		return -1;
	out->name = arena_slice(&reader->arena, name);
	if (lexer_text(&reader->lexer, &line, err) < 0)
		return -1;
	const char *list = find_list(line);
	if (!list)
		return 0;
	name = (struct slice){line.p, (size_t)(list - line.p)};
	while (name.n > 0 && name.p[name.n - 1] == ' ')
		name.n--;
	if (!literal)
		out->name = unquote(&reader->arena, name);
	take_items((struct slice){list + 1, (size_t)(line.p + line.n - list) - 2}, &out->status);
	return 0;
}

#include <stdlib.h>

#include "imap/reader.h"

void reader_init(
	struct reader *reader, struct stream *stream, struct keywords *keywords, unsigned number)
{
	*reader = (struct reader){.keywords = keywords};
	lexer_init(&reader->lexer, stream, number);
}

void reader_fini(struct reader *reader)
{
	lexer_fini(&reader->lexer);
	arena_fini(&reader->arena);
	free(reader->ranges);
	reader->ranges = NULL;
}

int reader_space(struct lexer *lexer, struct err *err)
{
	return lexer_expect(lexer, ' ', err) < 0 ? -1 : lexer_blanks(lexer, err);
}

int reader_list_ends(struct lexer *lexer, struct err *err)
{
	return lexer_blanks(lexer, err) < 0 ? -1 : lexer_try(lexer, ')', err);
}

int reader_number(struct lexer *lexer, uint32_t *out, struct err *err)
{
	uint64_t value;

	if (lexer_number(lexer, UINT32_MAX, &value, err) < 0)
		return -1;
	*out = (uint32_t)value;
	return 0;
}

int reader_skip_values(struct lexer *lexer, struct err *err)
{
	int end;

	while ((end = lexer_at_end(lexer, err)) == 0) {
		if (lexer_skip_value(lexer, err) < 0)
			return -1;
	}
	return end < 0 ? -1 : lexer_line_end(lexer, err);
}

int reader_flags(struct reader *reader, struct flags *out, struct err *err)
{
	struct lexer *lexer = &reader->lexer;
	struct slice word;
	int end, id;

	*out = (struct flags){0};
	if (lexer_expect(lexer, '(', err) < 0)
		return -1;
	while ((end = reader_list_ends(lexer, err)) == 0) {
		uint32_t system;

		if (lexer_atom(lexer, &word, err) < 0)
			return -1;
		system = flags_from_imap(word);
		id = system || word.p[0] == '\\' ? -1 : keywords_intern(reader->keywords, word);
		out->system |= system;
		if (id >= 0)
			flags_add_keyword(out, (unsigned)id);
	}
	return end < 0 ? -1 : 0;
}

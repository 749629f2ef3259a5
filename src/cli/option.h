/*
 * Command-line options as tables: one row an option; what is accepted and what --help says come
 * from the same row.
 *
 * Accepted: --name, --name=VALUE, --name VALUE, -x, -xVALUE, -x VALUE, -xy; "--" ends options.
 * Names are not abbreviated: a script must not break because an option was added.
 */
#ifndef CLI_OPTION_H
#define CLI_OPTION_H

#include "base/buf.h"

struct option_row {
	char letter;       /* -c; 0: none */
	const char *name;  /* --config without its dashes */
	const char *value; /* what its value is called in --help; NULL: it takes none */
	const char *help;  /* one line */
	size_t field;      /* offset in the target: bool if it takes no value, else const char * */
};

struct option_table {
	const char *title; /* line above it in --help */
	const struct option_row *rows;
	size_t count;
};

struct option_parse {
	const struct option_table *tables; /* searched in this order */
	size_t table_count;
	void *target; /* fields are written here; values point into argv */
	char **argv;  /* without the program's or command's name */
	size_t argc;
	bool stop_at_word; /* end at the first argument that is no option */
	/* Results */
	const char **words; /* owned by the caller (free): the arguments that are no options */
	size_t word_count;
	size_t used; /* how many of argv were looked at */
};

/*
 * false: usage error, PROBLEM (appended) says what and what to do, one line. Arguments are escaped
 * in it.
 */
bool option_parse(struct option_parse *parse, struct buf *problem) MUST_USE;
/* Title and rows as aligned help lines; nothing for an empty table. */
void option_help(const struct option_table *table, struct buf *out);

#endif

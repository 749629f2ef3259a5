#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/option.h"

struct target {
	const char *file;
	const char *debug;
	bool quiet, verbose, json, retry;
};

static const struct option_row own[] = {
	{.name = "json", .help = "objects", .field = offsetof(struct target, json)},
	{.name = "retry", .help = "again", .field = offsetof(struct target, retry)},
};
static const struct option_row global[] = {
	{'c', "config", "FILE", "the file", offsetof(struct target, file)},
	{'q', "quiet", NULL, "say nothing", offsetof(struct target, quiet)},
	{'v', "verbose", NULL, "say much", offsetof(struct target, verbose)},
	{0, "debug", "CATEGORY,...", "trace", offsetof(struct target, debug)},
};
static const struct option_table tables[] = {
	{"Options", own, COUNT_OF(own)},
	{"Global options", global, COUNT_OF(global)},
};

#define ARGS 6

/* What was understood, in one line: "file=x debug=y qvjr | words" */
static void describe(const struct target *target, const struct option_parse *parse, struct buf *out)
{
	buf_addf(out, "file=%s debug=%s ", target->file ? target->file : "-",
		target->debug ? target->debug : "-");
	buf_addf(out, "%s%s%s%s|", target->quiet ? "q" : "", target->verbose ? "v" : "",
		target->json ? "j" : "", target->retry ? "r" : "");
	for (size_t i = 0; i < parse->word_count; i++)
		buf_addf(out, " %s", parse->words[i]);
}

static void check_row(const char *const *args, bool stop, const char *wanted)
{
	char *argv[ARGS + 1] = {0};
	struct target target = {0};
	struct option_parse parse = {.tables = tables,
		.table_count = COUNT_OF(tables),
		.target = &target,
		.argv = argv,
		.stop_at_word = stop};
	struct buf got = {0};

	for (; parse.argc < ARGS && args[parse.argc]; parse.argc++)
		argv[parse.argc] = xstrdup(args[parse.argc]);
	if (option_parse(&parse, &got))
		describe(&target, &parse, &got);
	if (strcmp(got.data, wanted) != 0)
		fail_msg("%s %s: got \"%s\", wanted \"%s\"", args[0], args[1] ? args[1] : "",
			got.data, wanted);
	buf_fini(&got);
	free(parse.words);
	for (size_t i = 0; i < parse.argc; i++)
		free(argv[i]);
}

static void parses(void **state)
{
	static const struct {
		const char *args[ARGS];
		const char *wanted;
	} rows[] = {
		{{"work"}, "file=- debug=- | work"},
		{{"--json", "a", "--retry", "b"}, "file=- debug=- jr| a b"},
		{{"-c", "x", "a"}, "file=x debug=- | a"},
		{{"-cx", "a"}, "file=x debug=- | a"},
		{{"-qvcx"}, "file=x debug=- qv|"},
		{{"-qvc", "x", "y"}, "file=x debug=- qv| y"},
		{{"--config=x=y"}, "file=x=y debug=- |"},
		{{"--config="}, "file= debug=- |"},
		{{"--debug", "imap,net"}, "file=- debug=imap,net |"},
		{{"--config", "--json"}, "file=--json debug=- |"},
		{{"--", "--json", "-q"}, "file=- debug=- | --json -q"},
		{{"a", "--", "-q"}, "file=- debug=- | a -q"},
		{{"-"}, "file=- debug=- | -"},
		{{""}, "file=- debug=- | "},
		{{"--jsn"}, "unknown option --jsn; did you mean --json?"},
		{{"--js"}, "unknown option --js"},
		{{"--nothing"}, "unknown option --nothing"},
		{{"--x\x1b[2J"}, "unknown option --x\\x1b[2J"},
		{{"-x"}, "unknown option -x"},
		{{"-qx"}, "unknown option -x"},
		{{"--=x"}, "unknown option --"},
		{{"--json=yes"}, "option --json takes no value"},
		{{"--config"}, "option --config needs a value: --config FILE"},
		{{"-qc"}, "option --config needs a value: --config FILE"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		check_row(rows[i].args, false, rows[i].wanted);
}

static void stops_at_a_word(void **state)
{
	static const char *const command[ARGS] = {"-q", "-c", "x", "sync", "--unknown"};
	static const char *const ended[ARGS] = {"-q", "--", "-v"};

	(void)state;
	check_row(command, true, "file=x debug=- q|");
	check_row(ended, true, "file=- debug=- q|");
}

static void helps(void **state)
{
	struct buf out = {0};

	(void)state;
	option_help(&tables[1], &out);
	assert_string_equal(out.data, "Global options:\n"
				      "  -c, --config FILE         the file\n"
				      "  -q, --quiet               say nothing\n"
				      "  -v, --verbose             say much\n"
				      "      --debug CATEGORY,...  trace\n");
	buf_fini(&out);
	option_help(&(struct option_table){"None", NULL, 0}, &out);
	assert_int_equal(out.len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses),
		cmocka_unit_test(stops_at_a_word),
		cmocka_unit_test(helps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

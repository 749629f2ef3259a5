/*
 * The manuals describe what the tables hold: every command with every option, every key in the
 * order of the table. Runs in the project's root; elsewhere there is nothing to compare with.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "cli/cli.h"

static char *read_manual(const char *path)
{
	struct err err = {0};
	size_t length;
	char *text = fs_read_file(AT_FDCWD, path, 1 << 20, &length, &err);

	if (!text)
		skip();
	return text;
}

/* WANTED from FROM on, as one line or the beginning of one. Returns where it ends. */
static const char *find_line(const char *from, const char *wanted, const char *what)
{
	size_t length = strlen(wanted);

	for (const char *line = from; line;
		line = strchr(line, '\n'), line = line ? line + 1 : NULL)
		if (strncmp(line, wanted, length) == 0 && strchr("\n ", line[length]))
			return line + length;
	fail_msg("%s: no line \"%s\"", what, wanted);
	return from;
}

/* "Fl -name" anywhere in the text of one command, or of the head. */
static void check_options(const char *text, const struct option_table *options, const char *what)
{
	for (size_t i = 0; i < options->count; i++) {
		char *wanted = xasprintf("Fl -%s", options->rows[i].name);
		const char *found = strstr(text, wanted);

		if (!found)
			fail_msg("%s: no \"%s\"", what, wanted);
		free(wanted);
	}
}

/* The part of the manual about one command; caller frees. */
static char *command_text(const char *manual, const char *name)
{
	char *plain = xasprintf(".It Cm %s ", name),
	     *long_form = xasprintf(".It Xo\n.Cm %s\n", name);
	const char *start = strstr(manual, plain), *end;

	if (!start)
		start = strstr(manual, long_form);
	if (!start)
		fail_msg("no command %s", name);
	free(plain);
	free(long_form);
	if (!start)
		return xstrdup("");
	end = strstr(start, "\n.It Xo");
	return end ? xstrndup(start, (size_t)(end - start)) : xstrdup(start);
}

static void describes_every_option(void **state)
{
	char *manual = read_manual("man/godwit.1");

	(void)state;
	check_options(manual, &cli_global_options, "global");
	for (size_t i = 0; i < cli_command_count; i++) {
		char *text = command_text(manual, cli_commands[i]->name);

		check_options(text, &cli_commands[i]->options, cli_commands[i]->name);
		free(text);
	}
	free(manual);
}

static void describes_every_key_in_order(void **state)
{
	char *manual = read_manual("man/godwit.yaml.5");
	const char *rest = manual;

	(void)state;
	for (size_t i = 0; i < config_option_count; i++) {
		char *wanted = xasprintf(".It Cm %s", config_options[i].key);

		rest = find_line(rest, wanted, "godwit.yaml.5");
		free(wanted);
	}
	free(manual);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(describes_every_option),
		cmocka_unit_test(describes_every_key_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "cli/confinement.h"
#include "cli/console.h"
#include "cli/targets.h"
#include "cli/text.h"
#include "cli/version.h"
#include "sync/sync.h"

const struct command *const cli_commands[] = {
	&command_sync,
	&command_plan,
	&command_status,
	&command_list,
	&command_log,
	&command_undo,
	&command_check,
	&command_dump,
	&command_config,
	&command_login,
};

const size_t cli_command_count = COUNT_OF(cli_commands);

#define FIELD(NAME) offsetof(struct cli_options, NAME)

static const struct option_row global_rows[] = {
	{'c', "config", "FILE", "the configuration file", FIELD(file)},
	{'q', "quiet", NULL, "nothing but errors", FIELD(quiet)},
	{'v', "verbose", NULL, "also say what goes on", FIELD(verbose)},
	{0, "debug", "CATEGORY,...", "trace imap, net, sync, state, maildir or all", FIELD(debug)},
	{0, "help", NULL, "this help, or that of the command", FIELD(help)},
	{0, "version", NULL, "the program's version", FIELD(version)},
};
const struct option_table cli_global_options = {
	"Global options", global_rows, COUNT_OF(global_rows)};

void cli_error(const char *account, const struct err *err)
{
	char line[sizeof(err->msg) + sizeof(err->server) + 64];
	struct buf text = {0};

	if (account) {
		text_escape(account, &text);
		buf_add_str(&text, ": ");
	}
	text_escape(err_line(err, line, sizeof(line)), &text);
	console_error("godwit: %s", text.data);
	buf_fini(&text);
}

/* One line on standard error; COMMAND (may be NULL) is whose --help helps. */
static int usage_error(const struct command *command, const struct buf *problem)
{
	console_error("godwit: %s; see godwit %s%s--help", problem->data,
		command ? command->name : "", command ? " " : "");
	return EX_USAGE;
}

static void print_and_free(struct buf *text)
{
	console_print(buf_slice(text));
	buf_fini(text);
}

static int print_version(void)
{
	console_print(SLICE("godwit " GODWIT_VERSION "\n"));
	return EX_OK;
}

static int print_help(void)
{
	struct buf text = {0};

	buf_add_str(&text, "Usage: godwit [GLOBAL OPTION...] COMMAND [OPTION...] [NAME...]\n\n"
			   "Keeps IMAP accounts and Maildirs equal.\n\n"
			   "Commands:\n");
	for (size_t i = 0; i < cli_command_count; i++)
		buf_addf(&text, "  %-8s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
	buf_add_char(&text, '\n');
	option_help(&cli_global_options, &text);
	buf_add_str(&text, "\ngodwit COMMAND --help tells about a command, godwit(1) about all.\n");
	print_and_free(&text);
	return EX_OK;
}

static int print_command_help(const struct command *command)
{
	struct buf text = {0};

	buf_addf(&text, "Usage: godwit [GLOBAL OPTION...] %s [OPTION...] %s\n\n%c%s.\n\n",
		command->name, command->names, command->summary[0] - 'a' + 'A',
		command->summary + 1);
	option_help(&command->options, &text);
	buf_add_char(&text, '\n');
	option_help(&cli_global_options, &text);
	print_and_free(&text);
	return EX_OK;
}

static const struct command *find_command(const char *name, struct buf *problem)
{
	struct text_nearest near = {.wanted = slice_str(name)};

	for (size_t i = 0; i < cli_command_count; i++) {
		if (strcmp(cli_commands[i]->name, name) == 0)
			return cli_commands[i];
		text_nearest_try(&near, cli_commands[i]->name);
	}
	buf_add_str(problem, "unknown command ");
	text_escape(name, problem);
	if (near.best)
		buf_addf(problem, "; did you mean %s?", near.best);
	return NULL;
}

/* -q, -v and --debug set how much is said. false: PROBLEM. */
static bool set_log(const struct cli_options *options, struct buf *problem)
{
	unsigned categories = 0;
	struct slice bad;

	if (options->quiet && (options->verbose || options->debug)) {
		buf_add_str(problem, "--quiet goes with neither --verbose nor --debug");
		return false;
	}
	if (options->debug && !log_parse_categories(options->debug, &categories, &bad)) {
		buf_add_str(problem, "unknown debug category ");
		text_escape_slice(bad, problem);
		return false;
	}
	log_set_categories(categories);
	if (options->quiet)
		log_set_level(LOG_LEVEL_ERROR);
	else if (options->debug)
		log_set_level(LOG_LEVEL_DEBUG);
	else
		log_set_level(options->verbose ? LOG_LEVEL_INFO : LOG_LEVEL_WARN);
	return true;
}

static bool check_word_count(const struct command *command, size_t count, struct buf *problem)
{
	if (count >= command->least && (command->most == 0 || count <= command->most))
		return true;
	buf_addf(problem, "usage: %s %s", command->name, command->names);
	return false;
}

static int load_config(const struct cli_options *options, struct config *config)
{
	struct err err = {0};
	char *file = config_find(options->file, &err);
	int rc = file ? config_load(config, file, &err) : -1;

	free(file);
	if (rc == 0)
		return EX_OK;
	cli_error(NULL, &err);
	return sync_err_status(&err);
}

/* Behind it only the files of these accounts can be touched. */
static int run_confined(const struct command *command, const struct cli *cli)
{
	struct err err = {0};
	int status;

	if (command->confined && confinement_begin(cli, &err) != 0) {
		cli_error(NULL, &err);
		status = sync_err_status(&err);
	} else {
		status = command->run(cli);
	}
	confinement_end();
	return status;
}

/* The configuration is read and the names are known to be well-formed words. */
static int run_on_targets(
	const struct command *command, struct cli *cli, const char *const *words, size_t count)
{
	struct buf problem = {0};
	int status;

	if (command->number && count == 2) {
		if (!slice_number(slice_str(words[1]), UINT64_MAX, &cli->number) ||
			cli->number == 0) {
			buf_addf(&problem, "usage: %s %s", command->name, command->names);
			status = usage_error(command, &problem);
			buf_fini(&problem);
			return status;
		}
		count = 1;
	}
	if (targets_pick(cli, words, count, command->mailboxes, &problem))
		status = run_confined(command, cli);
	else
		status = usage_error(command, &problem);
	targets_free(cli);
	buf_fini(&problem);
	return status;
}

static int run_command(
	const struct command *command, struct cli *cli, const struct option_parse *parse)
{
	struct buf problem = {0};
	int status;

	if (cli->options.help)
		return print_command_help(command);
	if (cli->options.version)
		return print_version();
	if (!set_log(&cli->options, &problem) ||
		!check_word_count(command, parse->word_count, &problem)) {
		status = usage_error(command, &problem);
		buf_fini(&problem);
		return status;
	}
	status = load_config(&cli->options, &cli->config);
	if (status == EX_OK)
		status = run_on_targets(command, cli, parse->words, parse->word_count);
	config_fini(&cli->config);
	return status;
}

/* The arguments behind the command's name: its options and the global ones. */
static int parse_command(const struct command *command, struct cli *cli, int argc, char **argv)
{
	const struct option_table tables[] = {command->options, cli_global_options};
	struct option_parse parse = {
		.tables = tables,
		.table_count = COUNT_OF(tables),
		.target = &cli->options,
		.argv = argv,
		.argc = (size_t)argc,
	};
	struct buf problem = {0};
	int status;

	if (option_parse(&parse, &problem))
		status = run_command(command, cli, &parse);
	else
		status = usage_error(command, &problem);
	free(parse.words);
	buf_fini(&problem);
	return status;
}

/* ARGV without the program's name. */
static int parse_global(struct cli *cli, int argc, char **argv, struct buf *problem)
{
	struct option_parse parse = {
		.tables = &cli_global_options,
		.table_count = 1,
		.target = &cli->options,
		.argv = argv,
		.argc = (size_t)argc,
		.stop_at_word = true,
	};
	bool ok = option_parse(&parse, problem);
	const struct command *command;

	free(parse.words);
	if (!ok)
		return usage_error(NULL, problem);
	if (cli->options.version)
		return print_version();
	if (parse.used == parse.argc && cli->options.help)
		return print_help();
	if (parse.used == parse.argc) {
		buf_add_str(problem, "no command given");
		return usage_error(NULL, problem);
	}
	command = find_command(argv[parse.used], problem);
	if (!command)
		return usage_error(NULL, problem);
	return parse_command(command, cli, argc - (int)parse.used - 1, argv + parse.used + 1);
}

int cli_main(int argc, char **argv)
{
	struct cli cli = {0};
	struct buf problem = {0};
	int status, output_status;

	console_init();
	status = parse_global(&cli, argc > 0 ? argc - 1 : 0, argv + (argc > 0), &problem);
	buf_fini(&problem);
	output_status = console_fini();
	return output_status == 0 ? status : sync_worse_status(status, output_status);
}

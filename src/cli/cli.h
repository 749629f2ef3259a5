/*
 * The command line: godwit [GLOBAL OPTION...] COMMAND [OPTION...] [NAME...]
 *
 * cli_main() parses, reads the configuration, picks the accounts and runs one command. Each command
 * is a constant struct in a file of its own (cmd_NAME.c) and stands once more in the table in
 * cli.c.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "cli/option.h"
#include "config/config.h"

/* The options of all commands: each command's table names the fields it takes. Strings: argv's. */
struct cli_options {
	/* global */
	const char *file;  /* -c; NULL: the usual places */
	const char *debug; /* --debug; NULL: none */
	bool quiet, verbose, help, version;
	/* of commands */
	bool json;
	bool approve, retry, no_wait; /* sync */
	bool remote;                  /* status */
	bool capabilities;            /* list */
	bool check_server;            /* config */
	bool deep, repair;            /* check */
};

/* An account that the command line named, or one of all. */
struct cli_target {
	const struct config_account *account; /* of the configuration */
	char **mailboxes; /* owned: canonical names; count 0: all of the account's */
	size_t mailbox_count;
};

struct cli {
	struct cli_options options;
	struct config config;
	struct cli_target *targets; /* owned; as they were named, or as configured */
	size_t target_count;
	uint64_t number; /* the second name of a command that takes one; 0: not given */
};

struct command {
	const char *name;
	const char *names;   /* as in the usage line: "[ACCOUNT...]" */
	const char *summary; /* one line for --help */
	struct option_table options;
	size_t least, most;                /* how many names it takes; most 0: any number */
	bool mailboxes;                    /* names may be ACCOUNT/MAILBOX */
	bool number;                       /* the second name is a number, not an account */
	bool confined;                     /* touches the files of its accounts only */
	int (*run)(const struct cli *cli); /* returns the exit status */
};

extern const struct command command_sync, command_plan, command_status, command_list, command_log,
	command_undo, command_check, command_dump, command_config, command_login;

/* All commands, in the order of --help, and the options that go with each of them. */
extern const struct command *const cli_commands[];
extern const size_t cli_command_count;
extern const struct option_table cli_global_options;

/* --json, as every command's table has it. */
#define CLI_OPTION_JSON                                                                            \
	{                                                                                          \
		.name = "json", .help = "print one JSON object a line instead of text",            \
		.field = offsetof(struct cli_options, json)                                        \
	}

/* The whole program, once the process is set up (main.c). Returns its exit status. */
int cli_main(int argc, char **argv);

/* "godwit: ACCOUNT: message; the server said: ..." on standard error. ACCOUNT may be NULL. */
void cli_error(const char *account, const struct err *err);

#endif

/*
 * godwit keeps IMAP accounts and Maildirs equal. The map of the program, in running order of
 * `godwit sync`:
 *
 * 1. Command line     cli/cli.c (tables: cli/option.c, commands: cli/cmd_*.c), accounts named:
 * cli/targets.c
 * 2. Configuration    config/ : the YAML file becomes plain resolved structs; all keys are the
 * table in config/options.c
 * 3. One thread an account, cli/passes.c calls sync_account(): sync/account.c
 *      lock and state      state/ : LMDB; state/schema.h says what is remembered and is the file to
 * read first connect             sync/worker.c; imap/ speaks the protocol over net/ (tcp or tunnel,
 * TLS, DEFLATE) list                sync/survey.c looks at both sides, sync/boxes.c decides which
 * mailboxes pair, are made or are gone recover             sync/recover.c: downloads that a killed
 * pass left
 * 4. Each mailbox, several at once: sync/mailbox.c
 *      find changes        sync/there.c on the server, sync/here.c in the folder (maildir/),
 * against the state pair                sync/facts.c, sync/pair.c: messages unknown on both sides
 * that are the same plan                sync/plan.c: changes in, operations with reasons out; pure,
 * as are pair, boxes and guard carry out           sync/push.c uploads, sync/pull.c downloads,
 * sync/marks.c flags settle              sync/settle.c: make it durable, then remember it in the
 * state; one thread an account
 * 5. Deletions, when all else of the account is done: sync/guard.c allows them, sync/removal.c
 * carries them out
 * 6. Report           sync/report.c counts and tells; cli/events.c, cli/progress.c and
 * cli/summary.c show it
 *
 * What all of them share: base/ (knows nothing of mail) and model/ (flags, names, UID sets, plans:
 * plain nouns). How far an error unwinds, and with which status the program ends, is said in
 * sync/unwind.c alone.
 */
#include <locale.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "cli/cli.h"

/*
 * The first signal asks to stop at the next safe point, the second one ends the program at once:
 * the state survives both.
 */
static void on_stop_signal(int signal_number)
{
	if (cancel_requested())
		_exit(128 + signal_number);
	cancel_request();
}

/*
 * A closed pipe is an error of write(). A handler, unlike SIG_IGN, is not inherited by the commands
 * that we start.
 */
static void on_pipe(int signal_number)
{
	(void)signal_number;
}

static void handle(int signal_number, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};

	sigemptyset(&action.sa_mask);
	sigaction(signal_number, &action, NULL);
}

/*
 * Text is UTF-8 everywhere, so the character widths are those of C.UTF-8, not of the user's
 * language, whose rules for letters (a Turkish I) must not reach the comparison of protocol words.
 */
static void set_locale(void)
{
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		setlocale(LC_CTYPE, "");
}

int main(int argc, char **argv)
{
	umask(077);
	set_locale();
	cancel_init();
	handle(SIGINT, on_stop_signal);
	handle(SIGTERM, on_stop_signal);
	handle(SIGPIPE, on_pipe);
	return cli_main(argc, argv);
}

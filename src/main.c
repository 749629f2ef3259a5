/*
 * godwit keeps IMAP accounts and Maildirs equal. The map of the program, in running order of
 * `godwit sync`:
 *
 * 1. Command line        cli/cli.c, options cli/option.c, accounts cli/targets.c, one cli/cmd_*.c
 *                        a command
 * 2. Configuration       config/ makes plain structs of the YAML file; config/options.c: all keys
 * 3. Each account        a thread: cli/passes.c calls sync_account() in sync/account.c
 *      lock, state       sync/open.c; what is remembered: state/schema.h, read it first
 *      connect           sync/worker.c; imap/ speaks the protocol over net/
 *      list              sync/survey.c looks at both sides, sync/boxes.c decides what pairs,
 *                        sync/boxing.c makes mailboxes that a side lacks
 *      recover           sync/recover.c: downloads that a killed pass left
 * 4. Each mailbox        several at once: sync/mailbox.c
 *      find changes      sync/there.c on the server, sync/here.c in the folder (maildir/)
 *      pair              sync/pairing.c, sync/facts.c, sync/pair.c: unknown on both sides, but the
 *                        same message; sync/doubt.c: uploads whose answer was never seen
 *      plan              sync/plan.c: changes in, operations with reasons out, nothing else
 *      carry out         sync/push.c uploads, sync/pull.c downloads, sync/marks.c flags
 *      settle            sync/settle.c: made durable first, remembered in the state then
 * 5. Deletions           last: sync/judge.c and sync/guard.c allow, sync/removal.c carries out
 * 6. Report              sync/report.c counts; cli/events.c, cli/progress.c, cli/summary.c show
 *
 * `plan` walks the same way and changes nothing; `list` and `status --remote` are sync/list.c.
 * All share base/ (knows nothing of mail) and model/ (flags, names, UID sets: plain nouns). How
 * far an error unwinds, and with which status the program ends, says sync/unwind.c alone.
 */
#include <locale.h>
#include <signal.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/confine.h"
#include "base/fs.h"
#include "base/thread.h"
#include "cli/cli.h"
#include "cli/confinement.h"

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
	if (fs_fill_standard_files() != 0)
		return EX_IOERR;
	umask(077);
	if (!confinement_is_off())
		confine_memory();
	set_locale();
	cancel_init();
	handle(SIGINT, on_stop_signal);
	handle(SIGTERM, on_stop_signal);
	handle(SIGPIPE, on_pipe);
	/* Whoever starts us may ignore it: then the end of no command could be waited for. */
	handle(SIGCHLD, SIG_DFL);
	return cli_main(argc, argv);
}

/*
 * The whole command line with a made-up engine: what is printed where, and the exit status. Each
 * run is a child process of its own, as the program would be.
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "cli/cli.h"
#include "cli/version.h"
#include "state/state.h"
#include "sync/sync.h"

/* ---- the engine: what an account does is said by its name ---- */

static void tell(struct report *report, enum report_event_kind kind, const char *mailbox,
	uint32_t uid, const char *reason)
{
	struct report_event event = {.kind = kind,
		.account = report->account,
		.mailbox = mailbox,
		.uid = uid,
		.reason = reason};

	report_event(report, &event);
}

/* Notes what it was asked for. */
static void tell_options(const struct sync_options *options, struct report *report)
{
	struct buf text = {0};

	buf_addf(&text, "asked:%s%s%s", options->approve ? " approve" : "",
		options->retry ? " retry" : "", options->no_wait ? " no-wait" : "");
	for (size_t i = 0; i < options->mailbox_count; i++)
		buf_addf(&text, " %s", options->mailboxes[i]);
	tell(report, REPORT_NOTE, "", 0, text.data);
	buf_fini(&text);
}

static void busy_account(const struct sync_options *options, struct report *report)
{
	struct report_event operation = {
		.kind = REPORT_OP,
		.account = report->account,
		.mailbox = "INBOX",
		.uid = 17,
		.operation = op_kind_name(OP_FETCH),
		.reason = "new on the server",
	};

	if (options->plan) {
		report_event(report, &operation);
		return;
	}
	report->totals.fetched = 2;
	report->totals.fetched_bytes = 4100;
	report->totals.boxes = 1;
	report->totals.failed = 1;
	tell(report, REPORT_FAILED, "INBOX", 17, "too big");
}

int sync_account(const struct config_account *account, const struct sync_options *options,
	struct report *report, struct err *err)
{
	if (!options->plan)
		tell_options(options, report);
	log_info("verbose about %s", account->name);
	if (strcmp(account->name, "busy") == 0)
		busy_account(options, report);
	if (strcmp(account->name, "guarded") == 0) {
		report->totals.refused = 30;
		tell(report, REPORT_REFUSED, "INBOX", 0, "30 of 40 would go");
	}
	if (strcmp(account->name, "down") != 0)
		return 0;
	err_set(err, ERR_NET, "can't connect");
	err_server(err, "go\x1b away", 8);
	return -1;
}

int sync_list(const struct config_account *account, bool status, struct arena *arena,
	struct sync_boxes *out, struct sync_capabilities *capabilities, struct err *err)
{
	static struct sync_box boxes[] = {
		{.name = "Gone",
			.path = "Gone",
			.here = true,
			.selected = true,
			.problem = "its folder has no name there"},
		{.name = "INBOX",
			.wire = SLICE("INBOX"),
			.path = "INBOX",
			.there = true,
			.here = true,
			.selectable = true,
			.selected = true},
		{.name = "Sent",
			.wire = SLICE("INBOX.Sent"),
			.path = "Sent",
			.there = true,
			.selectable = true,
			.attributes = IMAP_SENT},
	};

	(void)arena;
	if (strcmp(account->name, "down") == 0)
		return err_set(err, ERR_AUTH, "login refused");
	boxes[1].status = (struct imap_status){.known = status, .messages = 5};
	*out = (struct sync_boxes){boxes, COUNT_OF(boxes)};
	if (capabilities)
		*capabilities = (struct sync_capabilities){
			.announced = UINT64_C(1) << IMAP_CAP_IMAP4REV1 |
				     UINT64_C(1) << IMAP_CAP_IDLE | UINT64_C(1) << IMAP_CAP_MOVE,
			.usable = UINT64_C(1) << IMAP_CAP_IMAP4REV1 | UINT64_C(1) << IMAP_CAP_IDLE,
			.profile = {quirk_profile_at(0), "greeting"}};
	return 0;
}

void sync_identity(const struct config_account *account, struct buf *out)
{
	buf_addf(out, "%s %s", account->user, account->path);
}

/* ---- running ---- */

#define ARGS 8

static char root[] = "/tmp/godwit-cli-XXXXXX";

static char *path_of(const char *name)
{
	return xasprintf("%s/%s", root, name);
}

static void write_file(const char *name, const char *text)
{
	char *path = path_of(name);
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	free(path);
}

static char *read_all(int fd)
{
	struct buf text = {0};
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, buf_room(&text, 4096), 4096)) > 0)
		text.len += (size_t)n;
	buf_add_char(&text, '\0');
	return buf_take(&text);
}

static int temporary_file(void)
{
	char *path = path_of("output-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	free(path);
	return fd;
}

struct outcome {
	int status;
	char *out, *err;
};

static void outcome_fini(struct outcome *outcome)
{
	free(outcome->out);
	free(outcome->err);
}

/* ARGS without the program's name, up to the first NULL; OUT_FD: standard output, -1: a temporary
 * file. */
static struct outcome run_into(const char *const *args, int out_fd)
{
	char *argv[ARGS + 2] = {"godwit"};
	int out = out_fd >= 0 ? out_fd : temporary_file(), err = temporary_file(), status, argc = 1;
	struct outcome outcome;
	pid_t pid;

	for (; argc <= ARGS && args[argc - 1]; argc++)
		argv[argc] = (char *)args[argc - 1];
	fflush(NULL);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(out, STDOUT_FILENO);
		dup2(err, STDERR_FILENO);
		cancel_init();
		exit(cli_main(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	outcome = (struct outcome){
		.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
		.out = out_fd >= 0 ? xstrdup("") : read_all(out),
		.err = read_all(err),
	};
	if (out_fd < 0)
		close(out);
	close(err);
	return outcome;
}

/* Patterns as of fnmatch(). */
struct row {
	const char *args[ARGS];
	int status;
	const char *out;
	const char *err;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct row *row = &rows[i];
		struct outcome got = run_into(row->args, -1);

		if (got.status != row->status || fnmatch(row->out, got.out, 0) != 0 ||
			fnmatch(row->err, got.err, 0) != 0)
			fail_msg("%s %s %s: status %d\nout: %s\nwanted: %s\nerr: %s\nwanted: %s",
				row->args[0], row->args[0] && row->args[1] ? row->args[1] : "",
				row->args[0] && row->args[1] && row->args[2] ? row->args[2] : "",
				got.status, got.out, row->out, got.err, row->err);
		outcome_fini(&got);
	}
}

static void checks_usage(void **state)
{
	static const struct row rows[] = {
		{{NULL}, 64, "", "godwit: no command given; see godwit --help\n"},
		{{"--help"}, 0, "Usage: godwit *\n  sync *\n  config *--version*", ""},
		{{"--version"}, 0, "godwit " GODWIT_VERSION "\n", ""},
		{{"sync", "--version"}, 0, "godwit " GODWIT_VERSION "\n", ""},
		{{"sync", "--help"}, 0,
			"Usage: godwit * sync *--approve*--retry*--no-wait*--json*--config FILE*",
			""},
		{{"--help", "list"}, 0, "Usage: godwit * list *--capabilities*", ""},
		{{"snyc"}, 64, "",
			"godwit: unknown command snyc; did you mean sync[?]; see godwit --help\n"},
		{{"watch"}, 64, "", "godwit: unknown command watch; see godwit --help\n"},
		{{"--jsn", "sync"}, 64, "", "godwit: unknown option --jsn*; see godwit --help\n"},
		{{"sync", "--aprove"}, 64, "",
			"godwit: unknown option --aprove; did you mean --approve[?]; see godwit "
			"sync --help\n"},
		{{"plan", "--approve"}, 64, "",
			"godwit: unknown option --approve; see godwit plan --help\n"},
		{{"-q", "-v", "sync"}, 64, "", "godwit: --quiet goes with *\n"},
		{{"--debug", "imap,nets", "sync"}, 64, "", "godwit: unknown debug category *\n"},
		{{"dump"}, 64, "", "godwit: usage: dump ACCOUNT; see godwit dump --help\n"},
		{{"dump", "calm", "busy"}, 64, "", "godwit: usage: dump ACCOUNT; see *\n"},
		{{"sync", "clam"}, 64, "",
			"godwit: unknown account clam; did you mean calm[?]; see godwit sync "
			"--help\n"},
		{{"sync", "nobody/INBOX"}, 64, "",
			"godwit: unknown account nobody; see godwit sync --help\n"},
		{{"sync", "calm/"}, 64, "", "godwit: no mailbox named in calm/; *\n"},
		{{"status", "calm/INBOX"}, 64, "",
			"godwit: this command takes whole accounts, not calm/INBOX; *\n"},
		{{"-c", "/nonexistent/config.yaml", "sync"}, 78, "",
			"godwit: */nonexistent/config.yaml*\n"},
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void runs_passes(void **state)
{
	static const struct row rows[] = {
		{{"sync", "calm"}, 0, "calm: nothing to do\n", "calm: asked:\n"},
		{{"sync", "-q", "calm"}, 0, "", ""},
		{{"-v", "sync", "calm"}, 0, "calm: nothing to do\n", "*verbose about calm\n*"},
		{{"sync", "--approve", "--retry", "--no-wait", "calm"}, 0, "*",
			"calm: asked: approve retry no-wait\n"},
		{{"sync", "calm/A", "calm/inbox/x", "calm/INBOXES"}, 0, "*",
			"calm: asked: A INBOX/x INBOXES\n"},
		{{"sync", "calm/A", "calm"}, 0, "*", "calm: asked:\n"},
		{{"sync", "calm", "calm/A"}, 0, "*", "calm: asked:\n"},
		{{"sync", "busy"}, 1, "busy: 2 new here (4.1 kB), 1 failed; 1 mailbox, 0.?? s\n",
			"busy: asked:\nbusy/INBOX: message 17: too big\n"},
		{{"-q", "sync", "busy"}, 1, "", "busy/INBOX: message 17: too big\n"},
		{{"sync", "guarded"}, 65, "guarded: 30 deletions refused; *",
			"*guarded/INBOX: 30 of 40 would go\n"},
		{{"sync", "down"}, 75, "",
			"*godwit: down: can't connect; the server said: \"go*away\"\n"},
		{{"sync", "guarded", "busy"}, 65, "guarded:*\nbusy:*\n", "*"},
		{{"sync"}, 75, "calm:*\nbusy:*\nguarded:*\n", "*godwit: down:*"},
		{{"sync", "--json", "busy"}, 1,
			"{\"event\":\"note\",*}\n{\"event\":\"failed\",\"account\":\"busy\","
			"\"mailbox\":\"INBOX\",\"uid\":17,\"reason\":\"too big\"}\n"
			"{\"event\":\"summary\",\"account\":\"busy\",\"status\":1,\"fetched\":2,*"
			"\"error\":null}\n",
			"*busy/INBOX: message 17: too big\n"},
		{{"sync", "--json", "down"}, 75,
			"*{\"event\":\"summary\",\"account\":\"down\",\"status\":75,*\"error\":{"
			"\"kind\":\"net\",\"message\":\"can't connect\",*}}\n",
			"*godwit: down: can't connect; *\n"},
		{{"plan", "busy"}, 0,
			"busy/INBOX fetch 17: new on the server\nbusy: would do 1 operation: 1 "
			"fetch\n",
			""},
		{{"plan", "calm"}, 0, "calm: nothing to do\n", ""},
		{{"plan", "--json", "busy"}, 0,
			"{\"event\":\"operation\",*\"uid\":17,*}\n{\"event\":\"summary\",*"
			"\"operations\":{\"fetch\":1},*}\n",
			""},
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void lists(void **state)
{
	static const struct row rows[] = {
		{{"list", "calm"}, 0,
			"MAILBOX *THERE *HERE *SERVER NAME *FOLDER *ROLE *NOTE\n"
			"calm/Gone *- *yes *Gone *its folder has no name there\n"
			"calm/INBOX *yes *yes *INBOX *INBOX\n"
			"calm/Sent *yes *- *INBOX.Sent *Sent *sent *not selected\n",
			""},
		{{"list", "--capabilities", "calm"}, 0,
			"ACCOUNT *EXTENSION *SINCE *STATE *FOR\n"
			"*calm *IMAP4rev1 *RFC 3501 *used *the protocol\n"
			"*calm *MOVE *RFC 6851 *switched off *moving without upload\n"
			"*calm *IDLE *RFC 2177 *not used *watching one mailbox\n"
			"*calm: treated as gmail, by greeting: *",
			""},
		{{"list", "--capabilities", "--json", "calm"}, 0,
			"{\"type\":\"capabilities\",\"account\":\"calm\",\"profile\":\"gmail\","
			"\"profile_by\":\"greeting\","
			"\"capabilities\":\\[\"IMAP4rev1\",\"IDLE\"]}\n"
			"{\"type\":\"capability\",\"account\":\"calm\",\"name\":\"IMAP4rev1\","
			"\"since\":\"RFC 3501\",\"announced\":true,\"state\":\"used\","
			"\"for\":\"the protocol\"}\n*",
			""},
		{{"list", "--json", "calm"}, 0,
			"{\"type\":\"mailbox\",\"account\":\"calm\",\"mailbox\":\"Gone\",\"there\":"
			"false,\"here\":true,\"server_name\":null,*}\n*\"role\":\"sent\"*",
			""},
		{{"list", "calm", "down"}, 77, "MAILBOX*calm/INBOX*",
			"godwit: down: login refused\n"},
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

static void shows_an_empty_status(void **state)
{
	static const struct row rows[] = {
		{{"status", "busy"}, 0, "busy: no state yet, nothing was synced so far\n", ""},
		{{"status", "--json", "busy"}, 0, "{\"type\":\"no-state\",\"account\":\"busy\"}\n",
			""},
		{{"status", "--remote", "busy"}, 0,
			"MAILBOX *\nbusy/INBOX *- *- *- *never *5\nbusy: no state yet*", ""},
		{{"dump", "busy"}, 0, "", "busy: no state yet, nothing was synced so far\n"},
	};

	(void)state;
	check_rows(rows, COUNT_OF(rows));
}

/* A pass that could not even begin leaves a state without mailboxes. */
static void shows_a_state_without_mailboxes(void **state)
{
	static const struct row rows[] = {
		{{"status", "guarded"}, 0, "guarded: nothing was synced so far\n", ""},
		{{"status", "--json", "guarded"}, 0, "", ""},
	};
	char *dir = path_of("state/guarded"), *maildir = path_of("guarded");
	char *identity = xasprintf("alice %s", maildir);
	struct state *fresh = NULL;

	(void)state;
	assert_int_equal(state_open(&fresh, dir, identity, false, NULL), 0);
	state_close(fresh);
	check_rows(rows, COUNT_OF(rows));
	free(dir);
	free(maildir);
	free(identity);
}

/* A state of account calm: INBOX under its second UIDVALIDITY with two messages, one of them
 * failed. */
static void make_state(void)
{
	char *dir = path_of("state/calm"), *maildir = path_of("calm"),
	     *identity = xasprintf("alice %s", maildir);
	struct state_mailbox former = {.id = 1,
		.wire = SLICE("INBOX"),
		.name = SLICE("INBOX"),
		.path = SLICE("INBOX"),
		.where = 3};
	struct state_mailbox inbox = former;
	struct state_message both = {
		.uid = 1, .where = STATE_THERE | STATE_HERE, .base = SLICE("x")};
	struct state_message refused = {
		.uid = 2, .where = STATE_THERE | STATE_REFUSED, .base = SLICE("")};
	struct state_pending pending = {.kind = STATE_PENDING_FETCH,
		.uid = 2,
		.reason = SLICE("too big"),
		.count = 3,
		.since = 1795457523};
	struct state_write *write = NULL;
	struct state *state = NULL;

	inbox.id = 2;
	inbox.former = 1;
	inbox.letterless = 4;
	inbox.synced = 1795457523;
	assert_int_equal(state_open(&state, dir, identity, false, NULL), 0);
	assert_int_equal(state_write_begin(state, &write, NULL), 0);
	assert_int_equal(state_put_mailbox(write, &former, NULL), 0);
	assert_int_equal(state_put_mailbox(write, &inbox, NULL), 0);
	assert_int_equal(state_put_message(write, 2, &both, NULL), 0);
	assert_int_equal(state_put_message(write, 2, &refused, NULL), 0);
	assert_int_equal(state_put_pending(write, 2, &pending, NULL), 0);
	assert_int_equal(state_commit(write, NULL), 0);
	state_close(state);
	free(dir);
	free(maildir);
	free(identity);
}

static void shows_the_status(void **state)
{
	static const struct row rows[] = {
		{{"status", "calm"}, 0,
			"MAILBOX *SERVER *HERE *PENDING *LAST SYNC\n"
			"calm/INBOX * 2 * 1 * 1 *2026-11-2[34] [0-9]*\n"
			"calm/INBOX: fetch of message 2: too big (3 times since 2026-11-2[34] "
			"[0-9]*)\n",
			""},
		{{"status", "--remote", "calm"}, 0,
			"MAILBOX *SERVER NOW\ncalm/INBOX * 5\ncalm/INBOX: fetch*", ""},
		{{"status", "--json", "calm"}, 0,
			"{\"type\":\"mailbox\",\"account\":\"calm\",\"mailbox\":\"INBOX\","
			"\"there\":2,\"here\":1,\"pending\":1,"
			"\"synced\":\"2026-11-23T18:12:03Z\"}\n"
			"{\"type\":\"pending\",\"account\":\"calm\",\"mailbox\":\"INBOX\","
			"\"operation\":\"fetch\",\"uid\":2,"
			"\"reason\":\"too big\",\"count\":3,\"since\":\"2026-11-23T18:12:03Z\"}\n",
			""},
		{{"list", "calm"}, 0, "MAILBOX*calm/INBOX*4 keywords without a letter\n*", ""},
		{{"dump", "calm"}, 0, "*INBOX*", ""},
		{{"dump", "--json", "calm"}, 0, "{*INBOX*}\n", ""},
	};

	(void)state;
	make_state();
	check_rows(rows, COUNT_OF(rows));
}

static void prints_the_config(void **state)
{
	static const struct row rows[] = {
		{{"config"}, 0,
			"# *config.yaml\nstate_dir: *\naccounts:\n  calm:\n    # profile: none*\n  "
			"  server:\n      "
			"host: imap.example.org\n*      tls: implicit\n*"
			"    auth:\n      user: alice\n*  busy:\n*",
			""},
		{{"config", "busy"}, 0, "*accounts:\n  busy:\n*", ""},
		{{"config", "--json", "calm"}, 0,
			"{\"type\":\"account\",\"account\":\"calm\",*\"server.host\":\"imap."
			"example.org\",*}\n",
			""},
	};
	static const char *const args[ARGS] = {"config"};
	struct outcome got;

	(void)state;
	check_rows(rows, COUNT_OF(rows));
	got = run_into(args, -1);
	assert_null(strstr(got.out, "hunter2"));
	outcome_fini(&got);
}

static void notices_a_full_disk(void **state)
{
	static const char *const help[ARGS] = {"--help"}, *const sync[ARGS] = {"sync", "calm"};
	int full = open("/dev/full", O_WRONLY);
	struct outcome got;

	(void)state;
	assert_true(full >= 0);
	got = run_into(help, full);
	assert_int_equal(got.status, 74);
	assert_non_null(strstr(
		got.err, "godwit: can't write to standard output: No space left on device\n"));
	outcome_fini(&got);
	got = run_into(sync, full);
	assert_int_equal(got.status, 74);
	outcome_fini(&got);
	close(full);
}

static void merges_exit_statuses(void **state)
{
	static const struct {
		int a, b, worse;
	} rows[] = {
		{0, 0, 0},
		{0, 1, 1},
		{1, 65, 65},
		{65, 75, 75},
		{75, 76, 76},
		{76, 74, 74},
		{74, 77, 77},
		{77, 78, 78},
		{78, 70, 70},
		{64, 0, 64},
		{64, 1, 1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (sync_worse_status(rows[i].a, rows[i].b) != rows[i].worse ||
			sync_worse_status(rows[i].b, rows[i].a) != rows[i].worse)
			fail_msg("%d and %d", rows[i].a, rows[i].b);
}

static int set_up(void **state)
{
	char *config;
	struct buf text = {0};

	(void)state;
	if (!mkdtemp(root))
		return -1;
	buf_addf(&text,
		"state_dir: %s/state\ndefaults:\n  server: { host: imap.example.org }\n  auth: { "
		"user: alice, password: hunter2 }\naccounts:\n",
		root);
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = {"calm", "busy", "guarded", "down"};

		buf_addf(&text, "  %s: { local: { path: %s/%s } }\n", names[i], root, names[i]);
	}
	write_file("config.yaml", text.data);
	buf_fini(&text);
	config = path_of("config.yaml");
	setenv("GODWIT_CONFIG", config, 1);
	free(config);
	return 0;
}

static int tear_down(void **state)
{
	char *command = xasprintf("rm -rf %s", root);
	int rc = system(command);

	(void)state;
	free(command);
	return rc;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checks_usage),
		cmocka_unit_test(runs_passes),
		cmocka_unit_test(lists),
		cmocka_unit_test(shows_an_empty_status),
		cmocka_unit_test(shows_a_state_without_mailboxes),
		cmocka_unit_test(shows_the_status),
		cmocka_unit_test(prints_the_config),
		cmocka_unit_test(notices_a_full_disk),
		cmocka_unit_test(merges_exit_statuses),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

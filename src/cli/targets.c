#include "cli/targets.h"

#include <stdlib.h>
#include <string.h>

#include "base/thread.h"
#include "cli/text.h"

/* A target under construction. */
static struct cli_target *target_of(struct cli *cli, const struct config_account *account)
{
	for (size_t i = 0; i < cli->target_count; i++)
		if (cli->targets[i].account == account)
			return &cli->targets[i];
	return NULL;
}

static struct cli_target *add_target(struct cli *cli, const struct config_account *account)
{
	struct cli_target *target = &cli->targets[cli->target_count++];

	*target = (struct cli_target){.account = account};
	return target;
}

static void drop_mailboxes(struct cli_target *target)
{
	for (size_t i = 0; i < target->mailbox_count; i++)
		free(target->mailboxes[i]);
	free(target->mailboxes);
	target->mailboxes = NULL;
	target->mailbox_count = 0;
}

/* The canonical name: INBOX, alone or as the first level, is written so. */
static char *canonical_mailbox(const char *name)
{
	if (slice_starts_nocase(slice_str(name), "INBOX") && (name[5] == '\0' || name[5] == '/'))
		return xasprintf("INBOX%s", name + 5);
	return xstrdup(name);
}

static void add_mailbox(struct cli_target *target, const char *name)
{
	target->mailboxes = xrealloc_array(
		target->mailboxes, target->mailbox_count + 1, sizeof(*target->mailboxes));
	target->mailboxes[target->mailbox_count++] = canonical_mailbox(name);
}

static bool unknown_account(const struct cli *cli, struct slice name, struct buf *problem)
{
	struct text_nearest near = {.wanted = name};

	for (size_t i = 0; i < cli->config.count; i++)
		text_nearest_try(&near, cli->config.accounts[i].name);
	buf_add_str(problem, "unknown account ");
	text_escape_slice(name, problem);
	if (near.best) {
		buf_add_str(problem, "; did you mean ");
		text_escape(near.best, problem);
		buf_add_char(problem, '?');
	}
	return false;
}

static const struct config_account *find_account(const struct cli *cli, struct slice name)
{
	for (size_t i = 0; i < cli->config.count; i++)
		if (slice_eq_str(name, cli->config.accounts[i].name))
			return &cli->config.accounts[i];
	return NULL;
}

/* ACCOUNT or ACCOUNT/MAILBOX. */
static bool pick_word(struct cli *cli, const char *word, bool mailboxes, struct buf *problem)
{
	const struct config_account *account = find_account(cli, slice_str(word));
	const char *mailbox = account ? NULL : strchr(word, '/');
	struct slice name = {word, mailbox ? (size_t)(mailbox - word) : strlen(word)};
	struct cli_target *target;

	if (mailbox && !mailboxes) {
		buf_add_str(problem, "this command takes whole accounts, not ");
		text_escape(word, problem);
		return false;
	}
	if (mailbox)
		account = find_account(cli, name);
	if (!account)
		return unknown_account(cli, name, problem);
	if (mailbox && mailbox[1] == '\0') {
		buf_add_str(problem, "no mailbox named in ");
		text_escape(word, problem);
		return false;
	}
	target = target_of(cli, account);
	if (!mailbox && target)
		drop_mailboxes(target);
	else if (!mailbox)
		add_target(cli, account);
	else if (!target)
		add_mailbox(add_target(cli, account), mailbox + 1);
	else if (target->mailbox_count != 0) /* else the whole account was named before */
		add_mailbox(target, mailbox + 1);
	return true;
}

bool targets_pick(struct cli *cli, const char *const *words, size_t count, bool mailboxes,
	struct buf *problem)
{
	cli->targets = xcalloc(cli->config.count + 1, sizeof(*cli->targets));
	for (size_t i = 0; count == 0 && i < cli->config.count; i++)
		add_target(cli, &cli->config.accounts[i]);
	for (size_t i = 0; i < count; i++)
		if (!pick_word(cli, words[i], mailboxes, problem))
			return false;
	return true;
}

void targets_free(struct cli *cli)
{
	for (size_t i = 0; i < cli->target_count; i++)
		drop_mailboxes(&cli->targets[i]);
	free(cli->targets);
	cli->targets = NULL;
	cli->target_count = 0;
}

struct target_thread {
	pthread_t thread;
	void (*run)(void *item);
	void *item;
};

static void *run_item(void *arg)
{
	struct target_thread *thread = arg;

	thread->run(thread->item);
	return NULL;
}

void targets_run(void *items, size_t count, size_t size, void (*run)(void *item))
{
	struct target_thread *threads = xcalloc(count + 1, sizeof(*threads));

	for (size_t i = 0; i < count; i++) {
		threads[i].run = run;
		threads[i].item = (char *)items + i * size;
		thread_start(&threads[i].thread, "account", run_item, &threads[i]);
	}
	for (size_t i = 0; i < count; i++)
		thread_join(threads[i].thread);
	free(threads);
}

/*
 * Read: the system's folders (libraries, trust store, resolver, time zones), what the environment
 * names for OpenSSL and Kerberos, and the files of the accounts. Written: Maildir roots, state
 * directories, the place where deleted messages are kept, the Kerberos cache. Nothing else of the
 * home directory can be read or changed, nor anything in /tmp. System calls are filtered, too.
 */
#include "cli/confinement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/confine.h"
#include "base/log.h"
#include "base/spawn.h"

struct paths {
	struct confine_path *items; /* owned */
	size_t count, room;
	struct arena arena;
};

static const char *const system_folders[] = {"/etc", "/usr", "/lib", "/lib32", "/lib64", "/bin",
	"/sbin", "/opt", "/run", "/var/run", "/var/lib/ca-certificates", "/var/lib/sss", "/proc",
	"/sys", "/dev", "/nix/store", "/gnu/store"};
static const char *const system_files[] = {"/dev/null", "/dev/tty"};

/* Lists of files, "FILE:" and "DIR:" before them. */
static const struct {
	const char *name;
	bool write;
} variables[] = {
	{"SSL_CERT_FILE", false},
	{"SSL_CERT_DIR", false},
	{"OPENSSL_CONF", false},
	{"OPENSSL_MODULES", false},
	{"KRB5_CONFIG", false},
	{"KRB5_CLIENT_KTNAME", false},
	{"KRB5CCNAME", true},
	{"TZDIR", false},
	{"LOCPATH", false},
};

static void add(struct paths *paths, const char *path, bool write)
{
	if (!path || path[0] != '/')
		return;
	paths->items =
		base_reserve(paths->items, paths->count, &paths->room, sizeof(*paths->items));
	paths->items[paths->count++] = (struct confine_path){path, write};
}

static void add_variable(struct paths *paths, const char *name, bool write)
{
	const char *value = getenv(name);

	while (value && *value) {
		size_t n = strcspn(value, ":");

		add(paths, arena_strndup(&paths->arena, value, n), write);
		value += n + (value[n] == ':');
	}
}

static void add_system(struct paths *paths)
{
	char cache[64];

	for (size_t i = 0; i < COUNT_OF(system_folders); i++)
		add(paths, system_folders[i], false);
	for (size_t i = 0; i < COUNT_OF(system_files); i++)
		add(paths, system_files[i], true);
	for (size_t i = 0; i < COUNT_OF(variables); i++)
		add_variable(paths, variables[i].name, variables[i].write);
	snprintf(cache, sizeof(cache), "/tmp/krb5cc_%u", (unsigned)getuid());
	if (access(cache, F_OK) == 0)
		add(paths, arena_strdup(&paths->arena, cache), true);
}

/* The folder above ROOT, where the deleted messages of an account are kept if its state lies on
 * another file system (maildir/attic.h). */
static void add_attic(struct paths *paths, const struct config_account *account)
{
	const char *slash = strrchr(account->path, '/');
	struct stat root, state;

	if (slash > account->path && stat(account->path, &root) == 0 &&
		stat(account->state_dir, &state) == 0 && root.st_dev != state.st_dev)
		add(paths,
			arena_strndup(
				&paths->arena, account->path, (size_t)(slash - account->path)),
			true);
}

static void add_account(struct paths *paths, const struct config_account *account)
{
	add(paths, account->path, true);
	add(paths, account->state_dir, true);
	add_attic(paths, account);
	add(paths, account->ca_file, false);
	add(paths, account->client_cert, false);
	add(paths, account->client_key, false);
	if (account->secret_kind == CONFIG_SECRET_FILE)
		add(paths, account->secret, false);
}

static bool starts_commands(const struct config_account *account)
{
	return account->tunnel.count > 0 || account->secret_argv.count > 0 ||
	       account->secret_kind == CONFIG_SECRET_OAUTH;
}

bool confinement_is_off(void)
{
	const char *value = getenv("GODWIT_CONFINE");

	return value && strcmp(value, "off") == 0;
}

int confinement_begin(const struct cli *cli, struct err *err)
{
	struct paths paths = {0};
	bool commands = false;
	int rc = 0;

	if (confinement_is_off())
		return 0;
	add_system(&paths);
	for (size_t i = 0; i < cli->target_count; i++) {
		add_account(&paths, cli->targets[i].account);
		commands = commands || starts_commands(cli->targets[i].account);
	}
	if (commands)
		rc = spawn_helper_start(err);
	if (rc == 0)
		rc = confine_files(paths.items, paths.count, err);
	if (rc == 0)
		log_debug(LOG_NET, "the kernel has no Landlock: files are not confined");
	if (rc >= 0 && !confine_calls())
		log_debug(LOG_NET, "the kernel has no seccomp: system calls are not filtered");
	free(paths.items);
	arena_fini(&paths.arena);
	return rc < 0 ? -1 : 0;
}

void confinement_end(void)
{
	spawn_helper_stop();
}

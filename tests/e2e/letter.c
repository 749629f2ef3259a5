/*
 * Preloaded into godwit: another program gives a keyword its letter, and a file of the folder that
 * letter, right after godwit has looked a second time whether the table changed. The file is
 * renamed from $GODWIT_FROM to $GODWIT_TO; $GODWIT_TABLE is the new table.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int looks;

static void give(int folder)
{
	const char *table = getenv("GODWIT_TABLE");
	int file = openat(folder, "draft", O_CREAT | O_WRONLY | O_EXCL, 0600);

	if (file < 0 || write(file, table, strlen(table)) < 0 || close(file) != 0 ||
		renameat(folder, "draft", folder, "dovecot-keywords") != 0 ||
		renameat(folder, getenv("GODWIT_FROM"), folder, getenv("GODWIT_TO")) != 0)
		abort();
	sleep(3); /* the times of the folder are trusted when they are old enough */
}

static int look(const char *function, int at, const char *path, struct stat *out, int flags)
{
	int (*next)(int, const char *, struct stat *, int);

	*(void **)&next = dlsym(RTLD_NEXT, function);
	int rc = next(at, path, out, flags);
	if (strcmp(path, "dovecot-keywords") == 0 && ++looks == 2)
		give(at);
	return rc;
}

int fstatat(int at, const char *path, struct stat *out, int flags)
{
	return look("fstatat", at, path, out, flags);
}

int fstatat64(int at, const char *path, struct stat64 *out, int flags)
{
	return look("fstatat64", at, path, (struct stat *)out, flags);
}

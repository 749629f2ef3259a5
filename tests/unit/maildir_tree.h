/*
 * A scratch tree of Maildirs for one test: made below TMPDIR, removed at the end.
 */
#ifndef TESTS_UNIT_MAILDIR_TREE_H
#define TESTS_UNIT_MAILDIR_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/thread.h"
#include "maildir/maildir.h"

struct tree {
	char path[200];
	struct maildir_root root;
	struct keywords *keywords;
	struct err err;
};

/* The call must succeed; else the test ends with the error's words. */
#define GOOD(tree, call)                                                                           \
	do {                                                                                       \
		if ((call) != 0)                                                                   \
			fail_msg("%s: %s", #call, (tree)->err.msg);                                \
	} while (0)

/* The call must fail with this errno. */
#define FAILS(tree, sys_wanted, call)                                                              \
	do {                                                                                       \
		assert_int_equal(call, -1);                                                        \
		if ((tree)->err.sys != (sys_wanted))                                               \
			fail_msg("%s: %s", #call, (tree)->err.msg);                                \
	} while (0)

static inline void tree_open(struct tree *t, enum maildir_layout layout)
{
	const char *tmp = getenv("TMPDIR");

	*t = (struct tree){0};
	snprintf(t->path, sizeof(t->path), "%s/godwit-maildir-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->path));
	t->keywords = keywords_new();
	GOOD(t, maildir_root_open(&t->root, t->path, layout, false, &t->err));
}

static inline int tree_remove(
	const char *path, const struct stat *st UNUSED, int type UNUSED, struct FTW *at UNUSED)
{
	return remove(path);
}

static inline void tree_close(struct tree *t)
{
	maildir_root_close(&t->root);
	keywords_free(t->keywords);
	assert_int_equal(nftw(t->path, tree_remove, 16, FTW_DEPTH | FTW_PHYS), 0);
}

/* Makes and opens the folder PATH. */
static inline struct maildir *tree_folder(struct tree *t, const char *path)
{
	struct maildir *m;

	GOOD(t, maildir_create(&t->root, path, &t->err));
	GOOD(t, maildir_open(&m, &t->root, path, t->keywords, &t->err));
	return m;
}

static inline void tree_write_n(struct tree *t, const char *path, const char *data, size_t n)
{
	int fd = openat(t->root.fd, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), n);
	close(fd);
}

static inline void tree_write(struct tree *t, const char *path, const char *text)
{
	tree_write_n(t, path, text, strlen(text));
}

/* From malloc, NUL-terminated. */
static inline char *tree_read_n(struct tree *t, const char *path, size_t *n)
{
	char *text = fs_read_file(t->root.fd, path, 16 << 20, n, &t->err);

	if (!text)
		fail_msg("%s", t->err.msg);
	return text;
}

static inline void assert_file(struct tree *t, const char *path, const char *wanted)
{
	size_t n;
	char *text = tree_read_n(t, path, &n);

	assert_string_equal(text, wanted);
	free(text);
}

static inline bool tree_has(struct tree *t, const char *path)
{
	struct stat st;
	return fstatat(t->root.fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A small generator of its own, so that a failing seed can be repeated. */
static inline uint32_t tree_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*seed >> 33);
}

#endif

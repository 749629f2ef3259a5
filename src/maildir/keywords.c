/*
 * Keywords in file names, as Dovecot writes them: a letter a..z, its name in the folder's file
 * dovecot-keywords. A letter that was once given is never changed or given to another keyword:
 * files carry it. New letters are given under Dovecot's own lock, with the table read again, and
 * are durable before the first file name that uses them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/thread.h"
#include "maildir/letters.h"

#define TABLE "dovecot-keywords"
#define LOCK "dovecot-uidlist.lock"
#define TABLE_MAX (1u << 20)
#define LOCK_WAIT_MS 10000
#define LOCK_STALE_S 120

struct maildir_letters {
	struct keywords *keywords; /* borrowed */
	int ids[LETTERS]; /* account's keyword number of each letter, -1: free, -2: taken by
			     something we can't read */
	struct stat seen; /* of the file as read; st_ino 0: there was none */
};

struct maildir_letters *letters_new(struct keywords *keywords)
{
	struct maildir_letters *letters = xcalloc(1, sizeof(*letters));

	letters->keywords = keywords;
	for (int i = 0; i < LETTERS; i++)
		letters->ids[i] = -1;
	return letters;
}

void letters_free(struct maildir_letters *letters)
{
	free(letters);
}

int letters_keyword(const struct maildir_letters *letters, char letter)
{
	if (letter < 'a' || letter > 'z')
		return -1;
	int id = letters->ids[letter - 'a'];
	return id < 0 ? -1 : id;
}

struct flags letters_mask(const struct maildir_letters *letters)
{
	struct flags mask = {0};
	for (int i = 0; i < LETTERS; i++)
		if (letters->ids[i] >= 0)
			flags_add_keyword(&mask, (unsigned)letters->ids[i]);
	return mask;
}

/* "N NAME". Other lines mean nothing to us and stay in the file. */
static void parse_line(struct maildir_letters *letters, struct slice line)
{
	const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
	uint64_t number;

	if (!blank || !slice_number((struct slice){line.p, (size_t)(blank - line.p)}, LETTERS - 1,
			      &number))
		return;
	struct slice name = {blank + 1, line.n - (size_t)(blank - line.p) - 1};
	int id = keywords_intern(letters->keywords, name);
	for (int i = 0; id >= 0 && i < LETTERS; i++)
		if (letters->ids[i] == id)
			return; /* named twice: the first letter counts */
	letters->ids[number] = id >= 0 ? id : -2;
}

static void parse(struct maildir_letters *letters, struct slice text)
{
	for (int i = 0; i < LETTERS; i++)
		letters->ids[i] = -1;
	while (text.n > 0) {
		const char *newline = memchr(text.p, '\n', text.n);
		size_t n = newline ? (size_t)(newline - text.p) : text.n;
		parse_line(letters,
			(struct slice){text.p, n > 0 && text.p[n - 1] == '\r' ? n - 1 : n});
		n += newline != NULL;
		text.p += n;
		text.n -= n;
	}
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       fs_time_ns(a->st_mtim) == fs_time_ns(b->st_mtim) &&
	       fs_time_ns(a->st_ctim) == fs_time_ns(b->st_ctim);
}

/* The file as text from malloc, "" if there is none; NULL on error. */
static char *read_table(struct maildir *maildir, size_t *n, struct err *err)
{
	char *text = fs_read_file(maildir->fd, TABLE, TABLE_MAX, n, err);

	if (text || err->sys != ENOENT)
		return text;
	err_clear(err);
	*n = 0;
	return xstrdup("");
}

int maildir_letters_load(struct maildir *maildir, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct stat now = {0};
	size_t n;

	if (fstatat(maildir->fd, TABLE, &now, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
		return err_set_errno(err, ERR_DISK, "%s: can't look at %s", maildir->path, TABLE);
	if (same_file(&now, &letters->seen))
		return 0;
	char *text = read_table(maildir, &n, err);
	if (!text)
		return err_wrap(err, "%s", maildir->path);
	parse(letters, (struct slice){text, n});
	letters->seen = now;
	free(text);
	return 0;
}

/* ---- giving letters ---- */

/* A lock that its owner left behind. */
static bool stale(struct maildir *maildir)
{
	struct stat st;
	return fstatat(maildir->fd, LOCK, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtime + LOCK_STALE_S < time(NULL);
}

static int lock(struct maildir *maildir, struct err *err)
{
	int64_t until = clock_ms() + LOCK_WAIT_MS;

	for (;;) {
		int fd = fs_create(maildir->fd, LOCK, 0600, err);
		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (err->sys != EEXIST)
			return -1;
		if (stale(maildir)) {
			log_warn("%s: taking over the lock %s, which is older than two minutes",
				maildir->path, LOCK);
			if (fs_unlink(maildir->fd, LOCK, err) != 0 && err->sys != ENOENT)
				return -1;
			continue;
		}
		if (clock_ms() >= until)
			return err_set(err, ERR_CONFLICT, "%s: %s is held by another program",
				maildir->path, LOCK);
		if (cancel_sleep_ms(50, err) != 0)
			return -1;
	}
}

static bool has_letter(const struct maildir_letters *letters, unsigned id)
{
	for (int i = 0; i < LETTERS; i++)
		if (letters->ids[i] == (int)id)
			return true;
	return false;
}

static struct flags without_letter(
	const struct maildir_letters *letters, const struct flags *wanted)
{
	struct flags mask = letters_mask(letters);
	struct flags missing = flags_minus(wanted, &mask);
	missing.system = 0;
	return missing;
}

static int free_letter(const struct maildir_letters *letters)
{
	for (int i = 0; i < LETTERS; i++)
		if (letters->ids[i] == -1)
			return i;
	return -1;
}

/* Lines for the keywords in MISSING, as long as letters are free. How many were added. */
static unsigned add_lines(
	struct maildir_letters *letters, const struct flags *missing, struct buf *table)
{
	unsigned added = 0, count = keywords_count(letters->keywords);

	if (table->len > 0 && table->data[table->len - 1] != '\n')
		buf_add_char(table, '\n');
	for (unsigned id = 0; id < count; id++) {
		int letter;
		if (!flags_has_keyword(missing, id) || has_letter(letters, id) ||
			(letter = free_letter(letters)) < 0)
			continue;
		buf_addf(table, "%d %s\n", letter, keywords_name(letters->keywords, id));
		letters->ids[letter] = (int)id;
		added++;
	}
	return added;
}

/* Under the lock. */
static int extend(struct maildir *maildir, const struct flags *wanted, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct buf table = {0};
	size_t n;
	int rc = 0;

	char *text = read_table(maildir, &n, err);
	if (!text)
		return -1;
	parse(letters, (struct slice){text, n});
	buf_add(&table, text, n);
	free(text);
	struct flags missing = without_letter(letters, wanted);
	if (add_lines(letters, &missing, &table) > 0)
		rc = fs_replace_file(maildir->fd, TABLE, table.data, table.len, 0600, err);
	buf_fini(&table);
	letters->seen = (struct stat){0}; /* read again next time: cheap, and true */
	return rc;
}

int maildir_letters_add(
	struct maildir *maildir, const struct flags *wanted, struct flags *left, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct flags missing = without_letter(letters, wanted);
	int rc = 0;

	if (!flags_empty(&missing) && free_letter(letters) >= 0) {
		if (lock(maildir, err) != 0)
			return -1;
		rc = extend(maildir, wanted, err);
		struct err unlock_err = {0};
		if (fs_unlink(maildir->fd, LOCK, &unlock_err) != 0 && rc == 0) {
			*err = unlock_err;
			rc = -1;
		}
		missing = without_letter(letters, wanted);
	}
	if (left)
		*left = missing;
	return rc == 0 ? 0 : err_wrap(err, "%s", maildir->path);
}

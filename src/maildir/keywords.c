/*
 * Keywords in file names, as Dovecot writes them: a letter a..z, its name in the folder's file
 * dovecot-keywords. A letter that was once given is never changed or given to another keyword:
 * files carry it. New letters are given under Dovecot's own lock, with the table read again, and
 * are durable before the first file name that uses them.
 *
 * Several threads may work on one folder. What they read is a copy of the table, taken under
 * `reading`; the file is read and written under `changing`, so that an older version never
 * replaces a newer one in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/thread.h"
#include "maildir/letters.h"

#define LOCK "dovecot-uidlist.lock"
#define LOCK_WAIT_MS 10000
#define LOCK_STALE_S 120

struct maildir_letters {
	struct keywords *keywords; /* borrowed */
	pthread_mutex_t changing;  /* guards `seen` and the file; may be held for seconds */
	pthread_mutex_t reading;   /* guards `table` and `version` */
	struct letter_table table;
	unsigned version; /* of `table`: rises with each change */
	struct stat seen; /* of the file as read; st_ino 0: there was none */
};

static struct letter_table empty_table(void)
{
	struct letter_table table = {0};

	for (int i = 0; i < LETTERS; i++)
		table.keyword[i] = LETTER_FREE;
	return table;
}

struct maildir_letters *letters_new(struct keywords *keywords)
{
	struct maildir_letters *letters = xcalloc(1, sizeof(*letters));

	letters->keywords = keywords;
	letters->table = empty_table();
	mutex_init(&letters->changing);
	mutex_init(&letters->reading);
	return letters;
}

void letters_free(struct maildir_letters *letters)
{
	if (!letters)
		return;
	mutex_fini(&letters->changing);
	mutex_fini(&letters->reading);
	free(letters);
}

void letters_get(struct maildir_letters *letters, struct letter_table *out)
{
	mutex_lock(&letters->reading);
	*out = letters->table;
	mutex_unlock(&letters->reading);
}

static void set_table(struct maildir_letters *letters, const struct letter_table *table)
{
	mutex_lock(&letters->reading);
	letters->table = *table;
	letters->version++;
	mutex_unlock(&letters->reading);
}

unsigned letters_version(struct maildir_letters *letters)
{
	mutex_lock(&letters->reading);
	unsigned version = letters->version;
	mutex_unlock(&letters->reading);
	return version;
}

struct flags letters_mask(const struct letter_table *table)
{
	struct flags mask = {0};

	for (int i = 0; i < LETTERS; i++)
		if (table->keyword[i] >= 0)
			flags_add_keyword(&mask, (unsigned)table->keyword[i]);
	return mask;
}

struct flags letters_meaning(const struct letter_table *table, char letter)
{
	struct flags flags = {0};

	if (letter < 'a' || letter > 'z')
		return flags;
	flags.system = table->system[letter - 'a'];
	if (table->keyword[letter - 'a'] >= 0)
		flags_add_keyword(&flags, (unsigned)table->keyword[letter - 'a']);
	return flags;
}

/* "N NAME". Other lines mean nothing to us and stay in the file. */
static void parse_line(struct keywords *keywords, struct slice line, struct letter_table *table)
{
	const char *blank = line.n ? memchr(line.p, ' ', line.n) : NULL;
	struct slice digits = {line.p, blank ? (size_t)(blank - line.p) : 0};
	uint64_t number;

	if (!slice_number(digits, LETTERS - 1, &number))
		return;
	struct slice name = {blank + 1, line.n - digits.n - 1};
	table->system[number] = flags_from_imap(name);
	int id = table->system[number] ? -1 : keywords_intern(keywords, name);
	table->keyword[number] = id >= 0 ? id : LETTER_TAKEN;
}

static void parse(struct keywords *keywords, struct slice text, struct letter_table *table)
{
	*table = empty_table();
	while (text.n > 0) {
		const char *newline = memchr(text.p, '\n', text.n);
		size_t n = newline ? (size_t)(newline - text.p) : text.n;
		bool cr = n > 0 && text.p[n - 1] == '\r';
		parse_line(keywords, (struct slice){text.p, n - cr}, table);
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
static char *read_table(const struct maildir *maildir, size_t *n, struct err *err)
{
	struct err local = {0};
	char *text = fs_read_file(maildir->fd, LETTERS_TABLE, LETTERS_TABLE_MAX, n, &local);

	if (text)
		return text;
	if (local.sys != ENOENT) {
		if (err)
			*err = local;
		return NULL;
	}
	*n = 0;
	return xstrdup("");
}

/* All zero if there is no file. */
static int look_at_table(const struct maildir *maildir, struct stat *out, struct err *err)
{
	*out = (struct stat){0};
	if (fstatat(maildir->fd, LETTERS_TABLE, out, AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT)
		return err_set_errno(err, ERR_DISK, "can't look at %s", LETTERS_TABLE);
	return 0;
}

/* With `changing` held. */
static int load(struct maildir *maildir, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct letter_table table;
	struct stat now;
	size_t n;

	if (look_at_table(maildir, &now, err) != 0)
		return -1;
	if (same_file(&now, &letters->seen))
		return 0;
	char *text = read_table(maildir, &n, err);
	if (!text)
		return -1;
	parse(letters->keywords, (struct slice){text, n}, &table);
	free(text);
	set_table(letters, &table);
	letters->seen =
		now; /* looked at before the reading: a change meanwhile is seen next time */
	return 0;
}

int maildir_letters_load(struct maildir *maildir, struct err *err)
{
	mutex_lock(&maildir->letters->changing);
	int rc = load(maildir, err);
	mutex_unlock(&maildir->letters->changing);
	return rc == 0 ? 0 : err_wrap(err, "%s", maildir->path);
}

/* ---- giving letters ---- */

/*
 * The lock says whose it is, as Dovecot's does: "PID:HOST". So one that a killed program of this
 * host left behind is known at once, and another one when it is old.
 */
#define LOCK_TEXT_MAX 400

static void lock_text(char *out, size_t size)
{
	char host[256] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		host[0] = '\0';
	snprintf(out, size, "%d:%s", (int)getpid(), host);
}

/* Is the program that wrote TEXT gone? Only asked about this host's. */
static bool owner_is_dead(const char *text)
{
	char ours[LOCK_TEXT_MAX];
	long pid = strtol(text, NULL, 10);
	const char *host = strchr(text, ':');

	lock_text(ours, sizeof(ours));
	if (pid <= 0 || pid > INT_MAX || !host || strcmp(host, strchr(ours, ':')) != 0)
		return false;
	return kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

/* A lock that its owner left behind. */
static bool stale(const struct maildir *maildir)
{
	struct stat st;
	size_t n;
	char *text = fs_read_file(maildir->fd, LOCK, LOCK_TEXT_MAX, &n, NULL);
	bool dead = text && owner_is_dead(text);

	free(text);
	return dead || (fstatat(maildir->fd, LOCK, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			       st.st_mtime + LOCK_STALE_S < time(NULL));
}

static int remove_stale(const struct maildir *maildir, struct err *err)
{
	log_warn("%s: taking over the lock %s, which was left behind", maildir->path, LOCK);
	return fs_unlink(maildir->fd, LOCK, err) == 0 || err->sys == ENOENT ? 0 : -1;
}

/* The lock comes into being with its text: a file of another name first, nobody else's, then
 * renamed. */
static int write_lock(const struct maildir *maildir, struct err *err)
{
	static _Atomic unsigned count;
	char text[LOCK_TEXT_MAX], draft[64];
	struct err ignored = {0};

	snprintf(draft, sizeof(draft), "godwit-lock.%d.%u", (int)getpid(),
		atomic_fetch_add(&count, 1));
	int fd = fs_create(maildir->fd_tmp, draft, 0600, err);
	if (fd < 0)
		return -1;
	lock_text(text, sizeof(text));
	int rc = fs_write_all(fd, text, strlen(text), err);
	close(fd);
	if (rc == 0)
		rc = fs_rename_noreplace(maildir->fd_tmp, draft, maildir->fd, LOCK, err);
	if (rc != 0 && fs_unlink(maildir->fd_tmp, draft, &ignored) != 0)
		log_debug(LOG_MAILDIR, "%s: %s stays in tmp/", maildir->path, draft);
	return rc;
}

static int lock(const struct maildir *maildir, struct err *err)
{
	int64_t until = clock_ms() + LOCK_WAIT_MS;

	while (write_lock(maildir, err) != 0) {
		if (err->sys != EEXIST)
			return -1;
		if (stale(maildir)) {
			if (remove_stale(maildir, err) != 0)
				return -1;
			continue;
		}
		if (clock_ms() >= until)
			return err_set(err, ERR_CONFLICT, "another program holds %s", LOCK);
		if (cancel_sleep_ms(50, err) != 0)
			return -1;
	}
	err_clear(err);
	return 0;
}

static struct flags without_letter(const struct letter_table *table, const struct flags *wanted)
{
	struct flags mask = letters_mask(table);
	struct flags missing = flags_minus(wanted, &mask);

	missing.system = 0;
	return missing;
}

static int free_letter(const struct letter_table *table)
{
	for (int i = 0; i < LETTERS; i++)
		if (table->keyword[i] == LETTER_FREE)
			return i;
	return -1;
}

/* Can the table do anything for WANTED? */
static bool can_help(const struct letter_table *table, const struct flags *wanted)
{
	struct flags missing = without_letter(table, wanted);
	return !flags_empty(&missing) && free_letter(table) >= 0;
}

/* Lines for the keywords of WANTED that have no letter, as long as letters are free. */
static void add_lines(struct keywords *keywords, const struct flags *wanted,
	struct letter_table *table, struct buf *text)
{
	struct flags missing = without_letter(table, wanted);
	unsigned count = keywords_count(keywords);
	int letter;

	if (text->len > 0 && text->data[text->len - 1] != '\n')
		buf_add_char(text, '\n');
	for (unsigned id = 0; id < count && (letter = free_letter(table)) >= 0; id++) {
		if (!flags_has_keyword(&missing, id))
			continue;
		buf_addf(text, "%d %s\n", letter, keywords_name(keywords, id));
		table->keyword[letter] = (int)id;
	}
}

/* The table keeps the rights that it has: other users may share the folder. */
static int replace_table(const struct maildir *maildir, const struct buf *text, struct err *err)
{
	struct stat st;

	if (look_at_table(maildir, &st, err) != 0)
		return -1;
	mode_t mode = st.st_ino ? st.st_mode & 0666 : 0600;
	return fs_replace_file(maildir->fd, LETTERS_TABLE, text->data, text->len, mode, err);
}

/* Under the lock. In memory a letter exists only once the file that gives it is durable. */
static int extend(struct maildir *maildir, const struct flags *wanted, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct letter_table table;
	struct buf text = {0};
	size_t n;
	int rc = 0;

	char *old = read_table(maildir, &n, err);
	if (!old)
		return -1;
	parse(letters->keywords, (struct slice){old, n}, &table);
	buf_add(&text, old, n);
	free(old);
	if (can_help(&table, wanted)) {
		add_lines(letters->keywords, wanted, &table, &text);
		rc = replace_table(maildir, &text, err);
	}
	if (rc == 0)
		set_table(letters, &table);
	letters->seen = (struct stat){0}; /* read again next time: cheap, and true */
	buf_fini(&text);
	return rc;
}

static int extend_locked(struct maildir *maildir, const struct flags *wanted, struct err *err)
{
	struct err local = {0};

	int rc = lock(maildir, &local);
	if (rc == 0) {
		rc = extend(maildir, wanted, &local);
		/* The first error is the one to tell. A lock that stays goes stale by itself. */
		if (fs_unlink(maildir->fd, LOCK, rc == 0 ? &local : NULL) != 0)
			rc = -1;
	}
	if (rc != 0 && err)
		*err = local;
	return rc;
}

int maildir_letters_add(
	struct maildir *maildir, const struct flags *wanted, struct flags *left, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct letter_table table;
	int rc = 0;

	letters_get(letters, &table);
	if (can_help(&table, wanted)) {
		mutex_lock(&letters->changing);
		rc = load(maildir, err); /* perhaps somebody gave them their letters meanwhile */
		letters_get(letters, &table);
		if (rc == 0 && can_help(&table, wanted))
			rc = extend_locked(maildir, wanted, err);
		letters_get(letters, &table);
		mutex_unlock(&letters->changing);
	}
	if (left)
		*left = without_letter(&table, wanted);
	return rc == 0 ? 0 : err_wrap(err, "%s", maildir->path);
}

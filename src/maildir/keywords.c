/*
 * Keywords in file names, as Dovecot writes them: a letter a..z, its name in the folder's file
 * dovecot-keywords. A letter that was once given is never changed or given to another keyword:
 * files carry it. New letters are given under Dovecot's own lock, with the table read again, and
 * are durable before the first file name that uses them.
 *
 * The table gets lost: somebody removes all that Dovecot wrote, or a backup leaves it out. Then
 * files carry letters that mean nothing any more. Given to the next keyword, they would put it on
 * every message that has one. So who knows what they meant brings the lines back
 * (maildir_letters_restore()), and a letter that a file carries is not free, whatever the table
 * says.
 *
 * Several threads may work on one folder. What they read is a copy of the table, taken under
 * `reading`; the file is read and written under `changing`, so that an older version never
 * replaces a newer one in memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/thread.h"
#include "maildir/letters.h"

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

static void add_line(
	struct keywords *keywords, int letter, int keyword, uint32_t system, struct buf *text)
{
	const char *name =
		system ? flags_imap_name(system) : keywords_name(keywords, (unsigned)keyword);

	if (text->len > 0 && text->data[text->len - 1] != '\n')
		buf_add_char(text, '\n');
	buf_addf(text, "%d %s\n", letter, name);
}

/* Lines for the keywords of WANTED that have no letter, as long as letters are free. */
static void add_keywords(struct keywords *keywords, const struct flags *wanted,
	struct letter_table *table, struct buf *text)
{
	struct flags missing = without_letter(table, wanted);
	unsigned count = keywords_count(keywords);
	int letter;

	for (unsigned id = 0; id < count && (letter = free_letter(table)) >= 0; id++) {
		if (!flags_has_keyword(&missing, id))
			continue;
		add_line(keywords, letter, (int)id, 0, text);
		table->keyword[letter] = (int)id;
	}
}

/* Lines that WAS had, for letters that are free. TEXT may be NULL. Returns how many. */
static unsigned add_former(struct keywords *keywords, const struct letter_table *was,
	struct letter_table *table, struct buf *text)
{
	unsigned count = 0;

	for (int i = 0; i < LETTERS; i++) {
		bool known = was->keyword[i] >= 0 || was->system[i] != 0;
		if (!known || table->keyword[i] != LETTER_FREE)
			continue;
		if (text)
			add_line(keywords, i, was->keyword[i], was->system[i], text);
		table->keyword[i] = was->keyword[i];
		table->system[i] = was->system[i];
		count++;
	}
	return count;
}

/* Letters that files carry, and that mean nothing, are not free. */
static int take_carried(const struct maildir *maildir, struct letter_table *table, struct err *err)
{
	struct fs_dir dir;
	struct fs_entry entry;
	struct slice base, info, tail;
	int rc = fs_dir_open(&dir, maildir->fd_cur, ".", err);

	if (rc != 0)
		return -1;
	while ((rc = fs_dir_next(&dir, &entry, err)) == 1) {
		maildir_split((struct slice){entry.name, entry.length}, &base, &info);
		struct slice letters = letters_in(info, &tail);
		for (size_t i = 0; i < letters.n; i++) {
			int letter = letters.p[i] - 'a';
			if (letter >= 0 && letter < LETTERS &&
				table->keyword[letter] == LETTER_FREE)
				table->keyword[letter] = LETTER_TAKEN;
		}
	}
	fs_dir_close(&dir);
	return rc;
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

/* What is to be added to a table. */
struct wish {
	const struct flags *wanted;     /* keywords that need a letter; NULL: none */
	const struct letter_table *was; /* letters whose meaning is known; NULL: none */
};

static int grant(struct maildir *maildir, const struct wish *wish, struct letter_table *table,
	struct buf *text, struct err *err)
{
	struct keywords *keywords = maildir->letters->keywords;
	size_t before = text->len;

	if (wish->was)
		add_former(keywords, wish->was, table, text);
	if (wish->wanted && can_help(table, wish->wanted)) {
		if (take_carried(maildir, table, err) != 0)
			return -1;
		add_keywords(keywords, wish->wanted, table, text);
	}
	return text->len > before ? replace_table(maildir, text, err) : 0;
}

/* Under the lock. In memory a letter exists only once the file that gives it is durable. */
static int extend(struct maildir *maildir, const struct wish *wish, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct letter_table table;
	struct buf text = {0};
	size_t n;

	char *old = read_table(maildir, &n, err);
	if (!old)
		return -1;
	parse(letters->keywords, (struct slice){old, n}, &table);
	buf_add(&text, old, n);
	free(old);
	int rc = grant(maildir, wish, &table, &text, err);
	if (rc == 0)
		set_table(letters, &table);
	letters->seen = (struct stat){0}; /* read again next time: cheap, and true */
	buf_fini(&text);
	return rc;
}

static int extend_locked(struct maildir *maildir, const struct wish *wish, struct err *err)
{
	struct err local = {0};

	int rc = dotlock_take(maildir, &local);
	if (rc == 0) {
		rc = extend(maildir, wish, &local);
		/* The first error is the one to tell. */
		if (dotlock_release(maildir, rc == 0 ? &local : NULL) != 0)
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
			rc = extend_locked(maildir, &(struct wish){.wanted = wanted}, err);
		letters_get(letters, &table);
		mutex_unlock(&letters->changing);
	}
	if (left)
		*left = without_letter(&table, wanted);
	return rc == 0 ? 0 : err_wrap(err, "%s", maildir->path);
}

void maildir_letters_text(const struct maildir *maildir, struct buf *out)
{
	struct letter_table table, none = empty_table();

	letters_get(maildir->letters, &table);
	add_former(maildir->letters->keywords, &table, &none, out);
}

int maildir_letters_restore(struct maildir *maildir, struct slice text, bool write, struct err *err)
{
	struct maildir_letters *letters = maildir->letters;
	struct letter_table was, table;
	int rc = 0;

	parse(letters->keywords, text, &was);
	mutex_lock(&letters->changing);
	letters_get(letters, &table);
	unsigned count = add_former(letters->keywords, &was, &table, NULL);
	if (count > 0)
		log_warn("%s: %s had lost lines that say what letters mean: %u come%s back",
			maildir->path, LETTERS_TABLE, count, count == 1 ? "s" : "");
	if (count > 0 && write)
		rc = extend_locked(maildir, &(struct wish){.was = &was}, err);
	else if (count > 0)
		set_table(letters, &table);
	mutex_unlock(&letters->changing);
	return rc == 0 ? 0 : err_wrap(err, "%s", maildir->path);
}

bool maildir_shows_all(const struct maildir *maildir, struct slice info)
{
	struct letter_table table;
	struct slice tail, letters = letters_in(info, &tail);

	letters_get(maildir->letters, &table);
	if (free_letter(&table) < 0)
		return false;
	for (size_t i = 0; i < letters.n; i++) {
		int letter = letters.p[i] - 'a';
		if (letter >= 0 && letter < LETTERS && table.keyword[letter] < 0 &&
			table.system[letter] == 0)
			return false;
	}
	return true;
}

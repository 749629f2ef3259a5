/*
 * A tree of Maildirs: the root and its marker, folders, file names, scanning, delivery, reading for
 * upload, keyword letters. Knows no IMAP. All work is relative to directory descriptors below the
 * root; symlinks are never followed (the root itself may be one).
 */
#ifndef MAILDIR_MAILDIR_H
#define MAILDIR_MAILDIR_H

#include "base/arena.h"
#include "base/fs.h"
#include "model/digest.h"
#include "model/keywords.h"

enum maildir_layout { MAILDIR_NESTED, MAILDIR_PLUSPLUS };

/* ---- the root ---- */

struct maildir_root {
	int fd; /* owned; O_DIRECTORY */
	enum maildir_layout layout;
	dev_t device;     /* of the root: a folder on another device is a mount that came or went */
	bool inodes_last; /* a folder can be told from another one that took its place */
	const char *path; /* for messages; borrowed */
};

/* CREATE: make it (and parents) if it is missing. Without: ENOENT in err->sys. */
int maildir_root_open(struct maildir_root *root, const char *path, enum maildir_layout layout,
	bool create, struct err *err) MUST_USE;
void maildir_root_close(struct maildir_root *root);

/* The marker file ".godwit" in the root: one line an account, "ID PASS". So that a missing or
 * unmounted root is never taken for deletions. */
struct maildir_marker {
	uint64_t pass; /* number of the last pass that changed anything */
};
/* 1: found, 0: there is no marker file or no line of this account, -1: unreadable. *OTHERS (may be
 * NULL): lines of other accounts. */
int maildir_marker_read(const struct maildir_root *root, const char *account_id,
	struct maildir_marker *out, unsigned *others, struct err *err) MUST_USE;
/* Write this account's line, keep the others. Durable on return. */
int maildir_marker_write(const struct maildir_root *root, const char *account_id,
	const struct maildir_marker *marker, struct err *err) MUST_USE;

/* ---- names and folders (layout.c) ---- */

/*
 * The folder of a canonical mailbox name (model/name.h) relative to the root, appended to OUT:
 * nested "A/B", maildir++ ".A.B" (INBOX: "."). Escapes what can't stand there, so that the result
 * never leaves the root and never names cur, new, tmp or a hidden file. false: a level is longer
 * than 255 bytes, or the path than 4000.
 */
bool maildir_path(enum maildir_layout layout, struct slice canonical, struct buf *out) MUST_USE;
/* The canonical name of a folder path. false: not a path that maildir_path() or maildir_fit()
 * makes.
 */
bool maildir_name(enum maildir_layout layout, struct slice path, struct buf *out) MUST_USE;
/*
 * The path for a folder that is about to be made: as maildir_path(), but a level that the file
 * system takes for something else that stands there is spelled another way (fit.c). 1, 0: the
 * name is too long, -1.
 */
int maildir_fit(const struct maildir_root *root, struct slice canonical, struct buf *out,
	struct err *err) MUST_USE;
/* Is PATH the folder of the canonical NAME, however spelled? */
bool maildir_stands_for(enum maildir_layout layout, struct slice path, struct slice name) MUST_USE;

struct maildir_folder {
	const char *path; /* relative to the root */
	const char *name; /* canonical */
	dev_t device;
	ino_t inode;
};
struct maildir_folders {
	struct maildir_folder *items; /* arena; sorted by name */
	size_t count;
};
/*
 * Every folder below the root that has cur/ and new/. Directories without them are walked (nested)
 * but no mailboxes. At most 100,000 folders and 64 levels. Other devices are not entered, nor what
 * we may not read (it is named): who takes what is not listed for gone asks maildir_is_gone().
 */
int maildir_folders(const struct maildir_root *root, struct arena *arena,
	struct maildir_folders *out, struct err *err) MUST_USE;

/* ---- one folder ---- */

struct maildir {
	int fd, fd_new, fd_cur, fd_tmp;  /* owned */
	char *path;                      /* relative to the root; owned */
	struct maildir_letters *letters; /* owned; see below */
	_Atomic unsigned references;
};

/* Make the folder with cur, new and tmp (parents too). Existing parts are kept. Not durable:
 * fs_sync_path(). */
int maildir_create(const struct maildir_root *root, const char *path, struct err *err) MUST_USE;
/* 0, or -1: one of its parts can't be written to. */
int maildir_check_writable(const struct maildir *maildir, struct err *err) MUST_USE;
/* Does nothing stand in the place of this folder? Not if it can't be read, or is on another device,
 * or a part of it is left. */
bool maildir_is_gone(const struct maildir_root *root, const char *path);
/* Is PATH a Maildir, whole but perhaps for its tmp/? */
bool maildir_exists(const struct maildir_root *root, const char *path);
/* Remove a folder without messages, keyword table and Dovecot's other files included; folders below
 * it and files of other programs stay. 1: done, durable; 0: a message is in it, or something in
 * tmp/: left as it is. */
int maildir_remove_folder(
	const struct maildir_root *root, const char *path, struct err *err) MUST_USE;
/* Open a folder (ENOENT in err->sys); tmp/ is made if missing. One reference; thread-safe counting.
 * KEYWORDS is borrowed. */
int maildir_open(struct maildir **out, const struct maildir_root *root, const char *path,
	struct keywords *keywords, struct err *err) MUST_USE;
struct maildir *maildir_ref(struct maildir *maildir);
void maildir_unref(struct maildir *maildir); /* NULL is allowed */
/* How many are open in this process; each takes four descriptors. */
unsigned maildir_open_count(void);

/*
 * Which directory cur/ is: its inode, and when it was made, in ns (0: the file system does not
 * say), as the inode of a directory that was removed is often the very next one to be given out.
 * Not its device: that changes from boot to boot. INODE 0: unknown, as on file systems that number
 * anew at every mount.
 */
struct maildir_identity {
	uint64_t inode;
	int64_t born;
};
int maildir_identity(const struct maildir_root *root, const struct maildir *maildir,
	struct maildir_identity *out, struct err *err) MUST_USE;
/* Both are known, and are two directories. */
bool maildir_identity_differs(const struct maildir_identity *a, const struct maildir_identity *b);

/* mtime and ctime in ns of cur/ and new/. */
struct maildir_times {
	int64_t new_mtime, new_ctime, cur_mtime, cur_ctime;
};
int maildir_times(
	const struct maildir *maildir, struct maildir_times *out, struct err *err) MUST_USE;
bool maildir_times_equal(const struct maildir_times *a, const struct maildir_times *b);
/* Old enough to be trusted as proof of "unchanged": none lies in the future or within 2 s before
 * NOW_NS. */
bool maildir_times_settled(const struct maildir_times *times, int64_t now_ns);

/* ---- file names (filename.c); pure ---- */

/* "BASE:2,FLAGS": base without info; INFO = what follows the ':' ("2,FS"), empty if none. */
void maildir_split(struct slice filename, struct slice *base, struct slice *info);
/* Fresh BASE: "SECONDS.M<usec>P<pid>Q<count>.HOST", rising in byte order within a process, unique
 * across threads and processes. */
#define MAILDIR_BASE_SIZE 128
void maildir_fresh_base(char out[MAILDIR_BASE_SIZE]);
/* Flags that a file shows: of system letters and keyword letters in INFO ("2,FSab"). Mostly there
 * is none in new/, but mutt leaves a message there that was flagged, not read. */
struct flags maildir_flags(const struct maildir *maildir, struct slice info);
/* What letters can show in this folder now: all system flags and the keywords that have a letter.
 */
struct flags maildir_mask(const struct maildir *maildir);
/*
 * The path "cur/BASE:2,LETTERS" or "new/BASE" of a message with these flags. Keywords without a
 * letter are left out. PRESENT_INFO (may be empty): letters there that mean nothing to us are kept.
 * IN_NEW: only if there are no flags at all. Returns the length, 0 if OUT is too small.
 */
size_t maildir_filename(const struct maildir *maildir, struct slice base, bool in_new,
	struct slice present_info, const struct flags *flags, char *out, size_t size);

/* ---- keyword letters: the file dovecot-keywords (keywords.c) ---- */

/* Read the table again if the file changed. */
int maildir_letters_load(struct maildir *maildir, struct err *err) MUST_USE;
/*
 * Give letters to the keywords in WANTED that have none, as long as there are free ones: under
 * dovecot-uidlist.lock with the table read again; existing lines are never changed; the new table
 * is durable on return. *LEFT (may be NULL): keywords that got none.
 */
int maildir_letters_add(struct maildir *maildir, const struct flags *wanted, struct flags *left,
	struct err *err) MUST_USE;
/* What the letters mean now, to OUT, one "N NAME" a line. Any thread. */
void maildir_letters_text(const struct maildir *maildir, struct buf *out);
/*
 * What letters meant by TEXT, as maildir_letters_text() told it: those that mean nothing now, as
 * somebody removed the table or a line of it, mean the same again. WRITE: in the table, too, as
 * maildir_letters_add() does; else only here.
 */
int maildir_letters_restore(
	struct maildir *maildir, struct slice text, bool write, struct err *err) MUST_USE;
/* Does a name with INFO show every keyword that its message has? Not where letters have run out, or
 * INFO has some that mean nothing. */
bool maildir_shows_all(const struct maildir *maildir, struct slice info);

/* ---- scanning (scan.c) ---- */

struct maildir_file {
	bool in_new;
	struct slice name; /* in its directory; valid until the next call */
	struct slice base;
	struct slice info;
	uint64_t inode;
};
/*
 * new/ is read before cur/, each to its end. Names that begin with '.' and what is no regular file
 * are skipped. At the end *STABLE tells whether the times of both directories were the same after
 * as before (I3): only then does absence mean anything; else scan again. It also tells whether the
 * letters of keywords meant the same: they are read at the beginning, and once more at the end.
 * Where the last change is so young that the next one might get the same times, beginning waits
 * (milliseconds; up to 2 s on file systems that stamp whole seconds).
 *
 * maildir_scan_begin(); while ((rc = maildir_scan_next()) == 1) ...; maildir_scan_end();
 */
struct maildir_scan {
	struct maildir *maildir; /* borrowed */
	struct fs_dir dir;
	int phase;                   /* 0: new/, 1: cur/, 2: done */
	bool restless;               /* the times never stood still: not stable */
	unsigned letters;            /* version of the table at the beginning */
	struct maildir_times before; /* read before the first opendir; what the watermark may be */
};
int maildir_scan_begin(
	struct maildir_scan *scan, struct maildir *maildir, struct err *err) MUST_USE;
int maildir_scan_next(struct maildir_scan *scan, struct maildir_file *out,
	struct err *err) MUST_USE; /* 1, 0, -1 */
/* Closes; also early, and after a failure. RC is what the last maildir_scan_next() or the caller's
 * own work with a name said: if that is less than 0, ERR stays what it is and -1 comes back. */
int maildir_scan_end(struct maildir_scan *scan, int rc, bool *stable, struct err *err) MUST_USE;

/* ---- delivery (deliver.c) ---- */

/*
 * A message on its way into tmp/: wire form in (CRLF), local form on disk (every CRLF becomes LF; a
 * bare CR or LF stays). Bytes are gathered in one 64 KiB buffer and digested as they pass.
 */
struct maildir_delivery;
struct maildir_delivery *maildir_delivery_new(
	void); /* re-used from message to message by one thread */
void maildir_delivery_free(struct maildir_delivery *delivery); /* aborts what is open */
int maildir_delivery_begin(struct maildir_delivery *delivery, struct maildir *maildir,
	const char *base, struct err *err) MUST_USE;
int maildir_delivery_write(
	struct maildir_delivery *delivery, const void *data, size_t n, struct err *err) MUST_USE;
struct maildir_delivered {
	uint64_t wire_size, local_size;
	struct digest header, content;
};
/* The file is complete in tmp/ (not durable), its mtime is DATE. */
int maildir_delivery_end(struct maildir_delivery *delivery, int64_t date,
	struct maildir_delivered *out, struct err *err) MUST_USE;
void maildir_delivery_abort(
	struct maildir_delivery *delivery); /* removes the file in tmp/, complete or not */
/* The complete file in tmp/ is somebody else's business from here on: abort and begin leave it
 * alone. */
void maildir_delivery_hand_over(struct maildir_delivery *delivery);
/* tmp/BASE -> PATH ("new/..." or "cur/..."), never replacing. EEXIST in err->sys: take a fresh
 * base. Not durable. */
int maildir_publish(
	struct maildir *maildir, const char *base, const char *path, struct err *err) MUST_USE;
/*
 * Rename PATH to TO_PATH, its BASE stays (flags changed). ENOENT in err->sys: a reader renamed or
 * removed it; find it with maildir_find(). A rename that was cut in half is finished.
 */
int maildir_rename(
	struct maildir *maildir, const char *path, const char *to_path, struct err *err) MUST_USE;
/* The same to a BASE of maildir_fresh_base(), which nobody else has: in one step on every file
 * system, so that no second name of the file is left by whoever is killed. */
int maildir_rename_fresh(
	struct maildir *maildir, const char *path, const char *to_path, struct err *err) MUST_USE;
/* To another folder, in one step. EEXIST in err->sys: somebody has the name, or the file system
 * can't tell in the same step: take a fresh BASE, and maildir_move_fresh(). */
int maildir_move(struct maildir *from, const char *path, struct maildir *to, const char *to_path,
	struct err *err) MUST_USE;
int maildir_move_fresh(struct maildir *from, const char *path, struct maildir *to,
	const char *to_path, struct err *err) MUST_USE; /* as maildir_rename_fresh() */
int maildir_remove(struct maildir *maildir, const char *path,
	struct err *err) MUST_USE; /* ENOENT in err->sys */
/*
 * Whole reads of both directories, at most 5, until BASE is found or a stable view lacks it: its
 * present path into OUT (SIZE >= MAILDIR_FILE_SIZE; BASE may not lie in it). 1 found, 0 not there,
 * -1 (ERR_CONFLICT: the folder never stood still).
 */
#define MAILDIR_FILE_SIZE 264 /* "new/" or "cur/", a file name, NUL */
int maildir_find(struct maildir *maildir, struct slice base, char *out, size_t size,
	struct err *err) MUST_USE;

/* ---- one file under two names (linked.c) ---- */

/*
 * A rename by link and unlink that was cut in half left PATH and TO, both with one BASE: finish it,
 * as soon as the file stood still for ten seconds. 1: PATH is gone, 0: they are two files, or one
 * is gone already; -1 (ERR_CONFLICT: somebody is at it).
 */
int maildir_finish_rename(
	struct maildir *maildir, const char *path, const char *to, struct err *err) MUST_USE;
/* PATH is a second name of the file KEPT: take it away if the file stood still for ten seconds. 1,
 * 0: left as it is, -1. */
int maildir_drop_name(
	struct maildir *maildir, const char *path, const char *kept, struct err *err) MUST_USE;
/* Another name with the BASE of PATH, of the same file, into OUT (SIZE >= MAILDIR_FILE_SIZE). 1: it
 * has one, 0, -1. Costs a call, unless the file has several names. */
int maildir_other_name(struct maildir *maildir, const char *path, char *out, size_t size,
	struct err *err) MUST_USE;
/* Tests: instead of ten seconds. */
void maildir_set_still_ms(unsigned ms);

/* Remove from tmp/ what processes of ours that were killed left there (sweep.c). Not while somebody
 * may still want it: after the arrivals of former passes were dealt with. */
int maildir_sweep(struct maildir *maildir, struct err *err) MUST_USE;

/* ---- reading for upload (reader.c) ---- */

/*
 * A message file in wire form: LF becomes CRLF; a file whose every line ends in CRLF already goes
 * as it is. Opening reads it once (sizes, digests), reading streams it in pieces; memory is
 * bounded. If the file changed between the two, reading fails with ERR_CONFLICT.
 */
struct maildir_reader;
struct maildir_facts {
	uint64_t wire_size, local_size;
	int64_t date; /* mtime in seconds, rounded down */
	struct digest header, content;
};
/* The file PATH as it lies there: its bytes, and when it was changed last, in ns. ENOENT in
 * err->sys. */
int maildir_file_stat(const struct maildir *maildir, const char *path, uint64_t *size,
	int64_t *stamp, struct err *err) MUST_USE;
int maildir_reader_open(struct maildir_reader **out, struct maildir *maildir, const char *path,
	struct maildir_facts *facts, struct err *err) MUST_USE;
int maildir_reader_next(struct maildir_reader *reader, struct slice *data,
	struct err *err) MUST_USE; /* 1, 0 at the end, -1 */
/* Between opening and reading: give descriptor and memory back, and take them again. Waking fails
 * with ERR_CONFLICT, or ENOENT in err->sys, if the same file, unchanged, is not there any more. */
void maildir_reader_rest(struct maildir_reader **reader);
int maildir_reader_wake(struct maildir_reader **reader, struct maildir *maildir, const char *path,
	struct err *err) MUST_USE;
void maildir_reader_close(struct maildir_reader *reader); /* NULL is allowed */

#endif

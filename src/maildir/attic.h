/*
 * The attic: what a pass deletes here is moved there, not destroyed, and can come back. One folder
 * per pass, in it the same tree as below the Maildir root: "ATTIC/000000000012/A/B/cur/NAME". It
 * lies on the Maildir's file system, so that moving is one rename: in the account's state directory
 * if that is on the same one, else beside the Maildir root, else within it, where no mail reader
 * takes it for a mailbox. Each folder keeps a copy of its keyword table: letters mean in it what
 * they meant.
 */
#ifndef MAILDIR_ATTIC_H
#define MAILDIR_ATTIC_H

#include "maildir/maildir.h"

struct attic {
	int fd; /* owned; -1: there is none */
};

/*
 * The attic of ACCOUNT. CREATE: make it; -1 if no place will do (then nothing may be deleted).
 * Without: fd -1 if there is none.
 */
int attic_open(struct attic *attic, const struct maildir_root *root, const char *state_dir,
	const char *account, bool create, struct err *err) MUST_USE;
void attic_close(struct attic *attic);

/* Where one pass puts what it deletes from one folder: made with the first message, and open while
 * more come. One thread. */
struct attic_shelf {
	const struct attic *attic; /* borrowed, as is MAILDIR */
	const struct maildir *maildir;
	uint64_t pass;
	int fd_new, fd_cur; /* owned; -1: not opened yet */
	/* The keyword table of which there is a copy; 0: none yet. */
	uint64_t letters_inode;
	int64_t letters_ctime;
};

void attic_shelf_init(struct attic_shelf *shelf, const struct attic *attic, uint64_t pass,
	const struct maildir *maildir);
void attic_shelf_fini(struct attic_shelf *shelf);
/* Move the message file PATH ("cur/x:2,S") of the folder there. ENOENT in err->sys: it is not there
 * (any more). Not durable. */
int attic_keep(struct attic_shelf *shelf, const char *path, struct err *err) MUST_USE;

struct attic_item {
	uint64_t pass;
	int64_t when;       /* seconds since 1970 of the pass's last deletion */
	const char *folder; /* path below the Maildir root */
	const char *path;   /* "cur/x:2,S" */
	uint64_t size;      /* bytes of the file */
};
struct attic_items {
	struct attic_item *items; /* arena; by pass, then folder, then path */
	size_t count;
};
int attic_list(const struct attic *attic, struct arena *arena, struct attic_items *out,
	struct err *err) MUST_USE;
/* Did pass PASS move anything there? Also if it is back already. */
bool attic_has(const struct attic *attic, uint64_t pass);
/* The last pass that did; 0: none. */
int attic_last(const struct attic *attic, uint64_t *pass, struct err *err) MUST_USE;
/* Before the first item of a folder is moved back: make the folder if it is missing, durably. */
int attic_prepare(const struct attic *attic, const struct maildir_root *root,
	const struct attic_item *item, struct err *err) MUST_USE;
/* Move an item back to its folder, under the letters that its keywords have there now. A name that
 * is taken meanwhile gets a fresh BASE. Not durable. */
int attic_restore(const struct attic *attic, const struct maildir_root *root,
	struct keywords *keywords, const struct attic_item *item, struct err *err) MUST_USE;
/* Destroy what passes before BEFORE (seconds since 1970) put there. */
int attic_expire(const struct attic *attic, int64_t before, struct err *err) MUST_USE;
/* A tenth of the file system, in bytes: what is kept takes no more. */
int attic_limit(const struct attic *attic, uint64_t *bytes, struct err *err) MUST_USE;
/* Destroy the oldest passes until the others take MOST bytes or less; the last one stays, whatever
 * its size. *COUNT: messages that went. */
int attic_shrink(
	const struct attic *attic, uint64_t most, uint64_t *count, struct err *err) MUST_USE;

#endif

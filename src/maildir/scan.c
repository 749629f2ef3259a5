/*
 * new/ before cur/: readers move files from new/ to cur/, so a file that is moved between the two
 * reads is seen twice rather than not at all. A rename within cur/ during the read can hide a file
 * altogether; then the directory's times have changed, and the scan says that it was not stable.
 */
#include <dirent.h>
#include <string.h>

#include "maildir/maildir.h"

int maildir_scan_begin(struct maildir_scan *scan, struct maildir *maildir, struct err *err)
{
	*scan = (struct maildir_scan){.maildir = maildir, .dir = {.fd = -1}};
	if (maildir_times(maildir, &scan->before, err) != 0)
		return -1;
	return fs_dir_open(&scan->dir, maildir->fd, "new", err);
}

/* cur/ after new/. 1: there is more, 0: the end, -1. */
static int next_directory(struct maildir_scan *scan, struct err *err)
{
	fs_dir_close(&scan->dir);
	if (++scan->phase > 1)
		return 0;
	return fs_dir_open(&scan->dir, scan->maildir->fd, "cur", err) == 0 ? 1 : -1;
}

static bool is_message(const struct fs_entry *entry)
{
	return entry->name[0] != '.' && entry->name[0] != ':' &&
	       (entry->type == DT_REG || entry->type == DT_UNKNOWN);
}

int maildir_scan_next(struct maildir_scan *scan, struct maildir_file *out, struct err *err)
{
	struct fs_entry entry;

	while (scan->phase < 2) {
		int rc = fs_dir_next(&scan->dir, &entry, err);
		if (rc == 0)
			rc = next_directory(scan, err);
		else if (rc == 1 && is_message(&entry)) {
			out->in_new = scan->phase == 0;
			out->name = (struct slice){entry.name, entry.length};
			out->inode = entry.inode;
			maildir_split(out->name, &out->base, &out->info);
			return 1;
		}
		if (rc < 0)
			return err_wrap(err, "%s", scan->maildir->path);
	}
	return 0;
}

int maildir_scan_end(struct maildir_scan *scan, bool *stable, struct err *err)
{
	struct maildir_times after;
	bool complete = scan->phase == 2;

	fs_dir_close(&scan->dir);
	*stable = false;
	if (maildir_times(scan->maildir, &after, err) != 0)
		return -1;
	*stable = complete && maildir_times_equal(&scan->before, &after);
	return 0;
}

#define SCANS 5

/* 1: found, 0: not seen, -1. *STABLE as of the scan. */
static int find_once(struct maildir *maildir, struct slice base, char *out, size_t size,
	bool *stable, struct err *err)
{
	struct maildir_scan scan;
	struct maildir_file file;
	struct err end_err = {0};
	int rc, found = 0;

	if (maildir_scan_begin(&scan, maildir, err) != 0)
		return -1;
	while ((rc = maildir_scan_next(&scan, &file, err)) == 1) {
		if (!slice_eq(file.base, base) || file.name.n + 5 > size)
			continue;
		memcpy(out, file.in_new ? "new/" : "cur/", 4);
		memcpy(out + 4, file.name.p, file.name.n);
		out[4 + file.name.n] = '\0';
		found = 1;
	}
	if (maildir_scan_end(&scan, stable, &end_err) != 0 && rc == 0) {
		*err = end_err;
		return -1;
	}
	return rc < 0 ? -1 : found;
}

int maildir_find(
	struct maildir *maildir, struct slice base, char *out, size_t size, struct err *err)
{
	for (int i = 0; i < SCANS; i++) {
		bool stable;
		int rc = find_once(maildir, base, out, size, &stable, err);
		if (rc != 0 || stable)
			return rc;
	}
	return err_set(
		err, ERR_CONFLICT, "%s: another program keeps changing the folder", maildir->path);
}

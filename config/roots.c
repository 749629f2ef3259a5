/*
 * No account may find another's mail in its own Maildir: it would send it to its server, and what
 * is deleted there would be deleted here. Paths are compared as they are written, without the disk;
 * a root that is reached by a symlink is caught by its marker file (sync/open.c).
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "config/reading.h"
#include "model/pattern.h"

/* The next level of *PATH, which goes on behind it; "//" and "/./" are no levels. Empty at the end.
 */
static struct slice next_level(const char **path)
{
	struct slice level;

	do {
		*path += strspn(*path, "/");
		level = (struct slice){*path, strcspn(*path, "/")};
		*path += level.n;
	} while (slice_eq_str(level, "."));
	return level;
}

/* The levels of PATH below ROOT, joined, into OUT; none if they are the same. false: it is not
 * below. */
static bool levels_below(const char *root, const char *path, struct buf *out)
{
	struct slice above, level;

	while ((above = next_level(&root)).n > 0)
		if (!slice_eq(above, next_level(&path)))
			return false;
	while ((level = next_level(&path)).n > 0) {
		if (out->len > 0)
			buf_add_char(out, '/');
		buf_add_slice(out, level);
	}
	return true;
}

/* Would OUTER take a mailbox of INNER, whose root is LEVELS below its own, for one of its own? */
static bool takes_mail(const struct config_account *outer, const struct config_account *inner,
	const struct buf *levels)
{
	static const char *const within[] = {"INBOX", "x"}; /* and any other */
	struct buf name = {0};
	bool takes = false;

	if (outer->layout ==
		CONFIG_LAYOUT_MAILDIRPP) /* ROOT/.A is one, ROOT/A/B and ROOT/.A/B not */
		return levels->data[0] == '.' && !strchr(levels->data, '/') &&
		       inner->layout == CONFIG_LAYOUT_MAILDIRPP &&
		       pattern_selects(outer->mailboxes.items, outer->mailboxes.count,
			       slice_str(levels->data + 1));
	if (levels->data[0] == '.' || strstr(levels->data, "/."))
		return false;
	if (inner->layout == CONFIG_LAYOUT_MAILDIRPP)
		return pattern_selects(
			outer->mailboxes.items, outer->mailboxes.count, buf_slice(levels));
	for (size_t i = 0; !takes && i < COUNT_OF(within); i++) {
		buf_clear(&name);
		buf_addf(&name, "%s/%s", levels->data, within[i]);
		takes = pattern_selects(
			outer->mailboxes.items, outer->mailboxes.count, buf_slice(&name));
	}
	buf_fini(&name);
	return takes;
}

static int check_pair(struct reading *r, const struct config_account *outer,
	const struct config_account *inner, const struct config_account *later)
{
	struct buf levels = {0};
	int rc = 0;

	if (!levels_below(outer->path, inner->path, &levels))
		rc = 0;
	else if (levels.len == 0)
		rc = reading_fail(r, later->place.line, later->place.column,
			"account '%s' has the same local.path as '%s'; each needs one of its own",
			later->name, later == inner ? outer->name : inner->name);
	else if (takes_mail(outer, inner, &levels))
		rc = reading_fail(r, later->place.line, later->place.column,
			"the local.path of account '%s' lies within that of '%s', which would take "
			"its mail; give it another, or mailboxes: [\"*\", \"!%s\", \"!%s/*\"] to "
			"'%s'",
			inner->name, outer->name, levels.data, levels.data, outer->name);
	buf_fini(&levels);
	return rc;
}

int reading_roots(struct reading *r, const struct config *config)
{
	for (size_t i = 0; i < config->count; i++) {
		const struct config_account *later = &config->accounts[i];

		for (size_t j = 0; j < i; j++) {
			const struct config_account *other = &config->accounts[j];

			if (check_pair(r, other, later, later) != 0 ||
				check_pair(r, later, other, later) != 0)
				return -1;
		}
	}
	return 0;
}

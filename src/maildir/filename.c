/*
 * Names of message files: "BASE:2,LETTERS" in cur/, "BASE" in new/. Pure but for fresh names, which
 * need a clock and a counter.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "maildir/letters.h"

void maildir_split(struct slice filename, struct slice *base, struct slice *info)
{
	const char *colon = filename.n ? memchr(filename.p, ':', filename.n) : NULL;
	size_t n = colon ? (size_t)(colon - filename.p) : filename.n;

	*base = (struct slice){filename.p, n};
	*info = colon ? (struct slice){colon + 1, filename.n - n - 1} : (struct slice){0};
}

/* The host's name with the two characters that can't stand in a base written as the Maildir text
 * says. */
static void host_part(char *out, size_t size)
{
	char host[65] = "";
	size_t used = 0;

	if (gethostname(host, sizeof(host) - 1) != 0)
		snprintf(host, sizeof(host), "localhost");
	for (const char *p = host; *p && used + 5 < size; p++) {
		if (*p == '/' || *p == ':')
			used += (size_t)snprintf(
				out + used, size - used, *p == '/' ? "\\057" : "\\072");
		else if ((unsigned char)*p > 0x20 && (unsigned char)*p < 0x7f)
			out[used++] = *p;
	}
	out[used] = '\0';
}

void maildir_fresh_base(char out[MAILDIR_BASE_SIZE])
{
	static _Atomic unsigned count;
	struct timespec now;
	char host[48];

	clock_gettime(CLOCK_REALTIME, &now);
	host_part(host, sizeof(host));
	snprintf(out, MAILDIR_BASE_SIZE, "%010lld.M%06ldP%dQ%08u.%s", (long long)now.tv_sec,
		now.tv_nsec / 1000, (int)getpid(), atomic_fetch_add(&count, 1), host);
}

/* The letters in INFO: what follows "2,". */
static struct slice letters_of(struct slice info)
{
	if (info.n < 2 || info.p[0] != '2' || info.p[1] != ',')
		return (struct slice){0};
	return (struct slice){info.p + 2, info.n - 2};
}

struct flags maildir_flags(const struct maildir *maildir, bool in_new, struct slice info)
{
	struct flags flags = {0};

	if (in_new)
		return flags;
	struct slice letters = letters_of(info);
	flags.system = flags_from_letters(letters);
	for (size_t i = 0; i < letters.n; i++) {
		int keyword = letters_keyword(maildir->letters, letters.p[i]);
		if (keyword >= 0)
			flags_add_keyword(&flags, (unsigned)keyword);
	}
	return flags;
}

struct flags maildir_mask(const struct maildir *maildir)
{
	struct flags mask = letters_mask(maildir->letters);
	mask.system = FLAG_ALL;
	return mask;
}

/* Letters of PRESENT that are neither ours nor a keyword's: another program's, kept as they are. */
static bool foreign(const struct maildir *maildir, char letter)
{
	struct slice one = {&letter, 1};
	return flags_from_letters(one) == 0 && letters_keyword(maildir->letters, letter) < 0 &&
	       letter != '/' && letter != '\0';
}

static size_t sorted_letters(const struct maildir *maildir, struct slice present,
	const struct flags *flags, bool set[256])
{
	char system[7];
	size_t n = flags_letters(flags->system, system);

	memset(set, 0, 256);
	for (size_t i = 0; i < n; i++)
		set[(unsigned char)system[i]] = true;
	for (int i = 0; i < LETTERS; i++) {
		int keyword = letters_keyword(maildir->letters, (char)('a' + i));
		if (keyword >= 0 && flags_has_keyword(flags, (unsigned)keyword))
			set['a' + i] = true;
	}
	struct slice there = letters_of(present);
	for (size_t i = 0; i < there.n; i++)
		if (foreign(maildir, there.p[i]))
			set[(unsigned char)there.p[i]] = true;
	n = 0;
	for (size_t i = 0; i < 256; i++)
		n += set[i];
	return n;
}

size_t maildir_filename(const struct maildir *maildir, struct slice base, bool in_new,
	struct slice present, const struct flags *flags, char *out, size_t size)
{
	bool set[256];

	if (in_new) {
		int n = snprintf(out, size, "new/%.*s", SLICE_ARG(base));
		return n < 0 || (size_t)n >= size || base.n > 255 ? 0 : (size_t)n;
	}
	size_t letters = sorted_letters(maildir, present, flags, set);
	if (base.n + 3 + letters > 255)
		return 0;
	int n = snprintf(out, size, "cur/%.*s:2,", SLICE_ARG(base));
	if (n < 0 || (size_t)n + letters >= size)
		return 0;
	size_t used = (size_t)n;
	for (size_t i = 0; i < 256; i++)
		if (set[i])
			out[used++] = (char)i;
	out[used] = '\0';
	return used;
}

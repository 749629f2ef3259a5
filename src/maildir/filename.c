/*
 * Names of message files: "BASE:2,LETTERS" in cur/, "BASE" in new/. Pure but for fresh names, which
 * need a clock and a counter.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "maildir/letters.h"

#define NAME_MOST 255

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

/* Microseconds since 1970, rising strictly within the process even when the clock is set back. */
static int64_t rising_us(void)
{
	static _Atomic int64_t last;
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	int64_t us = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
	int64_t before = atomic_load(&last), next;
	do
		next = us > before ? us : before + 1;
	while (!atomic_compare_exchange_weak(&last, &before, next));
	return next;
}

/* "P1234Q" and ".host" of this process: asked once. */
static struct {
	char process[24], host[48];
} own;
static pthread_once_t own_once = PTHREAD_ONCE_INIT;

static void own_init(void)
{
	snprintf(own.process, sizeof(own.process), "P%dQ", (int)getpid());
	own.host[0] = '.';
	host_part(own.host + 1, sizeof(own.host) - 1);
}

void maildir_fresh_base(char out[MAILDIR_BASE_SIZE])
{
	static _Atomic unsigned count;
	int64_t us = rising_us();

	pthread_once(&own_once, own_init);
	snprintf(out, MAILDIR_BASE_SIZE, "%010lld.M%06d%s%08u%s", (long long)(us / 1000000),
		(int)(us % 1000000), own.process, atomic_fetch_add(&count, 1), own.host);
}

struct flags maildir_flags(const struct maildir *maildir, struct slice info)
{
	struct flags flags = {0};
	struct letter_table table;
	struct slice tail;
	bool have_table = false;

	struct slice letters = letters_in(info, &tail);
	flags.system = flags_from_letters(letters);
	for (size_t i = 0; i < letters.n; i++) {
		if (letters.p[i] < 'a' || letters.p[i] > 'z')
			continue;
		if (!have_table)
			letters_get(maildir->letters, &table);
		have_table = true;
		struct flags meaning = letters_meaning(&table, letters.p[i]);
		flags = flags_or(&flags, &meaning);
	}
	return flags;
}

struct flags maildir_mask(const struct maildir *maildir)
{
	struct letter_table table;

	letters_get(maildir->letters, &table);
	struct flags mask = letters_mask(&table);
	mask.system = FLAG_ALL;
	return mask;
}

/* The letters of the keywords in FLAGS: of several for one keyword the first. */
static void set_keywords(const struct letter_table *table, const struct flags *flags, bool set[256])
{
	struct flags todo = *flags;

	for (int i = 0; i < LETTERS; i++) {
		if (table->keyword[i] < 0 && table->system[i] == 0)
			continue;
		struct flags meaning = letters_meaning(table, (char)('a' + i));
		struct flags wanted = flags_and(&todo, &meaning);
		if (flags_empty(&wanted))
			continue;
		set['a' + i] = true;
		wanted.system = 0; /* a letter for $Forwarded comes in addition to P */
		todo = flags_minus(&todo, &wanted);
	}
}

/* Letters that mean nothing to us are another program's: they stay. */
static void set_foreign(const struct letter_table *table, struct slice present, bool set[256])
{
	for (size_t i = 0; i < present.n; i++) {
		struct flags meaning = letters_meaning(table, present.p[i]);
		struct slice one = {present.p + i, 1};
		if (flags_empty(&meaning) && flags_from_letters(one) == 0)
			set[(unsigned char)present.p[i]] = true;
	}
}

/* Which letters a file with FLAGS has; returns how many. */
static size_t choose_letters(const struct maildir *maildir, struct slice present,
	const struct flags *flags, bool set[256])
{
	struct letter_table table;
	char system[7];
	size_t n = flags_letters(flags->system, system), count = 0;

	memset(set, 0, 256);
	for (size_t i = 0; i < n; i++)
		set[(unsigned char)system[i]] = true;
	letters_get(maildir->letters, &table);
	set_keywords(&table, flags, set);
	set_foreign(&table, present, set);
	for (size_t i = 0; i < 256; i++)
		count += set[i];
	return count;
}

static size_t new_name(struct slice base, char *out, size_t size)
{
	int n = snprintf(out, size, "new/%.*s", SLICE_ARG(base));
	return n < 0 || (size_t)n >= size || base.n > NAME_MOST ? 0 : (size_t)n;
}

size_t maildir_filename(const struct maildir *maildir, struct slice base, bool in_new,
	struct slice present, const struct flags *flags, char *out, size_t size)
{
	bool set[256];
	struct slice tail;

	if (in_new && flags_empty(flags))
		return new_name(base, out, size);
	struct slice there = letters_in(present, &tail);
	size_t length = choose_letters(maildir, there, flags, set) + tail.n;
	if (base.n + 3 + length > NAME_MOST)
		return 0;
	int n = snprintf(out, size, "cur/%.*s:2,", SLICE_ARG(base));
	if (n < 0 || (size_t)n + length >= size)
		return 0;
	char *p = out + n;
	for (int c = 0; c < 256; c++)
		if (set[c])
			*p++ = (char)c;
	if (tail.n > 0)
		memcpy(p, tail.p, tail.n);
	p[tail.n] = '\0';
	return (size_t)n + length;
}

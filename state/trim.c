/*
 * Pages of the map that were touched count as our memory (RSS), as if the whole database were read
 * into it (I7). They are the kernel's cache in truth, so from time to time all are let go: that
 * costs a cheap page fault for each that is used again. It is safe at any moment, also under
 * readers: the map is shared and read-only, LMDB writes through the file.
 *
 * How many there are says the kernel, because it maps neighbours of a page with it: a few hundred
 * look-ups in random order can bring in a whole table. Where the map lies is read there, too: LMDB
 * does not tell. Without /proc memory grows, and nothing else happens.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "state/state_impl.h"

#define STEPS 256               /* rows between two looks */
#define SHARED_MOST (20u << 20) /* bytes of files in our memory */

void trim_init(struct state *s)
{
	s->statm = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
}

void trim_fini(struct state *s)
{
	if (s->statm >= 0)
		close(s->statm);
}

/* Bytes of our memory that belong to files; 0: not known. */
static size_t shared(const struct state *s)
{
	char text[128];
	size_t pages;
	ssize_t n = s->statm >= 0 ? pread(s->statm, text, sizeof(text) - 1, 0) : -1;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return sscanf(text, "%*u %*u %zu", &pages) == 1 ? pages * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

static void let_go(uintptr_t begin, uintptr_t end)
{
	ASSERT(madvise((void *)begin, end - begin, MADV_DONTNEED) ==
		0); // NOLINT(performance-no-int-to-ptr)
}

/* The map is the one that is as long as ours, of our file. */
static void trim(const struct state *s)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	uintptr_t begin, end;
	unsigned long inode;
	char line[512];
	struct stat st;
	int fd;

	if (maps && mdb_env_get_fd(s->env, &fd) == 0 && fstat(fd, &st) == 0)
		while (fgets(line, sizeof(line), maps))
			if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " r%*s %*x %*x:%*x %lu", &begin,
				    &end, &inode) == 3 &&
				inode == st.st_ino && end - begin == s->map_size)
				let_go(begin, end);
	if (maps)
		fclose(maps);
}

void trim_step(const struct state *s, unsigned *steps)
{
	if (++*steps % STEPS == 0 && shared(s) >= SHARED_MOST)
		trim(s);
}

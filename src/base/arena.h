/*
 * Memory by unit of work: many small allocations, freed together. An arena belongs to one thread at
 * a time.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/slice.h"

struct arena_chunk;

struct arena {
	struct arena_chunk *chunks; /* newest first; NULL: empty */
	size_t used;                /* bytes used in the newest chunk */
	size_t total;               /* bytes handed out since the last reset */
};

/* { 0 } is an empty arena. */
void arena_fini(struct arena *arena); /* frees everything */
void arena_wipe(struct arena *arena); /* overwrites everything, then as arena_fini(): for secrets */
void arena_reset(struct arena *arena); /* forgets everything, keeps one chunk for re-use */
void *arena_alloc(
	struct arena *arena, size_t size); /* aligned for any type, not zeroed; never NULL */
void *arena_zalloc(struct arena *arena, size_t size);
char *arena_strndup(struct arena *arena, const char *s, size_t n); /* NUL-terminated copy */
char *arena_strdup(struct arena *arena, const char *s);
char *arena_printf(struct arena *arena, const char *fmt, ...) PRINTF(2, 3);
struct slice arena_slice(struct arena *arena, struct slice s); /* copy */

#endif

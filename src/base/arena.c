#include "base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK (32u << 10)

struct arena_chunk {
	struct arena_chunk *next;
	size_t size; /* of data */
	alignas(max_align_t) char data[];
};

static void add_chunk(struct arena *arena, size_t size)
{
	struct arena_chunk *chunk = xmalloc(sizeof(*chunk) + size);
	chunk->size = size;
	chunk->next = arena->chunks;
	arena->chunks = chunk;
	arena->used = 0;
}

void arena_fini(struct arena *arena)
{
	while (arena->chunks) {
		struct arena_chunk *next = arena->chunks->next;
		free(arena->chunks);
		arena->chunks = next;
	}
	*arena = (struct arena){0};
}

void arena_wipe(struct arena *arena)
{
	for (struct arena_chunk *chunk = arena->chunks; chunk; chunk = chunk->next)
		explicit_bzero(chunk->data, chunk->size);
	arena_fini(arena);
}

void arena_reset(struct arena *arena)
{
	struct arena_chunk *keep = NULL;

	/* A chunk of the usual size is kept; a huge one would hold its memory for nothing. */
	while (arena->chunks) {
		struct arena_chunk *chunk = arena->chunks;
		arena->chunks = chunk->next;
		if (!keep && chunk->size == CHUNK)
			keep = chunk;
		else
			free(chunk);
	}
	if (keep)
		keep->next = NULL;
	*arena = (struct arena){.chunks = keep};
}

void *arena_alloc(struct arena *arena, size_t size)
{
	size_t align = alignof(max_align_t);

	ASSERT(size < SIZE_MAX - CHUNK);
	size = (size + align - 1) / align * align;
	if (!arena->chunks || arena->chunks->size - arena->used < size)
		add_chunk(arena, size > CHUNK ? size : CHUNK);
	void *out = arena->chunks->data + arena->used;
	arena->used += size;
	arena->total += size;
	return out;
}

void *arena_zalloc(struct arena *arena, size_t size)
{
	return memset(arena_alloc(arena, size), 0, size);
}

char *arena_strndup(struct arena *arena, const char *s, size_t n)
{
	char *out = arena_alloc(arena, n + 1);
	if (n > 0)
		memcpy(out, s, n);
	out[n] = '\0';
	return out;
}

char *arena_strdup(struct arena *arena, const char *s)
{
	return arena_strndup(arena, s, strlen(s));
}

char *arena_printf(struct arena *arena, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, fmt, args);
	va_end(args);
	ASSERT(n >= 0);
	char *out = arena_alloc(arena, (size_t)n + 1);
	vsnprintf(out, (size_t)n + 1, fmt, again);
	va_end(again);
	return out;
}

struct slice arena_slice(struct arena *arena, struct slice s)
{
	return (struct slice){arena_strndup(arena, s.p, s.n), s.n};
}

/*
 * Compiler attributes and small helpers that every file may use.
 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The result of a call must be looked at. */
#define MUST_USE __attribute__((warn_unused_result))
/* printf-like: format string at argument FMT, first value at ARGS. */
#define PRINTF(FMT, ARGS) __attribute__((format(printf, FMT, ARGS)))
#define NORETURN __attribute__((noreturn))
#define COLD __attribute__((cold))
#define UNUSED __attribute__((unused))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/*
 * Our own mistake, never input's: prints one line with the place, ends the program with status 70
 * (EX_SOFTWARE). Exhausted memory ends the same way: a pass can be killed at any instruction.
 */
NORETURN COLD void base_bug(const char *file, int line, const char *what);

#define ASSERT(condition) ((condition) ? (void)0 : base_bug(__FILE__, __LINE__, #condition))

/* malloc family that never returns NULL; sizes that overflow end the program. Caller frees with
 * free(). */
void *xmalloc(size_t size);
void *xcalloc(size_t count, size_t size);
void *xrealloc_array(void *ptr, size_t count, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *fmt, ...) PRINTF(1, 2);

/*
 * Make room for one more element at *ITEMS (element size SIZE, COUNT used, *ROOM allocated). Grows
 * by doubling. Returns the (perhaps moved) array.
 */
void *base_reserve(void *items, size_t count, size_t *room, size_t size);

#endif

/*
 * Words for people: width on a terminal, cutting, sizes, counts, times, the nearest word. Pure;
 * everything is appended to a buffer. Text is UTF-8; widths are terminal columns as wcwidth() knows
 * them.
 */
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include "base/buf.h"

/*
 * The first character of S (not empty): returns its length in bytes and sets CODE. A byte that
 * begins no well-formed character is one of its own with the code TEXT_BAD.
 */
#define TEXT_BAD 0xFFFFFFFFu
size_t text_decode(struct slice s, uint32_t *code);

/* Columns that S takes. A character of unknown width counts as one. */
size_t text_width(struct slice s);
/* S, or as much of it as fits COLUMNS, the last of them a "…" if something is missing. */
void text_cut(struct slice s, size_t columns, struct buf *out);
/* S filled up with blanks to COLUMNS, behind it or (RIGHT) before it. Never cut. */
void text_pad(struct slice s, size_t columns, bool right, struct buf *out);
/* S as escape() makes it safe for a terminal, whole. S may be NULL: nothing. */
void text_escape(const char *s, struct buf *out);
void text_escape_slice(struct slice s, struct buf *out);

void text_bytes(uint64_t n, struct buf *out);       /* "0 B", "3.4 MB" (powers of 1000) */
void text_elapsed(int64_t ms, struct buf *out);     /* "0.42 s", "2 min 5 s", "3 h 20 min" */
void text_clock(uint64_t seconds, struct buf *out); /* "0:07", "12:00", "1:02:03" */
void text_time(int64_t seconds, struct buf *out);   /* local time "2026-11-23 18:31"; 0: "never" */
/* "1 flag", "5 flags": ONE for one, MANY for all other numbers. */
void text_count(uint64_t n, const char *one, const char *many, struct buf *out);

/*
 * Looking for what was meant: feed the words one by one, then ->best is the nearest if it is near
 * enough, else NULL. struct text_nearest near = { .wanted = slice }; text_nearest_try(&near,
 * "sync"); ... near.best
 */
struct text_nearest {
	struct slice wanted;
	const char *best; /* borrowed from what was tried */
	size_t distance;  /* of best: letters to add, drop, change or swap */
};
void text_nearest_try(struct text_nearest *near, const char *word);

#endif

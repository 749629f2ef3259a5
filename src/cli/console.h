/*
 * The only way out of the program: standard output for results, standard error for errors, logs and
 * the progress picture. Thread-safe: every call writes its text whole. On a terminal the picture
 * stays below everything else that is written.
 *
 * State of the process, hence of this file: what the two streams are, and the picture that stands
 * on the screen. console_init() before the first thread; from then on log lines arrive here too.
 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include "base/buf.h"

/* Look at the two streams, TERM and NO_COLOR; become the log's sink. */
void console_init(void);
/*
 * The end: flush standard output. 0, or EX_IOERR (74) if anything written to it was lost, after a
 * line that says so.
 */
int console_fini(void);

/* Standard error is a terminal that can move its cursor. */
bool console_is_terminal(void);
/* Standard error may have colours. */
bool console_has_color(void);

/* Results: TEXT as it is (whole lines, with newlines) to standard output. */
void console_print(struct slice text);
/* Write what was printed so far, for readers that follow along. */
void console_flush(void);
/* Standard output is broken: more results are in vain. */
bool console_is_broken(void);

/*
 * One line to standard error; FMT has no newline. Foreign text in it must be escaped. Errors stand
 * out by colour.
 */
void console_error(const char *fmt, ...) PRINTF(1, 2);
void console_note(const char *fmt, ...) PRINTF(1, 2);

/*
 * Put a progress picture (LINES lines, each with a newline) in place of the one shown; empty: take
 * it away.
 */
void console_picture(struct slice text, unsigned lines);

#endif

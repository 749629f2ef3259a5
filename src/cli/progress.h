/*
 * Progress on a terminal: a thread that looks at the reports of all accounts ten times a second and
 * redraws the picture.
 */
#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

#include "sync/report.h"

struct progress;

/* Begin to show COUNT reports (borrowed, as is the array, until progress_stop()). */
struct progress *progress_start(struct report *const *reports, size_t count);
/* Clears the picture. NULL is allowed. */
void progress_stop(struct progress *progress);

#endif

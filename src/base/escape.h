/*
 * What others wrote (servers, file names) made safe to show.
 */
#ifndef BASE_ESCAPE_H
#define BASE_ESCAPE_H

#include "base/slice.h"

/*
 * S with control bytes (C0, DEL, C1 in UTF-8), marks that turn the direction of text, and bytes
 * that are not valid UTF-8 written as \xHH, cut to fit OUT. All other UTF-8 passes. Returns OUT.
 */
const char *escape(struct slice s, char *out, size_t size);

#endif

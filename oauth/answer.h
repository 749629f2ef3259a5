/*
 * A provider's answer in JSON as lines of a word, a blank and a value: the door to jansson.
 */
#ifndef OAUTH_ANSWER_H
#define OAUTH_ANSWER_H

#include "base/buf.h"

/*
 * Append the members of the object TEXT that somebody needs. Strings with control bytes and what is
 * of another type are left out. false: TEXT is no JSON object, or holds neither what was asked for
 * nor an error.
 */
bool answer_lines(struct slice text, struct buf *out) MUST_USE;

#endif

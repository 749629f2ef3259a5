/*
 * How a provider's profile (model/quirk.h) is shown, by every command that shows it.
 */
#ifndef CLI_PROFILE_H
#define CLI_PROFILE_H

#include "base/buf.h"
#include "cli/json.h"
#include "model/quirk.h"

/* "gmail, by host: folders are labels ..."; "none, by server.quirks"; NOTHING where nothing chose
 * one. Appended to OUT. */
void profile_text(const struct quirk_choice *choice, const char *nothing, struct buf *out);
/* "profile" and "profile_by"; null where nothing chose one. */
void profile_json(const struct quirk_choice *choice, struct json *json);

#endif

/*
 * Texts of the configuration as values. Pure but for the environment and the password database,
 * which paths look into.
 */
#ifndef CONFIG_VALUES_H
#define CONFIG_VALUES_H

#include "base/buf.h"

/* "60s", "2m", "1h", "30d", or seconds without a unit; at most ten years. false: not a duration. */
bool value_duration(const char *text, int64_t *seconds);
/* "50%", 0 to 100. */
bool value_percent(const char *text, unsigned *percent);
/* Index of TEXT in "a|b|c", -1 if it is none of them. */
int value_enum(const char *text, const char *values);
/*
 * A path with ~, ~user, $NAME and ${NAME} filled in, made absolute by the working directory. NULL:
 * REASON says why. Caller frees.
 */
char *value_path(const char *text, char *reason, size_t size);
/*
 * A host name in the letters that DNS and certificates use: what is not ASCII as A-labels
 * (IDNA 2008), all else as it is. NULL: REASON says why it is no name. Caller frees.
 */
char *value_host(const char *text, char *reason, size_t size);
/* sha256: and 64 hex digits. */
bool value_pin(const char *text);
/* 1 to 64 of A-Za-z0-9._@-, not "." or "..": it becomes a folder of state_dir. */
bool value_account_name(const char *name);

#endif

#include "config/values.h"

#include <errno.h>
#include <idn2.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DURATION_MOST ((int64_t)3650 * 86400)

bool value_duration(const char *text, int64_t *seconds)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	size_t digits = strspn(text, "0123456789");
	uint64_t n;
	int64_t unit = 0;

	if (!slice_number((struct slice){text, digits}, (uint64_t)DURATION_MOST, &n))
		return false;
	if (text[digits] == '\0')
		unit = 1;
	for (size_t i = 0; i < COUNT_OF(units); i++)
		if (text[digits] == units[i].unit && text[digits + 1] == '\0')
			unit = units[i].seconds;
	if (unit == 0 || (int64_t)n > DURATION_MOST / unit)
		return false;
	*seconds = (int64_t)n * unit;
	return true;
}

bool value_percent(const char *text, unsigned *percent)
{
	size_t digits = strspn(text, "0123456789");
	uint64_t n;

	if (!slice_number((struct slice){text, digits}, 100, &n) || strcmp(text + digits, "%") != 0)
		return false;
	*percent = (unsigned)n;
	return true;
}

int value_enum(const char *text, const char *values)
{
	struct slice word = slice_str(text);
	int index = 0;

	for (const char *p = values;; index++) {
		size_t n = strcspn(p, "|");
		if (slice_eq(word, (struct slice){p, n}))
			return index;
		if (p[n] == '\0')
			return -1;
		p += n + 1;
	}
}

/* "~" or "~user" at the front of *TEXT. */
static bool add_home(const char **text, struct buf *out, char *reason, size_t size)
{
	size_t n = strcspn(*text, "/");
	char *user = xstrndup(*text + 1, n - 1);
	const char *home = user[0] ? NULL : getenv("HOME");

	if (!home || !home[0]) {
		const struct passwd *entry = user[0] ? getpwnam(user) : getpwuid(getuid());
		home = entry ? entry->pw_dir : NULL;
	}
	if (home)
		buf_add_str(out, home);
	else
		snprintf(reason, size, "there is no user '%.64s' whose home %.*s could be", user,
			(int)(n < 64 ? n : 64), *text);
	free(user);
	*text += n;
	return home != NULL;
}

/* "$NAME" or "${NAME}" at the front of *TEXT. */
static bool add_variable(const char **text, struct buf *out, char *reason, size_t size)
{
	bool braces = (*text)[1] == '{';
	const char *name = *text + 1 + braces;
	size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_");

	if (n == 0 || (braces && name[n] != '}')) {
		snprintf(reason, size,
			"a '$' must be followed by the name of an environment variable");
		return false;
	}
	char *copy = xstrndup(name, n);
	const char *value = getenv(copy);
	if (value)
		buf_add_str(out, value);
	else
		snprintf(reason, size, "the environment variable %.64s is not set", copy);
	free(copy);
	*text = name + n + braces;
	return value != NULL;
}

char *value_path(const char *text, char *reason, size_t size)
{
	const char *whole = text;
	struct buf out = {0};
	char cwd[PATH_MAX];
	bool good = text[0] != '\0';

	if (!good)
		snprintf(reason, size, "a path can't be empty");
	if (text[0] == '~')
		good = add_home(&text, &out, reason, size);
	while (good && *text) {
		if (*text == '$')
			good = add_variable(&text, &out, reason, size);
		else
			buf_add_char(&out, *text++);
	}
	if (good && out.len == 0) {
		snprintf(reason, size, "%.64s says nothing: a path can't be empty", whole);
		good = false;
	}
	if (good && out.data[0] != '/') {
		char *relative = buf_take(&out);
		good = getcwd(cwd, sizeof(cwd)) != NULL;
		if (good)
			buf_addf(&out, "%s/%s", cwd, relative);
		else
			snprintf(reason, size, "the working directory can't be told: %s",
				strerror(errno));
		free(relative);
	}
	while (good && out.len > 1 && out.data[out.len - 1] == '/')
		out.data[--out.len] = '\0';
	if (good)
		return buf_take(&out);
	buf_fini(&out);
	return NULL;
}

bool value_pin(const char *text)
{
	return strncmp(text, "sha256:", 7) == 0 && strlen(text) == 7 + 64 &&
	       strspn(text + 7, "0123456789abcdefABCDEF") == 64;
}

bool value_account_name(const char *name)
{
	size_t n =
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-");
	return n > 0 && n <= 64 && name[n] == '\0' && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

char *value_host(const char *text, char *reason, size_t size)
{
	char *ascii = NULL, *copy;
	bool plain = true;
	int rc;

	if (!*text) {
		snprintf(reason, size, "a host's name can't be empty");
		return NULL;
	}
	for (const char *p = text; *p; p++) {
		plain &= (unsigned char)*p < 0x80;
		if ((unsigned char)*p > ' ' && *p != 0x7f)
			continue;
		snprintf(reason, size, "a host's name has no blanks and control characters");
		return NULL;
	}
	if (plain) /* also what IDNA would not have, and resolvers know */
		return xstrdup(text);
	rc = idn2_to_ascii_8z(text, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK) {
		snprintf(reason, size, "not a host's name: %s", idn2_strerror(rc));
		return NULL;
	}
	copy = xstrdup(ascii);
	idn2_free(ascii);
	return copy;
}

#include "model/messageid.h"

#include <string.h>

#define NAME "message-id"
#define LONGEST 998 /* octets of an id; a longer one is nonsense */

/* The line that begins at *POS, without its line end; *POS goes behind it. */
static struct slice next_line(struct slice header, size_t *pos)
{
	const char *p = header.p + *pos;
	const char *lf = memchr(p, '\n', header.n - *pos);
	size_t n = lf ? (size_t)(lf - p) : header.n - *pos;

	*pos += n + (lf != NULL);
	return (struct slice){p, n > 0 && p[n - 1] == '\r' ? n - 1 : n};
}

/* Is LINE the beginning of a Message-ID field? *VALUE: what stands behind the colon. */
static bool is_field(struct slice line, struct slice *value)
{
	size_t n = sizeof(NAME) - 1;

	if (!slice_starts_nocase(line, NAME))
		return false;
	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	if (n == line.n || line.p[n] != ':')
		return false;
	*value = (struct slice){line.p + n + 1, line.n - n - 1};
	return true;
}

/* PIECE without blanks behind TEXT of *N bytes. */
static void gather(struct slice piece, char text[LONGEST], size_t *n)
{
	for (size_t i = 0; i < piece.n && *n < LONGEST; i++)
		if (piece.p[i] != ' ' && piece.p[i] != '\t')
			text[(*n)++] = piece.p[i];
}

/* The first "<...@...>" of TEXT. */
static struct digest digest_id(struct slice text)
{
	const char *open = text.n ? memchr(text.p, '<', text.n) : NULL;
	size_t rest = open ? text.n - (size_t)(open - text.p) : 0;
	const char *close = open ? memchr(open, '>', rest) : NULL;

	if (!close || !memchr(open, '@', (size_t)(close - open)))
		return (struct digest){{0}};
	return digest_bytes((struct slice){open, (size_t)(close - open) + 1});
}

struct digest messageid_of(struct slice header)
{
	char text[LONGEST];
	struct slice line, value;
	size_t pos = 0, n = 0;

	while (pos < header.n) {
		line = next_line(header, &pos);
		if (!is_field(line, &value))
			continue;
		gather(value, text, &n);
		while (pos < header.n && (header.p[pos] == ' ' || header.p[pos] == '\t'))
			gather(next_line(header, &pos), text, &n);
		return digest_id((struct slice){text, n});
	}
	return (struct digest){{0}};
}

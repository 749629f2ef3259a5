/*
 * The lexer. Everything that the server sends passes take(), one octet at a time, except the octets
 * of literals: there the line bound is counted and the trace is written.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include "base/escape.h"
#include "base/log.h"
#include "base/thread.h"
#include "imap/lexer.h"

#define TRACE_MAX 500          /* octets of a line that are shown */
#define TRACE_KEPT (16 * 1024) /* ... and looked at: none that is shown is half a secret */
#define SECRET_LONG 6          /* octets: so long is none by chance in a text */

void lexer_init(struct lexer *lexer, struct stream *stream, unsigned number)
{
	*lexer = (struct lexer){.stream = stream, .number = number, .least_wait_ms = UINT_MAX};
	lexer->input = xmalloc(LEXER_INPUT_SIZE);
	lexer_begin(lexer);
}

void lexer_fini(struct lexer *lexer)
{
	free(lexer->input);
	buf_fini(&lexer->text);
	buf_fini(&lexer->trace);
	buf_wipe(&lexer->secrets);
	lexer->input = NULL;
}

void lexer_hide(struct lexer *lexer, struct slice secret)
{
	if (secret.n == 0 || lexer_hides(lexer, secret))
		return;
	buf_add_slice(&lexer->secrets, secret);
	buf_add_char(&lexer->secrets, 0);
}

void lexer_hide_less(struct lexer *lexer)
{
	lexer->least_secret = SECRET_LONG;
}

bool lexer_hides(const struct lexer *lexer, struct slice text)
{
	for (size_t at = 0, n; at < lexer->secrets.len; at += n + 1) {
		const char *secret = lexer->secrets.data + at;
		n = strlen(secret);
		if (n >= lexer->least_secret && text.n >= n && memmem(text.p, text.n, secret, n))
			return true;
	}
	return false;
}

bool lexer_has_input(const struct lexer *lexer)
{
	return lexer->pos < lexer->end;
}

void lexer_begin(struct lexer *lexer)
{
	lexer->line_left = LEXER_LINE_MAX;
	pace_next_line(&lexer->pace);
	lexer->tracing = log_on(LOG_IMAP);
	buf_clear(&lexer->trace);
}

/* ---- trace ---- */

static void trace_add(struct lexer *lexer, char c)
{
	if (lexer->trace.len < TRACE_KEPT && c != '\r' && c != '\n')
		buf_add_char(&lexer->trace, c);
}

static void trace_literal(struct lexer *lexer, uint64_t size)
{
	if (lexer->tracing && lexer->trace.len < TRACE_KEPT)
		buf_addf(&lexer->trace, "{%llu octets}", (unsigned long long)size);
}

/* The line is complete. */
static void trace_end(struct lexer *lexer)
{
	struct slice shown = buf_slice(&lexer->trace);
	bool cut = shown.n > TRACE_MAX;
	char line[2 * TRACE_MAX];

	if (!lexer->tracing)
		return;
	if (lexer_hides(lexer, shown))
		shown = SLICE("(hidden)");
	else if (lexer->hide_challenges && shown.n > 2 && shown.p[0] == '+')
		shown = SLICE("+ (hidden)");
	else if (cut)
		shown.n = TRACE_MAX;
	log_debug(LOG_IMAP, "conn %u < %s%s", lexer->number, escape(shown, line, sizeof(line)),
		cut ? "..." : "");
	buf_clear(&lexer->trace);
}

/* ---- octets ---- */

/* Read to INPUT[AT] on. The octets there, or -1. */
static ssize_t receive(struct lexer *lexer, size_t at, struct err *err)
{
	ssize_t n;

	if (pace_check(&lexer->pace, err) < 0)
		return -1;
	stream_set_deadline(lexer->stream, pace_deadline(&lexer->pace));
	n = stream_read(lexer->stream, lexer->input + at, LEXER_INPUT_SIZE - at, err);
	if (n == 0)
		return err_set(err, ERR_NET, "the server closed the connection");
	if (n < 0)
		return -1;
	pace_received(&lexer->pace, (size_t)n);
	lexer->bytes_in += (uint64_t)n;
	return n;
}

static int fill(struct lexer *lexer, struct err *err)
{
	ssize_t n;
	bool asked = lexer->sent && !stream_pending(lexer->stream);
	int64_t begun = asked ? clock_ms() : 0;

	lexer->round_trips += asked;
	lexer->sent = false;
	n = receive(lexer, 0, err);
	if (n < 0)
		return -1;
	if (asked) {
		int64_t waited = clock_ms() - begun;
		if (waited < lexer->least_wait_ms)
			lexer->least_wait_ms = (unsigned)waited;
	}
	lexer->pos = 0;
	lexer->end = (size_t)n;
	return 0;
}

int lexer_peek(struct lexer *lexer, struct err *err)
{
	if (lexer->pos == lexer->end && fill(lexer, err) < 0)
		return -1;
	return (unsigned char)lexer->input[lexer->pos];
}

/* Take the octet that was peeked at. */
static int take(struct lexer *lexer, struct err *err)
{
	char c = lexer->input[lexer->pos];

	if (lexer->line_left == 0)
		return err_set(err, ERR_PROTO, "the server sent a line that is too long");
	lexer->line_left--;
	if (lexer->tracing)
		trace_add(lexer, c);
	lexer->pos++;
	return 0;
}

/* What was found instead of WANTED. */
static int unexpected(int c, const char *wanted, struct err *err)
{
	if (c == '\r' || c == '\n')
		return err_set(
			err, ERR_PROTO, "the server's line ends where %s was expected", wanted);
	if (c > 0x20 && c < 0x7f)
		return err_set(
			err, ERR_PROTO, "the server sent '%c' where %s was expected", c, wanted);
	return err_set(err, ERR_PROTO, "the server sent the octet 0x%02X where %s was expected",
		(unsigned)c, wanted);
}

int lexer_try(struct lexer *lexer, char c, struct err *err)
{
	int next = lexer_peek(lexer, err);

	if (next < 0)
		return -1;
	if (next != (unsigned char)c)
		return 0;
	return take(lexer, err) < 0 ? -1 : 1;
}

int lexer_expect(struct lexer *lexer, char c, struct err *err)
{
	const char wanted[] = {'\'', c, '\'', 0};
	int rc = lexer_try(lexer, c, err);

	if (rc == 0)
		return unexpected((unsigned char)lexer->input[lexer->pos], wanted, err);
	return rc < 0 ? -1 : 0;
}

int lexer_blanks(struct lexer *lexer, struct err *err)
{
	int rc;

	while ((rc = lexer_try(lexer, ' ', err)) == 1)
		;
	return rc;
}

/* ---- line ends ---- */

int lexer_at_end(struct lexer *lexer, struct err *err)
{
	int c;

	if (lexer_blanks(lexer, err) < 0)
		return -1;
	c = lexer_peek(lexer, err);
	return c < 0 ? -1 : c == '\r' || c == '\n';
}

/* CRLF or LF, without a word to the trace. */
static int take_newline(struct lexer *lexer, struct err *err)
{
	int c;

	if (lexer_try(lexer, '\r', err) < 0)
		return -1;
	c = lexer_peek(lexer, err);
	if (c < 0)
		return -1;
	return c == '\n' ? take(lexer, err) : unexpected(c, "the end of the line", err);
}

int lexer_line_end(struct lexer *lexer, struct err *err)
{
	if (lexer_blanks(lexer, err) < 0 || take_newline(lexer, err) < 0)
		return -1;
	trace_end(lexer);
	return 0;
}

int lexer_text(struct lexer *lexer, struct slice *out, struct err *err)
{
	int c;

	buf_clear(&lexer->text);
	while ((c = lexer_peek(lexer, err)) != '\n') {
		if (c < 0)
			return -1;
		if (c == 0)
			return unexpected(c, "text", err);
		if (take(lexer, err) < 0)
			return -1;
		buf_add_char(&lexer->text, (char)c);
	}

	while (lexer->text.len && strchr("\r ", lexer->text.data[lexer->text.len - 1]))
		lexer->text.len--;
	*out = buf_slice(&lexer->text);
	return lexer_line_end(lexer, err);
}

/* ---- words ---- */

static bool is_control(int c)
{
	return c < 0x20 || c == 0x7f;
}

/* Take the octet C into the text. */
static int keep(struct lexer *lexer, int c, const char *what, struct err *err)
{
	if (is_control(c))
		return unexpected(c, what, err);
	if (take(lexer, err) < 0)
		return -1;
	buf_add_char(&lexer->text, (char)c);
	return 0;
}

/* Octets up to one of STOP or the line end. BRACKETS: STOP does not count between '[' and ']'. */
static int take_word(struct lexer *lexer, const char *stop, bool brackets, const char *what,
	struct slice *out, struct err *err)
{
	bool inside = false;
	int c;

	buf_clear(&lexer->text);
	for (;;) {
		c = lexer_peek(lexer, err);
		if (c < 0)
			return -1;
		if (c == '\r' || c == '\n' || (!inside && c && strchr(stop, c)))
			break;
		if (keep(lexer, c, what, err) < 0)
			return -1;
		if (brackets && (c == '[' || c == ']'))
			inside = c == '[';
	}

	if (lexer->text.len == 0)
		return unexpected(c, what, err);
	*out = buf_slice(&lexer->text);
	return 0;
}

int lexer_atom(struct lexer *lexer, struct slice *out, struct err *err)
{
	return take_word(lexer, " ()\"", false, "a word", out, err);
}

int lexer_item(struct lexer *lexer, struct slice *out, struct err *err)
{
	return take_word(lexer, " ()\"", true, "the name of an item", out, err);
}

int lexer_number(struct lexer *lexer, uint64_t max, uint64_t *out, struct err *err)
{
	uint64_t value = 0;
	unsigned digits = 0;
	int c;

	while ((c = lexer_peek(lexer, err)) >= '0' && c <= '9') {
		uint64_t digit = (uint64_t)(c - '0');

		if (digit > max || value > (max - digit) / 10)
			return err_set(err, ERR_PROTO, "the server sent a number that is too big");
		value = value * 10 + digit;
		digits++;
		if (take(lexer, err) < 0)
			return -1;
	}

	if (c < 0)
		return -1;
	if (digits == 0)
		return unexpected(c, "a number", err);
	*out = value;
	return 0;
}

static int take_quoted(struct lexer *lexer, struct err *err)
{
	int c, escaped;

	if (lexer_expect(lexer, '"', err) < 0)
		return -1;
	while ((c = lexer_peek(lexer, err)) != '"') {
		escaped = c == '\\' ? lexer_try(lexer, '\\', err) : 0;
		if (c < 0 || escaped < 0)
			return -1;
		if (escaped && (c = lexer_peek(lexer, err)) < 0)
			return -1;
		if (keep(lexer, c, "the end of a quoted string", err) < 0)
			return -1;
	}
	return take(lexer, err);
}

static int take_literal(struct lexer *lexer, struct err *err)
{
	struct slice piece;
	uint64_t size;
	int rc;

	if (lexer_literal(lexer, &size, err) < 0)
		return -1;
	if (size > LEXER_LITERAL_MAX)
		return err_set(err, ERR_PROTO,
			"the server sent a string of %llu octets where "
			"that can't be",
			(unsigned long long)size);
	while ((rc = lexer_literal_read(lexer, &piece, err)) == 1)
		buf_add_slice(&lexer->text, piece);
	return rc;
}

int lexer_string(struct lexer *lexer, struct slice *out, struct err *err)
{
	int literal = lexer_at_literal(lexer, err);

	buf_clear(&lexer->text);
	if (literal < 0 || (literal ? take_literal(lexer, err) : take_quoted(lexer, err)) < 0)
		return -1;
	*out = buf_slice(&lexer->text);
	return 0;
}

int lexer_nstring(struct lexer *lexer, struct slice *out, bool *nil, struct err *err)
{
	int c = lexer_peek(lexer, err);

	*nil = false;
	if (c < 0)
		return -1;
	if (c != 'N' && c != 'n')
		return lexer_string(lexer, out, err);

	if (lexer_atom(lexer, out, err) < 0)
		return -1;
	if (!slice_eq_nocase(*out, SLICE("NIL")))
		return unexpected(c, "a string or NIL", err);
	*nil = true;
	*out = (struct slice){NULL, 0};
	return 0;
}

int lexer_mailbox(struct lexer *lexer, struct slice *out, struct err *err)
{
	int c = lexer_peek(lexer, err), literal = c < 0 ? -1 : lexer_at_literal(lexer, err);

	if (literal < 0)
		return -1;
	if (literal || c == '"')
		return lexer_string(lexer, out, err);
	return take_word(lexer, " ", false, "a mailbox name", out, err);
}

/* ---- literals ---- */

int lexer_at_literal(struct lexer *lexer, struct err *err)
{
	int c = lexer_peek(lexer, err);

	if (c < 0)
		return -1;
	if (c != '~')
		return c == '{';

	/* A name may begin with '~' too. Two octets have to be there to tell; the first may be the
	 * last of the input. */
	if (lexer->pos + 1 == lexer->end) {
		lexer->input[0] = '~';
		ssize_t n = receive(lexer, 1, err);

		if (n < 0)
			return -1;
		lexer->pos = 0;
		lexer->end = 1 + (size_t)n;
	}
	return lexer->input[lexer->pos + 1] == '{';
}

int lexer_literal(struct lexer *lexer, uint64_t *size, struct err *err)
{
	bool tracing = lexer->tracing;
	int rc = -1;

	lexer->tracing = false;
	if (lexer_try(lexer, '~', err) < 0 || lexer_expect(lexer, '{', err) < 0 ||
		lexer_number(lexer, INT64_MAX, size, err) < 0 || lexer_try(lexer, '+', err) < 0 ||
		lexer_expect(lexer, '}', err) < 0 || take_newline(lexer, err) < 0)
		goto out;
	lexer->literal_left = *size;
	rc = 0;
out:
	lexer->tracing = tracing;
	if (rc == 0)
		trace_literal(lexer, *size);
	return rc;
}

int lexer_literal_read(struct lexer *lexer, struct slice *out, struct err *err)
{
	size_t n;

	if (lexer->literal_left == 0)
		return 0;
	if (lexer->pos == lexer->end && fill(lexer, err) < 0)
		return -1;

	n = lexer->end - lexer->pos;
	if (n > lexer->literal_left)
		n = (size_t)lexer->literal_left;
	*out = (struct slice){lexer->input + lexer->pos, n};
	lexer->pos += n;
	lexer->literal_left -= n;
	return 1;
}

int lexer_literal_skip(struct lexer *lexer, struct err *err)
{
	struct slice piece;
	int rc;

	while ((rc = lexer_literal_read(lexer, &piece, err)) == 1)
		;
	return rc;
}

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/fake/memstream.h"
#include "tests/fake/script.h"

static void end(struct script *script)
{
	if (!script->ended)
		memstream_feed_end(script->stream);
	script->ended = true;
}

static void feed(struct script *script, const char *data, size_t n)
{
	size_t left = script->cut_after - script->fed;

	if (script->ended)
		return;
	if (n > left)
		n = left;
	memstream_feed(script->stream, data, n);
	script->fed += n;
	if (script->fed == script->cut_after)
		end(script);
}

/* TEXT with $N replaced by the tags. */
static void expand(const struct script *script, const char *text, struct buf *out)
{
	while (*text) {
		if (text[0] == '$' && isdigit((unsigned char)text[1])) {
			char *behind;
			unsigned long i = strtoul(text + 1, &behind, 10);

			buf_add_str(out, i < SCRIPT_TAGS ? script->tags[i] : "?");
			text = behind;
		} else {
			buf_add_char(out, *text++);
		}
	}
}

static void fail(struct script *script, const char *wanted, const char *got)
{
	if (!script->failure[0])
		snprintf(script->failure, sizeof(script->failure),
			"step %zu: expected <%s>, got <%s>", script->at, wanted, got);
	end(script);
}

/* LINE is what the client sent in the place of STEP. */
static bool matches(struct script *script, const char *step, const char *line)
{
	struct buf wanted = {0};
	bool same;

	if (step[0] == '$' && isdigit((unsigned char)step[1])) {
		unsigned long i = strtoul(step + 1, NULL, 10);
		size_t n = strcspn(line, " ");

		if (i < SCRIPT_TAGS)
			snprintf(script->tags[i], sizeof(script->tags[i]), "%.*s", (int)n, line);
	}
	expand(script, step, &wanted);
	same = wanted.len == strlen(line) &&
	       (!wanted.len || memcmp(wanted.data, line, wanted.len) == 0);
	buf_fini(&wanted);
	return same;
}

/* One line that the client sent; false: there is none yet. */
static bool expect(struct script *script, const char *step, struct buf *written)
{
	char *newline = written->len ? memmem(written->data, written->len, "\r\n", 2) : NULL;
	size_t n;

	if (!newline)
		return false;
	*newline = 0;
	if (!matches(script, step, written->data)) {
		fail(script, step, written->data);
		*newline = '\r';
		return false;
	}
	n = (size_t)(newline - written->data) + 2;
	buf_drop_front(written, n);
	script->at++;
	return true;
}

static void say(struct script *script, const char *text, const char *line_end)
{
	struct buf line = {0};

	expand(script, text, &line);
	buf_add_str(&line, line_end);
	feed(script, line.data, line.len);
	buf_fini(&line);
	script->at++;
}

static void play(struct stream *stream, struct buf *written, void *arg)
{
	struct script *script = arg;
	const char *step;

	(void)stream;
	while ((step = script->steps[script->at]) != NULL && !script->failure[0]) {
		const char *text = strlen(step) > 3 ? step + 3 : "";

		if (step[0] == 'C' && !expect(script, text, written))
			return;
		if (step[0] == 'S')
			say(script, text, "\r\n");
		if (step[0] == 'R')
			say(script, text, "");
		if (step[0] == 'E') {
			end(script);
			script->at++;
		}
	}
	if (!step && written->len)
		fail(script, "nothing more", written->data);
}

void script_start(struct script *script, const char *const *steps, size_t cut_after, size_t chunk)
{
	struct buf nothing = {0};

	*script =
		(struct script){.stream = memstream_new(), .steps = steps, .cut_after = cut_after};
	memstream_chunk(script->stream, chunk);
	memstream_on_write(script->stream, play, script);
	if (cut_after == 0)
		end(script);
	play(script->stream, &nothing, script);
}

const char *script_check(const struct script *script)
{
	static char text[200];

	if (script->failure[0])
		return script->failure;
	if (!script->steps[script->at])
		return NULL;
	snprintf(text, sizeof(text), "step %zu was not reached: %s", script->at,
		script->steps[script->at]);
	return text;
}

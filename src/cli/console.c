/*
 * One lock orders all writing. While a picture stands on the screen the cursor is on the line below
 * it; each write moves up, erases it, writes, and puts it back. Frames go out in one write() each,
 * so that a slow terminal does not flicker.
 */
#include "cli/console.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/log.h"
#include "base/thread.h"

#define COLOR_BAD "\x1b[31m"
#define COLOR_END "\x1b[0m"

static struct {
	pthread_mutex_t lock;
	bool ready;    /* lock is made */
	bool terminal; /* standard error moves its cursor */
	bool color;
	bool output_shared; /* standard output is a terminal too: the picture must make room for
			       results */
	int output_errno;   /* first failure of standard output, 0: none */
	struct buf picture; /* as it stands on the screen */
	unsigned picture_lines;
} console;

static bool terminal_moves(void)
{
	const char *term = getenv("TERM");

	return isatty(STDERR_FILENO) && term && *term && strcmp(term, "dumb") != 0;
}

static void write_error(struct slice text)
{
	while (text.n != 0) {
		ssize_t n = write(STDERR_FILENO, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return; /* nobody is left to tell */
		text.p += n;
		text.n -= (size_t)n;
	}
}

/* What moves the cursor to the picture's first line and erases from there on. */
static void add_erase(struct buf *out)
{
	if (console.picture_lines != 0)
		buf_addf(out, "\r\x1b[%uA\x1b[J", console.picture_lines);
}

/* Log lines of debugging stand as they are; what people should read names the program first. */
static void log_line(enum log_level level, const char *line, void *arg)
{
	(void)arg;
	if (level == LOG_LEVEL_ERROR)
		console_error("godwit: %s", line);
	else if (level == LOG_LEVEL_WARN)
		console_note("godwit: %s", line);
	else
		console_note("%s", line);
}

void console_init(void)
{
	const char *no_color = getenv("NO_COLOR");

	if (!console.ready)
		mutex_init(&console.lock);
	console.ready = true;
	console.terminal = terminal_moves();
	console.color = console.terminal && !(no_color && *no_color);
	console.output_shared = isatty(STDOUT_FILENO);
	console.output_errno = 0;
	log_set_sink(log_line, NULL);
}

/*
 * Standard output's own error, and that of the file system below it, which may show no earlier than
 * at close.
 */
static void finish_output(void)
{
	int fd;

	errno = 0;
	if (fflush(stdout) != 0 && console.output_errno == 0)
		console.output_errno = errno ? errno : EIO;
	fd = dup(STDOUT_FILENO);
	if (fd >= 0 && close(fd) != 0 && console.output_errno == 0)
		console.output_errno = errno;
}

int console_fini(void)
{
	console_picture((struct slice){0}, 0);
	finish_output();
	log_set_sink(NULL, NULL);
	buf_fini(&console.picture);
	if (console.output_errno == 0)
		return 0;
	console_error("godwit: can't write to standard output: %s", strerror(console.output_errno));
	return EX_IOERR;
}

bool console_is_terminal(void)
{
	return console.terminal;
}

bool console_has_color(void)
{
	return console.color;
}

static void print_locked(struct slice text)
{
	if (text.n == 0 || console.output_errno != 0)
		return;
	errno = 0;
	if (fwrite(text.p, 1, text.n, stdout) != text.n ||
		(console.output_shared && fflush(stdout) != 0))
		console.output_errno = errno ? errno : EIO;
}

void console_print(struct slice text)
{
	struct buf erase = {0};

	mutex_lock(&console.lock);
	if (console.output_shared && console.picture_lines != 0) {
		add_erase(&erase);
		write_error(buf_slice(&erase));
	}
	print_locked(text);
	if (erase.len != 0)
		write_error(buf_slice(&console.picture));
	mutex_unlock(&console.lock);
	buf_fini(&erase);
}

void console_flush(void)
{
	mutex_lock(&console.lock);
	errno = 0;
	if (console.output_errno == 0 && fflush(stdout) != 0)
		console.output_errno = errno ? errno : EIO;
	mutex_unlock(&console.lock);
}

bool console_is_broken(void)
{
	bool broken;

	mutex_lock(&console.lock);
	broken = console.output_errno != 0;
	mutex_unlock(&console.lock);
	return broken;
}

/* One line above the picture. */
static void say(bool bad, const char *line)
{
	struct buf out = {0};

	bad = bad && console.color;
	mutex_lock(&console.lock);
	add_erase(&out);
	buf_addf(&out, "%s%s%s\n", bad ? COLOR_BAD : "", line, bad ? COLOR_END : "");
	buf_add_slice(&out, buf_slice(&console.picture));
	write_error(buf_slice(&out));
	mutex_unlock(&console.lock);
	buf_fini(&out);
}

/* As vsprintf(), in memory of its own. */
static PRINTF(1, 0) char *formatted(const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) < 0)
		base_bug(__FILE__, __LINE__, "out of memory, or a bad format");
	return text;
}

void console_error(const char *fmt, ...)
{
	va_list args;
	char *line;

	va_start(args, fmt);
	line = formatted(fmt, args);
	va_end(args);
	say(true, line);
	free(line);
}

void console_note(const char *fmt, ...)
{
	va_list args;
	char *line;

	va_start(args, fmt);
	line = formatted(fmt, args);
	va_end(args);
	say(false, line);
	free(line);
}

void console_picture(struct slice text, unsigned lines)
{
	struct buf out = {0};

	mutex_lock(&console.lock);
	add_erase(&out);
	buf_clear(&console.picture);
	buf_add_slice(&console.picture, text);
	console.picture_lines = lines;
	buf_add_slice(&out, text);
	write_error(buf_slice(&out));
	mutex_unlock(&console.lock);
	buf_fini(&out);
}

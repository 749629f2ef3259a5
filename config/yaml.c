/*
 * libyaml's door: no other file knows it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <yaml.h>

#include "base/buf.h"
#include "config/yaml.h"

#define FILE_MOST (1u << 20)
#define DEPTH_MOST 16
#define KEYS_MOST 2000 /* of one map: each is compared with all before it */

struct loading {
	const char *file;
	struct slice text; /* all of it */
	struct arena *arena;
	yaml_parser_t parser;
	unsigned depth;
	struct err *err;
};

static int fail_at(struct loading *l, yaml_mark_t mark, const char *what)
{
	return err_set(l->err, ERR_CONFIG, "%s:%zu:%zu: %s", l->file, mark.line + 1,
		mark.column + 1, what);
}

/* Where byte OFFSET of the file stands. Columns count characters, as libyaml does. */
static yaml_mark_t mark_of(const struct loading *l, size_t offset)
{
	yaml_mark_t mark = {0};

	for (size_t i = 0; i < offset && i < l->text.n; i++) {
		unsigned char c = (unsigned char)l->text.p[i];

		mark.column = c == '\n' ? 0 : mark.column + ((c & 0xc0) != 0x80);
		mark.line += c == '\n';
	}
	return mark;
}

static int next_event(struct loading *l, yaml_event_t *event)
{
	if (yaml_parser_parse(&l->parser, event))
		return 0;
	/* What is no character at all has a place in bytes only. */
	if (l->parser.error == YAML_READER_ERROR)
		l->parser.problem_mark = mark_of(l, l->parser.problem_offset);
	const char *problem = l->parser.problem ? l->parser.problem : "not YAML";
	char text[256];
	snprintf(text, sizeof(text), "%s%s%s", problem, l->parser.context ? " " : "",
		l->parser.context ? l->parser.context : "");
	return fail_at(l, l->parser.problem_mark, text);
}

static int read_node(struct loading *l, yaml_event_t *event, struct yaml_node **out);

static struct yaml_node *new_node(struct loading *l, enum yaml_kind kind, yaml_mark_t mark)
{
	struct yaml_node *node = arena_zalloc(l->arena, sizeof(*node));
	node->kind = kind;
	node->line = (unsigned)mark.line + 1;
	node->column = (unsigned)mark.column + 1;
	return node;
}

static int read_list(struct loading *l, struct yaml_node *list)
{
	struct yaml_node **end = &list->first;
	yaml_event_t event;

	for (;;) {
		if (next_event(l, &event) != 0)
			return -1;
		if (event.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		if (read_node(l, &event, end) != 0)
			return -1;
		end = &(*end)->next;
	}
}

/* A key: a scalar that the map does not have yet. */
static int read_key(
	struct loading *l, yaml_event_t *event, const struct yaml_node *map, const char **key)
{
	char text[160];
	int rc = 0;

	if (event->type != YAML_SCALAR_EVENT)
		rc = fail_at(l, event->start_mark, "a key must be a word");
	else
		*key = arena_strndup(l->arena, (const char *)event->data.scalar.value,
			event->data.scalar.length);
	if (rc == 0 && yaml_get(map, *key)) {
		snprintf(text, sizeof(text), "the key '%.100s' stands here twice; take one away",
			*key);
		rc = fail_at(l, event->start_mark, text);
	}
	return rc;
}

static int read_map(struct loading *l, struct yaml_node *map)
{
	struct yaml_node **end = &map->first;
	yaml_event_t event;

	for (size_t count = 0;; count++) {
		const char *key = NULL;
		if (next_event(l, &event) != 0)
			return -1;
		if (event.type == YAML_MAPPING_END_EVENT) {
			yaml_event_delete(&event);
			return 0;
		}
		yaml_mark_t mark = event.start_mark;
		int rc = count < KEYS_MOST ? read_key(l, &event, map, &key)
					   : fail_at(l, mark, "too many keys stand here");
		yaml_event_delete(&event);
		if (rc != 0 || next_event(l, &event) != 0 || read_node(l, &event, end) != 0)
			return -1;
		(*end)->key = key;
		(*end)->key_line = (unsigned)mark.line + 1;
		(*end)->key_column = (unsigned)mark.column + 1;
		end = &(*end)->next;
	}
}

/* Takes EVENT. */
static int read_node(struct loading *l, yaml_event_t *event, struct yaml_node **out)
{
	yaml_mark_t mark = event->start_mark;
	yaml_event_type_t type = event->type;
	int rc;

	if (type == YAML_SCALAR_EVENT) {
		*out = new_node(l, YAML_SCALAR, mark);
		const char *text = (const char *)event->data.scalar.value;
		size_t n = event->data.scalar.length;
		(*out)->text = (struct slice){arena_strndup(l->arena, text, n), n};
		(*out)->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
		explicit_bzero(event->data.scalar.value, n); /* it may be a password */
		yaml_event_delete(event);
		return memchr(text ? (*out)->text.p : "", '\0', n)
			       ? fail_at(l, mark, "a NUL byte can't stand here")
			       : 0;
	}
	yaml_event_delete(event);
	if (type == YAML_ALIAS_EVENT)
		return fail_at(l, mark, "aliases (*name) are not supported; use `defaults`");
	if (type != YAML_SEQUENCE_START_EVENT && type != YAML_MAPPING_START_EVENT)
		return fail_at(l, mark, "a value was expected here");
	if (++l->depth > DEPTH_MOST)
		return fail_at(l, mark, "nested too deeply");
	*out = new_node(l, type == YAML_MAPPING_START_EVENT ? YAML_MAP : YAML_LIST, mark);
	rc = type == YAML_MAPPING_START_EVENT ? read_map(l, *out) : read_list(l, *out);
	l->depth--;
	return rc;
}

static int read_document(struct loading *l, struct yaml_node **out)
{
	yaml_event_t event;
	yaml_event_type_t type;

	*out = NULL;
	do { /* the stream's and the document's beginnings */
		if (next_event(l, &event) != 0)
			return -1;
		type = event.type;
		if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT)
			yaml_event_delete(&event);
	} while (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_START_EVENT);
	if (type == YAML_STREAM_END_EVENT) {
		yaml_event_delete(&event);
		return 0;
	}
	if (read_node(l, &event, out) != 0)
		return -1;
	for (type = YAML_NO_EVENT; type != YAML_STREAM_END_EVENT;) {
		if (next_event(l, &event) != 0)
			return -1;
		type = event.type;
		yaml_mark_t mark = event.start_mark;
		yaml_event_delete(&event);
		if (type == YAML_DOCUMENT_START_EVENT)
			return fail_at(l, mark, "a second document (---) can't stand in this file");
	}
	return 0;
}

/* The file's bytes into TEXT. */
static int slurp(const char *file, struct buf *text, struct err *err)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, ERR_CONFIG,
			"%s: no such file; write one (see sample.yaml) or give -c FILE", file);
	if (fd < 0)
		return err_set_errno(err, ERR_CONFIG, "%s: can't read it", file);
	while (n > 0 && text->len <= FILE_MOST) {
		n = read(fd, buf_room(text, 16384), 16384);
		if (n > 0)
			text->len += (size_t)n;
	}
	int saved = errno;
	close(fd);
	errno = saved;
	if (n < 0)
		return err_set_errno(err, ERR_CONFIG, "%s: can't read it", file);
	return text->len > FILE_MOST
		       ? err_set(err, ERR_CONFIG,
				 "%s: larger than 1 MiB: this can't be a configuration", file)
		       : 0;
}

int yaml_load(const char *file, struct arena *arena, struct yaml_node **out, struct err *err)
{
	struct loading l = {.file = file, .arena = arena, .err = err};
	struct buf text = {0};
	int rc = slurp(file, &text, err);

	if (rc == 0) {
		l.text = buf_slice(&text);
		ASSERT(yaml_parser_initialize(&l.parser) == 1);
		yaml_parser_set_input_string(
			&l.parser, (const unsigned char *)(text.data ? text.data : ""), text.len);
		rc = read_document(&l, out);
		yaml_parser_delete(&l.parser);
	}
	buf_wipe(&text);
	return rc;
}

struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (struct yaml_node *node = map->first; node; node = node->next)
		if (strcmp(node->key, key) == 0)
			return node;
	return NULL;
}

bool yaml_is_null(const struct yaml_node *node)
{
	return node->kind == YAML_SCALAR && node->plain &&
	       (node->text.n == 0 || slice_eq_str(node->text, "~") ||
		       slice_eq_str(node->text, "null"));
}

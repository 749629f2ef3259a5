/*
 * One key at a time: where it stands, and its text as a value. Each is looked up in the account,
 * then in `defaults`, then in the table.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/reading.h"
#include "config/values.h"

int reading_fail(struct reading *r, unsigned line, unsigned column, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return err_set(r->err, ERR_CONFIG, "%s:%u:%u: %s", r->file, line, column, text);
}

const struct config_option *reading_option(const char *prefix, const char *key)
{
	char name[128];

	snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "", key);
	for (size_t i = 0; i < config_option_count; i++)
		if (strcmp(config_options[i].key, name) == 0)
			return &config_options[i];
	return NULL;
}

/* The node of "server.host" below MAP, NULL if it is not there or says nothing. */
const struct yaml_node *reading_find_in(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = map;

	for (const char *dot; node && (dot = strchr(key, '.')); key = dot + 1) {
		char section[32];
		snprintf(section, sizeof(section), "%.*s", (int)(dot - key), key);
		node = yaml_get(node, section);
	}
	node = node ? yaml_get(node, key) : NULL;
	return node && !yaml_is_null(node) ? node : NULL;
}

const struct yaml_node *reading_find(const struct reading *r, const char *key)
{
	const struct yaml_node *node = reading_find_in(r->account, key);
	return node ? node : reading_find_in(r->defaults, key);
}

const char *reading_fallback(const char *key)
{
	for (size_t i = 0; i < config_option_count; i++)
		if (strcmp(config_options[i].key, key) == 0)
			return config_options[i].fallback;
	base_bug(__FILE__, __LINE__, key);
}

int reading_scalar(struct reading *r, const char *key, const struct yaml_node *node)
{
	if (node->kind == YAML_SCALAR)
		return 0;
	return reading_fail(r, node->line, node->column, "%s must be a single value", key);
}

int reading_string(struct reading *r, const char *key, char **out)
{
	const struct yaml_node *node = reading_find(r, key);

	if (!node)
		return 0;
	if (reading_scalar(r, key, node) != 0)
		return -1;
	if (node->text.n == 0)
		return reading_fail(r, node->line, node->column, "%s can't be empty", key);
	*out = xstrndup(node->text.p, node->text.n);
	return 0;
}

int reading_path(struct reading *r, const char *key, bool must_exist, char **out)
{
	const struct yaml_node *node = reading_find(r, key);
	char reason[200];
	struct stat st;

	if (!node)
		return 0;
	if (reading_scalar(r, key, node) != 0)
		return -1;
	*out = value_path(node->text.p, reason, sizeof(reason));
	if (!*out)
		return reading_fail(r, node->line, node->column, "%s: %s", key, reason);
	if (must_exist && euidaccess(*out, R_OK) != 0)
		return reading_fail(r, node->line, node->column,
			"%s: the file %s can't be read; name one that is there", key, *out);
	if (must_exist && stat(*out, &st) == 0 && S_ISDIR(st.st_mode))
		return reading_fail(
			r, node->line, node->column, "%s: %s is a folder; name a file", key, *out);
	return 0;
}

int reading_number(struct reading *r, const char *key, unsigned least, unsigned most, unsigned *out)
{
	const struct yaml_node *node = reading_find(r, key);
	uint64_t value = 0;

	if (node && reading_scalar(r, key, node) != 0)
		return -1;
	if (!slice_number(node ? node->text : slice_str(reading_fallback(key)), most, &value) ||
		value < least)
		return node ? reading_fail(r, node->line, node->column,
				      "%s must be a number from %u to %u", key, least, most)
			    : -1;
	*out = (unsigned)value;
	return 0;
}

int reading_duration(struct reading *r, const char *key, int64_t *seconds)
{
	const struct yaml_node *node = reading_find(r, key);

	if (node && reading_scalar(r, key, node) != 0)
		return -1;
	if (value_duration(node ? node->text.p : reading_fallback(key), seconds))
		return 0;
	return node ? reading_fail(r, node->line, node->column,
			      "%s must be a time like 60s, 2m, 1h or 30d", key)
		    : -1;
}

/* Index among the option's values. */
int reading_enum(struct reading *r, const char *key, int *out)
{
	const struct yaml_node *node = reading_find(r, key);
	const struct config_option *option = reading_option("", key);

	if (node && reading_scalar(r, key, node) != 0)
		return -1;
	*out = value_enum(node ? node->text.p : option->fallback, option->values);
	if (*out >= 0)
		return 0;
	ASSERT(node); /* the table's own default is one of its values */
	return reading_fail(
		r, node->line, node->column, "%s must be one of %s", key, option->values);
}

void reading_list_add(struct config_list *list, const char *item)
{
	list->items = xrealloc_array(list->items, list->count + 2, sizeof(*list->items));
	list->items[list->count++] = xstrdup(item);
	list->items[list->count] = NULL;
}

static int fill_list(
	struct reading *r, const char *key, const struct yaml_node *node, struct config_list *out)
{
	if (node->kind != YAML_LIST)
		return reading_fail(
			r, node->line, node->column, "%s must be a list, like [a, b]", key);
	for (const struct yaml_node *item = node->first; item; item = item->next) {
		if (item->kind != YAML_SCALAR || item->text.n == 0)
			return reading_fail(
				r, item->line, item->column, "%s: each item must be a word", key);
		reading_list_add(out, item->text.p);
	}
	return 0;
}

int reading_list(struct reading *r, const char *key, struct config_list *out)
{
	const struct yaml_node *node = reading_find(r, key);
	return node ? fill_list(r, key, node, out) : 0;
}

int reading_argv(
	struct reading *r, const char *key, const struct yaml_node *node, struct config_list *out)
{
	if (fill_list(r, key, node, out) != 0)
		return -1;
	return out->count > 0
		       ? 0
		       : reading_fail(r, node->line, node->column,
				 "%s: a command needs at least its name, like [pass, show, mail]",
				 key);
}

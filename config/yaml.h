/*
 * A YAML file as a small tree that knows its lines and columns. Bounded: size of the file, depth,
 * number of nodes; aliases are refused, so a tree is never larger than its file. Duplicate keys are
 * errors.
 */
#ifndef CONFIG_YAML_H
#define CONFIG_YAML_H

#include "base/arena.h"
#include "base/err.h"

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	unsigned line, column; /* from 1 */
	struct slice text;     /* scalar; NUL-terminated */
	bool plain;            /* scalar without quotes: "", "~" and "null" mean nothing */
	const char *key;       /* as an entry of a map; NULL else */
	unsigned key_line, key_column;
	struct yaml_node *first; /* list, map: children in the order of the file */
	struct yaml_node *next;
};

/* The document's root into *OUT (NULL for an empty file). ERR_CONFIG "FILE:LINE:COLUMN: ...". */
int yaml_load(
	const char *file, struct arena *arena, struct yaml_node **out, struct err *err) MUST_USE;
/* The entry KEY of a map, NULL if there is none. */
struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);
/* A scalar that says nothing: key without a value, ~ or null. */
bool yaml_is_null(const struct yaml_node *node);

#endif

/*
 * What the files share that turn the tree into accounts (reader.c, auth.c). Nobody else includes
 * it. KEY is a name of the table of all keys (options.c). A key that is not there leaves *OUT as it
 * is, or, where the table has a default for it, at that. All say in R->err what is wrong, with
 * file, line and column, and return 0 or -1.
 */
#ifndef CONFIG_READING_H
#define CONFIG_READING_H

#include "config/config.h"
#include "config/yaml.h"

struct reading {
	const char *file; /* lives as long as the configuration */
	struct err *err;
	struct arena *arena;              /* of the tree */
	const struct yaml_node *defaults; /* NULL: none */
	const struct yaml_node *account;
	struct config_account *out;
};

/* Always -1. */
int reading_fail(struct reading *r, unsigned line, unsigned column, const char *fmt, ...)
	PRINTF(4, 5);

/* The row of PREFIX + "." + KEY in the table; NULL if it is unknown. */
const struct config_option *reading_option(const char *prefix, const char *key);
/* Its default. */
const char *reading_fallback(const char *key);

/* The node of "server.host" below MAP, NULL if it is not there or says nothing. */
const struct yaml_node *reading_find_in(const struct yaml_node *map, const char *key);
/* Below the account, else below `defaults`. */
const struct yaml_node *reading_find(const struct reading *r, const char *key);

int reading_scalar(struct reading *r, const char *key, const struct yaml_node *node);
int reading_string(struct reading *r, const char *key, char **out);
int reading_path(struct reading *r, const char *key, bool must_exist, char **out);
int reading_number(
	struct reading *r, const char *key, unsigned least, unsigned most, unsigned *out);
int reading_duration(struct reading *r, const char *key, int64_t *seconds);
/* Index among the option's values. */
int reading_enum(struct reading *r, const char *key, int *out);
void reading_list_add(struct config_list *list, const char *item);
int reading_list(struct reading *r, const char *key, struct config_list *out);
/* NODE as a command: a list with a word in it at least. */
int reading_argv(
	struct reading *r, const char *key, const struct yaml_node *node, struct config_list *out);

/* All accounts are read: the Maildir of each is its own (roots.c). */
int reading_roots(struct reading *r, const struct config *config);

/* The section `auth`; the tunnel and the client certificate must have been read before. */
int reading_auth(struct reading *r);

#endif

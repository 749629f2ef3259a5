/*
 * Items of work and lists of them.
 */
#include <stdlib.h>
#include <string.h>

#include "sync/settle_impl.h"

void list_add(struct list *list, struct item *item)
{
	if (!list->end)
		list->end = &list->first;
	item->next = NULL;
	*list->end = item;
	list->end = &item->next;
	list->count++;
}

struct item *list_pop(struct list *list)
{
	struct item *item = list->first;
	if (!item)
		return NULL;
	list->first = item->next;
	if (!list->first)
		list->end = &list->first;
	list->count--;
	return item;
}

struct list list_take(struct list *list)
{
	struct list all = *list;
	if (!all.first)
		all = (struct list){0};
	*list = (struct list){0};
	return all;
}

void item_free(struct item *item)
{
	if (item->kind == ITEM_FOLDERS)
		free(item->folders.items);
	maildir_unref(item->maildir);
	free(item);
}

struct item *item_new(enum item_kind kind, uint32_t id, struct maildir *maildir, size_t strings)
{
	struct item *item = xcalloc(1, sizeof(*item) + strings + 1);
	item->kind = kind;
	item->id = id;
	item->maildir = maildir ? maildir_ref(maildir) : NULL;
	return item;
}

void item_keep(char **pos, struct slice *s)
{
	if (s->n > 0)
		memcpy(*pos, s->p, s->n);
	s->p = *pos;
	*pos += s->n;
}

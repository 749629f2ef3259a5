#include "model/keywords.h"

#include <stdlib.h>

#include "base/thread.h"

struct keywords {
	pthread_mutex_t lock; /* guards count and names; a name never changes or goes once given */
	unsigned count;
	char *names[KEYWORDS_MAX];
};

struct keywords *keywords_new(void)
{
	struct keywords *k = xcalloc(1, sizeof(*k));
	mutex_init(&k->lock);
	return k;
}

void keywords_free(struct keywords *k)
{
	if (!k)
		return;
	for (unsigned i = 0; i < k->count; i++)
		free(k->names[i]);
	mutex_fini(&k->lock);
	free(k);
}

/* RFC 9051 atom; names of system flags and control bytes can't pass. */
static bool is_atom(struct slice name)
{
	if (name.n == 0 || name.n > 255)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		unsigned char c = (unsigned char)name.p[i];
		if (c <= 0x20 || c >= 0x7f || c == '(' || c == ')' || c == '{' || c == '%' ||
			c == '*' || c == '"' || c == '\\' || c == ']')
			return false;
	}
	return true;
}

/* Under the lock. Tables are short: a handful of keywords is usual, KEYWORDS_MAX the end. */
static int find(const struct keywords *k, struct slice name)
{
	for (unsigned i = 0; i < k->count; i++)
		if (slice_eq_nocase(slice_str(k->names[i]), name))
			return (int)i;
	return -1;
}

static int add(struct keywords *k, struct slice name)
{
	if (k->count == KEYWORDS_MAX || !is_atom(name))
		return -1;
	k->names[k->count] = xstrndup(name.p, name.n);
	return (int)k->count++;
}

int keywords_intern(struct keywords *k, struct slice name)
{
	mutex_lock(&k->lock);
	int id = find(k, name);
	if (id < 0)
		id = add(k, name);
	mutex_unlock(&k->lock);
	return id;
}

int keywords_find(struct keywords *k, struct slice name)
{
	mutex_lock(&k->lock);
	int id = find(k, name);
	mutex_unlock(&k->lock);
	return id;
}

const char *keywords_name(struct keywords *k, unsigned id)
{
	mutex_lock(&k->lock);
	const char *name = id < k->count ? k->names[id] : NULL;
	mutex_unlock(&k->lock);
	return name;
}

unsigned keywords_count(struct keywords *k)
{
	mutex_lock(&k->lock);
	unsigned count = k->count;
	mutex_unlock(&k->lock);
	return count;
}

bool keywords_restore(struct keywords *k, unsigned id, struct slice name)
{
	mutex_lock(&k->lock);
	bool ok = id == k->count && find(k, name) < 0 && add(k, name) >= 0;
	mutex_unlock(&k->lock);
	return ok;
}

void keywords_format(struct keywords *k, const struct flags *f, struct buf *out)
{
	const char *gap = "";

	for (unsigned bit = 1; bit <= FLAG_ALL; bit <<= 1) {
		if (!(f->system & bit))
			continue;
		buf_addf(out, "%s%s", gap, flags_imap_name((enum flag)bit));
		gap = " ";
	}
	unsigned count = keywords_count(k);
	for (unsigned id = 0; id < count; id++) {
		if (!flags_has_keyword(f, id))
			continue;
		buf_addf(out, "%s%s", gap, keywords_name(k, id));
		gap = " ";
	}
}

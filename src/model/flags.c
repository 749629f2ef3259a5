#include "model/flags.h"

#include <string.h>

#define WORDS (KEYWORDS_MAX / 64)

bool flags_equal(const struct flags *a, const struct flags *b)
{
	return a->system == b->system && memcmp(a->keywords, b->keywords, sizeof(a->keywords)) == 0;
}

bool flags_empty(const struct flags *f)
{
	uint64_t any = f->system;
	for (size_t i = 0; i < WORDS; i++)
		any |= f->keywords[i];
	return any == 0;
}

struct flags flags_and(const struct flags *a, const struct flags *b)
{
	struct flags out = {.system = a->system & b->system};
	for (size_t i = 0; i < WORDS; i++)
		out.keywords[i] = a->keywords[i] & b->keywords[i];
	return out;
}

struct flags flags_or(const struct flags *a, const struct flags *b)
{
	struct flags out = {.system = a->system | b->system};
	for (size_t i = 0; i < WORDS; i++)
		out.keywords[i] = a->keywords[i] | b->keywords[i];
	return out;
}

struct flags flags_xor(const struct flags *a, const struct flags *b)
{
	struct flags out = {.system = a->system ^ b->system};
	for (size_t i = 0; i < WORDS; i++)
		out.keywords[i] = a->keywords[i] ^ b->keywords[i];
	return out;
}

struct flags flags_minus(const struct flags *a, const struct flags *b)
{
	struct flags out = {.system = a->system & ~b->system};
	for (size_t i = 0; i < WORDS; i++)
		out.keywords[i] = a->keywords[i] & ~b->keywords[i];
	return out;
}

struct flags flags_system(uint32_t system)
{
	return (struct flags){.system = system};
}

struct flags flags_full(void)
{
	struct flags out;
	memset(&out, 0, sizeof(out));
	memset(out.keywords, 0xff, sizeof(out.keywords));
	out.system = FLAG_ALL;
	return out;
}

bool flags_has_keyword(const struct flags *f, unsigned id)
{
	return id < KEYWORDS_MAX && (f->keywords[id / 64] >> (id % 64) & 1);
}

void flags_add_keyword(struct flags *f, unsigned id)
{
	ASSERT(id < KEYWORDS_MAX);
	f->keywords[id / 64] |= UINT64_C(1) << (id % 64);
}

struct flags flags_merge(const struct flags *base, const struct flags *there,
	const struct flags *here, const struct flags *mask_there, const struct flags *mask_here)
{
	struct flags there_changed = flags_xor(there, base);
	struct flags here_changed = flags_xor(here, base);

	there_changed = flags_and(&there_changed, mask_there);
	here_changed = flags_and(&here_changed, mask_here);
	struct flags changed = flags_or(&there_changed, &here_changed);
	return flags_xor(base, &changed);
}

/* In the order of their letters, which is ASCII order. */
static const struct {
	enum flag flag;
	char letter;
	const char *name;
} names[] = {
	{FLAG_DRAFT, 'D', "\\Draft"},
	{FLAG_FLAGGED, 'F', "\\Flagged"},
	{FLAG_FORWARDED, 'P', "$Forwarded"},
	{FLAG_ANSWERED, 'R', "\\Answered"},
	{FLAG_SEEN, 'S', "\\Seen"},
	{FLAG_DELETED, 'T', "\\Deleted"},
};

size_t flags_letters(uint32_t system, char out[7])
{
	size_t n = 0;
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (system & names[i].flag)
			out[n++] = names[i].letter;
	out[n] = '\0';
	return n;
}

uint32_t flags_from_letters(struct slice letters)
{
	uint32_t system = 0;
	for (size_t i = 0; i < letters.n; i++)
		for (size_t k = 0; k < COUNT_OF(names); k++)
			if (letters.p[i] == names[k].letter)
				system |= names[k].flag;
	return system;
}

const char *flags_imap_name(enum flag flag)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (names[i].flag == flag)
			return names[i].name;
	base_bug(__FILE__, __LINE__, "not one flag");
}

uint32_t flags_from_imap(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(names); i++)
		if (slice_eq_nocase(name, slice_str(names[i].name)))
			return names[i].flag;
	return 0;
}

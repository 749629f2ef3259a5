#include "config/nearest.h"

#include <string.h>

#define LONGEST 63

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned nearest_distance(struct slice a, struct slice b, unsigned limit)
{
	unsigned rows[3][LONGEST + 1], *before = rows[0], *last = rows[1], *now = rows[2];

	if (a.n > LONGEST || b.n > LONGEST)
		return limit + 1;
	for (unsigned j = 0; j <= b.n; j++)
		last[j] = before[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		now[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned cost = a.p[i - 1] != b.p[j - 1];
			now[j] = least(least(last[j] + 1, now[j - 1] + 1), last[j - 1] + cost);
			if (i > 1 && j > 1 && a.p[i - 1] == b.p[j - 2] && a.p[i - 2] == b.p[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		unsigned *old = before;
		before = last;
		last = now;
		now = old;
	}
	return least(last[b.n], limit + 1);
}

const char *nearest_word(struct slice word, const char *const *words, size_t count)
{
	const char *best = NULL;
	unsigned best_distance = 0;

	for (size_t i = 0; i < count; i++) {
		unsigned limit = (unsigned)strlen(words[i]) / 3;
		unsigned distance = nearest_distance(word, slice_str(words[i]), limit);
		if (distance > limit || (best && distance >= best_distance))
			continue;
		best = words[i];
		best_distance = distance;
	}
	return best;
}

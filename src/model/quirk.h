/*
 * What is known about single providers, and what server.quirks may say. Pure: a table, and
 * questions to it.
 *
 * A profile is chosen by the word in server.quirks, else by the host's name, else by the greeting,
 * else by what the server calls itself when we introduce ourselves (ID, RFC 2971).
 * It switches off extensions that the provider announces and does not do well, caps connections,
 * and says how its mailboxes are meant. Each of it can be switched by hand.
 */
#ifndef MODEL_QUIRK_H
#define MODEL_QUIRK_H

#include "base/slice.h"

enum quirk_view { /* mailboxes that only show messages of other mailboxes, by SPECIAL-USE */
	QUIRK_VIEW_ALL = 1 << 0,
	QUIRK_VIEW_FLAGGED = 1 << 1,
	QUIRK_VIEW_IMPORTANT = 1 << 2,
};

struct quirk_profile {
	const char *name;     /* in server.quirks */
	const char *hosts;    /* its host names, or ends of them that begin with '.'; a blank
				 between */
	const char *greeting; /* what its greeting holds, NULL: nothing of its own */
	const char *id;       /* what its name in the answer to ID begins with, NULL: nothing of its
				 own */
	const char *off;      /* extensions that are left alone, a blank between */
	unsigned connections; /* of one user at most; 0: no limit known */
	unsigned views;       /* bits of enum quirk_view */
	bool trash;           /* to delete a message is to move it to the \Trash */
	const char *about;    /* for people */
};

/* The words of server.quirks. */
struct quirk_words {
	char *const *items;
	size_t count;
};

/* The I-th profile, NULL: there are no more. */
const struct quirk_profile *quirk_profile_at(size_t i);
/* What a server is known by: as much of it as there is at the time. */
struct quirk_server {
	const char *host;      /* as configured, may be NULL */
	struct slice greeting; /* the text of its first line */
	struct slice id;       /* "name" of its answer to ID */
};
struct quirk_choice {
	const struct quirk_profile *profile; /* NULL: none */
	const char *by; /* "server.quirks", "host", "greeting" or "ID"; "server.quirks" without a
			   profile: it says that there is to be none; else NULL */
};
struct quirk_choice quirk_choose(struct quirk_words words, const struct quirk_server *server);
/* Is EXTENSION left alone, by the words or the profile (may be NULL)? */
bool quirk_off(
	struct quirk_words words, const struct quirk_profile *profile, const char *extension);
/* How many connections may be open at once, of the WANTED. */
unsigned quirk_connections(const struct quirk_profile *profile, unsigned wanted);
/* Does deleting mean moving to the trash? Switched by the words "trash" and "-trash". */
bool quirk_trash(struct quirk_words words, const struct quirk_profile *profile);
/* Which mailboxes are views and left out; "-views": none. */
unsigned quirk_views(struct quirk_words words, const struct quirk_profile *profile);

/* Everything that a word can be: NULL-terminated. */
const char *const *quirk_vocabulary(void);

#endif

#include "model/quirk.h"

#include <string.h>
#include <strings.h>

#define GMAIL_VIEWS (QUIRK_VIEW_ALL | QUIRK_VIEW_FLAGGED | QUIRK_VIEW_IMPORTANT)

/*
 * Profiles are from general knowledge of these providers, not tried live. Numbers of connections
 * are guesses on the safe side.
 */
static const struct quirk_profile profiles[] = {
	{.name = "gmail",
		.hosts = "imap.gmail.com imap.googlemail.com",
		.greeting = "Gimap ready",
		.id = "GImap",
		.connections = 10, /* 15 for all programs of a user together */
		.views = GMAIL_VIEWS,
		.trash = true,
		.about = "folders are labels: a message deleted in one of them would stay in "
			 "All Mail"},
	{.name = "exchange",
		.hosts = "outlook.office365.com outlook.office.com imap-mail.outlook.com "
			 ".outlook.com partner.outlook.cn",
		.greeting = "Microsoft Exchange",
		.id = "Microsoft.Exchange",
		.off = "MOVE", /* Exchange 2013 loses messages that are moved */
		.connections = 8,
		.about = "throttles, rounds RFC822.SIZE, MOVE cannot be trusted"},
	{.name = "icloud",
		.hosts = "imap.mail.me.com .mail.me.com",
		.connections = 5,
		.about = "refuses many connections at once"},
	{.name = "yahoo",
		.hosts = "imap.mail.yahoo.com .mail.yahoo.com imap.aol.com .mail.yahoo.co.jp",
		.id = "Y!IMAP",
		.connections = 5,
		.about = "shows the newest messages only, refuses many connections"},
	{.name = "proton",
		.greeting = "Proton Mail Bridge",
		.id = "Proton Mail Bridge",
		.connections = 4,
		.views = QUIRK_VIEW_ALL | QUIRK_VIEW_FLAGGED,
		.about = "the Bridge on this machine: All Mail and Starred show what lies "
			 "elsewhere"},
	{.name = "fastmail",
		.hosts = "imap.fastmail.com .fastmail.com",
		.connections = 10,
		.about = "Cyrus"},
	{.name = "courier",
		.greeting = "Courier-IMAP ready",
		.connections = 4, /* MAXPERIP is 4 unless raised */
		.about = "its default is four connections of one address"},
	{.name = "qq",
		.hosts = "imap.qq.com imap.exmail.qq.com",
		.connections = 3,
		.about = "refuses descending UID sets, which are never sent"},
	{.name = "netease",
		.hosts = "imap.163.com imap.126.com imap.yeah.net",
		.id = "Coremail",
		.connections = 3,
		.about = "wants ID before SELECT, which is always sent"},
};

/* Behaviours, and extensions as "-NAME". The names are those of imap/capability.c. */
static const char *const vocabulary[] = {"gmail", "exchange", "icloud", "yahoo", "proton",
	"fastmail", "courier", "qq", "netease", "none", "trash", "-trash", "views", "-views",
	"-IMAP4rev2", "-SASL-IR", "-LITERAL+", "-LITERAL-", "-ENABLE", "-ID", "-NAMESPACE",
	"-UIDPLUS", "-MOVE", "-CONDSTORE", "-QRESYNC", "-ESEARCH", "-LIST-EXTENDED", "-LIST-STATUS",
	"-SPECIAL-USE", "-CREATE-SPECIAL-USE", "-STATUS=SIZE", "-UNSELECT", "-IDLE", "-MULTIAPPEND",
	"-APPENDLIMIT", "-COMPRESS=DEFLATE", "-UTF8=ACCEPT", "-OBJECTID", "-SAVEDATE",
	"-INPROGRESS", "-NOTIFY", NULL};

const char *const *quirk_vocabulary(void)
{
	return vocabulary;
}

const struct quirk_profile *quirk_profile_at(size_t i)
{
	return i < COUNT_OF(profiles) ? &profiles[i] : NULL;
}

static bool says(struct quirk_words words, const char *word)
{
	for (size_t i = 0; i < words.count; i++)
		if (strcasecmp(words.items[i], word) == 0)
			return true;
	return false;
}

/* The next of LIST's words, which a blank divides; false at the end. */
static bool next_word(const char **list, struct slice *word)
{
	if (!*list || !**list)
		return false;
	size_t n = strcspn(*list, " ");
	*word = (struct slice){*list, n};
	*list += n + strspn(*list + n, " ");
	return true;
}

static bool is_host(const struct quirk_profile *profile, const char *host)
{
	const char *rest = profile->hosts;
	struct slice word, name = slice_str(host);

	while (next_word(&rest, &word)) {
		struct slice end = name;
		if (word.p[0] == '.' && name.n > word.n)
			end = (struct slice){name.p + name.n - word.n, word.n};
		if (slice_eq_nocase(end, word))
			return true;
	}
	return false;
}

static bool greets(const struct quirk_profile *profile, struct slice greeting)
{
	return profile->greeting && greeting.n > 0 &&
	       memmem(greeting.p, greeting.n, profile->greeting, strlen(profile->greeting));
}

static bool calls_itself(const struct quirk_profile *profile, struct slice id)
{
	return profile->id && id.n > 0 && slice_starts_nocase(id, profile->id);
}

struct quirk_choice quirk_choose(struct quirk_words words, const struct quirk_server *server)
{
	if (says(words, "none"))
		return (struct quirk_choice){NULL, "server.quirks"};
	for (size_t i = 0; i < COUNT_OF(profiles); i++)
		if (says(words, profiles[i].name))
			return (struct quirk_choice){&profiles[i], "server.quirks"};
	for (size_t i = 0; i < COUNT_OF(profiles); i++)
		if (server->host && is_host(&profiles[i], server->host))
			return (struct quirk_choice){&profiles[i], "host"};
	for (size_t i = 0; i < COUNT_OF(profiles); i++)
		if (greets(&profiles[i], server->greeting))
			return (struct quirk_choice){&profiles[i], "greeting"};
	for (size_t i = 0; i < COUNT_OF(profiles); i++)
		if (calls_itself(&profiles[i], server->id))
			return (struct quirk_choice){&profiles[i], "ID"};
	return (struct quirk_choice){NULL, NULL};
}

bool quirk_off(struct quirk_words words, const struct quirk_profile *profile, const char *extension)
{
	const char *rest = profile ? profile->off : NULL;
	struct slice word;

	for (size_t i = 0; i < words.count; i++)
		if (words.items[i][0] == '-' && strcasecmp(words.items[i] + 1, extension) == 0)
			return true;
	while (next_word(&rest, &word))
		if (slice_eq_nocase(word, slice_str(extension)))
			return true;
	return false;
}

unsigned quirk_connections(const struct quirk_profile *profile, unsigned wanted)
{
	return profile && profile->connections && profile->connections < wanted
		       ? profile->connections
		       : wanted;
}

bool quirk_trash(struct quirk_words words, const struct quirk_profile *profile)
{
	return !says(words, "-trash") && (says(words, "trash") || (profile && profile->trash));
}

unsigned quirk_views(struct quirk_words words, const struct quirk_profile *profile)
{
	if (says(words, "-views"))
		return 0;
	if (profile && profile->views)
		return profile->views;
	return says(words, "views") ? GMAIL_VIEWS : 0;
}

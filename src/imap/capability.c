/*
 * The table of capabilities. To add one: a value in enum imap_capability, a row here.
 */
#include <assert.h>
#include "imap/capability.h"
#include "imap/mechanism.h"

#define BIT(name) (UINT64_C(1) << IMAP_CAP_##name)

struct row {
	struct imap_extension shown;
	uint64_t implies; /* capabilities that come with it */
};

/* RFC 9051 appendix E: what IMAP4rev2 took in. */
#define REV2_IMPLIES                                                                               \
	(BIT(NAMESPACE) | BIT(UNSELECT) | BIT(UIDPLUS) | BIT(ESEARCH) | BIT(ENABLE) | BIT(IDLE) |  \
		BIT(SASL_IR) | BIT(LIST_EXTENDED) | BIT(LIST_STATUS) | BIT(MOVE) |                 \
		BIT(LITERAL_MINUS) | BIT(SPECIAL_USE) | BIT(STATUS_SIZE))

/* `used` is false where nothing is gained from it here, or not yet. */
static const struct row rows[IMAP_CAP_COUNT] = {
	[IMAP_CAP_IMAP4REV1] = {{"IMAP4rev1", "RFC 3501", "the protocol", true}, 0},
	[IMAP_CAP_IMAP4REV2] = {{"IMAP4rev2", "RFC 9051", "names in UTF-8, and all that it took in",
					true},
		REV2_IMPLIES},
	[IMAP_CAP_SASL_IR] = {{"SASL-IR", "RFC 4959", "login without an extra round trip", true},
		0},
	[IMAP_CAP_LITERAL_PLUS] = {{"LITERAL+", "RFC 7888", "upload without waiting", true}, 0},
	[IMAP_CAP_LITERAL_MINUS] = {{"LITERAL-", "RFC 7888", "the same up to 4096 octets", true},
		0},
	[IMAP_CAP_ENABLE] = {{"ENABLE", "RFC 5161", "switching extensions on", true}, 0},
	[IMAP_CAP_ID] = {{"ID", "RFC 2971",
				 "who both are: some servers insist, some have a profile", true},
		0},
	[IMAP_CAP_NAMESPACE] = {{"NAMESPACE", "RFC 2342", "prefix and delimiter of names", true},
		0},
	[IMAP_CAP_UIDPLUS] = {{"UIDPLUS", "RFC 4315", "the UID of an upload, UID EXPUNGE", true},
		0},
	[IMAP_CAP_MOVE] = {{"MOVE", "RFC 6851", "moving without upload", true}, 0},
	[IMAP_CAP_CONDSTORE] = {{"CONDSTORE", "RFC 7162", "which flags changed since", true}, 0},
	[IMAP_CAP_QRESYNC] = {{"QRESYNC", "RFC 7162", "what vanished since", true}, BIT(CONDSTORE)},
	[IMAP_CAP_ESEARCH] = {{"ESEARCH", "RFC 4731", "search results as ranges", true}, 0},
	[IMAP_CAP_LIST_EXTENDED] = {{"LIST-EXTENDED", "RFC 5258", "LIST ... RETURN", true}, 0},
	[IMAP_CAP_LIST_STATUS] = {{"LIST-STATUS", "RFC 5819", "STATUS within LIST", true},
		BIT(LIST_EXTENDED)},
	[IMAP_CAP_SPECIAL_USE] = {{"SPECIAL-USE", "RFC 6154", "roles of mailboxes: trash, views",
					  true},
		0},
	[IMAP_CAP_CREATE_SPECIAL_USE] = {{"CREATE-SPECIAL-USE", "RFC 6154", "giving roles", false},
		BIT(SPECIAL_USE)},
	[IMAP_CAP_STATUS_SIZE] = {{"STATUS=SIZE", "RFC 8438", "octets in a mailbox", false}, 0},
	[IMAP_CAP_UNSELECT] = {{"UNSELECT", "RFC 3691", "leaving without expunge", true}, 0},
	[IMAP_CAP_IDLE] = {{"IDLE", "RFC 2177", "watching one mailbox", false}, 0},
	[IMAP_CAP_MULTIAPPEND] = {{"MULTIAPPEND", "RFC 3502", "many uploads in one command", true},
		0},
	[IMAP_CAP_APPENDLIMIT] = {{"APPENDLIMIT", "RFC 7889", "too big a message is not even sent",
					  true},
		0},
	[IMAP_CAP_COMPRESS_DEFLATE] = {{"COMPRESS=DEFLATE", "RFC 4978", "compression", true}, 0},
	[IMAP_CAP_UTF8_ACCEPT] = {{"UTF8=ACCEPT", "RFC 6855", "names in UTF-8", false},
		BIT(ENABLE)},
	[IMAP_CAP_OBJECTID] = {{"OBJECTID", "RFC 8474",
				       "MAILBOXID: a mailbox made anew, or renamed; not EMAILID",
				       true},
		0},
	[IMAP_CAP_SAVEDATE] = {{"SAVEDATE", "RFC 8514", "when a message came to its mailbox",
				       false},
		0},
	[IMAP_CAP_INPROGRESS] =
		{{"INPROGRESS", "RFC 9585", "signs of life of a long command", false}, 0},
	[IMAP_CAP_NOTIFY] = {{"NOTIFY", "RFC 5465", "watching many mailboxes", false}, 0},
	[IMAP_CAP_STARTTLS] = {{"STARTTLS", "RFC 3501", "TLS on the plain port", true}, 0},
	[IMAP_CAP_LOGINDISABLED] = {{"LOGINDISABLED", "RFC 3501", "LOGIN is refused", true}, 0},
};

static_assert(IMAP_CAP_COUNT <= 64, "capabilities have to fit into a machine word");

static int find(struct slice name)
{
	for (int i = 0; i < IMAP_CAP_COUNT; i++) {
		if (slice_eq_nocase(name, slice_str(rows[i].shown.name)))
			return i;
	}
	return -1;
}

/* APPENDLIMIT alone means that each mailbox has its own (STATUS tells). */
static bool add_append_limit(struct capabilities *capabilities, struct slice word)
{
	static const char prefix[] = "APPENDLIMIT=";
	size_t n = sizeof(prefix) - 1;
	uint64_t limit;

	if (!slice_starts_nocase(word, prefix))
		return false;
	if (slice_number((struct slice){word.p + n, word.n - n}, UINT64_MAX, &limit)) {
		capabilities->append_limit = limit;
		capabilities->bits |= BIT(APPENDLIMIT);
	}
	return true;
}

void capability_add(struct capabilities *capabilities, struct slice word)
{
	int i;

	if (slice_starts_nocase(word, "AUTH=")) {
		capabilities->mechanisms |= mechanism_bits((struct slice){word.p + 5, word.n - 5});
		return;
	}
	if (add_append_limit(capabilities, word))
		return;
	i = find(word);
	if (i >= 0)
		capabilities->bits |= (UINT64_C(1) << i) | rows[i].implies;
}

bool capability_has(const struct capabilities *capabilities, enum imap_capability capability)
{
	return capabilities->bits >> capability & 1;
}

void capability_drop(struct capabilities *capabilities, struct quirk_words words,
	const struct quirk_profile *profile)
{
	for (int i = 0; i < IMAP_CAP_COUNT; i++)
		if (quirk_off(words, profile, rows[i].shown.name))
			capabilities->bits &= ~(UINT64_C(1) << i);
	if (!capability_has(capabilities, IMAP_CAP_APPENDLIMIT))
		capabilities->append_limit = 0;
}

const struct imap_extension *imap_extension(enum imap_capability capability)
{
	ASSERT(capability < IMAP_CAP_COUNT);
	return &rows[capability].shown;
}

const char *imap_capability_name(enum imap_capability capability)
{
	return imap_extension(capability)->name;
}

/*
 * The table of capabilities. To add one: a value in enum imap_capability, a row here.
 */
#include <assert.h>
#include "imap/capability.h"
#include "imap/mechanism.h"

#define BIT(name) (UINT64_C(1) << IMAP_CAP_##name)

struct row {
	const char *name;  /* as on the wire */
	const char *since; /* the RFC that defines it */
	const char *use;   /* what for */
	uint64_t implies;  /* capabilities that come with it */
};

/* RFC 9051 appendix E: what IMAP4rev2 took in. */
#define REV2_IMPLIES                                                                               \
	(BIT(NAMESPACE) | BIT(UNSELECT) | BIT(UIDPLUS) | BIT(ESEARCH) | BIT(ENABLE) | BIT(IDLE) |  \
		BIT(SASL_IR) | BIT(LIST_EXTENDED) | BIT(LIST_STATUS) | BIT(MOVE) |                 \
		BIT(LITERAL_MINUS) | BIT(SPECIAL_USE) | BIT(STATUS_SIZE))

static const struct row rows[IMAP_CAP_COUNT] = {
	[IMAP_CAP_IMAP4REV1] = {"IMAP4rev1", "RFC 3501", "the protocol", 0},
	[IMAP_CAP_IMAP4REV2] = {"IMAP4rev2", "RFC 9051", "names in UTF-8", REV2_IMPLIES},
	[IMAP_CAP_SASL_IR] = {"SASL-IR", "RFC 4959", "login without an extra round trip", 0},
	[IMAP_CAP_LITERAL_PLUS] = {"LITERAL+", "RFC 7888", "upload without waiting", 0},
	[IMAP_CAP_LITERAL_MINUS] = {"LITERAL-", "RFC 7888", "the same up to 4096 octets", 0},
	[IMAP_CAP_ENABLE] = {"ENABLE", "RFC 5161", "switching extensions on", 0},
	[IMAP_CAP_ID] = {"ID", "RFC 2971", "saying who we are: some servers insist", 0},
	[IMAP_CAP_NAMESPACE] = {"NAMESPACE", "RFC 2342", "prefix and delimiter", 0},
	[IMAP_CAP_UIDPLUS] = {"UIDPLUS", "RFC 4315", "UID of an upload, UID EXPUNGE", 0},
	[IMAP_CAP_MOVE] = {"MOVE", "RFC 6851", "moving without upload", 0},
	[IMAP_CAP_CONDSTORE] = {"CONDSTORE", "RFC 7162", "flag changes since", 0},
	[IMAP_CAP_QRESYNC] = {"QRESYNC", "RFC 7162", "what vanished since", BIT(CONDSTORE)},
	[IMAP_CAP_ESEARCH] = {"ESEARCH", "RFC 4731", "search results as ranges", 0},
	[IMAP_CAP_LIST_EXTENDED] = {"LIST-EXTENDED", "RFC 5258", "LIST ... RETURN", 0},
	[IMAP_CAP_LIST_STATUS] = {"LIST-STATUS", "RFC 5819", "STATUS within LIST",
		BIT(LIST_EXTENDED)},
	[IMAP_CAP_SPECIAL_USE] = {"SPECIAL-USE", "RFC 6154", "roles of mailboxes", 0},
	[IMAP_CAP_CREATE_SPECIAL_USE] = {"CREATE-SPECIAL-USE", "RFC 6154", "giving roles",
		BIT(SPECIAL_USE)},
	[IMAP_CAP_STATUS_SIZE] = {"STATUS=SIZE", "RFC 8438", "octets in a mailbox", 0},
	[IMAP_CAP_UNSELECT] = {"UNSELECT", "RFC 3691", "leaving without expunge", 0},
	[IMAP_CAP_IDLE] = {"IDLE", "RFC 2177", "watching one mailbox", 0},
	[IMAP_CAP_MULTIAPPEND] = {"MULTIAPPEND", "RFC 3502", "many uploads in one command", 0},
	[IMAP_CAP_APPENDLIMIT] = {"APPENDLIMIT", "RFC 7889", "largest upload", 0},
	[IMAP_CAP_COMPRESS_DEFLATE] = {"COMPRESS=DEFLATE", "RFC 4978", "compression", 0},
	[IMAP_CAP_UTF8_ACCEPT] = {"UTF8=ACCEPT", "RFC 6855", "names in UTF-8", BIT(ENABLE)},
	[IMAP_CAP_OBJECTID] = {"OBJECTID", "RFC 8474", "MAILBOXID, EMAILID", 0},
	[IMAP_CAP_SAVEDATE] = {"SAVEDATE", "RFC 8514", "when a message came here", 0},
	[IMAP_CAP_INPROGRESS] = {"INPROGRESS", "RFC 9585", "signs of life", 0},
	[IMAP_CAP_NOTIFY] = {"NOTIFY", "RFC 5465", "watching many mailboxes", 0},
	[IMAP_CAP_STARTTLS] = {"STARTTLS", "RFC 3501", "TLS on the plain port", 0},
	[IMAP_CAP_LOGINDISABLED] = {"LOGINDISABLED", "RFC 3501", "LOGIN is refused", 0},
};

static_assert(IMAP_CAP_COUNT <= 64, "capabilities have to fit into a machine word");

static int find(struct slice name)
{
	for (int i = 0; i < IMAP_CAP_COUNT; i++) {
		if (slice_eq_nocase(name, slice_str(rows[i].name)))
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

void capability_drop(struct capabilities *capabilities, char *const *quirks, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int row = quirks[i][0] == '-' ? find(slice_str(quirks[i] + 1)) : -1;

		if (row < 0)
			continue;
		capabilities->bits &= ~(UINT64_C(1) << row);
		if (row == IMAP_CAP_APPENDLIMIT)
			capabilities->append_limit = 0;
	}
}

const char *imap_capability_name(enum imap_capability capability)
{
	ASSERT(capability < IMAP_CAP_COUNT);
	return rows[capability].name;
}

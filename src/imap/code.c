/*
 * Response codes: "[CODE arguments] text for people" (RFC 9051 7.1, RFC 5530). They have no
 * literals, so the line is there whole.
 */
#include <string.h>
#include "imap/response.h"

struct row {
	const char *name;
	enum imap_code code;
	enum response_note note;
};

static const struct row rows[] = {
	{"ALREADYEXISTS", IMAP_CODE_ALREADYEXISTS, NOTE_NONE},
	{"APPENDUID", IMAP_CODE_APPENDUID, NOTE_NONE},
	{"AUTHENTICATIONFAILED", IMAP_CODE_AUTHENTICATIONFAILED, NOTE_NONE},
	{"AUTHORIZATIONFAILED", IMAP_CODE_AUTHORIZATIONFAILED, NOTE_NONE},
	{"CANNOT", IMAP_CODE_CANNOT, NOTE_NONE},
	{"CAPABILITY", IMAP_CODE_OTHER, NOTE_CAPABILITY},
	{"CLIENTBUG", IMAP_CODE_CLIENTBUG, NOTE_NONE},
	{"CLOSED", IMAP_CODE_OTHER, NOTE_CLOSED},
	{"COPYUID", IMAP_CODE_COPYUID, NOTE_NONE},
	{"EXPIRED", IMAP_CODE_EXPIRED, NOTE_NONE},
	{"EXPUNGEISSUED", IMAP_CODE_EXPUNGEISSUED, NOTE_NONE},
	{"HIGHESTMODSEQ", IMAP_CODE_OTHER, NOTE_HIGHESTMODSEQ},
	{"INUSE", IMAP_CODE_INUSE, NOTE_NONE},
	{"LIMIT", IMAP_CODE_LIMIT, NOTE_NONE},
	{"MAILBOXID", IMAP_CODE_OTHER, NOTE_MAILBOXID},
	{"MODIFIED", IMAP_CODE_MODIFIED, NOTE_NONE},
	{"NOMODSEQ", IMAP_CODE_OTHER, NOTE_NOMODSEQ},
	{"NONEXISTENT", IMAP_CODE_NONEXISTENT, NOTE_NONE},
	{"NOPERM", IMAP_CODE_NOPERM, NOTE_NONE},
	{"OVERQUOTA", IMAP_CODE_OVERQUOTA, NOTE_NONE},
	{"PERMANENTFLAGS", IMAP_CODE_OTHER, NOTE_PERMANENTFLAGS},
	{"READ-ONLY", IMAP_CODE_OTHER, NOTE_READ_ONLY},
	{"READ-WRITE", IMAP_CODE_OTHER, NOTE_READ_WRITE},
	{"SERVERBUG", IMAP_CODE_SERVERBUG, NOTE_NONE},
	{"TOOBIG", IMAP_CODE_TOOBIG, NOTE_NONE},
	{"TRYCREATE", IMAP_CODE_TRYCREATE, NOTE_NONE},
	{"UIDNEXT", IMAP_CODE_OTHER, NOTE_UIDNEXT},
	{"UIDVALIDITY", IMAP_CODE_OTHER, NOTE_UIDVALIDITY},
	{"UNAVAILABLE", IMAP_CODE_UNAVAILABLE, NOTE_NONE},
};

/* The next word of *REST, parentheses set aside; false at the end. */
static bool next_word(struct slice *rest, struct slice *word)
{
	while (rest->n && strchr(" ()", rest->p[0])) {
		rest->p++;
		rest->n--;
	}
	*word = (struct slice){rest->p, 0};
	while (rest->n && !strchr(" ()", rest->p[0])) {
		rest->p++;
		rest->n--;
		word->n++;
	}
	return word->n > 0;
}

static void parse_capabilities(struct slice arguments, struct capabilities *out)
{
	struct slice word;

	out->known = true;
	while (next_word(&arguments, &word))
		capability_add(out, word);
}

static void parse_permanent(
	struct slice arguments, struct keywords *keywords, struct response_code *out)
{
	struct slice word;

	while (next_word(&arguments, &word)) {
		uint32_t system = flags_from_imap(word);
		int id = -1;

		if (slice_eq_str(word, "\\*"))
			out->any_flag = true;
		else if (!system && word.p[0] != '\\')
			id = keywords_intern(keywords, word);
		out->flags.system |= system;
		if (id >= 0)
			flags_add_keyword(&out->flags, (unsigned)id);
	}
}

#define APPEND_RANGES 64

/*
 * "validity uids". More than one of MULTIAPPEND, if they follow one another as servers give them
 * out. Other sets, zeros and other forms count as no UID: pairing finds the messages then.
 */
static void parse_appenduid(struct slice arguments, struct response_code *out)
{
	struct slice validity, uids, more;
	struct uid_range ranges[APPEND_RANGES];
	uint64_t v;

	if (!next_word(&arguments, &validity) || !next_word(&arguments, &uids) ||
		next_word(&arguments, &more) || !slice_number(validity, UINT32_MAX, &v) || !v)
		return;
	ssize_t n = uidset_parse_ordered(uids, ranges, APPEND_RANGES);
	for (ssize_t i = 0; i < n; i++)
		if (ranges[i].first > ranges[i].last ||
			(i > 0 && (uint64_t)ranges[i - 1].last + 1 != ranges[i].first))
			return;
	if (n <= 0)
		return;
	out->uidvalidity = (uint32_t)v;
	out->uid = ranges[0].first;
	out->uid_last = ranges[n - 1].last;
}

/* "validity old new". What the sets hold is judged by whoever asked for the move. */
static void parse_copyuid(struct slice arguments, struct response_code *out)
{
	struct slice validity;
	uint64_t v;

	if (next_word(&arguments, &validity) && slice_number(validity, UINT32_MAX, &v) &&
		next_word(&arguments, &out->uids_from) && next_word(&arguments, &out->uids_to))
		out->uidvalidity = (uint32_t)v;
}

static int parse_number(
	struct slice arguments, uint64_t max, const struct row *row, uint64_t *out, struct err *err)
{
	struct slice word;

	if (next_word(&arguments, &word) && slice_number(word, max, out))
		return 0;
	return err_set(err, ERR_PROTO, "the server sent a %s that is not a number within its range",
		row->name);
}

/* What does not even look like a number says as much as NOMODSEQ. */
static int parse_modseq(
	struct slice arguments, const struct row *row, struct response_code *out, struct err *err)
{
	struct slice rest = arguments, word;

	if (next_word(&rest, &word) && word.p[0] >= '0' && word.p[0] <= '9')
		return parse_number(arguments, INT64_MAX, row, &out->number, err);
	out->note = NOTE_NOMODSEQ;
	return 0;
}

static int parse_arguments(const struct row *row, struct slice arguments, struct keywords *keywords,
	struct response_code *out, struct err *err)
{
	out->code = row->code;
	out->note = row->note;
	if (row->code == IMAP_CODE_APPENDUID)
		parse_appenduid(arguments, out);
	if (row->code == IMAP_CODE_COPYUID)
		parse_copyuid(arguments, out);
	if (row->note == NOTE_CAPABILITY)
		parse_capabilities(arguments, &out->capabilities);
	if (row->note == NOTE_PERMANENTFLAGS)
		parse_permanent(arguments, keywords, out);
	if (row->note == NOTE_MAILBOXID)
		(void)next_word(&arguments, &out->object_id);
	if (row->note == NOTE_UIDNEXT || row->note == NOTE_UIDVALIDITY)
		return parse_number(arguments, UINT32_MAX, row, &out->number, err);
	if (row->note == NOTE_HIGHESTMODSEQ)
		return parse_modseq(arguments, row, out, err);
	return 0;
}

/* Where the code at the front of TEXT ends (index of its ']'), 0 if it does not. A list may hold a
 * ']' (flags). */
static size_t code_end(struct slice text)
{
	const char *list = memchr(text.p, '(', text.n), *end = memchr(text.p, ']', text.n);
	const char *close = list && end && list < end
				    ? memchr(list, ')', text.n - (size_t)(list - text.p))
				    : NULL;

	if (close && close > end)
		end = memchr(close, ']', text.n - (size_t)(close - text.p));
	return end ? (size_t)(end - text.p) : 0;
}

int response_code_parse(
	struct slice *text, struct keywords *keywords, struct response_code *out, struct err *err)
{
	struct slice inside, name;
	size_t end;

	*out = (struct response_code){0};
	end = text->n && text->p[0] == '[' ? code_end(*text) : 0;
	if (end == 0)
		return 0;

	inside = (struct slice){text->p + 1, end - 1};
	*text = (struct slice){text->p + end + 1, text->n - end - 1};
	while (text->n && text->p[0] == ' ')
		*text = (struct slice){text->p + 1, text->n - 1};

	out->code = IMAP_CODE_OTHER;
	if (!next_word(&inside, &name))
		return 0;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (slice_eq_nocase(name, slice_str(rows[i].name)))
			return parse_arguments(&rows[i], inside, keywords, out, err);
	}
	return 0;
}

/*
 * Refusals that mean "later": by their code (RFC 5530), or in the words of servers that have none
 * for it. Exchange says how much later: "Request is throttled. Suggested Backoff Time: 24578
 * milliseconds".
 */
#include <ctype.h>
#include <string.h>
#include "imap/command.h"

#define WAIT_MOST_MS (24u * 3600 * 1000)

static bool has_word(const char *text, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcasestr(text, words[i]))
			return true;
	return false;
}

bool imap_means_later(const struct imap_result *result)
{
	static const char *const words[] = {
		"is throttled", "authenticated but not connected", "server unavailable"};

	if (result->ok)
		return false;
	if (result->code == IMAP_CODE_INUSE || result->code == IMAP_CODE_UNAVAILABLE)
		return true;
	return has_word(result->words, words, COUNT_OF(words));
}

bool later_for_command(const struct imap_result *result)
{
	return imap_means_later(result) || result->code == IMAP_CODE_LIMIT ||
	       result->code == IMAP_CODE_SERVERBUG;
}

bool later_for_login(const struct imap_result *result)
{
	static const char *const words[] = {"too many", "try again", "temporar"};

	if (result->code == IMAP_CODE_AUTHENTICATIONFAILED ||
		result->code == IMAP_CODE_AUTHORIZATIONFAILED || result->code == IMAP_CODE_EXPIRED)
		return false;
	return later_for_command(result) || has_word(result->words, words, COUNT_OF(words));
}

unsigned imap_suggested_wait_ms(const char *text)
{
	static const char words[] = "backoff time:";
	const char *found = strcasestr(text, words);
	uint64_t ms = 0;

	if (!found)
		return 0;
	for (found += strlen(words); *found == ' '; found++)
		;
	for (; isdigit((unsigned char)*found) && ms < WAIT_MOST_MS; found++)
		ms = ms * 10 + (uint64_t)(*found - '0');
	return ms < WAIT_MOST_MS ? (unsigned)ms : WAIT_MOST_MS;
}

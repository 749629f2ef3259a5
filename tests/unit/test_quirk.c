/*
 * Profiles of providers: which one is chosen, and what it and the words of server.quirks change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"
#include "imap/imap.h"
#include "model/quirk.h"

struct row {
	const char *words[4];
	const char *host, *greeting;
	const char *expected; /* profile, connections of 20, views, trash */
	const char *off;      /* an extension that is left alone */
};

static const struct row rows[] = {
	{{0}, "imap.example.org", "Dovecot ready.", "- 20 0 0", NULL},
	{{0}, "imap.gmail.com", "", "gmail 10 7 1", NULL},
	{{0}, "IMAP.GMAIL.COM", "", "gmail 10 7 1", NULL},
	{{0}, "evil-imap.gmail.com.example.org", "", "- 20 0 0", NULL},
	{{0}, "127.0.0.1", "Gimap ready for requests from 192.0.2.1", "gmail 10 7 1", NULL},
	{{0}, "outlook.office365.com", "", "exchange 8 0 0", "MOVE"},
	{{0}, "eu.outlook.com", "", "exchange 8 0 0", "MOVE"},
	{{0}, "notoutlook.com", "", "- 20 0 0", NULL},
	{{0}, "mail.example.org", "The Microsoft Exchange IMAP4 service is ready.",
		"exchange 8 0 0", "move"},
	{{0}, "p42-imap.mail.me.com", "", "icloud 5 0 0", NULL},
	{{0}, "imap.mail.yahoo.com", "", "yahoo 5 0 0", NULL},
	{{0}, NULL, "Proton Mail Bridge 03.04.02 - gluon session ID 1", "proton 4 3 0", NULL},
	{{0}, "imap.fastmail.com", "", "fastmail 10 0 0", NULL},
	{{0}, "10.0.0.1", "Courier-IMAP ready. Copyright", "courier 4 0 0", NULL},
	/* by hand */
	{{"gmail"}, "imap.example.org", "", "gmail 10 7 1", NULL},
	{{"exchange"}, "imap.gmail.com", "", "exchange 8 0 0", "MOVE"},
	{{"none"}, "imap.gmail.com", "Gimap ready", "- 20 0 0", NULL},
	{{"none", "-MOVE"}, "outlook.office365.com", "", "- 20 0 0", "MOVE"},
	{{"-trash"}, "imap.gmail.com", "", "gmail 10 7 0", NULL},
	{{"-views"}, "imap.gmail.com", "", "gmail 10 0 1", NULL},
	{{"trash", "views", "-qresync"}, "imap.example.org", "", "- 20 7 1", "QRESYNC"},
};

static void chosen_by(void **state)
{
	static char *const items[] = {"gmail"};
	static char *const no_profile[] = {"none"};
	static const struct {
		struct quirk_words words;
		struct quirk_server server;
		const char *expected;
	} choices[] = {
		{{items, 1}, {"imap.fastmail.com", SLICE("Courier-IMAP ready"), SLICE("Y!IMAP")},
			"gmail by server.quirks"},
		{{NULL, 0}, {"imap.fastmail.com", SLICE("Courier-IMAP ready"), SLICE("Y!IMAP")},
			"fastmail by host"},
		{{NULL, 0}, {"imap.example.org", SLICE("Courier-IMAP ready"), SLICE("Y!IMAP")},
			"courier by greeting"},
		{{NULL, 0}, {"imap.example.org", SLICE("hello"), SLICE("Y!IMAP")}, "yahoo by ID"},
		{{NULL, 0}, {NULL, {0}, SLICE("GImap")}, "gmail by ID"},
		{{NULL, 0}, {NULL, {0}, SLICE("Microsoft.Exchange.Imap4.Imap4Server")},
			"exchange by ID"},
		{{NULL, 0}, {NULL, {0}, SLICE("Coremail Imap")}, "netease by ID"},
		{{NULL, 0}, {NULL, {0}, SLICE("Proton Mail Bridge")}, "proton by ID"},
		{{NULL, 0}, {NULL, {0}, SLICE("not GImap")}, "- by -"},
		{{NULL, 0}, {NULL, {0}, SLICE("GIm")}, "- by -"},
		{{NULL, 0}, {NULL, {0}, {0}}, "- by -"},
		{{no_profile, 1}, {"imap.gmail.com", {0}, SLICE("GImap")}, "- by server.quirks"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(choices); i++) {
		struct quirk_choice choice = quirk_choose(choices[i].words, &choices[i].server);
		char got[100];

		snprintf(got, sizeof(got), "%s by %s", choice.profile ? choice.profile->name : "-",
			choice.by ? choice.by : "-");
		if (strcmp(got, choices[i].expected) != 0)
			fail_msg("row %zu: <%s>, not <%s>", i, got, choices[i].expected);
	}
}

static void profiles(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct row *row = &rows[i];
		struct quirk_words words = {(char *const *)row->words, 0};
		char got[100];

		while (row->words[words.count])
			words.count++;
		struct quirk_server server = {row->host, slice_str(row->greeting), {0}};
		const struct quirk_profile *p = quirk_choose(words, &server).profile;
		snprintf(got, sizeof(got), "%s %u %u %d", p ? p->name : "-",
			quirk_connections(p, 20), quirk_views(words, p), quirk_trash(words, p));
		if (strcmp(got, row->expected) != 0)
			fail_msg("row %zu: <%s>, not <%s>", i, got, row->expected);
		if (row->off && !quirk_off(words, p, row->off))
			fail_msg("row %zu: %s is on", i, row->off);
		assert_false(quirk_off(words, p, "CONDSTORE"));
		assert_int_equal(quirk_connections(p, 2), 2);
	}
}

static bool in_vocabulary(const char *word)
{
	for (const char *const *known = quirk_vocabulary(); *known; known++)
		if (strcmp(*known, word) == 0)
			return true;
	return false;
}

/* What can be written is what there is: profiles, and extensions of the table of capabilities. */
static void vocabulary(void **state)
{
	char word[64];

	(void)state;
	for (size_t i = 0; quirk_profile_at(i); i++)
		assert_true(in_vocabulary(quirk_profile_at(i)->name));
	for (unsigned c = IMAP_CAP_IMAP4REV2; c < IMAP_CAP_STARTTLS; c++) {
		snprintf(word, sizeof(word), "-%s", imap_capability_name((enum imap_capability)c));
		if (!in_vocabulary(word))
			fail_msg("%s is missing", word);
	}
	/* What keeps us safe is not to be switched off. */
	assert_false(in_vocabulary("-STARTTLS"));
	assert_false(in_vocabulary("-LOGINDISABLED"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(profiles),
		cmocka_unit_test(chosen_by),
		cmocka_unit_test(vocabulary),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * The Message-ID of a header block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/messageid.h"

static const struct {
	const char *name, *header;
	bool found; /* <a@b> */
} rows[] = {
	{"alone", "Message-ID: <a@b>\n", true},
	{"CRLF", "Subject: s\r\nMessage-ID: <a@b>\r\nTo: c\r\n", true},
	{"no line end", "Message-ID: <a@b>", true},
	{"another case", "MESSAGE-id:<a@b>\n", true},
	{"blank before the colon", "Message-ID : <a@b>\n", true},
	{"folded", "Message-ID:\r\n\t<a@b>\r\n", true},
	{"folded within", "Message-ID: <a\n @b>\nX: y\n", true},
	{"comment", "Message-ID: (c) <a@b> x\n", true},
	{"the first counts", "Message-ID: <a@b>\nMessage-ID: <c@d>\n", true},
	{"empty", "", false},
	{"none", "Subject: <a@b>\n", false},
	{"without @", "Message-ID: <ab>\nTo: <a@b>\n", false},
	{"not closed", "Message-ID: <a@b\nTo: c>\n", false},
	{"another field", "X-Message-ID: <a@b>\nMessage-ID-X: <a@b>\n", false},
	{"in a folded line", "Subject: x\n Message-ID: <a@b>\n", false},
	{"no value", "Message-ID:\n", false},
	{"no colon", "Message-ID", false},
};

static void test_rows(void **state UNUSED)
{
	struct digest expected = messageid_of(slice_str(rows[0].header));

	assert_false(digest_is_zero(&expected));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct digest id = messageid_of(slice_str(rows[i].header));
		bool right = rows[i].found ? digest_equal(&id, &expected) : digest_is_zero(&id);
		if (!right)
			fail_msg("%s", rows[i].name);
	}
}

static void test_longest(void **state UNUSED)
{
	char header[3000] = "Message-ID: <";

	memset(header + strlen(header), 'a', 2000);
	strcat(header, "@b>\n");
	struct digest id = messageid_of(slice_str(header));
	assert_true(digest_is_zero(&id));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "tests/fake/session.h"

void session_init(struct session *session)
{
	*session = (struct session){
		.login = {.user = "alice", .password = "secret"},
		.net = {.tls = NET_TLS_NONE},
		.cut_after = SIZE_MAX,
	};
	session->keywords = keywords_new();
}

int session_open(struct session *session, const char *const *steps)
{
	struct imap_options options = {
		.net_options = &session->net,
		.login = &session->login,
		.keywords = session->keywords,
		.quirks = session->quirks,
		.quirk_count = session->quirk_count,
		.number = 1,
	};

	script_start(&session->script, steps, session->cut_after, session->chunk);
	return imap_open_stream(&session->imap, &options, session->script.stream, &session->err);
}

void session_drop(struct session *session)
{
	imap_close(session->imap);
	keywords_free(session->keywords);
	session->imap = NULL;
}

void session_end(struct session *session, const char *name)
{
	const char *problem = script_check(&session->script);

	session_drop(session);
	if (problem)
		fail_msg("%s: %s (error: %s)", name, problem, session->err.msg);
}

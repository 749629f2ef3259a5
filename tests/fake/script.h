/*
 * A scripted IMAP server on a memory stream: expect this line, send that one.
 *
 *     static const char *const steps[] = {
 *         "S: * PREAUTH [CAPABILITY IMAP4rev1] hi",
 *         "C: $1 NOOP",          the client's next line has to be this; its tag is called $1 from
 * here on "S: * 3 EXISTS",       sent with CRLF; $1 stands for the tag "S: $1 OK done", "R: + go
 * on",          sent as it is, without a line end "E:",                  the server closes the
 * connection NULL,
 *     };
 * The server never speaks before the lines above are done. What the client sends beyond the script,
 * or other than expected, is kept as a failure that script_check() reports.
 */
#ifndef TESTS_FAKE_SCRIPT_H
#define TESTS_FAKE_SCRIPT_H

#include "net/stream.h"

#define SCRIPT_TAGS 200

struct script {
	struct stream *stream; /* hand it to imap_open_stream(), which owns it then */
	const char *const *steps;
	size_t at; /* the next step */
	char tags[SCRIPT_TAGS][32];
	char failure[1024]; /* "": none */
	size_t cut_after;   /* octets sent until the connection is cut; SIZE_MAX: never */
	size_t fed;         /* octets sent */
	bool ended;
};

/* CUT_AFTER: see above. CHUNK: a read gives at most so many octets, 0: any number. */
void script_start(struct script *script, const char *const *steps, size_t cut_after, size_t chunk);
/* All steps were done and nothing else came: NULL, else what went wrong. */
const char *script_check(const struct script *script);

#endif

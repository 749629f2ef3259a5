/*
 * From the greeting to a connection that is ready: every way to log in, and every way in which
 * somebody between us and the server might try to get the password or a word in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "base/log.h"
#include "tests/fake/session.h"

struct row {
	const char *name;
	enum err_kind kind; /* ERR_NONE: the login works */
	const char *server; /* what err.server has to hold; NULL: anything */
	const char *says;   /* what err.msg has to hold; NULL: anything */
	enum net_tls tls;
	const char *user, *password, *token, *mechanism; /* NULL: default */
	const char *quirk;
	const char *host; /* NULL: none, as with a tunnel */
	bool certificate, no_secret;
	bool noop; /* then NOOP: what is said once goes out with it */
	const char *steps[32];
};

#define READY "S: $1 OK [CAPABILITY IMAP4rev1] ready"

/* A token of 1501 octets, as Microsoft's are, one of 9001, and XOAUTH2's string with them. */
#define TIMES_10(s) s s s s s s s s s s
#define LONG(s) TIMES_10(TIMES_10(s s s s s))
#define VERY_LONG(s) LONG(s) LONG(s) LONG(s) LONG(s) LONG(s) LONG(s)
#define BASE64_USER "dXNlcj1hbGljZQFhdXRoPUJlYXJlciBr"
#define LONG_BASE64 BASE64_USER LONG("YWJj") "AQE="
#define VERY_LONG_BASE64 BASE64_USER VERY_LONG("YWJj") "AQE="

static const struct row rows[] = {
	{.name = "PLAIN with SASL-IR",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", READY}},
	{.name = "PLAIN with a continuation",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE PLAIN", "S: + ", "C: AGFsaWNlAHNlY3JldA==", READY}},
	{.name = "a continuation without blank",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE PLAIN", "S: +", "C: AGFsaWNlAHNlY3JldA==", READY}},
	{.name = "the LOGIN command",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret", READY}},
	{.name = "LOGIN, quoted",
		.user = "a b",
		.password = "se\"c\\ret",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi",
			"C: $1 LOGIN \"a b\" \"se\\\"c\\\\ret\"", READY}},
	{.name = "LOGIN, 8-bit password as a literal",
		.password = "g\xC3\xA4ns",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice {5}", "S: + go",
			"C: g\xC3\xA4ns", READY}},
	{.name = "LOGIN, 8-bit password, LITERAL+",
		.password = "g\xC3\xA4ns",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 LITERAL+] hi", "C: $1 LOGIN alice {5+}",
			"C: g\xC3\xA4ns", READY}},
	{.name = "a password with a line end stays one argument",
		.password = "a\r\nb LOGOUT",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 LITERAL+] hi", "C: $1 LOGIN alice {11+}",
			"C: a", "C: b LOGOUT", READY}},
	{.name = "LOGIN refused at its literal",
		.kind = ERR_AUTH,
		.server = "no literals",
		.password = "g\xC3\xA4ns",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice {5}",
			"S: $1 BAD no literals"}},
	{.name = "AUTH=LOGIN where the command is disabled",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=LOGIN] hi",
			"C: $1 AUTHENTICATE LOGIN", "S: + VXNlcm5hbWU6",
			"C: YWxpY2U=", "S: + UGFzc3dvcmQ6", "C: c2VjcmV0", READY}},
	{.name = "LOGINDISABLED and nothing else",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi"}},
	{.name = "the mechanism that was named",
		.mechanism = "login",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi",
			"C: $1 LOGIN alice secret", READY}},
	{.name = "a named mechanism that is not offered",
		.mechanism = "SCRAM-SHA-256",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi"}},
	{.name = "CRAM-MD5 when named",
		.mechanism = "CRAM-MD5",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=CRAM-MD5] hi",
			"C: $1 AUTHENTICATE CRAM-MD5",
			"S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
			"C: YWxpY2UgNzMzYmE4N2U2NGVkN2U0NDFmMDYyYzRhYzZkYjAxMDM=", READY}},
	{.name = "CRAM-MD5 before PLAIN",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=CRAM-MD5] hi",
			"C: $1 AUTHENTICATE CRAM-MD5",
			"S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
			"C: YWxpY2UgNzMzYmE4N2U2NGVkN2U0NDFmMDYyYzRhYzZkYjAxMDM=", READY}},
	{.name = "without TLS nothing weaker is tried",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=CRAM-MD5] hi",
			"C: $1 AUTHENTICATE CRAM-MD5",
			"S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
			"C: YWxpY2UgNzMzYmE4N2U2NGVkN2U0NDFmMDYyYzRhYzZkYjAxMDM=",
			"S: $1 NO [AUTHENTICATIONFAILED] no"}},
	{.name = "DIGEST-MD5 is not used by itself",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=DIGEST-MD5] hi"}},
	{.name = "nor is GSSAPI",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 LOGINDISABLED AUTH=GSSAPI] hi"}},
	{.name = "nor is EXTERNAL beside a password",
		.certificate = true,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=EXTERNAL AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", READY}},
	{.name = "EXTERNAL with a certificate and nothing else",
		.no_secret = true,
		.certificate = true,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=EXTERNAL AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE EXTERNAL =", READY}},
	{.name = "-PLUS without TLS is not possible",
		.mechanism = "SCRAM-SHA-256-PLUS",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=SCRAM-SHA-256-PLUS] hi"}},
	{.name = "no password in the clear to another machine",
		.host = "imap.example.org",
		.kind = ERR_AUTH,
		.says = "without TLS",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi"}},
	{.name = "nor a token",
		.host = "192.0.2.1",
		.token = "tok",
		.kind = ERR_AUTH,
		.says = "without TLS",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2] hi"}},
	{.name = "but to this one",
		.host = "127.3.4.5",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret", READY}},
	{.name = "and where the mechanism is named",
		.host = "imap.example.org",
		.mechanism = "PLAIN",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", READY}},
	{.name = "too few SCRAM rounds",
		.mechanism = "SCRAM-SHA-256",
		.kind = ERR_AUTH,
		.says = "4095 SCRAM rounds",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256] hi",
			"C: $1 AUTHENTICATE SCRAM-SHA-256", "S: + cj14LHM9UVNYQyxpPTQwOTU=", "C: *",
			"S: $1 BAD cancelled"}},
	{.name = "too many SCRAM rounds", /* CVE-2026-42256 */
		.mechanism = "SCRAM-SHA-256",
		.kind = ERR_AUTH,
		.says = "more than 1000000 SCRAM rounds",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-256] hi",
			"C: $1 AUTHENTICATE SCRAM-SHA-256",
			"S: + cj14LHM9UVNYQyxpPTEwMDAwMDE=", "C: *", "S: $1 BAD cancelled"}},
	{.name = "SCRAM rounds beyond every number",
		.mechanism = "SCRAM-SHA-1",
		.kind = ERR_AUTH,
		.says = "more than 1000000 SCRAM rounds",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-1] hi",
			"C: $1 AUTHENTICATE SCRAM-SHA-1",
			"S: + cj14LHM9UVNYQyxpPTE4NDQ2NzQ0MDczNzA5NTU1NzEy", "C: *",
			"S: $1 BAD cancelled"}},
	{.name = "EXTERNAL when named",
		.mechanism = "EXTERNAL",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=EXTERNAL] hi",
			"C: $1 AUTHENTICATE EXTERNAL =", READY}},
	{.name = "XOAUTH2",
		.token = "tok",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==",
			READY}},
	{.name = "a long token is no literal: it has to be base64 (RFC 4959)",
		.token = "k" LONG("abc"),
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=XOAUTH2] hi",
			"C: $1 AUTHENTICATE XOAUTH2 " LONG_BASE64, READY}},
	{.name = "one that makes the line too long waits to be asked for",
		.token = "k" VERY_LONG("abc"),
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi",
			"C: $1 AUTHENTICATE XOAUTH2", "S: + ", "C: " VERY_LONG_BASE64, READY}},
	{.name = "OAUTHBEARER before XOAUTH2",
		.token = "tok",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 AUTH=OAUTHBEARER] hi",
			"C: $1 AUTHENTICATE OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB0b2sBAQ==",
			READY}},
	{.name = "XOAUTH2 refused with an error challenge",
		.token = "tok",
		.kind = ERR_AUTH,
		.server = "expired",
		.says = "{\"status\":\"401\"}",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi",
			"C: $1 AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==",
			"S: + eyJzdGF0dXMiOiI0MDEifQ==", "C: ", "S: $1 NO expired"}},
	{.name = "OAUTHBEARER refused with control bytes in the challenge",
		.token = "tok",
		.kind = ERR_AUTH,
		.says = "OAUTHBEARER: a\\x1b[2Jb",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] hi",
			"C: $1 AUTHENTICATE OAUTHBEARER bixhPWFsaWNlLAFhdXRoPUJlYXJlciB0b2sBAQ==",
			"S: + YRtbMkpi", "C: AQ==", "S: $1 NO expired"}},
	{.name = "XOAUTH2 refused with our token in the challenge",
		.token = "tok",
		.kind = ERR_AUTH,
		.says = "login of alice with XOAUTH2",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2] hi",
			"C: $1 AUTHENTICATE XOAUTH2 dXNlcj1hbGljZQFhdXRoPUJlYXJlciB0b2sBAQ==",
			"S: + YmFkIHRvayBoZXJl", "C: ", "S: $1 NO expired"}},
	{.name = "a token is never sent as a password",
		.token = "tok",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi"}},
	{.name = "SCRAM: OK without proof",
		.mechanism = "SCRAM-SHA-1",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=SCRAM-SHA-1] hi",
			"C: $1 AUTHENTICATE SCRAM-SHA-1", "S: $1 OK welcome"}},
	{.name = "an endless exchange",
		.mechanism = "CRAM-MD5",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5] hi",
			"C: $1 AUTHENTICATE CRAM-MD5",
			"S: + PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+",
			"C: YWxpY2UgNzMzYmE4N2U2NGVkN2U0NDFmMDYyYzRhYzZkYjAxMDM=", "S: + ",
			"C: ", "S: + ", "C: ", "S: + ", "C: ", "S: + ", "C: ", "S: + ",
			"C: ", "S: + ", "C: ", "S: + ", "C: ", "S: + ", "C: ", "S: + ",
			"C: ", "S: + ", "C: *", "S: $1 BAD enough"}},
	{.name = "a challenge that is not base64",
		.mechanism = "CRAM-MD5",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=CRAM-MD5] hi",
			"C: $1 AUTHENTICATE CRAM-MD5", "S: + !!", "C: *", "S: $1 BAD cancelled"}},
	{.name = "capabilities asked for",
		.steps = {"S: * OK hi", "C: $1 CAPABILITY",
			"S: * CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR", "S: $1 OK",
			"C: $2 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==", "S: $2 OK",
			"C: $3 CAPABILITY", "S: * CAPABILITY IMAP4rev1 IDLE", "S: $3 OK done"}},
	{.name = "capabilities untagged with the login",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: * CAPABILITY IMAP4rev1 IDLE", "S: $1 OK done"}},
	{.name = "no capabilities at all",
		.kind = ERR_PROTO,
		.steps = {"S: * OK hi", "C: $1 CAPABILITY", "S: $1 OK none"}},
	{.name = "ID, NAMESPACE and ENABLE go out together",
		.noop = true,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 OK [CAPABILITY IMAP4rev1 IMAP4rev2 ID ENABLE NAMESPACE] in",
			"C: $2 ID (\"name\" \"godwit\" \"version\" \"0.1\")", "C: $3 NAMESPACE",
			"C: $4 ENABLE IMAP4rev2", "C: $5 NOOP",
			"S: * ID (\"name\" \"x\" \"note\" {3}", "S: a)b)", "S: $2 OK",
			"S: * NAMESPACE ((\"INBOX.\" \".\")) NIL NIL", "S: $3 OK",
			"S: * ENABLED IMAP4REV2", "S: $4 OK", "S: $5 OK"}},
	{.name = "ID and NAMESPACE refused: no harm",
		.noop = true,
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 ID NAMESPACE] hi",
			"C: $2 ID (\"name\" \"godwit\" \"version\" \"0.1\")", "C: $3 NAMESPACE",
			"C: $5 NOOP", "S: $2 BAD no", "S: $3 NO no", "S: $5 OK"}},
	{.name = "a quirk switches off",
		.quirk = "-ID",
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1 ID] hi"}},
	{.name = "PREAUTH without TLS wanted", .steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1] hi"}},
	{.name = "PREAUTH instead of STARTTLS",
		.tls = NET_TLS_STARTTLS,
		.kind = ERR_PROTO,
		.steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1] hi"}},
	{.name = "STARTTLS taken away",
		.tls = NET_TLS_STARTTLS,
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi"}},
	{.name = "STARTTLS refused",
		.tls = NET_TLS_STARTTLS,
		.kind = ERR_PROTO,
		.steps = {"S: * OK hi", "C: $1 STARTTLS", "S: $1 BAD not now"}},
	{.name = "an answer injected before TLS",
		.tls = NET_TLS_STARTTLS,
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C: $1 STARTTLS",
			"R: $1 OK go\r\n* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] evil\r\n"}},
	{.name = "one octet injected before TLS",
		.tls = NET_TLS_STARTTLS,
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "C: $1 STARTTLS",
			"R: $1 OK go\r\nx"}},
	{.name = "STARTTLS answered before it was asked for",
		.tls = NET_TLS_STARTTLS,
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi", "S: a1 OK go",
			"C: $1 STARTTLS"}},
	{.name = "BYE for a greeting",
		.kind = ERR_SERVER_BUSY,
		.server = "too busy",
		.steps = {"S: * BYE too busy"}},
	{.name = "garbage for a greeting", .kind = ERR_PROTO, .steps = {"S: SSH-2.0-OpenSSH_9.2"}},
	{.name = "NO for a greeting", .kind = ERR_PROTO, .steps = {"S: * NO go away"}},
	{.name = "BAD for a greeting", .kind = ERR_PROTO, .steps = {"S: * BAD go away"}},
	{.name = "a tagged greeting", .kind = ERR_PROTO, .steps = {"S: a1 OK hi"}},
	{.name = "an empty greeting", .kind = ERR_PROTO, .steps = {"S: "}},
	{.name = "no greeting", .kind = ERR_NET, .steps = {"E:"}},
	{.name = "a greeting without text", .steps = {"S: * PREAUTH [CAPABILITY IMAP4rev1]"}},
	{.name = "wrong password",
		.kind = ERR_AUTH,
		.server = "Invalid credentials",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 NO [AUTHENTICATIONFAILED] Invalid credentials"}},
	{.name = "plain NO",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 NO"}},
	{.name = "expired",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 NO [EXPIRED] try again with a new password"}},
	{.name = "the server repeats the password",
		.kind = ERR_AUTH,
		.server = "",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 BAD what is LOGIN alice secret?"}},
	{.name = "the server repeats it in quotes",
		.kind = ERR_AUTH,
		.server = "",
		.password = "se\"c\\ret",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi",
			"C: $1 LOGIN alice \"se\\\"c\\\\ret\"",
			"S: $1 BAD what is LOGIN alice \"se\\\"c\\\\ret\"?"}},
	{.name = "the server repeats it in base64",
		.kind = ERR_AUTH,
		.server = "",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==",
			"S: $1 BAD what is PLAIN AGFsaWNlAHNlY3JldA==?"}},
	{.name = "the server repeats our answer",
		.kind = ERR_AUTH,
		.server = "",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] hi",
			"C: $1 AUTHENTICATE PLAIN", "S: + ", "C: AGFsaWNlAHNlY3JldA==",
			"S: $1 BAD unknown command AGFsaWNlAHNlY3JldA=="}},
	{.name = "the server repeats the password and hangs up",
		.kind = ERR_SERVER_BUSY,
		.server = "",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: * BYE what is LOGIN alice secret?"}},
	{.name = "what is not shown is understood",
		.kind = ERR_SERVER_BUSY,
		.server = "",
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 NO [ALERT] Too many connections with alice, secret"}},
	{.name = "[UNAVAILABLE]",
		.kind = ERR_SERVER_BUSY,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 NO [UNAVAILABLE] Maximum number of connections"}},
	{.name = "[LIMIT]",
		.kind = ERR_SERVER_BUSY,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 NO [LIMIT] no"}},
	{.name = "too many, in words",
		.kind = ERR_SERVER_BUSY,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 NO [ALERT] Too many simultaneous connections. (Failure)"}},
	{.name = "BYE instead of an answer",
		.kind = ERR_SERVER_BUSY,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: * BYE later"}},
	{.name = "BYE that means the password",
		.kind = ERR_AUTH,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: * BYE [AUTHENTICATIONFAILED] no"}},
	{.name = "a wrong tag",
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: x1 OK in"}},
	{.name = "a tag answered twice",
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: $1 OK in", "C: $2 CAPABILITY", "S: $1 OK in"}},
	{.name = "a continuation nobody waits for",
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: + go on"}},
	{.name = "PREAUTH twice",
		.kind = ERR_PROTO,
		.steps = {"S: * OK [CAPABILITY IMAP4rev1] hi", "C: $1 LOGIN alice secret",
			"S: * PREAUTH in"}},
};

static int open_row(const struct row *row, struct session *s, size_t cut_after, size_t chunk)
{
	char *mechanisms[] = {(char *)row->mechanism}, *quirks[] = {(char *)row->quirk};

	session_init(s);
	s->net.tls = row->tls == NET_TLS_STARTTLS ? NET_TLS_STARTTLS : NET_TLS_NONE;
	s->cut_after = cut_after;
	s->chunk = chunk;
	if (row->user)
		s->login.user = row->user;
	s->net.host = row->host;
	s->login.certificate = row->certificate;
	if (row->password || row->token || row->no_secret)
		s->login.password = row->password;
	s->login.token = row->token;
	s->login.mechanisms = mechanisms;
	s->login.mechanism_count = row->mechanism != NULL;
	s->quirks = quirks;
	s->quirk_count = row->quirk != NULL;
	if (session_open(s, row->steps) < 0)
		return -1;
	return row->noop ? imap_noop(s->imap, &s->err) : 0;
}

static void ways_to_log_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (size_t chunk = 0; chunk < 2; chunk++) {
			const struct row *row = &rows[i];
			struct session s;
			int rc = open_row(row, &s, SIZE_MAX, chunk);

			if (rc != (row->kind == ERR_NONE ? 0 : -1) || s.err.kind != row->kind)
				fail_msg("%s: rc %d, kind %s, %s; %s", row->name, rc,
					err_kind_name(s.err.kind), s.err.msg,
					script_check(&s.script) ? script_check(&s.script) : "");
			if (row->server && (row->server[0] ? !strstr(s.err.server, row->server)
							   : s.err.server[0]))
				fail_msg("%s: server's words <%s>", row->name, s.err.server);
			if (row->says && !strstr(s.err.msg, row->says))
				fail_msg("%s: our words <%s>", row->name, s.err.msg);
			session_end(&s, row->name);
		}
	}
}

/* Every login, cut after each octet of the server: an error each time, and no crash. */
static void cut_everywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct session s;
		size_t whole;

		if (rows[i].tls ==
			NET_TLS_STARTTLS) /* there is no TLS to go on with on a memory stream */
			continue;
		(void)!open_row(&rows[i], &s, SIZE_MAX, 0);
		whole = s.script.fed;
		session_drop(&s);
		for (size_t n = 0; n < whole; n++) {
			int rc = open_row(&rows[i], &s, n, n % 3);

			/* What makes an error may stand before the cut; a last CR without LF is
			 * enough nowhere. */
			if (rc == 0 || s.err.kind == ERR_NONE)
				fail_msg("%s: cut after %zu, and no error", rows[i].name, n);
			session_drop(&s);
		}
	}
}

static struct buf traced;

static void trace_sink(enum log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	buf_addf(&traced, "%s\n", line);
}

/* No secret in any trace, whatever the mechanism; nothing that could steer a terminal either. */
static void secrets_are_hidden(void **state)
{
	static const char *const secrets[] = {"secret", "AGFsaWNlAHNlY3JldA==", "c2VjcmV0",
		"dXNlcj1", "bixhPW", "se\\\"c\\\\ret", "g\xC3\xA4ns",
		"YWxpY2UgNzMzYmE4N2U2NGVkN2U0NDFmMDYyYzRhYzZkYjAxMDM="};

	(void)state;
	log_set_sink(trace_sink, NULL);
	log_set_level(LOG_LEVEL_DEBUG);
	log_set_categories(LOG_IMAP);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct session s;

		(void)!open_row(&rows[i], &s, SIZE_MAX, 0);
		session_drop(&s);
		for (size_t k = 0; k < COUNT_OF(secrets) && traced.len; k++) {
			if (strstr(traced.data, secrets[k]))
				fail_msg("%s: the trace holds %s:\n%s", rows[i].name, secrets[k],
					traced.data);
		}
		buf_clear(&traced);
	}
	log_set_categories(0);
	log_set_sink(NULL, NULL);
	buf_fini(&traced);
}

static void what_login_leaves(void **state)
{
	static const char *const steps[] = {
		"S: * PREAUTH [CAPABILITY IMAP4rev1 IMAP4rev2 NAMESPACE "
		"APPENDLIMIT=100 QRESYNC X-UNKNOWN] hi",
		"C: $3 NAMESPACE", "C: $4 ENABLE IMAP4rev2 QRESYNC", "C: $5 NOOP",
		"S: * NAMESPACE ((\"INBOX.\" \".\" \"X-PARAM\" (\"FLAG1\" \"FLAG2\"))(\"other.\" "
		"\".\")) NIL ((\"shared.\" \".\"))",
		"S: $3 OK", "S: * ENABLED IMAP4rev2 QRESYNC", "S: $4 OK", "S: $5 OK", NULL};
	struct session s;

	(void)state;
	session_init(&s);
	assert_int_equal(session_open(&s, steps), 0);
	assert_int_equal(imap_noop(s.imap, &s.err), 0);
	assert_true(imap_can(s.imap, IMAP_CAP_CONDSTORE));
	assert_true(imap_qresync(s.imap));
	assert_true(imap_can(s.imap, IMAP_CAP_UIDPLUS)); /* by IMAP4rev2 */
	assert_true(imap_can(s.imap, IMAP_CAP_APPENDLIMIT));
	assert_false(imap_can(s.imap, IMAP_CAP_LITERAL_PLUS));
	assert_string_equal(imap_name_rules(s.imap)->prefix, "INBOX.");
	assert_int_equal(imap_name_rules(s.imap)->delimiter, '.');
	assert_true(imap_name_rules(s.imap)->utf8);
	assert_int_equal(imap_counts(s.imap).commands, 3);
	assert_int_equal(imap_counts(s.imap).bytes_in, s.script.fed);
	session_end(&s, "what login leaves");
}

static void logout(void **state)
{
	static const char *const polite[] = {"S: * PREAUTH [CAPABILITY IMAP4rev1] hi",
		"C: $1 LOGOUT", "S: * BYE see you", "S: $1 OK done", NULL};
	static const char *const rude[] = {
		"S: * PREAUTH [CAPABILITY IMAP4rev1] hi", "C: $1 LOGOUT", "E:", NULL};
	static const char *const *const all[] = {polite, rude};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		struct session s;

		session_init(&s);
		assert_int_equal(session_open(&s, all[i]), 0);
		imap_logout(s.imap);
		session_end(&s, "logout");
	}
}

struct id_row {
	const char *name, *expected; /* profile and by */
	const char *quirk;
	const char *answer[4];
};

static const struct id_row id_rows[] = {
	{"as Gmail does", "gmail by ID", NULL,
		{"S: * ID (\"name\" \"GImap\" \"vendor\" \"Google, Inc.\" \"os\" NIL)"}},
	{"behind others, as a literal", "yahoo by ID", NULL,
		{"S: * ID ( \"os\" NIL \"vendor\"  NIL \"NAME\" {6}", "S: Y!IMAP)"}},
	{"behind a literal that looks like the end", "gmail by ID", NULL,
		{"S: * ID (\"x\" {3}", "S: )\"( \"name\" \"GImap\")"}},
	{"nobody that is known", "- by -", NULL, {"S: * ID (\"name\" \"Dovecot\")"}},
	{"the greeting goes before", "courier by greeting", NULL,
		{"G: Courier-IMAP ready", "S: * ID (\"name\" \"GImap\")"}},
	{"a word goes before", "qq by server.quirks", "qq", {"S: * ID (\"name\" \"GImap\")"}},
	{"a word forbids", "- by server.quirks", "none", {"S: * ID (\"name\" \"GImap\")"}},
	{"only the first one counts", "- by -", NULL,
		{"S: * ID (\"name\" \"x\")", "S: * ID (\"name\" \"GImap\")"}},
	{"it was not asked", "- by -", "-ID", {"S: * ID (\"name\" \"GImap\")"}},
	{"NIL", "- by -", NULL, {"S: * ID NIL"}},
	{"nothing", "- by -", NULL, {"S: * ID"}},
	{"no list", "- by -", NULL, {"S: * ID \"name\" \"GImap\""}},
	{"an empty list", "- by -", NULL, {"S: * ID ()"}},
	{"atoms", "- by -", NULL, {"S: * ID (name GImap)"}},
	{"a value is missing", "- by -", NULL, {"S: * ID (\"name\")"}},
	{"a value is a list", "- by -", NULL, {"S: * ID (\"name\" (\"GImap\"))"}},
	{"a list without end", "gmail by ID", NULL, {"S: * ID (\"name\" \"GImap\""}},
};

static int open_for_id(const struct id_row *row, struct session *s)
{
	char *quirks[] = {(char *)row->quirk};
	bool asks = !row->quirk || strcmp(row->quirk, "-ID") != 0;
	const char *const *answer = row->answer;
	bool greets = strncmp(answer[0], "G: ", 3) == 0;
	static const char *steps[12]; /* the script is looked at when this has returned */
	static char greeting[200];
	size_t n = 0;

	snprintf(greeting, sizeof(greeting), "S: * PREAUTH [CAPABILITY IMAP4rev1 MOVE ID] %s",
		greets ? answer[0] + 3 : "hi");
	steps[n++] = greeting;
	if (asks)
		steps[n++] = "C: $2 ID (\"name\" \"godwit\" \"version\" \"0.1\")";
	steps[n++] = "C: $3 NOOP";
	for (size_t i = greets; i < COUNT_OF(row->answer) && answer[i]; i++)
		steps[n++] = answer[i];
	if (asks)
		steps[n++] = "S: $2 OK";
	steps[n++] = "S: $3 OK";
	steps[n] = NULL;
	session_init(s);
	s->quirks = quirks;
	s->quirk_count = row->quirk != NULL;
	return session_open(s, steps) == 0 ? imap_noop(s->imap, &s->err) : -1;
}

static void profile_by_id(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(id_rows); i++) {
		const struct id_row *row = &id_rows[i];
		struct quirk_choice choice;
		struct session s;
		char got[100];

		if (open_for_id(row, &s) != 0)
			fail_msg("%s: %s", row->name, s.err.msg);
		choice = imap_profile(s.imap);
		snprintf(got, sizeof(got), "%s by %s", choice.profile ? choice.profile->name : "-",
			choice.by ? choice.by : "-");
		if (strcmp(got, row->expected) != 0)
			fail_msg("%s: <%s>, not <%s>", row->name, got, row->expected);
		session_end(&s, row->name);
	}
}

/* What the profile switches off is off from the answer on. */
static void extension_off_by_id(void **state)
{
	static const struct id_row row = {
		"Exchange", NULL, NULL, {"S: * ID (\"name\" \"Microsoft.Exchange.Imap4\")"}};
	struct session s;

	(void)state;
	assert_int_equal(open_for_id(&row, &s), 0);
	assert_true(imap_announces(s.imap, IMAP_CAP_MOVE));
	assert_false(imap_can(s.imap, IMAP_CAP_MOVE));
	session_end(&s, row.name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ways_to_log_in),
		cmocka_unit_test(cut_everywhere),
		cmocka_unit_test(secrets_are_hidden),
		cmocka_unit_test(what_login_leaves),
		cmocka_unit_test(profile_by_id),
		cmocka_unit_test(extension_off_by_id),
		cmocka_unit_test(logout),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

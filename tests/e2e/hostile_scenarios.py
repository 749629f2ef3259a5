"""The scenarios of test_hostile.py: what is sent, and what must not come of it. Names say the class, and the
CVE of the client that fell for it where there was one."""
import base64

from hostile import (
    CAPS, MESSAGES, PASSWORD, Scenario, challenge, drip, fetched, first, flood, hang_up, patter, rows, scram,
    selected, silence)

NET, PROTO, AUTH, OK = (75,), (76,), (77,), (0,)
DONE = (0, 1)
ESC = b"\x1b[31m\x1b]0;owned\x07\x9b\xc2\x9b\r"[:-1]
SECRETS = {"auth": {"mechanisms": ["SCRAM-SHA-256"]}}


def listed(*names, delimiter=b'"/"'):
    """Mailboxes as literals, so that any octet may stand in a name, INBOX behind them."""
    return rows(*(b"* LIST () %s {%d}\r\n%s" % (delimiter, len(n), n) for n in names),
                b'* LIST () "/" INBOX')


def mailbox(name, *wire, **how):
    how.setdefault("status", (0, 1, 75, 76))
    return Scenario("name-" + name, {"LIST": listed(*wire)}, **how)


def caps(extra=b"", without=()):
    return b" ".join(w for w in CAPS.split() if w.decode() not in without) + b" " + extra


PLAIN_IMAP = b"IMAP4rev1 UIDPLUS"


def ok_then_silence(connection, tag, line):
    connection.send(tag + b" OK go\r\n")
    silence(connection, tag, line)


def repeat(connection, tag, line):
    connection.send(tag + b" NO what is " + line + b"?\r\n")


# ---- greeting, STARTTLS, login: rules 1, 2, 3 ----

STARTTLS_CAPS = caps(b"STARTTLS")
STRIPPING = [
    Scenario("greeting-preauth-starttls-cve-2020-14093", {"greeting": b"* PREAUTH hi\r\n"}, PROTO, tls="starttls"),
    Scenario("greeting-preauth-referral-nostarttls-m1a",
             {"greeting": b"* PREAUTH [REFERRAL imap://evil.example/] hi\r\n"}, PROTO, tls="starttls"),
    Scenario("greeting-garbage-cve-2020-28896", {"greeting": b"what?\r\n"}, PROTO, tls="starttls"),
    Scenario("greeting-garbage", {"greeting": b"220 smtp.example.org ESMTP\r\n"}, PROTO),
    Scenario("greeting-bye", {"greeting": b"* BYE go away\r\n"}, NET),
    Scenario("greeting-bye-escapes", {"greeting": b"* BYE " + ESC + b"\r\n"}, NET),
    Scenario("greeting-bad", {"greeting": b"* BAD go away\r\n"}, PROTO),
    Scenario("greeting-no", {"greeting": b"* NO go away\r\n"}, PROTO),
    Scenario("greeting-tagged", {"greeting": b"a OK hi\r\n"}, PROTO),
    Scenario("greeting-continuation", {"greeting": b"+ hi\r\n"}, PROTO),
    Scenario("greeting-nul", {"greeting": b"* OK \x00 hi\r\n"}, PROTO),
    Scenario("greeting-nothing", {"greeting": hang_up()}, NET),
    Scenario("greeting-twice", {"greeting": b"* OK hi\r\n* PREAUTH hi\r\n"}, PROTO),
    Scenario("starttls-not-offered-stripping", {"caps": b"IMAP4rev1"}, PROTO, tls="starttls"),
    Scenario("starttls-refused-no", {"caps": STARTTLS_CAPS, "STARTTLS": b"$T NO not now\r\n"}, PROTO, tls="starttls"),
    Scenario("starttls-refused-bad", {"caps": STARTTLS_CAPS, "STARTTLS": b"$T BAD what\r\n"}, PROTO, tls="starttls"),
    Scenario("starttls-ok-untagged", {"caps": STARTTLS_CAPS, "STARTTLS": hang_up(b"* OK begin\r\n")}, NET,
             tls="starttls"),
    Scenario("starttls-injection-cve-2020-14954",
             {"caps": STARTTLS_CAPS, "STARTTLS": b"$T OK begin\r\n* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"}, PROTO,
             tls="starttls"),
    Scenario("starttls-injection-one-octet", {"caps": STARTTLS_CAPS, "STARTTLS": b"$T OK begin\r\n "}, PROTO,
             tls="starttls"),
    Scenario("starttls-guessed-tag-cve-2026-42246",
             {"greeting": b"* OK hi\r\na1 OK begin\r\n1 OK begin\r\nA001 OK\r\n"}, PROTO, tls="starttls"),
    Scenario("starttls-plaintext-instead", {"caps": STARTTLS_CAPS, "STARTTLS": hang_up(b"$T OK x\r\n* OK go on\r\n")},
             (75, 76), tls="starttls"),
    Scenario("starttls-malformed-reply-cve-2020-16117", {"caps": STARTTLS_CAPS, "STARTTLS": b"$T\r\n"}, PROTO,
             tls="starttls"),
    Scenario("starttls-silent-cve-2011-1947", {"caps": STARTTLS_CAPS, "STARTTLS": silence}, NET, tls="starttls"),
    Scenario("starttls-handshake-silent", {"caps": STARTTLS_CAPS, "STARTTLS": ok_then_silence}, NET, tls="starttls"),
    Scenario("starttls-untagged-before-nostarttls-tampering", {
        "caps": STARTTLS_CAPS,
        "STARTTLS": first(b'* LIST () "/" evil', b"* 1 EXPUNGE", b"* STATUS INBOX (MESSAGES 0)", b"* SEARCH 1 2 3",
                          b"* FLAGS (\\Seen)", b"* 9 EXISTS", b"* 1 FETCH (UID 1 FLAGS (\\Deleted))")},
        OK, tls="starttls"),
    Scenario("logindisabled", {"caps": b"IMAP4rev1 LOGINDISABLED"}, AUTH),
    Scenario("auth-downgrade-explicit-list", {"caps": caps(b"AUTH=PLAIN AUTH=LOGIN")}, AUTH, settings=SECRETS),
    Scenario("auth-none-offered", {"caps": b"IMAP4rev1 LOGINDISABLED AUTH=X-EVIL"}, AUTH),
    Scenario("login-no", {"LOGIN": b"$T NO [AUTHENTICATIONFAILED] no\r\n"}, AUTH),
    Scenario("login-no-without-text-cve-2018-14349", {"LOGIN": b"$T NO\r\n"}, AUTH),
    Scenario("login-bad", {"LOGIN": b"$T BAD\r\n"}, AUTH),
    Scenario("login-repeats-password", {"LOGIN": b"$T NO wrong: %s\r\n" % PASSWORD.encode()}, AUTH),
    Scenario("login-repeats-password-untagged",
             {"LOGIN": first(b"* OK [ALERT] you said %s" % PASSWORD.encode())}, OK),
    Scenario("login-repeats-password-in-bye", {"LOGIN": b"* BYE you said %s\r\n" % PASSWORD.encode()}, NET),
    Scenario("login-repeats-password-at-the-cut", {"LOGIN": first(b"* OK " + b"x" * 488 + PASSWORD.encode())}, OK,
             absent=(PASSWORD[:6].encode(),)),
    Scenario("login-repeats-base64", {"caps": caps(b"AUTH=PLAIN"), "AUTHENTICATE": repeat}, AUTH,
             absent=(base64.b64encode(b"\0alice\0" + PASSWORD.encode()),)),
    Scenario("password-repeated-later", {"LIST": b"* BYE you said %s\r\n" % PASSWORD.encode()}, NET),
    Scenario("login-bye", {"LOGIN": b"* BYE " + ESC + b"\r\n"}, NET),
    Scenario("login-bye-and-ok", {"LOGIN": b"* BYE\r\n$T OK\r\n"}, NET),
    Scenario("login-alert-spoofing", {"LOGIN": first(b"* OK [ALERT] " + ESC + b" press enter")}, OK),
    Scenario("login-capability-huge", {"CAPABILITY": b"* CAPABILITY IMAP4rev1" + b" X" * 400000 + b"\r\n$T OK\r\n",
                                       "greeting": b"* OK hi\r\n"}, DONE),
    Scenario("login-never-capability", {"CAPABILITY": b"$T OK\r\n", "greeting": b"* OK hi\r\n"}, PROTO),
    Scenario("auth-cram-nul-cve-2026-43859", {"caps": caps(b"AUTH=CRAM-MD5"), "AUTHENTICATE": challenge(b"<1\x002@x>")},
             (0, 77), settings={"auth": {"mechanisms": ["CRAM-MD5"]}}),
    Scenario("auth-base64-garbage-cve-2018-14359", {"caps": caps(b"AUTH=CRAM-MD5"),
                                                    "AUTHENTICATE": b"+ ====!!!!\r\n$T OK\r\n"},
             AUTH, settings={"auth": {"mechanisms": ["CRAM-MD5"]}}),
    Scenario("auth-base64-bomb", {"caps": caps(b"AUTH=CRAM-MD5"), "AUTHENTICATE": challenge(b"A" * 700000)}, (76, 77),
             settings={"auth": {"mechanisms": ["CRAM-MD5"]}}),
    Scenario("auth-challenge-endless", {"caps": caps(b"AUTH=CRAM-MD5"), "AUTHENTICATE": flood(b"+ PDFAeD4=\r\n")},
             (75, 76, 77), settings={"auth": {"mechanisms": ["CRAM-MD5"]}}),
    Scenario("auth-scram-bomb-cve-2026-42256", {"caps": caps(b"AUTH=SCRAM-SHA-256"), "AUTHENTICATE": scram(b"2147483647")},
             AUTH, settings=SECRETS),
    Scenario("auth-scram-bomb-overflow", {"caps": caps(b"AUTH=SCRAM-SHA-256"), "AUTHENTICATE": scram(b"9" * 40)}, AUTH,
             settings=SECRETS),
    Scenario("auth-scram-iterations-zero", {"caps": caps(b"AUTH=SCRAM-SHA-256"), "AUTHENTICATE": scram(b"0")}, AUTH,
             settings=SECRETS),
    Scenario("auth-scram-negative", {"caps": caps(b"AUTH=SCRAM-SHA-256"), "AUTHENTICATE": scram(b"-1")}, AUTH,
             settings=SECRETS),
    Scenario("auth-scram-no-proof", {"caps": caps(b"AUTH=SCRAM-SHA-256"), "AUTHENTICATE": b"$T OK\r\n"}, AUTH,
             settings=SECRETS),
    Scenario("auth-scram-garbage", {"caps": caps(b"AUTH=SCRAM-SHA-256"), "AUTHENTICATE": challenge(b"\xff\x00" * 50)},
             AUTH, settings=SECRETS),
    Scenario("auth-oauth-error-huge", {"caps": caps(b"AUTH=XOAUTH2"), "AUTHENTICATE":
             b"+ " + b"ey" * 400000 + b"\r\n$T NO\r\n"}, AUTH, settings={"auth": {"token_command": ["echo", "tok"]}}),
    Scenario("auth-oauth-error-escapes", {"caps": caps(b"AUTH=XOAUTH2"), "AUTHENTICATE": challenge(
        b'{"status":"401","schemes":"\x1b[31m","scope":"\x07"}')}, (0, 77),
        settings={"auth": {"token_command": ["echo", "tok"]}}),
    Scenario("auth-continuation-unasked", {"CAPABILITY": b"+ go\r\n", "greeting": b"* OK\r\n"}, PROTO),
]

# ---- certificates: rule 4 ----

CERTIFICATES = [
    Scenario("tls-foreign-ca", {"certificate": "foreign"}, AUTH, tls="implicit"),
    Scenario("tls-common-name-only-rfc6125", {"certificate": "common-name"}, AUTH, tls="implicit"),
    Scenario("tls-no-subjectaltname", {"certificate": "no-names"}, AUTH, tls="implicit"),
    Scenario("tls-control-bytes-in-subject-cve-2010-0562", {"certificate": "control"}, AUTH, tls="implicit"),
    Scenario("tls-pin-mismatch", {}, AUTH, tls="implicit", settings={"server": {"pin": ["sha256:" + "ab" * 32]}}),
    Scenario("tls-foreign-ca-starttls", {"certificate": "foreign", "caps": STARTTLS_CAPS}, AUTH, tls="starttls"),
    Scenario("tls-honest", {}, OK, tls="implicit"),
    Scenario("starttls-honest", {"caps": STARTTLS_CAPS}, OK, tls="starttls"),
]

# ---- literals, lines, nesting, numbers: rule 5 ----


def in_list(name, text, status=PROTO, **how):
    return Scenario(name, {"LIST": b'* LIST () "/" ' + text + b"\r\n$T OK\r\n"}, status, **how)


def in_fetch(name, text, status=(1, 75, 76), **how):
    return Scenario(name, {"BODY": b"* 1 FETCH (" + text + b")\r\n$T OK\r\n"}, status, fresh=True, keeps=False, **how)


SIZES = [
    in_list("literal-4294967295-cve-2021-3657", b"{4294967295}\r\nabc"),
    in_list("literal-18446744073709551616", b"{18446744073709551616}\r\nabc"),
    in_list("literal-18446744073709551615", b"{18446744073709551615}\r\nabc"),
    in_list("literal-2147483648", b"{2147483648}\r\nabc"),
    in_list("literal-negative", b"{-1}\r\nabc"),
    in_list("literal-leading-zeros", b"{0000000003}\r\nabc", (0, 1)),
    in_list("literal-zero-cve-2017-1000257", b"{0}\r\n", (0, 1, 65)),
    in_list("literal-empty-braces", b"{}\r\nabc"),
    in_list("literal-hex", b"{0x3}\r\nabc"),
    in_list("literal-unclosed", b"{3\r\nabc"),
    in_list("literal-cut-cve-2018-14351", b"{1000000}\r\nabc", NET),
    in_list("quoted-unclosed", b'"abc'),
    in_list("quoted-escape-at-end-cve-2018-14352", b'"abc\\'),
    Scenario("literal-of-2-gib-in-status", {"STATUS": b"* STATUS {2147483647}\r\nx\r\n$T OK\r\n"}, PROTO),
    in_fetch("body-literal-4294967295", b"UID 1 BODY[] {4294967295}\r\nabc"),
    in_fetch("body-literal-9223372036854775807", b"UID 1 BODY[] {9223372036854775807}\r\nabc"),
    in_fetch("body-literal-9223372036854775808", b"UID 1 BODY[] {9223372036854775808}\r\nabc"),
    in_fetch("body-literal-negative", b"UID 1 BODY[] {-5}\r\nabc"),
    in_fetch("body-literal-zero", b"UID 1 FLAGS () BODY[] {0}\r\n", (0, 1, 75, 76)),
    in_fetch("body-quoted", b'UID 1 FLAGS () BODY[] "abc"', (0, 1, 75, 76)),
    in_fetch("body-nil", b"UID 1 FLAGS () BODY[] NIL", (0, 1, 75, 76)),
    in_fetch("body-twice", b"UID 1 FLAGS () BODY[] {3}\r\nabc BODY[] {3}\r\nxyz", (0, 1, 75, 76)),
    in_fetch("body-no-separator-cve-2021-44143", b"UID 1 FLAGS () BODY[] {3}\r\nabc", (0, 1, 75, 76)),
    in_fetch("body-only-cr", b"UID 1 FLAGS () BODY[] {3}\r\n\r\r\r", (0, 1, 75, 76)),
    in_fetch("body-nul", b"UID 1 FLAGS () BODY[] {5}\r\na\0b\r\n", (0, 1, 75, 76)),
    in_fetch("fetch-unknown-item-literal-huge", b"UID 1 X-EVIL {9223372036854775807}\r\nabc"),
    in_fetch("fetch-bodystructure-deep", b"UID 1 BODYSTRUCTURE " + b"(" * 100000),
    in_fetch("fetch-internaldate-long-cve-2018-14350", b'UID 1 INTERNALDATE "' + b"9" * 100000 +
             b'" FLAGS () BODY[] {3}\r\nabc', (0, 1, 75, 76)),
    in_fetch("fetch-internaldate-garbage", b'UID 1 INTERNALDATE "99-Foo-99999 99:99:99 +9999" FLAGS () BODY[] {3}\r\nabc',
             (0, 1, 75, 76)),
    in_fetch("fetch-internaldate-extreme", b'UID 1 INTERNALDATE "01-Jan-9999 00:00:00 +0000" FLAGS () BODY[] {3}\r\nabc',
             (0, 1, 75, 76)),
    in_fetch("fetch-size-long-cve-2018-14358", b"UID 1 RFC822.SIZE " + b"9" * 1000 + b" FLAGS () BODY[] {3}\r\nabc"),
    in_fetch("fetch-size-negative", b"UID 1 RFC822.SIZE -1 FLAGS () BODY[] {3}\r\nabc"),
    in_fetch("fetch-uid-zero", b"UID 0 FLAGS () BODY[] {3}\r\nabc"),
    in_fetch("fetch-uid-overflow", b"UID 4294967296 FLAGS () BODY[] {3}\r\nabc"),
    in_fetch("fetch-without-uid", b"FLAGS () BODY[] {3}\r\nabc", (0, 1, 75, 76)),
    in_fetch("fetch-uid-twice", b"UID 1 UID 2 FLAGS () BODY[] {3}\r\nabc", (0, 1, 75, 76)),
    in_fetch("fetch-modseq-overflow", b"UID 1 MODSEQ (99999999999999999999) FLAGS () BODY[] {3}\r\nabc"),
    in_fetch("fetch-item-name-long", b"BODY[" + b"X" * 900000 + b"] NIL UID 1", (0, 1, 75, 76)),
    Scenario("fetch-seq-zero", {"BODY": b"* 0 FETCH (UID 1 FLAGS () BODY[] {3}\r\nabc)\r\n$T OK\r\n"}, (1, 75, 76),
             fresh=True, keeps=False),
    Scenario("line-endless-cve-mutt-2.4.1", {"LIST": flood(b"A" * 1000, b'* LIST () "/" ')}, PROTO),
    Scenario("line-endless-greeting", {"greeting": flood(b"A" * 1000, b"* OK ")}, PROTO),
    Scenario("line-endless-blanks", {"LIST": flood(b" " * 1000, b"* LIST ")}, PROTO),
    Scenario("line-endless-text", {"SELECT": flood(b"A" * 1000, b"* OK [")}, PROTO, edit="new"),
    Scenario("line-endless-digits", {"SELECT": flood(b"0" * 1000, b"* ")}, PROTO, edit="new"),
    Scenario("line-endless-unknown", {"LIST": flood(b"x" * 1000, b"* XEVIL ")}, PROTO),
    Scenario("line-endless-semicolons-cve-2021-3181", {"LIST": flood(b";" * 1000, b"* OK ")}, PROTO),
    Scenario("line-endless-flags", {"SELECT": flood(b"kw ", b"* FLAGS (")}, PROTO, edit="new"),
    Scenario("line-endless-search", {"SEARCH": flood(b" 1", b"* SEARCH")}, (75, 76), fresh=True, edit="new", keeps=False),
    Scenario("line-endless-tag", {"LIST": flood(b"x" * 1000)}, PROTO),
    Scenario("nesting-deep", {"LIST": b"* XEVIL " + b"(" * 500000 + b"\r\n$T OK\r\n"}, (0, 1)),
    Scenario("nesting-deep-list-extension", {"LIST": b'* LIST () "/" a ' + b"(" * 500000 + b"\r\n$T OK\r\n"}, PROTO),
    Scenario("nesting-deep-namespace-cve-2006-3242", {"NAMESPACE": b"* NAMESPACE " + b"(" * 500000 + b"\r\n$T OK\r\n"},
             PROTO),
    Scenario("namespace-many", {"NAMESPACE": b"* NAMESPACE (" + b'("a" "/")' * 50000 + b") NIL NIL\r\n$T OK\r\n"}, (0, 1)),
    Scenario("namespace-prefix-escapes", {"NAMESPACE": rows(b'* NAMESPACE (("../../" "/")) NIL NIL')}, (0, 1, 65)),
    Scenario("response-unknown-literal-huge", {"LIST": b"* XEVIL {999999999999}\r\nabc\r\n$T OK\r\n"}, PROTO),
    Scenario("nul-in-response", {"LIST": b'* LIST () "/" "a\x00b"\r\n$T OK\r\n'}, PROTO),
    Scenario("number-overflow-exists", {"SELECT": b"* 4294967296 EXISTS\r\n$T OK\r\n"}, (1, 76), edit="new"),
    Scenario("number-negative-exists", {"SELECT": b"* -1 EXISTS\r\n$T OK\r\n"}, (0, 1, 76), edit="new"),
    Scenario("list-negative-index-cve-2001-1009", {"LIST": rows(b"* LIST (\\-1) -1 -1")}, PROTO),
    Scenario("list-delimiter-long", {"LIST": rows(b'* LIST () "//" a')}, PROTO),
    Scenario("list-delimiter-escape", {"LIST": rows(b'* LIST () {1}\r\n\x1b a')}, PROTO),
    Scenario("list-delimiter-nul", {"LIST": rows(b'* LIST () {1}\r\n\0 a')}, PROTO),
]

# ---- sets and counts: rules 5 and 7 ----

QRESYNC = {"caps": caps(b"QRESYNC"), "ENABLE": rows(b"* ENABLED QRESYNC")}


def vanished(name, *lines, change=(), status=DONE, **how):
    """Something changed since the last pass, which used QRESYNC, too; LINES come before the answer to what."""
    return Scenario("qresync-" + name, {
        **QRESYNC, "STATUS": rows(b"* STATUS INBOX (MESSAGES 3 UIDNEXT 5 UIDVALIDITY 7 HIGHESTMODSEQ 11)"),
        "SELECT": selected((b"HIGHESTMODSEQ 10", b"HIGHESTMODSEQ 11"), *change), "FETCH": first(*lines)},
        status, before=QRESYNC, **how)


def odd_uids(start, count):
    return b",".join(b"%d" % n for n in range(start, start + 2 * count, 2))


def sinking(count):
    """A listing from the highest UID down, without two that follow each other."""
    listing = rows(*(b"* 1 FETCH (UID %d FLAGS ())" % n for n in range(2 * count + 1, 4, -2)))

    def play(connection, tag, line):
        answer = listing if b"(UID FLAGS)" in line else b"$T BAD no\r\n"
        connection.send(answer.replace(b"$T", tag))
    return play


ALL = b"1:4294967295"
SETS = [
    vanished("everything", b"* VANISHED (EARLIER) 1:4294967295"),
    vanished("everything-reversed", b"* VANISHED (EARLIER) 4294967295:1"),
    vanished("everything-now", b"* VANISHED 1:3"),
    vanished("star", b"* VANISHED (EARLIER) 1:*", status=PROTO),
    vanished("and-still-there", b"* VANISHED (EARLIER) 1", b"* 1 FETCH (UID 1 FLAGS (\\Seen) MODSEQ (11))"),
    vanished("twice-told", b"* VANISHED 1", b"* 1 EXPUNGE", b"* 1 EXPUNGE", b"* VANISHED (EARLIER) 2:3"),
    vanished("a-million-ranges", b"* VANISHED (EARLIER) " + odd_uids(5, 1000000)),
    vanished("ranges-without-end", *(b"* VANISHED (EARLIER) " + odd_uids(5 + n * 2000000, 1000000) for n in range(3)),
             status=PROTO),
    vanished("closed-meanwhile", b"* OK [CLOSED] x", b"* 0 EXISTS", b"* VANISHED (EARLIER) 1:3"),
    vanished("modseq-largest", b"* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (9223372036854775807))"),
    vanished("modseq-too-large", b"* 1 FETCH (UID 1 FLAGS (\\Flagged) MODSEQ (9223372036854775808))", status=PROTO),
    vanished("uid-largest", b"* 4 FETCH (UID 4294967295 FLAGS ())",
             change=((b"3 EXISTS", b"4 EXISTS"), (b"UIDNEXT 4", b"UIDNEXT 4294967295"))),
    Scenario("millions-new-there-and-one-here", {
        "SELECT": selected((b"3 EXISTS", b"5000000 EXISTS"), (b"UIDNEXT 4", b"UIDNEXT 5000001")),
        "STATUS": rows(b"* STATUS INBOX (MESSAGES 5000000 UIDNEXT 5000001 UIDVALIDITY 7)"),
        "SEARCH": rows(b'* ESEARCH (TAG "$T") UID ALL 1:5000000'), "FETCH": b"$T OK\r\n",
        "BODY": hang_up()}, (0, 1, 75), fresh=True, edit="new", keeps=False),
    Scenario("listing-sinks", {"caps": PLAIN_IMAP, "SELECT": selected((b"3 EXISTS", b"4294967295 EXISTS")),
                               "FETCH": sinking(200000)}, (0, 1, 75, 76), edit="new"),
    Scenario("vanished-everything", {"SELECT": first(b"* VANISHED 1:4294967295")}, edit="new"),
    Scenario("vanished-comma-at-end-cve-2021-32055", {"SELECT": first(b"* VANISHED 1,2,")}, (1, 76), edit="new"),
    Scenario("vanished-zero", {"SELECT": first(b"* VANISHED 0")}, (1, 76), edit="new"),
    Scenario("vanished-star", {"SELECT": first(b"* VANISHED *")}, (1, 76), edit="new"),
    Scenario("vanished-empty", {"SELECT": first(b"* VANISHED ")}, (1, 76), edit="new"),
    Scenario("vanished-reversed", {"SELECT": first(b"* VANISHED 4294967295:1")}, edit="new"),
    Scenario("search-all-cve-2025-25186", {"caps": PLAIN_IMAP, "SEARCH": rows(b"* SEARCH 1:4294967295")},
             (1, 75, 76), fresh=True, edit="new", keeps=False),
    Scenario("esearch-all-cve-2025-25186", {"SEARCH": rows(b'* ESEARCH (TAG "$T") UID ALL 1:4294967295')},
             fresh=True, edit="new", keeps=False),
    Scenario("esearch-count-huge", {"SEARCH": rows(b'* ESEARCH (TAG "$T") UID COUNT 99999999999999999999')},
             fresh=True, edit="new", keeps=False),
    Scenario("esearch-comma", {"SEARCH": rows(b'* ESEARCH (TAG "$T") UID ALL 1:3,')}, (1, 75, 76), fresh=True, edit="new",
             keeps=False),
    Scenario("esearch-sequence-numbers", {"SEARCH": rows(b'* ESEARCH (TAG "$T") ALL 1:3')}, (1, 75, 76), fresh=True, edit="new",
             keeps=False),
    Scenario("esearch-foreign-tag", {"SEARCH": rows(b'* ESEARCH (TAG "x") UID ALL 1:1000')}, fresh=True, edit="new", keeps=False),
    Scenario("search-zero", {"caps": PLAIN_IMAP, "SEARCH": rows(b"* SEARCH 0")}, (0, 1, 75, 76), fresh=True, edit="new",
             keeps=False),
    Scenario("search-million-uids", {"caps": PLAIN_IMAP, "SEARCH": rows(
        b"* SEARCH" + b"".join(b" %d" % n for n in range(2, 2000000, 2)))}, fresh=True, edit="new", keeps=False),
    Scenario("exists-4294967295", {"SELECT": selected((b"3 EXISTS", b"4294967295 EXISTS"))}, edit="new"),
    Scenario("exists-zero-deletes-nothing", {"SELECT": selected((b"3 EXISTS", b"0 EXISTS"))}, edit="new"),
    Scenario("exists-goes-down", {"SELECT": first(b"* 3 EXISTS", b"* 1 EXISTS", b"* 0 EXISTS")}, edit="new"),
    Scenario("exists-sinks-during-listing", {"caps": PLAIN_IMAP, "FETCH": first(b"* 0 EXISTS")}),
    Scenario("expunge-zero", {"SELECT": first(b"* 0 EXPUNGE")}, (1, 76), edit="new"),
    Scenario("expunge-beyond", {"SELECT": first(b"* 4294967295 EXPUNGE")}, edit="new"),
    Scenario("expunge-injection-nostarttls", {"NOOP": first(b"* 1 EXPUNGE", b"* 1 EXPUNGE", b"* 1 EXPUNGE"),
                                              "caps": PLAIN_IMAP, "FETCH": rows()}),
    Scenario("expunge-many", {"SELECT": first(*[b"* 1 EXPUNGE"] * 5000)}, edit="new"),
    Scenario("listing-lacks-all", {"caps": PLAIN_IMAP, "FETCH": rows()}),
    Scenario("listing-lacks-one", {"caps": PLAIN_IMAP, "FETCH": rows(b"* 1 FETCH (UID 1 FLAGS ())")}),
    Scenario("listing-foreign-uids", {"caps": PLAIN_IMAP, "FETCH": rows(
        *[b"* %d FETCH (UID %d FLAGS ())" % (n, n + 70) for n in (1, 2, 3)]),
        "BODY": rows()}, keeps=False),  # three messages went, three came: that may be true
    Scenario("listing-repeats-one", {"caps": PLAIN_IMAP, "FETCH": rows(
        *[b"* %d FETCH (UID 1 FLAGS ())" % n for n in (1, 2, 3)])}),
    Scenario("uidvalidity-zero", {"SELECT": selected((b"UIDVALIDITY 7", b"UIDVALIDITY 0"))}, edit="new"),
    Scenario("uidvalidity-changes-in-session", {"SELECT": selected((b"UIDVALIDITY 7", b"UIDVALIDITY 8"))}, edit="new"),
    Scenario("uidvalidity-changes-after-select", {"FETCH": first(b"* OK [UIDVALIDITY 9] hm"), "caps": PLAIN_IMAP},
             NET),
    Scenario("uidvalidity-overflow", {"SELECT": selected((b"UIDVALIDITY 7", b"UIDVALIDITY 4294967296"))}, (1, 76),
             edit="new"),
    Scenario("uidvalidity-missing", {"SELECT": selected((b"* OK [UIDVALIDITY 7] x\r\n", b""))}, edit="new"),
    Scenario("uidvalidity-text", {"SELECT": selected((b"UIDVALIDITY 7", b"UIDVALIDITY x"))}, (1, 76), edit="new"),
    Scenario("uidnext-zero", {"SELECT": selected((b"UIDNEXT 4", b"UIDNEXT 0"))}, edit="new"),
    Scenario("highestmodseq-overflow", {"SELECT": selected((b"HIGHESTMODSEQ 10", b"HIGHESTMODSEQ 9223372036854775808"))},
             (1, 76), edit="new"),
    Scenario("highestmodseq-goes-back", {"SELECT": selected((b"HIGHESTMODSEQ 10", b"HIGHESTMODSEQ 1"))}, edit="new"),
    Scenario("status-lies", {"STATUS": rows(b"* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7 HIGHESTMODSEQ 99)")}),
    Scenario("status-nonexistent", {"STATUS": b"$T NO [NONEXISTENT] gone\r\n", "LIST": rows(b'* LIST () "/" other'),
                                    "SELECT": b"$T NO [NONEXISTENT] gone\r\n"}),
    Scenario("status-foreign", {"STATUS": rows(b"* STATUS evil (MESSAGES 3)")}),
    Scenario("list-empty", {"LIST": b"$T OK\r\n"}),
    Scenario("select-refused", {"SELECT": b"$T NO\r\n"}, (1, 75), edit="new"),
    Scenario("select-nothing-said", {"SELECT": b"$T OK\r\n"}, edit="new"),
    Scenario("fetch-never-asked", {"SELECT": first(*[fetched(n, b"evil")[:-2] for n in range(4, 50)])}, edit="new"),
    Scenario("fetch-bodies-of-others", {"BODY": first(*[fetched(n, b"evil")[:-2] for n in range(100, 200)])},
             fresh=True, keeps=False),
    Scenario("fetch-bodies-twice", {"BODY": first(*[fetched(n, MESSAGES[n])[:-2] for n in (1, 2, 3)] * 3)}, fresh=True),
    Scenario("fetch-body-size-lies", {"BODY": b"* 1 FETCH (UID 1 RFC822.SIZE 99999999 FLAGS () BODY[] {3}\r\nabc)\r\n"
                                              b"* 2 FETCH (UID 2 RFC822.SIZE 0 FLAGS () BODY[] {3}\r\nabc)\r\n$T OK\r\n"},
             fresh=True, keeps=False),
    Scenario("fetch-body-cut", {"BODY": hang_up(b"* 1 FETCH (UID 1 FLAGS () BODY[] {1000}\r\nabc")}, NET, fresh=True,
             keeps=False),
    Scenario("flags-of-others", {"NOOP": first(*[b"* %d FETCH (UID %d FLAGS (\\Deleted))" % (n, n)
                                                 for n in range(1, 4)])}, edit="new"),
    Scenario("appenduid-huge-cve-2021-3578", {"APPEND": b"$T OK [APPENDUID 7 1:4294967295] x\r\n"}, edit="new"),
    Scenario("appenduid-in-untagged-ok", {"APPEND": first(b"* OK [APPENDUID 7 1] x")}, edit="new"),
    Scenario("appenduid-twice", {"APPEND": b"* OK [APPENDUID 7 1] x\r\n$T OK [APPENDUID 7 2] x\r\n"}, edit="new"),
    Scenario("appenduid-zero", {"APPEND": b"$T OK [APPENDUID 7 0] x\r\n"}, edit="new"),
    Scenario("appenduid-wrong-validity", {"APPEND": b"$T OK [APPENDUID 8 4] x\r\n"}, edit="new"),
    Scenario("appenduid-of-a-known-message", {"APPEND": b"$T OK [APPENDUID 7 1] x\r\n"}, edit="new"),
    Scenario("appenduid-set-of-two", {"APPEND": b"$T OK [APPENDUID 7 4:5] x\r\n"}, edit="new"),
    Scenario("appenduid-for-select", {"SELECT": selected()[:-len(b"$T OK [READ-WRITE] done\r\n")] +
                                      b"$T OK [APPENDUID 7 1:4294967295] x\r\n"}, edit="new"),
    Scenario("appenduid-empty", {"APPEND": b"$T OK [APPENDUID] x\r\n"}, edit="new"),
    Scenario("append-no-literal-ok", {"caps": PLAIN_IMAP, "literal": b"$T OK [APPENDUID 7 4] done\r\n"}, (1, 75, 76),
             edit="new"),
    Scenario("append-continuation-twice", {"caps": PLAIN_IMAP, "literal": b"+ go\r\n+ go\r\n"}, edit="new"),
    Scenario("append-refused", {"APPEND": b"$T NO [OVERQUOTA] " + ESC + b"\r\n"}, (1,), edit="new"),
    Scenario("append-bye", {"APPEND": b"* BYE\r\n"}, NET, edit="new"),
    Scenario("copyuid-huge", {"MOVE": b"* OK [COPYUID 7 1:4294967295 1:4294967295] x\r\n$T OK\r\n",
                              "LIST": rows(b'* LIST () "/" INBOX', b'* LIST () "/" Other')}, edit="move"),
    Scenario("copyuid-lengths-differ", {"MOVE": b"* OK [COPYUID 7 1:2 9] x\r\n$T OK\r\n",
                                        "LIST": rows(b'* LIST () "/" INBOX', b'* LIST () "/" Other')}, edit="move"),
    Scenario("store-modified-everything", {"STORE": b"$T OK [MODIFIED 1:4294967295] x\r\n"}, edit="flag"),
    Scenario("store-refused", {"STORE": b"$T NO no\r\n"}, edit="flag"),
    Scenario("store-bad", {"STORE": b"$T BAD\r\n"}, edit="flag"),
]

# ---- tags and ends: rule 2 ----

ENDS = [
    Scenario("tag-unknown", {"LIST": b"x1 OK\r\n"}, PROTO),
    Scenario("tag-empty", {"LIST": b" OK\r\n"}, PROTO),
    Scenario("tag-answered-twice", {"STATUS": rows() + b"$T OK again\r\n"}, (0, 76)),
    Scenario("tag-ahead", {"LIST": rows(b'* LIST () "/" INBOX') + b"".join(b"a%d OK\r\n" % n for n in range(9))}, PROTO),
    Scenario("tag-state-unknown", {"LIST": b"$T MAYBE\r\n"}, PROTO),
    Scenario("tag-preauth", {"LIST": b"$T PREAUTH\r\n"}, PROTO),
    Scenario("tag-bye", {"LIST": b"$T BYE\r\n"}, PROTO),
    Scenario("list-no", {"LIST": b"$T NO " + ESC + b"\r\n"}, (1, 75, 76)),
    Scenario("list-bad", {"LIST": b"$T BAD " + ESC + b"\r\n"}, (1, 75, 76)),
    Scenario("preauth-later", {"LIST": b"* PREAUTH again\r\n$T OK\r\n"}, PROTO),
    Scenario("continuation-unasked", {"LIST": b"+ go on\r\n$T OK\r\n"}, PROTO),
    *[Scenario("bye-in-" + word.lower(), {word: b"* BYE " + ESC + b"\r\n"}, (0, 75), **how) for word, how in (
        ("LIST", {}), ("STATUS", {}), ("SELECT", {"edit": "new"}), ("SEARCH", {"fresh": True, "keeps": False}),
        ("BODY", {"fresh": True, "keeps": False}), ("STORE", {"edit": "flag"}), ("NAMESPACE", {}), ("ENABLE", {}),
        ("LOGOUT", {}), ("CREATE", {"edit": "mailbox"}), ("EXPUNGE", {"edit": "delete", "keeps": False}))],
    *[Scenario("hang-up-in-" + word.lower(), {word: hang_up()}, (0, 75), **how) for word, how in (
        ("LIST", {}), ("SELECT", {"edit": "new"}), ("BODY", {"fresh": True, "keeps": False}),
        ("APPEND", {"edit": "new"}), ("LOGOUT", {}), ("EXPUNGE", {"edit": "delete", "keeps": False}))],
    *[Scenario("silence-in-" + word.lower(), {word: silence}, (0, 75), **how) for word, how in (
        ("greeting", {}), ("LOGIN", {}), ("LIST", {}), ("SELECT", {"edit": "new"}), ("LOGOUT", {}),
        ("BODY", {"fresh": True, "keeps": False}), ("APPEND", {"edit": "new"}))],
]

# ---- without end: memory and time ----

ENDLESS = [
    *[Scenario("endless-%s-in-%s" % (what, word.lower()), {word: flood(chunk)}, (75, 76), **how)
      for what, chunk in (("ok", b"* OK hello\r\n"), ("unknown", b"* XEVIL 1\r\n"), ("exists", b"* 3 EXISTS\r\n"),
                          ("fetch", b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n"))
      for word, how in (("LOGIN", {}), ("LIST", {}), ("SELECT", {"edit": "new"}))],
    Scenario("endless-greeting", {"greeting": flood(b"* OK hi\r\n")}, (75, 76)),
    Scenario("endless-list", {"LIST": flood(b'* LIST () "/" INBOX\r\n')}, (75, 76)),
    Scenario("endless-status", {"STATUS": flood(b"* STATUS INBOX (MESSAGES 3)\r\n")}, (75, 76)),
    Scenario("endless-capability", {"LOGIN": flood(b"* CAPABILITY IMAP4rev1\r\n")}, (75, 76)),
    Scenario("endless-namespace", {"NAMESPACE": flood(b'* NAMESPACE (("" "/")) NIL NIL\r\n')}, (75, 76)),
    Scenario("endless-search", {"SEARCH": flood(b'* ESEARCH UID ALL 1:3\r\n')}, (75, 76), fresh=True, edit="new", keeps=False),
    Scenario("endless-bodies", {"BODY": flood(fetched(1, MESSAGES[1]))}, (1, 75, 76), fresh=True, keeps=False),
    Scenario("endless-listing", {"caps": PLAIN_IMAP, "FETCH": flood(b"* 1 FETCH (UID 1 FLAGS ())\r\n")}, (75, 76)),
    Scenario("endless-vanished", {"NOOP": flood(b"* VANISHED 1:3\r\n"), "SELECT": flood(b"* VANISHED 1:3\r\n")},
             (75, 76), edit="new"),
    Scenario("endless-in-logout", {"LOGOUT": flood(b"* OK bye\r\n")}, (0, 75, 76)),
    Scenario("endless-in-append", {"APPEND": flood(b"* OK wait\r\n")}, (75, 76), edit="new"),
    Scenario("endless-in-store", {"STORE": flood(b"* 1 FETCH (UID 1 FLAGS (\\Deleted))\r\n")}, (75, 76), edit="flag"),
    Scenario("endless-literal", {"LIST": flood(b"x" * 1000, b'* LIST () "/" {1000000}\r\n')}, PROTO),
    *[Scenario("drip-in-" + word.lower(), {word: drip(b"* OK a long text " * 9 + b"\r\n")}, (0, 75, 76), **how)
      for word, how in (("greeting", {}), ("LOGIN", {}), ("CAPABILITY", {"tls": "starttls"}), ("LIST", {}),
                        ("SELECT", {"edit": "new"}), ("BODY", {"fresh": True, "keeps": False}), ("LOGOUT", {}))],
    Scenario("drip-literal", {"LIST": drip(b"x", 0.05, b'* LIST () "/" {100000}\r\n')}, (75, 76)),
    Scenario("drip-body", {"BODY": drip(b"x", 0.05, b"* 1 FETCH (UID 1 BODY[] {100000}\r\n")}, (1, 75, 76), fresh=True,
             keeps=False),
    Scenario("drip-tls-handshake", {"raw": drip(b"\x16\x03\x03\x40\x00" + b"\0" * 9)}, (75, 76), tls="implicit"),
    Scenario("patter-ok-in-login", {"LOGIN": patter(b"* OK wait\r\n")}, (75, 76)),
    Scenario("patter-ok-in-list", {"LIST": patter(b"* OK wait\r\n")}, (75, 76)),
    Scenario("patter-ok-in-select", {"SELECT": patter(b"* OK wait\r\n")}, (75, 76), edit="new"),
    Scenario("patter-ok-in-body", {"BODY": patter(b"* OK wait\r\n")}, (75, 76), fresh=True, keeps=False),
    Scenario("patter-inprogress-in-append", {"APPEND": patter(b"* OK [INPROGRESS] wait\r\n")}, (75, 76), edit="new"),
    Scenario("patter-list", {"LIST": patter(b'* LIST () "/" INBOX\r\n')}, (75, 76)),
    Scenario("busy-forever", {"LIST": b"$T NO [UNAVAILABLE] later\r\n"}, (1, 75)),
    Scenario("login-busy-forever", {"LOGIN": b"$T NO [UNAVAILABLE] later\r\n"}, (75, 77)),
    Scenario("compress-bomb", {"caps": caps(b"COMPRESS=DEFLATE"), "SELECT": flood(b"A" * 65536, b"* OK ")}, (75, 76),
             edit="new", settings={"server": {"compress": "yes"}}),
    Scenario("compress-bomb-body", {"caps": caps(b"COMPRESS=DEFLATE"), "BODY": flood(
        b"\0" * 65536, b"* 1 FETCH (UID 1 BODY[] {100000}\r\n")}, (1, 75, 76), fresh=True, keeps=False,
        settings={"server": {"compress": "yes"}}),
    Scenario("compress-garbage", {"caps": caps(b"COMPRESS=DEFLATE"), "COMPRESS":
             b"$T OK go\r\n" + b"\xff" * 100}, (75, 76), edit="new", settings={"server": {"compress": "yes"}}),
    Scenario("mailboxes-100001", {"LIST": b"".join(b'* LIST () "/" b%d\r\n' % n for n in range(100001)) + b"$T OK\r\n"},
             PROTO),
    Scenario("mailbox-names-megabytes", {"LIST": flood(b'* LIST () "/" {1000000}\r\n' + b"n" * 1000000 + b"\r\n")},
             PROTO),
    Scenario("mailboxes-noselect-99999", {"LIST": b"".join(
        b'* LIST (\\Noselect) "/" b%d\r\n' % n for n in range(99999)) + rows(b'* LIST () "/" INBOX')}, (0, 1)),
    Scenario("statuses-100001", {"STATUS": b"".join(b"* STATUS b%d (MESSAGES 1)\r\n" % n for n in range(100001)) +
                                 b"$T OK\r\n"}, PROTO),
    Scenario("keywords-thousands", {"SELECT": first(
        b"* FLAGS (" + b" ".join(b"keyword%d" % n for n in range(50000)) + b")")}, edit="new"),
    Scenario("keywords-huge", {"SELECT": first(b"* FLAGS (" + b"k" * 900000 + b")")}, edit="new"),
    Scenario("keywords-control", {"caps": PLAIN_IMAP, "FETCH": rows(
        *[b"* %d FETCH (UID %d FLAGS (\\Seen a\x1b[31m))" % (n, n) for n in (1, 2, 3)])}, (1, 76)),
    Scenario("keywords-8-bit", {"caps": PLAIN_IMAP, "FETCH": rows(
        *[b"* %d FETCH (UID %d FLAGS (\\Seen a\xff\xc2\x9bb %%s%%n))" % (n, n) for n in (1, 2, 3)])}),
    Scenario("keywords-many-in-fetch", {"caps": PLAIN_IMAP, "FETCH": rows(
        *[b"* %d FETCH (UID %d FLAGS (\\Seen %s))" % (n, n, b" ".join(b"kw%d" % k for k in range(2000)))
          for n in (1, 2, 3)])}),
    Scenario("mailboxid-huge", {"caps": caps(b"OBJECTID"), "STATUS": rows(
        b"* STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 7 MAILBOXID (" + b"x" * 100000 + b"))")}),
]

# ---- names: rule 6 ----

NAMES = [
    mailbox("dotdot-cve-2021-20247", b"../x", b"..", b"../../../../tmp/evil"),
    mailbox("dotdot-inside-cve-2018-14355", b"a/../../b", b"a/..", b"a/./b"),
    mailbox("absolute", b"/etc/evil", b"//etc//evil", b"/"),
    mailbox("dot", b".", b"./.", b".hidden", b"a/.", b"..a"),
    mailbox("nothing", b"", b"a//b", b"a/"),
    mailbox("nul", b"a\x00b", b"\x00"),
    mailbox("line-ends", b"a\r\nb", b"\n", b"a\r", b"x\r\nA1 DELETE INBOX"),
    mailbox("control", b"a\x1b[31mb", b"\x07", b"\x7f", b"\xc2\x9b31m", b"\x9b"),
    mailbox("bidi", "a\u202eb".encode(), "\u2066x".encode()),
    mailbox("not-utf-8", b"\xff\xfe", b"\xc0\xaf", b"\xed\xa0\x80"),
    mailbox("utf-7-broken", b"&", b"&-&", b"&AAAA", b"&AGE-", b"&2AA-", b"&!!!-"),
    mailbox("utf-7-slash", b"&AC8-etc", b"a&AC8-b", b"&AC4ALg-/x", b"&AAA-"),
    mailbox("maildir-parts", b"cur", b"new", b"tmp", b"INBOX/cur", b"INBOX/new", b"INBOX/tmp", b"cur/new/tmp"),
    mailbox("own-files", b".godwit", b"dovecot-keywords", b"INBOX/dovecot-keywords", b"maildirfolder"),
    mailbox("case-collision", b"Work", b"work", b"WORK", b"wORK"),
    mailbox("inbox-spellings", b"inbox", b"Inbox", b"INBOX/x", b"inbox/x", b"iNBOX/x"),
    mailbox("unicode-collision", "\u00e9".encode(), "e\u0301".encode(), b"&AOk-"),
    mailbox("escape-collision", b"%2E", b".", b"a%2Fb", b"%", b"%25", b"%00", b"%2e"),
    mailbox("long", b"n" * 255, b"n" * 256, b"n" * 5000, b"n" * 100000),
    mailbox("deep-10000-cve-2020-16094", b"d/" * 10000 + b"d"),
    mailbox("deep-1000-levels", b"/".join(b"l%d" % n for n in range(1000))),
    mailbox("format-string", b"%s%s%s%n", b"%x%n"),
    mailbox("shell-cve-2018-14354", b"`touch evil`", b"$(touch evil)", b"; touch evil", b"|touch evil"),
    mailbox("wildcards", b"*", b"%", b"a*b", b"\\", b'"', b"(", b"{5}"),
    mailbox("many-100", *[b"m%d" % n for n in range(100)], status=(0, 1)),
    *[mailbox("dotdot-maildir++-%d" % n, *names, settings={"local": {"layout": "maildir++"}}) for n, names in enumerate((
        (b"../x", b"..", b"a/../../b"), (b"/etc", b".", b"", b"a.b", b"..x", b"x."), (b"&AC8-etc", b"&AC4-", b"a\x00b")))],
    *[Scenario("delimiter-" + name, {"LIST": listed(b"a" + d + b"b", b".." + d + b"x", d, delimiter=b'"%s"' % text)},
               (0, 1, 75, 76)) for name, d, text in (
        ("dot", b".", b"."), ("percent", b"%", b"%"), ("backslash", b"\\", b"\\\\"), ("quote", b'"', b'\\"'),
        ("letter", b"i", b"i"), ("star", b"*", b"*"), ("tilde", b"~", b"~"))],
    Scenario("delimiter-nil", {"LIST": listed(b"a/b", b"../x", b"/etc", delimiter=b"NIL")}, (0, 1, 75, 76)),
    Scenario("delimiter-changes", {"LIST": rows(b'* LIST () "/" a/b', b'* LIST () "." a.b', b'* LIST () NIL ../x')},
             (0, 1, 75, 76)),
    Scenario("list-lsub-nonsense", {"LIST": rows(b"* LIST (\\Noselect \\Marked \\\\ \\*) NIL NIL", b'* LSUB () "/" ../y',
                                                 b'* LIST () "/" INBOX')}, (0, 1, 75, 76)),
    Scenario("create-refused-escapes", {"CREATE": b"$T NO " + ESC + b"\r\n"}, (1,), edit="mailbox"),
    Scenario("alert-everywhere", {w: first(b"* OK [ALERT] " + ESC, b"* NO [ALERT] " + ESC, b"* BAD " + ESC)
                                  for w in ("LIST", "SELECT", "FETCH", "BODY", "STATUS", "NOOP")}, (0, 1), fresh=True),
    Scenario("refusals-escapes", {w: b"$T NO " + ESC * 50 + b"\r\n" for w in ("SELECT", "FETCH", "SEARCH", "STATUS")},
             (1, 75, 76), edit="new"),
    Scenario("code-unclosed", {"SELECT": first(b"* OK [UIDVALIDITY", b"* OK [", b"* OK []", b"* OK [(])", b"* OK ]")},
             edit="new"),
]

# ---- symlinks in the Maildir: rule 6 ----

LINKS = [
    Scenario("symlink-tmp-getmail", {}, (1, 74, 75), plant="INBOX/tmp", edit="link", keeps=False),
    Scenario("symlink-cur", {}, (0, 1, 65, 74, 75), plant="INBOX/cur", edit="link", keeps=False),
    Scenario("symlink-new", {}, (0, 1, 65, 74, 75), plant="INBOX/new", edit="link", keeps=False),
    Scenario("symlink-folder", {}, (0, 1, 65, 74, 75), plant="INBOX", edit="link", keeps=False),
    Scenario("symlink-keywords", {"caps": PLAIN_IMAP, "FETCH": rows(
        *[b"* %d FETCH (UID %d FLAGS (\\Seen odd))" % (n, n) for n in (1, 2, 3)])}, (0, 1, 74),
        plant="INBOX/dovecot-keywords", edit="link"),
    Scenario("symlink-marker", {}, (0, 1, 65, 74), plant=".godwit", edit="link"),
    Scenario("symlink-new-mailbox", {"LIST": rows(b'* LIST () "/" Evil/x', b'* LIST () "/" INBOX')}, (1, 74, 75),
             plant="Evil", edit="link"),
    Scenario("symlink-message", {}, (0, 1), plant="INBOX/cur/evil:2,S", edit="link"),
    Scenario("line-ends-in-folder-name", {"CREATE": b"$T NO no\r\n"}, (0, 1), edit="mailbox-crlf"),
    Scenario("line-ends-in-file-name", {}, (0, 1), edit="file-crlf"),
]

SCENARIOS = STRIPPING + CERTIFICATES + SIZES + SETS + ENDS + ENDLESS + NAMES + LINKS
assert len({s.name for s in SCENARIOS}) == len(SCENARIOS)

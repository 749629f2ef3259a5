"""Messages for tests, and what both sides have in common when they are compared."""
import base64
import collections
import email.utils
import hashlib
import itertools

SEEN, ANSWERED, FLAGGED, DRAFT, DELETED = "\\Seen", "\\Answered", "\\Flagged", "\\Draft", "\\Deleted"
FORWARDED = "$Forwarded"
LETTERS = {"S": SEEN, "R": ANSWERED, "F": FLAGGED, "D": DRAFT, "T": DELETED, "P": FORWARDED}

# A message as either side shows it: body as it is on the wire, flags and keywords in small letters,
# date in seconds since 1970.
Message = collections.namedtuple("Message", "body flags date")

_numbers = itertools.count(1)


def compose(subject=None, body="Hello,\n\nthis is text.\n", message_id=None, extra=""):
    """A plain message of its own, with LF line ends."""
    number = next(_numbers)
    subject = subject or "message %d" % number
    message_id = message_id or "<%d.%s@tests.example>" % (number, digest(subject.encode()))
    return ("From: Ada <ada@example.org>\nTo: Bob <bob@example.org>\nSubject: %s\nDate: %s\n"
            "Message-ID: %s\n%s\n%s" % (
                subject, email.utils.formatdate(1600000000 + number), message_id, extra, body)).encode()


def digest(data):
    return hashlib.sha256(data).hexdigest()[:12]


def wire(data):
    """What a local file's bytes are on the server: LF is CRLF there, unless every line has that already."""
    if data.count(b"\n") == data.count(b"\r\n"):
        return data
    return data.replace(b"\n", b"\r\n")


def flag_set(flags):
    """Flags and keywords compare without case; \\Recent is the server's own."""
    return frozenset(f.lower() for f in flags if f.lower() != "\\recent")


def describe(message):
    """One line for the reader of a failed test."""
    subject = [line for line in message.body.split(b"\r\n") if line.lower().startswith(b"subject:")][:1]
    return "%s %d bytes %s date %d {%s}" % (
        digest(message.body), len(message.body), subject, message.date, " ".join(sorted(message.flags)))


def utf7_encode(name):
    """Modified UTF-7 of RFC 3501, section 5.1.3."""
    out, run = [], []

    def flush():
        if run:
            raw = base64.b64encode("".join(run).encode("utf-16-be")).decode().rstrip("=")
            out.append("&" + raw.replace("/", ",") + "-")
            run.clear()

    for char in name:
        if " " <= char <= "~":
            flush()
            out.append("&-" if char == "&" else char)
        else:
            run.append(char)
    flush()
    return "".join(out)


def utf7_decode(name):
    out, rest = [], name
    while rest:
        plain, shift, rest = rest.partition("&")
        out.append(plain)
        if shift:
            code, _, rest = rest.partition("-")
            padded = code.replace(",", "/") + "=" * (-len(code) % 4)
            out.append(base64.b64decode(padded).decode("utf-16-be") if code else "&")
    return "".join(out)

"""The servers that tests can run against, and how each differs: the one place that knows.

What a server itself does to a message, a flag, a date or a name is its own affair: both sides hold the
same apart from that. Nothing here is known to godwit.
"""
import dataclasses
import re
from typing import Callable

from server_courier import Courier
from server_cyrus import Cyrus
from server_dovecot import Dovecot
from server_mailutils import Mailutils


def as_it_is(body):
    return body


def never(_):
    return False


@dataclasses.dataclass(frozen=True)
class Traits:
    """
    alike:      a body as it went up, and what the server made of it, both map to the same
    refuses:    it takes no message with this body
    no_name:    it takes no mailbox of this name
    odd_name:   it takes this name for something else, or makes the mailbox and never lists it
    dates:      it keeps the date of an APPEND
    first_date: ... from here on, seconds since 1970
    flags:      it keeps the flags of an APPEND
    keywords:   it stores words that it does not know
    capacity:   so many of them a mailbox
    noselect:   a parent can be made that holds no messages
    made_up:    a message that another session removed is answered with one that the server makes up
    says_gone:  it says of a mailbox that is not there that it is not there
    at_close:   flag changes, and UIDs for good, reach others only when the mailbox is left
    many:       it takes tens of thousands of messages in a mailbox, in minutes
    large:      it hands out large messages, and such with thousands of empty lines
    """

    alike: Callable = as_it_is
    refuses: Callable = never
    no_name: Callable = never
    odd_name: Callable = never
    dates: bool = True
    first_date: int = 0
    flags: bool = True
    keywords: bool = True
    capacity: int = 1000
    noselect: bool = False
    made_up: bool = False
    says_gone: bool = True
    at_close: bool = False
    many: bool = True
    large: bool = True


def split(body):
    """Header with its blank line, and the rest."""
    header, blank, rest = body.partition(b"\r\n\r\n")
    return header + blank, rest


def one_cr(body):
    """CRs before a CRLF go; a NUL becomes another byte."""
    return re.sub(b"\r+\n", b"\r\n", body).replace(b"\0", b"\x80")


def no_8bit_header(body):
    header, rest = split(body)
    return re.sub(b"[\x80-\xff]", b"X", header) + rest


def no_lone_cr(body):
    """Every CR that ends no line goes, and the last line is ended."""
    body = re.sub(b"\r(?!\n)", b"", body)
    return body if body.endswith(b"\r\n") else body + b"\r\n"


def as_mailutils_reads(body):
    body = re.sub(rb"\AFrom .*\r\n", b"", body)
    if body.startswith(b"\r\n"):
        return b"\r\n"
    header, rest = split(body)
    header = re.sub(rb"(?m):(?=\r$)", b": ", header)
    if not header.endswith(b"\r\n\r\n"):
        header += b"\r\n"
    return header + rest.partition(b"\0")[0]


def no_field_first(body):
    return not re.match(rb"\r\n|From |[!-9;-~]+:", body)


TRAITS = {
    "dovecot": Traits(
        alike=one_cr, refuses=lambda b: not b, noselect=True,
        no_name=lambda n: n.startswith("~") or n == ".."),
    "cyrus": Traits(
        alike=no_8bit_header, capacity=100, first_date=1,
        refuses=lambda b: b"\0" in b or (no_field_first(b) and not b.startswith(b"\t")),
        no_name=lambda n: re.search(r'["\\%{};`]', n)),
    "courier": Traits(
        alike=no_lone_cr, made_up=True, first_date=1, many=False,
        no_name=lambda n: any(c > "\uffff" for c in n)),
    "mailutils": Traits(
        alike=as_mailutils_reads, dates=False, flags=False, keywords=False, at_close=True,
        large=False, many=False, says_gone=False,
        refuses=no_field_first, no_name=lambda n: n in ("..", "$dollar"),
        odd_name=lambda n: n in ("cur", "new", "tmp") or re.search(r"\{\d+\+?\}$", n)),
}
# Why a test that needs a trait is skipped where it is missing.
MISSING = {
    "dates": "loses the date of an APPEND",
    "keywords": "refuses words that it does not know, $Forwarded among them",
    "says_gone": "says of a mailbox that is not there only that it can't be opened: nothing is deleted for it",
    "many": "reads the whole folder for each APPEND, and takes no two at once",
    "large": "cuts the connection in a message of 32,768 empty lines; 30 MB were not waited for",
}
EVERYWHERE = ("dovecot", "cyrus", "courier", "mailutils")  # for SERVERS of a file, see conftest.py
CLASSES = {c.name: c for c in (Dovecot, Cyrus, Courier, Mailutils)}

"""Messages as they should not be, byte for byte."""
import os

import pytest

from imapside import Refused
from mail import SEEN, compose, digest, wire
from servers import EVERYWHERE

SERVERS = EVERYWHERE

HEAD = b"From: a@example.org\nSubject: s\nMessage-ID: <%d@nasty>\n"

# Name: the message with LF line ends, unless it has others on purpose.
NASTY = {
    "empty body": HEAD + b"\n",
    "no blank line": HEAD,
    "no final newline": HEAD + b"\nlast line",
    "only a newline": b"\n",
    "no header": b"\nonly a body\n",
    "not even that": b"just a line\n",
    "one byte": b"x",
    "8-bit headers": b"Subject: \xe4\xf6\xfc \xff\xfe\n" + HEAD + b"\n\xc3\xa4\x80\x81\xff\n",
    "bare CR": HEAD + b"\na\rb\r\rc\n",
    "CR before CRLF": HEAD + b"\na\r\r\nb\n",
    "long lines": HEAD + b"\n" + b"x" * 20000 + b"\n" + b"y" * 70000 + b"\n",
    "long header": b"References: " + b"<a@b> " * 4000 + b"\n" + HEAD + b"\n.\n",
    "dots": HEAD + b"\n.\n..\n.x\n\n.\n",
    "From line": b"From someone@example.org Mon Jan  1 00:00:00 2024\n" + HEAD + b"\nFrom here\n>From there\n",
    "IMAP in the body": HEAD + b"\n)\n* 1 EXPUNGE\nA1 OK done\n{10}\n\"\\\"\n",
    "no Message-ID": b"Subject: none\n\nx\n",
    "folded Message-ID": b"Message-ID:\n <folded@nasty>\nSubject: s\n\nx\n",
    "continuation first": b"\tfolded\nSubject: s\n\nx\n",
    "control bytes": HEAD + b"\n" + bytes(b for b in range(1, 32) if b not in (10, 13)) + b"\x7f\n",
    "NUL": HEAD + b"\na\0b\nc\n",
    "many newlines": HEAD + b"\n" * 5000,
}


def numbered(body):
    return body.replace(b"%d", digest(body).encode())


def assert_refused(world, path):
    """The server takes this message from nobody: it is named, the file stays, and it is not tried again."""
    world.here.deliver("INBOX", compose("is sent"), "S", 1000)
    before = open(path, "rb").read()
    run = world.sync(expect=1)
    assert os.path.basename(path).split(":")[0] in run.err
    assert open(path, "rb").read() == before
    assert len(world.there.messages("INBOX")) == 1
    there = world.there.snapshot()
    world.sync(expect=1)
    assert world.there.snapshot() == there


@pytest.mark.parametrize("name", NASTY)
def test_nasty_pulled(world, name):
    body = numbered(NASTY[name])
    if world.traits.refuses(wire(body)):
        with pytest.raises(Refused):
            world.there.append("INBOX", body, [SEEN], 1000)
        return
    world.there.append("INBOX", body, [SEEN], 1000)
    world.sync_same()
    (stored,) = world.there.messages("INBOX").values()
    assert world.here.files("INBOX")[0].body() == stored.body.replace(b"\r\n", b"\n")


@pytest.mark.parametrize("name", NASTY)
def test_nasty_pushed(world, name):
    body = numbered(NASTY[name])
    path = world.here.deliver("INBOX", body, "S", 1000)
    if world.traits.refuses(wire(body)):
        return assert_refused(world, path)
    world.sync_same(alike=world.traits.alike)
    with open(path, "rb") as file:
        assert file.read() == body, "the local file was changed"


def test_bodies_are_stored_with_lf(world):
    world.there.append("INBOX", compose())
    world.sync()
    assert b"\r" not in world.here.files("INBOX")[0].body()


def test_crlf_file_goes_up_as_it_is(world):
    body = wire(compose())
    path = world.here.deliver("INBOX", body, "S", 1000)
    world.sync_same()
    assert open(path, "rb").read() == body


def test_mixed_line_ends(world):
    """Not every line ends in CRLF, so each LF becomes CRLF; the CRs before them are content."""
    world.here.deliver("INBOX", b"Subject: mixed\n\none\r\ntwo\nthree\r\n", "S", 1000)
    world.sync_same(alike=world.traits.alike)


def test_empty_file_is_refused_alone(world):
    """Most servers take no empty message, so none is sent."""
    assert_refused(world, world.here.deliver("INBOX", b"", "S", 1000))


def test_identical_twins(world):
    body = compose("twin")
    for _ in range(3):
        world.there.append("INBOX", body, [SEEN], 1000)
    world.here.deliver("Sent", body, "S", 1000)
    world.here.deliver("Sent", body, "S", 1000)
    world.sync_same()
    assert len(world.here.files("INBOX")) == 3 and len(world.there.messages("Sent")) == 2


def test_twins_are_deleted_one_by_one(world):
    body = compose("twin")
    uids = [world.there.append("INBOX", body, [SEEN], 1000) for _ in range(4)]
    world.sync()
    world.there.expunge("INBOX", uids[1])
    world.here.remove(world.here.files("INBOX")[0])
    world.sync()
    world.sync_same()
    assert len(world.here.files("INBOX")) in (2, 3)


def test_same_message_id_other_text(world):
    for text in ("one", "two", "three"):
        world.there.append("INBOX", compose(text, text, message_id="<same@id>"))
        world.here.deliver("INBOX", compose(text + " here", text, message_id="<same@id>"))
    world.sync_same(alike=world.traits.alike)
    assert len(world.here.files("INBOX")) == 6


def test_no_message_id_at_all(world):
    for number in range(20):
        world.there.append("INBOX", b"Subject: x\n\n%d\n" % number)
        world.here.deliver("INBOX", b"Subject: y\n\n%d\n" % number)
    world.sync_same()
    assert len(world.here.files("INBOX")) == 40


@pytest.mark.needs("large")
def test_big_message(world):
    line = b"0123456789abcdef" * 4 + b"\n"
    world.there.append("INBOX", compose("big") + line * (30_000_000 // len(line)))
    world.here.deliver("INBOX", compose("big here") + line * (30_000_000 // len(line)))
    world.sync_same()


@pytest.mark.needs("large")
def test_many_sizes(world):
    """Around the sizes of buffers, where off-by-one mistakes live."""
    for size in (1, 2, 510, 511, 512, 513, 1023, 1024, 4095, 4096, 4097, 8191, 8192, 16383, 16384,
                 16385, 32768, 65535, 65536, 65537):
        world.there.append("INBOX", compose(body="x" * size + "\n"))
        world.there.append("INBOX", compose(body="\n" * size))
        world.here.deliver("INBOX", compose(body="y" * size + "\n"))
        world.here.deliver("INBOX", compose(body="\n" * size + "z"))
    world.sync_same(alike=world.traits.alike)

"""What single servers do to a client that trusts them: on the server that does it, or acted out before another."""
import os
import re

import pytest

from imapside import ServerSide
from mail import FLAGGED, SEEN, compose
from meddler import Meddler

SERVERS = ("dovecot", "cyrus", "courier")


def test_removed_while_it_is_fetched(world):
    """Courier makes a message up for one that another session has removed."""
    world.there.append("INBOX", compose("first"))
    world.sync()
    uids = [world.there.append("INBOX", compose("number %d" % n)) for n in range(3)]
    other = ServerSide(world.server, world.user)
    removed = []

    def command(line):
        if b"BODY.PEEK[]" in line and not removed:
            removed.append(uids[1])
            other.expunge("INBOX", uids[1])
        return line

    with Meddler(world) as meddler:
        meddler.command = command
        world.sync()
    other.close()
    assert removed
    subjects = [re.search(b"Subject: (.*)", f.body()).group(1) for f in world.here.files("INBOX")]
    assert sorted(subjects) in ([b"first", b"number 0", b"number 2"], [b"first", b"number 0", b"number 1", b"number 2"])
    world.sync_same()
    assert len(world.here.files("INBOX")) == 3


def test_message_of_the_size_of_one_made_up(world):
    """It is only looked at twice."""
    world.there.append("INBOX", b"Subject: a\n\n" + b"x" * 113 + b"\n", [SEEN])
    world.sync_same()
    world.there.append("INBOX", b"Subject: b\n\n" + b"x" * 113 + b"\n", [SEEN])
    world.there.append("INBOX", compose())
    world.sync_same()
    assert sorted(os.path.getsize(f.path) for f in world.here.files("INBOX"))[:2] == [126, 126]  # 129 on the wire


@pytest.mark.parametrize("known", [0, 2], ids=["first", "later"])
def test_flags_in_a_response_of_their_own(world, known):
    for n in range(known):
        world.there.append("INBOX", compose(), [SEEN])
    world.sync()
    for flags in ([SEEN], [FLAGGED], []):
        world.there.append("INBOX", compose(), flags)
    apart = []

    def answer(line):
        found = re.match(rb"(\* \d+ FETCH \()(.*BODY\[\] .*)", line, re.S)
        flags, uid = re.search(rb"FLAGS \([^)]*\) ", line), re.search(rb"UID \d+ ", line)  # in either order
        if not found or not flags:
            return line
        apart.append(line)
        return found[1] + uid[0] + flags[0] + b")\r\n" + found[1] + found[2].replace(flags[0], b"")

    with Meddler(world) as meddler:
        meddler.answer = answer
        world.sync()
    assert len(apart) == 3
    world.assert_same()
    world.assert_noop()


def test_flags_dropped_by_append(world):
    """GNU mailutils, and hMailServer of old: they are stored afterwards, not taken away here."""
    flags = {name: letters for name, letters in (("one", "S"), ("two", "FS"), ("three", "R"))}
    for name, letters in flags.items():
        world.here.deliver("INBOX", compose(name), letters)
    with Meddler(world) as meddler:
        meddler.command = lambda line: re.sub(rb"(APPEND \S+|^) \((?=\\)[^)]*\)", rb"\1", line)
        world.sync()
    world.assert_same()
    seen = sorted(m.flags for m in world.there.messages("INBOX").values())
    assert sorted(map(sorted, seen)) == [["\\answered"], ["\\flagged", "\\seen"], ["\\seen"]]
    world.assert_noop()


def test_flags_kept_by_append_are_looked_at_once(world):
    for _ in range(300):
        world.here.deliver("INBOX", compose(), "S")
    with Meddler(world) as meddler:
        world.sync()
        fetches = [verb for verb in meddler.verbs if "FETCH" in verb.upper()]
    assert len(fetches) <= 3, meddler.verbs  # Courier shows nothing at once: one more, and a look
    world.sync_same()


def test_newest_that_went_are_told(world):
    """Cyrus ends `1:*` at the highest UID that is left: what went above it is told only to who asks for every UID."""
    world.there.imap()
    if "QRESYNC" not in world.there.can:
        pytest.skip("%s has no QRESYNC" % world.server.name)
    uids = [world.there.append("INBOX", compose()) for _ in range(5)]
    world.sync()
    world.there.expunge("INBOX", uids[1:2] + uids[3:])
    with Meddler(world) as meddler:
        world.sync()
        assert "UID FETCH" in meddler.verbs and "UID SEARCH" not in meddler.verbs
    world.assert_same()
    world.assert_noop()

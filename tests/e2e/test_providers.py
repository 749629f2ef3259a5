"""What some servers and providers do that none of our servers does, or not at will: acted out before Dovecot."""
import os
import re

import pytest

from mail import FLAGGED, SEEN, compose
from meddler import Meddler


@pytest.fixture
def world(make_world, bender):
    world = make_world()
    bender.behind(world)
    return world


def frozen(session, unit):
    """What a session is shown that never hears of messages that come after its SELECT. (UIDs and numbers are equal.)"""
    if unit.startswith(b"* FLAGS"):  # an answer to SELECT begins
        session.shown = None
    elif b" EXISTS" in unit:
        if session.shown is not None:
            return b""
        session.shown = int(unit.split()[1])
    if unit.startswith(b"* SEARCH"):
        return b" ".join(w for w in unit.split() if not w.isdigit() or int(w) <= session.shown) + b"\r\n"
    if b" FETCH (" in unit and int(unit.split()[1]) > session.shown:
        return b""
    return unit.replace(b" [APPENDUID", b" [X-NOTHING")


def test_uploads_that_only_a_fresh_select_shows(world, bender):
    """GNU mailutils: no UIDPLUS, and no news of what came after the SELECT."""
    world.settings["server"]["quirks"] = ["-UIDPLUS", "-ESEARCH", "-CONDSTORE", "-QRESYNC"]
    for letters in ("", "S", "FS"):
        world.here.deliver("INBOX", compose(), letters)
    bender.rewrite(rb"^\* (\d+ (EXISTS|FETCH)|SEARCH|FLAGS)|APPENDUID", frozen)
    run = world.sync("--json")
    assert run.summary()["appended"] == 3 and "waiting" not in run.err, run
    world.assert_same()
    world.assert_noop()


@pytest.mark.parametrize("quirks", [["-CONDSTORE", "-QRESYNC"], []], ids=["no ages", "flags have an age"])
def test_mailboxes_are_left_between_two_looks(make_world, quirks):
    """GNU mailutils shows flags that a session stores to others only when it has left. (There are servers that make
    parents which hold messages: a pass looks once more for them.)"""
    world = make_world()
    world.settings["server"].update(quirks=quirks, connections=2)
    world.here.deliver("INBOX", compose(), "S")
    world.here.deliver("a/b", compose(), "S")
    with Meddler(world) as meddler:
        world.sync()
        verbs = meddler.verbs
    first, second = [i for i, verb in enumerate(verbs) if verb == "LIST"]
    assert verbs[first:second].count("UNSELECT") == (2 if quirks else 0), verbs
    world.assert_same()


def some_of_all(world):
    """A little of everything on both sides."""
    world.there.create("box")
    for number in range(6):
        world.there.append("INBOX", compose("old %d" % number), [SEEN] if number % 2 else [], 1000)
    world.sync_same()
    uids = world.there.uids("INBOX")
    world.there.append("INBOX", compose("new there"))
    world.there.store("INBOX", uids[0], "+FLAGS", [FLAGGED])
    world.there.expunge("INBOX", uids[1])
    world.here.deliver("INBOX", compose("new here"), "S")
    world.here.deliver("another", compose("in a new mailbox"))
    files = {f.body(): f for f in world.here.files("INBOX")}
    messages = world.there.messages("INBOX")

    def file_of(uid):
        return next(f for body, f in files.items() if body.replace(b"\n", b"\r\n") == messages[uid].body)

    world.here.remove(file_of(uids[2]))
    file = file_of(uids[3])
    os.rename(file.path, os.path.join(world.here.folder("box"), "cur", os.path.basename(file.path)))


def ranges(commands):
    """The UID sets of COMMANDS, as pairs of numbers."""
    for command in commands:
        found = re.match(rb"UID \w+ ([0-9:,]+) ", command)
        if found:
            yield [tuple(map(int, part.split(b":"))) for part in found.group(1).split(b",")]


def test_what_is_never_said(world, bender):
    """iCloud answers ENVELOPE with quotes that are not escaped and RFC822 without data, Dovecot 2.2 gave lines of -1 in
    BODYSTRUCTURE, QQ refuses sets that descend, GMX and Exchange an empty ID; NetEase wants an ID before any SELECT.
    """
    some_of_all(world)
    world.sync_same()
    commands = bender.commands()
    assert len(commands) > 30
    for command in commands:
        assert not re.search(rb"ENVELOPE|BODYSTRUCTURE|RFC822(?!\.SIZE)|\bBODY\b(?!\.PEEK\[)|ID \(\)|ID NIL", command), command
    for parts in ranges(commands):
        ends = [end for part in parts for end in part]
        assert ends == sorted(ends), parts
    for session in bender.sessions:
        verbs = [command.split()[0].upper() for command in session.seen if command.strip()]
        if b"SELECT" in verbs:
            assert verbs.index(b"ID") < verbs.index(b"SELECT"), verbs


@pytest.mark.parametrize("bent", ["gmail", "exchange", "netease"])
def test_answers_that_are_a_little_wrong(world, bender, bent):
    """Gmail: a code without text behind it. Exchange: a blank behind STATUS. NetEase: a STATUS that says nothing."""
    pattern, change = {
        "gmail": (rb"^\* OK \[HIGHESTMODSEQ", lambda _, line: line[:line.index(b"]") + 1] + b"\r\n"),
        "exchange": (rb"^\* STATUS", lambda _, line: line[:-2] + b" \r\n"),
        "netease": (rb"^\* STATUS", lambda _, line: line[:line.index(b"(")] + b"()\r\n"),
    }[bent]
    rule = bender.rewrite(pattern, change)
    some_of_all(world)
    world.sync_same()
    assert rule.used


def test_uidvalidity_of_0(world, bender):
    """Not allowed, and given all the same: it is a number like another."""
    rule = bender.rewrite(rb"UIDVALIDITY \d+", lambda _, line: re.sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 0", line))
    bender.rewrite(rb"(APPEND|COPY)UID", lambda _, line: re.sub(rb"(APPEND|COPY)UID \d+", rb"\1UID 0", line))
    some_of_all(world)
    world.sync_same()
    assert rule.used and len(world.here.messages("INBOX")) == 5


def test_search_that_ends_early(world, bender):
    """Yahoo: a SEARCH names 1,000 messages at most. What it leaves out is there all the same, and not gone."""
    world.settings["server"]["quirks"] = ["-QRESYNC", "-ESEARCH"]
    uids = [world.there.append("INBOX", compose(), [SEEN], 1000) for _ in range(10)]
    rule = bender.rewrite(rb"^\* SEARCH", lambda _, line: b" ".join(line.split()[:7]) + b"\r\n")
    world.sync_same()
    assert len(world.here.files("INBOX")) == 10
    world.there.expunge("INBOX", uids[:1])
    world.there.store("INBOX", uids[1], "+FLAGS", ["\\Flagged"])
    world.sync_same()
    assert rule.used and len(world.here.files("INBOX")) == 9


def test_refused_as_a_whole_and_stored_in_part(world, bender):
    """Stalwart: of several messages in one APPEND those that still fitted the quota are stored, and the answer is NO."""
    def store_two(session, tag, text):
        for _ in range(2):
            literal = re.search(rb"\{(\d+)\+\}\r\n", text)
            end = literal.end() + int(literal.group(1))
            world.there.append("INBOX", text[literal.end():end], [SEEN], 1000)
            text = text[end:]
        return tag + b" NO [OVERQUOTA] Disk quota exceeded.\r\n"

    for number in range(5):
        world.here.deliver("INBOX", compose("mine %d" % number), "S", 1000)
    rule = bender.command(rb"^APPEND .*\{\d+\+\}\r\n.*\{\d+\+\}\r\n", store_two, times=1)
    world.sync()
    assert rule.used == 1 and len(world.there.uids("INBOX")) == 5
    world.assert_same()
    world.assert_noop()

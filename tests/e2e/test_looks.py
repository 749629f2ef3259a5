"""A look at a mailbox holds so many changes, and the next one goes on: with three of them in one look a pass still
comes to its end, whatever of it is switched off or refused, and carries all the rest."""
import os

import pytest

from mail import ANSWERED, DELETED, FLAGGED, SEEN, compose
from world import CRASHING

COUNT = 10


@pytest.fixture
def world(make_world, bender):
    world = make_world()
    bender.behind(world)
    world.program, world.environment = CRASHING, {"GODWIT_LOOK": "3"}
    world.settings["server"]["retry"] = "1s"
    world.there.append_many("INBOX", [(compose("m%02d" % n), [SEEN], 1000 + n) for n in range(5 * COUNT)])
    world.sync()
    return world


def files(world, first):
    """COUNT of them, in the order of their subjects."""
    by_subject = sorted(world.here.files("INBOX"), key=lambda f: f.body().partition(b"Subject: ")[2])
    return by_subject[first:first + COUNT]


def change(world):
    """COUNT changes of each kind on each side."""
    uids = sorted(world.there.uids("INBOX"))
    world.there.append_many("INBOX", [(compose("new there %d" % n), [], 2000 + n) for n in range(COUNT)])
    world.there.store("INBOX", uids[:COUNT], "+FLAGS", [FLAGGED])
    world.there.expunge("INBOX", uids[COUNT:2 * COUNT])
    flag, remove = files(world, 2 * COUNT), files(world, 3 * COUNT)
    for file in flag:
        world.here.flag(file, "RS")
    for file in remove:
        world.here.remove(file)
    for n in range(COUNT):
        world.here.deliver("INBOX", compose("new here %d" % n), "")


def count(messages, *flags):
    return sum(set(f.lower() for f in flags) <= set(m.flags) for m in messages)


@pytest.mark.parametrize("kind", ["none", "new", "flags", "deletes", "expunge", "direction"])
def test_switched_off_and_on(world, kind):
    """None: nothing is."""
    change(world)
    world.settings["sync"].update({"none": {}, "direction": {"direction": "pull"}}.get(kind, {kind: "none"}))
    world.sync()
    world.assert_noop()
    here, there = world.here.messages("INBOX"), list(world.there.messages("INBOX").values())
    assert count(here, FLAGGED) == (0 if kind == "flags" else COUNT)
    assert count(there, ANSWERED) == (0 if kind in ("flags", "direction") else COUNT)
    assert count(there, DELETED) == count(here, DELETED) == (COUNT if kind == "expunge" else 0)
    assert len(here) == 5 * COUNT - (0 if kind in ("deletes", "expunge") else COUNT) + (0 if kind == "new" else COUNT)
    world.settings["sync"] = {}
    world.sync_same()
    world.assert_noop()
    assert len(world.here.files("INBOX")) == 5 * COUNT


@pytest.mark.parametrize("command", ["APPEND", "UID STORE", "UID EXPUNGE"])
def test_refused(world, bender, command):
    change(world)
    rule = bender.deny(command, "NO I will not")
    for options in ((), ("--retry",), ()):
        world.sync(*options, expect=1)
    assert rule.used
    rule.times = 0
    world.sync_same("--retry")
    assert len(world.here.files("INBOX")) == 5 * COUNT


def test_told_that_all_went(world, bender):
    """... which the counts disprove: what seemed gone is not too much for a look."""
    change(world)
    rule = bender.rewrite(rb"^\* VANISHED \(EARLIER\)", lambda session, unit: b"* VANISHED (EARLIER) 1:4294967295\r\n")
    run = world.sync("--json")
    assert rule.used and not run.err, run
    world.assert_same()
    assert len(world.here.files("INBOX")) == 5 * COUNT


def test_renamed_by_a_reader(world):
    """Other names, more than a look holds, among new files that stay here."""
    world.settings["sync"]["new"] = "pull"
    for n in range(COUNT):
        world.here.deliver("INBOX", compose("stays %d" % n), "")
    world.sync()
    for n, file in enumerate(files(world, 0)):
        os.rename(file.path, os.path.join(os.path.dirname(file.path), "renamed%d:2,S" % n))
    run = world.sync("--json")
    assert not run.summary()["deleted_there"], run
    assert len(world.there.uids("INBOX")) == 5 * COUNT

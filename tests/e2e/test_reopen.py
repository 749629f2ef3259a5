"""A file that could be read for its facts, and can't when its turn to be sent has come, in the middle of a command
that carries several messages.
"""
import errno

import pytest

from mail import compose
from world import CRASHING


pytestmark = pytest.mark.plain_build  # a sanitizer wants to be loaded first


@pytest.fixture
def world(make_world, preload):
    world = make_world()
    world.there.create("other")
    world.sync()
    for base in ("1.first", "2.bad", "3.last"):
        world.here.deliver("INBOX", compose(base), "S", base=base)
    world.here.deliver("other", compose(), "S")
    world.environment.update(LD_PRELOAD=preload("reopen"), GODWIT_REOPEN="2.bad:2,S")
    world.settings["server"]["connections"] = 1
    return world


def subjects(world):
    return sorted(m.body.partition(b"Subject: ")[2].splitlines()[0].decode()
                  for m in world.there.messages("INBOX").values())


def test_no_right_to_read_any_more(world):
    """It is refused by itself, and the others go."""
    world.environment["GODWIT_REOPEN_ERRNO"] = str(errno.EACCES)
    run = world.sync(expect=1)
    assert "2.bad" in run.err, run
    assert subjects(world) == ["1.first", "3.last"] and len(world.there.messages("other")) == 1
    del world.environment["LD_PRELOAD"]
    world.sync_same()
    assert subjects(world) == ["1.first", "2.bad", "3.last"]


def test_something_else_in_its_place(world):
    """The mailbox has failed for now; the others go on, without waiting for a command that nobody ends."""
    world.environment["GODWIT_REOPEN_ERRNO"] = str(errno.ELOOP)
    world.settings["server"]["timeout"] = "5s"
    run = world.run("-v", "sync", expect=74)
    assert "no answer for" not in run.err and len(world.there.messages("other")) == 1, run
    del world.environment["LD_PRELOAD"]
    world.program = CRASHING
    world.environment["GODWIT_DOUBT_MS"] = "100"
    world.sync_same()
    assert subjects(world) == ["1.first", "2.bad", "3.last"]

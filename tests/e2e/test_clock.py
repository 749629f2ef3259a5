"""Clocks that jump, between passes and in the middle of one: the time of day by days, the time since boot by a suspend.
Directories whose times lie in the future.
"""
import os
import struct
import time

import pytest

from bender import Bender
from mail import SEEN, compose

DAY = 86400

pytestmark = pytest.mark.plain_build  # a sanitizer wants to be loaded first


@pytest.fixture
def world(make_world, preload):
    world = make_world()
    clocks = os.path.join(world.tmp, "clocks")
    world.environment.update(LD_PRELOAD=preload("clock"), GODWIT_CLOCKS=clocks)

    def jump(day=0, boot=0):
        with open(clocks + ".new", "wb") as file:
            file.write(struct.pack("=qq", day, boot))
        os.rename(clocks + ".new", clocks)

    world.jump = jump
    jump()
    world.there.append_many("INBOX", [(compose(), [SEEN], 1000 + n) for n in range(30)])
    world.sync_same()
    return world


def edit(world):
    uids = world.there.uids("INBOX")
    world.there.append("INBOX", compose(), [SEEN])
    world.there.expunge("INBOX", uids[:1])
    world.there.store("INBOX", uids[1], "+FLAGS", ["\\Flagged"])
    world.here.deliver("INBOX", compose(), "S")
    world.here.remove(world.here.find("INBOX", world.there.messages("INBOX")[uids[2]].body))
    world.here.flag(world.here.find("INBOX", world.there.messages("INBOX")[uids[3]].body), "FS")


@pytest.mark.parametrize("days", [3, -3, 4000, -4000])
def test_jump_between_passes(world, days):
    world.settings["server"].update(port=world.server.port, tls="none")  # its certificate is not as old
    world.settings["server"].pop("ca_file")
    for shift in (days * DAY, 0):
        world.jump(day=shift)
        edit(world)
        world.sync_same()
        edit(world)
        world.sync_same()
    assert len(world.here.messages("INBOX")) == 30


@pytest.mark.parametrize("jump", [{"day": 3 * DAY}, {"day": -3 * DAY}, {"boot": 3 * DAY}, {"day": DAY, "boot": DAY}],
                         ids=["forward", "back", "suspend", "suspended a day"])
@pytest.mark.parametrize("what", ["LIST", "SELECT", "UID FETCH .*BODY", "APPEND", "UID EXPUNGE"])
def test_jump_within_a_pass(world, what, jump):
    with Bender(world.server.port) as bender:
        bender.behind(world)
        rule = bender.command(what, lambda session, tag, text: world.jump(**jump), times=1)
        edit(world)
        world.sync()
        assert rule.used
        world.sync()  # an upload in doubt was paired: then deletions wait for the next pass
        world.assert_same()
        edit(world)
        world.sync_same()
    assert len(world.here.messages("INBOX")) == 30


def test_suspend_in_a_pause(world):
    """The time asleep is no time in which we tried in vain."""
    world.settings["server"]["retry"] = "8s"
    with Bender(world.server.port) as bender:
        bender.behind(world)
        edit(world)

        def refuse(session, tag, text):
            world.jump(boot=5 * 3600)
            return tag + b" NO [UNAVAILABLE] not awake yet\r\n"

        rule = bender.command("SELECT", refuse, times=3)
        world.sync()
        assert rule.used == 3
        world.assert_same()


@pytest.mark.parametrize("shift", [3 * DAY, -400 * DAY])
def test_directory_of_another_time(world, shift):
    """A restored or copied folder, a file server with another clock."""
    for _ in range(2):
        for part in ("cur", "new"):
            moment = time.time() + shift
            os.utime(os.path.join(world.here.folder("INBOX"), part), (moment, moment))
        edit(world)
        world.sync_same()
    assert len(world.here.messages("INBOX")) == 30

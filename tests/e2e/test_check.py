"""godwit check: what differs is named, what is wrong is mended, and no mail is touched."""
import os
import random
import re
import shutil
import subprocess
import time

import pytest

from mail import FLAGGED, SEEN, compose
from meddler import Meddler
from test_adoption import HURTS


@pytest.fixture
def filled(world):
    world.bodies = [compose() for _ in range(5)]
    for body in world.bodies:
        world.there.append("INBOX", body, [SEEN])
    world.sync_same()
    return world


def check(world, *options, expect=1):
    """A check that changes nothing on either side; what it printed."""
    before = world.there.snapshot(), world.here.snapshot()
    out = world.run("check", *options, expect=expect).out
    assert (world.there.snapshot(), world.here.snapshot()) == before
    return out


def test_all_is_well(filled):
    check(filled, expect=0)
    check(filled, "--deep", expect=0)


def test_never_synced(world):
    world.there.append("INBOX", compose())
    assert "new on the server" in check(world)


def test_changes_are_named(filled):
    world = filled
    world.there.store("INBOX", world.there.find("INBOX", world.bodies[0]), "+FLAGS", [FLAGGED])
    world.here.remove(world.here.find("INBOX", world.bodies[1]))
    world.here.deliver("INBOX", compose())
    out = check(world)
    for reason in ("flags changed on the server", "deleted here", "new here"):
        assert reason in out, out
    world.sync_same()
    check(world, expect=0)


def test_deep_finds_a_changed_file(filled):
    world = filled
    path = world.here.find("INBOX", world.bodies[2]).path
    with open(path, "r+b") as file:
        file.seek(20)
        file.write(b"?")
    check(world, expect=0)
    assert "the file was changed" in check(world, "--deep")
    assert "the file was changed" in check(world, "--deep", "--repair")


def test_damaged_state_is_set_aside(filled):
    world = filled
    path = os.path.join(world.state, "data.mdb")
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(os.urandom(os.path.getsize(path) - 8192))
    assert "damaged" in check(world, expect=None)
    assert os.path.exists(path)
    assert "mended" in check(world, "--repair", expect=None)
    summary = world.sync("--json").summary()
    assert summary["fetched"] == summary["appended"] == 0
    world.assert_same()
    check(world, expect=0)


def test_repair_of_what_is_well_changes_nothing(filled):
    world = filled
    assert check(world, "--repair", expect=0) is not None
    summary = world.sync("--json").summary()
    assert summary["boxes_skipped"] == 0  # everything is looked at once more
    world.assert_same()
    world.assert_noop()


def test_refused_message_is_named(filled, dovecot):
    """A message that the server refuses: an empty one."""
    world = filled
    world.here.deliver("INBOX", b"")
    world.sync(expect=1)
    assert "waits since it failed" in check(world)


def test_json(filled):
    world = filled
    world.here.deliver("INBOX", compose())
    events = world.run("check", "--json", expect=1).json()
    assert any(event.get("reason") == "new here" for event in events), events


def test_what_the_server_forgot_to_tell(world):
    """A server whose numbers stand still although a flag changed: passes see nothing, check looks at everything."""
    world.there.append("INBOX", compose(), [SEEN])
    with Meddler(world) as meddler:
        world.sync()
        time.sleep(2.1)
        world.sync()
        then = {}

        def stand_still(line):
            head = re.match(rb"\* STATUS \S+ ", line)
            return then.setdefault(head.group(), line) if head else line

        meddler.answer = stand_still
        assert world.sync("--json").summary()["boxes_skipped"] == 1
        world.there.store("INBOX", "1", "+FLAGS", [FLAGGED])
        assert world.sync("--json").summary()["boxes_skipped"] == 1
        assert "flags changed on the server" in check(world)
        world.run("check", "--repair", expect=1)
        world.sync()
    world.sync_same()
    check(world, expect=0)


READERS = [("status",), ("status", "--json"), ("dump",), ("log",), ("plan",), ("check",), ("check", "--deep")]


@pytest.mark.parametrize("hurt", HURTS, ids=lambda hurt: hurt.__name__)
def test_no_command_dies_of_a_damaged_state(filled, hurt):
    """Whatever stands in the file: no command ends by a signal or a bug, none obeys it, none changes mail."""
    world = filled
    path = os.path.join(world.state, "data.mdb")
    with open(path, "rb") as file:
        good = file.read()
    before = world.there.snapshot(), world.here.snapshot()
    for seed in range(int(os.environ.get("GODWIT_SEEDS", "3"))):
        with open(path, "r+b") as file:
            hurt(file, len(good), random.Random(seed))
        for command in READERS:
            names = [world.account] if command[0] == "dump" else []
            run = world.run(*command, *names, expect=None)
            assert run.status in (0, 1, 74), "seed %d: %s" % (seed, run)
        with open(path, "wb") as file:
            file.write(good)
    assert (world.there.snapshot(), world.here.snapshot()) == before


@pytest.mark.parametrize("content", [b"", b"\0" * 100, os.urandom(8192), b"\xde\xc0\xef\xbe" + os.urandom(8188)],
                         ids=["empty", "short", "noise", "magic"])
def test_lock_file_of_another_kind(filled, content):
    """LMDB's lock file from another machine, or damaged: it means nothing."""
    world = filled
    path = os.path.join(world.state, "lock.mdb")
    for command in ("sync", "status", "check"):
        with open(path, "wb") as file:
            file.write(content)
        assert world.run(command).status == 0
    world.assert_same()
    world.assert_noop()


def test_state_of_zero_length(filled):
    """As a crash of the file system may leave it: both sides are compared anew."""
    world = filled
    open(os.path.join(world.state, "data.mdb"), "wb").close()
    run = world.sync("--json", expect=None)
    assert run.status == 0, run
    assert (run.summary()["fetched"], run.summary()["appended"]) == (0, 0)
    world.assert_same()
    world.assert_noop()


@pytest.mark.plain_build
def test_little_address_space(world):
    """ulimit -v, as some hosts set it: the database takes less of it."""
    world.there.append_many("INBOX", [(compose(), [], n) for n in range(50)])
    world.write_config()
    for command in ("sync", "check --deep", "status"):
        limited = ["sh", "-c", "ulimit -v 1000000; exec %s %s" % (world.program, command)]
        run = subprocess.run(limited, cwd=world.tmp, env=world._environment(), capture_output=True, timeout=60)
        assert run.returncode == 0, run
    world.assert_same()


def test_state_of_another_account(filled, make_world):
    """It is recognised and not obeyed; only when it is asked for, it is set aside."""
    world = filled
    other = make_world(account="other")
    other.there.append("INBOX", compose())
    other.sync()
    shutil.copy(os.path.join(other.state, "data.mdb"), os.path.join(world.state, "data.mdb"))
    before = world.there.snapshot(), world.here.snapshot()
    for command in ("sync", "plan", "status", "check"):
        run = world.run(command, expect=74)
        assert "belongs to" in run.err, run
    assert (world.there.snapshot(), world.here.snapshot()) == before
    assert "mended" in world.run("check", "--repair", expect=None).out
    summary = world.sync("--json").summary()
    assert (summary["fetched"], summary["appended"]) == (0, 0)
    world.assert_same()
    world.assert_noop()

"""A folder that is not the one of the last pass: put back from a backup, made again, copied with all the rest. What it
lacks was not deleted: it is fetched again. What it has is recognised, and nothing of it is copied.
"""
import os
import shutil
import time

import pytest

from mail import SEEN, compose

TOLD = "the folder is another one than in the last pass"
BOXES = ("INBOX", "box")


@pytest.fixture
def world(make_world):
    world = make_world()
    world.there.create("box")
    for name in BOXES:
        world.there.append_many(name, [(compose(), [SEEN], 1000 + n) for n in range(8)])
    world.there.append("INBOX", b"Subject: no Message-ID\r\n\r\none\r\n")
    world.sync_same()
    return world


def put_back(world, name, keep):
    """The folder NAME as a backup has it that holds the first KEEP of its messages."""
    folder = world.here.folder(name)
    old = os.path.join(world.tmp, "old")
    shutil.copytree(folder, old)
    shutil.rmtree(folder)
    shutil.copytree(old, folder)
    shutil.rmtree(old)
    for file in world.here.files(name)[keep:]:
        world.here.remove(file)


def assert_fetched_again(world, name, fetched, numbers):
    plan = world.run("plan", "--json")
    assert {o["operation"] for o in plan.json() if o.get("operation")} <= {"fetch", "adopt"}, plan
    run = world.sync("--json")
    summary = run.summary()
    copied = {key: summary[key] for key in ("fetched", "appended", "deleted_there", "deleted_here")}
    assert copied == {"fetched": fetched, "appended": 0, "deleted_there": 0, "deleted_here": 0}, run
    told = [line for line in run.err.splitlines() if TOLD in line]
    assert len(told) == 1 and "acc/" + name in told[0], run
    assert {n: len(world.there.messages(n)) for n in BOXES} == numbers
    world.assert_same()
    world.assert_noop()
    world.run("check", "--deep")
    assert not world.run("status", "--json").err


@pytest.mark.parametrize("name", BOXES)
def test_put_back_from_a_backup(world, name):
    numbers = {n: len(world.there.messages(n)) for n in BOXES}
    put_back(world, name, 5)
    assert_fetched_again(world, name, numbers[name] - 5, numbers)


def test_inbox_made_again(world):
    """As the message about an INBOX that is gone advises. The new directory often gets the inode of the old one."""
    numbers = {n: len(world.there.messages(n)) for n in BOXES}
    shutil.rmtree(world.here.folder("INBOX"))
    run = world.sync(expect=1)
    assert "make an empty one to have its messages again" in run.err, run
    world.here.create("INBOX")
    assert_fetched_again(world, "INBOX", numbers["INBOX"], numbers)


def test_deleted_afterwards(world):
    """In the pass after that, what is deleted is deleted."""
    put_back(world, "box", 8)
    world.sync()
    world.here.remove(world.here.files("box")[0])
    world.sync_same()
    assert len(world.there.messages("box")) == 7


def test_all_copied(world):
    """Every folder is another one, and has all that it had: nothing is copied, not even a message without Message-ID."""
    numbers = {n: len(world.there.messages(n)) for n in BOXES}
    time.sleep(2.1)  # the folders' times are old enough to be trusted
    world.sync()
    assert world.sync("--json").summary()["boxes_skipped"] == 2
    shutil.copytree(world.here.root, world.here.root + ".new", symlinks=True)
    shutil.rmtree(world.here.root)
    os.rename(world.here.root + ".new", world.here.root)
    run = world.run("--debug", "sync,imap", "sync", "--json")
    assert "BODY.PEEK[HEADER]" in run.err and "BODY.PEEK[]" not in run.err, run
    summary = run.summary()
    assert (summary["fetched"], summary["appended"]) == (0, 0) and run.err.count(TOLD) == 2, run
    assert {n: len(world.there.messages(n)) for n in BOXES} == numbers
    world.assert_same()
    world.assert_noop()


def test_root_that_was_moved_away_and_back(world):
    """The folders are the same: what is gone is deleted."""
    os.rename(world.here.root, world.here.root + ".away")
    os.rename(world.here.root + ".away", world.here.root)
    world.here.remove(world.here.files("box")[0])
    run = world.sync()
    assert TOLD not in run.err, run
    assert len(world.there.messages("box")) == 7


def test_gone_before_it_was_compared(world, bender):
    """Numbered anew, not compared yet, and then gone on both sides: the state keeps nothing of it."""
    rows = len(world.run("dump", "acc").out.splitlines())
    world.there.delete("box")
    world.there.create("box")
    world.there.append("box", compose())
    bender.behind(world)
    bender.deny("UID FETCH", "NO [UNAVAILABLE] later")
    world.settings["server"]["retry"] = "0"
    world.sync(expect=75)
    assert len(world.run("dump", "acc").out.splitlines()) > rows
    bender.on_command.clear()
    world.there.delete("box")
    world.here.remove_mailbox("box")
    world.sync()
    lines = world.run("dump", "acc").out.splitlines()
    assert [line.split()[2] for line in lines if line.startswith("mailbox ")] == ['name="INBOX"'] and len(lines) < rows - 8

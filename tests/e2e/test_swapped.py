"""Another client puts another mailbox in the place of one, after the pass has looked at it: the same UIDs are
messages that nobody has looked at.
"""
import os

import pytest

from mail import compose
from meddler import Meddler
from world import CRASHING


@pytest.fixture
def swapped(world):
    """swapped(change) runs a pass over A and B, whose files CHANGE has changed; when A is selected for the second
    time, it is another mailbox.
    """
    for name in ("A", "B"):
        world.there.create(name)
        for n in range(4):
            world.there.append(name, compose("%s %d" % (name, n)))
    world.settings["server"]["connections"] = 1  # so that both are selected in turns
    world.sync()
    selected = []

    def command(line):
        words = line.split()
        if words[1:2] == [b"SELECT"]:
            selected.append(words[2])
            if words[2] == b"A" and selected.count(b"A") == 2:
                world.there.delete("A")
                world.there.create("A")
                for n in range(4):
                    world.there.append("A", compose("other %d" % n))
        return line

    def run(change):
        change()
        with Meddler(world) as meddler:
            meddler.command = command
            run = world.sync(expect=1)
        assert selected.count(b"A") >= 2 and "A: another mailbox took the place" in run.err, run
        return run

    return run


def subjects(world, name):
    return {m.body.partition(b"Subject: ")[2].splitlines()[0].decode() for m in world.there.messages(name).values()}


OTHER = {"other %d" % n for n in range(4)}


def test_nothing_of_it_is_deleted(world, swapped):
    def change():
        for name in ("A", "B"):
            for file in world.here.files(name)[:2]:
                world.here.remove(file)

    swapped(change)
    assert subjects(world, "A") == OTHER
    assert len(world.there.messages("B")) == 2
    world.sync_same()
    assert OTHER <= subjects(world, "A")


def test_nothing_of_it_is_moved(world, swapped):
    def change():
        for file in world.here.files("A")[:2]:
            world.here.deliver("B", file.body(), "")
            world.here.remove(file)

    swapped(change)
    assert subjects(world, "A") == OTHER
    world.sync_same()
    assert OTHER <= subjects(world, "A")
    assert len(subjects(world, "B")) == 6


def test_moved_away_by_another_client(world):
    """... just before we move it after its file. The server says OK to the move of what is not there, which stores
    nothing: moved to two places, so both stay."""
    for name in ("A", "B", "C"):
        world.there.create(name)
    body = compose()
    world.there.append("A", body)
    world.sync()
    os.rename(world.here.files("A")[0].path, os.path.join(world.here.folder("B"), "cur", "moved:2,"))
    world.settings["server"]["connections"] = 1
    moved = []

    def command(line):
        if line.split()[1:3] == [b"SELECT", b"A"]:
            moved.append(line)
            if len(moved) == 2:
                world.there.move("A", world.there.find("A", body), "C")
        return line

    world.program = CRASHING  # it waits less for what may still arrive
    with Meddler(world) as meddler:
        meddler.command = command
        world.sync()
    assert len(moved) >= 2
    world.sync_same()
    assert [len(world.here.files(name)) for name in ("A", "B", "C")] == [0, 1, 1]

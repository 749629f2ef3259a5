"""Another client puts another mailbox in the place of one, after the pass has looked at it: the same UIDs are
messages that nobody has looked at.
"""
import pytest

from mail import compose
from meddler import Meddler


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

"""The program is killed at, or fails from, each durable step of each kind of work (tests/crash/fault.c);
the next passes must end where an undisturbed one ends: nothing lost, nothing doubled, nothing left to do.
"""
import errno
import os
import shutil

import pytest

from mail import compose
from world import CRASHING

SEEN, FLAGGED = "\\Seen", "\\Flagged"


def pull(world):
    """New messages and mailboxes on the server."""
    def edit():
        for name in ("box", "deep/er"):
            world.there.create(name)
        world.there.append("INBOX", compose(), [SEEN])
        world.there.append("INBOX", compose(), [FLAGGED, "word"])
        twin = compose()
        for _ in range(3):
            world.there.append("box", twin)
    return edit, {"INBOX": 2, "box": 3, "deep/er": 0}


def push(world):
    """New messages and folders here."""
    world.sync()

    def edit():
        world.here.deliver("INBOX", compose())
        world.here.deliver("INBOX", compose(), "FS")
        world.here.create("new box")
        twin = compose()
        for _ in range(3):
            world.here.deliver("new box", twin, "S")
    return edit, {"INBOX": 2, "new box": 3}


def flags(world):
    """Flags and keywords on both sides."""
    bodies = [compose() for _ in range(4)]
    for body in bodies:
        world.there.append("INBOX", body)
    world.sync()

    def edit():
        world.there.store("INBOX", world.there.find("INBOX", bodies[0]), "+FLAGS", [SEEN, "word"])
        world.there.store("INBOX", world.there.find("INBOX", bodies[1]), "+FLAGS", [FLAGGED])
        world.here.flag(world.here.find("INBOX", bodies[1]), "S")
        world.here.flag(world.here.find("INBOX", bodies[2]), "FR")
    return edit, {"INBOX": 4}


def deletions(world):
    """Messages that went, on both sides."""
    bodies = [compose() for _ in range(6)]
    for body in bodies:
        world.there.append("INBOX", body)
    world.sync()

    def edit():
        world.there.expunge("INBOX", world.there.find("INBOX", bodies[0]))
        world.there.expunge("INBOX", world.there.find("INBOX", bodies[1]))
        world.here.remove(world.here.find("INBOX", bodies[2]))
        world.here.remove(world.here.find("INBOX", bodies[3]))
    return edit, {"INBOX": 2}


def adoption(world):
    """The same messages on both sides, and no state."""
    bodies = [compose() for _ in range(4)]

    def edit():
        for body in bodies:
            world.there.append("INBOX", body, [SEEN], 1000)
            world.here.deliver("INBOX", body, "S", 1000)
        world.there.append("INBOX", compose())
        world.here.deliver("INBOX", compose())
    return edit, {"INBOX": 6}


def moves(world):
    """Messages that went to another mailbox, on both sides."""
    bodies = [compose() for _ in range(5)]
    world.there.create("box")
    for body in bodies:
        world.there.append("INBOX", body, [SEEN])
    world.sync()

    def edit():
        for body in bodies[:2]:
            world.there.move("INBOX", world.there.find("INBOX", body), "box")
        for body in bodies[2:4]:
            file = world.here.find("INBOX", body)
            os.rename(file.path, os.path.join(world.here.folder("box"), "cur", file.name))
    return edit, {"INBOX": 1, "box": 4}


def mailboxes(world):
    """Mailboxes that one side deleted, and one that was renamed."""
    for name in ("a", "b", "c"):
        world.there.create(name)
        world.there.append(name, compose())
    world.sync()

    def edit():
        world.there.delete("a")
        shutil.rmtree(world.here.folder("b"))
        world.there.rename("c", "d")
    return edit, {"d": 1}


WORK = [pull, push, flags, deletions, adoption, moves, mailboxes]


def count(side):
    return {name: len(messages) for name, messages in side.all().items()}


class Bench:
    """Worlds in which the same work is done, each disturbed at another step."""

    def __init__(self, make_world, work, tmp_path):
        self.make_world, self.work, self.number = make_world, work, 0
        self.file = os.path.join(tmp_path, "steps")

    def prepare(self):
        self.number += 1
        world = self.make_world(account="a%d" % self.number)
        edit, expected = self.work(world)
        edit()
        world.program = CRASHING
        return world, {"INBOX": 0, **expected}

    def counted(self):
        """How many steps the last run took, as it says itself."""
        with open(self.file) as text:
            return int(text.read())

    def steps(self):
        world, _ = self.prepare()
        world.environment["GODWIT_FAULT"] = "count " + self.file
        world.sync()
        return self.counted()

    def kill(self, step):
        world, expected = self.prepare()
        world.environment["GODWIT_FAULT"] = "kill %d" % step
        run = world.sync(expect=None)
        assert run.status in (-9, 0), "kill %d: %s" % (step, run)
        self.recover(world, expected)

    def fail(self, step, sys):
        world, expected = self.prepare()
        world.environment["GODWIT_FAULT"] = "fail %d %d %s" % (step, sys, self.file)
        run = world.sync(expect=None)
        # Threads take their steps in any order, so the last ones may not come: then nothing failed.
        wanted = 74 if self.counted() >= step else 0
        assert run.status == wanted, "fail %d %d: %s" % (step, sys, run)
        self.recover(world, expected)

    def recover(self, world, expected):
        fault = world.environment.pop("GODWIT_FAULT")
        try:
            run = world.sync()
            assert "damaged" not in run.err, run
            # A pass that pairs deletes nothing; what it put off is the business of the next one.
            world.sync()
            world.assert_same(dates=self.work is not adoption)
            world.assert_noop()
            assert count(world.there) == expected and count(world.here) == expected
        except AssertionError as problem:
            raise AssertionError("%s, then: %s" % (fault, problem)) from problem
        world.close()


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_killed_at_every_step(make_world, tmp_path, work):
    bench = Bench(make_world, work, tmp_path)
    steps = bench.steps()
    assert steps > 5
    for step in range(1, steps + 1):
        bench.kill(step)


@pytest.mark.parametrize("sys", [errno.ENOSPC, errno.EIO], ids=["ENOSPC", "EIO"])
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_disk_fails_from_every_step(make_world, tmp_path, work, sys):
    bench = Bench(make_world, work, tmp_path)
    for step in range(1, bench.steps() + 1, 1 if sys == errno.ENOSPC else 3):
        bench.fail(step, sys)

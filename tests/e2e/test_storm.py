"""Mail readers and another client work on both sides while passes run one after the other; in the end every message
that nobody deleted is there once, on both sides, with the same flags.

What each does is drawn from a seed: GODWIT_SEED=N repeats a storm as far as threads let it. A failure prints what
was done to the messages that are wrong.
"""
import hashlib
import os
import random
import threading
import time

import pytest

from imapside import ServerSide
from lanes import SOAK, run_cases, run_lanes
from mail import compose, wire
from world import assert_equal_mail
from work import Work

BOXES = ["INBOX", "box", "deep/er"]
SEEDS = range(1, 301) if SOAK else range(1, 7)
PASSES = 5


@pytest.fixture(scope="module")
def lanes():
    with run_lanes(2) as found:
        yield found


def beginning(world):
    for name in BOXES[1:]:
        world.there.create(name)
    world.bodies = set()
    for name in BOXES:
        bodies = [compose() for _ in range(25)]
        world.there.append_many(name, [(body, [], 1000) for body in bodies])
        world.bodies |= {wire(body) for body in bodies}
    world.sync()
    return {}


def owner(body):
    """Who may move or delete this message: two that do would be a conflict that ends in either way."""
    return ["here", "there", "nobody"][hashlib.sha256(body).digest()[0] % 3]


class Actor(threading.Thread):
    """Does something every few milliseconds until it is stopped."""

    def __init__(self, storm, pause):
        super().__init__(daemon=True)
        self.storm, self.pause = storm, pause
        self.chance = random.Random("%s %d" % (type(self).__name__, storm.seed))
        self.problem = None

    def run(self):
        try:
            while not self.storm.over.wait(self.pause):
                self.step()
        except Exception as problem:
            self.problem = problem

    def note(self, what, body):
        self.storm.history.append((time.monotonic() - self.storm.begin, what, body))


class Reader(Actor):
    """A mail reader: by renames, as fast as it can."""

    def step(self):
        here = self.storm.lane.here
        box = self.chance.choice(BOXES)
        folder = here.folder(box)
        names = [(where, name) for where in ("new", "cur") for name in os.listdir(os.path.join(folder, where))]
        what = self.chance.random()
        if what < 0.1 or not names:
            body = compose()
            self.note("delivered to %s" % box, wire(body))
            self.storm.added.add(wire(body))
            here.deliver(box, body)
            return
        where, name = self.chance.choice(names)
        try:
            self.change(box, os.path.join(folder, where, name), name, what)
        except FileNotFoundError:
            pass  # somebody was faster

    def change(self, box, path, name, what):
        with open(path, "rb") as file:
            body = wire(file.read())
        mine = owner(body) == "here"
        if what < 0.2 and mine:
            os.unlink(path)
            self.storm.removed.add(body)
            self.note("removed from %s here" % box, body)
        elif what < 0.35 and mine:
            target = self.chance.choice(BOXES)
            os.rename(path, os.path.join(self.storm.lane.here.folder(target), "cur", name.split(":")[0] + ":2,"))
            self.note("moved from %s to %s here" % (box, target), body)
        elif what < 0.4:
            os.rename(path, os.path.join(os.path.dirname(path), "r%d." % self.chance.randrange(10**6) + name))
            self.note("given another base in %s" % box, body)
        else:
            letters = "".join(sorted(self.chance.sample("FRS", self.chance.randint(0, 3))))
            folder = os.path.dirname(os.path.dirname(path))
            os.rename(path, os.path.join(folder, "cur", name.split(":2,")[0] + ":2," + letters))
            self.note("flagged %s in %s here" % (letters, box), body)


class Client(Actor):
    """Another IMAP client."""

    def run(self):
        self.side = ServerSide(self.storm.lane.server, self.storm.lane.user)
        super().run()
        self.side.close()

    def step(self):
        box = self.chance.choice(BOXES)
        what = self.chance.random()
        if what < 0.15:
            body = compose()
            self.note("appended to %s" % box, wire(body))
            self.storm.added.add(wire(body))
            self.side.append(box, body)
            return
        try:
            messages = self.side.messages(box)
        except AttributeError:  # imaplib mixed in what the server said by itself
            return
        if messages:
            uid = self.chance.choice(sorted(messages))
            self.change(box, uid, messages[uid].body, what)

    def change(self, box, uid, body, what):
        mine = owner(body) == "there"
        if what < 0.3 and mine:
            self.side.expunge(box, uid)
            self.storm.removed.add(body)
            self.note("expunged from %s" % box, body)
        elif what < 0.45 and mine:
            target = self.chance.choice([name for name in BOXES if name != box])
            self.side.move(box, uid, target)
            self.note("moved from %s to %s there" % (box, target), body)
        else:
            flags = self.chance.sample(["\\Seen", "\\Flagged", "\\Answered", "word"], 2)
            change = self.chance.choice(["+FLAGS", "-FLAGS"])
            self.side.store(box, uid, change, flags)
            self.note("%s %s in %s there" % (change, flags, box), body)


class Storm:
    def __init__(self, lane, seed):
        self.lane, self.seed = lane, seed
        self.history, self.added, self.removed = [], set(lane.bodies), set()
        self.over, self.begin = threading.Event(), time.monotonic()

    def rage(self):
        actors = [Reader(self, 0.002), Client(self, 0.004)]
        for actor in actors:
            actor.start()
        runs = [self.lane.run("sync", expect=None) for _ in range(PASSES)]
        self.over.set()
        for actor in actors:
            actor.join()
            assert not actor.problem, actor.problem
        for run in runs:
            assert run.status in (0, 1), run

    def judge(self):
        for _ in range(3):  # what was paired, or in doubt, ends in these
            self.lane.sync(expect=None)
        there, here = self.lane.there.all(), self.lane.here.all()
        everywhere = [message.body for messages in here.values() for message in messages]
        wrong = {body for body in everywhere if everywhere.count(body) > 1}
        wrong |= (self.added - self.removed) ^ set(everywhere)
        assert not wrong, self.tell(wrong, everywhere)
        for name in BOXES:
            assert_equal_mail(name, there[name].values(), here[name])
        self.lane.assert_noop()
        assert len(self.history) > 20, "nobody did anything"

    def tell(self, wrong, everywhere):
        lines = ["GODWIT_SEED=%d" % self.seed]
        for body in sorted(wrong)[:5]:
            lines.append("%s: %d times here, should be %d" % (
                hashlib.sha256(body).hexdigest()[:12], everywhere.count(body), body not in self.removed))
            lines += ["    %.3f s %s" % (when, what) for when, what, of in self.history if of == body][-12:]
        return "\n".join(lines)


def test_storm(lanes, record_property):
    seeds = [int(os.environ["GODWIT_SEED"])] if "GODWIT_SEED" in os.environ else SEEDS

    def one(lane, seed):
        storm = Storm(lane, seed)
        storm.rage()
        storm.judge()
        return 1

    run_cases(lanes, Work("storm", beginning, server=(("connections", 3),)), list(seeds), one, record_property)

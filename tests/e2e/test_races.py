"""Others change both sides while passes run."""
import os
import random
import threading

import pytest

from imapside import ServerSide
from mail import compose, wire


class MailReader(threading.Thread):
    """Reads, flags, files and deletes what lies in a folder, by renames, as fast as it can."""

    def __init__(self, here, mailbox, seed):
        super().__init__(daemon=True)
        self.here, self.mailbox, self.random = here, mailbox, random.Random(seed)
        self.stopping = threading.Event()
        self.deleted, self.delivered, self.renames, self.problem = set(), set(), 0, None

    def run(self):
        try:
            while not self.stopping.wait(0.002):
                self.step()
        except Exception as problem:
            self.problem = problem

    def step(self):
        folder = self.here.folder(self.mailbox)
        names = [(where, name) for where in ("new", "cur") for name in os.listdir(os.path.join(folder, where))]
        choice = self.random.random()
        if choice < 0.1 or not names:
            body = compose()
            self.delivered.add(wire(body))
            self.here.deliver(self.mailbox, body)
            return
        where, name = self.random.choice(names)
        path = os.path.join(folder, where, name)
        try:
            if choice < 0.15:
                with open(path, "rb") as file:
                    body = wire(file.read())
                os.unlink(path)
                self.deleted.add(body)
            else:
                letters = "".join(sorted(self.random.sample("FRS", self.random.randint(0, 3))))
                os.rename(path, os.path.join(folder, "cur", name.split(":2,")[0] + ":2," + letters))
                self.renames += 1
        except FileNotFoundError:
            pass  # the pass was faster

    def stop(self):
        self.stopping.set()
        self.join()
        if self.problem:
            raise self.problem


def test_mail_reader_at_work(world):
    first = [compose() for _ in range(150)]
    world.there.append_many("INBOX", [(body, [], 1000) for body in first])
    world.sync()
    reader = MailReader(world.here, "INBOX", seed=1)
    reader.start()
    arrived = []
    for number in range(12):
        arrived.append(compose())
        world.there.append("INBOX", arrived[-1])
        assert world.sync(expect=None).status in (0, 1)
    reader.stop()
    world.sync()
    world.sync_same()
    expected = {wire(b) for b in first + arrived} | reader.delivered
    expected -= reader.deleted
    bodies = [m.body for m in world.here.messages("INBOX")]
    assert len(bodies) == len(set(bodies)), "a message was doubled"
    assert set(bodies) == expected, "lost %d, came back %d" % (
        len(expected - set(bodies)), len(set(bodies) - expected))
    assert reader.renames > 100


def test_another_client_at_work(world):
    """Another IMAP client appends, flags and expunges in the same mailbox meanwhile."""
    world.there.append_many("INBOX", [(compose(), [], 1000) for _ in range(150)])
    world.sync()
    stopping, problems, added, removed = threading.Event(), [], set(), set()

    def client():
        chance = random.Random(2)
        side = ServerSide(world.server, world.user)
        try:
            while not stopping.wait(0.005):
                choice = chance.random()
                messages = side.messages("INBOX") if choice > 0.9 else None
                if choice < 0.3:
                    body = compose()
                    added.add(wire(body))
                    side.append("INBOX", body)
                elif choice < 0.9:
                    uids = side.uids("INBOX")
                    side.store("INBOX", chance.choice(uids), chance.choice(["+FLAGS", "-FLAGS"]),
                               chance.sample(["\\Seen", "\\Flagged", "word"], 2))
                else:
                    uid = chance.choice(sorted(messages))
                    side.expunge("INBOX", uid)
                    removed.add(messages[uid].body)
        except Exception as problem:
            problems.append(problem)
        finally:
            side.close()

    before = {m.body for m in world.there.messages("INBOX").values()}
    thread = threading.Thread(target=client, daemon=True)
    thread.start()
    for _ in range(12):
        assert world.sync(expect=None).status in (0, 1)
    stopping.set()
    thread.join()
    assert not problems, problems
    world.sync_same()
    bodies = [m.body for m in world.here.messages("INBOX")]
    assert len(bodies) == len(set(bodies))
    assert set(bodies) == (before | added) - removed


def test_two_passes_at_once(world):
    """The second one waits for the first; nothing is doubled."""
    world.there.append_many("INBOX", [(compose(), [], 1000) for _ in range(100)])
    for _ in range(50):
        world.here.deliver("INBOX", compose())
    runs = [world.start("sync") for _ in range(3)]
    assert [world.finish(run).status for run in runs] == [0, 0, 0]
    world.assert_same()
    assert len(world.here.files("INBOX")) == 150


@pytest.mark.needs("keywords")
@pytest.mark.plain_build  # a sanitizer wants to be loaded first
def test_letter_given_between_two_reads(make_world, preload):
    """The table was read without the letter that a file has when the folder is."""
    world = make_world()
    name = os.path.basename(world.here.deliver("INBOX", compose(), "S"))
    world.sync()
    os.unlink(world.here.deliver("INBOX", compose()))  # so that the folder is read, and nothing sent
    world.environment.update(
        LD_PRELOAD=preload("letter"), GODWIT_TABLE="0 old\n1 fresh\n",
        GODWIT_FROM="cur/" + name, GODWIT_TO="cur/%sb" % name)
    world.sync()
    del world.environment["LD_PRELOAD"]
    assert os.path.exists(os.path.join(world.here.folder("INBOX"), world.environment["GODWIT_TO"]))
    world.sync_same()
    assert sorted(len(m.flags) for m in world.there.messages("INBOX").values()) == [2]

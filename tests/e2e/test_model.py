"""Random histories: after each pass both sides equal a simple model of what was done.

GODWIT_SEED=N repeats a history, GODWIT_ROUNDS=N makes it longer. A failure prints both, and what the
last rounds did.
"""
import os
import random
import re
import time

import pytest

from conftest import run_server
from mail import LETTERS, Message, compose, wire
from world import World, assert_equal_mail

SERVERS = ("dovecot", "cyrus", "courier") if os.environ.get("GODWIT_SOAK") else ("dovecot",)

ROUNDS = int(os.environ.get("GODWIT_ROUNDS", "30"))
KEYWORDS = ["apple", "Berry", "cherry"]
FLAGS = list(LETTERS.values())


class Model:
    """{mailbox: {body: (flags, date)}}; flags in small letters. Every body is unique."""

    def __init__(self, world, chance, history, without=()):
        """WITHOUT: flags that no edit touches."""
        self.world, self.chance, self.history = world, chance, history
        self.standard = [f.lower() for f in FLAGS if f not in without]
        self.boxes = {"INBOX": {}}
        self.touched = set()

    # Edits. Each notes in the model what a pass has to make of it.

    def note(self, text, *args):
        self.history[-1].append(text % args)

    def some_box(self):
        return self.chance.choice(sorted(self.boxes))

    def some_flags(self, most=3):
        return frozenset(self.chance.sample(self.standard, self.chance.randint(0, most)))

    def some_message(self):
        """(mailbox, body) that no edit of this round touched, or None."""
        candidates = [(box, body) for box in self.boxes for body in sorted(self.boxes[box])
                      if body not in self.touched]
        if not candidates:
            return None
        found = self.chance.choice(candidates)
        self.touched.add(found[1])
        return found

    def new_body(self):
        body = compose(body="x" * self.chance.choice([0, 1, 100, 3000]) + "\n")
        self.touched.add(wire(body))
        return body

    def append(self):
        box, body, date = self.some_box(), self.new_body(), self.chance.randint(1, 1700000000)
        flags = self.some_flags() | set(self.chance.sample([k.lower() for k in KEYWORDS], self.chance.randint(0, 2)))
        self.note("append %s %s", box, sorted(flags))
        self.world.there.append(box, body, [spelling(f) for f in flags], date)
        self.boxes[box][wire(body)] = (flags, date)

    def deliver(self):
        box, body, date = self.some_box(), self.new_body(), self.chance.randint(1, 1700000000)
        flags = self.some_flags()
        self.note("deliver %s %s", box, sorted(flags))
        self.world.here.deliver(box, body, letters_of(flags) if flags or self.chance.random() < 0.5 else None, date)
        self.boxes[box][wire(body)] = (flags, date)

    def toggle_there(self, found, toggles):
        box, body = found
        self.note("toggle there %s %s", box, sorted(toggles))
        (uid,) = self.world.there.find(box, body)
        flags = self.boxes[box][body][0]
        for change, some in (("+FLAGS", toggles - flags), ("-FLAGS", toggles & flags)):
            if some:
                self.world.there.store(box, uid, change, [spelling(f) for f in some])

    def toggle_here(self, found, toggles):
        box, body = found
        self.note("toggle here %s %s", box, sorted(toggles))
        file = self.world.here.find(box, body)
        kept = "".join(c for c in file.letters if c.islower())
        standard = self.boxes[box][body][0] & {f.lower() for f in FLAGS}
        self.world.here.flag(file, letters_of(standard ^ toggles) + kept)

    def toggle(self):
        """Flags change on one side, or on both at once."""
        found = self.some_message()
        if not found:
            return
        there, here = self.some_flags(), self.some_flags()
        where = self.chance.choice(["there", "here", "both"])
        if where != "here":
            self.toggle_there(found, there)
        if where != "there":
            self.toggle_here(found, here)
        toggles = (there if where != "here" else set()) | (here if where != "there" else set())
        flags, date = self.boxes[found[0]][found[1]]
        self.boxes[found[0]][found[1]] = (flags ^ toggles, date)

    def keyword(self):
        found = self.some_message()
        if found:
            word = self.chance.choice(KEYWORDS).lower()
            self.toggle_there(found, {word})
            flags, date = self.boxes[found[0]][found[1]]
            self.boxes[found[0]][found[1]] = (flags ^ {word}, date)

    def delete(self):
        found = self.some_message()
        if not found:
            return
        box, body = found
        where = self.chance.choice(["there", "here", "both", "there, flagged here", "here, flagged there"])
        if "flagged here" in where:
            self.toggle_here(found, self.some_flags())
        if "flagged there" in where:
            self.toggle_there(found, self.some_flags())
        self.note("delete %s %s", box, where)
        if where.startswith(("there", "both")):
            self.world.there.expunge(box, self.world.there.find(box, body))
        if where.startswith(("here", "both")):
            self.world.here.remove(self.world.here.find(box, body))
        del self.boxes[box][body]

    def move(self):
        found = self.some_message()
        target = self.some_box()
        if not found or target == found[0]:
            return
        box, body = found
        if self.chance.random() < 0.5:
            self.note("move there %s %s", box, target)
            self.world.there.move(box, self.world.there.find(box, body), target)
        else:
            self.note("move here %s %s", box, target)
            file = self.world.here.find(box, body)
            standard = "".join(c for c in file.letters if c.isupper())
            if standard != file.letters:
                return  # its keywords' letters mean something else in another folder
            os.rename(file.path, os.path.join(self.world.here.folder(target), file.where, file.name))
        self.boxes[target][body] = self.boxes[box].pop(body)

    def rename(self):
        """A mail reader gives the file another base."""
        found = self.some_message()
        if found:
            self.note("rename here %s", found[0])
            file = self.world.here.find(*found)
            os.rename(file.path, os.path.join(file.folder, file.where, "renamed." + file.name))

    def create(self):
        if len(self.boxes) >= 6:
            return
        name = self.chance.choice(["box %d", "Ordner-%dä", "deep/er/%d"]) % (len(self.boxes) + len(self.created))
        where = self.chance.choice(["there", "here"])
        self.note("create %s %s", where, name)
        (self.world.there if where == "there" else self.world.here).create(name)
        self.created.add(name)

    EDITS = [append] * 5 + [deliver] * 5 + [toggle] * 6 + [keyword] * 2 + [delete] * 2 + [move] * 2 + [rename] + [create]

    def edit(self):
        """One round of edits on both sides."""
        self.touched, self.created = set(), set()
        for _ in range(self.chance.randint(0, 14)):
            self.chance.choice(self.EDITS)(self)
        for name in self.created:
            self.boxes.setdefault(name, {})

    def check(self, there, here):
        for name, messages in self.boxes.items():
            expected = [Message(body, frozenset(flags), date) for body, (flags, date) in messages.items()]
            assert_equal_mail(name + " (there, model)", there[name].values(), expected)
            assert_equal_mail(name + " (model, here)", expected, here[name])


def spelling(flag):
    return next(f for f in FLAGS + KEYWORDS if f.lower() == flag)


def letters_of(flags):
    return "".join(sorted(letter for letter, flag in LETTERS.items() if flag.lower() in flags))


def run_history(world, seed, rounds, without=(), passes=1):
    history = []
    model = Model(world, random.Random(seed), history, without)
    try:
        world.sync()
        for number in range(rounds):
            history.append(["round %d" % number])
            model.edit()
            for _ in range(passes):
                world.sync()
            model.check(world.there.all(), world.here.all())
            if number % 5 == 0:
                world.assert_noop()
    except Exception as problem:
        lines = ["; ".join(one) for one in history[-3:]]
        raise AssertionError("GODWIT_SEED=%d GODWIT_ROUNDS=%d\n%s\n%s" % (
            seed, rounds, "\n".join(lines), problem)) from problem


@pytest.mark.parametrize("layout", ["nested", "maildir++"])
def test_random_history(make_world, layout):
    seed = int(os.environ.get("GODWIT_SEED", len(layout)))  # the same every time; soak tries others
    run_history(make_world(layout=layout), seed, ROUNDS)


ANNOUNCED = ("IMAP4rev1 SASL-IR ID ENABLE IDLE NAMESPACE UNSELECT UIDPLUS MOVE CONDSTORE QRESYNC ESEARCH LIST-EXTENDED "
             "LIST-STATUS SPECIAL-USE LITERAL+ MULTIAPPEND COMPRESS=DEFLATE").split()

# What must not be seen on the wire where the capability is not announced.
USES = {
    "SASL-IR": r"AUTHENTICATE \S+ \S", "ID": r"> \S+ ID ", "ENABLE": r"> \S+ ENABLE ", "NAMESPACE": r"> \S+ NAMESPACE",
    "UNSELECT": r"> \S+ UNSELECT", "UIDPLUS": r"UID EXPUNGE", "MOVE": r"UID MOVE",
    "CONDSTORE": r"CONDSTORE|CHANGEDSINCE|UNCHANGEDSINCE|MODSEQ", "QRESYNC": r"QRESYNC|VANISHED\)",
    "ESEARCH": r"SEARCH RETURN", "LIST-EXTENDED": r"> \S+ LIST .*RETURN", "LIST-STATUS": r"> \S+ LIST .*STATUS",
    "SPECIAL-USE": r"SPECIAL-USE", "LITERAL+": r"\{\d+\+\}", "COMPRESS=DEFLATE": r"> \S+ COMPRESS",
}


class Masked:
    """A World whose passes are watched: what the server does not announce is not sent."""

    def __init__(self, world, masked):
        self.world = world
        self.forbidden = {name: USES[name] for name in masked if name in USES}

    def __getattr__(self, name):
        return getattr(self.world, name)

    def sync(self):
        run = self.world.run("--debug", "imap", "sync")
        said = [line for line in run.err.splitlines() if re.search(r"conn \d+ > ", line)]
        assert said, run
        for name, use in self.forbidden.items():
            used = [line for line in said if re.search(use, line)]
            assert not used, "%s is not announced: %s" % (name, used[0])
        return run


def masked_history(tmp_path, masked, seed, rounds):
    """The history on a server that announces all but what is masked. Without UIDPLUS uploads are found by pairing, and
    a pass that pairs deletes nothing: the next one does. Nor could it, while messages of others carry \\Deleted.
    """
    announced = " ".join(word for word in ANNOUNCED if word not in masked)
    how = {"without": ["\\Deleted"], "passes": 2} if "UIDPLUS" in masked else {}
    for server in run_server(capability=announced):
        world = World(server, tmp_path, "masked")
        run_history(Masked(world, masked), seed, rounds, **how)
        world.close()


# With what a server lacks, less and less is left to stand on; the result is the same.
MASKS = {
    "condstore": ["QRESYNC"],
    "plain": ["QRESYNC", "CONDSTORE"],
    "no-uids-told": ["UIDPLUS", "MOVE"],
    "no-pipelined-uploads": ["LITERAL+", "MULTIAPPEND"],
    "rev1": [word for word in ANNOUNCED if word != "IMAP4rev1"],
}


@pytest.mark.parametrize("mask", MASKS)
def test_random_history_with_masked_capabilities(tmp_path, mask):
    masked_history(tmp_path, MASKS[mask], int(os.environ.get("GODWIT_SEED", 5)), ROUNDS * 2 // 3)


@pytest.mark.soak
@pytest.mark.parametrize("word", ANNOUNCED[1:])
def test_random_history_without(tmp_path, word):
    masked = [word] + {"CONDSTORE": ["QRESYNC"], "LIST-EXTENDED": ["LIST-STATUS"]}.get(word, [])
    masked_history(tmp_path, masked, int(os.environ.get("GODWIT_SEED", time.time_ns() % 1000000)), max(ROUNDS, 60))


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_long_random_history(make_world, part):
    run_history(make_world(), time.time_ns() % 1000000, max(ROUNDS, 200))

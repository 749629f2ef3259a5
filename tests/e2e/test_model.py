"""Random histories: after each pass both sides equal a simple model of what was done.

GODWIT_SEED=N repeats a history, GODWIT_ROUNDS=N makes it longer. A failure prints both, and what the
last rounds did.
"""
import os
import random
import time

import pytest

from mail import LETTERS, Message, compose, wire
from world import assert_equal_mail

ROUNDS = int(os.environ.get("GODWIT_ROUNDS", "30"))
KEYWORDS = ["apple", "Berry", "cherry"]
FLAGS = list(LETTERS.values())


class Model:
    """{mailbox: {body: (flags, date)}}; flags in small letters. Every body is unique."""

    def __init__(self, world, chance, history):
        self.world, self.chance, self.history = world, chance, history
        self.boxes = {"INBOX": {}}
        self.touched = set()

    # Edits. Each notes in the model what a pass has to make of it.

    def note(self, text, *args):
        self.history[-1].append(text % args)

    def some_box(self):
        return self.chance.choice(sorted(self.boxes))

    def some_flags(self, most=3):
        return frozenset(self.chance.sample([f.lower() for f in FLAGS], self.chance.randint(0, most)))

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


def run_history(world, seed, rounds):
    history = []
    model = Model(world, random.Random(seed), history)
    try:
        world.sync()
        for number in range(rounds):
            history.append(["round %d" % number])
            model.edit()
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


@pytest.mark.parametrize("quirks", [["-QRESYNC"], ["-QRESYNC", "-CONDSTORE"]],
                         ids=["condstore", "plain"])
def test_random_history_on_lesser_servers(make_world, quirks):
    world = make_world()
    world.settings["server"]["quirks"] = quirks
    run_history(world, int(os.environ.get("GODWIT_SEED", 5)), ROUNDS)


@pytest.mark.soak
@pytest.mark.parametrize("part", range(10))
def test_long_random_history(make_world, part):
    run_history(make_world(), time.time_ns() % 1000000, max(ROUNDS, 200))

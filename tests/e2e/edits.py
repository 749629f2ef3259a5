"""Random edits of the sides of an account, as mail readers and other clients make them; each is noted in the Fates.

A side is a ServerSide, or a MaildirSide; there may be two of these (two accounts of one user).
"""
import os
import shutil

from imapside import ServerSide
from mail import LETTERS, compose, flag_set, wire

NAMES = ["b", "c", "d", "p/q", "p/r", "Ordner-ä"]
FLAGS = [flag for letter, flag in LETTERS.items() if letter != "T"]  # a mark for deletion is nobody's but its side's
KEYWORDS = ["apple", "Berry", "cherry"]


class Edits:
    """
    sides:  {name: side}            chance: where everything random comes from
    fates:  Fates                   notes:  what was done so far, a line each
    """

    def __init__(self, sides, chance, fates, notes):
        self.sides, self.chance, self.fates, self.notes = sides, chance, fates, notes
        self.last = {}   # side: the body that was edited there last
        self.gone = []   # (path, copy) of files that were removed: somebody may put them back
        self.away = {}   # (side, name of a mailbox that was renamed): its present name
        self.strange = set()  # (side, name) of folders that were just made: they may be a backup's
        self.settle_more = False  # what is compared anew is settled by one pass, and equal after the next
        self.drafts = 0

    def note(self, text, *args):
        self.notes.append(text % args if args else text)
        return self.notes[-1]

    # choosing

    def side(self):
        return self.chance.choice(sorted(self.sides))

    def is_server(self, side):
        return isinstance(self.sides[side], ServerSide)

    def boxes(self, side):
        return sorted(self.sides[side].mailboxes())

    def free_name(self, side):
        names = [name for name in NAMES if name not in self.boxes(side)]
        return self.chance.choice(names) if names else None

    def childless(self, side):
        """A mailbox that can be deleted or renamed without others."""
        boxes = self.boxes(side)
        found = [box for box in boxes if box != "INBOX" and not any(other.startswith(box + "/") for other in boxes)]
        return self.chance.choice(found) if found else None

    def contents(self, side, box):
        """[(UID or file, Message)]"""
        if self.is_server(side):
            return sorted(self.sides[side].messages(box).items())
        return [(file, file.message()) for file in sorted(self.sides[side].files(box), key=lambda file: file.path)]

    def pick(self, side):
        """(mailbox, UID or file, Message): now and then the one that was edited last."""
        found = [(box, *one) for box in self.boxes(side) for one in self.contents(side, box)]
        again = [one for one in found if one[2].body == self.last.get(side)]
        if again and self.chance.random() < 0.25:
            found = again
        if not found:
            return None
        one = self.chance.choice(found)
        self.last[side] = one[2].body
        return one

    def fate(self, side, body, what):
        return self.fates.of(body, "%s: %s" % (side, what))

    # messages

    def store(self, side, box, body, flags=()):
        """A new message, of any body."""
        what = self.note("%s: new in %s", side, box)
        if self.is_server(side):
            self.sides[side].append(box, body, list(flags), self.chance.randint(1, 1700000000))
        else:
            letters = "".join(letter for letter, flag in LETTERS.items() if flag in flags)
            self.sides[side].deliver(box, body, letters if letters or self.chance.random() < 0.5 else None)
        self.fate(side, wire(body), what).add(side, box)
        self.last[side] = wire(body)

    def some_flags(self):
        return self.chance.sample(FLAGS, self.chance.randint(0, 2))

    def add(self):
        side = self.side()
        ending = self.chance.choice(["\n", "\n", "\n", ""])
        body = compose(body="x" * self.chance.choice([0, 1, 100, 3000]) + ending)
        self.store(side, self.chance.choice(self.boxes(side)), body, self.some_flags())

    def add_twin(self):
        side = self.side()
        found = self.pick(self.side())
        if found:
            self.note("a twin of a message in %s:", found[0])
            self.store(side, self.chance.choice(self.boxes(side)), local(found[2].body), self.some_flags())

    def draft(self):
        """A new version with the same Message-ID, and often the same headers, takes the place of a message."""
        side = self.side()
        found = self.pick(side)
        if not found:
            return
        box, which, message = found
        header = local(message.body).partition(b"\n\n")[0]
        if b"\nMessage-ID: " not in header:
            return
        self.drafts += 1
        if self.chance.random() < 0.6:
            header = header.replace(b"\nDate: ", b"\nX-Version: %d\nDate: " % self.drafts, 1)
        version = header + b"\n\nversion %d %s\n" % (self.drafts, b"y" * self.drafts)
        self.store(side, box, version, ["\\Draft"])
        self.remove(side, box, which, message, "another version is")

    def remove(self, side, box, which, message, why="removed"):
        what = self.note("%s: %s, gone from %s", side, why, box)
        if self.is_server(side):
            self.sides[side].expunge(box, which)
        else:
            self.keep(which)
            self.sides[side].remove(which)
        self.fate(side, message.body, what).remove(side, box)

    def keep(self, file):
        """As a backup of the Maildir has it."""
        copy = os.path.join(self.tmp, "gone.%d" % len(self.gone))
        shutil.copy2(file.path, copy)
        self.gone.append((file.path, copy))

    def delete(self):
        side = self.side()
        found = self.pick(side)
        if found:
            self.remove(side, *found)

    def restore(self):
        """Somebody takes a removed file out of a backup of the Maildir, into its folder, by its name."""
        if not self.gone:
            return
        path, copy = self.chance.choice(self.gone)
        folder, box = os.path.dirname(os.path.dirname(path)), None
        for side in sorted(self.sides):
            if not self.is_server(side):
                box = next((b for b in self.boxes(side) if self.sides[side].folder(b) == folder), None)
                if box:
                    break
        if not box or os.path.exists(path) or any(letter.islower() for letter in path.partition(":2,")[2]):
            return  # or its letters may mean nothing there any more
        what = self.note("%s: put back from a backup into %s", side, box)
        shutil.copy2(copy, path)
        with open(path, "rb") as file:
            fate = self.fate(side, wire(file.read()), what)
        fate.add(side, box)
        fate.forgive(self.fates.recalled)

    def flag(self):
        side = self.side()
        found = self.pick(side)
        if not found:
            return
        box, which, message = found
        if self.is_server(side):
            change, some = self.chance.choice(["+FLAGS", "-FLAGS"]), self.chance.sample(FLAGS + KEYWORDS, 2)
            self.sides[side].store(box, which, change, some)
            some = flag_set(some)
            after = message.flags | some if change == "+FLAGS" else message.flags - some
        else:
            some = self.chance.sample(FLAGS, self.chance.randint(0, 3))
            kept = "".join(c for c in which.letters if c.islower() or c == "T")
            self.sides[side].flag(which, kept + "".join(c for c, flag in LETTERS.items() if flag in some))
            standard = flag_set(FLAGS)
            after = message.flags - standard | flag_set(some)
        what = self.note("%s: in %s {%s} becomes {%s}", side, box, " ".join(sorted(message.flags)), " ".join(sorted(after)))
        self.fate(side, message.body, what).store(side, message.flags, after)

    def rename_file(self):
        side = self.side()
        found = self.pick(side)
        if found and not self.is_server(side):
            box, file, message = found
            what = self.note("%s: another file name in %s", side, box)
            os.rename(file.path, os.path.join(file.folder, file.where, "r%d.%s" % (self.chance.randrange(10**6), file.name)))
            self.fate(side, message.body, what).others = True

    # from one mailbox to another

    def target(self, side, box):
        if self.chance.random() < 0.15:
            name = self.free_name(side)
            if name:
                self.create(side, name)
        others = [name for name in self.boxes(side) if name != box]
        return self.chance.choice(others) if others else None

    def carry(self, copy):
        side = self.side()
        found = self.pick(side)
        target = found and self.target(side, found[0])
        if not target:
            return
        box, which, message = found
        done = (self.carry_there if self.is_server(side) else self.carry_here)(side, box, which, target, copy)
        if not done:
            return
        what = self.note("%s: %s from %s to %s", side, "copied" if copy else "moved", box, target)
        fate = self.fate(side, message.body, what)
        if copy:
            fate.add(side, target)
        else:
            fate.move(side, box, target)

    def carry_there(self, side, box, uid, target, copy):
        (self.sides[side].copy if copy else self.sides[side].move)(box, uid, target)
        return True

    def carry_here(self, side, box, file, target, copy):
        """By the name that it has, or by a new one; its keywords by the letters that the target has for them."""
        letters = {name: letter for letter, name in self.sides[side].letters(target).items()}
        words = [self.sides[side].letters(box).get(c) for c in file.letters if c.islower()]
        if any(word not in letters for word in words):
            return False
        info = "".join(sorted([c for c in file.letters if c.isupper()] + [letters[word] for word in words]))
        base = file.base if self.chance.random() < 0.7 else "m%d.%s" % (self.chance.randrange(10**6), file.base)
        folder = self.sides[side].folder(target)
        path = os.path.join(folder, "cur", base + ":2," + info)
        if not info and self.chance.random() < 0.3:
            path = os.path.join(folder, "new", base)
        if any(other.base == base for other in self.sides[side].files(target)):
            return False
        (shutil.copy2 if copy else os.rename)(file.path, path)
        return True

    def move(self):
        self.carry(copy=False)

    def copy(self):
        self.carry(copy=True)

    # mailboxes

    def create(self, side, name):
        self.note("%s: %s is made", side, name)
        self.sides[side].create(name)
        if not self.is_server(side):
            self.strange.add((side, name))
        self.compare_anew(side, name)

    def compare_anew(self, side, name):
        """Where the others have had this mailbox, this one has another, unless that was only renamed."""
        if (side, name) in self.away and (side, name) not in self.strange:
            self.fates.put_aside(name, len(self.sides) - 1)
            self.settle_more = True
        elif any(name in self.boxes(other) for other in self.sides if other != side):
            self.made_anew(side, name)

    def make_box(self):
        side = self.side()
        name = self.free_name(side)
        if name:
            self.create(side, name)

    def of_all(self, side, box, what, change):
        """CHANGE(fate) for each message of the mailbox."""
        for _, message in self.contents(side, box):
            change(self.fate(side, message.body, what))

    def remove_box(self, side, box):
        self.strange.discard((side, box))
        renamed = [key for key, name in self.away.items() if (key[0], name) == (side, box)]
        if self.is_server(side):
            self.sides[side].delete(box)
        else:
            self.sides[side].remove_mailbox(box)
        for key in renamed:
            del self.away[key]
            if key[1] in self.boxes(side):
                self.compare_anew(*key)

    def delete_box(self):
        side = self.side()
        box = self.childless(side)
        if not box:
            return
        what = self.note("%s: %s is deleted", side, box)
        self.of_all(side, box, what, lambda fate: fate.remove(side, box))
        self.remove_box(side, box)
        if self.chance.random() < 0.3:
            self.create(side, box)

    def made_anew(self, side, box):
        """What such a mailbox lacks is not taken for deleted."""
        what = self.note("%s: %s is made anew", side, box)
        self.settle_more = True
        self.fates.compare({name: self.all(name) for name in self.sides}, what, {box})
        for name in self.sides:
            if box in self.boxes(name):
                self.of_all(name, box, what, loosen)

    def rename_box(self):
        side = self.side()
        box, name = self.childless(side), self.free_name(side)
        if not box or not name or name.startswith(box + "/") or box.startswith(name + "/"):
            return
        what = self.note("%s: %s is renamed to %s", side, box, name)
        self.of_all(side, box, what, lambda fate: fate.move(side, box, name, renamed=True))
        self.rename(side, box, name)
        self.compare_anew(side, name)

    def rename(self, side, box, name):
        known = [key for key, present in self.away.items() if key[0] == side and present == box]
        self.away[known[0] if known else (side, box)] = name
        if (side, box) in self.strange:
            self.strange.remove((side, box))
            self.strange.add((side, name))
        else:
            self.strange.discard((side, name))
        if self.is_server(side):
            self.sides[side].rename(box, name)
        else:
            folder = self.sides[side].folder(name)
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            os.rename(self.sides[side].folder(box), folder)

    def swap_boxes(self):
        """Two mailboxes change their names."""
        side = self.side()
        one, other = self.childless(side), self.childless(side)
        if not one or one == other:
            return
        what = self.note("%s: %s and %s change their names", side, one, other)
        self.of_all(side, one, what, lambda fate: fate.move(side, one, other, renamed=True))
        self.of_all(side, other, what, lambda fate: fate.move(side, other, one, renamed=True))
        for old, new in ((one, "swapping"), (other, one), ("swapping", other)):
            self.rename(side, old, new)
        self.compare_anew(side, one)
        self.compare_anew(side, other)

    def all(self, side):
        return {box: [message for _, message in self.contents(side, box)] for box in self.boxes(side)}

    EDITS = ([add] * 6 + [add_twin, rename_file, restore, make_box, rename_box, delete_box] + [draft] * 2 + [flag] * 5 +
             [delete] * 3 + [move] * 6 + [copy] * 2)
    RARE = [swap_boxes]

    def some(self, least, most):
        """Some edits."""
        for _ in range(self.chance.randint(least, most)):
            choice = self.RARE if self.chance.random() < 0.02 else self.EDITS
            self.chance.choice(choice)(self)


def loosen(fate):
    fate.loose = True


def local(body):
    """As a file has it."""
    return body.replace(b"\r\n", b"\n")

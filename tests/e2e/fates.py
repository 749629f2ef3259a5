"""What a history of edits has to make of every message body: how often it must, and may, be there, and where.

An epoch goes from one settled pass, after which all sides are equal, to the next. A body that only one side touched meanwhile
has to be exactly where that side left it. Where two sides did, or both were compared anew (no row says then what was
deleted), there are bounds: as many as nobody deleted, and no more than the edits made, but for copies that two sides moved
apart ("moved to two places: both stay").
"""
import collections

from mail import DELETED, digest

STORY = 14  # so many of the last things that befell a body are told


class Fate:
    """
    What the edits of this epoch do to one body.

    base:      {mailbox: copies} at its beginning
    expect:    the same as it has to be in the end if one side only touched it
    sides:     who touched it (its flags apart)
    low, high: how many there are in the end, if it is not as simple as that
    loose:     what was deleted or moved may come back
    others:    more befell it than that its mailbox was renamed
    aside:     so many copies of it were in a mailbox whose name went to another one: what can't be told to have gone
               with the mailbox comes back
    half:      a pass that was cut off may have carried half of a move: the file is in the other folder, and no row says
               why; what happens to the message after that can't be told from what happens to another one
    """

    def __init__(self, base, flags=None):
        self.base, self.expect = collections.Counter(base), collections.Counter(base)
        self.low = self.high = sum(self.base.values())
        self.sides, self.loose, self.compared = set(), False, False
        self.others, self.aside, self.half = False, 0, False
        self.added, self.moved, self.removed = collections.Counter(), collections.Counter(), 0
        self.flags, self.stored = flags, collections.defaultdict(dict)

    def touch(self, side, renamed=False):
        self.sides.add(side)
        self.others |= not renamed
        self.loose |= self.compared or self.half

    def add(self, side, box, count=1):
        self.touch(side)
        self.added[side] += count
        self.low, self.high = self.low + count, self.high + count
        self.expect[box] += count

    def remove(self, side, box, count=1):
        self.touch(side)
        self.loose |= bool(self.added)  # sent by a pass that was cut off, it comes back: it may be another client's
        self.removed += count
        self.low -= count
        self.expect[box] -= count

    def move(self, side, box, target, count=1, renamed=False):
        self.touch(side, renamed)
        self.moved[side] += count
        self.expect[box] -= count
        self.expect[target] += count

    def store(self, side, before, after):
        for flag in before ^ after:
            self.stored[flag][side] = flag in after if side not in self.stored[flag] else None

    def forgive(self, count):
        """So many may go."""
        if count:
            self.removed, self.low, self.loose = self.removed + count, self.low - count, True

    def compare(self, sides):
        """Both sides are compared as if they had never met. SIDES: {side: {mailbox: copies}} of this body."""
        union = collections.Counter()
        for boxes in sides.values():
            union |= collections.Counter(boxes)
        self.compared = True
        if not self.sides:
            self.expect = union
        self.loose |= bool(self.sides)
        if sum(union.values()) < self.low:  # what was put back lacks it, and nobody else had it yet
            self.removed += self.low - sum(union.values())
            self.low = sum(union.values())
        self.high = max(self.high, sum(union.values()))
        if len(sides) > 2:  # what the server lacks, each account sends
            self.high = max(self.high, sum(sum(boxes.values()) for side, boxes in sides.items() if side != "there"))

    def bounds(self):
        """(least, most): equal bodies that come or move on two sides may be taken for the same."""
        low, high = self.low, self.high
        moves = sum(self.moved.values())
        if self.low + self.removed > 1:
            low -= sum(self.added.values()) + moves
        if self.loose or self.aside:
            high += moves + self.aside
        elif len(self.sides) > 1:
            high += moves - max(self.moved.values(), default=0)
        floor = 0 if self.removed or not (self.base or self.added) else 1
        return max(low, floor), high

    def wrong(self, found):
        """What is wrong with FOUND, {mailbox: copies}; None: nothing."""
        exact = {box: count for box, count in self.expect.items() if count}
        loose = self.loose or (self.aside and self.others)
        if not loose and len(self.sides) < 2 and min(self.expect.values(), default=0) >= 0:
            return None if found == exact else "should be %s, is %s" % (told(exact), told(found))
        low, high = self.bounds()
        if not low <= sum(found.values()) <= high:
            return "should be %d to %d times, is %s" % (low, high, told(found))
        return None

    def wrong_flags(self, found):
        """FOUND: the flags of the one copy that there was and is."""
        if self.flags is None or self.loose or self.compared or self.added or self.removed or self.aside:
            return None
        expected = set(self.flags)
        for flag, values in self.stored.items():
            if len(self.sides | set(values)) > 1 or None in values.values():
                return None  # who was first? Did a pass see it in between?
            (there,) = values.values()
            (expected.add if there else expected.discard)(flag)
        if expected - {DELETED.lower()} == found - {DELETED.lower()}:
            return None
        return "should have {%s}, has {%s}" % (" ".join(sorted(expected)), " ".join(sorted(found)))


def told(boxes):
    return ", ".join("%d in %s" % (count, box) for box, count in sorted(boxes.items()) if count) or "nowhere"


class Fates:
    """All bodies of a history, and what befell each."""

    def __init__(self):
        self.fates, self.stories = {}, collections.defaultdict(list)
        self.recalled = False  # an old state was put back in this epoch

    def begin(self, messages):
        """An epoch, with MESSAGES {mailbox: [Message]} on all sides."""
        self.recalled = False
        flags = {}
        for name in messages:
            for message in messages[name]:
                flags[message.body] = None if message.body in flags else message.flags
        self.fates = {body: Fate(boxes, flags[body]) for body, boxes in tally(messages).items()}

    def of(self, body, what):
        self.stories[body].append(what)
        return self.fates.setdefault(body, Fate({}))

    def compare(self, sides, what, only=None):
        """SIDES: {side: {mailbox: [Message]}}; ONLY bodies of these mailboxes, and what they hold elsewhere."""
        counts = {side: tally(messages) for side, messages in sides.items()}
        for body in set().union(*counts.values()) | set(self.fates):
            boxes = {side: counts[side].get(body, {}) for side in counts}
            if only is None or any(only & set(found) for found in boxes.values()):
                self.of(body, what).compare(boxes)

    def loosen(self):
        """From now on nobody can say whether a deletion or move is carried."""
        for fate in self.fates.values():
            fate.compared = True
            fate.loose |= bool(fate.sides)

    def put_aside(self, name, copies):
        """The mailbox NAME was renamed, and another one has its name. COPIES: of what may come back."""
        for fate in self.fates.values():
            if fate.base.get(name) or fate.others:
                fate.aside = max(fate.aside, copies * max(1, fate.base[name]))

    def recall(self):
        """An old state may know a file under the name by which somebody put it back, and take it for deleted there."""
        self.recalled = True
        for fate in self.fates.values():
            fate.forgive(sum(fate.added.values()))

    def cut_off(self):
        for fate in self.fates.values():
            fate.half |= bool(fate.moved)

    def forget_flags(self):
        """Of what was moved."""
        for fate in self.fates.values():
            if fate.moved:
                fate.flags = None

    def wrong(self, messages):
        """A line for each body that is not as it should be, and its story."""
        found, lines = tally(messages), []
        flags = {message.body: message.flags for box in messages.values() for message in box}
        for body in set(found) | set(self.fates):
            fate = self.fates.get(body) or Fate({})
            boxes = found.get(body, {})
            problem = fate.wrong(boxes)
            if not problem and sum(boxes.values()) == 1:
                problem = fate.wrong_flags(flags[body])
            if problem:
                lines += self.tell(body, problem)
        return lines

    def lost(self, sides):
        """The same for bodies that are too few on all SIDES [{mailbox: [Message]}] together."""
        counts, lines = [tally(messages) for messages in sides], []
        for body, fate in self.fates.items():
            union = collections.Counter()
            for found in counts:
                union |= collections.Counter(found.get(body, {}))
            if sum(union.values()) < fate.bounds()[0]:
                lines += self.tell(body, "should be %d to %d times, is %s" % (*fate.bounds(), told(union)))
        return lines

    def tell(self, body, problem):
        subject = [line for line in body.split(b"\r\n") if line.startswith(b"Subject")][:1]
        lines = ["%s %s (was %s) %s" % (digest(body), subject, told(self.of(body, problem).base), problem)]
        return lines + ["    " + what for what in self.stories[body][-STORY:-1]]


def tally(messages):
    """{body: {mailbox: copies}}"""
    found = {}
    for name, some in messages.items():
        for message in some:
            boxes = found.setdefault(message.body, {})
            boxes[name] = boxes.get(name, 0) + 1
    return found

"""What a server does not list is not gone: listings that are too short, counts that do not add up, mailboxes that are
missing. On every rung of the ladder nothing is deleted here, it is said, and the next honest pass has all.
"""
import re

import pytest

from mail import SEEN, compose

RUNGS = {"qresync": [], "condstore": ["-QRESYNC"], "plain": ["-QRESYNC", "-CONDSTORE"],
         "plain-search": ["-QRESYNC", "-CONDSTORE", "-ESEARCH"]}
MESSAGES = 12
UNPROVEN = "nothing is deleted here in this pass"


@pytest.fixture(params=RUNGS)
def world(request, make_world, bender):
    world = make_world()
    world.settings["server"]["quirks"] = RUNGS[request.param]
    bender.behind(world)
    world.uids = world.there.append_many("INBOX", [(compose(), [SEEN], 1000) for _ in range(MESSAGES)])
    world.sync_same()
    return world


def change(world):
    """So that the mailbox is looked at: one comes, one goes, one gets a flag."""
    world.there.append("INBOX", compose(), [SEEN])
    world.there.expunge("INBOX", world.uids[4:5])
    world.there.store("INBOX", world.uids[5], "+FLAGS", ["\\Flagged"])


def assert_unproven(world, bender, run):
    assert len(world.here.messages("INBOX")) >= MESSAGES, run
    assert UNPROVEN in run.err, run
    bender.on_answer.clear()
    world.sync()
    world.assert_same()
    world.assert_noop()
    assert len(world.here.messages("INBOX")) == MESSAGES


def shorten(bender):
    """No listing shows the last five messages."""
    def fetch(session, unit):
        number = int(unit.split()[1])
        asked = any(re.match(rb"UID FETCH 1:(\*|4294967295)", text) for text in session.seen[-3:])
        return b"" if asked and number > MESSAGES - 5 else unit

    def search(session, unit):
        if unit.startswith(b"* ESEARCH"):
            return re.sub(rb"ALL \S+", b"ALL 1:6", unit)
        return b"* SEARCH 1 2 3 4 6\r\n"

    return [bender.rewrite(rb"^\* \d+ FETCH \(UID \d+ FLAGS", fetch), bender.rewrite(rb"^\* E?SEARCH", search)]


def test_listing_that_is_too_short(world, bender):
    change(world)
    rules = shorten(bender)
    bender.rewrite(rb"^\* VANISHED", lambda session, unit: b"")
    run = world.sync(expect=1)
    assert any(rule.used for rule in rules)
    assert_unproven(world, bender, run)


def test_too_short_once(world, bender):
    """Something came or went while it was listed: the second listing is whole, and counts. One more is gone and one
    more is there, so the number of messages alone would tell nothing."""
    change(world)
    rule = bender.rewrite(rb"^\* 12 FETCH \(UID \d+ FLAGS", lambda session, unit: b"", times=1)
    run = world.sync()
    assert rule.used and UNPROVEN not in run.err, run
    world.assert_same()


@pytest.mark.parametrize("vanished", ["1:4294967295", "1:12", "5,100:4294967290"])
def test_vanished_without_end(world, bender, vanished):
    change(world)
    bender.rewrite(rb"^\* VANISHED \(EARLIER\)", lambda session, unit: b"* VANISHED (EARLIER) %s\r\n" % vanished.encode())
    world.sync()
    world.assert_same()  # the counts do not add up, or what vanished was not known anyway
    world.assert_noop()


PUSHED = {
    "fewer": b"* 3 EXISTS\r\n",
    "none": b"* 0 EXISTS\r\n",
    "all vanished": b"* VANISHED 1:4294967295\r\n",
    "none, and empty listings": b"* 0 EXISTS\r\n",
    "expunged beyond the end": b"* 4294967295 EXPUNGE\r\n",
}


@pytest.mark.parametrize("what", PUSHED)
def test_count_that_goes_down_by_itself(world, bender, what):
    """Pushed behind the answer to the SELECT, and again behind each listing."""
    change(world)

    def push(session, unit):
        return unit + (PUSHED[what] if re.match(rb"SELECT|NOOP", session.answers(unit) or b"") else b"")

    bender.rewrite(rb"^\S+ OK ", push)
    if "empty" in what:
        bender.rewrite(rb"^\* (\d+ FETCH \(UID \d+ FLAGS|E?SEARCH|VANISHED)", lambda session, unit: b"")
    run = world.sync(expect=1)
    assert_unproven(world, bender, run)


def test_empty_and_not_listed(world, bender):
    """Some servers refuse to list an empty mailbox; but that it is empty is only a number."""
    change(world)
    counted = bender.rewrite(rb"^\* 12 EXISTS", lambda session, unit: b"* 0 EXISTS\r\n")
    refused = bender.deny(r"UID FETCH 1:(\*|4294967295)", "NO Internal error.")
    run = world.sync(expect=1)
    assert counted.used and refused.used
    bender.on_command.clear()
    assert_unproven(world, bender, run)


def test_message_number_0(world, bender):
    change(world)
    bender.rewrite(rb"^\S+ OK .*Select", lambda session, unit: unit + b"* 0 EXPUNGE\r\n")
    world.sync(expect=76)
    assert len(world.here.messages("INBOX")) == MESSAGES
    bender.on_answer.clear()
    world.sync()
    world.assert_same()


# mailboxes


@pytest.fixture
def boxes(make_world, bender):
    world = make_world()
    bender.behind(world)
    for name in ("one", "two"):
        world.there.create(name)
        world.there.append_many(name, [(compose(), [SEEN], 1000) for _ in range(5)])
    world.there.append("INBOX", compose())
    world.sync_same()
    return world


def hide(bender, name):
    bender.rewrite(rb'^\* (LIST|STATUS) .*\b%s\b' % name.encode(), lambda session, unit: b"")


@pytest.mark.parametrize("answer", [
    None, "NO [NOPERM] not yours", "NO [UNAVAILABLE] the store is away", "NO Internal error", "NO [CANNOT] no",
    "BAD what", "NO [INUSE] busy", "NO [SERVERBUG] mailbox does not exist?"])
def test_mailbox_missing_from_the_list(boxes, bender, answer):
    hide(bender, "one")
    boxes.there.append("two", compose(), [SEEN])
    rule = bender.deny("STATUS", answer) if answer else None
    run = boxes.sync(expect=1)
    assert not rule or rule.used
    assert len(boxes.here.messages("one")) == 5 and "acc/one: " in run.err, run
    assert len(boxes.here.messages("two")) == 6
    bender.on_answer.clear()
    bender.on_command.clear()
    boxes.sync_same()


@pytest.mark.parametrize("answer", ["NO [NONEXISTENT] no such mailbox", "NO Mailbox doesn't exist: one"])
def test_mailbox_that_is_gone(boxes, bender, answer):
    hide(bender, "one")
    bender.deny("STATUS", answer)
    boxes.sync()
    assert boxes.here.mailboxes() == {"INBOX", "two"}


def test_inbox_is_never_gone(boxes, bender):
    hide(bender, "INBOX")
    bender.deny("STATUS", "NO [NONEXISTENT] no such mailbox")
    run = boxes.sync(expect=1)
    assert len(boxes.here.messages("INBOX")) == 1 and "INBOX" in run.err, run


def test_list_that_is_empty(boxes, bender):
    bender.rewrite(rb"^\* (LIST|STATUS)", lambda session, unit: b"")
    boxes.sync(expect=1)
    assert {name: len(mail) for name, mail in boxes.here.all().items()} == {"INBOX": 1, "one": 5, "two": 5}
    bender.on_answer.clear()
    boxes.sync_same()

"""The program is killed at, and its disk fails at, each step of each kind of work (tests/crash/); the next pass must
end where an undisturbed one ends: nothing lost, nothing doubled, and the one after it has nothing to do.

A step is a call that changes the disk: godwit's own, and LMDB's when it commits.
"""
import errno
import os
import random
import time

import pytest

from lanes import SOAK, run_cases, run_lanes, thin
from mail import compose, wire
from work import RARE, WORK, Work, fill

ALL = 10 ** 6
SEED = int(os.environ.get("GODWIT_SEED", "1"))
DONE, DISK = 0, 74


@pytest.fixture(scope="module")
def lanes():
    with run_lanes() as found:
        yield found


every_work = pytest.mark.parametrize("work", WORK, ids=lambda work: work.name)


@pytest.mark.parametrize("work", WORK + [work for work in RARE if not SOAK], ids=lambda work: work.name)
def test_killed_at_every_step(lanes, work, record_property):
    steps, *_ = lanes[0].steps(work)
    assert steps > 5

    def one(lane, case):
        run = lane.disturbed(case)
        assert run.status in (-9, DONE), run
        lane.assert_recovers()
        return 1

    most = ALL if SOAK else 12 if work in RARE else 60
    run_cases(lanes, work, ["kill %d" % n for n in thin(range(1, steps + 1), most)], one, record_property)


@every_work
def test_killed_at_any_time(lanes, work, record_property):
    """SIGKILL from outside, between any two instructions."""
    lanes[0].prepare(work)
    seconds = lanes[0].disturbed().seconds
    chance = random.Random(SEED)

    def one(lane, case):
        process, *_ = begun = lane.start(*work.command)
        time.sleep(float(case))
        process.kill()
        lane.finish(begun)
        lane.assert_recovers()
        return 1

    moments = ["%.4f" % (chance.random() * 1.2 * seconds) for _ in range(400 if SOAK else 10)]
    run_cases(lanes, work, moments, one, record_property)


def copies(world):
    """Files that somebody copied within their folder, to the same BASE."""
    for number in range(3):
        world.here.deliver("INBOX", compose(), "S", base="same%d" % number)
        world.here.deliver("INBOX", compose(), "FS", base="same%d" % number)
    return {"INBOX": 6}


COPIES = Work("copies", copies)


@pytest.mark.parametrize("work", WORK + [COPIES], ids=lambda work: work.name)
def test_killed_between_link_and_unlink(lanes, work, record_property):
    """On file systems that can't rename without overwriting, one file stands under two names then."""
    def without_rename(lane):
        lane.environment["GODWIT_NO_RENAMEAT2"] = "1"
        return lane

    lanes[0].prepare(work)
    assert without_rename(lanes[0]).disturbed().status == DONE
    *_, links = lanes[0].counted()
    if work is COPIES:
        assert links == 0, "a name of our own needs no second one"

    def one(lane, case):
        run = without_rename(lane).disturbed(case)
        time.sleep(0.06)  # longer than GODWIT_STILL_MS: nobody is at it any more
        assert run.status in (-9, DONE), run
        lane.assert_recovers()
        lane.assert_nothing_left()
        return 1

    run_cases(lanes, work, ["kill-link %d" % n for n in range(1, links + 1)], one, record_property)


@pytest.mark.parametrize("how", ["fail", "once", "short"])
@every_work
def test_disk_fails_at_every_step(lanes, work, how, record_property):
    """From a step on (the disk is full), once (it is not well), or a write comes short."""
    steps, *_ = lanes[0].steps(work)
    codes = {"fail": [errno.ENOSPC, errno.EIO], "once": [errno.EIO, errno.ENOSPC], "short": [0]}[how]

    def one(lane, case):
        run = lane.disturbed(case)
        # What can be done without is done without: a note, a file's removal that a later pass repeats.
        assert run.status in (DONE, DISK), run
        if run.status == DISK:
            assert run.err.strip(), "it failed and does not say why"
        lane.assert_recovers()
        return 1

    cases = ["%s %d %d" % (how, step, code) for code in codes for step in range(1, steps + 1)]
    run_cases(lanes, work, thin(cases, ALL if SOAK else {"fail": 30, "once": 30, "short": 15}[how]), one,
              record_property)


def test_file_goes_while_its_upload_is_in_doubt(lanes, record_property):
    """... and a mail reader removes what was being sent. Nothing is asked about it for ever."""
    (push,) = [work for work in WORK if work.name == "push"]
    steps, *_ = lanes[0].steps(push)

    def one(lane, case):
        lane.disturbed(case)
        for file in lane.here.files("INBOX"):
            lane.here.remove(file)
        lane.sync("--approve")
        lane.assert_same()
        lane.assert_noop()
        lane.assert_nothing_left()
        return 1

    run_cases(lanes, push, ["kill %d" % n for n in thin(range(1, steps + 1), ALL if SOAK else 30)], one,
              record_property)


def test_mailbox_goes_while_uploads_to_it_are_in_doubt(lanes, record_property):
    """Another client deletes it: what the server never had stays, in a mailbox made anew."""
    work = Work("push_to_box", push_to_box)
    steps, *_ = lanes[0].steps(work)

    def one(lane, case):
        lane.disturbed(case)
        lane.wait_until_quiet()
        there = {message.body for message in lane.there.messages("box").values()}
        unsent = {message.body for message in lane.here.messages("box")} - there
        lane.there.delete("box")
        lane.sync("--approve")
        lane.assert_same()
        lane.assert_noop()
        assert {message.body for message in lane.here.all().get("box", [])} >= unsent
        lane.assert_nothing_left()
        return 1

    run_cases(lanes, work, ["kill %d" % n for n in thin(range(1, steps + 1), ALL if SOAK else 10)], one,
              record_property)


def push_to_box(world):
    two_boxes(world)
    world.sync()
    for _ in range(4):
        world.here.deliver("box", compose())
    return {"box": 10, "other": 2}


def push_to_empty_box(world):
    for name in ("box", "other"):
        world.there.create(name)
    world.sync()
    for _ in range(4):
        world.here.deliver("box", compose())
    return {"box": 4}


def move_to_box(world):
    """From INBOX."""
    two_boxes(world)
    fill(world, 4)
    world.sync()
    for file in world.here.files("INBOX"):
        os.rename(file.path, os.path.join(world.here.folder("box"), "cur", file.base + ":2,"))
    return {"box": 10, "other": 2}


@pytest.mark.parametrize("begin, target", [(push_to_box, "another folder and base"), (push_to_box, "a new name"),
                                           (push_to_empty_box, "another folder"), (move_to_box, "another folder")])
def test_upload_is_moved_before_it_is_settled(lanes, record_property, begin, target):
    """The program is killed, and a mail reader takes what was being sent elsewhere: there is no second one of it."""
    work = Work(begin.__name__, begin)
    steps, *_ = lanes[0].steps(work)
    arrived = []

    def one(lane, case):
        lane.disturbed(case)
        lane.wait_until_quiet()
        arrived.append(len(lane.there.uids("box")))
        for number, file in enumerate(lane.here.files("box") if target != "a new name" else []):
            base = "%d.renamed" % number if target.endswith("base") else file.base
            os.rename(file.path, os.path.join(lane.here.folder("other"), "cur", base + ":2,"))
        if target == "a new name":
            os.rename(lane.here.folder("box"), lane.here.folder("new"))
        for _ in range(2):
            lane.sync("--approve")
        lane.assert_same()
        lane.assert_noop()
        here = {name: len(messages) for name, messages in lane.here.all().items() if messages}
        count = sum(lane.expected.values())
        assert here == ({"new": count - 2, "other": 2} if target == "a new name" else {"other": count}), here
        lane.assert_nothing_left()
        return 1

    run_cases(lanes, work, ["kill %d" % n for n in thin(range(1, steps + 1), ALL if SOAK else 10)], one,
              record_property)
    assert max(arrived) > lanes[0].expected["box"] - 4, "it was never killed behind an APPEND"


@pytest.mark.parametrize("how", ["moved", "renamed", "changed names"])
def test_upload_is_moved_there_before_it_is_settled(lanes, record_property, how):
    """The program is killed, and another client moves what was sent, or gives its mailbox another name: it is not sent
    once more."""
    work = Work("push_to_box", push_to_box)
    steps, *_ = lanes[0].steps(work)
    arrived = []

    def one(lane, case):
        lane.disturbed(case)
        lane.wait_until_quiet()
        uids = lane.there.uids("box")
        arrived.append(len(uids))
        if how == "moved":
            lane.there.move("box", uids, "other")
        else:
            lane.there.rename("box", "new")
        if how == "changed names":
            lane.there.rename("other", "box")
            lane.there.rename("new", "other")
        for _ in range(2):
            lane.sync("--approve")
        lane.assert_same()
        lane.assert_noop()
        bodies = [message.body for messages in lane.here.all().values() for message in messages]
        assert len(bodies) == len(set(bodies)) == sum(lane.expected.values())
        lane.assert_nothing_left()
        return 1

    run_cases(lanes, work, ["kill %d" % n for n in thin(range(1, steps + 1), ALL if SOAK else 8)], one,
              record_property)
    assert max(arrived) > lanes[0].expected["box"] - 4, "it was never killed behind an APPEND"


def two_boxes(world):
    for name in ("box", "other"):
        world.there.create(name)
        fill(world, 2, name)
    world.sync()
    fill(world, 4, "box")
    return {"box": 6, "other": 2}


@pytest.mark.parametrize("target", ["another folder", "another folder and base", "a folder that is not asked for", "a new name"])
def test_download_is_moved_before_it_is_settled(lanes, record_property, target):
    """The program is killed, and a mail reader takes what came of it elsewhere: there is no second one of it."""
    folder = target != "a new name"
    work = Work("two_boxes", two_boxes)
    steps, *_ = lanes[0].steps(work)
    moved = []

    def one(lane, case):
        lane.disturbed(case)
        files = lane.here.files("box")
        if folder:
            for number, file in enumerate(files):
                base = "%d.renamed" % number if target.endswith("base") else file.base
                os.rename(file.path, os.path.join(lane.here.folder("other"), "cur", base + ":2,"))
        else:
            os.rename(lane.here.folder("box"), lane.here.folder("new"))
        if target == "a folder that is not asked for":
            lane.sync("--approve", "acc/box", expect=None)
        for _ in range(2):
            lane.sync("--approve", expect=None)
        lane.assert_same()
        lane.assert_noop()
        here = lane.here.all()
        found = {name: len(messages) for name, messages in here.items() if messages}
        bodies = [message.body for messages in here.values() for message in messages]
        assert len(bodies) == len(set(bodies)) == 8, found
        if folder:
            assert found["other"] == 2 + len(files), found
        lane.assert_nothing_left()
        moved.append(len(files))
        return 1

    run_cases(lanes, work, ["kill %d" % n for n in thin(range(1, steps + 1), ALL if SOAK else 15)], one,
              record_property)
    assert max(moved) > 2


def move_there(world):
    """From INBOX to box."""
    for name in ("box", "other"):
        world.there.create(name)
    fill(world, 4)
    world.sync()
    world.there.move("INBOX", world.there.uids("INBOX"), "box")
    return {"INBOX": 0, "box": 4, "other": 0}


@pytest.mark.parametrize("target", ["another folder", "another folder and base", "back", "one asked for alone"])
def test_move_is_moved_on_before_it_is_settled(lanes, record_property, target):
    """The program is killed, and a mail reader takes on what it has moved: there is no second one of it, and none less."""
    work = Work("move_there", move_there)
    steps, *_ = lanes[0].steps(work)
    moved = []

    def one(lane, case):
        lane.disturbed(case)
        files = lane.here.files("box")
        for number, file in enumerate(files):
            other_base = target.endswith("base") or target.startswith("one") and number % 2
            base = "%d.renamed" % number if other_base else file.base
            folder = lane.here.folder("INBOX" if target == "back" else "other")
            os.rename(file.path, os.path.join(folder, "cur", base + ":2,"))
        if target.startswith("one"):
            lane.sync("acc/other", expect=None)
        for _ in range(2):
            lane.sync("--approve")
        lane.assert_same()
        lane.assert_noop()
        found = {name: len(messages) for name, messages in lane.here.all().items() if messages}
        if target == "back":  # as if it had not been moved yet, or it was settled already
            assert sum(found.values()) == 4, found
        else:
            assert found == {name: n for name, n in {"box": 4 - len(files), "other": len(files)}.items() if n}, found
        lane.assert_nothing_left()
        moved.append(len(files))
        return 1

    run_cases(lanes, work, ["kill %d" % n for n in thin(range(1, steps + 1), ALL if SOAK else 8)], one,
              record_property)
    assert max(moved) > 2


def news_and_deletions(world):
    """On both sides; what is what stands in world.bodies."""
    old, new = fill(world, 6), [compose() for _ in range(4)]
    world.sync()
    for body in old[:2]:
        world.there.expunge("INBOX", world.there.find("INBOX", body))
    for body in old[2:4]:
        world.here.remove(world.here.find("INBOX", body))
    for body in new[:2]:
        world.there.append("INBOX", body)
    for body in new[2:]:
        world.here.deliver("INBOX", body)
    world.bodies = [[wire(body) for body in some] for some in (old[:2], old[2:4], new)]
    return {"INBOX": 6}


def test_deletions_come_last(lanes, record_property):
    """Wherever the program is killed: if anything was deleted, everything new is on both sides already."""
    work = Work("news_and_deletions", news_and_deletions)
    steps, *_ = lanes[0].steps(work)
    deleted = []

    def one(lane, case):
        lane.disturbed(case)
        lane.wait_until_quiet()
        there = {message.body for message in lane.there.messages("INBOX").values()}
        here = {message.body for message in lane.here.messages("INBOX")}
        to_go_here, to_go_there, new = lane.bodies
        if not (here.issuperset(to_go_here) and there.issuperset(to_go_there)):
            deleted.append(case)
            assert here.issuperset(new) and there.issuperset(new), "something was deleted first"
        lane.assert_recovers()
        return 1

    run_cases(lanes, work, ["kill %d" % n for n in range(1, steps + 1)], one, record_property)
    assert deleted, "it was never killed between a deletion and the end"

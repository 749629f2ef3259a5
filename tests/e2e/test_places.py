"""Mailboxes that changed places: here, by mv of their folders, or on the server, by RENAME. Every message follows, is
there once, and is copied neither up nor down.
"""
import os
import time

import pytest

from lanes import replace
from mail import SEEN, compose
from meddler import Meddler
from work import turn


SIDES = [pytest.param("here", "there", id="here"), pytest.param("there", "here", id="there")]  # that changes; that follows


@pytest.fixture
def filled(make_world):
    """filled(names, count, ...): a world in which each of NAMES holds COUNT messages on both sides."""
    def fill(*names, count=4, **how):
        world = make_world(**how)
        for name in names:
            world.there.create(name)
            world.there.append_many(name, [(compose("%s %d" % (name, n)), [SEEN] if n % 2 else [], 1500000000 + n)
                                           for n in range(count)])
        world.sync_same()
        return world

    return fill


def turn_there(world, *names):
    world.there.rename(names[-1], "aside")
    for name, target in reversed(list(zip(names, names[1:]))):
        world.there.rename(name, target)
    world.there.rename("aside", names[0])


def subjects(world):
    """{mailbox: sorted subjects} on the server."""
    return {name: sorted(m.body.partition(b"Subject: ")[2].splitlines()[0].decode() for m in messages.values())
            for name, messages in world.there.all().items() if messages}


def assert_turned(world, before, *circles):
    """As before, but for the mailboxes of CIRCLES, which turned; and both sides agree."""
    expected = dict(before)
    for names in circles:
        for name, target in zip(names, names[1:] + names[:1]):
            expected[target] = before[name]
    assert subjects(world) == expected
    world.assert_same()
    world.assert_noop()


def assert_moved(run, **counts):
    summary = run.summary()
    for name in ("fetched", "appended", "failed", "deleted_here", "deleted_there"):
        counts.setdefault(name, 0)
    for name, count in counts.items():
        assert summary[name] == count, (name, run)


@pytest.mark.parametrize("layout, names", [("nested", ("A", "B", "C")), ("maildir++", ("A", "B")), ("nested", ("A/x", "B/x"))],
                         ids=lambda value: " ".join(value) if isinstance(value, tuple) else value)
def test_turned_here(filled, layout, names):
    """In a nested layout with what is below them."""
    world = filled("A", "B", "C", "A/x", "B/x", "C/x", layout=layout)
    before = subjects(world)
    turn(world, *names)
    with Meddler(world) as meddler:
        assert_moved(world.sync("--json"))
        assert meddler.bodies == 0 and "APPEND" not in meddler.verbs and "CREATE" not in meddler.verbs
    below = [tuple(name + "/x" for name in names)] if layout == "nested" and "A" in names else []
    assert_turned(world, before, names, *below)


def test_inbox_turned_here(filled):
    """More than the guard lets go without a word."""
    world = filled("INBOX", "A", count=30)
    before = subjects(world)
    turn(world, "INBOX", "A")
    assert_moved(world.sync("--json"), moved_there=60)
    assert_turned(world, before, ("INBOX", "A"))


def test_turned_here_while_both_sides_change(filled):
    """What is deleted is deleted, and what comes stays where it came."""
    world = filled("A", "B", count=6)
    before = subjects(world)
    for name in ("A", "B"):
        world.there.append(name, compose("%s there" % name))
    turn(world, "A", "B")
    for name in ("A", "B"):
        world.here.deliver(name, compose("%s here" % name), "S")
        world.here.remove(world.here.files(name)[0])
    world.here.flag(world.here.files("A")[1], "FS")
    assert_moved(world.sync("--json"), moved_there=10, deleted_there=2, fetched=2, appended=2)
    world.assert_same()
    world.assert_noop()
    after = subjects(world)
    for name, other in (("A", "B"), ("B", "A")):
        assert {"%s here" % name, "%s there" % name} <= set(after[name])
        assert len(set(after[name]) & set(before[other])) == 5


def test_turned_here_with_twins(filled):
    world = filled("A", "B")
    twin = compose("twin")
    for name, count in (("A", 1), ("B", 2)):
        world.there.append_many(name, [(twin, [SEEN], 1500000000)] * count)
    world.sync_same()
    before = subjects(world)
    turn(world, "A", "B")
    assert_moved(world.sync("--json"))
    assert_turned(world, before, ("A", "B"))


@pytest.mark.parametrize("side, other", SIDES)
def test_last_one_of_a_row_has_a_new_name(filled, side, other):
    world = filled("A", "B")
    before = subjects(world)
    for name, target in (("A", "C"), ("B", "A")):
        if side == "here":
            os.rename(world.here.folder(name), world.here.folder(target))
        else:
            world.there.rename(name, target)
    assert_moved(world.sync("--json"), **{"moved_" + other: 8, "boxes_made_" + other: 1, "boxes_deleted_" + other: 1})
    assert subjects(world) == {"A": before["B"], "C": before["A"]}
    world.assert_same()
    world.assert_noop()


@pytest.mark.parametrize("quirks", [["-UIDPLUS", "-CONDSTORE", "-QRESYNC"], ["-MOVE", "-UIDPLUS"]], ids="+".join)
def test_turned_here_on_lesser_servers(filled, quirks):
    world = filled("A", "B")
    before = subjects(world)
    world.settings["server"]["quirks"] = quirks
    turn(world, "A", "B")
    assert_moved(world.sync("--json"))
    world.sync()
    assert_turned(world, before, ("A", "B"))


@pytest.mark.parametrize("side, words", [("here", "moved here"), ("there", "moved on the server")], ids=["here", "there"])
def test_turned_is_planned(filled, side, words):
    world = filled("A", "B")
    (turn if side == "here" else turn_there)(world, "A", "B")
    before = world.there.snapshot(), world.here.snapshot()
    plan = world.run("plan").out
    assert (world.there.snapshot(), world.here.snapshot()) == before
    assert plan.count(words + " from A") == plan.count(words + " from B") == 4, plan
    assert "new " not in plan and "deleted" not in plan, plan


def test_one_of_two_is_left_alone(filled):
    """A pass over one of the mailboxes can't move anything between them."""
    world = filled("A", "B")
    before = subjects(world)
    turn(world, "A", "B")
    run = world.sync("acc/A", expect=1)
    assert "its folder stands in the place of B now" in run.err, run
    assert subjects(world) == before
    assert_moved(world.sync("--json"), moved_there=8)
    assert_turned(world, before, ("A", "B"))


@pytest.mark.parametrize("sync", [{"direction": "push"}, {"deletes": "none"}], ids=lambda sync: " ".join(sync.values()))
def test_turned_here_under_a_policy(filled, sync):
    """Nothing is fetched a second time, and nothing lost; what the policy keeps stays there."""
    world = filled("A", "B")
    before, here = subjects(world), {name: len(found) for name, found in world.here.all().items()}
    world.settings["sync"].update(sync)
    turn(world, "A", "B")
    summary = world.sync("--json").summary()
    assert summary["fetched"] == summary["deleted_here"] == summary["deleted_there"] == 0, summary
    assert {name: len(found) for name, found in world.here.all().items()} == here
    both = sorted(before["A"] + before["B"])
    assert subjects(world) == {"push": {"A": before["B"], "B": before["A"]}, "none": {"A": both, "B": both}}[list(sync.values())[0]]
    world.assert_noop()


def test_turned_here_since_they_were_skipped(filled):
    world = filled("A", "B")
    before = subjects(world)
    time.sleep(2.1)  # their times are old enough to be trusted
    world.sync()
    assert world.sync("--json").summary()["boxes_skipped"] == 3
    turn(world, "A", "B")
    assert_moved(world.sync("--json"), moved_there=8)
    assert_turned(world, before, ("A", "B"))


def test_made_again_beside_its_old_folder(filled):
    """`mv A C`, and an empty A: that may be somebody who wants all of A once more. Nothing is moved or deleted."""
    world = filled("A")
    before = subjects(world)
    os.rename(world.here.folder("A"), world.here.folder("C"))
    world.here.create("A")
    assert_moved(world.sync("--json"), fetched=4, appended=4)
    assert subjects(world) == {"A": before["A"], "C": before["A"]}


# on the server


@pytest.mark.parametrize("quirks, names", [([], ("A", "B", "C")), (["-OBJECTID"], ("A", "B"))], ids=["OBJECTID", "without"])
def test_turned_there(filled, quirks, names):
    """What is below goes along, in the empty folder of which the state knows nothing, too."""
    world = filled("A", "B", "C", "A/x", "B/x", "C/x")
    world.settings["server"]["quirks"] = quirks
    before = subjects(world)
    turn_there(world, *names)
    with Meddler(world) as meddler:
        assert_moved(world.sync("--json"), moved_here=8 * len(names))
        assert meddler.bodies == 0 and "APPEND" not in meddler.verbs
    assert_turned(world, before, names, [name + "/x" for name in names])


def test_turned_there_with_one_that_is_empty(filled):
    world = filled("A")
    world.there.create("B")
    world.sync_same()
    before = {"B": [], **subjects(world)}
    turn_there(world, "A", "B")
    assert_moved(world.sync("--json"), moved_here=4)
    assert subjects(world) == {"B": before["A"]}
    world.assert_same()
    world.assert_noop()


def test_turned_on_both_sides(filled):
    world = filled("A", "B")
    before = subjects(world)
    turn(world, "A", "B")
    turn_there(world, "A", "B")
    assert_moved(world.sync("--json"))
    assert_turned(world, before, ("A", "B"))


def test_turned_there_while_both_sides_change(filled):
    """Nothing is deleted in a pass that compares: what was deleted here comes back."""
    world = filled("A", "B", count=6)
    turn_there(world, "A", "B")
    for name in ("A", "B"):
        world.there.append(name, compose("%s there" % name))
        world.here.deliver(name, compose("%s here" % name), "S")
    world.there.store("A", world.there.uids("A")[3:4], "+FLAGS", ["\\Flagged"])
    world.here.flag(world.here.files("A")[1], "FRS")
    world.here.remove(world.here.files("B")[0])
    assert_moved(world.sync("--json"), moved_here=11, fetched=3, appended=2, flags_here=1, flags_there=1)
    world.assert_same()
    world.assert_noop()
    after = subjects(world)
    for name, other in (("A", "B"), ("B", "A")):
        assert after[name] == sorted(["%s here" % name, "%s there" % name] + ["%s %d" % (other, n) for n in range(6)])


def test_turned_there_and_files_were_given_other_names(filled):
    """Another BASE, as some mail readers give: they follow all the same; what is new beside them is sent. Of the twins
    nobody can tell which is which: each is paired where it is.
    """
    world = filled("A", "B")
    twin = compose("twin")
    for name in ("A", "B"):
        world.there.append(name, twin, [], 1500000000)
    world.sync_same()
    before = subjects(world)
    turn_there(world, "A", "B")
    for name in ("A", "B"):
        for number, file in enumerate(world.here.files(name)[1:]):
            os.rename(file.path, os.path.join(world.here.folder(name), "cur", "%s.%d:2,%s" % (name, number, file.letters)))
    world.here.deliver("A", compose("here"), "S")
    assert_moved(world.sync("--json"), moved_here=8, appended=1)
    before["B"] = sorted(before["B"] + ["here"])
    assert_turned(world, before, ("A", "B"))


def test_turned_there_and_an_older_state_is_put_back(filled):
    """It has not seen that the files followed, and knows them by other names: nothing follows twice."""
    world = filled("A", "B")
    twin = compose("twin")
    world.there.append("A", twin, [], 1500000000)
    world.sync_same()
    replace(world.state, world.state + ".old")
    turn_there(world, "A", "B")
    world.sync_same()
    world.there.copy("B", world.there.find("B", twin), "A")
    world.sync_same()
    for name in ("A", "B"):
        for number, file in enumerate(world.here.files(name)):
            os.rename(file.path, os.path.join(world.here.folder(name), "cur", "%s.%d:2,%s" % (name, number, file.letters)))
    world.sync_same()
    before = subjects(world)
    replace(world.state + ".old", world.state)
    assert_moved(world.sync("--json"), moved_here=0)
    assert_turned(world, before)


def test_turned_there_with_equal_names_of_files(filled):
    world = filled("A", "B")
    world.here.deliver("A", compose("A twin"), "S", base="twin")
    world.here.deliver("B", compose("B twin"), "S", base="twin")
    world.sync_same()
    before = subjects(world)
    turn_there(world, "A", "B")
    assert_moved(world.sync("--json"), moved_here=10)
    assert_turned(world, before, ("A", "B"))


def test_one_of_two_there_is_left_alone(filled):
    world = filled("A", "B")
    before = subjects(world)
    turn_there(world, "A", "B")
    run = world.sync("acc/A", expect=1)
    assert "changed places on the server" in run.err, run
    assert_moved(world.sync("--json"), moved_here=8)
    assert_turned(world, before, ("A", "B"))


def test_one_of_two_there_can_not_be_selected(filled, bender):
    world = filled("A", "B")
    before = subjects(world)
    turn_there(world, "A", "B")
    bender.behind(world)
    bender.deny('SELECT "B"', "NO no")
    bender.deny("SELECT B", "NO no")
    here = world.here.snapshot()
    assert "changed places on the server" in world.sync(expect=1).err
    assert world.here.snapshot() == here
    bender.on_command.clear()
    assert_moved(world.sync("--json"), moved_here=8)
    assert_turned(world, before, ("A", "B"))

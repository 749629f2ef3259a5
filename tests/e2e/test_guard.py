"""What the guard says, in words and in JSON, what `plan` says about it, and what it lets through."""
import os
import shutil

import pytest

from mail import SEEN, compose

BOXES = ("INBOX", "it's here", "two")


@pytest.fixture
def world(make_world):
    world = make_world()
    for name in BOXES:
        if name != "INBOX":
            world.there.create(name)
        world.there.append_many(name, [(compose(), [SEEN], 1000 + n) for n in range(40)])
    world.sync_same()
    return world


def lose_here(world, name, count):
    for file in world.here.files(name)[:count]:
        world.here.remove(file)


def lose_there(world, name, count):
    world.there.expunge(name, world.there.uids(name)[:count])


def refusals(run):
    return [(o["mailbox"], o["side"], o["deletions"], o["messages"]) for o in run.json() if o["event"] == "refused"]


def test_both_sides_of_several_mailboxes(world):
    """Each is judged by itself; the rest is in sync, other accounts too."""
    lose_here(world, "it's here", 30)
    lose_there(world, "two", 35)
    lose_here(world, "INBOX", 5)
    world.there.append("two", compose())
    expected = [("it's here", "there", 30, 40), ("two", "here", 35, 40)]
    plan = world.run("plan", "--json", expect=65)
    assert sorted(refusals(plan)) == expected, plan
    planned = [o for o in plan.json() if o.get("operation")]
    assert {(o["mailbox"], o["operation"]) for o in planned} == {("INBOX", "delete there"), ("two", "fetch")}, plan
    run = world.sync("--json", expect=65)
    expected[1] = ("two", "here", 35, 41)  # the new one is here by now
    assert sorted(refusals(run)) == expected and run.summary()["refused"] == 65, run
    assert "30 of 40 messages would be deleted on the server" in run.err, run
    assert "`godwit sync --approve 'acc/it'\\''s here'`" in run.err and "`godwit sync --approve acc/two`" in run.err, run
    assert {n: len(m) for n, m in world.there.all().items()} == {"INBOX": 35, "it's here": 40, "two": 6}
    assert {n: len(m) for n, m in world.here.all().items()} == {"INBOX": 35, "it's here": 10, "two": 41}
    # one of both is let through, and nothing but that
    run = world.sync("--approve", "acc/two")
    assert {n: len(m) for n, m in world.there.all().items()} == {"INBOX": 35, "it's here": 40, "two": 6}
    assert len(world.here.messages("two")) == 6
    assert refusals(world.sync("--json", expect=65)) == expected[:1]
    world.sync("--approve", "acc/it's here")
    world.assert_same()
    world.assert_noop()


def test_account_as_a_whole(make_world):
    world = make_world()
    names = ["box%d" % number for number in range(8)]
    for name in names:
        world.there.create(name)
        world.there.append_many(name, [(compose(), [], 1000) for _ in range(5)])
    world.sync()
    for name in names:
        lose_here(world, name, 4)
    run = world.sync("--json", expect=65)
    assert refusals(run) == [("", "there", 32, 40)], run
    assert "box0 4, box1 4" in run.err and "and 3 more" in run.err and "--approve acc`" in run.err, run
    world.sync("--approve")
    world.assert_same()


def test_other_accounts_go_on(world, make_world):
    other = make_world(account="other")
    other.there.append("INBOX", compose())
    world.neighbours.append(other)
    lose_here(world, "two", 30)
    world.sync(expect=65)
    assert len(other.here.messages("INBOX")) == 1


def test_moved_is_not_deleted(world):
    """All messages of a mailbox go to another one: nothing for the guard, there or here."""
    for file in world.here.files("two"):
        os.rename(file.path, file.path.replace("/two/", "/INBOX/"))
    world.sync_same()
    assert len(world.there.messages("INBOX")) == 80


@pytest.mark.parametrize("what", ["folder", "mailbox"])
def test_mailbox_that_went_as_a_whole(world, what):
    if what == "folder":
        shutil.rmtree(world.here.folder("two"))
    else:
        world.there.delete("two")
    run = world.sync("--json", expect=65)
    assert refusals(run) == [("two", "there" if what == "folder" else "here", 40, 40)]
    world.sync("--approve")
    world.assert_same()
    assert "two" not in world.here.mailboxes()


# windows


@pytest.fixture
def window(make_world):
    """A server that names nothing as gone: messages of ten years, one every month or so."""
    world = make_world()
    world.settings["server"]["quirks"] = ["-QRESYNC"]
    world.there.append_many("INBOX", [(compose(), [SEEN], 1300000000 + 30 * 86400 * n) for n in range(120)])
    world.sync_same()
    return world


def test_window_that_closes(window):
    """The oldest of years are not shown any more."""
    lose_there(window, "INBOX", 33)
    for _ in range(2):
        run = window.sync(expect=65)
        assert "a window of the newest" in run.err, run
        assert len(window.here.messages("INBOX")) == 120
    window.sync("--approve")
    window.assert_same()
    # who approved it once is not asked again for this mailbox
    lose_there(window, "INBOX", 30)
    window.sync_same()


def test_window_that_slides(window):
    """For each message that comes the oldest one goes."""
    for _ in range(2):
        window.there.append_many("INBOX", [(compose(), [SEEN], 1700000000) for _ in range(4)])
        lose_there(window, "INBOX", 4)
        run = window.sync(expect=65)
        assert "a window of the newest" in run.err, run
    assert len(window.here.messages("INBOX")) == 128


def test_mail_that_expires_is_no_window(window):
    """Day by day, and what came between two passes."""
    for _ in range(3):
        lose_there(window, "INBOX", 2)
        window.there.append("INBOX", compose(), [SEEN])
        window.sync_same()

"""What the configuration says of whole mailboxes changes between two passes, or a mailbox goes and another one comes:
what is known of the former ones is no reason to delete anything of those that there are now.
"""
import os
import shutil

import pytest

from mail import SEEN, compose
from maildirside import MaildirSide

BOXES = ("INBOX", "box", "box/below")


def filled(world, count=3):
    for name in BOXES[1:]:
        world.there.create(name)
    for name in BOXES:
        world.there.append_many(name, [(compose(), [SEEN], 1000 + n) for n in range(count)])
    world.sync_same()


@pytest.mark.parametrize("former, layout", [("nested", "maildir++"), ("maildir++", "nested")])
def test_another_layout(make_world, former, layout):
    """No folder is where it was, and none of them was deleted."""
    world = make_world(layout=former)
    filled(world)
    before, folders = world.there.snapshot(), world.here.snapshot()
    world.settings["local"]["layout"] = layout
    plan = world.run("plan", "--json").json()
    assert {o["operation"] for o in plan if o.get("operation")} == {"fetch"}
    run = world.sync()
    assert "was last synced with another local.layout" in run.err, run
    assert world.there.snapshot() == before
    assert world.here.snapshot().items() >= folders.items()
    world.here = MaildirSide(world.here.root, layout)
    world.assert_same()
    world.assert_noop()
    world.there.expunge("box", world.there.uids("box")[0])
    world.sync_same()


def test_undo_with_another_layout(make_world):
    """What was kept goes to a folder that is a mailbox, or stays where it is."""
    world = make_world()
    filled(world)
    world.there.expunge("box", world.there.uids("box")[0])
    world.sync()
    kept = world.run("log", "--json").json()
    world.settings["local"]["layout"] = "maildir++"
    assert "another local.layout" in world.run("undo", "acc", expect=65).err
    assert world.run("log", "--json").json() == kept
    world.settings["local"]["layout"] = "nested"
    world.run("undo", "acc")
    world.sync_same()
    assert len(world.there.messages("box")) == 3


@pytest.mark.parametrize("side", ["here", "there"])
def test_taken_away_removed_and_chosen_again(world, side):
    """Whoever leaves a mailbox out may well remove it on one side."""
    filled(world)
    world.settings["mailboxes"] = ["*", "!box"]
    world.sync()
    if side == "here":
        for part in ("cur", "new", "tmp"):
            shutil.rmtree(os.path.join(world.here.folder("box"), part))
    else:
        world.there.delete("box")
    world.sync()
    world.settings["mailboxes"] = ["*"]
    world.sync_same()
    assert len(world.there.messages("box")) == len(world.here.messages("box")) == 3


def test_approval_goes_with_its_mailbox(make_world):
    """That the oldest of years may go from a mailbox was not said of the one that is made after it."""
    world = make_world()
    world.settings["server"]["quirks"] = ["-QRESYNC"]
    world.there.append("INBOX", compose())
    for name in ("first", "second"):
        world.there.create(name)
        world.there.append_many(name, [(compose(), [SEEN], 1300000000 + 30 * 86400 * n) for n in range(120)])
        world.sync_same()
        world.there.expunge(name, world.there.uids(name)[:33])
        assert "a window of the newest" in world.sync(expect=65).err
        assert len(world.here.messages(name)) == 120
        world.sync("--approve")
        world.there.delete(name)
        world.sync("--approve")
        world.assert_same()

"""Moves between mailboxes, and mailboxes that one side deleted or renamed: what is known by its content follows, and
nothing is copied a second time.
"""
import os
import re
import shutil

import pytest

from mail import compose
from meddler import Meddler

# Courier has no MOVE: COPY, and what that leaves behind goes. Dovecot without MOVE says the same, and sooner.
SERVERS = ("dovecot", "cyrus") + (("courier",) if os.environ.get("GODWIT_SOAK") else ())

SEEN, FLAGGED = "\\Seen", "\\Flagged"


@pytest.fixture
def filled(world):
    """INBOX and box on both sides."""
    world.bodies = [compose() for _ in range(6)]
    world.there.create("box")
    for i, body in enumerate(world.bodies):
        world.there.append("INBOX", body, [SEEN] if i % 2 else [], 1600000000 + i)
    world.there.append("box", compose(), [FLAGGED])
    world.sync_same()
    return world


def moved(world, *args, **counts):
    """A pass that does this and copies nothing, after which both sides are the same."""
    summary = world.sync("--json", *args).summary()
    for name in ("fetched", "appended", "failed", "deleted_here", "deleted_there"):
        counts.setdefault(name, 0)
    for name, count in counts.items():
        assert summary[name] == count, (name, summary)
    world.assert_same()
    world.assert_noop()


def move_file(world, file, mailbox, base=None):
    """As a mail reader does it: to cur/ of another folder."""
    name = os.path.basename(file.path)
    if base:
        name = base + name[name.index(":"):] if ":" in name else base
    target = os.path.join(world.here.folder(mailbox), "cur", name)
    os.rename(file.path, target)
    return target


def test_moved_on_the_server(filled):
    world = filled
    uids = [world.there.find("INBOX", body)[0] for body in world.bodies[:3]]
    world.there.move("INBOX", uids, "box")
    moved(world, moved_here=3)
    assert len(world.here.messages("box")) == 4


def test_keywords_get_the_letters_of_the_new_folder(filled):
    world = filled
    uid = world.there.find("INBOX", world.bodies[0])
    world.there.store("INBOX", uid, "+FLAGS", ["first", "second"])
    world.there.store("box", world.there.uids("box"), "+FLAGS", ["other", "second"])
    world.sync_same()
    world.there.move("INBOX", uid, "box")
    moved(world, moved_here=1)


def test_moved_and_flagged_on_the_server(filled):
    world = filled
    world.there.store("INBOX", world.there.find("INBOX", world.bodies[1]), "-FLAGS", [SEEN])
    world.there.store("INBOX", world.there.find("INBOX", world.bodies[1]), "+FLAGS", [FLAGGED])
    world.there.move("INBOX", world.there.find("INBOX", world.bodies[1]), "box")
    moved(world, moved_here=1, flags_here=1)


def test_moved_there_and_flagged_here(filled):
    world = filled
    world.there.move("INBOX", world.there.find("INBOX", world.bodies[1]), "box")
    world.here.flag(world.here.find("INBOX", world.bodies[1]), "FS")
    moved(world, moved_here=1, flags_there=1)


@pytest.mark.parametrize("base", [None, "another.name"])
def test_moved_here(filled, base):
    world = filled
    for i, body in enumerate(world.bodies[:3]):
        move_file(world, world.here.find("INBOX", body), "box", base and base + str(i))
    before = world.there.uids("INBOX")
    moved(world, moved_there=3)
    assert len(world.there.uids("INBOX")) == len(before) - 3 and len(world.there.uids("box")) == 4


def test_moved_here_with_other_flags(filled):
    world = filled
    target = move_file(world, world.here.find("INBOX", world.bodies[1]), "box")
    os.rename(target, target.partition(":")[0] + ":2,FRS")
    moved(world, moved_there=1, flags_there=1)


def keywords_of(world, mailbox, body):
    there = world.there.messages(mailbox)[world.there.find(mailbox, body)[0]].flags
    assert there == world.here.find(mailbox, body).flags
    return there - {SEEN}


def test_moved_here_to_a_folder_without_the_letter(filled):
    """The file's name can't tell whether the keyword was meant to go: it stays. Also when the letter comes later."""
    world, bodies = filled, filled.bodies
    for body in bodies[:2]:
        world.there.store("INBOX", world.there.find("INBOX", body), "+FLAGS", ["word"])
    world.sync()
    for body in bodies[:2]:
        file = world.here.find("INBOX", body)
        os.rename(file.path, os.path.join(world.here.folder("box"), "cur", file.base + ":2,"))
    world.sync_same()
    assert [keywords_of(world, "box", body) for body in bodies[:2]] == [{"word"}, {"word"}]


@pytest.mark.parametrize("side", ["here", "there"])
@pytest.mark.parametrize("known", [True, False], ids=["letter", "no letter"])
def test_moved_out_of_a_folder_without_a_free_letter(filled, side, known):
    """The keyword gets its letter in the new folder."""
    world, body = filled, filled.bodies[0]
    world.here.write_letters("INBOX", ["other%d" % n for n in range(26)])
    if known:
        world.here.write_letters("box", ["first", "word"])
    uid = world.there.find("INBOX", body)
    world.there.store("INBOX", uid, "+FLAGS", ["word"])
    world.sync()
    file = world.here.find("INBOX", body)
    assert file.letters == ""
    if side == "there":
        world.there.move("INBOX", uid, "box")
    else:
        move_file(world, file, "box")
    world.sync_same()
    assert keywords_of(world, "box", body) == {"word"}


@pytest.mark.parametrize("quirks", [["-MOVE"], ["-MOVE", "-UIDPLUS"], ["-UIDPLUS"]], ids="+".join)
def test_moved_here_on_lesser_servers(filled, quirks):
    world = filled
    world.settings["server"]["quirks"] = quirks
    for body in world.bodies[:2]:
        move_file(world, world.here.find("INBOX", body), "box")
    summary = world.sync("--json").summary()
    assert summary["appended"] == 0 and summary["fetched"] == 0, summary
    world.sync()
    world.assert_same()
    world.assert_noop()


def test_copied_here_is_no_move(filled):
    world = filled
    file = world.here.find("INBOX", world.bodies[1])
    shutil.copy2(file.path, os.path.join(world.here.folder("box"), "cur", os.path.basename(file.path)))
    world.here.remove(world.here.find("INBOX", world.bodies[2]))
    moved(world, appended=1, deleted_there=1)


def test_new_on_the_server_and_another_gone(filled):
    world = filled
    world.there.expunge("INBOX", world.there.find("INBOX", world.bodies[0]))
    world.there.append("box", compose())
    moved(world, fetched=1, deleted_here=1)


def test_moved_to_two_places(filled):
    """Both stay."""
    world = filled
    for name in ("here", "there"):
        world.there.create(name)
    world.sync_same()
    world.there.move("INBOX", world.there.find("INBOX", world.bodies[3]), "there")
    move_file(world, world.here.find("INBOX", world.bodies[3]), "here")
    moved(world, fetched=1, appended=1)
    assert len(world.there.messages("here")) == len(world.there.messages("there")) == 1


def test_moved_alike_on_both_sides(filled):
    world = filled
    world.there.move("INBOX", world.there.find("INBOX", world.bodies[3]), "box")
    move_file(world, world.here.find("INBOX", world.bodies[3]), "box")
    moved(world, adopted=1)


def test_moved_there_and_deleted_here(filled):
    """The message is not gone, so it comes back."""
    world = filled
    world.there.move("INBOX", world.there.find("INBOX", world.bodies[3]), "box")
    world.here.remove(world.here.find("INBOX", world.bodies[3]))
    moved(world, fetched=1)


def test_twins_stay_twins(filled):
    world = filled
    twin = compose()
    for _ in range(3):
        world.there.append("INBOX", twin, [], 1500000000)
    world.sync_same()
    world.there.move("INBOX", world.there.find("INBOX", twin)[:2], "box")
    moved(world, moved_here=2)
    move_file(world, world.here.find("INBOX", twin), "box")
    moved(world, moved_there=1)
    assert len(world.there.find("box", twin)) == 3


def test_moving_all_is_no_deletion_for_the_guard(filled):
    world = filled
    for _ in range(30):
        world.there.append("INBOX", compose())
    world.sync_same()
    world.there.move("INBOX", world.there.uids("INBOX"), "box")
    moved(world, moved_here=36)


def test_plan_tells_moves(filled):
    world = filled
    world.there.move("INBOX", world.there.find("INBOX", world.bodies[0]), "box")
    move_file(world, world.here.find("INBOX", world.bodies[1]), "box")
    world.there.expunge("INBOX", world.there.find("INBOX", world.bodies[2]))
    before = world.there.snapshot(), world.here.snapshot()
    plan = world.run("plan").out
    assert (world.there.snapshot(), world.here.snapshot()) == before
    assert "moved on the server from INBOX" in plan and "moved here from INBOX" in plan, plan
    assert plan.count("deleted on the server") == 1 and "new " not in plan, plan
    moved(world, moved_here=1, moved_there=1, deleted_here=1)


def test_no_move_where_the_policy_keeps(filled):
    world = filled
    world.settings["sync"]["deletes"] = "push"
    world.there.move("INBOX", world.there.find("INBOX", world.bodies[0]), "box")
    summary = world.sync("--json").summary()
    assert summary["fetched"] == 1 and summary["moved_here"] == 0
    assert world.here.find("INBOX", world.bodies[0]) and world.here.find("box", world.bodies[0])


# mailboxes

@pytest.mark.parametrize("layout", ["nested", "maildir++"])
def test_renamed_on_the_server(make_world, layout):
    world = make_world(layout=layout)
    for name in ("a", "a/b"):
        world.there.create(name)
        for _ in range(30):
            world.there.append(name, compose(), [SEEN])
    world.sync_same()
    world.there.rename("a", "z")
    moved(world, moved_here=60, boxes_deleted_here=2, boxes_made_here=2)
    assert not os.path.exists(world.here.folder("a"))


def renamed(world, count=30):
    """A mailbox "a" on both sides that is called "z" on the server now."""
    world.there.create("a")
    world.there.append_many("a", [(compose(), [SEEN], 1500000000 + n) for n in range(count)])
    world.sync_same()
    world.there.rename("a", "z")


def test_renamed_there_is_known_by_uids(world):
    """Headers prove it, or, where the server gives mailboxes an identity (OBJECTID), that does."""
    renamed(world)
    with Meddler(world) as meddler:
        moved(world, moved_here=30, boxes_deleted_here=1, boxes_made_here=1)
        assert meddler.bodies == 0 and meddler.headers == (0 if "OBJECTID" in world.there.can else 30)


def test_renamed_there_while_both_sides_change(world):
    """What does not fit is copied and deleted as ever, and nothing is lost."""
    renamed(world)
    uids = world.there.uids("z")
    bodies = {uid: message.body for uid, message in world.there.messages("z").items()}
    world.there.expunge("z", uids[:2])
    world.there.append("z", compose("new there"))
    world.there.store("z", uids[2:4], "+FLAGS", [FLAGGED])
    world.here.deliver("a", compose("new here"), "S")
    world.here.remove(world.here.find("a", bodies[uids[5]].replace(b"\r\n", b"\n")))
    world.here.flag(world.here.find("a", bodies[uids[6]].replace(b"\r\n", b"\n")), "FS")
    run = world.sync("--json", expect=None)
    assert run.summary()["moved_here"] == 27 and run.summary()["deleted_here"] == 2, run
    world.sync(expect=None)
    subjects = [message.body.split(b"\r\n")[0] for name in world.there.mailboxes() if name in ("a", "z")
                for message in world.there.messages(name).values()]
    assert len(subjects) == 30, subjects  # 28 old ones: what was moved there and deleted here stays; and 2 new ones
    world.assert_noop()


def test_equal_uidvalidity_proves_nothing(world):
    """All mailboxes have the same one: only what is equal is the same."""
    with Meddler(world) as meddler:
        meddler.answer = lambda line: re.sub(rb"(UIDVALIDITY|APPENDUID|COPYUID) \d+", rb"\1 7", line)
        world.settings["server"]["quirks"] = ["-OBJECTID"]
        for name in ("a", "b"):
            world.there.create(name)
            world.there.append_many(name, [(compose("%s %02d" % (name, n)), [SEEN], 1500000000 + n) for n in range(10)])
        world.sync_same()
        world.there.delete("a")
        world.there.rename("b", "y")
        world.there.create("z")
        world.there.append_many("z", [(compose("z %02d" % n), [SEEN], 1500000000 + n) for n in range(10)])
        moved(world, moved_here=10, fetched=10, deleted_here=10)


@pytest.mark.soak
@pytest.mark.needs("many")
def test_renamed_there_with_more_than_moves_hold(make_world, dovecot):
    world = make_world()
    renamed(world, 55000)
    moved(world, moved_here=55000, boxes_deleted_here=1, boxes_made_here=1)


@pytest.mark.soak
@pytest.mark.needs("many")
def test_renamed_here_with_more_than_moves_hold(make_world, dovecot):
    world = make_world()
    world.there.create("a")
    world.there.append_many("a", [(compose(), [SEEN], 1500000000 + n) for n in range(55000)])
    world.sync_same()
    os.rename(world.here.folder("a"), world.here.folder("z"))
    run = world.sync("--json")
    assert run.summary()["moved_there"] == 55000 and run.summary()["appended"] == 0, run
    assert run.peak_kib < 64 * 1024
    world.assert_same()
    world.assert_noop()


@pytest.mark.parametrize("layout, quirks", [("nested", []), ("maildir++", []), ("nested", ["-MOVE"])],
                         ids=["nested", "maildir++", "without MOVE"])
def test_renamed_here(make_world, layout, quirks):
    world = make_world(layout=layout)
    world.settings["server"]["quirks"] = quirks
    world.there.create("a")
    for _ in range(30):
        world.there.append("a", compose(), [SEEN])
    world.sync_same()
    os.rename(world.here.folder("a"), world.here.folder("z"))
    moved(world, moved_there=30, boxes_deleted_there=1, boxes_made_there=1)
    assert "a" not in world.there.mailboxes()


def test_deleted_on_the_server(filled):
    world = filled
    world.there.delete("box")
    moved(world, deleted_here=1, boxes_deleted_here=1)
    assert not os.path.exists(world.here.folder("box"))
    world.run("undo", world.account)
    assert len(world.here.messages("box")) == 1
    world.sync_same()
    assert len(world.there.messages("box")) == 1


def test_deleted_here(filled):
    world = filled
    shutil.rmtree(world.here.folder("box"))
    moved(world, deleted_there=1, boxes_deleted_there=1)
    assert "box" not in world.there.mailboxes()


def test_many_messages_need_approval(filled):
    world = filled
    bodies = [compose() for _ in range(30)]
    for body in bodies:
        world.there.append("box", body)
    world.sync_same()
    shutil.rmtree(world.here.folder("box"))
    for _ in range(2):
        assert "--approve" in world.sync(expect=65).err
        assert len(world.there.messages("box")) == 31
    world.sync("--approve")
    world.assert_same()
    assert "box" not in world.there.mailboxes()


def test_deleted_there_while_dovecot_reads_here(filled):
    """What is left of a folder with an index of Dovecot's in it would be made whole by Dovecot, and then here again."""
    world = filled
    for name in ("dovecot-uidlist", "dovecot.index.log", "dovecot.index.cache"):
        with open(os.path.join(world.here.folder("box"), name), "w") as file:
            file.write("x")
    world.there.delete("box")
    world.sync("--approve")
    assert not os.path.exists(world.here.folder("box"))


def test_renamed_here_during_the_pass(filled):
    """No trouble with the disk: that mailbox fails in this pass."""
    world = filled
    world.there.append("box", compose())
    with Meddler(world) as meddler:
        def before(line):
            if b"SELECT" in line and os.path.exists(world.here.folder("box")):
                os.rename(world.here.folder("box"), world.here.folder("renamed"))
            return line

        meddler.command = before
        run = world.sync(expect=1)
    assert "acc/box: another program took its folder away meanwhile; the next pass goes on" in run.err, run
    world.sync("--approve")
    world.sync_same()
    assert "box" in world.here.mailboxes() and "renamed" in world.there.mailboxes()


def test_deleted_here_while_something_came_there(filled):
    world = filled
    shutil.rmtree(world.here.folder("box"))
    body = compose()
    world.there.append("box", body)
    world.sync_same()
    assert len(world.here.messages("box")) == 1 and world.here.find("box", body)


def test_deleted_there_while_something_came_here(filled):
    world = filled
    world.there.delete("box")
    body = compose()
    world.here.deliver("box", body)
    world.sync_same()
    assert len(world.there.messages("box")) == 1 and world.there.find("box", body)


def test_deleted_on_both_sides_and_made_again(filled):
    world = filled
    world.there.delete("box")
    shutil.rmtree(world.here.folder("box"))
    world.sync_same()
    world.there.create("box")
    world.there.append("box", compose())
    world.sync_same()
    assert len(world.here.messages("box")) == 1


def test_deleted_here_and_made_anew_there(filled):
    """Another mailbox of the same name is not the one that was deleted."""
    world = filled
    world.there.delete("box")
    world.there.create("box")
    body = compose()
    world.there.append("box", body)
    shutil.rmtree(world.here.folder("box"))
    world.sync_same()
    assert world.here.find("box", body)


def test_folder_that_is_only_damaged_is_not_gone(filled):
    world = filled
    os.rmdir(os.path.join(world.here.folder("box"), "new"))
    before = world.there.snapshot()
    world.sync(expect=None)
    assert world.there.snapshot() == before


def test_inbox_is_never_deleted(filled):
    world = filled
    shutil.rmtree(world.here.folder("INBOX"))
    before = world.there.snapshot()
    world.sync(expect=None)
    assert world.there.snapshot() == before


def test_left_alone_if_the_policy_says_so(filled):
    world = filled
    world.settings["sync"]["deletes"] = "none"
    world.there.delete("box")
    world.sync(expect=None)
    assert len(world.here.messages("box")) == 1


def test_plan_tells_mailboxes(filled):
    world = filled
    world.there.delete("box")
    before = world.here.snapshot()
    assert "gone on the server: deleted here" in world.run("plan").out
    assert world.here.snapshot() == before

"""Both sides hold the same mail already: it is found to be the same, not copied once more."""
import os
import random
import shutil

import pytest

from mail import ANSWERED, FLAGGED, SEEN, compose
from servers import EVERYWHERE

SERVERS = EVERYWHERE


def fill_both(world, count=50):
    """The same messages on both sides, as another program left them."""
    bodies = [compose() for _ in range(count)]
    for number, body in enumerate(bodies):
        world.there.append("INBOX", body, [SEEN] if number % 2 else [], 1000 + number)
        world.here.deliver("INBOX", body, "S" if number % 2 else None, 1000 + number)
    return bodies


def test_equal_sides_are_adopted(layout_world):
    fill_both(layout_world)
    before = layout_world.there.snapshot()
    summary = layout_world.sync("--json").summary()
    assert (summary["adopted"], summary["fetched"], summary["appended"]) == (50, 0, 0)
    layout_world.assert_same()
    assert layout_world.there.snapshot() == before
    layout_world.assert_noop()


def test_adoption_of_a_part(world):
    fill_both(world)
    for _ in range(10):
        world.there.append("INBOX", compose())
        world.here.deliver("INBOX", compose())
    summary = world.sync("--json").summary()
    assert (summary["adopted"], summary["fetched"], summary["appended"]) == (50, 10, 10)
    world.assert_same()
    world.assert_noop()


@pytest.mark.parametrize("told", [True, False], ids=["with UIDs", "without UIDs"])
def test_own_uploads_are_not_counted_as_paired(world, told):
    world.settings["server"]["quirks"] = [] if told else ["-UIDPLUS"]
    fill_both(world, 5)
    for _ in range(3):
        world.here.deliver("INBOX", compose())
    summary = world.sync("--json").summary()
    assert (summary["adopted"], summary["appended"]) == (5, 3)
    world.assert_noop()


def test_lost_state(layout_world):
    w = layout_world
    fill_both(w)
    w.there.append("INBOX", compose(), [FLAGGED] + ["keyword"] * w.traits.keywords)
    w.sync()
    shutil.rmtree(w.state)
    run = w.sync("--json", expect=None)
    if run.status == 65:  # the Maildir's marker belongs to a state that is gone: ask first
        run = w.sync("--approve", "--json")
    summary = run.summary()
    assert (summary["fetched"], summary["appended"]) == (0, 0), run
    w.assert_same()
    w.assert_noop()


def test_lost_state_deletes_nothing(world):
    uids = [world.there.append("INBOX", compose()) for _ in range(10)]
    world.sync()
    world.there.expunge("INBOX", uids[:3])
    for file in world.here.files("INBOX")[-3:]:
        world.here.remove(file)
    shutil.rmtree(world.state)
    if world.sync(expect=None).status == 65:
        world.sync("--approve")
    world.assert_same()
    assert len(world.here.files("INBOX")) == 10


def test_flags_unite(world):
    body = compose()
    world.there.append("INBOX", body, [SEEN, ANSWERED])
    world.here.deliver("INBOX", body, "FS")
    world.sync_same(dates=False)
    assert world.here.files("INBOX")[0].letters == "FRS"


def test_trashed_on_one_side_only_is_not_carried(world):
    first, second = compose(), compose()
    world.there.append("INBOX", first, [SEEN, "\\Deleted"])
    world.here.deliver("INBOX", first, "S")
    world.there.append("INBOX", second, [SEEN])
    world.here.deliver("INBOX", second, "ST")
    third = compose()
    world.there.append("INBOX", third, [SEEN, "\\Deleted"])
    world.here.deliver("INBOX", third, "ST")
    run = world.sync()
    assert "2 of the messages" in run.err and "marked as deleted on one of them" in run.err
    assert "T" in world.here.find("INBOX", third).letters
    assert len(world.there.messages("INBOX")) == 3 and len(world.here.files("INBOX")) == 3
    world.assert_noop()


def test_twins_pair_one_to_one(world):
    body = compose("twin")
    for number in range(3):
        world.there.append("INBOX", body, [], 1000 + number)
    for number in range(5):
        world.here.deliver("INBOX", body, None, 1000 + number)
    summary = world.sync("--json").summary()
    assert (summary["adopted"], summary["fetched"], summary["appended"]) == (3, 0, 2)
    world.assert_noop()
    assert len(world.there.messages("INBOX")) == 5 and len(world.here.files("INBOX")) == 5


def test_without_message_ids(world):
    for number in range(10):
        body = b"Subject: same header\n\nnumber %d\n" % number
        world.there.append("INBOX", body, [], 1000)
        world.here.deliver("INBOX", body, None, 1000)
    summary = world.sync("--json").summary()
    assert (summary["adopted"], summary["fetched"], summary["appended"]) == (10, 0, 0)
    world.assert_same()
    world.assert_noop()


def test_crlf_files_are_adopted(world):
    body = compose()
    world.there.append("INBOX", body, [SEEN], 1000)
    world.here.deliver("INBOX", body.replace(b"\n", b"\r\n"), "S", 1000)
    summary = world.sync("--json").summary()
    assert (summary["adopted"], summary["fetched"], summary["appended"]) == (1, 0, 0)
    world.assert_same()


def test_missing_final_newline_counts_as_equal(world):
    body = compose(body="text")
    world.there.append("INBOX", body + b"\n", [SEEN], 1000)
    world.here.deliver("INBOX", body, "S", 1000)
    summary = world.sync("--json").summary()
    assert summary["adopted"] == 1 and summary["appended"] == 0
    assert len(world.there.messages("INBOX")) == 1


@pytest.mark.parametrize("changes", [False, True])
def test_new_uidvalidity(world, changes):
    """The mailbox was made anew there, with the same mail under other UIDs: nothing is doubled."""
    bodies = [compose() for _ in range(20)]
    world.there.create("box")
    for number, body in enumerate(bodies):
        world.there.append("box", body, [SEEN], 1000 + number)
    world.sync()
    world.there.delete("box")
    world.there.create("box")
    for number, body in reversed(list(enumerate(bodies))):
        world.there.append("box", body, [SEEN], 1000 + number)
    if changes:
        world.there.append("box", compose())
        world.here.deliver("box", compose())
    summary = world.sync("--json").summary()
    assert (summary["fetched"], summary["appended"]) == ((1, 1) if changes else (0, 0))
    world.assert_same()
    world.assert_noop()


def test_maildir_restored_from_a_backup(world):
    """The Maildir is older than the state: what came since is fetched again, not deleted there."""
    world.there.append_many("INBOX", [(compose(), [SEEN], 1000) for _ in range(10)])
    world.sync()
    backup = world.here.root + ".backup"
    shutil.copytree(world.here.root, backup, symlinks=True)
    world.there.append_many("INBOX", [(compose(), [SEEN], 1000) for _ in range(5)])
    world.sync()
    shutil.rmtree(world.here.root)
    os.rename(backup, world.here.root)
    run = world.sync("--json")
    assert "older than the last sync" in run.err and run.summary()["appended"] == 0, run
    assert len(world.there.messages("INBOX")) == 15
    world.assert_same()
    world.assert_noop()


def hurt_pages(file, size, random):
    file.seek(random.randrange(size // 4096) * 4096)
    file.write(random.randbytes(4096))


def hurt_bytes(file, size, random):
    for _ in range(50):
        file.seek(random.randrange(size - 8))
        file.write(random.randbytes(8))


def truncate(file, size, random):
    file.truncate(random.randrange(size))


def zero(file, size, random):
    file.seek(random.randrange(size // 4096) * 4096)
    file.write(bytes(size - file.tell()))


def replace(file, size, random):
    file.truncate(0)
    file.write(b"not a database\n" * 1000)


def repeat_pages(file, size, random):
    """A page in the place of another one: each is sound by itself."""
    for _ in range(3):
        file.seek(random.randrange(size // 4096) * 4096)
        page = file.read(4096)
        file.seek(random.randrange(2, size // 4096) * 4096)
        file.write(page)


HURTS = [hurt_pages, hurt_bytes, truncate, zero, replace, repeat_pages]


@pytest.mark.parametrize("hurt", HURTS, ids=lambda hurt: hurt.__name__)
def test_state_is_damaged(make_world, hurt):
    """It is moved aside and both sides are compared: nothing is copied, doubled or deleted."""
    world = make_world()
    world.there.create("box")
    for name in ("INBOX", "box"):
        world.there.append_many(name, [(compose(), [SEEN], 1000) for _ in range(60)])
    world.sync()
    path = os.path.join(world.state, "data.mdb")
    with open(path, "rb") as file:
        good = file.read()
    moved = 0
    for seed in range(int(os.environ.get("GODWIT_SEEDS", "12"))):
        with open(path, "r+b") as file:
            hurt(file, len(good), random.Random(seed))
        run = world.sync("--json")
        summary = run.summary()
        assert (summary["fetched"], summary["appended"]) == (0, 0), run
        moved += "compared anew" in run.err
        world.assert_same()
        with open(path, "wb") as file:
            file.write(good)
        shutil.copy(world.here.root + "/.godwit", world.here.root + "/.godwit.new")
        os.rename(world.here.root + "/.godwit.new", world.here.root + "/.godwit")
    assert moved > 0
    kept = [name for name in os.listdir(world.state) if name.startswith("data.mdb.damaged-")]
    assert kept

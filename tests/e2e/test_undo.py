"""What a pass deletes here is kept, listed and brought back; and what past passes did can be read."""
import os
import shutil
import time

import pytest

from mail import compose, wire
from world import CRASHING

SERVERS = ("dovecot", "cyrus", "courier") if os.environ.get("GODWIT_SOAK") else ("dovecot", "courier")


def filled(world, names=("INBOX",), count=4):
    bodies = {}
    for name in names:
        if name != "INBOX":
            world.there.create(name)
        bodies[name] = [compose() for _ in range(count)]
        world.there.append_many(name, [(body, ["\\Seen"] if n % 2 else [], 1000 + n)
                                       for n, body in enumerate(bodies[name])])
    world.sync()
    return bodies


def delete_there(world, name, body):
    world.there.expunge(name, world.there.find(name, body))


def by_body(messages):
    return sorted(messages, key=lambda message: message.body)


def bodies_here(world, name):
    return sorted(m.body for m in world.here.messages(name))


def test_undo_brings_back(layout_world):
    world = layout_world
    bodies = filled(world, ("INBOX", "box", "deep/er"))
    lost = [("INBOX", 0), ("box", 1), ("deep/er", 2), ("deep/er", 3)]
    for name, n in lost:
        delete_there(world, name, bodies[name][n])
    world.sync()
    assert len(bodies_here(world, "deep/er")) == 2
    kept = [o for o in world.run("log", "--json").json() if o["type"] == "kept"]
    assert len(kept) == len(lost)
    done = world.run("undo", world.account, "--json").json()
    assert done[0]["restored"] == len(lost) and done[0]["pass"] == kept[0]["pass"]
    for name in bodies:
        assert bodies_here(world, name) == sorted(wire(b) for b in bodies[name])
    world.sync_same()
    for name in bodies:
        assert sorted(m.body for m in world.there.messages(name).values()) == sorted(wire(b) for b in bodies[name])
    assert not [o for o in world.run("log", "--json").json() if o["type"] == "kept"]


def test_flags_and_dates_survive(world):
    body = filled(world)["INBOX"][1]
    before = [m for m in world.here.messages("INBOX") if m.body == wire(body)]
    delete_there(world, "INBOX", body)
    world.sync()
    world.run("undo", world.account)
    assert [m for m in world.here.messages("INBOX") if m.body == wire(body)] == before


def test_a_pass_by_its_number(world):
    bodies = filled(world)["INBOX"]
    passes = []
    for body in bodies[:2]:
        delete_there(world, "INBOX", body)
        world.sync()
        passes.append(max(o["pass"] for o in world.run("log", "--json").json() if o["type"] == "kept"))
    assert passes[0] < passes[1]
    world.run("undo", world.account, str(passes[0]))
    here = bodies_here(world, "INBOX")
    assert wire(bodies[0]) in here and wire(bodies[1]) not in here
    here = world.here.snapshot()
    again = world.run("undo", world.account, str(passes[0]))
    assert again.out.count("\n") == 1 and "nothing that pass %d deleted" % passes[0] in again.out and again.err == ""
    (done,) = world.run("undo", world.account, str(passes[0]), "--json").json()
    assert done["pass"] == passes[0] and done["restored"] == 0
    assert world.here.snapshot() == here
    assert "no pass %d" % (passes[1] + 7) in world.run("undo", world.account, str(passes[1] + 7), expect=64).err
    world.run("undo", "nobody", expect=64)
    world.run("undo", world.account, "x", expect=64)
    world.run("undo", expect=64)


def test_nothing_to_undo(world):
    world.sync()
    assert "nothing was ever deleted" in world.run("undo", world.account).out
    (told,) = world.run("undo", world.account, "--json").json()
    assert (told["pass"], told["restored"]) == (None, 0)
    run = world.run("undo", world.account, "7", expect=64)
    assert "no pass 7 is known" in run.err and not run.out
    assert world.run("log").out == ""


def test_log_tells_what_passes_did(world):
    filled(world)
    world.here.deliver("INBOX", compose(), "S")
    world.sync()
    world.sync()  # nothing to do: no line
    passes = [o for o in world.run("log", "--json").json() if o["type"] == "pass"]
    assert [(p["fetched"], p["appended"]) for p in passes] == [(4, 0), (0, 1)]
    assert "4 new here" in world.run("log").out


def log_of(world, number=None):
    """(lines of passes, messages that are kept), of one pass or all."""
    lines = [o for o in world.run("log", "--json").json() if number in (None, o["pass"])]
    return [o for o in lines if o["type"] == "pass"], [o for o in lines if o["type"] == "kept"]


def killed_at(world, step, *command):
    """A command that was; returns whether it was."""
    world.program = CRASHING
    world.environment.update(GODWIT_WATCH=world.tmp, GODWIT_FAULT="kill %d" % step)
    status = world.run(*command, expect=None).status
    del world.environment["GODWIT_FAULT"]
    return status == -9


@pytest.mark.parametrize("when", ["at once", "after the next pass"])
def test_killed_pass_can_be_undone(world, when):
    """Wherever it was killed: the log tells of it, and what it deleted comes back once, and stays."""
    bodies = filled(world, count=8)["INBOX"]
    world.settings["sync"]["max_delete"] = "100%"
    undone = 0
    for step in range(1, 200, 5):
        for body in bodies[:3]:
            delete_there(world, "INBOX", body)
        killed = killed_at(world, step, "sync")
        if when == "after the next pass":
            world.sync()
        for number in sorted({o["pass"] for o in log_of(world)[1]}, reverse=True):
            ((past,), kept) = log_of(world, number)
            assert past["deleted_here"] >= len(kept)
            world.run("undo", world.account, str(number))
            assert "back already" in world.run("undo", world.account, str(number)).out
            undone += not past["finished"]
        if undone:
            assert "back already" in world.run("undo", world.account).out
        if when == "after the next pass" or not killed:
            assert bodies_here(world, "INBOX") == sorted(wire(body) for body in bodies)
        here = bodies_here(world, "INBOX")
        world.sync()
        if when == "at once" and not killed:
            assert bodies_here(world, "INBOX") == here
        for number in {o["pass"] for o in log_of(world)[1]}:
            world.run("undo", world.account, str(number))
        world.sync_same()
        assert bodies_here(world, "INBOX") == sorted(wire(body) for body in bodies)
        if not killed:
            break
    assert not killed and undone


def test_killed_pass_tells_what_it_did(world):
    """Its line is written by the next pass, of which each has a line of its own."""
    told = 0
    for step in range(1, 200, 6):
        for _ in range(2):
            world.there.append("INBOX", compose())
        killed = killed_at(world, step, "sync")
        world.sync_same()
        if not killed:
            break
        past, _ = log_of(world)
        assert len({p["pass"] for p in past}) == len(past)
        if not past[-1]["finished"]:
            told += 1
            assert past[-1]["fetched"] == 2 and world.run("log").out.endswith(": 2 new here; not finished\n")
    assert not killed and told


def test_kept_for_so_long(world):
    bodies = filled(world)["INBOX"]
    delete_there(world, "INBOX", bodies[0])
    world.settings["sync"]["keep_deleted"] = "1s"
    world.sync()
    attic = os.path.join(world.state, "deleted")
    assert len(os.listdir(attic)) == 1
    time.sleep(2.1)
    world.sync()
    assert os.listdir(attic) == []


def test_not_kept_at_all(world):
    bodies = filled(world)["INBOX"]
    delete_there(world, "INBOX", bodies[0])
    world.settings["sync"]["keep_deleted"] = "0"
    world.sync_same()
    assert not os.path.exists(os.path.join(world.state, "deleted"))
    assert "kept no longer" in world.run("undo", world.account).out
    assert wire(bodies[0]) not in bodies_here(world, "INBOX")


@pytest.mark.skipif(not os.path.isdir("/dev/shm"), reason="needs a second file system")
def test_state_on_another_file_system(world):
    """Then it is kept beside the Maildir root, out of every mail reader's sight."""
    if os.stat("/dev/shm").st_dev == os.stat(world.tmp).st_dev:
        pytest.skip("needs a second file system")
    bodies = filled(world)["INBOX"]
    elsewhere = "/dev/shm/godwit-tests-%d" % os.getpid()
    shutil.copytree(world.state, elsewhere)
    shutil.rmtree(world.state)
    os.symlink(elsewhere, world.state)
    try:
        delete_there(world, "INBOX", bodies[0])
        world.sync()
        beside = os.path.join(os.path.dirname(world.here.root), ".godwit-deleted-" + world.account)
        assert os.path.isdir(beside)
        world.run("undo", world.account)
        world.sync_same()
        assert len(bodies_here(world, "INBOX")) == 4
    finally:
        os.unlink(world.state)
        shutil.rmtree(elsewhere)


def test_keywords_survive(world):
    """The letters of a folder that was deleted mean in the new one what they meant."""
    world.there.create("box")
    body = compose()
    world.there.append_many("box", [(compose(), ["first", "second"], 1000), (body, ["third", "second"], 1000)])
    world.sync()
    before = [m for m in world.here.messages("box") if m.body == wire(body)]
    assert before[0].flags == {"second", "third"}
    world.there.delete("box")
    world.sync()
    assert "box" not in world.here.mailboxes()
    world.here.create("box")
    world.here.write_letters("box", ["another", "third"])
    world.run("undo", world.account)
    assert [m for m in world.here.messages("box") if m.body == wire(body)] == before
    world.sync_same()
    assert [m.flags for m in world.there.messages("box").values() if m.body == wire(body)] == [{"second", "third"}]


def test_undo_of_a_deleted_mailbox_twice(layout_world):
    """Folders below it, flags, keywords and dates come back; asking for it once more changes nothing."""
    world = layout_world
    bodies = filled(world, ("a", "a/b", "a/b/c"))
    for name in bodies:
        world.there.store(name, world.there.uids(name)[:2], "+FLAGS", ["word-of-" + name.replace("/", "-")])
    world.sync()
    before = {name: by_body(world.here.messages(name)) for name in bodies}
    for name in ("a/b/c", "a/b", "a"):
        world.there.delete(name)
    world.sync()
    assert world.here.mailboxes() == {"INBOX"}
    world.run("undo", world.account)
    snapshot = world.here.snapshot()
    assert "back already" in world.run("undo", world.account).out
    assert world.here.snapshot() == snapshot
    assert {name: by_body(world.here.messages(name)) for name in bodies} == before
    world.sync_same()
    assert {name: by_body(world.there.messages(name).values()) for name in bodies} == before


def test_interrupted_undo_goes_on(world):
    """Killed at any step: the next one brings back the rest, and nothing twice."""
    bodies = filled(world, count=6)["INBOX"]
    world.settings["sync"]["max_delete"] = "100%"
    cut = 0
    for step in range(1, 200, 2):
        for body in bodies[:4]:
            delete_there(world, "INBOX", body)
        world.sync()
        killed = killed_at(world, step, "undo", world.account)
        cut += killed
        world.run("undo", world.account, expect=None)
        assert bodies_here(world, "INBOX") == sorted(wire(b) for b in bodies)
        world.sync_same()
        if not killed:
            break
    assert not killed and cut > 4


def test_undo_after_starting_over(world):
    """The numbers of passes go on: what was deleted last comes back first, whatever became of the state."""
    bodies = filled(world, count=6)["INBOX"]
    for body in bodies[:3]:
        world.there.append("INBOX", compose())
        world.sync()
    for body in bodies[:3]:
        delete_there(world, "INBOX", body)
        world.sync()
    last = max(o["pass"] for o in world.run("log", "--json").json() if o["type"] == "kept")
    shutil.rmtree(os.path.join(world.here.root, "INBOX"))
    os.remove(os.path.join(world.here.root, ".godwit"))
    world.sync("--approve")
    delete_there(world, "INBOX", bodies[5])
    world.sync()
    world.run("undo", world.account)
    here = bodies_here(world, "INBOX")
    assert wire(bodies[5]) in here and not {wire(body) for body in bodies[:3]} & set(here)
    assert [o["pass"] for o in log_of(world)[0]][-1] > last

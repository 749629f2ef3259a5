"""godwit check: what differs is named, what is wrong is mended, and no mail is touched."""
import os

import pytest

from mail import FLAGGED, SEEN, compose


@pytest.fixture
def filled(world):
    world.bodies = [compose() for _ in range(5)]
    for body in world.bodies:
        world.there.append("INBOX", body, [SEEN])
    world.sync_same()
    return world


def check(world, *options, expect=1):
    """A check that changes nothing on either side; what it printed."""
    before = world.there.snapshot(), world.here.snapshot()
    out = world.run("check", *options, expect=expect).out
    assert (world.there.snapshot(), world.here.snapshot()) == before
    return out


def test_all_is_well(filled):
    check(filled, expect=0)
    check(filled, "--deep", expect=0)


def test_never_synced(world):
    world.there.append("INBOX", compose())
    assert "new on the server" in check(world)


def test_changes_are_named(filled):
    world = filled
    world.there.store("INBOX", world.there.find("INBOX", world.bodies[0]), "+FLAGS", [FLAGGED])
    world.here.remove(world.here.find("INBOX", world.bodies[1]))
    world.here.deliver("INBOX", compose())
    out = check(world)
    for reason in ("flags changed on the server", "deleted here", "new here"):
        assert reason in out, out
    world.sync_same()
    check(world, expect=0)


def test_deep_finds_a_changed_file(filled):
    world = filled
    path = world.here.find("INBOX", world.bodies[2]).path
    with open(path, "r+b") as file:
        file.seek(20)
        file.write(b"?")
    check(world, expect=0)
    assert "the file was changed" in check(world, "--deep")
    assert "the file was changed" in check(world, "--deep", "--repair")


def test_damaged_state_is_set_aside(filled):
    world = filled
    path = os.path.join(world.state, "data.mdb")
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(os.urandom(os.path.getsize(path) - 8192))
    assert "damaged" in check(world, expect=None)
    assert os.path.exists(path)
    assert "mended" in check(world, "--repair", expect=None)
    summary = world.sync("--json").summary()
    assert summary["fetched"] == summary["appended"] == 0
    world.assert_same()
    check(world, expect=0)


def test_repair_of_what_is_well_changes_nothing(filled):
    world = filled
    assert check(world, "--repair", expect=0) is not None
    summary = world.sync("--json").summary()
    assert summary["boxes_skipped"] == 0  # everything is looked at once more
    world.assert_same()
    world.assert_noop()


def test_refused_message_is_named(filled, dovecot):
    """A message that the server refuses: an empty one."""
    world = filled
    world.here.deliver("INBOX", b"")
    world.sync(expect=1)
    assert "waits since it failed" in check(world)


def test_json(filled):
    world = filled
    world.here.deliver("INBOX", compose())
    events = world.run("check", "--json", expect=1).json()
    assert any(event.get("reason") == "new here" for event in events), events

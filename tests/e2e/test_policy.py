"""What the configuration switches off is not carried; what is switched on again is."""
import pytest

from mail import DELETED, FLAGGED, SEEN, compose
from servers import EVERYWHERE

SERVERS = EVERYWHERE


@pytest.fixture
def changed(world):
    """change(settings) runs a pass with them over a World that has one change of each kind on each side."""
    w = world
    uids = [w.there.append("INBOX", compose("old %d" % n), [], 1000 + n) for n in range(4)]
    w.sync()

    def file(subject):
        return [f for f in w.here.files("INBOX") if b"Subject: %s\n" % subject in f.body()][0]

    def change(**settings):
        w.there.append("INBOX", compose("new there"))
        w.here.deliver("INBOX", compose("new here"), "")
        w.there.store("INBOX", uids[0], "+FLAGS", [FLAGGED])
        w.here.flag(file(b"old 1"), "S")
        w.there.expunge("INBOX", uids[2])
        w.here.remove(file(b"old 3"))
        w.there.create("made there")
        w.here.deliver("made here", compose())
        w.settings["sync"].update(settings)
        w.sync()
        w.assert_noop()
        return w

    change.world = w
    return change


def there(world):
    return {subject(m.body): set(m.flags) for m in world.there.messages("INBOX").values()}


def here(world):
    return {subject(f.body()): set(f.flags) for f in world.here.files("INBOX")}


def subject(body):
    return body.partition(b"Subject: ")[2].splitlines()[0].decode()


BEFORE = {"old 0": set(), "old 1": set(), "old 3": set()}
PULLED = {"old 0": {"\\flagged"}, "old 1": {"\\seen"}, "new there": set(), "new here": set()}


def test_pull(changed):
    w = changed(direction="pull")
    assert there(w) == {"old 0": {"\\flagged"}, "old 1": set(), "old 3": set(), "new there": set()}
    assert here(w) == {"old 0": {"\\flagged"}, "old 1": {"\\seen"}, "new there": set(), "new here": set()}
    assert "made there" in w.here.mailboxes() and "made here" not in w.there.mailboxes()


def test_push(changed):
    w = changed(direction="push")
    assert there(w) == {"old 0": {"\\flagged"}, "old 1": {"\\seen"}, "new there": set(), "new here": set()}
    assert here(w) == {"old 0": set(), "old 1": {"\\seen"}, "old 2": set(), "new here": set()}
    assert "made there" not in w.here.mailboxes() and "made here" in w.there.mailboxes()


@pytest.mark.parametrize("way", ["pull", "push", "none"])
def test_new(changed, way):
    w = changed(new=way)
    assert ("new there" in here(w)) == (way == "pull")
    assert ("new here" in there(w)) == (way == "push")
    assert there(w)["old 0"] == here(w)["old 0"] == {"\\flagged"}


@pytest.mark.parametrize("way", ["pull", "push", "none"])
def test_flags(changed, way):
    w = changed(flags=way)
    assert bool(here(w)["old 0"]) == (way == "pull")
    assert bool(there(w)["old 1"]) == (way == "push")
    assert "new there" in here(w) and "new here" in there(w)


@pytest.mark.parametrize("way", ["pull", "push", "none"])
def test_deletes(changed, way):
    w = changed(deletes=way)
    assert ("old 2" in here(w)) == (way != "pull")
    assert ("old 3" in there(w)) == (way != "push")


@pytest.mark.parametrize("way", ["pull", "push", "none"])
def test_create(changed, way):
    w = changed(create=way)
    assert ("made there" in w.here.mailboxes()) == (way == "pull")
    assert ("made here" in w.there.mailboxes()) == (way == "push")


@pytest.mark.parametrize("side", ["there", "here", "none"])
def test_expunge(changed, side):
    """Where a message is not to be removed it is marked as deleted only."""
    w = changed(expunge=side)
    assert ("old 2" in here(w)) == (side not in ("here", "both"))
    assert ("old 3" in there(w)) == (side not in ("there", "both"))
    if side == "none":
        assert "\\deleted" in here(w)["old 2"] and "\\deleted" in there(w)["old 3"]


def test_marked_once(world):
    """What is only marked there is not deleted again by every pass that looks at the mailbox; whoever takes the mark
    away has the message back."""
    world.settings["sync"]["expunge"] = "here"
    uids = [world.there.append("INBOX", compose("m %d" % n)) for n in range(3)]
    world.sync()
    for expected in (1, 1, 0):
        if expected:
            world.here.remove(world.here.files("INBOX")[0])
        world.there.store("INBOX", uids[2], "+FLAGS" if expected else "-FLAGS", [FLAGGED])
        assert world.sync("--json").summary()["deleted_there"] == expected
    marked = [uid for uid, m in world.there.messages("INBOX").items() if "\\deleted" in m.flags]
    assert len(marked) == 2
    world.there.store("INBOX", marked, "-FLAGS", [DELETED])
    world.sync_same()
    assert len(world.there.uids("INBOX")) == 3


@pytest.mark.parametrize("kind", ["new", "flags", "create"])
def test_switched_on_again(changed, kind):
    """What was held back is carried as soon as it may be."""
    w = changed(**{kind: "none"})
    w.settings["sync"] = {}
    w.sync()
    w.assert_same()
    w.assert_noop()


@pytest.mark.parametrize("side", ["there", "here"])
def test_switched_off_for_one_mailbox_and_on_again(world, side):
    """What a pass over one mailbox held back is carried when the policy is again that of the last whole pass."""
    uid = world.there.append("INBOX", compose("m 0"))
    world.there.append("INBOX", compose("m 1"))
    world.sync()
    if side == "there":
        world.there.expunge("INBOX", uid)
    else:
        world.here.remove(world.here.files("INBOX")[0])
    world.settings["sync"] = {"deletes": "none"}
    world.sync(world.account + "/INBOX")
    assert len(world.there.uids("INBOX")) + len(world.here.files("INBOX")) == 3
    world.settings["sync"] = {}
    world.sync_same()
    assert len(world.there.uids("INBOX")) == 1


def test_all_of_a_mailbox_held_back_and_let_through(world):
    """Nothing of a mailbox is left on the server, and the state knows it: its files go when they may."""
    for n in range(2):
        world.there.append("INBOX", compose("m %d" % n))
    world.sync()
    world.there.expunge("INBOX", world.there.uids("INBOX"))
    world.settings["sync"] = {"deletes": "none"}
    world.sync()
    assert len(world.here.files("INBOX")) == 2
    world.settings["sync"] = {}
    world.sync_same()
    assert not world.here.files("INBOX")


def test_defaults_are_inherited(world):
    world.there.append("INBOX", compose(), [SEEN])
    world.here.deliver("INBOX", compose())
    path = world.write_config()
    text = open(path).read()
    with open(path + ".2", "w") as file:
        file.write("defaults:\n  sync: { direction: pull }\n" + text)
    world.run("-c", path + ".2", "sync")
    assert len(world.there.messages("INBOX")) == 1 and len(world.here.files("INBOX")) == 2


@pytest.mark.parametrize("gone", [3, 30])
def test_window_of_the_newest(world, gone):
    """A server that shows only the newest messages: the others were not deleted."""
    world.there.append_many("INBOX", [(compose(), [SEEN], 1000) for _ in range(1000 + gone)])
    world.sync()
    world.there.expunge("INBOX", world.there.uids("INBOX")[:gone])
    assert "a window" in world.sync(expect=65).err
    assert len(world.here.messages("INBOX")) == 1000 + gone
    world.sync("--approve")
    world.assert_same()


def test_others_than_the_oldest_are_no_window(world):
    world.there.append_many("INBOX", [(compose(), [SEEN], 1000) for _ in range(1005)])
    world.sync()
    world.there.expunge("INBOX", world.there.uids("INBOX")[1:6])
    world.sync_same()


def test_expiring_old_mail_is_no_window(world):
    """The oldest first, as a server does it each night."""
    world.there.append_many("INBOX", [(compose(), [SEEN], 1000) for _ in range(300)])
    world.sync()
    world.there.expunge("INBOX", world.there.uids("INBOX")[:25])
    world.sync_same()

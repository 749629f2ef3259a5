"""The kinds of work that a pass does, each small, on both sides: what the crash tests disturb."""
import dataclasses
import os
import shutil
import typing

from mail import compose

SEEN, FLAGGED = "\\Seen", "\\Flagged"
SOAK = bool(os.environ.get("GODWIT_SOAK"))


@dataclasses.dataclass(frozen=True)
class Work:
    """
    prepare(world) makes the two sides differ and returns {mailbox: messages in the end}.
    command: what is disturbed         sync, server: settings of the account
    passes:  after which both sides are equal: more where the server does not tell what became of an APPEND
    again:   a command that goes on with it before the next pass
    dates:   they agree in the end
    """
    name: str
    prepare: typing.Callable
    command: tuple = ("sync",)
    sync: tuple = ()
    server: tuple = ()
    passes: int = 1
    again: tuple = ()
    dates: bool = True


WORK = []
RARE = []  # disturbed in fewer ways, but in `make soak`


def work(rare=False, **how):
    """Adds the function below to WORK (or RARE), under its name."""
    def add(prepare):
        one = Work(prepare.__name__, prepare, **how)
        (RARE if rare else WORK).append(one)
        if rare and SOAK:
            WORK.append(one)
        return prepare
    return add


def fill(world, count, mailbox="INBOX"):
    bodies = [compose() for _ in range(count)]
    for body in bodies:
        world.there.append(mailbox, body)
    return bodies


@work()
def pull(world):
    """New messages and mailboxes on the server; one message that takes several writes."""
    for name in ("box", "deep/er"):
        world.there.create(name)
    world.there.append("INBOX", compose(), [SEEN])
    world.there.append("INBOX", compose(), [FLAGGED, "word"])
    world.there.append("INBOX", compose(body="line\n" * 20000))
    twin = compose()
    for _ in range(3):
        world.there.append("box", twin)
    return {"INBOX": 3, "box": 3, "deep/er": 0}


@work()
def push(world):
    """New messages and folders here."""
    world.sync()
    world.here.deliver("INBOX", compose())
    world.here.deliver("INBOX", compose(), "FS")
    world.here.create("new box")
    twin = compose()
    for _ in range(3):
        world.here.deliver("new box", twin, "S")
    return {"INBOX": 2, "new box": 3}


@work(passes=2, server=(("quirks", ["-UIDPLUS", "-MULTIAPPEND", "-QRESYNC", "-CONDSTORE"]),))
def push_blindly(world):
    """The server does not tell which UIDs the new messages got."""
    return push(world)


@work()
def flags(world):
    """Flags and keywords on both sides."""
    bodies = fill(world, 4)
    world.sync()
    world.there.store("INBOX", world.there.find("INBOX", bodies[0]), "+FLAGS", [SEEN, "word"])
    world.there.store("INBOX", world.there.find("INBOX", bodies[1]), "+FLAGS", [FLAGGED])
    world.here.flag(world.here.find("INBOX", bodies[1]), "S")
    world.here.flag(world.here.find("INBOX", bodies[2]), "FR")
    return {"INBOX": 4}


def remove_on_both_sides(world):
    bodies = fill(world, 6)
    world.sync()
    for body in bodies[:2]:
        world.there.expunge("INBOX", world.there.find("INBOX", body))
    for body in bodies[2:4]:
        world.here.remove(world.here.find("INBOX", body))


@work()
def deletions(world):
    """Messages that went, on both sides."""
    remove_on_both_sides(world)
    return {"INBOX": 2}


@work(sync=(("keep_deleted", 0),))
def deletions_for_good(world):
    """... and nothing is kept."""
    remove_on_both_sides(world)
    return {"INBOX": 2}


@work(passes=2, dates=False)
def adoption(world):
    """The same messages on both sides, and no state."""
    for body in [compose() for _ in range(4)]:
        world.there.append("INBOX", body, [SEEN], 1000)
        world.here.deliver("INBOX", body, "S", 1000)
    world.there.append("INBOX", compose())
    world.here.deliver("INBOX", compose())
    return {"INBOX": 6}


@work()
def moves(world):
    """Messages that went to another mailbox, on both sides."""
    world.there.create("box")
    bodies = fill(world, 5)
    world.sync()
    for body in bodies[:2]:
        world.there.move("INBOX", world.there.find("INBOX", body), "box")
    for body in bodies[2:4]:
        file = world.here.find("INBOX", body)
        os.rename(file.path, os.path.join(world.here.folder("box"), file.where, file.name))
    return {"INBOX": 1, "box": 4}


@work()
def made_anew(world):
    """A mailbox that both sides deleted, and that the server has again."""
    world.there.create("box")
    fill(world, 2, "box")
    world.sync()
    shutil.rmtree(world.here.folder("box"))
    world.there.delete("box")
    world.there.create("box")
    fill(world, 1, "box")
    return {"INBOX": 0, "box": 1}


@work()
def mailboxes(world):
    """Mailboxes that one side deleted, and one that was renamed."""
    for name in ("a", "b", "c"):
        world.there.create(name)
        fill(world, 1, name)
    world.sync()
    world.there.delete("a")
    shutil.rmtree(world.here.folder("b"))
    world.there.rename("c", "d")
    return {"d": 1}


@work(command=("undo", "acc"), again=("undo", "acc"))
def undo(world):
    """What a pass deleted here comes back, and goes to the server again."""
    bodies = fill(world, 4)
    world.there.create("box")
    fill(world, 1, "box")
    world.sync()
    for body in bodies[:3]:
        world.there.expunge("INBOX", world.there.find("INBOX", body))
    world.there.delete("box")
    world.sync()
    return {"INBOX": 4, "box": 1}


@work(passes=2)
def renumbered(world):
    """The server numbers a mailbox anew, and holds one message more and one less."""
    world.there.create("box")
    bodies = fill(world, 4, "box")
    world.sync()
    before = world.there.messages("box")
    world.there.delete("box")
    world.there.create("other")
    fill(world, 1, "other")
    world.there.create("box")
    for message in list(before.values())[:3]:
        world.there.append("box", message.body, [SEEN], message.date)
    world.there.append("box", compose())
    world.here.flag(world.here.find("box", bodies[1]), "F")
    return {"box": 5, "other": 1}


@work()
def replaced(world):
    """A folder is put back from a backup that lacks two of its messages; the server holds one more."""
    world.there.create("box")
    bodies = fill(world, 4, "box")
    world.sync()
    for body in bodies[2:]:
        world.here.remove(world.here.find("box", body))
    world.here.flag(world.here.find("box", bodies[1]), "F")
    folder = world.here.folder("box")
    shutil.copytree(folder, folder + ".copy")
    shutil.rmtree(folder)
    os.rename(folder + ".copy", folder)
    world.there.append("box", compose())
    return {"box": 5}


@work(rare=True)
def turned(world):
    """Two folders changed places; a message was removed from each, and one came to each on the server."""
    for number, name in enumerate(("a", "b"), 1):
        world.here.create(name)
        os.chmod(os.path.join(world.here.folder(name), "cur"), 0o700 + number)  # GODWIT_COPIES=rights
        world.there.create(name)
        fill(world, 3 + number, name)
    world.sync()
    turn(world, "a", "b")
    for name in ("a", "b"):
        world.here.remove(world.here.files(name)[0])
        fill(world, 1, name)
    return {"a": 5, "b": 4}


@work(rare=True, passes=2)
def turned_there(world):
    """Two mailboxes changed places on the server; one more message is new on each side of each. Some files have the
    same names in both folders.
    """
    for number, name in enumerate(("a", "b"), 1):
        world.there.create(name)
        fill(world, 2 + number, name)
        world.here.deliver(name, compose(), "S", base="same")
    world.sync()
    for name, target in (("a", "t"), ("b", "a"), ("t", "b")):
        world.there.rename(name, target)
    for name in ("a", "b"):
        fill(world, 1, name)
        world.here.deliver(name, compose(), "S")
    return {"a": 7, "b": 6}


def turn(world, *names):
    """The folder of each of NAMES gets the name of the next one, the last one that of the first."""
    folders = [world.here.folder(name) for name in names]
    aside = os.path.join(world.here.root, ".aside")
    os.rename(folders[-1], aside)
    for folder, target in reversed(list(zip(folders, folders[1:]))):
        os.rename(folder, target)
    os.rename(aside, folders[0])


@work(passes=2, dates=False)
def lost_state(world):
    """The state is lost; both sides changed since."""
    bodies = fill(world, 5)
    world.sync()
    shutil.rmtree(world.state)
    world.there.store("INBOX", world.there.find("INBOX", bodies[0]), "+FLAGS", [SEEN])
    world.there.append("INBOX", compose())
    world.here.flag(world.here.find("INBOX", bodies[1]), "F")
    world.here.deliver("INBOX", compose(), "S")
    return {"INBOX": 7}

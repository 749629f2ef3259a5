"""What both sides did to the same message, and what one of them can't do: the conflicts that have a rule, one by one.
Moves that contradict each other are in test_moves.py, flags bit by bit and deletions on both sides in test_basics.py.
"""
import os
import re
import shutil
import threading

import pytest

from imapside import ServerSide
from mail import FLAGGED, SEEN, compose
from meddler import Meddler
from world import CRASHING


# ---- one name, two files ----

def test_copy_with_the_same_base(world):
    """Somebody copied a message within its folder and kept its BASE: it is another message, under a name of its own."""
    world.there.append("INBOX", compose(), [SEEN], 1000)
    world.sync()
    file = world.here.files("INBOX")[0]
    copy = os.path.join(file.folder, "cur", file.base + ":2,FS")
    shutil.copy2(file.path, copy)
    world.sync_same()
    assert len(world.here.files("INBOX")) == 2 and len(world.there.messages("INBOX")) == 2
    assert len({file.base for file in world.here.files("INBOX")}) == 2


def test_many_copies_with_the_same_base(world):
    """A whole folder, copied into itself. `plan` changes no name."""
    for number in range(20):
        world.here.deliver("INBOX", compose(), "S", 1000, base="same%d" % number)
        world.here.deliver("INBOX", compose(), "FS", 1000, base="same%d" % number)
    before = world.here.snapshot()
    world.run("plan")
    assert world.here.snapshot() == before
    world.sync_same()
    assert len(world.there.messages("INBOX")) == 40


@pytest.mark.parametrize("known", [True, False], ids=["known", "new"])
def test_one_file_under_two_names(world, known):
    """A reader that renames by link and unlink was killed between the two: one file, so one message."""
    body = compose()
    if known:
        world.there.append("INBOX", body, [SEEN], 1000)
    else:
        world.here.deliver("INBOX", body, "S", 1000)
    if known:
        world.sync()
    (file,) = world.here.files("INBOX")
    second = os.path.join(file.folder, "cur", file.base + ":2,FS")
    os.link(file.path, second)
    world.here.deliver("INBOX", compose(), "S", 1000)
    world.sync()
    world.assert_noop()
    assert len(world.there.find("INBOX", body)) == 1 and len(world.there.messages("INBOX")) == 2
    assert len(world.here.files("INBOX")) == 3, "a name was taken away under the reader's hands"
    os.unlink(file.path)
    world.sync_same()
    assert world.here.find("INBOX", body).path == second


def second_name(world, flags, body):
    """BODY's file under another name, too, as long ago as counts."""
    world.program, world.environment = CRASHING, {"GODWIT_STILL_MS": "0"}
    file = world.here.find("INBOX", body)
    os.link(file.path, os.path.join(file.folder, "cur", file.base + ":2," + flags))
    return file


def test_second_name_is_taken_away_in_the_end(world):
    """Whoever was about to rename the file is long gone, and the name that the state knows stays."""
    body = compose()
    world.there.append("INBOX", body, [SEEN], 1000)
    world.sync()
    file = second_name(world, "FS", body)
    world.sync_same()
    assert [left.path for left in world.here.files("INBOX")] == [file.path]


def test_deleted_under_two_names(world):
    """Deleted there: no name of the file stays, which would be a new message."""
    bodies = [compose() for _ in range(3)]
    for body in bodies:
        world.there.append("INBOX", body, [SEEN], 1000)
    world.sync()
    second_name(world, "FS", bodies[0])
    world.there.expunge("INBOX", world.there.find("INBOX", bodies[0]))
    world.sync_same()
    assert len(world.here.files("INBOX")) == 2


def test_two_names_and_a_third_one(world):
    """A rename of ours was cut in half, and now the server wants something else."""
    body = compose()
    world.there.append("INBOX", body, [SEEN], 1000)
    world.sync()
    second_name(world, "FS", body)
    world.there.store("INBOX", world.there.find("INBOX", body), "+FLAGS", ["\\Answered"])
    world.sync_same()
    assert len(world.here.files("INBOX")) == 1


# ---- what the server can't keep ----

def permanent(flags, words=b"[READ-WRITE]"):
    """Answers of a server that keeps only these FLAGS of a mailbox."""
    def change(line):
        line = re.sub(rb"\[PERMANENTFLAGS \([^)]*\)\]", lambda _: b"[PERMANENTFLAGS (" + flags + b")]", line)
        return line.replace(b"[READ-WRITE]", words)

    return change


def test_read_only_mailbox(world):
    """What changed here is not stored there and not undone here; what changes there comes."""
    bodies = [compose() for _ in range(3)]
    for body in bodies:
        world.there.append("INBOX", body, [SEEN], 1000)
    world.sync()
    with Meddler(world) as meddler:
        meddler.answer = permanent(b"", b"[READ-ONLY]")
        world.here.flag(world.here.find("INBOX", bodies[0]), "FS")
        world.there.store("INBOX", world.there.find("INBOX", bodies[1]), "+FLAGS", [FLAGGED])
        new = compose()
        world.there.append("INBOX", new, [SEEN], 1000)
        before = world.there.snapshot()
        for _ in range(3):
            world.sync()
        assert "UID STORE" not in meddler.verbs and world.there.snapshot() == before
        assert world.here.find("INBOX", bodies[0]).letters == "FS"
        assert world.here.find("INBOX", new)


def test_keywords_that_the_server_can_not_keep(world):
    """A flag outside the mask stays as it is, on both sides."""
    world.there.append("INBOX", compose(), [SEEN, "there"], 1000)
    world.sync()
    world.here.write_letters("INBOX", ["there", "here"])
    with Meddler(world) as meddler:
        meddler.answer = permanent(rb"\Answered \Flagged \Deleted \Seen \Draft")
        world.here.flag(world.here.files("INBOX")[0], "FSab")
        for _ in range(3):
            world.sync()
        (message,) = world.there.messages("INBOX").values()
        assert message.flags == {SEEN.lower(), FLAGGED.lower(), "there"}
        assert world.here.files("INBOX")[0].letters == "FSab"


# ---- another client is faster ----

def test_flags_changed_there_before_ours_arrive(world):
    """After the pass has looked and before its STOREs arrive another client changes the same flags, and others, of the
    same messages: every flag ends as whoever changed it last from what both sides had wants it."""
    had = {
        "added": [SEEN], "removed": [SEEN, FLAGGED], "there and back": [SEEN], "another added": [SEEN],
        "another removed": [SEEN, "\\Answered", "there"], "a keyword": [SEEN], "expunged": [SEEN], "nothing": [SEEN],
    }
    bodies = {name: compose() for name in had}
    for name, flags in had.items():
        world.there.append("INBOX", bodies[name], flags, 1000)
    world.sync()
    for name, body in bodies.items():
        world.here.flag(world.here.find("INBOX", body), "S" if name == "removed" else
                        "FRSa" if name == "another removed" else "FS")
    uids = {name: world.there.find("INBOX", body) for name, body in bodies.items()}
    other = ServerSide(world.server, world.user)

    def race():
        for name, change, flags in (
                ("added", "+FLAGS", [FLAGGED]), ("removed", "-FLAGS", [FLAGGED]),
                ("there and back", "+FLAGS", [FLAGGED]), ("there and back", "-FLAGS", [FLAGGED]),
                ("another added", "+FLAGS", ["\\Answered"]),
                ("another removed", "-FLAGS", ["\\Answered", "there"]), ("a keyword", "+FLAGS", ["fresh"])):
            other.store("INBOX", uids[name], change, flags)
        other.expunge("INBOX", uids["expunged"])

    with Meddler(world) as meddler:
        raced = []

        def before(line):
            if b"UID STORE" in line and not raced:
                raced.append(line)
                race()
            return line

        meddler.command = before
        world.sync()
        assert raced and meddler.verbs.count("UID STORE") == 2, "one command for each distinct change"
    other.close()
    world.sync_same()
    shown = {name: world.there.messages("INBOX").get(uid[0]) for name, uid in uids.items()}
    assert shown.pop("expunged") is None
    flagged = {SEEN.lower(), FLAGGED.lower()}
    assert {name: message.flags for name, message in shown.items()} == {
        "added": flagged, "removed": {SEEN.lower()}, "there and back": flagged,
        "another added": flagged | {"\\answered"}, "another removed": flagged,
        "a keyword": flagged | {"fresh"}, "nothing": flagged}


# ---- what the folder can't show ----

def test_keyword_without_a_letter_is_not_removed(world):
    """All 26 letters are taken: a reader that changes flags in names knows nothing of the others."""
    words = ["word%02d" % n for n in range(30)]
    world.there.append("INBOX", compose(), words[:26], 1000)
    world.there.append("INBOX", compose(), words[26:] + [SEEN], 1000)
    world.sync()
    for file in world.here.files("INBOX"):
        world.here.flag(file, "F" + "".join(sorted(file.letters)) if "F" not in file.letters else file.letters)
    world.sync()
    there = sorted(m.flags - {SEEN.lower(), FLAGGED.lower()} for m in world.there.messages("INBOX").values())
    assert {frozenset(flags) for flags in there} == {frozenset(words[:26]), frozenset(words[26:])}
    assert all(FLAGGED.lower() in m.flags for m in world.there.messages("INBOX").values())
    world.assert_noop()


def test_letter_that_nobody_explains(world):
    """A file shows a letter that the table does not name: it stands for nothing, and stays."""
    body = compose()
    world.here.deliver("INBOX", body, "Sq", 1000)
    world.sync()
    world.there.store("INBOX", world.there.uids("INBOX"), "+FLAGS", [FLAGGED])
    world.sync()
    assert world.here.files("INBOX")[0].letters == "FSq"
    assert [m.flags for m in world.there.messages("INBOX").values()] == [{SEEN.lower(), FLAGGED.lower()}]


# ---- an upload that arrives late ----

def test_upload_that_arrives_after_the_first_look(world):
    """The connection breaks, the server goes on with what it has: it shows the message when it was looked for once."""
    world.program = CRASHING  # it waits for 0.2 s
    world.sync()
    body = compose()
    world.here.deliver("INBOX", body, "S", 1000)
    late = threading.Timer(0.15, lambda: world.there.append("INBOX", body, [SEEN], 1000))
    with Meddler(world) as meddler:
        def break_once(data):
            if late.ident is None:
                late.start()
                raise OSError
            return data

        meddler.stored = break_once
        world.run("-v", "sync")
        late.join()
        world.sync()
    assert len(world.there.find("INBOX", body)) == 1, "doubled on the server"
    world.assert_same()


# ---- deleted and changed ----

@pytest.mark.parametrize("side", ["here", "there"])
def test_deleted_on_one_side_and_given_a_keyword_on_the_other(world, side):
    """Deleted: somebody threw it away, and a reader that marks everything must not bring it back."""
    body = compose()
    world.there.append("INBOX", body, [SEEN], 1000)
    world.sync()
    if side == "here":
        world.here.remove(world.here.find("INBOX", body))
        world.there.store("INBOX", world.there.find("INBOX", body), "+FLAGS", ["word"])
    else:
        world.here.flag(world.here.find("INBOX", body), "FS")
        world.there.expunge("INBOX", world.there.find("INBOX", body))
    world.sync_same()
    assert world.here.files("INBOX") == [] and world.there.messages("INBOX") == {}


def test_deleted_here_and_numbered_anew(world):
    """A pass that pairs deletes nothing: the message comes back rather than goes."""
    bodies = [compose() for _ in range(3)]
    world.there.create("box")
    for body in bodies:
        world.there.append("box", body, [SEEN], 1000)
    world.sync()
    world.here.remove(world.here.find("box", bodies[0]))
    world.there.rename("box", "old")
    world.there.create("box")
    world.there.copy("old", ["1:*"], "box")
    world.there.delete("old")
    world.sync_same()
    assert len(world.there.messages("box")) == 3


# ---- deletions next to what is paired ----

def test_deletions_beside_a_message_that_came_on_both_sides(world):
    """One pass pairs the message and carries both deletions; it looks once more before it does."""
    old, both = [compose() for _ in range(6)], compose()
    world.there.append_many("INBOX", [(body, [SEEN], 1000) for body in old])
    world.sync_same()
    world.there.append("INBOX", both, [], 2000)
    world.here.deliver("INBOX", both, "F", 2000)
    world.there.expunge("INBOX", world.there.find("INBOX", old[0]))
    world.here.remove(world.here.find("INBOX", old[1]))
    run = world.sync_same()
    assert "1 paired" in run.out and len(world.there.messages("INBOX")) == 5, run
    world.assert_noop()


# ---- two names, one folder ----

def folders_with_mail(world):
    """{path below the root: subjects}"""
    found = {}
    for folder, _, names in os.walk(world.here.root):
        if os.path.basename(folder) in ("cur", "new") and names:
            path = os.path.relpath(os.path.dirname(folder), world.here.root)
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    found.setdefault(path, []).append(re.search(rb"Subject: (.*)", file.read()).group(1).decode().strip())
    return found


FOLDED = {
    "nested": {"Foo": ["Foo"], "Foo/%43UR": ["Foo/CUR"], "%66Oo": ["fOo"], "%66%6Fo": ["foo"], "%66%6Fo/sub": ["foo/sub"]},
    "maildir++": {".Foo": ["Foo"], ".Foo.CUR": ["Foo/CUR"], ".Foo.sub": ["Foo/sub"], ".%66Oo": ["fOo"], ".%66%6Fo": ["foo"],
                  ".foo.%73ub": ["foo/sub"]},
}


@pytest.mark.plain_build
@pytest.mark.parametrize("layout", ("nested", "maildir++"))
@pytest.mark.parametrize("known", [False, True], ids=["all new", "one known"])
def test_names_that_the_file_system_can_not_tell_apart(make_world, preload, known, layout):
    """In one folder the mail of each would become that of both. So all but the first are spelled with %XX."""
    world, wanted = make_world(layout=layout), FOLDED[layout]
    names = [name for (name,) in wanted.values()]
    for name in sorted(names):
        world.there.create(name)
        world.there.append(name, compose(name))
        if known and name == "Foo":
            world.sync()
    world.environment["LD_PRELOAD"] = preload("fold")
    world.sync()
    world.assert_noop()
    assert folders_with_mail(world) == wanted
    shutil.rmtree(os.path.join(world.here.root, next(path for path, (name,) in wanted.items() if name == "foo/sub")))
    world.sync()
    world.assert_noop()
    assert set(names) - world.there.mailboxes() == {"foo/sub"}
    del world.environment["LD_PRELOAD"]
    world.assert_noop()  # nor where case counts

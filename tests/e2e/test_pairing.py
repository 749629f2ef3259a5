"""What is unknown on both sides is recognised: after a lost state, a new UIDVALIDITY, an upload whose answer was never
seen, on servers that tell no UIDs or change what they are given. No body is fetched that is here, nothing is doubled.
"""
import os
import re
import shutil
import time

import pytest

from mail import SEEN, compose
from meddler import Meddler
from world import CRASHING

APPENDUID = re.compile(rb"\[APPENDUID[^\]]*\] ")


def lose_state(world):
    shutil.rmtree(world.state)
    run = world.sync("--json", expect=None)
    if run.status == 65:  # the Maildir's marker belongs to a state that is gone: ask first
        run = world.sync("--approve", "--json")
    assert run.status == 0, run
    return run.summary()


def copied(summary):
    return summary["fetched"], summary["appended"]


def numbers(world):
    """How many messages each mailbox has there and here."""
    there, here = world.there.all(), world.here.all()
    return {name: (len(there.get(name, ())), len(here.get(name, ()))) for name in set(there) | set(here)}


# ---- many messages ----

@pytest.fixture
def ten_thousand(make_world):
    world = make_world()
    for number in range(4):
        world.there.create("box%d" % number)
        for first in range(0, 2500, 250):
            world.there.append_many("box%d" % number, [
                (compose(), [SEEN] if n % 3 else [], 1000000 + n) for n in range(first, first + 250)])
    world.sync("-q")
    return world


def number_anew(world):
    """Every mailbox gets another UIDVALIDITY, and the same messages other UIDs."""
    for number in range(4):
        name = "box%d" % number
        world.there.rename(name, "old")
        world.there.create(name)
        world.there.copy("old", ["1:*"], name)
        world.there.delete("old")


def test_ten_thousand_messages_are_recognised_by_their_headers(ten_thousand):
    """After a lost state, and when all mailboxes were numbered anew, of which some messages are new and some gone."""
    world = ten_thousand
    before = world.here.snapshot()
    with Meddler(world) as meddler:
        assert copied(lose_state(world)) == (0, 0)
        assert (meddler.bodies, meddler.headers) == (0, 10000)
        number_anew(world)
        meddler.forget()
        summary = world.sync("--json").summary()
        assert copied(summary) == (0, 0) and summary["adopted"] == 10000
        assert (meddler.bodies, meddler.headers) == (0, 10000)
    assert world.here.snapshot() == before, "files were changed"
    assert numbers(world) == {"INBOX": (0, 0), **{"box%d" % n: (2500, 2500) for n in range(4)}}
    world.assert_noop()


def test_only_headers_that_may_matter_are_fetched(world):
    """Few files and many messages: what has no size of theirs is not asked about."""
    body = compose("big", body="line\n" * 2000)
    world.there.append_many("INBOX", [(compose(), [], 1000) for _ in range(200)] + [(body, [SEEN], 1000)])
    world.here.deliver("INBOX", body, "S", 1000)
    world.here.deliver("INBOX", compose("here", body="other\n" * 1000), "S", 1000)
    with Meddler(world) as meddler:
        assert copied(world.sync("--json").summary()) == (200, 1)
        assert (meddler.bodies, meddler.headers) == (200, 1)
    world.assert_same()


def test_files_that_can_not_fit_are_not_read(world):
    """One message is new there, and it has the size of none of the new files: these are read to be sent, once."""
    world.sync()
    world.there.append("INBOX", compose(body="x" * 50000))
    for _ in range(5):
        world.here.deliver("INBOX", compose(), "S")
    run = world.run("--debug", "sync,imap", "sync")
    assert "BODY.PEEK[HEADER]" not in run.err
    world.assert_same()


@pytest.mark.parametrize("wrong", [lambda n: n - n // 40, lambda n: (n + 99) // 100 * 100, lambda n: n + 7],
                         ids=["LF only", "rounded", "headers added"])
def test_sizes_that_the_server_gets_wrong(world, wrong):
    """RFC822.SIZE is a hint. The body decides, once, and is not stored again."""
    bodies = [compose(body="text\n" * (10 + n)) for n in range(20)]
    for number, body in enumerate(bodies):
        world.there.append("INBOX", body, [SEEN], 1000 + number)
        world.here.deliver("INBOX", body, "S", 1000 + number)
    size = re.compile(rb"RFC822\.SIZE (\d+)")
    with Meddler(world) as meddler:
        meddler.answer = lambda line: size.sub(lambda m: b"RFC822.SIZE %d" % wrong(int(m.group(1))), line)
        summary = world.sync("--json").summary()
        assert copied(summary) == (0, 0) and summary["adopted"] == 20
    world.assert_same()
    world.assert_noop()


# ---- servers that change what they are given ----

def line_added(body):
    return body + b"\r\n"


def header_added(body):
    return b"X-Server: was here\r\n" + body


def header_dropped(body):
    return re.sub(rb"To: [^\r]*\r\n", b"", body)


def id_folded(body):
    return body.replace(b"Message-ID: ", b"Message-Id:\r\n ")


def body_changed(body):
    return body.replace(b"text", b"text text")


CHANGES = [line_added, header_added, header_dropped, id_folded, body_changed]


@pytest.fixture(params=CHANGES, ids=lambda change: change.__name__)
def changing(request, world):
    """A world behind a server that stores something else than it is given."""
    with Meddler(world) as meddler:
        meddler.stored = request.param
        world.meddler = meddler
        yield world


@pytest.mark.parametrize("told", [True, False], ids=["with UIDs", "without UIDs"])
def test_changed_on_upload(changing, told):
    """With and without UIDPLUS: no twin, no loop, and the file stays as it is."""
    world = changing
    if not told:
        world.settings["server"]["quirks"] = ["-UIDPLUS"]
        world.meddler.answer = lambda line: APPENDUID.sub(b"", line)
    bodies = [compose() for _ in range(5)]
    for number, body in enumerate(bodies):
        world.here.deliver("INBOX", body, "S", 1000 + number)
    for expected in ((0, 5), (0, 0), (0, 0)):
        assert copied(world.sync("--json").summary()) == expected
        assert numbers(world)["INBOX"] == (5, 5)
    assert sorted(file.body() for file in world.here.files("INBOX")) == sorted(bodies)
    world.assert_noop()


@pytest.mark.parametrize("told", [True, False], ids=["with UIDs", "without UIDs"])
def test_changed_and_the_answer_never_seen(changing, told):
    world = changing
    world.program = CRASHING  # it waits for a shorter time before it repeats an upload
    if not told:
        world.settings["server"]["quirks"] = ["-UIDPLUS"]
    world.sync()
    for number in range(3):
        world.here.deliver("INBOX", compose(), "S", 1000 + number)
    cuts = []

    def cut_first(line):
        if b"APPENDUID" in line and not cuts:
            cuts.append(line)
            return None
        return APPENDUID.sub(b"", line) if not told else line

    world.meddler.answer = cut_first
    world.sync()
    assert cuts and numbers(world)["INBOX"] == (3, 3)
    world.assert_noop()


def test_changed_and_numbered_anew(changing):
    """The rows under the former UIDVALIDITY vouch for what the digests can not prove any more."""
    world = changing
    world.there.create("box")
    for number in range(5):
        world.here.deliver("box", compose(), "S", 1000 + number)
    world.sync()
    world.there.rename("box", "old")
    world.there.create("box")
    world.there.copy("old", ["1:*"], "box")
    world.there.delete("old")
    summary = world.sync("--json").summary()
    assert copied(summary) == (0, 0) and summary["adopted"] == 5
    assert numbers(world)["box"] == (5, 5)
    world.assert_noop()


def versions(count=2):
    """Of a draft: they have one Message-ID."""
    return [compose(message_id="<draft@tests.example>", body="version %d\n" % number) for number in range(count)]


@pytest.mark.parametrize("headers", ["other", "same"])
def test_another_version_and_numbered_anew(world, headers):
    """The former version is known by its row, the one on the server has its Message-ID: they are two messages."""
    bodies = versions()
    if headers == "same":
        bodies[1] = bodies[0] + b"and more\n"
    world.there.create("box")
    world.there.append("box", bodies[0], [], 1000)
    world.sync()
    world.there.delete("box")
    world.there.create("box")
    world.there.append("box", bodies[1], [], 2000)
    world.sync_same()
    assert sorted(file.body() for file in world.here.files("box")) == sorted(bodies)


def test_another_version_while_an_upload_is_in_doubt(world):
    """The upload never arrived; what came instead is another client's."""
    world.program = CRASHING
    bodies = versions()
    world.sync()
    world.here.deliver("INBOX", bodies[0], "S", 1000)
    with Meddler(world) as meddler:
        broken = []

        def break_once(body):
            if not broken:
                broken.append(body)
                world.there.append("INBOX", bodies[1], [SEEN], 2000)
                raise OSError
            return body

        meddler.stored = break_once
        world.sync()
        assert broken
    world.assert_same()
    world.assert_noop()
    assert sorted(file.body() for file in world.here.files("INBOX")) == sorted(bodies)


def test_flags_and_date_dropped_on_upload(world):
    """A server that forgets both: no loop."""
    body = compose()
    with Meddler(world) as meddler:
        meddler.command = lambda line: re.sub(rb"(APPEND \S+) .*(\{)", rb"\1 \2", line)
        world.here.deliver("INBOX", body, "FS", 1000)
        world.sync()
        world.sync()
        assert copied(world.sync("--json").summary()) == (0, 0)
    assert numbers(world)["INBOX"] == (1, 1)


# ---- uploads in doubt ----

def test_upload_that_never_arrived_is_repeated(world):
    """The connection breaks before the server has the whole message: after two looks it is sent again."""
    world.program = CRASHING
    world.sync()
    world.here.deliver("INBOX", compose(), "S", 1000)
    with Meddler(world) as meddler:
        broken = []

        def break_once(body):
            if not broken:
                broken.append(body)
                raise OSError
            return body

        meddler.stored = break_once
        run = world.run("-v", "sync")
        assert broken and "waiting" in run.err
    world.assert_same()
    world.assert_noop()


def test_answered_but_not_shown(world):
    """OK, but the server does not show the message (a filter took it): it is not sent again by itself, and named."""
    world.program = CRASHING
    world.sync()
    world.settings["server"]["quirks"] = ["-UIDPLUS"]
    path = world.here.deliver("INBOX", compose(), "S", 1000)
    with Meddler(world) as meddler:
        meddler.answer = lambda line: APPENDUID.sub(b"", line)
        meddler.before_answer = lambda: world.there.expunge("INBOX", world.there.uids("INBOX"))
        run = world.sync(expect=1)
        assert "does not show it" in run.err and os.path.basename(path).split(":")[0] in run.err
        meddler.before_answer = None
        run = world.sync(expect=1)
        assert meddler.verbs.count("APPEND") == 1
        assert numbers(world)["INBOX"] == (0, 1)
        assert [o for o in world.run("status", "--json").json() if o["type"] == "pending"]
        world.sync("--retry")
        world.sync()
    world.assert_same()
    world.assert_noop()


@pytest.mark.parametrize("how", ["not looked at", "looked at after it", "by way of another"])
def test_answered_and_moved_there(world, how):
    """OK without a UID, and another client moves the message at once to a mailbox that this pass does not look at, or
    looks at then, or, by way of one that is not synchronized, later: the file follows."""
    world.program = CRASHING
    for name in ("box", "other", "aside"):
        world.there.create(name)
    world.there.append("box", compose())  # the bigger one is looked at first
    world.settings["mailboxes"] = ["*", "!aside"]
    world.settings["server"].update(connections=1, quirks=["-UIDPLUS"])
    if how == "looked at after it":
        world.settings["server"]["quirks"] += ["-CONDSTORE", "-QRESYNC"]
    world.sync()
    body = compose()
    world.here.deliver("box", body, "S", 1000)
    late = how == "by way of another"
    with Meddler(world) as meddler:
        meddler.answer = lambda line: APPENDUID.sub(b"", line)
        meddler.before_answer = lambda: world.there.move("box", world.there.find("box", body),
                                                         "aside" if late else "other")
        run = world.sync(expect=1 if late else 0)
        if late:
            assert "does not show it" in run.err
            world.there.move("aside", world.there.find("aside", body), "other")
            world.sync()
        assert meddler.verbs.count("APPEND") == 1 and meddler.bodies == 0
        world.assert_same(mailboxes=False)
        world.assert_noop()
    assert numbers(world)["box"] == numbers(world)["other"] == (1, 1)


def test_doubt_where_nothing_is_sent(world):
    """Only who may repeat an upload waits for it; what arrived all the same is recognised."""
    world.program = CRASHING
    world.sync()
    for flags in ("S", "F"):
        world.here.deliver("INBOX", compose(), flags, 1000)
    answers = []

    def stored(body):
        answers.append(body)
        if len(answers) > 1:
            raise OSError
        return body

    with Meddler(world) as meddler:
        world.settings["server"].update(quirks=["-MULTIAPPEND"], retry="1s")
        meddler.stored = stored
        meddler.answer = lambda line: None if b"APPENDUID" in line else line
        world.sync(expect=None)
    world.settings["sync"]["direction"] = "pull"
    for _ in range(2):
        run = world.run("-v", "sync")
        assert "waiting" not in run.err, run
    world.settings["sync"] = {}
    assert "waiting" in world.run("-v", "sync").err
    world.assert_same()
    world.assert_noop()
    assert len(world.there.uids("INBOX")) == 2


def test_file_in_doubt_is_removed(world):
    """Then the message that arrived is new, and nothing keeps waiting for the file."""
    world.program = CRASHING
    world.sync()
    path = world.here.deliver("INBOX", compose(), "S", 1000)
    with Meddler(world) as meddler:
        meddler.answer = lambda line: None if b"APPENDUID" in line else line
        world.settings["server"]["retry"] = "1s"
        world.sync(expect=None)
        os.unlink(path)
        meddler.answer = lambda line: line
        world.sync()
        time.sleep(2.1)
        world.sync()
        assert world.sync("--json").summary()["boxes_skipped"] == 1
    world.assert_same()

"""What a server or a line does in the middle of a pass: the pass goes on by itself where waiting helps, and says
what it could not do.
"""
import signal
import time

import pytest

from bender import Cut
from mail import SEEN, compose
from world import CRASHING


@pytest.fixture
def world(make_world, bender):
    """Three mailboxes with something to do on both sides of each."""
    world = make_world()
    world.settings["server"]["retry"] = "20s"
    bender.behind(world)
    for name in ("INBOX", "one", "two"):
        if name != "INBOX":
            world.there.create(name)
        world.there.append_many(name, [(compose(), [SEEN], 1000) for _ in range(8)])
    world.sync()
    for name in ("INBOX", "one", "two"):
        uids = world.there.uids(name)
        world.there.append_many(name, [(compose(), [SEEN], 1000) for _ in range(4)])
        world.there.expunge(name, uids[:1])
        world.there.store(name, uids[1], "+FLAGS", ["\\Flagged"])
        for _ in range(3):
            world.here.deliver(name, compose(), "S")
        files = world.here.files(name)
        world.here.flag(world.here.find(name, world.there.messages(name)[uids[2]].body), "FS")
        world.here.remove(world.here.find(name, world.there.messages(name)[uids[3]].body))
        assert len(files) == 11
    return world


def assert_done(world):
    """Both sides are equal, and nothing was lost or doubled on the way."""
    world.assert_same()
    world.assert_noop()
    assert {name: len(mail) for name, mail in world.there.all().items()} == {"INBOX": 13, "one": 13, "two": 13}


COMMANDS = ["LIST", "SELECT one", "UID FETCH", "UID SEARCH", "APPEND", "UID STORE", "UID EXPUNGE"]


@pytest.mark.parametrize("answer", [
    "NO [UNAVAILABLE] come back later", "NO [INUSE] somebody holds the mailbox",
    "BAD Request is throttled. Suggested Backoff Time: 700 milliseconds",
    "BAD User is authenticated but not connected.", "NO Server Unavailable. 15",
])
def test_refused_for_now(world, bender, answer):
    """Every command is refused once; the same pass does it all the same."""
    rules = [bender.deny(command, answer, times=1) for command in COMMANDS if command != "UID SEARCH"]
    run = world.sync()
    assert all(rule.used for rule in rules), [rule.pattern for rule in rules if not rule.used]
    assert "failed" not in run.out, run
    assert_done(world)


@pytest.mark.parametrize("answer", ["NO [LIMIT] slowly", "NO [SERVERBUG] Internal error"])
def test_refused_for_now_by_code(world, bender, answer):
    rules = [bender.deny(command, answer, times=2) for command in ("LIST", "SELECT one")]
    world.sync()
    assert all(rule.used == 2 for rule in rules)
    assert_done(world)


def test_upload_in_doubt_for_longer_than_we_try(world, bender):
    """The next pass waits, and sends it then."""
    world.program, world.environment = CRASHING, {"GODWIT_DOUBT_MS": "3000"}
    world.settings["server"]["retry"] = "1s"
    bender.silence("APPEND")
    world.settings["server"]["timeout"] = "1s"
    run = world.sync(expect=75)
    assert "longer than server.retry" in run.err, run
    world.sync()
    assert_done(world)


def test_only_one_mailbox_is_in_trouble(world, bender):
    """It is named, the others are done, and the status says: later."""
    world.settings["server"]["retry"] = "1s"
    bender.deny("SELECT one", "NO [INUSE] somebody holds it")
    run = world.sync("--json", expect=75)
    failed = [o for o in run.json() if o["event"] == "failed"]
    assert [o["mailbox"] for o in failed] == ["one"] and "somebody holds it" in failed[0]["server"], run
    assert "acc/one: " in run.err
    bender.on_command.clear()
    there, here = world.there.all(), world.here.all()
    assert len(there["INBOX"]) == len(here["INBOX"]) == len(there["two"]) == len(here["two"]) == 13
    world.sync()
    assert_done(world)


def test_mailbox_that_kills_every_connection(world, bender):
    """A server that dies of one mailbox: the others are done."""
    world.settings["server"]["retry"] = "1s"
    bender.cut("SELECT one", times=None)
    run = world.sync(expect=75)
    assert "acc/one: " in run.err and "acc/two" not in run.err, run
    assert len(world.here.messages("two")) == 13
    bender.on_command.clear()
    world.sync()
    assert_done(world)


def test_throttle_longer_than_our_patience(world, bender):
    bender.deny("UID FETCH", "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds")
    begin = time.monotonic()
    run = world.sync(expect=75)
    assert "throttled" in run.err and time.monotonic() < begin + 60, run
    bender.on_command.clear()
    world.sync()
    assert_done(world)


def test_message_that_is_never_to_be_had_now(world, bender):
    """The other messages of its mailbox come; the next pass asks for it again."""
    world.settings["server"]["retry"] = "3s"
    uid = world.there.uids("INBOX")[-1]

    def about(session, tag, text):
        asked = text.split()[2].decode()
        wanted = any(int(part.split(":")[0]) <= uid <= int(part.split(":")[-1]) for part in asked.split(","))
        return tag + b" NO [UNAVAILABLE] not this one\r\n" if session.selected == "INBOX" and wanted else None

    bender.command("UID FETCH [0-9:,]+ .*BODY.PEEK\\[\\]", about)
    run = world.sync(expect=75)
    assert "message %d" % uid in run.err, run
    assert len(world.here.messages("two")) == 13 and len(world.here.messages("INBOX")) == 12
    bender.on_command.clear()
    world.sync()
    assert_done(world)


@pytest.mark.parametrize("answer, status", [("NO [UNAVAILABLE] not now", 75), ("NO not at all", 1)])
def test_header_that_is_not_to_be_had(world, bender, answer, status):
    """Nobody knows which file this message is, if any: it is not fetched, and what it may be is not sent. All else is
    done."""
    world.settings["server"]["retry"] = "3s"
    uid = world.there.uids("INBOX")[-1]
    big = compose(body="another size\n" * 1000)
    world.here.deliver("INBOX", big, "S")
    refused = []

    def about(session, tag, text):
        asked = text.split()[2].decode()
        wanted = any(int(part.split(":")[0]) <= uid <= int(part.split(":")[-1]) for part in asked.split(","))
        if session.selected != "INBOX" or not wanted:
            return None
        refused.append(text)
        return tag + b" " + answer.encode() + b"\r\n"

    bender.command("UID FETCH [0-9:,]+ .*BODY.PEEK\\[HEADER\\]", about)
    run = world.sync(expect=status)
    assert "message %d" % uid in run.err and len(refused) > 1, run
    assert len(world.here.messages("two")) == 13
    assert len(world.here.messages("INBOX")) == 13 and len(world.there.messages("INBOX")) == 11
    assert world.there.find("INBOX", big)
    bender.on_command.clear()
    world.sync()
    world.assert_same()
    world.assert_noop()
    assert len(world.here.messages("INBOX")) == 14


@pytest.mark.parametrize("greeting", [
    "* BYE Too many connections", "* BYE [UNAVAILABLE] Maximum number of connections"])
def test_greeting_that_sends_us_away(world, bender, greeting):
    bender.greet(greeting, times=2)
    world.sync()
    assert_done(world)


@pytest.mark.parametrize("answer", [
    "NO [LIMIT] too many", "NO Too many simultaneous connections. (Failure)",
    "NO [UNAVAILABLE] Maximum number of connections from user+IP exceeded"])
def test_login_that_is_refused_for_now(world, bender, answer):
    bender.deny("LOGIN|AUTHENTICATE", answer, times=2)
    world.sync()
    assert_done(world)


def test_server_that_lets_in_only_one(world, bender):
    """The pool shrinks, and nobody waits for what does not come."""
    bender.greet("* BYE Too many connections", when=lambda bender: bender.open > 1)
    world.sync()
    assert bender.most > 1
    assert_done(world)


@pytest.mark.parametrize("what", COMMANDS)
def test_bye(world, bender, what):
    rule = bender.bye(what, "server is going down")
    world.sync()
    assert rule.used or what == "UID SEARCH"
    assert_done(world)


@pytest.mark.parametrize("what", ["LIST", "SELECT one", "UID FETCH .*BODY", "APPEND", "UID EXPUNGE"])
def test_silence(world, bender, what):
    """A line that is dead without being closed."""
    world.settings["server"]["timeout"] = "1s"
    rule = bender.silence(what)
    world.sync()
    assert rule.used
    assert_done(world)


def test_silence_within_a_message(world, bender):
    world.settings["server"]["timeout"] = "1s"

    def half(session, unit):
        session.silent = True
        return unit[:len(unit) // 2]

    rule = bender.rewrite(rb"BODY\[\]", half, times=1)
    world.sync()
    assert rule.used
    assert_done(world)


def test_silence_that_lasts(world, bender):
    world.settings["server"].update(timeout="1s", retry="2s")
    bender.silence("LIST", times=None)
    run = world.sync(expect=75)
    assert "no answer for 1 s" in run.err


def test_mailbox_was_deleted_without_an_answer(world, bender):
    """The connection ends between the server's doing and its word about it: nothing is left to select."""
    world.there.create("box")
    world.there.append("box", compose(), [SEEN])
    world.sync()
    world.here.remove_mailbox("box")

    def end(session, unit):
        if (session.answers(unit) or b"").startswith(b"DELETE"):
            raise Cut
        return unit

    bender.rewrite(rb"^\S+ OK", end)
    run = world.sync("--json", "--approve")
    assert run.summary()["boxes_deleted_there"] == 1, run
    assert "box" not in world.there.mailboxes()
    world.assert_noop()


def test_quota(world, bender):
    """Nothing more may be stored there; everything else is done, and the next pass tries again."""
    bender.deny("APPEND", "NO [OVERQUOTA] Quota exceeded")
    run = world.sync("--json", expect=1)
    failed = [o for o in run.json() if o["event"] == "failed"]
    assert len(failed) == 9 and any("Quota exceeded" in o.get("server", "") for o in failed), run
    assert {name: len(mail) for name, mail in world.there.all().items()} == {"INBOX": 10, "one": 10, "two": 10}
    assert len(world.here.messages("INBOX")) == 13
    assert world.sync(expect=None).status == 1  # it says so again
    bender.on_command.clear()
    world.sync()
    assert_done(world)


@pytest.mark.parametrize("when", ["busy", "gone", "throttled"])
def test_signal_during_the_pause(world, bender, when):
    world.settings["server"]["retry"] = "10m"
    if when == "busy":
        bender.deny("SELECT", "NO [INUSE] no")
    elif when == "gone":
        bender.deny("LIST", "NO [UNAVAILABLE] no")
    else:
        bender.deny("UID FETCH", "NO Request is throttled. Suggested Backoff Time: 300000 milliseconds")
    begun = world.start("sync")
    while not any(rule.used for rule in bender.on_command):
        time.sleep(0.01)
    time.sleep(0.3)
    begun[0].send_signal(signal.SIGTERM)
    begin = time.monotonic()
    assert world.finish(begun).status == 75
    assert time.monotonic() - begin < 20
    bender.on_command.clear()
    world.sync()
    assert_done(world)

"""The ladder: QRESYNC, CONDSTORE, plain. Each rung finds the same changes, asks only for what it needs, and takes
nothing for absence that is not proven.
"""
import time

import pytest

from bender import Bender
from mail import compose

SEEN, FLAGGED = "\\Seen", "\\Flagged"
RUNGS = {"QRESYNC": [], "CONDSTORE": ["-QRESYNC"], "UIDs and flags": ["-QRESYNC", "-CONDSTORE"]}


@pytest.fixture(params=RUNGS, ids=lambda rung: rung.split()[0].lower())
def rung(request):
    return request.param


@pytest.fixture
def world(make_world, rung):
    world = make_world()
    world.settings["server"]["quirks"] = RUNGS[rung]
    world.bodies = [compose() for _ in range(12)]
    world.there.append_many("INBOX", [(body, [SEEN], 1600000000) for body in world.bodies])
    world.sync_same()
    return world


def uids(world, *indices):
    return [uid for i in indices for uid in world.there.find("INBOX", world.bodies[i])]


def sync_by(world, rung):
    """A pass that is seen to use this rung, after which both sides are equal."""
    run = world.run("--debug", "sync,imap", "sync")
    assert "listing the server by %s\n" % rung in run.err, run
    world.assert_same()
    world.assert_noop()
    return run


def test_flags_keywords_and_news(world, rung):
    world.there.store("INBOX", uids(world, 3), "+FLAGS", [FLAGGED, "word"])
    world.there.store("INBOX", uids(world, 4), "-FLAGS", [SEEN])
    world.there.append("INBOX", compose())
    run = sync_by(world, rung)
    assert ("CHANGEDSINCE" in run.err) == (rung != "UIDs and flags")


def test_what_went(world, rung):
    world.there.expunge("INBOX", uids(world, 0, 5, 6, 11))
    run = sync_by(world, rung)
    assert ("UID SEARCH" in run.err) == (rung == "CONDSTORE"), run  # only where counts disagree
    assert len(world.here.messages("INBOX")) == 8


def test_one_went_and_one_came(world, rung):
    """The number of messages is the same as before."""
    world.there.expunge("INBOX", uids(world, 2))
    world.there.append("INBOX", compose())
    sync_by(world, rung)


def test_came_and_went_between_two_passes(world, rung):
    """UIDs that no pass has seen are among those that vanished."""
    body = compose()
    world.there.append("INBOX", body)
    world.there.expunge("INBOX", world.there.find("INBOX", body))
    world.there.store("INBOX", uids(world, 1), "+FLAGS", [FLAGGED])
    sync_by(world, rung)


def test_everything_went(world, rung):
    world.there.expunge("INBOX", uids(world, *range(12)))
    sync_by(world, rung)
    assert not world.here.messages("INBOX")


def test_gone_on_both_sides_and_changed_here(world, rung):
    world.there.expunge("INBOX", uids(world, 0, 1))
    world.here.remove(world.here.find("INBOX", world.bodies[0]))
    world.here.flag(world.here.find("INBOX", world.bodies[2]), "FS")
    world.here.remove(world.here.find("INBOX", world.bodies[3]))
    world.here.deliver("INBOX", compose())
    sync_by(world, rung)


def test_own_changes_are_no_news(world, rung):
    """The pass after one that changed the server asks for its own changes and does nothing."""
    world.here.flag(world.here.find("INBOX", world.bodies[7]), "FRS")
    sync_by(world, rung)
    world.there.store("INBOX", uids(world, 8), "+FLAGS", [FLAGGED])
    sync_by(world, rung)


def test_mailbox_numbered_anew(world, rung):
    """A new UIDVALIDITY: what was asked for with the SELECT is about another mailbox."""
    world.there.create("other")
    world.there.append("other", world.bodies[0], [SEEN])
    world.sync_same()
    world.there.delete("other")
    world.there.create("other")
    for body in world.bodies[:3]:
        world.there.append("other", body, [SEEN])
    world.sync()
    world.assert_same(dates=False)
    assert len(world.here.messages("other")) == 3
    world.assert_noop()


def test_plan_finds_the_same(world, rung):
    world.there.expunge("INBOX", uids(world, 9))
    world.there.store("INBOX", uids(world, 10), "+FLAGS", [FLAGGED])
    lines = world.run("plan").out.splitlines()
    assert len([line for line in lines if "INBOX" in line]) == 2, lines
    sync_by(world, rung)


def test_keywords_stay_where_the_folder_was_not_read(make_world):
    """What the letters of a file mean has to be known before it gets another name."""
    world = make_world()
    body = compose()
    world.there.append("INBOX", body, ["apple", "cherry"])
    world.sync()
    time.sleep(2.1)
    world.sync()
    world.there.store("INBOX", world.there.find("INBOX", body), "+FLAGS", [FLAGGED, "berry"])
    run = world.run("--debug", "sync", "sync")
    assert "the folder is as it was: not read\n" in run.err, run
    world.assert_same()
    world.assert_noop()
    assert world.here.find("INBOX", body).letters == "Fabc"


def test_folder_that_nobody_touched_is_not_read(make_world):
    world = make_world()
    body = compose()
    world.there.append("INBOX", body)
    world.sync()
    time.sleep(2.1)  # directory times younger than 2 s may hide a change and are not trusted
    world.there.store("INBOX", world.there.find("INBOX", body), "+FLAGS", [FLAGGED])
    run = world.run("--debug", "sync", "sync")
    assert "not read" not in run.err, run  # the pass before delivered the file itself
    time.sleep(2.1)
    world.sync()
    world.there.store("INBOX", world.there.find("INBOX", body), "+FLAGS", [SEEN])
    run = sync_by(world, "QRESYNC")
    assert "the folder is as it was: not read\n" in run.err, run


@pytest.fixture
def bent(make_world, dovecot):
    """A world behind a bender: messages went, and each SELECT is the first one of its connection."""
    world = make_world()
    world.there.append_many("INBOX", [(compose(), [SEEN], 1600000000) for _ in range(12)])
    world.sync_same()
    world.there.expunge("INBOX", world.there.uids("INBOX")[:3])
    world.there.append("INBOX", compose())
    with Bender(dovecot.port) as bender:
        bender.behind(world)
        world.settings["server"]["connections"] = 1
        bender.cut("SELECT", times=1)
        world.bender = bender
        yield world


def after_enable(world):
    """What the connection on which ENABLE and the first SELECT travel together has said since ENABLE."""
    seen = world.bender.sessions[-1].seen
    assert not [text for text in seen if text.startswith(b"LIST")], seen
    return [text.decode().strip() for text in seen[seen.index(b"ENABLE QRESYNC\r\n") + 1:]]


def test_enable_travels_with_the_select(bent):
    run = bent.sync()
    select, fetch = after_enable(bent)[:2]
    assert select.startswith("SELECT INBOX") and "VANISHED" in fetch, run
    assert not [text for text in after_enable(bent) if text.startswith("UID SEARCH ")], run
    bent.assert_same()
    bent.assert_noop()
    assert len(bent.here.messages("INBOX")) == 10


def test_enable_is_refused_after_the_rung_was_chosen(bent):
    """What is asked for with VANISHED is refused then, too: the same look goes on by CONDSTORE."""
    refused = bent.bender.deny("ENABLE", "NO not today")
    run = bent.run("--debug", "sync", "sync")
    fetches = [text for text in after_enable(bent) if "CHANGEDSINCE" in text]
    assert refused.used == 2 and ["VANISHED" in text for text in fetches] == [True, False], run
    bent.assert_same()
    bent.assert_noop()
    assert len(bent.here.messages("INBOX")) == 10


@pytest.mark.parametrize("says", [b"* VANISHED (EARLIER) 1:12\r\n", b""], ids=["lies", "ignores"])
def test_enable_leaves_qresync_out(bent, says):
    """What a server says about what vanished is worth nothing without QRESYNC: what went is searched for."""
    bent.bender.rewrite(rb"^\* ENABLED", lambda session, unit: b"* ENABLED\r\n")
    bent.bender.rewrite(rb"^\* VANISHED", lambda session, unit: says)
    run = bent.sync()
    said = after_enable(bent)
    assert "VANISHED" in said[1] and [text for text in said if text.startswith("UID SEARCH ")], run
    bent.assert_same()
    bent.assert_noop()
    assert len(bent.here.messages("INBOX")) == 10


def test_every_connection_uses_the_best_rung(make_world):
    """Also for the first mailbox of each, whose SELECT travels with ENABLE."""
    world = make_world()
    names = ["box%02d" % number for number in range(24)]
    for name in names:
        world.there.create(name)
        world.there.append_many(name, [(compose(), [SEEN], 1600000000) for _ in range(3)])
    world.sync_same()
    for name in names:
        world.there.expunge(name, world.there.uids(name)[:1])
    world.settings["server"]["connections"] = 4
    run = world.run("--debug", "sync", "sync")
    assert run.err.count("listing the server by QRESYNC\n") == len(names), run
    assert "listing the server by CONDSTORE\n" not in run.err, run
    world.assert_same()
    world.assert_noop()

"""The letters of keywords, when the table that gives them their meaning, dovecot-keywords, is lost. A keyword that somebody
put on one message must never appear on another one, nor go from it.
"""
import os
import shutil

import pytest

from mail import FLAGGED, SEEN, compose
from work import turn

pytestmark = pytest.mark.needs("keywords")


@pytest.fixture
def marked(make_world):
    """A world with keywords on both sides."""
    world = make_world()
    for flags in (["apple"], ["cherry", FLAGGED], ["apple", "cherry"], []):
        world.there.append("INBOX", compose(), flags)
    world.sync_same()
    return world


def lose_table(world):
    os.unlink(os.path.join(world.here.folder("INBOX"), "dovecot-keywords"))


def keywords_by_subject(world):
    return {message.body: message.flags for message in world.there.messages("INBOX").values()}


def assert_as_before(world, before):
    after = keywords_by_subject(world)
    assert {body: after[body] for body in before} == before
    world.assert_same()
    world.assert_noop()


def test_other_keyword_comes(marked):
    """The letters mean what they meant, and the new keyword has one of its own."""
    letters, before = marked.here.letters("INBOX"), keywords_by_subject(marked)
    lose_table(marked)
    marked.there.append("INBOX", compose(), ["berry"])
    marked.sync()
    assert marked.here.letters("INBOX") == {**letters, "c": "berry"}
    marked.run("check", "--deep")
    assert_as_before(marked, before)


def test_lost_keyword_comes(marked):
    """It has its old letter: nobody seems to have taken it from the other messages."""
    before = keywords_by_subject(marked)
    lose_table(marked)
    marked.there.append("INBOX", compose(), ["cherry"])
    marked.sync()
    assert_as_before(marked, before)


def test_line_is_lost(marked):
    letters, before = marked.here.letters("INBOX"), keywords_by_subject(marked)
    marked.here.write_letters("INBOX", [letters["a"]])
    marked.here.deliver("INBOX", compose())
    assert "dovecot-keywords had lost lines that say what letters mean: 1 comes back" in marked.sync().err
    assert marked.here.letters("INBOX") == letters
    assert_as_before(marked, before)


def test_file_has_another_name(marked):
    """... and its letters mean nothing for the moment."""
    before = keywords_by_subject(marked)
    lose_table(marked)
    (file,) = [file for file in marked.here.files("INBOX") if file.name.endswith(":2,Fb")]
    os.rename(file.path, os.path.join(os.path.dirname(file.path), "1700000000.other.name:2,Fb"))
    marked.sync()
    assert_as_before(marked, before)


def test_letter_is_taken_here(marked):
    """What a mail reader took away meanwhile is gone there, too."""
    before = keywords_by_subject(marked)
    lose_table(marked)
    (file,) = [file for file in marked.here.files("INBOX") if file.name.endswith(":2,Fb")]
    os.rename(file.path, file.path[:-1])
    body = next(body for body in before if FLAGGED.lower() in before[body])
    marked.sync()
    assert_as_before(marked, {**before, body: frozenset([FLAGGED.lower()])})


def test_plan_writes_no_table(marked):
    lose_table(marked)
    marked.here.deliver("INBOX", compose())
    before = marked.here.snapshot()
    plan = [event for event in marked.run("plan", "--json").json() if event["event"] == "operation"]
    assert [operation["operation"] for operation in plan] == ["append"]
    assert marked.here.snapshot() == before


def test_state_is_lost_too(marked):
    """Nobody knows what the letters meant: they are given to no other keyword."""
    before = keywords_by_subject(marked)
    lose_table(marked)
    shutil.rmtree(marked.state)
    marked.there.append("INBOX", compose(), ["berry", SEEN])
    marked.sync()
    assert not {"a", "b"} & set(marked.here.letters("INBOX"))
    after = keywords_by_subject(marked)
    assert {body: after[body] for body in before} == before
    for message in marked.here.messages("INBOX"):
        assert {flag for flag in message.flags if not flag.startswith("?letter-")} == after[message.body]
    marked.assert_noop()


def test_folder_is_another_mailboxes(marked):
    """Twins of one message, each with other keywords, in folders that change their names: letters belong to the folder."""
    twin = compose()
    marked.there.create("other")
    marked.there.append("INBOX", twin, [FLAGGED, "apple"], 1000)
    marked.there.append("other", twin, [FLAGGED], 1000)
    marked.there.append("other", compose(), [])
    marked.there.create("third")
    marked.there.append("third", twin, ["berry"], 1000)
    marked.sync_same()
    turn(marked, "other", "third")
    marked.sync()
    assert marked.here.letters("third") == {}
    assert marked.here.letters("other") == {"a": "berry"}
    marked.assert_same()
    marked.assert_noop()

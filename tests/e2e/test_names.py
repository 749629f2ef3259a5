"""Mailboxes: strange names, both layouts, and making them on either side."""
import os

import pytest

from imapside import Refused
from mail import SEEN, compose
from servers import EVERYWHERE

SERVERS = EVERYWHERE

NAMES = [
    "plain", "two words", " leading and trailing ", 'quo"tes"', "a&b", "&", "&-", "100%", "%41", "%zz",
    "st*ar", "back\\slash", "br[ack]ets", "par(en)s", "{3}", "{3+}", "~tilde", "~", "-dash", "a:2,S",
    "Entwürfe", "日本語", "emoji 😀", "Ελληνικά", "e\u0301 combining", "Müller & Söhne", "INBOX2",
    "cur", "new", "tmp", ".leading", "..", "...", "dot.in.name", "trailing.", "semi;colon", "$dollar",
    "`tick`", "NIL", "nil", "+plus", "#hash", "x" * 120,
]


def for_this_server(w):
    """Of NAMES those that can be asked for: a delimiter would make levels."""
    w.there.imap()
    return [name for name in NAMES if w.there.delimiter not in name and not w.traits.odd_name(name)]


@pytest.mark.parametrize("layout", ["nested", "maildir++"])
def test_names_pulled(make_world, layout):
    w = make_world(layout=layout)
    made = []
    for name in for_this_server(w):
        if w.traits.no_name(name):  # the server's own taste
            with pytest.raises(Refused):
                w.there.create(name)
            continue
        w.there.create(name)
        w.there.append(name, compose("in " + name.encode("ascii", "replace").decode()), [SEEN])
        made.append(name)
    assert len(made) > 30
    w.sync_same()
    for name in made:
        assert len(w.here.files(name)) == 1, name


@pytest.mark.parametrize("layout", ["nested", "maildir++"])
def test_names_pushed(make_world, layout):
    w = make_world(layout=layout)
    made = [name for name in for_this_server(w) if not w.traits.no_name(name)]
    for name in made:
        w.here.deliver(name, compose(), "S")
    w.sync_same()
    assert set(made) <= w.there.mailboxes()


@pytest.mark.parametrize("layout", ["nested", "maildir++"])
def test_names_that_the_server_refuses_fail_alone(make_world, layout):
    w = make_world(layout=layout)
    refused = [name for name in NAMES if w.traits.no_name(name)]
    for name in refused + ["fine"]:
        w.here.deliver(name, compose(), "S")
    run = w.sync("--json", expect=1)
    assert run.summary()["failed"] == len(refused)
    assert all("acc/" + name in run.err for name in refused if "%" not in name), run
    assert len(w.there.messages("fine")) == 1


@pytest.mark.parametrize("layout", ["nested", "maildir++"])
def test_children_come_and_go(make_world, layout):
    """Some servers list parents as holding nothing, others make them."""
    w = make_world(layout=layout)
    w.there.create("top/middle/leaf")
    w.there.append("top/middle/leaf", compose())
    w.sync_same()
    w.here.deliver("top/middle/other", compose())
    w.sync_same()
    assert {"top/middle/leaf", "top/middle/other"} <= w.there.mailboxes()


def test_deep_nesting(layout_world):
    w = layout_world
    deep = "/".join("level%d" % n for n in range(12))
    w.there.create(deep)
    w.there.append(deep, compose())
    w.here.deliver("a/b/c/d/e/f", compose())
    w.sync_same()


def test_levels_named_like_maildir_folders(layout_world):
    w = layout_world
    w.there.imap()
    for name in ("cur/new", "new/tmp/cur", "x/cur", "x/y" if w.there.delimiter == "." else "x/.y"):
        w.there.create(name)
        w.there.append(name, compose())
    w.sync_same()


def test_children_of_inbox(layout_world):
    w = layout_world
    w.there.imap()
    if w.there.prefix:
        return  # all mailboxes are
    w.there.create("INBOX/child")
    w.there.append("INBOX/child", compose())
    w.there.append("INBOX", compose())
    w.sync_same()


def test_created_there(layout_world):
    w = layout_world
    w.sync()
    w.there.create("later")
    w.there.create("later/child")
    w.there.append("later/child", compose())
    w.sync_same()


def test_created_here(layout_world):
    w = layout_world
    w.sync()
    w.here.create("empty one")
    w.here.deliver("full one", compose())
    w.here.deliver("full one/with child", compose())
    w.sync_same()
    assert {"empty one", "full one", "full one/with child"} <= w.there.mailboxes()


@pytest.mark.needs("noselect")
def test_parent_that_holds_no_messages(world):
    world.there.command("CREATE", '"parent/"')
    world.there.create("parent/child")
    world.there.append("parent/child", compose())
    world.sync_same()


def test_same_mailbox_made_on_both_sides(layout_world):
    w = layout_world
    w.sync()
    w.there.create("both")
    w.there.append("both", compose())
    w.here.deliver("both", compose())
    w.sync_same()
    assert len(w.here.files("both")) == 2


def test_patterns_choose(world):
    for name in ("keep/a", "keep/b", "drop/a", "keep/not"):
        world.there.create(name)
        world.there.append(name, compose())
    world.settings["mailboxes"] = ["INBOX", "keep/*", "!keep/not"]
    world.sync()
    assert world.here.mailboxes() == {"INBOX", "keep/a", "keep/b"}
    world.assert_same(mailboxes=False)
    world.settings["mailboxes"] = ["*"]
    world.sync_same()


def test_one_mailbox_only(world):
    for name in ("one", "two"):
        world.there.create(name)
        world.there.append(name, compose())
    world.sync("acc/one")
    assert world.here.mailboxes() == {"one"}
    world.sync_same()


def test_asked_for_and_not_synced(world):
    world.there.create("left out")
    world.settings["mailboxes"] = ["*", "!left out"]
    for name, why in (("lost", "there is no such mailbox"), ("left out", "do not choose it")):
        run = world.sync("acc/" + name, "acc/INBOX", expect=1)
        assert "acc/%s: " % name in run.err and why in run.err, run
        assert world.here.mailboxes() == {"INBOX"}
    world.sync("acc/INBOX")


def test_name_too_long_fails_alone(world):
    long = "n" * 250
    try:
        world.there.create(long + "/" + "m" * 200)
    except Refused:
        pytest.skip("the server refuses such names as well")
    world.there.append("INBOX", compose())
    run = world.sync(expect=None)
    assert run.status in (0, 1), run
    assert len(world.here.files("INBOX")) == 1


def test_deleted_mailbox_there_keeps_nothing_lost(world):
    """However a vanished mailbox is treated, mail that is only here is not thrown away unasked."""
    world.there.create("gone")
    world.there.append("gone", compose())
    world.sync()
    world.here.deliver("gone", compose("only here"))
    world.there.delete("gone")
    world.sync(expect=None)
    found = [m.body for messages in world.here.all().values() for m in messages]
    found += [m.body for messages in world.there.all().values() for m in messages.values()]
    assert any(b"Subject: only here" in body for body in found)


def test_special_files_in_the_tree_are_left_alone(world):
    world.sync()
    strangers = ["notes.txt", ".notmuch/xapian/data", "INBOX/dovecot-uidlist", "INBOX/.mh_sequences"]
    for name in strangers:
        path = os.path.join(world.here.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("not mail\n")
    world.there.append("INBOX", compose())
    world.sync_same()
    for name in strangers:
        assert open(os.path.join(world.here.root, name)).read() == "not mail\n"

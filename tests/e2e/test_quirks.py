"""server.quirks: extensions left alone, and providers' profiles, acted out by a server that is none of them."""
import os

import pytest

from conftest import run_server
from mail import compose
from meddler import Meddler
from proxy import Proxy

VIEWS = """
namespace inbox {
  mailbox "All Mail" {
    special_use = \\All
    auto = create
  }
  mailbox Starred {
    special_use = \\Flagged
    auto = create
  }
  mailbox Trash {
    auto = create
  }
}
"""


@pytest.fixture(scope="module")
def like_gmail():
    yield from run_server(extra=VIEWS)


@pytest.fixture
def world(make_world, like_gmail):
    world = make_world(server=like_gmail)
    for name in ("INBOX", "All Mail", "Starred"):
        world.there.append(name, compose("in " + name))
    world.settings["server"]["quirks"] = ["gmail"]
    return world


def test_deleting_here_means_moving_to_the_trash(world):
    world.sync()
    world.here.remove(world.here.files("INBOX")[0])
    run = world.sync("--json")
    assert run.summary()["deleted_there"] == 1
    assert not world.there.messages("INBOX") and len(world.there.messages("Trash")) == 1
    assert len(world.here.files("Trash")) == 1
    world.assert_noop()
    world.here.remove(world.here.files("Trash")[0])
    world.sync()
    assert not world.there.messages("Trash")


def test_deleting_without_move(world):
    """Copied to the trash, then expunged."""
    world.settings["server"]["quirks"] = ["gmail", "-MOVE"]
    world.sync()
    world.here.remove(world.here.files("INBOX")[0])
    world.sync()
    assert not world.there.messages("INBOX") and len(world.there.messages("Trash")) == 1
    world.assert_noop()


def test_moved_here_without_move(world):
    """What is left behind by the copying is no deletion: the trash gets nothing."""
    world.settings["server"]["quirks"] = ["gmail", "-MOVE"]
    world.there.create("box")
    world.sync()
    (file,) = world.here.files("INBOX")
    os.rename(file.path, os.path.join(world.here.folder("box"), "cur", os.path.basename(file.path) + ":2,S"))
    summary = world.sync("--json").summary()
    assert (summary["moved_there"], summary["deleted_there"]) == (1, 0), summary
    assert not world.there.messages("INBOX") and not world.there.messages("Trash")
    assert len(world.there.messages("box")) == 1
    world.assert_noop()


def test_trash_switched_off(world):
    world.settings["server"]["quirks"] = ["gmail", "-trash"]
    world.sync()
    world.here.remove(world.here.files("INBOX")[0])
    world.sync()
    assert not world.there.messages("INBOX") and not world.there.messages("Trash")


def test_views_are_left_out(world):
    world.sync()
    assert world.here.mailboxes() == {"INBOX", "Trash"}
    (line,) = [o for o in world.run("list", "--json").json() if o["mailbox"] == "All Mail"]
    assert line["role"] == "all" and not line["selected"]


def test_views_that_are_named(world):
    world.settings["mailboxes"] = ["*", "All Mail"]
    world.sync()
    assert world.here.mailboxes() == {"INBOX", "Trash", "All Mail"}
    world.settings["server"]["quirks"] = ["gmail", "-views"]
    world.sync_same()


def test_all_is_synced_without_a_profile(world):
    del world.settings["server"]["quirks"]
    world.sync_same()


def calling_itself(name):
    """A server that answers ID as NAME's."""
    def answer(line):
        return b'* ID ("name" "%s" "vendor" "some\xc2\x9bbody")\r\n' % name if line.startswith(b"* ID (") else line
    return answer


def test_all_is_known_by_the_answer_to_id(world):
    """Neither the host's name nor the greeting tells: a Gmail behind a name of one's own."""
    del world.settings["server"]["quirks"]
    with Meddler(world) as meddler:
        meddler.answer = calling_itself(b"GImap")
        world.sync()
        assert world.here.mailboxes() == {"INBOX", "Trash"}
        (line,) = [line for line in world.run("list", "--capabilities", "--json").json() if line["type"] == "capabilities"]
        assert (line["profile"], line["profile_by"]) == ("gmail", "ID")
        world.here.remove(world.here.files("INBOX")[0])
        world.sync()
        assert not world.there.messages("INBOX") and len(world.there.messages("Trash")) == 1


def test_profile_that_check_server_shows(world):
    del world.settings["server"]["quirks"]
    found = world.run("config", "--check-server", "--json").json()[0]
    assert (found["profile"], found["profile_by"], found["id_name"]) == (None, None, "Dovecot")
    text = world.run("config", "--check-server").out
    assert "calls itself: Dovecot\n" in text and "profile:      none\n" in text
    with Meddler(world) as meddler:
        meddler.answer = calling_itself(b"Y!IMAP")
        found = world.run("config", "--check-server", "--json").json()[0]
        text = world.run("config", "--check-server").out
    assert (found["profile"], found["profile_by"], found["id_name"]) == ("yahoo", "ID", "Y!IMAP")
    assert "profile:      yahoo, by ID: " in text and "\x9b" not in text and "Y!IMAP (some" in text


def test_server_that_hangs_up_at_id_is_shown(world):
    with Meddler(world) as meddler:
        meddler.answer = lambda line: None if line.startswith(b"* ID (") else line
        found = world.run("config", "--check-server", "--json").json()[0]
    assert found["error"] is None and found["id_name"] is None and "IMAP4rev1" in found["capabilities"]
    assert (found["profile"], found["profile_by"]) == ("gmail", "server.quirks")


@pytest.mark.parametrize("words, host, profile, by", [
    (None, "imap.example.org", None, None),
    (None, "imap.gmail.com", "gmail", "host"),
    (["qq"], "imap.gmail.com", "qq", "server.quirks"),
    (["none"], "imap.gmail.com", None, "server.quirks"),
])
def test_profile_that_config_shows(world, words, host, profile, by):
    world.settings["server"].update(host=host, quirks=words or [])
    (line,) = world.run("config", "--json").json()
    assert (line["profile"], line["profile_by"]) == (profile, by)
    assert "# profile: %s" % (profile or "none") in world.run("config").out


def test_a_profile_caps_connections(make_world, like_gmail):
    world = make_world(server=like_gmail)
    for number in range(12):
        world.there.create("box%d" % number)
        world.there.append_many("box%d" % number, [(compose(), [], None) for _ in range(20)])
    with Proxy(like_gmail.tls_port) as proxy:
        world.settings["server"].update(port=proxy.port, connections=8, quirks=["qq"])
        world.sync()
    assert proxy.most <= 3
    world.assert_same()


def test_unknown_word(world):
    world.settings["server"]["quirks"] = ["gmial"]
    run = world.run("config", expect=78)
    assert "gmial" in run.err and "did you mean 'gmail'" in run.err
    world.settings["server"]["quirks"] = ["-MOV"]
    assert "did you mean '-MOVE'" in world.sync(expect=78).err


def test_capabilities_are_listed(world):
    world.settings["server"]["quirks"] = ["exchange", "-qresync"]
    lines = world.run("list", "--capabilities", "--json").json()
    assert lines[0]["type"] == "capabilities" and lines[0]["profile"] == "exchange"
    assert lines[0]["profile_by"] == "server.quirks"
    states = {line["name"]: line["state"] for line in lines[1:]}
    assert states["MOVE"] == states["QRESYNC"] == "switched off" and states["CONDSTORE"] == "used"
    assert states["SAVEDATE"] == "not used" and states["OBJECTID"] == "not announced"
    assert not {"MOVE", "QRESYNC"} & set(lines[0]["capabilities"])
    text = world.run("list", "--capabilities").out
    assert "RFC 7162" in text and "treated as exchange, by server.quirks" in text

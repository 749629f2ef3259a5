"""What the commands print: JSON line by line, tables, and never a secret."""
import base64
import json
import os
import re
import subprocess

import pytest

from mail import SEEN, compose

SECRET = "secret"


@pytest.fixture
def used(world):
    """A World after a pass, with a change of each side outstanding."""
    world.there.append("INBOX", compose(), [SEEN, "keyword"])
    world.there.create("Weird \"näme\" 😀")
    world.sync()
    world.there.append("INBOX", compose("bad \xff subject"))
    world.here.deliver("INBOX", compose())
    return world


@pytest.mark.parametrize("args", [
    ["sync"], ["plan"], ["status"], ["status", "--remote"], ["list"], ["list", "--capabilities"],
    ["config"], ["dump", "acc"],
])
def test_json_is_one_object_a_line(used, args):
    run = used.run(*args, "--json")
    objects = run.json()
    assert objects and all(isinstance(o, dict) for o in objects)
    used.run(*args)


def test_failures_are_json_too(world):
    world.here.deliver("INBOX", b"", "S")
    objects = world.sync("--json", expect=1).json()
    (failed,) = [o for o in objects if o["event"] == "failed"]
    assert failed["mailbox"] == "INBOX" and failed["reason"]
    assert objects[-1]["event"] == "summary" and objects[-1]["status"] == 1


def test_account_failures_are_json_too(world):
    world.settings["auth"]["password"] = "wrong"
    summary = world.sync("--json", expect=77).summary()
    assert summary["status"] == 77 and summary["error"]["message"]


def test_summary_counts(used):
    summary = used.sync("--json").summary()
    assert (summary["fetched"], summary["appended"], summary["status"]) == (1, 1, 0)
    assert summary["round_trips"] > 0 and summary["bytes_in"] > 0


def test_quiet_says_nothing(used):
    run = used.run("-q", "sync")
    assert run.err == ""


def test_password_is_in_no_trace(used):
    forms = [SECRET, base64.b64encode(b"\0%s\0%s" % (used.user.encode(), SECRET.encode())).decode(),
             base64.b64encode(SECRET.encode()).decode()]
    for mechanism in (None, "PLAIN", "LOGIN"):
        if mechanism:
            used.settings["auth"]["mechanisms"] = [mechanism]
        run = used.run("--debug", "all", "sync")
        assert "INBOX" in run.err  # it is a trace
        for form in forms:
            assert form not in run.err + run.out, run
    run = used.run("config")
    assert SECRET not in run.out + run.err
    for folder, _, files in os.walk(used.state):
        for name in files:
            with open(os.path.join(folder, name), "rb") as file:
                assert SECRET.encode() not in file.read(), name


def test_trace_gives_no_means_to_try_passwords_out(used):
    """What a server sends in a SCRAM login (RFC 5802: salt, count, signature) tells right guesses from wrong ones."""
    run = used.run("--debug", "imap", "sync")
    assert "AUTHENTICATE SCRAM-SHA-256 (hidden)" in run.err
    challenges = re.findall(r" < \+ ?(.*)", run.err)
    assert challenges and set(challenges) <= {"", "(hidden)"}, run


def test_status_needs_no_server(used):
    used.settings["auth"]["password"] = "wrong"  # it would not get far
    run = used.run("status")
    assert "INBOX" in run.out


def test_list_shows_both_sides(used):
    used.here.create("only here")
    used.there.create("only there")
    boxes = {o["mailbox"]: o for o in used.run("list", "--json").json()}
    assert boxes["only here"]["here"] and not boxes["only here"]["there"]
    assert boxes["only there"]["there"] and not boxes["only there"]["here"]
    assert boxes["INBOX"]["here"] and boxes["INBOX"]["there"]


def test_config_shows_every_key(used):
    (account,) = used.run("config", "--json").json()
    assert account["auth.password"] and "auth.oauth.client_secret" in account
    assert [key for key, value in account.items() if SECRET in json.dumps(value)] == []


def test_control_bytes_are_not_printed(world):
    world.here.deliver("esc\x1b[31m", compose())  # which this server does not take
    for args in (["plan"], ["sync"], ["status"], ["list"]):
        run = world.run(*args, expect=None)
        assert "[31m" in run.out + run.err or args == ["status"]
        assert "\x1b" not in run.out + run.err


def test_several_accounts_at_once(make_world):
    worlds = [make_world(account="acc%d" % n) for n in range(4)]
    for w in worlds:
        w.there.append_many("INBOX", [(compose(), [], 1) for _ in range(20)])
        w.here.deliver("INBOX", compose(), "S")
    first = worlds[0]
    first.neighbours = worlds[1:]
    run = first.sync("--json")
    assert {o["account"] for o in run.json() if o["event"] == "summary"} == {w.account for w in worlds}
    for w in worlds:
        w.assert_same()
    run = first.sync("acc1", "acc2", "--json")
    assert {o["account"] for o in run.json() if o["event"] == "summary"} == {"acc1", "acc2"}


def test_one_bad_account_does_not_stop_the_others(make_world):
    good, bad = make_world(account="good"), make_world(account="bad")
    bad.settings["auth"]["password"] = "wrong"
    good.there.append("INBOX", compose())
    good.neighbours = [bad]
    good.sync(expect=77)
    good.assert_same()


@pytest.mark.parametrize("closed", ["0", "1", "2", "01", "012"])
def test_standard_files_that_are_closed(world, closed):
    """Nothing that is printed gets into a file that was opened in their place."""
    world.there.append("INBOX", compose())
    world.settings["auth"] = {"user": world.user, "password_command": ["sh", "-c", "echo >&2; echo " + world.server.password]}
    world.write_config()
    shut = " ".join("%s>&-" % fd for fd in closed)
    run = subprocess.run(["sh", "-c", 'exec "$0" sync --json --debug all ' + shut, world.program], cwd=world.tmp,
                         env=world._environment(), stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert run.returncode == (74 if "1" in closed else 0), run
    if closed == "1":
        assert b"can't write to standard output: Bad file descriptor" in run.stderr
    for folder, _, names in os.walk(world.state):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                assert b"conn 1" not in file.read(), name
    assert os.path.getsize(os.path.join(world.state, "lock")) == 0
    world.settings["auth"] = {"user": world.user, "password": world.server.password}
    world.assert_same()
    world.assert_noop()

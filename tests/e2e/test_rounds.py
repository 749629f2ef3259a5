"""How often the server is waited for, and how many commands it takes: counts that do not grow with the mail."""
import os
import re
import sys

import pytest

from mail import SEEN, compose
from test_scale import fill, settle

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
from latency import Latency  # noqa: E402


def commands(run):
    """What was said to the server, without tags."""
    return [re.sub(r".* conn \d+ > \S+ ", "", line) for line in run.err.splitlines() if re.search(r" conn \d+ > ", line)]


def test_nothing_to_do_in_a_hundred_mailboxes(world):
    for number in range(100):
        world.there.create("box%d" % number)
        world.there.append("box%d" % number, compose())
    world.there.close()
    with Latency(world.server.tls_port, 0.005) as line:
        world.settings["server"]["port"] = line.port
        world.sync("-q")
        settle(world)
        before = line.round_trips
        world.sync()
        assert line.round_trips - before <= 6, "TLS and login included"
        assert not [c for c in commands(world.run("--debug", "imap", "sync")) if c.startswith("SELECT")]


def test_first_pull_of_many_mailboxes_waits_for_few_answers(world):
    """The next mailboxes are asked for while one is fetched."""
    for number in range(60):
        world.there.create("box%d" % number)
        world.there.append_many("box%d" % number, [(compose(), [SEEN], 1000) for _ in range(3)])
    world.settings["server"]["connections"] = 1
    summary = world.sync("--json").summary()
    assert summary["fetched"] == 180
    assert summary["round_trips"] < 30, summary
    world.assert_same()
    world.assert_noop()


def test_mailbox_in_line_that_needs_more(world):
    """One in the line holds a file already, one is gone meanwhile: those behind them come all the same."""
    for number in range(20):
        world.there.create("box%02d" % number)
        world.there.append("box%02d" % number, compose(), [SEEN])
    world.here.create("box07")
    world.here.deliver("box07", compose())
    world.settings["server"]["connections"] = 1
    world.sync_same()


@pytest.mark.parametrize("side", ["there", "here"])
def test_commands_for_flags_do_not_grow(world, side):
    """Half of the flags change, in a mailbox that grows: as many commands as before."""
    counts = []
    for size in (100, 1000):
        fill(world, "INBOX", size - (counts and 100 or 0))
        settle(world)
        if side == "there":
            world.there.store("INBOX", world.there.uids("INBOX")[:size // 2], "+FLAGS", ["\\Flagged"])
        else:
            for file in sorted(world.here.files("INBOX"), key=lambda f: f.name)[:size // 2]:
                world.here.flag(file, "".join(sorted(set(file.letters) | {"F"})))
        counts.append(len(commands(world.run("--debug", "imap", "sync"))))
        world.assert_same()
    assert counts[1] <= counts[0] + 1, counts

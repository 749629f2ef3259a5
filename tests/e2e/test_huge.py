"""Mailboxes, accounts and messages of a size that no real server is filled with for a test (I7): a server that makes its
mail up stands there instead. `make soak` takes the full sizes.
"""
import os
import resource
import time

import pytest

from hugeserver import HugeServer
from mail import compose
from world import CRASHING, World

SOAK = os.environ.get("GODWIT_SOAK") == "1"
MIB = 1024  # of what a run's peak is counted in
RUNGS = [("plain", 2), ("qresync", 1)]


class Account(World):
    """Between a HugeServer and a Maildir."""

    def __init__(self, huge, tmp):
        huge.tls_port, huge.ca_file, huge.password = huge.port, "", "secret"
        super().__init__(huge, tmp, "user")
        self.settings["server"] = {**huge.settings(), "retry": "10s", "timeout": "60s"}

    def count(self):
        return sum(len(files) for folder, _, files in os.walk(self.here.root) if folder.endswith(("cur", "new")))


def peaks(tmp_path, count, rung, stride):
    """KiB of a first pass, of one that looks at everything, and of one for a flag."""
    with HugeServer({"INBOX": count}, rung, stride) as server:
        account = Account(server, tmp_path / str(count))
        first = account.sync("-q")
        assert account.count() == count
        time.sleep(2.1)  # directory times younger than 2 s are not trusted
        second = account.sync("-q")
        server.flag(7 * stride)
        third = account.sync("-q", "--json").summary()
        assert (third["fetched"], third["flags_here"], third["deleted_here"]) == (0, 1, 0)
        return max(first.peak_kib, second.peak_kib)


@pytest.mark.plain_build
@pytest.mark.parametrize("rung, stride", RUNGS)
def test_memory_of_a_huge_mailbox(tmp_path, rung, stride):
    """Every other UID is missing where STRIDE is 2: then sets of UIDs are as long as the mailbox."""
    if SOAK:
        assert peaks(tmp_path, 1000000, rung, stride) <= 64 * MIB
        return
    small, big = peaks(tmp_path, 10000, rung, stride), peaks(tmp_path, 50000, rung, stride)
    assert big - small < 14 * MIB, (small, big)


@pytest.mark.plain_build
@pytest.mark.parametrize("rung, stride", RUNGS)
def test_thousands_of_mailboxes(tmp_path, rung, stride):
    """More than there are descriptors for."""
    count = 5000 if SOAK else 300
    mailboxes = {"INBOX": 1, **{"box%d" % number: 2 for number in range(count)}}
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with HugeServer(mailboxes, rung, stride) as server:
        account = Account(server, tmp_path)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (1024 if SOAK else 600, hard))
            first = account.sync("-q")
            assert account.count() == 2 * count + 1
            time.sleep(2.1)
            account.sync("-q")
            server.flag(stride)
            summary = account.sync("-q", "--json").summary()
            assert (summary["fetched"], summary["flags_here"]) == (0, count + 1)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert first.peak_kib < 40 * MIB


@pytest.mark.plain_build
@pytest.mark.skipif(not SOAK, reason="a gigabyte each way; test_scale.py does the same with less")
def test_a_message_of_a_gigabyte(tmp_path):
    size = 1 << 30
    with HugeServer({"INBOX": 1, "Sent": 0}, filler=size) as server:
        account = Account(server, tmp_path)
        down = account.sync("-q")
        (file,) = [os.path.join(account.here.folder("INBOX"), "cur", name)
                   for name in os.listdir(os.path.join(account.here.folder("INBOX"), "cur"))]
        assert size * 0.98 < os.path.getsize(file) < size  # LF for CRLF
        os.rename(file, os.path.join(account.here.folder("Sent"), "cur", "1.big:2,S"))
        account.run("sync", "acc/Sent", "-q")
        assert server.appended > size
        assert down.peak_kib < 40 * MIB


def test_nothing_to_do_waits_for_no_disk(world, tmp_path):
    world.there.append("INBOX", compose())
    world.sync()
    time.sleep(2.1)
    world.sync()
    world.program = CRASHING
    world.environment.update(GODWIT_WATCH="%s:%s" % (world.home, world.here.root), GODWIT_STEPS=str(tmp_path / "steps"))
    world.sync()
    assert (tmp_path / "steps").read_text().split()[1] == "0"
    world.here.flag(world.here.files("INBOX")[0], "F")
    world.sync()
    assert (tmp_path / "steps").read_text().split()[1] != "0"

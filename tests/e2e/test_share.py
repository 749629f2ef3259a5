"""One mailbox with much that is new, over a line that limits each connection: idle connections help to fetch it, and
whatever happens to them or to the one that shares it out, every message is here once in the end.
"""
import os
import re
import signal
import time

import pytest

from mail import SEEN, compose
from meddler import Meddler
from proxy import Proxy

COUNT = 2000
TEXT = "a line of text that is here to be fetched\n" * 40


class Narrow(Proxy):
    """Half a megabyte a second for each connection. SPARED by the limits of bytes: "first" or "others"."""

    def __init__(self, target, spared=None):
        super().__init__(target)
        self.rate, self.spared = 1 << 19, spared

    def _limits(self):
        first = self.opened == 1
        if self.spared == ("first" if first else "others"):
            return None, None
        return super()._limits()


@pytest.fixture
def big(world):
    for at in range(0, COUNT, 500):
        world.there.append_many("INBOX", [(compose(body=TEXT), [SEEN], 1000 + at + i) for i in range(500)])
    world.settings["server"]["compress"] = "no"
    return world


def sync_through(world, proxy):
    world.settings["server"]["port"] = proxy.port
    run = world.sync("-v")
    world.settings["server"]["port"] = world.server.tls_port
    return run


def assert_whole(world):
    assert len(world.here.files("INBOX")) == COUNT
    world.assert_same()
    world.assert_noop()
    assert world.run("check").status == 0


def test_others_help(big):
    big.settings["server"]["connections"] = 3
    with Narrow(big.server.tls_port) as proxy:
        run = sync_through(big, proxy)
        assert 1 < proxy.most <= 3, run
        assert proxy.received < 2 * COUNT * len(TEXT), "messages were fetched twice"
    assert_whole(big)


@pytest.mark.parametrize("spared", ["first", "others"])
def test_connections_are_cut(big, spared):
    """Those that help, again and again, after so many bytes; or the one that shares out, once."""
    with Narrow(big.server.tls_port, spared) as proxy:
        proxy.cut_after = 600000
        run = sync_through(big, proxy)
        assert proxy.opened > (2 if spared == "first" else 1), run
    assert_whole(big)


def test_killed(big):
    with Narrow(big.server.tls_port) as proxy:
        big.settings["server"]["port"] = proxy.port
        proxy.rate = 1 << 18
        begun = big.start("sync")
        while begun[0].poll() is None and (proxy.most < 2 or not os.path.isdir(big.here.root) or
                                           not big.here.files("INBOX")):
            time.sleep(0.01)
        os.kill(begun[0].pid, signal.SIGKILL)
        assert big.finish(begun).status == -signal.SIGKILL
    big.settings["server"]["port"] = big.server.tls_port
    assert 0 < len(big.here.files("INBOX")) < COUNT
    big.sync()
    assert_whole(big)


def test_another_mailbox_under_this_name(big):
    """A connection that helps sees another UIDVALIDITY: what it would fetch may be something else."""
    validity = re.compile(rb"(\* OK \[UIDVALIDITY )(\d+)")
    seen = []

    def answer(line):
        if validity.match(line):
            seen.append(line)
            if len(seen) > 1:
                return validity.sub(rb"\g<1>4711", line)
        if b"BODY[]" in line:
            time.sleep(0.0025)
        return line

    with Meddler(big) as meddler:
        meddler.answer = answer
        run = big.sync("-v")
        assert len(seen) > 1 and "can't help: another mailbox" in run.err, run
        assert meddler.bodies == COUNT, "only the one that saw the right mailbox fetched"
    assert_whole(big)


def test_a_message_that_is_not_sent(big):
    """One that a helper asks for in vain is asked for by the owner once more, and noted."""
    def answer(line):
        if b"BODY[]" in line:
            time.sleep(0.0025)
        return line

    with Meddler(big) as meddler:
        meddler.answer, meddler.swallow = answer, COUNT - 5
        run = big.sync(expect=1)
        assert run.err.count("message %d" % (COUNT - 5)) == 1
        assert meddler.verbs.count("SELECT") > 1, "nobody helped"
        assert len(big.here.files("INBOX")) == COUNT - 1
        meddler.swallow = None
        big.sync("--retry")
    assert_whole(big)

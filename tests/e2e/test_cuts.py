"""The connection is cut after so many bytes, on the way there or back, in each kind of work. The pass goes on by
itself on another connection; in the end both sides are as if nothing had happened.
"""
import os

import pytest

from proxy import Proxy
from test_crash import WORK, count, Bench

CASES = 400 if os.environ.get("GODWIT_SOAK") else 12


class Line(Bench):
    """Worlds that reach the server through a proxy."""

    def prepare_behind(self, proxy):
        world, expected = self.prepare()
        world.settings["server"]["port"] = proxy.port
        return world, expected

    def measure(self, proxy, direction):
        world, _ = self.prepare_behind(proxy)
        before = getattr(proxy, direction)
        world.sync()
        return getattr(proxy, direction) - before

    def cut(self, proxy, direction, after):
        world, expected = self.prepare_behind(proxy)
        setattr(proxy, "cut_after" if direction == "received" else "cut_sent", after)
        proxy.cuts = 1
        run = world.sync(expect=None)
        proxy.cut_after = proxy.cut_sent = None
        # Cut before the login was over, the pass has not begun.
        assert run.status in (0, 75), "%s %d: %s" % (direction, after, run)
        try:
            world.sync()
            world.sync()
            world.assert_same(dates=self.work.__name__ != "adoption")
            world.assert_noop()
            assert count(world.there) == expected and count(world.here) == expected
        except AssertionError as problem:
            raise AssertionError("%s %d, then: %s" % (direction, after, problem)) from problem
        world.close()
        return run.status


@pytest.mark.parametrize("direction", ["received", "sent"])
@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
def test_cut_after_some_bytes(make_world, server, tmp_path, work, direction):
    line = Line(make_world, work, tmp_path)
    with Proxy(server.tls_port) as proxy:
        total = line.measure(proxy, direction)
        assert total > 500
        statuses = [line.cut(proxy, direction, after) for after in range(1, total, max(1, total // CASES))]
        assert 0 in statuses, "no pass went on by itself"

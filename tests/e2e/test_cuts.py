"""The connection is cut after so many bytes, on the way there or back, in each kind of work. The pass goes on by
itself on another connection; in the end both sides are as if nothing had happened.
"""
import pytest

from lanes import SOAK, run_cases, run_lanes, thin
from proxy import Proxy
from work import WORK

DONE, RETRY = 0, 75


@pytest.fixture(scope="module")
def lanes():
    """Each reaches the server through a proxy of its own."""
    with run_lanes(6) as found:
        yield found


def behind(lane, proxy):
    lane.settings["server"]["port"] = proxy.port


def measure(lane, work, direction):
    lane.prepare(work)
    with Proxy(lane.server.port) as proxy:
        behind(lane, proxy)
        lane.disturbed()
        return getattr(proxy, direction)


@pytest.mark.parametrize("direction", ["received", "sent"])
@pytest.mark.parametrize("work", [work for work in WORK if work.command == ("sync",)], ids=lambda work: work.name)
def test_cut_after_some_bytes(lanes, work, direction, record_property):
    total = measure(lanes[0], work, direction)
    assert total > 300
    statuses = set()

    def one(lane, case):
        with Proxy(lane.server.port) as proxy:
            setattr(proxy, "cut_after" if direction == "received" else "cut_sent", int(case.split()[1]))
            proxy.cuts = 1
            behind(lane, proxy)
            run = lane.disturbed()
            # Cut before the login was over, the pass has not begun.
            assert run.status in (DONE, RETRY), "%s %s %s" % (run.status, run.out, run.err)
            statuses.add(run.status)
        lane.settings["server"]["port"] = lane.port
        lane.assert_recovers()
        return 1

    cases = ["%s %d" % (direction, after) for after in thin(range(1, total), 1500 if SOAK else 24)]
    assert run_cases(lanes, work, cases, one, record_property) == 1 or DONE in statuses, "no pass went on by itself"

"""The power is cut at every sync of each kind of work: what was not synced by then is gone, or partly gone (disk.py).
godwit goes on from what is left of Maildir and state, with the server as it was at that moment; the next pass ends
where an undisturbed one ends, and the one after it has nothing to do.
"""
import os
import random

import pytest

from disk import Disk
from lanes import SOAK, run_cases, run_lanes
from work import WORK

SEED = int(os.environ.get("GODWIT_SEED", "1"))
# Of what was not synced: nothing, the names but no bytes, or some of it, by chance.
IMAGES = ["nothing", "names"] + list(range(40 if SOAK else 3))


@pytest.fixture(scope="module")
def lanes():
    with run_lanes() as found:
        yield found


def cut(lane, sync):
    """Run until the power goes; the disk after that, or None if the run came to its end before."""
    disk = Disk(lane.disk)
    run = lane.disturbed("kill-sync %d" % sync, record=True)
    assert run.status in (-9, 0), run
    disk.replay(lane.record)
    lane.save("cut")
    return disk if run.status == -9 else None


def write_image(disk, what, sync):
    chance = random.Random("%d %d %s" % (SEED, sync, what))
    if what == "nothing":
        disk.write_image()
    elif what == "names":
        disk.write_image(names=1)
    else:
        disk.write_image(chance, names=chance.choice([0.3, 0.7, 0.9]), data=True)


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.name)
def test_power_cut_at_every_sync(lanes, work, record_property):
    _, syncs, _ = lanes[0].steps(work)
    assert syncs >= 1, "nothing is made durable"

    def one(lane, sync):
        disk = cut(lane, sync)
        for what in IMAGES if disk else ():
            lane.restore("cut", disk=False)
            write_image(disk, what, sync)
            try:
                lane.assert_recovers()
            except AssertionError as problem:
                raise AssertionError("GODWIT_SEED=%d, image %s: %s" % (SEED, what, problem)) from problem
        return len(IMAGES) if disk else 0

    assert run_cases(lanes, work, range(1, syncs + 1), one, record_property) > 0

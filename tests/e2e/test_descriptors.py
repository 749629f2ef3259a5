"""More mailboxes with something to do than there are descriptors for."""
import os
import resource

import pytest

from mail import compose

BOXES = 130  # a folder takes four descriptors
MOST = 500
NAMES = ["box%d" % n for n in range(BOXES)]


@pytest.fixture
def limited(world):
    """limited() runs a pass with few descriptors over mailboxes that hold four messages each."""
    for name in ["to"] + NAMES:
        world.here.create(name)
    for name in NAMES:
        for n in range(4):
            world.here.deliver(name, compose("%d of %s" % (n, name)), "")
    world.sync()

    def run(*args):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (MOST, hard))
        try:
            begun = world.start("sync", "--json", *args)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        run = world.finish(begun)
        assert run.status == 0, run
        return run.summary()

    return run


def test_moves_and_deletions(world, limited):
    for name in NAMES:
        moved, deleted = world.here.files(name)[:2]
        os.rename(moved.path, os.path.join(world.here.folder("to"), "cur", os.path.basename(moved.path)))
        world.here.remove(deleted)
    summary = limited()
    assert (summary["moved_there"], summary["deleted_there"], summary["appended"]) == (BOXES, BOXES, 0)

    for name in NAMES:
        moved, deleted = world.there.uids(name)
        world.there.move(name, moved, "to")
        world.there.expunge(name, deleted)
    summary = limited("--approve")
    assert (summary["moved_here"], summary["deleted_here"], summary["fetched"]) == (BOXES, BOXES, 0)
    world.assert_same()

"""Messages that a side refuses: each is noted, named once in every pass, listed by status, and stops nothing else; it
is tried again when it or the server changes, or when --retry asks for it.
"""
import os
import re
import resource
import shutil
import stat

import pytest

from mail import FLAGGED, SEEN, compose
from meddler import Meddler
from world import GODWIT


def base_of(path):
    return os.path.basename(path).partition(":")[0]


def pending(world):
    return [o for o in world.run("status", "--json").json() if o["type"] == "pending"]


def assert_waits(world, *names, count=1):
    """A pass that names each of NAMES once, counts them, and ends with 1; `status` lists them."""
    run = world.sync(expect=1)
    for name in names:
        assert len([line for line in run.err.splitlines() if name in line]) == 1, run
    assert [(o["count"] >= count) for o in pending(world)] == [True] * len(names)
    return run


def assert_solved(world):
    world.sync()
    assert pending(world) == []
    world.assert_same(dates=False)
    world.assert_noop()


# ---- the server refuses ----

def test_many_refused_files_are_closed(world):
    """However many the server refuses: they don't use up the descriptors."""
    for _ in range(300):
        world.here.deliver("INBOX", b"", "S", 1000)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
    try:
        run = world.sync(expect=1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert len(pending(world)) == 300 and "Too many" not in run.err


def test_refused_upload_goes_on_being_told(world):
    path = world.here.deliver("INBOX", b"", "S", 1000)
    world.here.deliver("INBOX", compose(), "S", 1000)
    run = world.sync(expect=1)
    assert run.err.count(base_of(path)) == 1
    assert len(world.there.messages("INBOX")) == 1
    for _ in range(2):
        before = world.there.snapshot()
        run = assert_waits(world, base_of(path))
        assert "--retry" in run.err and world.there.snapshot() == before
    (entry,) = pending(world)
    assert entry["operation"] == "append" and entry["file"] == base_of(path) and entry["count"] == 1
    assert base_of(path) in world.run("status").out
    world.sync("--retry", expect=1)
    assert pending(world)[0]["count"] == 2
    summary = world.sync("--json", expect=1).summary()
    assert (summary["failed"], summary["waiting"], summary["appended"]) == (0, 1, 0)


def test_refused_upload_is_tried_again_when_the_file_changes(world):
    path = world.here.deliver("INBOX", b"", "S", 1000)
    world.sync(expect=1)
    with open(path, "wb") as file:
        file.write(compose())
    os.rename(path, path + "F")  # a change within a file alone is seen by --retry, or with the next change beside it
    assert_solved(world)


@pytest.mark.parametrize("how", ["removed", "renamed"])
def test_refused_file_goes_away(world, how):
    path = world.here.deliver("INBOX", b"", "S", 1000)
    world.sync(expect=1)
    if how == "removed":
        os.unlink(path)
        assert_solved(world)
    else:
        os.rename(path, path.replace(base_of(path), "another.name"))
        world.sync(expect=1)
        (entry,) = pending(world)
        assert entry["file"] == "another.name"


def test_too_big_for_the_server(world):
    """The server says beforehand how much it takes; when it takes more, the message goes up by itself."""
    limit = re.compile(rb"(\* CAPABILITY|\[CAPABILITY)([^\]\r]*)")
    body = compose(body="line of text\n" * 500)
    path = world.here.deliver("INBOX", body, "S", 1000)
    world.here.deliver("INBOX", compose(), "S", 1000)
    with Meddler(world) as meddler:
        meddler.answer = lambda line: limit.sub(rb"\1\2 APPENDLIMIT=2000", line)
        run = world.sync(expect=1)
        assert "2000" in run.err and base_of(path) in run.err
        assert_waits(world, base_of(path))
        assert pending(world)[0]["count"] == 1 and meddler.verbs.count("APPEND") == 1
        meddler.answer = lambda line: line
        assert_solved(world)


# ---- the server does not send ----

@pytest.fixture
def unsent(world):
    """Three messages of which the server does not send the second."""
    for _ in range(3):
        world.there.append("INBOX", compose(), [SEEN], 1000)
    with Meddler(world) as meddler:
        meddler.swallow = 2
        world.meddler = meddler
        yield world


def test_not_sent(unsent):
    world = unsent
    run = world.sync(expect=1)
    assert "message 2" in run.err
    assert len(world.here.files("INBOX")) == 2 and len(world.there.messages("INBOX")) == 3
    assert_waits(world, "message 2")
    (entry,) = pending(world)
    assert (entry["operation"], entry["uid"], entry["count"]) == ("fetch", 2, 1)
    world.sync("--retry", expect=1)
    assert pending(world)[0]["count"] == 2
    # It is not here, but that was not its deletion.
    world.there.store("INBOX", 2, "+FLAGS", [FLAGGED])
    world.sync(expect=1)
    assert len(world.there.messages("INBOX")) == 3
    world.meddler.swallow = None
    world.sync("--retry")
    assert_solved(world)
    assert len(world.here.files("INBOX")) == 3


def test_not_sent_and_deleted_there(unsent):
    world = unsent
    world.sync(expect=1)
    world.there.expunge("INBOX", 2)
    assert_solved(world)


# ---- the disk refuses ----

@pytest.fixture
def unprivileged(world, tmp_path):
    """godwit, if we are root, without root's right to read everything."""
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("needs setpriv")
        program = tmp_path / "godwit"
        program.write_text("#!/bin/sh\nexec setpriv --bounding-set=-dac_override,-dac_read_search %s \"$@\"\n" % GODWIT)
        program.chmod(0o755)
        world.program = str(program)
    return world


def test_file_that_can_not_be_read(unprivileged):
    world = unprivileged
    path = world.here.deliver("INBOX", compose(), "S", 1000)
    world.here.deliver("INBOX", compose(), "S", 1000)
    gone = world.there.append("INBOX", compose())
    os.chmod(path, 0)
    run = world.sync(expect=1)
    assert base_of(path) in run.err and "ermission" in run.err
    assert len(world.there.messages("INBOX")) == 2
    world.there.expunge("INBOX", gone)
    world.here.deliver("INBOX", compose(), "S", 1000)
    assert_waits(world, base_of(path))
    assert len(world.here.files("INBOX")) == 3 and len(world.there.messages("INBOX")) == 2
    os.chmod(path, stat.S_IRUSR)  # nothing was wrong with the message itself
    assert_solved(world)


def test_file_name_that_can_not_grow(world):
    """Its name has no room for another flag: only this message stays behind."""
    body = compose()
    world.here.deliver("INBOX", body, "", 1000, base="x" * 250)
    world.here.deliver("INBOX", compose(), "", 1000)
    world.sync()
    world.there.store("INBOX", world.there.uids("INBOX"), "+FLAGS", [SEEN, FLAGGED, "\\Answered"])
    run = world.sync(expect=1)
    assert "too long" in run.err
    assert sorted(file.letters for file in world.here.files("INBOX")) == ["", "FRS"]
    assert len(pending(world)) == 1
    world.sync(expect=1)
    assert len(pending(world)) == 1
    world.there.store("INBOX", world.there.find("INBOX", body), "-FLAGS", [SEEN, FLAGGED, "\\Answered"])
    assert_solved(world)


def test_flags_that_the_server_refuses(world):
    world.there.append("INBOX", compose(), [], 1000)
    world.there.append("INBOX", compose(), [], 1000)
    world.sync()
    with Meddler(world) as meddler:
        meddler.answer = lambda line: re.sub(rb"^(\S+) OK (.*[Ss]tore)", rb"\1 NO [CANNOT] \2", line)
        for file in world.here.files("INBOX"):
            world.here.flag(file, "F")
        run = world.sync(expect=1)
        assert "refuses the flags" in run.err
        assert len(pending(world)) == 2
    assert_solved(world)


def test_check_and_plan_go_on(world):
    """Neither is stopped by what waits, and check names it."""
    path = world.here.deliver("INBOX", b"", "S", 1000)
    world.sync(expect=1)
    assert base_of(path) in world.run("check", expect=1).out
    assert "nothing to do" in world.run("plan").out

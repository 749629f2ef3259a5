"""Who stops in the middle: the server, or we, by a signal or two."""
import os
import signal
import time

import pytest

from bender import Bender
from mail import SEEN, compose
from server_dovecot import Dovecot


def fill(world, boxes=3, count=60, size=2000):
    for number in range(boxes):
        world.there.create("box%d" % number)
        world.there.append_many("box%d" % number, [(compose(body="x" * size), [SEEN], 1000) for _ in range(count)])
        world.here.deliver("made here %d" % number, compose(), "S")


def test_server_restarts(make_world):
    """Killed and started again while messages come: the same pass gets them all."""
    with Dovecot() as server:
        world = make_world(server=server)
        world.settings["server"]["retry"] = "60s"
        fill(world)
        world.there.close()
        with Bender(server.port) as bender:
            bender.behind(world)
            rule = bender.command("UID FETCH .*BODY", lambda session, tag, text: time.sleep(0.3), times=20)
            begun = world.start("sync")
            while not rule.used:
                time.sleep(0.01)
            server.stop()
            time.sleep(1)
            server.start()
            run = world.finish(begun)
        assert run.status == 0, run
        world.settings["server"].update(port=server.port)
        world.assert_same()
        world.assert_noop()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("what", ["SELECT", "UID FETCH .*BODY", "APPEND"])
def test_signal(make_world, dovecot, what, number, times):
    """One: at the next safe point, with a word. Two: at once. The next pass goes on from there."""
    world = make_world()
    fill(world, count=20)
    if times == 2:  # whoever ends at once waits for no thread: not what the thread sanitizer should complain of
        world.environment["TSAN_OPTIONS"] = os.environ.get("TSAN_OPTIONS", "") + ":report_thread_leaks=0"
    with Bender(dovecot.port) as bender:
        bender.behind(world)
        rule = bender.silence(what, times=None)
        begun = world.start("sync")
        while not rule.used:
            time.sleep(0.01)
        begin = time.monotonic()
        begun[0].send_signal(number)
        if times == 2:
            begun[0].send_signal(number)
        run = world.finish(begun)
        assert time.monotonic() - begin < 15, "it waited for a silent server"
        assert run.status in ((75,) if times == 1 else (75, 128 + number)), run
        assert times == 2 or "stopped on request" in run.err, run
        bender.on_command.clear()
        world.sync()
        world.sync()  # an upload in doubt was paired
        world.assert_same()
        world.assert_noop()

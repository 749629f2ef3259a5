"""What some servers and providers do that none of our servers does, or not at will: acted out before Dovecot."""
import re

import pytest

from bender import Bender
from mail import compose


@pytest.fixture
def bender(dovecot):
    with Bender(dovecot.port) as bender:
        yield bender


@pytest.fixture
def world(make_world, bender):
    world = make_world()
    bender.behind(world)
    return world


def frozen(session, unit):
    """What a session is shown that never hears of messages that come after its SELECT. (UIDs and numbers are equal.)"""
    if unit.startswith(b"* FLAGS"):  # an answer to SELECT begins
        session.shown = None
    elif b" EXISTS" in unit:
        if session.shown is not None:
            return b""
        session.shown = int(unit.split()[1])
    if unit.startswith(b"* SEARCH"):
        return b" ".join(w for w in unit.split() if not w.isdigit() or int(w) <= session.shown) + b"\r\n"
    if b" FETCH (" in unit and int(unit.split()[1]) > session.shown:
        return b""
    return unit.replace(b" [APPENDUID", b" [X-NOTHING")


def test_uploads_that_only_a_fresh_select_shows(world, bender):
    """GNU mailutils: no UIDPLUS, and no news of what came after the SELECT."""
    world.settings["server"]["quirks"] = ["-UIDPLUS", "-ESEARCH", "-CONDSTORE", "-QRESYNC"]
    for letters in ("", "S", "FS"):
        world.here.deliver("INBOX", compose(), letters)
    bender.rewrite(rb"^\* (\d+ (EXISTS|FETCH)|SEARCH|FLAGS)|APPENDUID", frozen)
    run = world.sync("--json")
    assert run.summary()["appended"] == 3 and "waiting" not in run.err, run
    world.assert_same()
    world.assert_noop()

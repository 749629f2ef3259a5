"""Fixtures of the end-to-end tests. README.md in the folder above says how to run one."""
import itertools
import os

import pytest

import debs
from server_dovecot import Dovecot
from world import GODWIT, SANITIZER, World

_users = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes long; runs in `make soak`")
    config.addinivalue_line("markers", "plain_build: says nothing about a sanitizer's build")
    if not os.access(GODWIT, os.X_OK):
        pytest.exit("%s is missing: make all" % GODWIT, returncode=2)


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("soak") and not os.environ.get("GODWIT_SOAK"):
            item.add_marker(pytest.mark.skip(reason="takes long: make soak"))
        if item.get_closest_marker("plain_build") and SANITIZER:
            item.add_marker(pytest.mark.skip(reason="measures, which a sanitizer distorts"))


def run_server(**settings):
    """A running Dovecot; the tests are skipped if it can't be had."""
    try:
        with Dovecot(**settings) as server:
            yield server
    except debs.Unavailable as reason:
        pytest.skip("NO SERVER TO TEST WITH: %s" % reason)


@pytest.fixture(scope="session")
def dovecot():
    """The server that all tests of a file share; every test has users of its own."""
    yield from run_server()


@pytest.fixture
def make_world(dovecot, tmp_path):
    """make_world(account="acc", layout="nested", server=dovecot): a World with a fresh user."""
    worlds = []

    def make(server=None, **how):
        world = World(server or dovecot, tmp_path, "user%d" % next(_users), **how)
        worlds.append(world)
        return world

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(make_world):
    return make_world()


@pytest.fixture(params=["nested", "maildir++"])
def layout_world(request, make_world):
    """A World for each layout of the Maildir."""
    return make_world(layout=request.param)

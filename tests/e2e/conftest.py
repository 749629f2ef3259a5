"""Fixtures of the end-to-end tests. README.md in the folder above says how to run one."""
import functools
import itertools
import os
import subprocess

import pytest

import debs
from bender import Bender
from servers import CLASSES, MISSING, TRAITS
from world import GODWIT, SANITIZER, World

HERE = os.path.dirname(os.path.abspath(__file__))
WANTED = os.environ.get("GODWIT_SERVERS", "dovecot").split()
_users = itertools.count(1)


def pytest_configure(config):
    config.addinivalue_line("markers", "soak: takes long; runs in `make soak`")
    config.addinivalue_line("markers", "plain_build: says nothing about a sanitizer's build")
    config.addinivalue_line("markers", "needs(TRAIT): only servers of which servers.py says so")
    if not config.option.collectonly and not os.access(GODWIT, os.X_OK):
        pytest.exit("%s is missing: make all" % GODWIT, returncode=2)


def runs_here(item):
    """Is there a server for ITEM among those asked for? What needs none runs with Dovecot's."""
    if "server" in item.fixturenames:
        return hasattr(item, "callspec") and item.callspec.params.get("server") in WANTED
    return "dovecot" in WANTED


def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if runs_here(item)]
    for item in items:
        if item.get_closest_marker("soak") and not os.environ.get("GODWIT_SOAK"):
            item.add_marker(pytest.mark.skip(reason="takes long: make soak"))
        if item.get_closest_marker("plain_build") and SANITIZER:
            item.add_marker(pytest.mark.skip(reason="measures, which a sanitizer distorts"))
        for mark in item.iter_markers("needs"):
            name = item.callspec.params["server"]
            if not getattr(TRAITS[name], mark.args[0]):
                item.add_marker(pytest.mark.skip(reason="%s: no %s: %s" % (name, mark.args[0], MISSING.get(mark.args[0], "can't be tried"))))


def pytest_generate_tests(metafunc):
    """A test runs against each of $GODWIT_SERVERS that its file lists as SERVERS (default: Dovecot only)."""
    if "server" in metafunc.fixturenames:
        names = [name for name in getattr(metafunc.module, "SERVERS", ("dovecot",)) if name in WANTED]
        metafunc.parametrize("server", names, indirect=True, scope="session")


def run_server(name="dovecot", **settings):
    """A running server; the tests are skipped, by its name, if it can't be had."""
    try:
        with CLASSES[name](**settings) as server:
            yield server
    except debs.Unavailable as reason:
        pytest.skip("NO %s TO TEST WITH: %s" % (name.upper(), reason))


@pytest.fixture(scope="session")
def server(request):
    """The server that all tests of a file share; every test has users of its own."""
    yield from run_server(request.param)


@pytest.fixture
def dovecot(server):
    """The same, for tests that speak of Dovecot only."""
    return server


@pytest.fixture
def bender(dovecot):
    with Bender(dovecot.port) as bender:
        yield bender


@pytest.fixture(scope="session")
def preload(tmp_path_factory):
    """preload("clock"): clock.c as a library for LD_PRELOAD."""
    def build(name):
        path = str(tmp_path_factory.mktemp(name) / (name + ".so"))
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", path, os.path.join(HERE, name + ".c"), "-ldl"], check=True)
        return path

    return functools.cache(build)


@pytest.fixture
def make_world(server, tmp_path):
    """make_world(account="acc", layout="nested", server=server): a World with a fresh user."""
    worlds, shared = [], server

    def make(server=None, **how):
        world = World(server or shared, tmp_path, "user%d" % next(_users), **how)
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

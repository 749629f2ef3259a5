"""Exit statuses, and what is refused."""
import copy
import os
import shutil
import signal
import socket
import threading
import time

import pytest

from mail import compose
from proxy import Proxy
from serving import make_certificate

GUARDED = 30  # messages of which the guard does not let all go


def filled(world, count=GUARDED):
    uids = world.there.append_many("INBOX", [(compose(), [], 1000 + n) for n in range(count)])
    world.sync()
    return uids


# 64 and 78: the user's own mistakes


@pytest.mark.parametrize("args", [
    [], ["nonsense"], ["sync", "--nonsense"], ["sync", "no-such-account"], ["--debug", "sync"],
    ["dump"], ["-q", "-v", "sync"],
])
def test_usage(world, args):
    run = world.run(*args, expect=64)
    assert run.err and not run.out


@pytest.mark.parametrize("change, word", [
    (lambda s: s["server"].update(hots="x"), "host"),
    (lambda s: s["server"].update(port="many"), "port"),
    (lambda s: s["server"].pop("host"), "host"),
    (lambda s: s["auth"].update(password_env="X"), "password"),
    (lambda s: s["sync"].update(direction="sideways"), "direction"),
    (lambda s: s["local"].pop("path"), "path"),
    (lambda s: s["server"].update(timeout="soon"), "timeout"),
])
def test_config_error(world, change, word):
    change(world.settings)
    run = world.sync(expect=78)
    assert "config.yaml:" in run.err and word in run.err
    assert world.settings["auth"]["password"] not in run.err


def test_no_config(world):
    path = world.write_config()
    begun = world.start("sync")
    world.finish(begun)
    world.environment["GODWIT_CONFIG"] = path + ".not-there"
    assert "not-there" in world.sync(expect=78).err


def test_broken_yaml(world):
    path = os.path.join(world.tmp, "broken.yaml")
    with open(path, "w") as file:
        file.write("accounts:\n  x: [\n")
    run = world.run("-c", path, "sync", expect=78)
    assert "broken.yaml:" in run.err


# 77: who we are, who they are


def test_wrong_password(world):
    world.settings["auth"]["password"] = "wr0ng-pa55word"
    run = world.sync(expect=77)
    assert "wr0ng" not in run.err + run.out


def test_untrusted_certificate(world):
    make_certificate(world.tmp)
    world.settings["server"]["ca_file"] = os.path.join(world.tmp, "ca.pem")
    world.sync(expect=77)


def test_certificate_of_another_name(world):
    world.settings["server"]["host"] = "127.0.0.2"
    run = world.sync(expect=None)
    assert run.status in (75, 77), run  # 75 if the server listens on 127.0.0.1 alone
    assert world.here.mailboxes() == set()


def test_starttls(world):
    world.settings["server"].update(port=world.server.port, tls="starttls")
    world.there.append("INBOX", compose())
    world.sync_same()


def test_without_tls(world):
    world.settings["server"].update(port=world.server.port, tls="none")
    world.settings["server"].pop("ca_file")
    world.there.append("INBOX", compose())
    world.sync_same()


def test_password_from_elsewhere(world):
    path = os.path.join(world.tmp, "password")
    with open(path, "w") as file:
        file.write(world.server.password + "\n")
    os.chmod(path, 0o600)
    world.there.append("INBOX", compose())
    del world.settings["auth"]["password"]
    for how in ({"password_file": path}, {"password_command": ["cat", path]}, {"password_env": "SECRET"}):
        world.settings["auth"] = dict(user=world.user, **how)
        world.environment["SECRET"] = world.server.password
        world.sync_same()
    os.chmod(path, 0o644)
    world.settings["auth"] = {"user": world.user, "password_file": path}
    assert world.sync(expect=None).status in (77, 78)
    world.settings["auth"] = {"user": world.user, "password_command": ["false"]}
    world.sync(expect=77)


# 75: later perhaps


def test_server_is_down(world):
    world.settings["server"].update(port=closed_port(), retry="1s")
    world.sync(expect=75)


def closed_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_no_such_host(world):
    world.settings["server"].update(host="no-such-host.invalid", retry="1s")
    world.sync(expect=75)


def test_misspelled_at_first(world):
    """What a first sync could not use does not bind the account to it."""
    world.there.append("INBOX", compose())
    right = copy.deepcopy(world.settings)
    world.settings["server"].update(host="no-such-host.invalid", retry="0s")
    world.sync(expect=75)
    world.settings["server"] = dict(right["server"])
    world.settings["auth"]["password"] = "not this one"
    world.settings["local"] = {"path": world.here.root + "-misspelled"}
    world.sync(expect=77)
    world.settings.update(right)
    world.run("status")
    world.run("plan")
    world.sync_same()
    world.settings["local"] = {"path": world.here.root + "-other"}
    assert "belongs to" in world.sync(expect=74).err


def test_server_that_never_answers(world):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        world.settings["server"].update(port=one.getsockname()[1], timeout="1s", retry="2s")
        world.sync(expect=75)


def test_lock(world):
    """A second pass waits for the first; --no-wait does not."""
    world.there.append("INBOX", compose())
    with Proxy(world.server.tls_port) as proxy:
        world.settings["server"]["port"] = proxy.port
        proxy.hold = True
        first = world.start("sync")
        while not proxy.opened:
            time.sleep(0.01)
        second = world.start("sync")
        world.sync("--no-wait", expect=75)
        first[0].send_signal(signal.SIGTERM)
        assert world.finish(first).status == 75
        proxy.hold = False
        assert world.finish(second).status == 0
        world.sync_same()


def test_interrupted_passes_converge(world):
    for number in range(300):
        world.here.deliver("INBOX", compose(), "S")
    world.there.append_many("INBOX", [(compose(), [], 1000) for _ in range(300)])
    for delay in (0.01, 0.03, 0.06, 0.1, 0.15, 0.2):
        begun = world.start("sync")
        time.sleep(delay)
        begun[0].send_signal(signal.SIGINT)
        # A signal that comes before main() has its handler ends the process at once, and harmlessly.
        assert world.finish(begun).status in (0, 75, -signal.SIGINT)
    world.sync_same()
    assert len(world.here.files("INBOX")) == 600


def test_killed_passes_converge(world):
    for number in range(200):
        world.here.deliver("INBOX", compose(), "S")
    world.there.append_many("INBOX", [(compose(), [], 1000) for _ in range(200)])
    for delay in (0.02, 0.05, 0.08, 0.12, 0.2):
        begun = world.start("sync")
        time.sleep(delay)
        begun[0].kill()
        world.finish(begun)
    world.sync(expect=None)  # an append in doubt may need a second look
    world.sync_same()
    assert len(world.here.files("INBOX")) == 400


# 65: the guard


def test_guard_on_deletions_there(world):
    """Most files vanished here: nothing is deleted there, everything else is done."""
    filled(world)
    for file in world.here.files("INBOX")[:25]:
        world.here.remove(file)
    world.there.append("INBOX", compose("new there"))
    world.here.deliver("INBOX", compose("new here"))
    run = world.sync(expect=65)
    assert "INBOX" in run.err and "--approve" in run.err
    there = world.there.messages("INBOX")
    assert len(there) == GUARDED + 2
    assert any(b"new there" in f.body() for f in world.here.files("INBOX"))
    world.sync(expect=65)
    world.sync("--approve")
    world.assert_same()
    assert len(world.there.messages("INBOX")) == GUARDED + 2 - 25
    world.assert_noop()


def test_guard_on_deletions_here(world):
    uids = filled(world)
    world.there.expunge("INBOX", uids[:25])
    world.there.append("INBOX", compose("new there"))
    world.here.deliver("INBOX", compose("new here"))
    world.sync(expect=65)
    assert len(world.here.files("INBOX")) == GUARDED + 2
    assert any(b"new here" in m.body for m in world.there.messages("INBOX").values())
    world.sync(expect=65)
    world.sync("--approve")
    world.assert_same()
    world.assert_noop()


def test_guard_lets_small_deletions_through(world):
    uids = filled(world)
    world.there.expunge("INBOX", uids[:20])  # more than half, but not more than 20
    world.sync_same()


def test_guard_lets_small_shares_through(world):
    uids = filled(world, 100)
    world.there.expunge("INBOX", uids[:49])  # more than 20, but not more than half
    world.sync_same()


def test_guard_of_a_user(world):
    world.settings["sync"]["max_delete"] = "10%"
    uids = filled(world, 100)
    world.there.expunge("INBOX", uids[:22])
    world.sync(expect=65)
    world.settings["sync"]["max_delete"] = "30%"
    world.sync_same()


def test_guard_counts_the_account(world):
    """Small mailboxes, none of which loses more than 20: the account does."""
    for number in range(5):
        world.there.create("box%d" % number)
        world.there.append_many("box%d" % number, [(compose(), [], 1) for _ in range(10)])
    world.sync()
    for number in range(5):
        for file in world.here.files("box%d" % number):
            world.here.remove(file)
    world.sync(expect=65)
    assert sum(len(m) for m in world.there.all().values()) == 50


def test_missing_root_is_refused(world):
    """A disk that is not mounted must not look like deleted mail."""
    filled(world, 5)
    shutil.move(world.here.root, world.here.root + ".away")
    os.mkdir(world.here.root)
    assert world.sync(expect=None).status in (65, 74)
    assert len(world.there.messages("INBOX")) == 5
    os.rmdir(world.here.root)
    assert world.sync(expect=None).status in (65, 74)
    assert len(world.there.messages("INBOX")) == 5
    shutil.move(world.here.root + ".away", world.here.root)
    world.sync_same()


def test_root_of_another_account_is_refused(world, make_world):
    filled(world, 5)
    other = make_world(account="other")
    other.there.append("INBOX", compose())
    other.sync()
    shutil.rmtree(world.here.root)
    shutil.copytree(other.here.root, world.here.root)
    assert world.sync(expect=None).status in (65, 74)
    assert len(world.there.messages("INBOX")) == 5


# 74


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_folder_that_can_not_be_written(world):
    world.sync()
    os.chmod(os.path.join(world.here.folder("INBOX"), "tmp"), 0o500)
    world.there.append("INBOX", compose())
    assert world.sync(expect=None).status in (1, 74)


@pytest.mark.parametrize("cut_after", [1, 500, 4000, 4500, 6000, 9000, 14000, 20000, 60000])
def test_connections_that_break(world, cut_after):
    """Whatever a pass makes of it, the next ones converge: nothing lost, nothing doubled."""
    world.there.append_many("INBOX", [(compose(), [], 1) for _ in range(60)])
    world.there.create("box")
    world.there.append_many("box", [(compose(), [], 1) for _ in range(60)])
    for number in range(30):
        world.here.deliver("INBOX", compose(), "S")
    world.settings["server"].update(retry="1s", compress="no")
    with Proxy(world.server.tls_port) as proxy:
        world.settings["server"]["port"] = proxy.port
        proxy.cut_after = cut_after
        assert world.sync(expect=None).status in (0, 1, 75)
        proxy.cut_after = None
        world.sync()
        world.sync_same()
    assert sum(len(m) for m in world.here.all().values()) == 150


def test_server_goes_away_and_comes_back(world):
    """A pass outlasts a server that is away for less than server.retry."""
    for number in range(4):
        world.there.create("box%d" % number)
        world.there.append_many("box%d" % number, [(compose(body="x" * 2000), [], 1) for _ in range(100)])
    world.settings["server"].update(retry="60s", compress="no")
    with Proxy(world.server.tls_port) as proxy:
        world.settings["server"]["port"] = proxy.port
        proxy.cut_after = 100000

        def come_back():
            proxy.refuse, proxy.cut_after = False, None

        begun = world.start("sync")
        while proxy.opened < 3:
            assert begun[0].poll() is None
            time.sleep(0.01)
        proxy.refuse = True
        back = threading.Timer(2, come_back)
        back.start()
        run = world.finish(begun)
        back.join()
        assert run.status == 0, run
        world.assert_same()
        world.assert_noop()

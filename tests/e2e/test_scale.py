"""What grows with the number of messages, and what must not."""
import os
import shutil
import time

import pytest

from conftest import run_server
from mail import SEEN, compose
from proxy import Proxy
from world import World

MIB = 1024


def settle(world):
    """Times of folders that are younger than 2 s prove nothing: the next pass looks once more."""
    time.sleep(2.1)
    world.sync()


def fill(world, mailbox, count, batch=250):
    for first in range(0, count, batch):
        world.there.append_many(
            mailbox, [(compose(), [SEEN] if n % 3 else [], 1000000 + n) for n in range(first, min(first + batch, count))])


@pytest.fixture
def big(world):
    """10,000 messages in 20 mailboxes."""
    for number in range(20):
        world.there.create("box%d" % number)
        fill(world, "box%d" % number, 500)
    world.there.close()  # so that it does not count
    return world


def test_ten_thousand_messages_over_four_connections(big):
    with Proxy(big.server.tls_port) as proxy:
        big.settings["server"]["port"] = proxy.port
        big.sync("-q")
        assert 2 <= proxy.most <= 4, "%d connections were open at once" % proxy.most
        assert proxy.opened <= 4, "%d connections were opened" % proxy.opened
        big.assert_same()
        settle(big)
        before = proxy.opened
        big.assert_noop()
        assert proxy.opened == before + 1, "more than one connection, with nothing to do"


def test_cost_of_a_pass_grows_with_what_changed(big, make_world):
    big.sync()
    small = make_world(account="small")
    small.there.append("INBOX", compose())
    small.sync()
    settle(small)
    settle(big)
    one, twenty = small.assert_noop().summary(), big.assert_noop().summary()
    assert twenty["round_trips"] <= one["round_trips"], (one, twenty)

    big.there.append("box7", compose())
    summary = big.sync("--json").summary()
    assert summary["fetched"] == 1
    assert summary["bytes_in"] < 30000, summary
    assert summary["round_trips"] <= one["round_trips"] + 8, (one, summary)


def test_one_connection_is_enough(big):
    big.settings["server"]["connections"] = 1
    with Proxy(big.server.tls_port) as proxy:
        big.settings["server"]["port"] = proxy.port
        big.sync()
        assert proxy.most == 1
    assert sum(len(files) for files in big.here.all().values()) == 10000


def test_server_refuses_more_connections(tmp_path):
    """That the server wants no third connection is no error."""
    for server in run_server(connections=2):
        world = World(server, tmp_path, "user")
        for number in range(6):
            world.there.create("box%d" % number)
            fill(world, "box%d" % number, 100)
        world.close()
        world.settings["server"]["connections"] = 8
        world.sync()
        assert sum(len(files) for files in world.here.all().values()) == 600
        world.close()


@pytest.mark.parametrize("compress", ["yes", "no", "auto"])
def test_compression(world, compress):
    world.settings["server"]["compress"] = compress
    fill(world, "INBOX", 300)
    for _ in range(50):
        world.here.deliver("INBOX", compose(body="text " * 1000))
    world.sync_same()


def write_maildir(server, user, count):
    """COUNT messages written straight into the server's own store."""
    folder = os.path.join(server.mail_dir(user), "cur")
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(server.mail_dir(user), name), exist_ok=True)
    for number in range(count):
        body = b"From: a@example.org\nSubject: message %d\nMessage-ID: <%d@scale>\n\ntext %d\n" % (number, number, number)
        wire_size = len(body) + body.count(b"\n")
        path = os.path.join(folder, "1600000000.M%dP1.scale,S=%d,W=%d:2,S" % (number, len(body), wire_size))
        with open(path, "wb") as file:
            file.write(body)
    server.own(server.mail_dir(user))


@pytest.fixture(scope="module")
def maildir_server():
    yield from run_server(store="maildir")


@pytest.mark.plain_build
def test_memory_does_not_grow_with_the_mailbox(maildir_server, tmp_path):
    peaks, many = {}, 50000
    for count in (1000, many):
        world = World(maildir_server, tmp_path, "many%d" % count, account="acc%d" % count)
        write_maildir(maildir_server, world.user, count)
        first = world.sync("-q")
        assert len(os.listdir(os.path.join(world.here.folder("INBOX"), "cur"))) == count
        world.here.flag(world.here.files("INBOX")[0], "F")
        world.there.store("INBOX", "2", "+FLAGS", ["\\Flagged"])
        second = world.sync("-q")
        peaks[count] = max(first.peak_kib, second.peak_kib)
        world.close()
    assert peaks[many] - peaks[1000] < 24 * MIB, "peaks in KiB: %s" % peaks


@pytest.mark.plain_build
def test_memory_of_pairing(maildir_server, tmp_path):
    """Both sides are compared after a lost state: that holds less than a KiB for each message."""
    peaks, many = {}, 10000
    for count in (1000, many):
        world = World(maildir_server, tmp_path, "pair%d" % count, account="pair%d" % count)
        write_maildir(maildir_server, world.user, count)
        world.sync("-q")
        shutil.rmtree(world.state)
        run = world.sync("--json")
        assert (run.summary()["adopted"], run.summary()["fetched"]) == (count, 0)
        peaks[count] = run.peak_kib
        world.close()
    assert peaks[many] - peaks[1000] < many, "peaks in KiB: %s" % peaks


@pytest.mark.plain_build
def test_memory_does_not_grow_with_a_message(world):
    world.there.append("INBOX", compose())
    small = world.sync()
    world.there.append("INBOX", compose("big") + b"0123456789abcde\n" * (100_000_000 // 16))
    world.there.close()
    down = world.sync()
    world.here.deliver("Sent", compose("big") + b"0123456789abcde\n" * (100_000_000 // 16))
    up = world.sync()
    assert max(down.peak_kib, up.peak_kib) - small.peak_kib < 16 * MIB, (
        small.peak_kib, down.peak_kib, up.peak_kib)
    assert len(world.there.uids("Sent")) == 1


def test_dates_of_the_next_century(maildir_server, tmp_path):
    """This server takes no date in the future by APPEND, but its store can hold one."""
    world = World(maildir_server, tmp_path, "future")
    folder = maildir_server.mail_dir("future")
    for name in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, name))
    dates = [2**31 - 1, 2**31, 2**31 + 1, 3000000000, 4102444799]
    for date in dates:
        path = os.path.join(folder, "cur", "%d.M1P1.future:2,S" % date)
        with open(path, "wb") as file:
            file.write(compose())
        os.utime(path, (date, date))
    maildir_server.own(folder)
    world.sync_same()
    assert sorted(f.mtime for f in world.here.files("INBOX")) == dates
    world.close()


def test_future_file_goes_up_once(world):
    """Whatever the server makes of a date that it does not like, the next pass has nothing to do."""
    world.here.deliver("INBOX", compose(), "S", 4102444799)
    world.sync()
    world.assert_same(dates=False)
    world.assert_noop()

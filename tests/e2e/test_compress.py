"""COMPRESS=DEFLATE: the same mail in fewer bytes."""
import sys

from mail import compose
from proxy import Proxy


def pull_and_push(world, proxy):
    """Bytes from and to the server in a pass that carries 40 big messages each way."""
    world.settings["server"]["port"] = proxy.port
    world.there.append_many("INBOX", [(compose(body="the same line\n" * 500), [], 1000) for _ in range(40)])
    for _ in range(40):
        world.here.deliver("INBOX", compose(body="the same line\n" * 500))
    received, sent = proxy.received, proxy.sent
    run = world.run("--debug", "imap", "sync")
    sizes = proxy.received - received, proxy.sent - sent
    world.assert_same()
    world.assert_noop()
    return run, sizes


def test_compressed(make_world, dovecot):
    with Proxy(dovecot.tls_port) as proxy:
        sizes = {}
        for compress in ("yes", "no"):
            world = make_world(account=compress)
            world.settings["server"]["compress"] = compress
            run, sizes[compress] = pull_and_push(world, proxy)
            assert ("COMPRESS DEFLATE" in run.err) == (compress == "yes")
        assert sizes["yes"][0] * 5 < sizes["no"][0] and sizes["yes"][1] * 5 < sizes["no"][1], sizes


def test_not_on_a_short_line(world):
    world.there.append_many("INBOX", [(compose(), [], 1000) for _ in range(40)])
    assert "COMPRESS DEFLATE" not in world.run("--debug", "imap", "sync").err
    world.assert_same()


RELAY = """
import select, socket, sys, os
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as there:
    while True:
        for source in select.select([0, there], [], [])[0]:
            data = os.read(0, 65536) if source == 0 else there.recv(65536)
            if not data:
                sys.exit()
            there.sendall(data) if source == 0 else os.write(1, data)
"""


def test_auto(make_world, dovecot):
    """A long line is compressed, a server that is only slow to answer is not."""
    with Proxy(dovecot.tls_port) as proxy:
        proxy.slow = 0.03
        tunnel = {"tunnel": [sys.executable, "-c", RELAY, str(proxy.port)]}  # hides what the kernel knows
        for account, settings in (("near", {"port": proxy.port}), ("far", tunnel)):
            world = make_world(account=account)
            world.settings["server"].update(settings)
            world.there.append_many("INBOX", [(compose(), [], 1000) for _ in range(40)])
            run = world.run("--debug", "imap", "sync")
            assert ("COMPRESS DEFLATE" in run.err) == (account == "far")
            world.assert_same()


def test_switched_off(world):
    world.settings["server"].update(compress="yes", quirks=["-COMPRESS=DEFLATE"])
    world.there.append("INBOX", compose())
    assert "COMPRESS DEFLATE" not in world.run("--debug", "imap", "sync").err
    world.assert_same()

"""`config --check-server`: what a server shows before a login, trusted or not."""
import os
import re
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from mail import compose
from serving import make_certificate

RELAY = """
import os, select, socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as there:
    while True:
        for ready in select.select([0, there], [], [])[0]:
            data = os.read(0, 65536) if ready == 0 else there.recv(65536)
            if not data:
                sys.exit()
            there.sendall(data) if ready == 0 else os.write(1, data)
"""


def inspect(world, expect=0):
    """The object for the account. No secret is asked for: the command for it would fail."""
    world.settings["auth"] = {"user": world.user, "password_command": ["false"]}
    (found,) = world.run("config", "--check-server", "--json", expect=expect).json()
    text = world.run("config", "--check-server", expect=expect)
    assert world.account in text.out and (found["pin"] or "") in text.out
    return found


def assert_chain(found):
    (certificate,) = found["chain"]
    assert certificate["subject"] == "CN = localhost" and certificate["issuer"] == "CN = CA of the tests"
    assert certificate["names"] == ["localhost", "127.0.0.1"]
    assert certificate["not_before"] < certificate["not_after"]


def assert_all(found):
    assert found["trusted"] is True and found["distrust"] is None and found["error"] is None
    assert found["tls"].startswith("TLSv1.") and found["cipher"]
    assert_chain(found)
    assert "SCRAM-SHA-256" in found["mechanisms"] and found["login_by"] == "SCRAM-SHA-256"
    assert "IMAP4rev1" in found["capabilities"]


def test_trusted(world):
    assert_all(inspect(world))


def test_starttls(world):
    world.settings["server"].update(port=world.server.port, tls="starttls")
    assert_all(inspect(world))


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_tunnel(world, tls):
    port = world.server.tls_port if tls == "implicit" else world.server.port
    world.settings["server"].update(tls=tls, tunnel=[sys.executable, "-c", RELAY, str(port)])
    assert_all(inspect(world))


def test_no_tls(world):
    world.settings["server"].update(port=world.server.port, tls="none")
    found = inspect(world)
    assert found["chain"] == [] and found["tls"] is None and found["trusted"] is False
    assert found["login_by"] == "SCRAM-SHA-256"


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
def test_not_trusted_and_then_pinned(world, tls):
    make_certificate(world.tmp)  # another CA
    world.settings["server"].update(ca_file=os.path.join(world.tmp, "ca.pem"), tls=tls,
                                    port=world.server.tls_port if tls == "implicit" else world.server.port)
    found = inspect(world, expect=77)
    assert found["trusted"] is False and "issuer" in found["distrust"] and found["error"]
    assert_chain(found)
    assert found["mechanisms"] == []
    world.settings["server"]["pin"] = [found["pin"]]
    assert inspect(world)["trusted"] is True
    world.settings["auth"] = {"user": world.user, "password": world.server.password}
    world.there.append("INBOX", compose())
    world.sync_same()


def test_wrong_pin(world):
    world.settings["server"]["pin"] = ["sha256:" + "0" * 64]
    found = inspect(world, expect=77)
    assert "server.pin" in found["distrust"] and re.fullmatch("sha256:[0-9a-f]{64}", found["pin"])


def test_nobody_there(world):
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        world.settings["server"].update(port=one.getsockname()[1], retry="0s")
        assert inspect(world, expect=75)["error"]


def test_control_bytes_in_the_certificate(world):
    """CVE-2010-1167 is of this class: warnings about certificates that hold more than letters."""
    folder = world.tmp
    names = os.path.join(folder, "evil")
    with open(names, "wb") as file:
        file.write(b"subjectAltName=DNS:x\x1b]0;evil\x07\x1b[2Jy\n")
    for args in (["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "k.pem",
                  "-out", "r.pem", "-subj", "/CN=evil\x1b[2J\x07"],
                 ["x509", "-req", "-in", "r.pem", "-signkey", "k.pem", "-extfile", names, "-out", "c.pem"]):
        subprocess.run(["openssl"] + args, cwd=folder, check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(folder, "c.pem"), os.path.join(folder, "k.pem"))

    def serve(listener):
        for _ in range(2):
            connection = listener.accept()[0]
            try:
                context.wrap_socket(connection, server_side=True).close()
            except OSError:
                connection.close()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        world.settings["server"].update(port=listener.getsockname()[1])
        text = world.run("config", "--check-server", expect=77)
        json = world.run("config", "--check-server", "--json", expect=77)
        thread.join()
    for run in (text, json):
        assert "evil" in run.out and "\x1b" not in run.out + run.err and "\x07" not in run.out + run.err

"""Ways to log in, each against a server that demands it, and what happens when it is refused."""
import base64
import hashlib
import itertools
import os
import re
import subprocess
import tempfile

import pytest

from conftest import run_server
from mail import compose
from oauth import make_token, write_passdb
from serving import make_certificate

_files = itertools.count(1)

# Behind the server's own passwords (all 'secret'): a store that holds only hashes of 'hashed', one
# that takes a client certificate for everything, and one for tokens.
EXTRA = """
auth_mechanisms = plain login cram-md5 digest-md5 scram-sha-1 scram-sha-256 external xoauth2 oauthbearer
ssl_ca = <{dir}/ca.pem
ssl_verify_client_cert = yes
ssl_require_crl = no
auth_ssl_username_from_cert = yes
ssl_cert_username_field = commonName
passdb {{
  driver = static
  mechanisms = plain login
  args = password={{SHA256.HEX}}{hashed}
}}
passdb {{
  driver = static
  mechanisms = external
  args = nopassword=y
}}
{tokens}
"""


@pytest.fixture(scope="module")
def picky():
    """A Dovecot with all that it can; picky.files is a folder that both sides can read."""
    with tempfile.TemporaryDirectory(prefix="picky-") as folder:
        os.chmod(folder, 0o755)
        make_certificate(folder)
        extra = EXTRA.format(dir=folder, tokens=write_passdb(folder),
                             hashed=hashlib.sha256(b"hashed").hexdigest())
        for server in run_server(extra=extra):
            server.files = folder
            yield server


@pytest.fixture
def picky_world(make_world, picky):
    world = make_world(server=picky)
    world.there.append("INBOX", compose())
    return world


def use_token(world, text, mechanism=None):
    path = os.path.join(world.tmp, "token%d" % next(_files))
    with open(path, "w") as file:
        file.write(text + "\n")
    world.settings["auth"] = {"user": world.user, "token_command": ["cat", path]}
    if mechanism:
        world.settings["auth"]["mechanisms"] = [mechanism]


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"])
def test_named(picky_world, mechanism):
    picky_world.settings["auth"]["mechanisms"] = [mechanism]
    run = picky_world.sync("--debug", "imap")
    assert run.logins()[0] == mechanism
    picky_world.assert_same()
    assert "secret" not in run.err


def test_strongest_first(picky_world):
    assert picky_world.sync("--debug", "imap").logins()[0] == "SCRAM-SHA-256"
    picky_world.assert_same()


def test_right_password_that_scram_can_not_check(picky_world):
    picky_world.settings["auth"]["password"] = "hashed"
    run = picky_world.sync("--debug", "imap")
    assert run.logins()[:2] == ["SCRAM-SHA-256", "PLAIN"]
    assert run.err.count("auth.mechanisms: [PLAIN]") == 1, run
    picky_world.assert_same()
    picky_world.settings["auth"]["mechanisms"] = ["PLAIN"]
    assert picky_world.sync().err == ""


def test_nothing_weaker_without_tls(picky_world):
    picky_world.settings["auth"]["password"] = "hashed"
    picky_world.settings["server"].update(port=picky_world.server.port, tls="none")
    run = picky_world.run("sync", "--debug", "imap", expect=77)
    assert run.logins() == ["SCRAM-SHA-256"]


def test_wrong_password_is_tried_twice_at_most(picky_world):
    picky_world.settings["auth"]["password"] = "wr0ng-pa55word"
    run = picky_world.run("sync", "--debug", "imap", expect=77)
    assert run.logins() == ["SCRAM-SHA-256", "PLAIN"]
    assert "wr0ng" not in run.out + run.err


@pytest.mark.parametrize("named", [True, False])
def test_client_certificate(picky_world, named):
    folder = picky_world.server.files
    names = {"cwd": folder, "check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    pem = os.path.join(picky_world.tmp, "me.pem")
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    "/CN=" + picky_world.user, "-keyout", "me.key", "-out", "me.csr"], **names)
    subprocess.run(["openssl", "x509", "-req", "-in", "me.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                    "-CAcreateserial", "-days", "2", "-out", pem], **names)
    picky_world.settings["server"].update(client_cert=pem, client_key=os.path.join(folder, "me.key"))
    picky_world.settings["auth"] = {"user": picky_world.user}
    if named:
        picky_world.settings["auth"]["mechanisms"] = ["EXTERNAL"]
    assert picky_world.sync("--debug", "imap").logins()[0] == "EXTERNAL"
    picky_world.assert_same()


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER", None])
def test_token(picky_world, mechanism):
    text = make_token(picky_world.user)
    use_token(picky_world, text, mechanism)
    run = picky_world.sync("--debug", "imap")
    assert run.logins()[0] == (mechanism or "OAUTHBEARER")
    assert text not in run.err and base64.b64encode(text.encode()).decode()[:40] not in run.err
    picky_world.assert_same()


@pytest.mark.parametrize("mechanism", ["XOAUTH2", "OAUTHBEARER"])
@pytest.mark.parametrize("how", [{"lifetime": -60}, {"key": b"forged"}])
def test_token_refused(picky_world, mechanism, how):
    text = make_token(picky_world.user, **how)
    use_token(picky_world, text, mechanism)
    run = picky_world.sync(expect=77)
    assert len(run.err.splitlines()) == 1 and re.search('"status":"(401|invalid_token)"', run.err), run
    assert text not in run.err

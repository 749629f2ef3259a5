"""auth.oauth: `godwit login`, tokens that run out, are renewed, or are taken back."""
import os
import stat
import tempfile
import time

import pytest

from conftest import run_server
from mail import compose
from oauth import OAuthServer, SECRET, make_token, write_passdb


@pytest.fixture(scope="module")
def tokens_server():
    """A Dovecot that takes nothing but tokens through TLS."""
    with tempfile.TemporaryDirectory(prefix="oauth-") as folder:
        os.chmod(folder, 0o755)
        yield from run_server(extra="auth_mechanisms = plain xoauth2 oauthbearer\n" + write_passdb(folder))


@pytest.fixture
def oauth(tmp_path):
    folder = tmp_path / "provider"
    folder.mkdir()
    with OAuthServer(str(folder)) as server:
        yield server


@pytest.fixture
def oauth_world(make_world, tokens_server, oauth):
    world = make_world(server=tokens_server)
    world.there.append("INBOX", compose())
    oauth.user = world.user
    world.settings["auth"] = {"user": world.user, "oauth": oauth.settings()}
    return world


def token_file(world):
    return os.path.join(world.state, "oauth-token")


def stored(world):
    with open(token_file(world)) as file:
        return dict(line.rstrip("\n").split(" ", 1) for line in file)


def log_in(world, oauth):
    """Store what `godwit login` would."""
    oauth.refresh = oauth.refresh or "r3fresh-0"
    os.makedirs(world.state, mode=0o700, exist_ok=True)
    with open(token_file(world), "w") as file:
        file.write("refresh_token %s\n" % oauth.refresh)
    os.chmod(token_file(world), 0o600)


def assert_clean(world, oauth, *runs):
    """No token and no secret in anything that was said, or lies about."""
    secrets = oauth.given + [SECRET, "dev1ce", "r3fresh"]
    for run in runs:
        assert not [s for s in secrets if s in run.out + run.err], run
    for folder, _, files in os.walk(world.state):
        for name in files:
            path = os.path.join(folder, name)
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
            if name != "oauth-token":
                with open(path, "rb") as file:
                    content = file.read()
                assert not [s for s in secrets if s.encode() in content], path


def test_login_and_sync(oauth_world, oauth):
    first = oauth_world.sync(expect=77)
    assert "godwit login acc" in first.err and len(first.err.splitlines()) == 1
    oauth.pending = 1
    login = oauth_world.run("login", "acc")
    assert oauth.url + "/activate\n" in login.out and "WXYZ-1234" in login.out and "logged in" in login.out
    assert oauth.asked[0]["scope"] == "mail read"
    run = oauth_world.sync("--debug", "all")
    oauth_world.assert_same()
    count = len(oauth.asked)
    oauth_world.assert_noop()
    assert len(oauth.asked) == count, "a token that is good was asked for again"
    assert_clean(oauth_world, oauth, first, login, run)


def test_login_json(oauth_world):
    device, done = oauth_world.run("login", "--json", "acc").json()
    assert device["type"] == "device" and device["code"] == "WXYZ-1234"
    assert done == {"type": "login", "account": "acc"}


def test_slow_down(oauth_world, oauth):
    """RFC 8628 3.5: the pause grows by five seconds."""
    oauth.pending, oauth.slow_down = 1, True
    begun = time.monotonic()
    oauth_world.run("login", "acc")
    assert time.monotonic() - begun > 5


def test_polls_as_slowly_as_it_is_told(oauth_world, oauth):
    oauth.interval = 1
    begun = time.monotonic()
    oauth_world.run("login", "acc")
    assert time.monotonic() - begun > 1


def test_denied(oauth_world, oauth):
    oauth.denied = True
    run = oauth_world.run("login", "acc", expect=77)
    assert "denied" in run.err and not os.path.exists(token_file(oauth_world))


def test_login_of_another_kind_of_account(world):
    assert "auth.oauth" in world.run("login", "acc", expect=78).err


def test_runs_out(oauth_world, oauth):
    log_in(oauth_world, oauth)
    oauth.expires = 1  # says so; the token is renewed before it is
    for _ in range(2):
        oauth_world.sync()
    assert [a["grant_type"] for a in oauth.asked] == ["refresh_token"] * 2
    assert stored(oauth_world)["refresh_token"] == "r3fresh-0"


def test_refresh_tokens_that_are_good_once(oauth_world, oauth):
    log_in(oauth_world, oauth)
    oauth.rotates, oauth.expires = True, 1
    for n in range(3):
        oauth_world.sync()
        assert stored(oauth_world)["refresh_token"] == "r3fresh-%d" % (n + 1)


def test_two_at_once(oauth_world, oauth):
    """Two programs that both find the token run out: a rotating refresh token is used by one of them."""
    log_in(oauth_world, oauth)
    oauth.rotates = True
    begun = [oauth_world.start("list"), oauth_world.start("list")]
    assert [oauth_world.finish(b).status for b in begun] == [0, 0]
    assert len(oauth.asked) == 1


def test_taken_back_by_the_mail_server(oauth_world, oauth):
    """It looks good here, and the server refuses it: renewed once, and that works."""
    log_in(oauth_world, oauth)
    with open(token_file(oauth_world), "a") as file:
        file.write("access_token %s\nexpires %d\n" % (make_token(oauth_world.user, -60), time.time() + 3600))
    oauth_world.sync()
    assert len(oauth.asked) == 1
    oauth_world.assert_same()


def test_refused_for_good(oauth_world, oauth):
    log_in(oauth_world, oauth)
    oauth.lifetime = -60  # what it gives out the mail server refuses
    run = oauth_world.sync(expect=77)
    assert len(oauth.asked) == 1 + 1, "once at the start, once after the refusal"
    assert "refused the login" in run.err


def test_refresh_refused(oauth_world, oauth):
    log_in(oauth_world, oauth)
    oauth.refresh = None
    run = oauth_world.sync(expect=77)
    assert len(run.err.splitlines()) == 1 and "godwit login acc" in run.err and "revoked" in run.err, run


@pytest.mark.parametrize("broken", [(503, b"later"), (200, b"<html>"), (200, b"[" * 100000), (200, b"{}"),
                                    (200, b'{"access_token": 1.5}'), (200, b'{"access_token": "a\\nrefresh_token b"}'),
                                    (200, b"x" * 200000), (302, b"")])
def test_a_provider_in_trouble(oauth_world, oauth, broken):
    log_in(oauth_world, oauth)
    oauth.broken = broken
    run = oauth_world.sync(expect=75)
    assert len(run.err.splitlines()) == 1
    assert stored(oauth_world) == {"refresh_token": "r3fresh-0"}
    oauth.broken = None
    oauth_world.sync()


def test_control_bytes_from_the_provider(oauth_world, oauth):
    oauth_world.settings["auth"]["oauth"]["client_secret"] = "wrong"
    run = oauth_world.run("login", "acc", expect=77)
    assert "invalid_client" in run.err and "\x1b" not in run.err


def test_provider_is_not_trusted(oauth_world, oauth):
    log_in(oauth_world, oauth)
    del oauth_world.settings["auth"]["oauth"]["ca_file"]
    assert "certificate" in oauth_world.sync(expect=75).err
    assert oauth.asked == []


def test_readable_by_others(oauth_world, oauth):
    log_in(oauth_world, oauth)
    os.chmod(token_file(oauth_world), 0o644)
    oauth_world.sync(expect=78)
    assert oauth.asked == []


@pytest.mark.parametrize("change, word", [
    (lambda o: o.pop("client_id"), "client_id"),
    (lambda o: o.pop("token_url"), "token_url"),
    (lambda o: o.update(token_url="http://localhost/"), "https://"),
    (lambda o: o.update(provider="nobody"), "google|microsoft"),
    (lambda o: o.update(client_ids="x"), "did you mean 'auth.oauth.client_id'"),
    (lambda o: o.update(client_secret_command=["cat"]), "client_secret"),
])
def test_wrong_settings(oauth_world, change, word):
    change(oauth_world.settings["auth"]["oauth"])
    run = oauth_world.sync(expect=78)
    assert word in run.err and "config.yaml:" in run.err and SECRET not in run.err


def test_settings_are_printed_and_read_back(oauth_world, tmp_path):
    oauth_world.settings["auth"] = {"user": "alice", "mechanisms": ["XOAUTH2"], "oauth": {
        "provider": "microsoft", "client_id": "1", "client_secret_command": ["cat", "x"]}}
    run = oauth_world.run("config")
    assert "login.microsoftonline.com" in run.out and "offline_access" in run.out
    path = tmp_path / "again.yaml"
    path.write_text(run.out)
    again = oauth_world.run("-c", str(path), "config")
    assert again.out.splitlines()[1:] == run.out.splitlines()[1:]

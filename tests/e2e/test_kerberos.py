"""GSSAPI with a ticket of a Kerberos realm of the tests."""
import os
import shutil

import pytest

import debs
from kerberos import Kerberos
from mail import compose
from server_dovecot import Dovecot

EXTRA = """
auth_mechanisms = plain scram-sha-256 gssapi
auth_krb5_keytab = {keytab}
auth_gssapi_hostname = localhost
auth_realms = TEST
auth_username_format = %Ln
"""
MODULE = "usr/lib/dovecot/modules/auth/libmech_gssapi.so"


class WithKerberos(Dovecot):
    """Dovecot's GSSAPI is a package of its own."""

    def __init__(self, realm, **settings):
        super().__init__(**settings)
        self.realm = realm

    def write_config(self):
        target = os.path.join(self.root, MODULE)
        if not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy(os.path.join(debs.fetch("dovecot-gssapi"), MODULE), target)
        self.environment.update(self.realm.environment)
        super().write_config()


@pytest.fixture(scope="module")
def realm():
    try:
        with Kerberos() as realm:
            yield realm
    except debs.Unavailable as reason:
        pytest.skip("NO KERBEROS TO TEST WITH: %s" % reason)


@pytest.fixture(scope="module")
def kerberized(realm):
    with WithKerberos(realm, extra=EXTRA.format(keytab=realm.keytab)) as server:
        yield server


@pytest.fixture
def kerberos_world(make_world, kerberized):
    world = make_world(server=kerberized)
    world.environment["ASAN_OPTIONS"] = "detect_leaks=0"  # MIT's library keeps some bytes for itself
    return world


def test_with_a_ticket(kerberos_world, realm):
    world = kerberos_world
    world.there.append("INBOX", compose())
    world.settings["auth"] = {"user": world.user, "mechanisms": ["GSSAPI"]}
    world.environment.update(realm.ticket(world.user))
    assert set(world.sync("--debug", "imap").logins()) == {"GSSAPI"}
    world.assert_same()


def test_without_a_ticket(kerberos_world, realm):
    world = kerberos_world
    world.settings["auth"] = {"user": world.user, "mechanisms": ["GSSAPI"]}
    world.environment.update(realm.environment, KRB5CCNAME="FILE:" + os.path.join(world.tmp, "none"))
    run = world.sync(expect=77)
    assert len(run.err.splitlines()) == 1, run


def test_not_by_default(kerberos_world, realm):
    world = kerberos_world
    world.environment.update(realm.ticket(world.user))
    assert set(world.sync("--debug", "imap").logins()) == {"SCRAM-SHA-256"}

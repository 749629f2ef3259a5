"""What each server can be logged in to with, and what is used by default."""
from servers import EVERYWHERE

SERVERS = EVERYWHERE

EVERY = ["PLAIN", "LOGIN", "CRAM-MD5"]
SCRAM = ["SCRAM-SHA-1", "SCRAM-SHA-256"]
NAMED = {
    "dovecot": EVERY + SCRAM,
    "cyrus": EVERY + SCRAM + ["DIGEST-MD5", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"],
    "courier": EVERY,
    "mailutils": EVERY + SCRAM,
}
# Cyrus binds to TLS by the older kind only, mailutils announces a binding that it does not have.
BY_DEFAULT = {
    "dovecot": ["SCRAM-SHA-256"],
    "cyrus": ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS"],
    "courier": ["CRAM-MD5"],
    "mailutils": ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"],
}


def test_named(world):
    for mechanism in NAMED[world.server.name]:
        world.settings["auth"]["mechanisms"] = [mechanism]
        run = world.run("--debug", "imap", "list")
        assert set(run.logins()) == {mechanism}
        assert world.server.password not in run.out + run.err


def test_by_default(world):
    run = world.run("--debug", "imap", "list")
    assert run.logins() == BY_DEFAULT[world.server.name]
    assert ("auth.mechanisms" in run.err) == (world.server.name == "mailutils")


def test_wrong_password(world):
    """No more than two tries that a server could count as guesses, and one line of complaint."""
    world.settings["auth"]["password"] = "wr0ng-pa55word"
    run = world.run("list", expect=77)
    assert len(run.err.splitlines()) == 1 and "wr0ng" not in run.err
    run = world.run("--debug", "imap", "list", expect=77)
    assert len([m for m in run.logins() if "PLUS" not in m]) <= 2


def test_recalled(world):
    """What the server refused in one pass is not tried by the next one, until a login fails."""
    def logins(*args, expect=0):
        return world.run("--debug", "imap", *args, expect=expect).logins()

    taken = BY_DEFAULT[world.server.name]
    assert logins("sync") == taken
    for command in ("sync", "plan", "list"):
        assert logins(command) == taken[-1:]
    if len(taken) == 1:
        return
    password, world.settings["auth"]["password"] = world.settings["auth"]["password"], "wr0ng-pa55word"
    assert logins("sync", expect=77)[0] == taken[-1]
    world.settings["auth"]["password"] = password
    assert logins("sync") == taken
    world.settings["auth"]["mechanisms"] = ["PLAIN"]
    assert logins("sync") == ["PLAIN"]

"""Where secrets come from, and where they must not go."""
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time

import pytest

from mail import compose

ASK = """
import os, sys
terminal = os.open("/dev/tty", os.O_RDWR)
os.write(terminal, b"PIN please: ")
print(os.read(terminal, 100).decode().strip())
print("a note below the password")
"""


def command(world, *argv, **server):
    world.settings["auth"] = {"user": world.user, "password_command": list(argv)}
    world.settings["server"].update(server)


def script(world, text):
    return ["sh", "-c", text]


def test_first_line_counts(world):
    command(world, *script(world, "echo %s; echo note; echo working >&2" % world.server.password))
    world.there.append("INBOX", compose())
    assert "working" in world.sync().err


@pytest.mark.parametrize("text, word", [
    ("echo secret; exit 3", "status 3"),
    ("kill -9 $$", "signal 9"),
    ("exit 0", "empty"),
    ("echo; echo secret", "empty"),
    ("yes secret", "64 KiB"),
    ("sleep 60", "in time"),
    ("sleep 60 & echo secret", "in time"),
])
def test_commands_that_fail(world, text, word):
    command(world, *script(world, text), timeout="1s")
    run = world.sync(expect=77)
    assert word in run.err and "secret" not in run.err.replace("sh -c", "") and len(run.err.splitlines()) == 1, run


def test_no_such_command(world):
    command(world, "/no/such/command")
    assert "/no/such/command" in world.sync(expect=77).err


def test_nothing_on_its_standard_input(world):
    command(world, *script(world, "cat; echo %s" % world.server.password))
    world.sync()


@pytest.mark.parametrize("mode, status", [(0o600, 0), (0o400, 0), (0o640, 78), (0o604, 78), (0o660, 78)])
def test_mode_of_a_file(world, mode, status):
    path = os.path.join(world.tmp, "password")
    with open(path, "w") as file:
        file.write("%s\nnote\n" % world.server.password)
    os.chmod(path, mode)
    world.settings["auth"] = {"user": world.user, "password_file": path}
    for args in (["config"], ["sync"]):
        run = world.run(*args, expect=status)
        assert status == 0 or ("chmod 600" in run.err and PLACE.search(run.err)), run


PLACE = re.compile(r"/config\.yaml:\d+:\d+: ")


def test_a_file_that_is_none(world):
    for path in (world.tmp, "/dev/zero", os.path.join(world.tmp, "missing")):
        world.settings["auth"] = {"user": world.user, "password_file": path}
        for args in (["config"], ["sync"]):
            run = world.run(*args, expect=78)
            assert path in run.err and PLACE.search(run.err), run


@pytest.mark.parametrize("section, settings, word", [
    ("auth", {"user": "u", "password_env": "NOT_SET"}, "variable NOT_SET, "),
    ("server", {"host": "localhost", "ca_file": "/etc/passwd"}, "server.ca_file: cannot use /etc/passwd"),
    ("server", {"tls": "none", "tunnel": ["/no/such/tunnel"]}, "/no/such/tunnel"),
])
def test_mistakes_that_show_late_have_a_place(world, section, settings, word):
    world.settings[section] = settings
    run = world.sync("--json", expect=78)
    assert word in run.err and PLACE.search(run.err) and PLACE.search(run.summary()["error"]["message"]), run


@pytest.mark.parametrize("text", ["sleep 60", "echo secret; exec >&-; sleep 60"])
def test_stopped_while_a_command_runs(world, text):
    command(world, *script(world, text))
    begun = world.start("sync")
    time.sleep(0.5)
    begun[0].terminate()
    run = world.finish(begun, patience=20)
    assert run.status == 75 and "stopped on request" in run.err, run


def test_started_by_one_who_ignores_the_end_of_children(world):
    """SIGCHLD ignored is inherited, and children that end leave no status then."""
    command(world, *script(world, "echo %s; exit 3" % world.server.password))
    old = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        begun = world.start("sync")
    finally:
        signal.signal(signal.SIGCHLD, old)
    run = world.finish(begun, patience=20)
    assert run.status == 77 and "status 3" in run.err, run


def on_terminal(world, answer):
    """Run `list` with a terminal of its own, as its foreground; type ANSWER when asked. (status, text)"""
    world.write_config()
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(world.program, [world.program, "list"], world._environment())
    text, deadline = b"", time.monotonic() + 60
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 1)[0]:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:  # how a terminal ends
            break
        text += data
        if b"PIN please: " in text and answer:
            os.write(terminal, answer.encode())
            answer = None
    os.close(terminal)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), text.decode()


def test_a_command_may_ask_on_the_terminal(world):
    """As pinentry does. In a process group of its own the kernel would stop it."""
    command(world, sys.executable, "-c", ASK, timeout="20s")
    status, text = on_terminal(world, world.server.password + "\n")
    assert status == 0 and "INBOX" in text, text


def test_interrupt_while_it_asks(world):
    command(world, sys.executable, "-c", ASK, timeout="20s")
    status, text = on_terminal(world, "\x03")
    assert status in (75, 77), text


def visible(process):
    """What ps shows of it, to whoever may look."""
    seen = b""
    for name in ("cmdline", "environ"):
        try:
            with open("/proc/%d/%s" % (process.pid, name), "rb") as file:
                seen += file.read()
        except OSError:  # it has ended
            pass
    return seen


def test_arguments_and_environment(world):
    """What others on this machine can see while it runs."""
    world.there.append_many("INBOX", [(compose(), [], 1000 + n) for n in range(50)])
    begun = world.start("sync")
    os.kill(begun[0].pid, signal.SIGSTOP)  # however fast it is, it is seen at least once
    seen = b""
    while b"sync" not in seen and begun[0].poll() is None:
        seen = visible(begun[0])
    os.kill(begun[0].pid, signal.SIGCONT)
    while begun[0].poll() is None:
        seen += visible(begun[0])
    assert world.finish(begun).status == 0
    seen = seen.replace(b"test_secrets", b"")  # folders that are named after this file
    assert b"sync" in seen and world.server.password.encode() not in seen


def test_state_and_traces(world):
    password = "s3cret-in-no-file"
    world.settings["auth"]["password"] = password
    runs = [world.run("--debug", "all", "sync", expect=77), world.run("dump", "acc", expect=None)]
    for run in runs:
        assert password not in run.out + run.err
        assert not re.search("czNjcmV0LWlu", run.out + run.err)  # the same in base64
    found = subprocess.run(["grep", "-r", "s3cret-in", world.state], stdout=subprocess.PIPE)
    assert found.stdout == b""

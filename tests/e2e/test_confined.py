"""The program gives up what it does not need, and commands keep what they need."""
import ctypes
import os
import re
import signal
import subprocess
import sys
import time

import pytest

from hostile import PASSWORD, Scenario, certificates, silence
from test_hostile import Victim
from world import GODWIT, SANITIZER


def landlock():
    """The version of the kernel's Landlock, 0: there is none."""
    version = ctypes.CDLL(None, use_errno=True).syscall(444, None, ctypes.c_size_t(0), 1)
    return max(version, 0)


needs_landlock = pytest.mark.skipif(landlock() < 2, reason="NO LANDLOCK IN THIS KERNEL: files are not confined here")


@pytest.fixture
def victim(tmp_path):
    victim = Victim(tmp_path, Scenario("confined", {}), certificates(str(tmp_path)))
    with victim.server:
        victim.configure()
        yield victim


def status_of(victim, **environment):
    """/proc/PID/status of a godwit that waits for its server."""
    victim.server.play = {"LIST": silence}
    process = subprocess.Popen([GODWIT, "sync"], cwd=victim.home, stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env={**os.environ, "HOME": victim.home, **environment})
    try:
        while not any(word == "LIST" for word, _ in victim.server.seen):
            assert process.poll() is None
            time.sleep(0.01)
        with open("/proc/%d/status" % process.pid) as file, open("/proc/%d/limits" % process.pid) as limits:
            return file.read() + limits.read(), os.stat("/proc/%d/environ" % process.pid).st_uid
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@needs_landlock
def test_no_new_privileges(victim):
    text, _ = status_of(victim)
    assert re.search(r"^NoNewPrivs:\s*1$", text, re.M), text


def filters(text):
    """How many filters of system calls a process has, by its /proc/PID/status (Linux 5.9)."""
    return int(re.search(r"^Seccomp_filters:\s*(\d+)$", text, re.M).group(1))


def our_filters():
    with open("/proc/self/status") as file:
        return filters(file.read())


needs_seccomp = pytest.mark.skipif("Seccomp_filters" not in open("/proc/self/status").read(),
                                   reason="NO SECCOMP IN THIS KERNEL: system calls are not filtered here")


@needs_seccomp
@pytest.mark.parametrize("confine, count", [("on", 1), ("off", 0)])
def test_system_calls_are_filtered(victim, confine, count):
    text, _ = status_of(victim, GODWIT_CONFINE=confine)
    assert filters(text) == our_filters() + count
    assert count == 0 or re.search(r"^Seccomp:\s*2$", text, re.M), text


@needs_seccomp
def test_commands_are_not_filtered(victim):
    mark = os.path.join(victim.outside, "mark")
    victim.scenario.settings = {"auth": {"password_command": [
        "sh", "-c", "cat /proc/self/status > %s; echo %s" % (mark, PASSWORD)]}}
    victim.configure()
    status, out, err, _, _ = victim.run("sync")
    assert status == 0, out + err
    with open(mark) as file:
        assert filters(file.read()) == our_filters()


def test_no_core(victim):
    text, _ = status_of(victim)
    assert re.search(r"^Max core file size\s+0\s+0\s", text, re.M), text


COMMANDS = {
    "password_command": lambda mark: {"auth": {"password_command": [
        "sh", "-c", "cat %s && echo used > %s && echo %s" % (os.devnull, mark, PASSWORD)]}},
    "token_command": lambda mark: {"auth": {"token_command": ["sh", "-c", "echo used > %s && echo tok" % mark]}},
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_commands_keep_their_rights(victim, kind):
    mark = os.path.join(victim.outside, "mark")
    victim.scenario.settings = COMMANDS[kind](mark)
    victim.server.play = {"caps": b"IMAP4rev1 UIDPLUS AUTH=PLAIN AUTH=XOAUTH2"}
    victim.configure()
    status, out, err, _, _ = victim.run("sync")
    assert status == 0, out + err
    assert victim.messages() == 3
    assert open(mark).read() == "used\n"


def test_tunnel_keeps_its_rights(victim):
    mark = os.path.join(victim.outside, "mark")
    relay = os.path.join(victim.home, "relay.py")
    with open(relay, "w") as file:
        file.write("import socket, sys, threading, os\n"
                   "open(%r, 'w').write('used')\n"
                   "s = socket.create_connection(('127.0.0.1', %d))\n"
                   "def up():\n"
                   "    while data := os.read(0, 65536):\n"
                   "        s.sendall(data)\n"
                   "    s.shutdown(1)\n"
                   "threading.Thread(target=up, daemon=True).start()\n"
                   "while data := s.recv(65536):\n"
                   "    os.write(1, data)\n" % (mark, victim.server.port))
    victim.scenario.settings = {"server": {"tunnel": [sys.executable, relay]}}
    victim.configure()
    status, out, err, _, _ = victim.run("sync")
    assert status == 0, out + err
    assert victim.messages() == 3 and open(mark).read() == "used"


@needs_landlock
@pytest.mark.parametrize("confine, status", [("on", 77), ("off", 0)])
def test_other_files_can_not_be_read(victim, confine, status):
    """The trust store that the environment names is opened late; a link in it leads to where nothing is allowed."""
    folder = os.path.join(victim.home, "trust")
    os.makedirs(folder)
    away = os.path.join(victim.outside, "ca.pem")
    os.rename(os.path.join(victim.folder, "ca.pem"), away)
    subprocess.run(["openssl", "rehash", folder], check=True)
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", away], check=True,
                          stdout=subprocess.PIPE).stdout.decode().strip()
    os.symlink(away, os.path.join(folder, name + ".0"))
    victim.server.implicit = True
    victim.scenario.tls = "implicit"
    victim.configure(without=("ca_file",))
    run = victim.run("sync", SSL_CERT_DIR=folder, GODWIT_CONFINE=confine)
    assert run[0] == status, run[1] + run[2]


@pytest.mark.skipif(bool(SANITIZER), reason="sanitizers need ptrace")
def test_no_ptrace(victim):
    """What is not dumpable belongs to root in /proc: nobody else of the same user may look into it."""
    text, owner = status_of(victim)
    assert owner == 0, text

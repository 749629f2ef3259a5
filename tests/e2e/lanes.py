"""Thousands of disturbed runs in little time.

A Lane is a World in memory, on a server that it shares with other lanes. Work is prepared in it once; then
each case begins from a copy of that: Maildir, state and the server's folder of the user. Lanes work side by side, a
thread each.
"""
import concurrent.futures
import contextlib
import os
import shutil
import subprocess
import tempfile
import threading
import time

import pytest

import debs
from server_dovecot import Dovecot
from world import CRASHING, PATIENCE, SANITIZER, World, assert_equal_mail

LANES = 3  # more than cores: a case waits most of the time
SOAK = bool(os.environ.get("GODWIT_SOAK"))
KEPT = (".godwit", "dovecot-keywords", "maildirfolder",
        "dovecot-uidlist.lock")  # a lock whose owner is gone is taken over by who needs it
ONE = os.environ.get("GODWIT_CASE")  # repeat this one alone


def memory():
    """A folder on a disk that needs no waiting, if there is one."""
    return os.environ.get("GODWIT_MEMORY") or ("/dev/shm" if os.access("/dev/shm", os.W_OK) else None)


@contextlib.contextmanager
def run_lanes(count=LANES, **settings):
    """Lanes on one server; the tests are skipped if it can't be had."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="godwit-lanes-", dir=memory()))
        os.chmod(folder, 0o711)
        try:
            server = stack.enter_context(Dovecot(folder=folder, extra="verbose_proctitle = yes", **settings))
        except debs.Unavailable as reason:
            pytest.skip("NO SERVER TO TEST WITH: %s" % reason)
        yield [stack.enter_context(contextlib.closing(Lane(server, os.path.join(folder, "lane%d" % i))))
               for i in range(count)]


class Lane(World):
    """disk: everything that godwit writes to lies below it."""

    def __init__(self, server, folder):
        self.disk = os.path.join(folder, "disk")
        os.makedirs(self.disk)
        super().__init__(server, self.disk, os.path.basename(folder))
        self.tmp = folder  # what it prints is no part of the disk
        self.port = server.port
        self.record, self.steps_file = os.path.join(folder, "record"), os.path.join(folder, "steps")
        self.work, self.cases = None, 0

    def copies(self, name):
        """(present, copy) of what makes up the world."""
        return [(self.disk, os.path.join(self.tmp, name + ".disk")),
                (self.server.mail_dir(self.user), os.path.join(self.server.dir, "mail", "%s.%s" % (self.user, name)))]

    def save(self, name):
        self.wait_until_quiet()
        for present, copy in self.copies(name):
            replace(present, copy)

    def restore(self, name, disk=True):
        self.there.close()
        self.wait_until_quiet()
        for present, copy in self.copies(name)[0 if disk else 1:]:
            replace(copy, present)

    def wait_until_quiet(self, patience=20):
        """Until the server is done with whoever spoke to it: a killed program's last command may still run."""
        self.there.close()
        end = time.monotonic() + patience
        while self.server.is_serving(self.user):
            assert time.monotonic() < end, "the server does not let go of " + self.user
            time.sleep(0.001)

    def prepare(self, work):
        """WORK's beginning, once; then a copy of it."""
        if self.work is not work:
            self.work = None
            shutil.rmtree(self.disk)
            os.makedirs(self.home)
            shutil.rmtree(self.server.mail_dir(self.user), ignore_errors=True)
            self.settings["server"] = {"host": "localhost", "port": self.port, "tls": "none", "connections": 1,
                                       "retry": "10s", "timeout": "30s", **dict(work.server)}
            self.settings["sync"] = dict(work.sync)
            self.environment, self.program = self.environment_of(work), CRASHING
            self.expected = {"INBOX": 0, **work.prepare(self)}
            self.had_state = os.path.exists(os.path.join(self.state, "data.mdb"))
            self.save("prepared")
            self.work = work
        self.restore("prepared")
        self.environment = {"GODWIT_WATCH": self.disk, "GODWIT_STEPS": self.steps_file, "GODWIT_BACKOFF_MS": "20",
                            "GODWIT_DOUBT_MS": "50", **self.environment_of(work)}

    @staticmethod
    def environment_of(work):
        """A copied folder is another one, and nothing that is gone from it was deleted: only one WORK is about that."""
        return {"replaced": {}, "turned": {"GODWIT_COPIES": "rights"}}.get(work.name, {"GODWIT_COPIES": "1"})

    def disturbed(self, fault=None, record=False):
        """The run that something happens to."""
        for file in (self.record, self.steps_file):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)
        if fault:
            self.environment["GODWIT_FAULT"] = fault
        if record:
            self.environment["GODWIT_RECORD"] = self.record
        run = self.run(*self.work.command, expect=None)
        for name in ("GODWIT_FAULT", "GODWIT_RECORD"):
            self.environment.pop(name, None)
        return run

    def counted(self):
        """(steps, syncs, links) of the last run that came to its end by itself."""
        with open(self.steps_file) as file:
            return tuple(map(int, file.read().split()))

    def steps(self, work):
        self.prepare(work)
        run = self.disturbed()
        assert run.status == 0, run
        return self.counted()

    def finish(self, begun, patience=PATIENCE):
        """As World.finish(), without looking at the memory all the time."""
        process = begun[0]
        watchdog = threading.Timer(patience, process.kill)
        watchdog.start()
        process.wait()
        watchdog.cancel()
        return super().finish(begun, patience)

    def assert_recovers(self):
        """The next pass ends where an undisturbed one ends, and the one after it has nothing to do."""
        if self.work.again:
            self.run(*self.work.again, expect=None)
        run = self.sync()
        # A database whose first commit was cut off holds nothing yet.
        assert "damaged" not in run.err or not self.had_state, run
        for _ in range(self.work.passes - 1):
            self.sync()
        self.assert_noop()
        there, here = self.there.all(), self.here.all()
        for name in sorted(set(there) | set(here)):
            assert_equal_mail(name, there.get(name, {}).values(), here.get(name, []), dates=self.work.dates)
        found = {name: len(messages) for name, messages in here.items()}
        assert found == self.expected, "expected %r, found %r" % (self.expected, found)
        self.cases += 1
        if self.cases % 4 == 0:
            self.assert_nothing_left()

    def assert_nothing_left(self):
        """No file that is no message's, no row of something on its way."""
        for folder, _, files in os.walk(self.here.root):
            place = os.path.basename(folder)
            left = [f for f in files if place not in ("cur", "new") and f not in KEPT]
            assert left == [], "left behind in %s: %s" % (folder, left)
        rows = self.run("dump", self.account).out
        left = [line for line in rows.splitlines() if line.lstrip().startswith(("arrival", "upload"))]
        assert left == [], "left behind in the state: %s" % left


def replace(source, target):
    shutil.rmtree(target, ignore_errors=True)
    if os.path.isdir(source):
        subprocess.run(["cp", "-a", source, target], check=True)


def run_cases(lanes, work, cases, one, record_property=None):
    """
    ONE(lane, case) for each of CASES, of which several run at a time; it returns how many cases that were. The first
    that fails is told so that it can be repeated by itself.
    """
    cases = [case for case in cases if ONE in (None, name_of(work, case))]
    todo, results, lock = iter(cases), [], threading.Lock()
    failures = []

    def in_lane(lane):
        while not failures:
            with lock:
                case = next(todo, None)
            if case is None:
                return
            try:
                lane.prepare(work)
                result = one(lane, case)
            except BaseException as problem:
                failures.append((case, problem))
                raise
            with lock:
                results.append(result)

    with concurrent.futures.ThreadPoolExecutor(len(lanes)) as pool:
        threads = [pool.submit(in_lane, lane) for lane in lanes]
        concurrent.futures.wait(threads)
    if failures:
        case, problem = failures[0]
        raise AssertionError("GODWIT_CASE=%r repeats it: %s" % (name_of(work, case), problem)) from problem
    if record_property:
        record_property("cases", sum(results))
    return sum(results)


def name_of(work, case):
    return "%s %s" % (work.name, case)


def thin(cases, most):
    """At most so many of CASES, evenly."""
    cases = list(cases)
    if SANITIZER:
        most = max(1, most // 8)
    if len(cases) <= most:
        return cases
    return [cases[(2 * i + 1) * len(cases) // (2 * most)] for i in range(most)]

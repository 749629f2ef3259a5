"""A World is one account: a user on a server, a Maildir, a configuration, and godwit between them."""
import collections
import json
import os
import re
import subprocess
import time

from imapside import ServerSide
from mail import describe
from maildirside import MaildirSide
from servers import TRAITS

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GODWIT = os.environ.get("GODWIT", os.path.join(ROOT, "build", "godwit"))
CRASHING = os.path.join(os.path.dirname(GODWIT), "crash-godwit")  # tests/crash/fault.c
SANITIZER = os.environ.get("GODWIT_SAN", "")
PATIENCE = 600 if SANITIZER else 240  # seconds until a run counts as hanging


class Run:
    """A run of godwit that has ended."""

    def __init__(self, args, status, out, err, peak_kib, seconds):
        self.args, self.status, self.out, self.err = args, status, out, err
        self.peak_kib, self.seconds = peak_kib, seconds

    def json(self):
        """The objects on standard output; whatever is not one object a line fails here."""
        return [json.loads(line) for line in self.out.splitlines()]

    def summary(self):
        (found,) = [o for o in self.json() if o.get("event") == "summary"]
        return found

    def logins(self):
        """With --debug imap: the mechanisms that were tried, in order."""
        return re.findall(r"> \w+ (?:AUTHENTICATE )?(LOGIN|(?<=AUTHENTICATE )[\w-]+)", self.err)

    def __str__(self):
        return "godwit %s: status %s\n--- stdout\n%s--- stderr\n%s" % (
            " ".join(self.args), self.status, shorten(self.out), shorten(self.err))


def peak_kib(pid):
    """The most memory that a running process ever had. (wait4() counts ours, of which it was forked.)"""
    try:
        with open("/proc/%d/status" % pid) as file:
            return int(re.search(r"VmHWM:\s*(\d+)", file.read()).group(1))
    except (OSError, AttributeError):
        return 0  # it is just beginning or ending


def shorten(text, most=6000):
    return text if len(text) <= most else text[:most // 2] + "\n...\n" + text[-most // 2:]


class World:
    """
    account: its name            server: a running server
    there:   ServerSide          here:   MaildirSide
    settings: the account's keys, as in config.yaml; change them before a run
    """

    def __init__(self, server, tmp, user, account="acc", layout="nested", password=None):
        self.server, self.tmp, self.user, self.account = server, str(tmp), user, account
        self.traits = TRAITS[server.name]
        server.add_user(user)
        self.there = ServerSide(server, user)
        self.here = MaildirSide(os.path.join(self.tmp, "Mail-" + account), layout)
        self.home = os.path.join(self.tmp, "home")
        self.state = os.path.join(self.home, ".local", "state", "godwit", account)
        os.makedirs(self.home, exist_ok=True)
        self.settings = {
            "server": {"host": "localhost", "port": server.tls_port, "ca_file": server.ca_file,
                       "retry": "10s", "timeout": "30s"},
            "auth": {"user": user, "password": password or server.password},
            "local": {"path": self.here.root, "layout": layout},
            "sync": {},
        }
        self.neighbours = []  # other Worlds in the same configuration
        self.environment = {}
        self.program = GODWIT

    def close(self):
        self.there.close()

    # running godwit

    def write_config(self, path=None):
        path = path or os.path.join(self.home, ".config", "godwit", "config.yaml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        accounts = {w.account: w.settings for w in [self] + self.neighbours}
        with open(path + ".new", "w") as file:
            file.write(yaml({"accounts": accounts}))
        os.chmod(path + ".new", 0o600)
        os.replace(path + ".new", path)  # a run that was begun before may be reading it
        return path

    def _environment(self):
        kept = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS") or k == "TMPDIR"}
        return {**kept, "HOME": self.home, "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "TZ": "UTC",
                "LC_ALL": "C.UTF-8", **self.environment}

    def start(self, *args):
        """Begin a run; finish() waits for it."""
        self.write_config()
        out, err = (open(os.path.join(self.tmp, name), "w+b") for name in ("stdout", "stderr"))
        process = subprocess.Popen([self.program, *args], cwd=self.tmp, env=self._environment(),
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        return process, out, err, time.monotonic(), args

    def finish(self, begun, patience=PATIENCE):
        process, out, err, start, args = begun
        peak = 0
        while process.poll() is None:
            peak = peak_kib(process.pid) or peak
            if time.monotonic() > start + patience:
                process.kill()
            time.sleep(0.002)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "replace"))
            file.close()
        return Run(args, process.returncode, *texts, peak, time.monotonic() - start)

    def run(self, *args, expect=0):
        """Run godwit and demand an exit status (None: any)."""
        run = self.finish(self.start(*args))
        assert expect is None or run.status == expect, "expected status %s of %s" % (expect, run)
        return run

    def sync(self, *args, expect=0):
        return self.run("sync", *args, expect=expect)

    # judging

    def assert_same(self, alike=None, dates=True, mailboxes=True):
        """Both sides hold the same. ALIKE maps a body to what is to be compared instead."""
        dates = dates and self.traits.dates
        there, here = self.there.all(), self.here.all()
        if mailboxes:
            assert set(there) == set(here), "mailboxes: only there %r, only here %r" % (
                set(there) - set(here), set(here) - set(there))
        for name in sorted(set(there) & set(here)):
            assert_equal_mail(name, there[name].values(), here[name], alike, dates)

    def assert_noop(self, *args):
        """Another pass changes nothing on either side, and says so."""
        there, here = self.there.snapshot(), self.here.snapshot()
        run = self.sync("--json", *args)
        assert self.here.snapshot() == here, "a pass with nothing to do changed files: %s\n%s" % (
            difference(here, self.here.snapshot()), run)
        assert self.there.snapshot() == there, "a pass with nothing to do changed the server: %s\n%s" % (
            difference(there, self.there.snapshot()), run)
        summary = run.summary()
        for count in ("fetched", "appended", "flags_here", "flags_there", "deleted_here",
                      "deleted_there", "boxes_made_here", "boxes_made_there", "failed"):
            assert summary[count] == 0, "nothing to do, but %s: %s" % (count, run)
        return run

    def sync_same(self, *args, **how):
        """A pass, both sides equal, and nothing left to do."""
        run = self.sync(*args)
        self.assert_same(**how)
        self.assert_noop()
        return run


def assert_equal_mail(name, there, here, alike=None, dates=True):
    def tally(messages):
        return collections.Counter(
            m._replace(body=alike(m.body) if alike else m.body, date=m.date if dates else 0)
            for m in messages)

    there, here = tally(there), tally(here)
    if there != here:
        lines = ["mailbox %r differs" % name]
        lines += ["  only there: " + describe(m) for m in (there - here).elements()]
        lines += ["  only here:  " + describe(m) for m in (here - there).elements()]
        raise AssertionError("\n".join(lines[:60]))


def difference(before, after):
    return {key: (before.get(key), after.get(key)) for key in set(before) | set(after)
            if before.get(key) != after.get(key)}


def yaml(value, depth=0):
    """Block YAML of nested dictionaries; what is not a plain word is written as JSON, which is YAML too."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict) and item:
            lines.append("%s%s:\n%s" % ("  " * depth, key, yaml(item, depth + 1)))
        elif not isinstance(item, dict):
            plain = isinstance(item, str) and re.fullmatch(r"[A-Za-z/][\w/.+-]{3,}", item)
            lines.append("%s%s: %s\n" % ("  " * depth, key, item if plain else json.dumps(item)))
    return "".join(lines)

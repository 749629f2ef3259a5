"""Hostile servers, hostile networks, and links planted in the Maildir: hostile_scenarios.py against the real
program, and what must hold whatever happens.

First godwit syncs with the honest server; then the scenario plays, twice: once as people run it, with all
traces, once for a program that reads JSON. Each run has to end by itself with one of the scenario's
statuses, within time and memory, without a file outside the Maildir and the state, without a raw control
byte or a secret in what it prints, and without the loss of a message.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import time

import pytest

from hostile import PASSWORD, Server, certificates
from hostile_scenarios import SCENARIOS
from world import GODWIT, SANITIZER, peak_kib, shorten, yaml

SOAK = bool(os.environ.get("GODWIT_SOAK"))
SECONDS, PEAK_KIB = 20, 200 * 1024  # of a run
TIMEOUT, RETRY = "2s", "1s"         # of the configuration
HONEST = {"caps": b"IMAP4rev1 UIDPLUS CONDSTORE STARTTLS AUTH=PLAIN AUTH=XOAUTH2"}
ANY = (0, 1, 74, 75, 76, 77)  # `list` and `status` need not meet what the scenario is about
SECRET = "outside, and none of godwit's business\n"
CONTROL = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]")


class Victim:
    """An account on the hostile server: home/ below FOLDER is what may change, outside/ what may not."""

    def __init__(self, folder, scenario, made):
        self.folder, self.scenario, self.certificates = str(folder), scenario, made
        self.home, self.outside = (os.path.join(self.folder, name) for name in ("home", "outside"))
        self.root = os.path.join(self.home, "Mail")
        os.makedirs(os.path.join(self.outside, "folder"))
        os.makedirs(self.home)
        for name in ("file", "folder/file"):
            with open(os.path.join(self.outside, name), "w") as file:
                file.write(SECRET)
        self.server = Server(made, scenario.tls)

    def configure(self, without=()):
        settings = {
            "server": {"host": "127.0.0.1", "port": self.server.port, "tls": self.scenario.tls,
                       "timeout": TIMEOUT, "retry": RETRY, "connections": 2},
            "auth": {"user": "alice", "password": PASSWORD},
            "local": {"path": self.root},
        }
        if self.scenario.tls != "none" and "ca_file" not in without:
            settings["server"]["ca_file"] = os.path.join(os.path.dirname(self.certificates["good"][0]), "ca.pem")
        for section, keys in self.scenario.settings.items():
            settings[section].update({k: v for k, v in keys.items() if k not in without})
        if len(settings["auth"].keys() & {"token_command", "password_command"}) > 0:
            del settings["auth"]["password"]
        path = os.path.join(self.home, ".config", "godwit", "config.yaml")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(yaml({"accounts": {"acc": settings}}))
        os.chmod(path, 0o600)

    def run(self, *args, **environment):
        """Status, standard output and error, seconds, and the most memory in KiB."""
        kept = {k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}
        out, err = (os.path.join(self.folder, name) for name in ("out", "err"))
        begun, peak = time.monotonic(), 0
        with open(out, "wb") as out_file, open(err, "wb") as err_file:
            process = subprocess.Popen(
                [GODWIT, *args], cwd=self.home, stdin=subprocess.DEVNULL, stdout=out_file, stderr=err_file,
                env={**kept, "HOME": self.home, "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **environment})
            while process.poll() is None:
                peak = peak_kib(process.pid) or peak
                if time.monotonic() > begun + SECONDS * (10 if SANITIZER else 2):
                    process.kill()
                time.sleep(0.005)
        seconds = time.monotonic() - begun
        with open(out, "rb") as out_file, open(err, "rb") as err_file:
            return process.returncode, out_file.read(), err_file.read(), seconds, peak

    def edit(self):
        """What the user, or somebody else, did here meanwhile."""
        inbox = os.path.join(self.root, "INBOX")
        what = self.scenario.edit
        if not what and not self.scenario.plant:
            return
        for part in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(inbox, part), exist_ok=True)
        files = sorted(os.path.join(inbox, "cur", f) for f in os.listdir(os.path.join(inbox, "cur")))
        if what in ("new", "link", "file-crlf"):
            name = {"file-crlf": "x\r\nA1 DELETE INBOX\r\n:2,S"}.get(what, "local.1")
            with open(os.path.join(inbox, "cur" if ":" in name else "new", name), "w") as file:
                file.write("From: b@example.org\nSubject: mine\n\nmine\n")
        if what == "flag":
            for file in files:
                os.rename(file, file + "F" if ":2," in file else file + ":2,F")
        if what == "delete":
            os.unlink(files[0])
        if what.startswith("mailbox"):
            name = "Mine" if what == "mailbox" else "a\r\nA1 DELETE INBOX\r\n"
            for part in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(self.root, name, part))
        if what == "move":
            for part in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(self.root, "Other", part))
            os.rename(files[0], os.path.join(self.root, "Other", "cur", os.path.basename(files[0])))
        if self.scenario.plant:
            self.plant(os.path.join(self.root, self.scenario.plant))

    def plant(self, path):
        """A link to something outside takes the place of PATH."""
        target = os.path.join(self.outside, "file")
        if os.path.isdir(path):
            os.rename(path, os.path.join(self.folder, "away"))
            target = os.path.join(self.outside, "folder")
            for part in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(target, part))
        elif os.path.exists(path):
            os.unlink(path)
        elif os.path.basename(path) == "Evil":
            target = os.path.join(self.outside, "folder")
        os.symlink(target, path)

    def snapshot(self):
        """Everything outside of what godwit may write: {path: (kind, contents)}."""
        found = {}
        for folder, folders, files in os.walk(self.folder):
            if folder == self.folder:
                folders[:] = ["outside", "home"]
                files = []
            if folder == self.home:
                folders[:] = [f for f in folders if f not in ("Mail", ".local", ".config")]
            for name in folders + files:
                path = os.path.join(folder, name)
                found[path] = os.path.isfile(path) and open(path, "rb").read()
        return found

    def messages(self):
        """How many of the honest messages are here, in whatever mailbox."""
        bodies = set()
        for folder, _, files in os.walk(self.root):
            if os.path.basename(folder) in ("cur", "new"):
                for name in files:
                    with open(os.path.join(folder, name), "rb") as file:
                        bodies.update(re.findall(rb"^Subject: message (\d)$", file.read(), re.M))
        return len(bodies)


def judge(victim, run, args):
    """What is wrong with RUN, as text."""
    scenario, (status, out, err, seconds, peak) = victim.scenario, run
    shown, wrong = out + err, []
    expected = scenario.status if "sync" in args else ANY
    if "--json" in args:
        expected += (0,)  # what was refused for good is not tried again
    if status not in expected:
        wrong.append("status %s, not one of %s" % (status, expected))
    if seconds > SECONDS * (5 if SANITIZER else 1):
        wrong.append("took %.1f s" % seconds)
    if peak > PEAK_KIB and not SANITIZER:
        wrong.append("took %d MiB" % (peak // 1024))
    if CONTROL.search(shown):
        wrong.append("prints the raw control byte %r" % CONTROL.search(shown).group())
    try:
        shown.decode()
    except UnicodeDecodeError as error:
        wrong.append("prints what is no UTF-8: %s" % error)
    if PASSWORD.encode() in shown:
        wrong.append("prints the password")
    if victim.scenario.tls != "none" and re.search(rb"(?i) (login|authenticate) ", victim.server.clear):
        wrong.append("logs in without TLS")
    if "--json" in args:
        for line in out.splitlines():
            if not isinstance(json.loads(line), dict):
                wrong.append("prints what is no JSON object")
    return wrong + [
        "%s, which is %s" % (text, "missing" if needed else "printed")
        for needed, texts in ((True, scenario.present), (False, scenario.absent))
        for text in texts if (text in shown) != needed]


RUNS = (("--debug", "all", "sync"), ("sync", "--json"))
MORE_RUNS = (("list",), ("list", "--json"), ("status",))  # where names are what it is about
WAITS = re.compile("silen|drip|patter|in-append|endless-(?!list|bodies|ok-in-list|search)|1000|million|bomb-body|megabytes|sinks|without-end")


def runs_of(scenario):
    if SOAK or re.match("name-|delimiter-|alert-|list-|keywords-", scenario.name):
        return RUNS + MORE_RUNS
    return RUNS[:1] if WAITS.search(scenario.name) else RUNS


def play(scenario, folder, made):
    """Everything that is wrong, as text."""
    victim = Victim(folder, scenario, made)
    problems = []
    with victim.server:
        victim.configure()
        if not scenario.fresh:
            victim.server.play = scenario.before or HONEST
            victim.configure(without=("mechanisms", "pin"))
            status, out, err, _, _ = victim.run("--debug", "imap", "sync")
            if status != 0 or victim.messages() != 3:
                return ["the honest pass failed: %s\n%s%s" % (status, out.decode(), err.decode())]
            victim.configure()
        victim.edit()
        victim.server.clear = b""
        victim.server.play = scenario.play
        victim.server.use(made, scenario.play.get("certificate", "good"))
        before = victim.snapshot()
        for args in runs_of(scenario):
            run = victim.run(*args)
            wrong = judge(victim, run, args)
            if wrong:
                problems.append("godwit %s: %s\n%s" % (
                    " ".join(args), "; ".join(wrong), shorten((run[1] + run[2]).decode("utf-8", "backslashreplace"), 3000)))
        if victim.snapshot() != before:
            problems.append("changed what is not its own: %s" % sorted(
                p for p, c in set(victim.snapshot().items()) ^ set(before.items())))
        if scenario.keeps and victim.messages() != 3:
            problems.append("%d of 3 messages are here" % victim.messages())
    return problems


@pytest.fixture(scope="session")
def played(request, tmp_path_factory):
    """{name: future of its problems}, several at once: most scenarios wait."""
    folder = tmp_path_factory.mktemp("hostile")
    made = certificates(str(folder))
    wanted = {item.callspec.params["scenario"].name for item in request.session.items
              if item.function.__name__ == "test_hostile"}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        yield {s.name: pool.submit(play, s, folder / s.name, made) for s in SCENARIOS if s.name in wanted}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.name)
def test_hostile(scenario, played):
    problems = played[scenario.name].result()
    assert not problems, "\n".join(problems)

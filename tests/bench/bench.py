#!/usr/bin/python3
"""godwit and mbsync at the same work, on the same server, in turns; medians, and how far the machine could go.

usage: bench.py GODWIT [--only WORD] [--scale X] [--runs N] [--disk DIR]    (make bench B=WORD)

The mail lies in memory (/dev/shm) unless the row says "disk". Exit status 1: a run failed, or the sides ended up with
different numbers of messages.
"""
import argparse
import math
import os
import random
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "e2e"))
sys.path.insert(0, HERE)

from latency import Latency  # noqa: E402
from server_dovecot import Dovecot  # noqa: E402


RELAY = os.path.join(HERE, "latency.py")


class Failed(Exception):
    pass


def message(number, size):
    """The same one each time."""
    dice = random.Random(number)
    head = ("From: Ada <ada@example.org>\r\nTo: Bob <bob@example.org>\r\nSubject: message %d\r\n"
            "Date: Sun, 13 Sep 2020 12:26:40 +0000\r\nMessage-ID: <%d@bench.example>\r\n\r\n" % (number, number))
    lines = []
    while size > 0:
        lines.append("%0*x" % (min(70, size), dice.getrandbits(280)))
        size -= 72
    return (head + "\r\n".join(lines) + "\r\n").encode()


class Session:
    """A bare IMAP connection: as fast as a connection gets."""

    def __init__(self, server, user, port=None):
        context = ssl.create_default_context(cafile=server.ca_file)
        self.socket = context.wrap_socket(
            socket.create_connection(("127.0.0.1", port or server.tls_port)), server_hostname="localhost")
        self.file = self.socket.makefile("rb")
        self.tag = 0
        self.file.readline()
        self.run("LOGIN %s %s" % (user, server.password))

    def send(self, command):
        self.tag += 1
        self.socket.sendall(b"t%d %s\r\n" % (self.tag, command if isinstance(command, bytes) else command.encode()))

    def wait(self):
        want = b"t%d " % self.tag
        while not (line := self.file.readline()).startswith(want):
            if not line:
                raise Failed("the server closed the connection")
        if b" OK" not in line:
            raise Failed(line.decode())

    def run(self, command):
        self.send(command)
        self.wait()

    def append(self, mailbox, numbers, size):
        numbers = list(numbers)
        for at in range(0, len(numbers), 500):
            parts = []
            for number in numbers[at:at + 500]:
                body = message(number, size)
                parts.append(b" (\\Seen) {%d+}\r\n%s" % (len(body), body))
            self.run(b"APPEND " + mailbox.encode() + b"".join(parts))

    def fill(self, count, size):
        """COUNT messages in INBOX, quickly: the server copies the first ones."""
        first = min(count, 1000)
        self.append("INBOX", range(first), size)
        self.run("SELECT INBOX")
        while first < count:
            some = min(first, count - first)
            self.run("COPY 1:%d INBOX" % some)
            first += some
        self.run("CLOSE")

    def swallow(self, command):
        """Send, and read away whatever comes until the tagged answer."""
        self.send(command)
        want, tail = b"\r\nt%d OK" % self.tag, b""
        buffer = bytearray(1 << 20)
        while True:
            n = self.socket.recv_into(buffer)
            if n == 0:
                raise Failed("the server closed the connection")
            tail = tail[-64:] + bytes(buffer[max(0, n - 200):n])
            if want in tail:
                return


class Tool:
    """One of the two programs with a Maildir and state of its own."""

    def __init__(self, bench, name, user, port, root):
        self.bench, self.name, self.user, self.port = bench, name, user, port
        self.home = tempfile.mkdtemp(prefix="bench-", dir=root)
        self.mail = os.path.join(self.home, "Mail")
        os.mkdir(os.path.join(self.home, "state"))
        self.fsync, self.compress, self.tunnel = False, "auto", None
        self.aside = []  # what was forgotten, to be deleted when nobody measures
        self.seconds, self.rss, self.cpu = [], 0, []

    def command(self):
        config = os.path.join(self.home, "config")
        server = self.bench.server
        if self.name == "godwit":
            tunnel = ", tunnel: [%s]" % ", ".join("'%s'" % word for word in self.tunnel) if self.tunnel else ""
            text = ("state_dir: %s/state\naccounts:\n  a:\n"
                    "    server: { host: localhost, port: %d, ca_file: %s, compress: %s%s }\n"
                    "    auth: { user: %s, password: %s }\n    local: { path: %s }\n    sync: { max_delete: 100%% }\n" % (
                        self.home, self.port, server.ca_file, self.compress, tunnel, self.user, server.password,
                        self.mail))
            command = [self.bench.godwit, "-q", "-c", config, "sync"]
        else:
            os.makedirs(self.mail, exist_ok=True)
            text = ("FSync %s\n\nIMAPAccount a\nHost localhost\nPort %d\nUser %s\nPass %s\nSSLType IMAPS\n"
                    "CertificateFile %s\nTimeout 120\n\nIMAPStore far\nAccount a\n\nMaildirStore near\nSubFolders Verbatim\n"
                    "Path %s/\nInbox %s/INBOX\n\nChannel a\nFar :far:\nNear :near:\nPatterns *\nCreate Both\n"
                    "Expunge Both\nSync All\nCopyArrivalDate yes\nSyncState %s/state/\n" % (
                        "yes" if self.fsync else "no", self.port, self.user, server.password, server.ca_file,
                        self.mail, self.mail, self.home))
            command = ["mbsync", "-q", "-c", config, "-a"]
        with open(config, "w") as file:
            file.write(text)
        os.chmod(config, 0o600)
        return command

    def run(self, note=True):
        os.sync()
        command, begun = self.command(), time.monotonic()
        child = subprocess.Popen(command, env={"HOME": self.home, "PATH": os.environ["PATH"]},
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        watcher = threading.Thread(target=self._watch, args=(child.pid,))
        watcher.start()
        output = child.stderr.read().decode(errors="replace")
        _, status, usage = os.wait4(child.pid, 0)
        watcher.join()
        child.returncode = status
        if status != 0:
            raise Failed("%s: status %d: %s" % (self.name, status, output[-800:]))
        if note:
            self.seconds.append(time.monotonic() - begun)
            self.cpu.append(usage.ru_utime + usage.ru_stime)
            self.rss = max(self.rss, self.peak)

    def _watch(self, pid):
        """The highest VmHWM seen: what wait4() tells holds this interpreter's share from before the exec, too."""
        self.peak = 0
        try:
            while True:
                with open("/proc/%d/status" % pid) as file:
                    values = dict(line.split(":", 1) for line in file)
                if "VmHWM" in values and values["Name"].strip() == self.name:
                    self.peak = max(self.peak, int(values["VmHWM"].split()[0]))
                time.sleep(0.001)
        except OSError:
            return

    def files(self, mailbox="INBOX"):
        return [os.path.join(self.mail, mailbox, part, name) for part in ("cur", "new")
                for name in os.listdir(os.path.join(self.mail, mailbox, part))]

    def forget(self, aside=False):
        """Mail and state are gone. ASIDE: by a rename only, as a disk has work to do after so many deletions."""
        for path in (self.mail, os.path.join(self.home, "state")):
            if aside and os.path.exists(path):
                self.aside.append("%s-%d" % (path, len(self.aside)))
                os.rename(path, self.aside[-1])
            shutil.rmtree(path, ignore_errors=True)
        os.mkdir(os.path.join(self.home, "state"))

    def close(self):
        shutil.rmtree(self.home, ignore_errors=True)


class Bench:
    def __init__(self, options):
        self.godwit, self.options = os.path.abspath(options.godwit), options
        self.users, self.made = 0, []

    def n(self, count):
        return max(10, int(count * self.options.scale))

    def user(self):
        self.users += 1
        return "user%d" % self.users

    def tools(self, user, port=None, root="/dev/shm"):
        pair = [Tool(self, name, user, port or self.server.tls_port, root) for name in ("godwit", "mbsync")]
        self.made += pair
        return pair

    def close(self):
        for tool in self.made:
            tool.close()
        self.made = []

    def row(self, name, tools, limit=None, note=""):
        ours, theirs = (statistics.median(tool.seconds) for tool in tools)
        text = "| %s | %.2f s | %.2f s | %.1fx | %s | %s |" % (
            name, theirs, ours, theirs / ours, "%.2f s" % limit if limit else "", note)
        print(text, flush=True)
        for tool in tools:
            tool.close()

    def same(self, tools, count, mailbox="INBOX"):
        for tool in tools:
            if len(tool.files(mailbox)) != count:
                raise Failed("%s: %d files, not %d" % (tool.name, len(tool.files(mailbox)), count))

    # rows

    def pull(self, disk=False):
        count, size = self.n(20000), 12650
        user = self.user()
        Session(self.server, user).append("INBOX", range(count), size)
        tools = self.tools(user, root=self.options.disk if disk else "/dev/shm")
        limits, runs = [], self.options.runs if not disk else max(self.options.runs, 3)
        for _ in range(runs):
            for tool in tools:
                tool.fsync = disk
                tool.forget(aside=disk)
                tool.run()
            session = Session(self.server, user)
            session.run("SELECT INBOX")
            begun = time.monotonic()
            session.swallow("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])")
            limits.append(time.monotonic() - begun)
        self.same(tools, count)
        note = "CPU %.1f s and %.1f s; memory %d and %d MB" % (
            statistics.median(tools[1].cpu), statistics.median(tools[0].cpu), tools[1].rss >> 10, tools[0].rss >> 10)
        if disk:
            note = "sync calls of godwit: %s; plain files and one sync: %.2f s" % (
                self.syncs(tools[0]), self.plain_files(count, size))
        self.row("first pull, %d messages, %d MB%s" % (count, count * size >> 20, ", disk" if disk else ""),
                 tools, statistics.median(limits), note)

    def plain_files(self, count, size):
        """So many files written into a folder, and one sync: as fast as a disk gets."""
        folder = tempfile.mkdtemp(prefix="bench-", dir=self.options.disk)
        body = message(0, size)
        try:
            os.sync()
            begun = time.monotonic()
            for number in range(count):
                with open(os.path.join(folder, str(number)), "wb") as file:
                    file.write(body)
            os.sync()
            return time.monotonic() - begun
        finally:
            shutil.rmtree(folder)

    def syncs(self, tool):
        """How often does a first pull wait for the disk?"""
        if not shutil.which("strace"):
            return "not counted (no strace)"
        tool.forget()
        trace = os.path.join(tool.home, "trace")
        subprocess.run(["strace", "-f", "-qq", "-e", "trace=fsync,fdatasync,syncfs,msync,sync_file_range", "-o", trace]
                       + tool.command(), env={"HOME": tool.home, "PATH": os.environ["PATH"]}, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(trace) as lines:
            return sum("resumed>" not in line for line in lines)

    def disk(self):
        self.pull(disk=True)

    def noop(self):
        counts, ours, memory = (self.n(1000), self.n(200000)), [], []
        for count in counts:
            user = self.user()
            Session(self.server, user).fill(count, 300)
            tools = self.tools(user)
            for tool in tools:
                tool.run(note=False)
            time.sleep(2.2)  # directory times younger than 2 s are not trusted
            for tool in tools:
                tool.run(note=False)
                tool.rss = 0
            for _ in range(max(5, self.options.runs)):
                for tool in tools:
                    tool.run()
            ours.append(statistics.median(tools[0].seconds))
            memory.append(tools[0].rss)
            note = "memory %d and %d MB" % (tools[1].rss >> 10, tools[0].rss >> 10)
            if len(ours) == 2:
                note += "; with messages time grows to the power of %.2f, memory of %.2f" % tuple(
                    math.log(of[1] / of[0]) / math.log(counts[1] / counts[0]) for of in (ours, memory))
            self.row("nothing to do, %d messages in one mailbox" % count, tools, self.greeting(user), note)

    def greeting(self, user):
        """Connect, TLS, LOGIN, LIST with STATUS, LOGOUT."""
        begun = time.monotonic()
        session = Session(self.server, user)
        session.run('LIST "" "*" RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))')
        session.run("LOGOUT")
        return time.monotonic() - begun

    def far(self):
        user, each = self.user(), self.n(100)
        session = Session(self.server, user)
        for number in range(100):
            session.run("CREATE box%d" % number)
            session.append("box%d" % number, range(each), 1000)
        with Latency(self.server.tls_port, 0.025) as line:
            tools = self.tools(user, line.port)
            trips = []
            for tool in tools:
                before = line.round_trips
                tool.run()
                trips.append(line.round_trips - before)
            self.same(tools, each, "box7")
            self.row("first pull, 100 mailboxes of %d, 50 ms away" % each, tools, None,
                     "round trips %d and %d" % (trips[1], trips[0]))
            tools = self.tools(user, line.port)
            for tool in tools:
                tool.run(note=False)
            time.sleep(2.2)
            trips = []
            for tool in tools:
                tool.run(note=False)
                before = line.round_trips
                tool.run()
                trips.append(line.round_trips - before)
            self.row("nothing to do, 100 mailboxes, 50 ms away", tools, None,
                     "round trips %d and %d" % (trips[1], trips[0]))

    def narrow(self):
        """Each connection brings so much, as with many providers, however fast the line is."""
        count, size, rate = self.n(6000), 12650, 2500000
        user = self.user()
        Session(self.server, user).append("INBOX", range(count), size)
        with Latency(self.server.tls_port, 0.025, rate) as line:
            tools = self.tools(user, line.port)
            for tool in tools:
                tool.run()
        self.same(tools, count)
        self.row("first pull, %d messages, %d MB, 50 ms away, 20 Mbit/s a connection" % (count, count * size >> 20),
                 tools, count * size / rate / 4, "limit: four connections")

    def compress(self):
        """`compress: auto` beside `no` and `yes`. A command in between hides from the kernel that the line is local."""
        count, size = self.n(1000), 12650
        user = self.user()
        Session(self.server, user).append("INBOX", range(count), size)
        for delay, rate, where in ((0.025, 2500000, "50 ms away, 20 Mbit/s"), (0, None, "on this machine")):
            with Latency(self.server.tls_port, delay, rate) as line:
                seconds, sizes = {}, {}
                for compress in ("no", "yes", "auto"):
                    tool = self.tools(user, line.port)[0]
                    tool.compress, tool.tunnel = compress, [sys.executable, RELAY, str(line.port)]
                    before = line.received
                    tool.run()
                    self.same([tool], count)
                    seconds[compress], sizes[compress] = tool.seconds[0], line.received - before
            print("| first pull, %d messages, %d MB, %s, `compress: auto` | | %.2f s | | | no: %.2f s, yes: %.2f s; "
                  "on the line %.1f, no: %.1f, yes: %.1f MB |" % (
                      count, count * size >> 20, where, seconds["auto"], seconds["no"], seconds["yes"],
                      *(sizes[c] / (1 << 20) for c in ("auto", "no", "yes"))), flush=True)

    def flags(self):
        count, changed = self.n(20000), self.n(2000)
        for where in ("on the server", "here"):
            users = [self.user() for _ in range(2)]
            tools = [self.tools(user)[i] for i, user in enumerate(users)]
            for user, tool in zip(users, tools):
                Session(self.server, user).fill(count, 300)
                tool.run(note=False)
            for turn in range(self.options.runs):
                for user, tool in zip(users, tools):
                    self.change(where, user, tool, count, changed, turn)
                    tool.run()
            self.row("%d of %d flags changed %s" % (changed, count, where), tools)

    def change(self, where, user, tool, count, changed, turn):
        if where != "here":
            session = Session(self.server, user)
            session.run("SELECT INBOX")
            session.run("STORE %d:%d %sFLAGS.SILENT (\\Flagged)" % (
                count // 3, count // 3 + changed - 1, "-" if turn % 2 else "+"))
            return
        for path in sorted(tool.files())[:changed]:
            base, _, letters = path.rpartition(":2,")
            if not base:
                base, letters = path, ""
            letters = "".join(sorted(set(letters) ^ {"F"}))
            os.rename(path, base.replace("/new/", "/cur/") + ":2," + letters)

    def push(self):
        count = self.n(3000)
        times = []
        for _ in range(self.options.runs):
            for i in range(2):
                user = self.user()
                tool = self.tools(user)[i]
                tool.run(note=False)
                for number in range(count):
                    with open(os.path.join(tool.mail, "INBOX", "cur", "%d.bench:2,S" % number), "wb") as file:
                        file.write(message(number, 3000).replace(b"\r\n", b"\n"))
                tool.run()
                self.same([tool], count)
                times.append(tool)
        tools = times[:2]
        for tool in times[2:]:
            tools[0 if tool.name == "godwit" else 1].seconds += tool.seconds
            tool.close()
        user = self.user()
        session = Session(self.server, user)
        begun = time.monotonic()
        session.append("INBOX", range(count), 3000)
        self.row("%d messages pushed" % count, tools, time.monotonic() - begun, "limit: MULTIAPPEND of 500")

    def deletions(self):
        for where in ("on the server", "here"):
            self.delete(where)

    def delete(self, where):
        count, gone = self.n(20000), self.n(2000)
        users = [self.user() for _ in range(2)]
        tools = [self.tools(user)[i] for i, user in enumerate(users)]
        for user, tool in zip(users, tools):
            session = Session(self.server, user)
            session.fill(count, 300)
            tool.run(note=False)
            if where == "here":
                for path in sorted(tool.files())[:gone]:
                    os.remove(path)
            else:
                session.run("SELECT INBOX")
                session.run("STORE %d:%d +FLAGS.SILENT (\\Deleted)" % (count // 3, count // 3 + gone - 1))
                session.run("EXPUNGE")
            tool.run()
        self.same(tools, count - gone)
        self.row("%d of %d deleted %s" % (gone, count, where), tools)


def mbsync_version():
    return subprocess.run(["mbsync", "--version"], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()[0]


ROWS = ["pull", "disk", "noop", "far", "narrow", "compress", "flags", "push", "deletions"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("godwit")
    parser.add_argument("--only", default="", help="rows whose name holds this: " + ", ".join(ROWS))
    parser.add_argument("--scale", type=float, default=1, help="share of the messages")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--disk", default="/var/tmp", help="a folder on a real disk")
    options = parser.parse_args()
    if not shutil.which("mbsync"):
        sys.exit("bench: mbsync is not installed (Debian: isync)")
    bench = Bench(options)
    print("`make bench%s`; %s; %d processors, load %.1f; %s; --runs %d --scale %g\n" % (
        " B=" + options.only if options.only else "", time.strftime("%Y-%m-%d"), os.cpu_count(), os.getloadavg()[0],
        mbsync_version(), options.runs, options.scale))
    print("| work | mbsync | godwit | ratio | limit | |\n|---|---|---|---|---|---|", flush=True)
    with Dovecot() as bench.server:
        for name in ROWS:
            if options.only in name:
                try:
                    getattr(bench, name)()
                except (Failed, OSError, subprocess.CalledProcessError) as problem:
                    sys.exit("bench: %s: %s" % (name, problem))
                finally:
                    bench.close()


if __name__ == "__main__":
    main()

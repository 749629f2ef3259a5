#!/usr/bin/python3
"""`make demo`: godwit at work between a throwaway Dovecot and a Maildir. usage: demo.py GODWIT

Everything lies in one temporary folder that is removed at the end. The exit status is 0 only if both
sides hold the same mail after each step.
"""
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "e2e"))
if len(sys.argv) > 1:
    os.environ["GODWIT"] = os.path.abspath(sys.argv[1])

import debs  # noqa: E402
from mail import ANSWERED, FLAGGED, SEEN, compose  # noqa: E402
from server_dovecot import Dovecot  # noqa: E402
from world import GODWIT, World  # noqa: E402

COLOURS = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if COLOURS else text


def say(text):
    print("\n" + paint("1;36", textwrap.fill(textwrap.dedent(text).strip(), 92)), flush=True)


def show(text, indent="    "):
    print(textwrap.indent(text.rstrip(), indent), flush=True)


class Demo:
    def __init__(self, server, tmp):
        self.world = World(server, tmp, "alice", account="work")
        self.steps = 0

    def step(self, text):
        self.steps += 1
        say("%d. %s" % (self.steps, textwrap.dedent(text).strip()))

    def godwit(self, *args):
        print("    " + paint("1", "$ godwit " + " ".join(args)), flush=True)
        environment = self.world._environment()
        environment["TERM"] = os.environ.get("TERM", "dumb")
        done = subprocess.run([GODWIT, "-c", self.config, *args], env=environment, cwd=self.world.tmp,
                              stdin=subprocess.DEVNULL)
        if done.returncode:
            raise SystemExit("demo: godwit ended with status %d" % done.returncode)

    def same(self):
        self.world.assert_same()
        count = sum(len(messages) for messages in self.world.here.all().values())
        show(paint("32", "both sides compared byte by byte: %d messages, equal" % count))

    def tree(self):
        root = self.world.here.root
        for folder, folders, files in os.walk(root):
            folders.sort()
            depth = os.path.relpath(folder, root).count(os.sep) if folder != root else -1
            name = os.path.basename(folder) if folder != root else "~/Mail/work"
            if name in ("cur", "new", "tmp") and not files:
                continue
            show("  " * (depth + 1) + name + "/")
            for file in sorted(files):
                show("  " * (depth + 2) + file)

    # The story

    def fill_server(self):
        there = self.world.there
        for mailbox in ("Sent", "Archive/2025", "Projekte/Grüße & Küsse"):
            if mailbox not in there.mailboxes():
                there.create(mailbox)
        there.append("INBOX", compose("Welcome to the marsh", "The tide is out.\n"), [SEEN], 1760000000)
        there.append("INBOX", compose("Lunch on Friday?", "At the usual place.\n"), [], 1762000000)
        there.append("INBOX", compose("Invoice 4711", "Please find it below.\n"), [SEEN, FLAGGED], 1763000000)
        there.append("Sent", compose("Re: Lunch on Friday?", "Gladly!\n"), [SEEN, ANSWERED], 1762100000)
        there.append("Archive/2025", compose("Bar-tailed godwits", "11,000 km without a stop.\n"),
                     [SEEN, "birds"], 1750000000)
        there.append("Projekte/Grüße & Küsse", compose("Namen", "Umlaute überall.\n"), [], 1751000000)

    def first_sync(self):
        self.step("""A mail server of our own runs on 127.0.0.1, with some mail. This is the whole
            configuration that godwit needs:""")
        self.config = self.world.write_config()
        with open(self.config) as file:
            show(file.read())
        self.step("What would a first pass do? `plan` only tells.")
        self.godwit("plan")
        self.step("The first pass fetches everything.")
        self.godwit("sync")
        self.same()
        self.step("A Maildir now holds it: a file a message, its flags in its name, keywords as small letters.")
        self.tree()

    def changes_here(self):
        here = self.world.here
        self.step("""A mail reader works here, offline: it marks the lunch as read and flags it, throws the
            invoice away, and stores a draft.""")
        here.flag(self.find("Lunch"), "FS")
        here.remove(self.find("Invoice"))
        here.deliver("Drafts", compose("Notes on navigation", "Stars, sun, magnetism.\n"), "DS")
        self.godwit("plan")
        self.godwit("sync")
        self.same()

    def find(self, words):
        return [f for f in self.world.here.files("INBOX") if words.encode() in f.body()][0]

    def changes_there(self):
        there = self.world.there
        self.step("Meanwhile a telephone answers a message on the server, and a new one arrives there.")
        there.store("INBOX", there.uids("INBOX")[0], "+FLAGS", [ANSWERED])
        there.append("INBOX", compose("Weather over the Pacific", "Tail wind.\n"))
        self.godwit("plan")
        self.godwit("sync")
        self.same()

    def end(self):
        self.step("Another pass has nothing to do, and knows that after a single look.")
        self.godwit("sync")
        self.godwit("status")
        self.same()
        say("That was it. The server and all files are gone now; `make help` shows what else there is.")


def main():
    tmp = tempfile.mkdtemp(prefix="godwit-demo-")
    try:
        with Dovecot() as server:
            demo = Demo(server, tmp)
            demo.fill_server()
            demo.first_sync()
            demo.changes_here()
            demo.changes_there()
            demo.end()
            demo.world.close()
    except debs.Unavailable as reason:
        print("demo: no server to show it with: %s" % reason, file=sys.stderr)
        return 75
    except AssertionError as problem:
        print("demo: THE SIDES DIFFER: %s" % problem, file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

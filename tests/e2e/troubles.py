"""What happens to an account between edits: passes that are killed or cut off, other commands, other settings, backups that
are put back. And the passes that follow, until all sides are equal, and the judgement.
"""
import errno
import os
import shutil
import signal
import subprocess
import time

from edits import Edits
from lanes import replace
from mail import DELETED
from proxy import Proxy
from world import CRASHING, assert_equal_mail, difference

MASKS = [[], [], [], ["-QRESYNC"], ["-QRESYNC", "-CONDSTORE"], ["-MOVE"], ["-MULTIAPPEND"], ["-LIST-STATUS"], ["-ESEARCH"],
         ["-LITERAL+", "-MULTIAPPEND"], ["-UIDPLUS", "-MOVE"], ["-UIDPLUS", "-MULTIAPPEND", "-QRESYNC", "-CONDSTORE", "-MOVE"]]
WAYS = ["both", "both", "pull", "push", "none"]
NOT_SHOWN = "the server said that it stored the message, but does not show it"
TRIES = 6  # passes until one says 0
DONE, SOME_FAILED, REFUSED, DISK, TEMPORARY = 0, 1, 65, 74, 75


class Troubles(Edits):
    """Edits of a World, and what happens between them. SECOND: another World of the same user, or None."""

    def __init__(self, world, second, chance, fates, notes):
        sides = {"there": world.there, "here": world.here}
        if second:
            sides["second"] = second.here
        super().__init__(sides, chance, fates, notes)
        self.world, self.second, self.tmp = world, second, world.tmp
        self.backups = {"state": [], "Maildir": []}
        self.untold = False       # there was a pass in which the server told no UIDs
        self.kept = False         # what was not to be deleted on one side stays there
        world.program = CRASHING  # it has less patience with uploads in doubt
        world.environment = {"GODWIT_BACKOFF_MS": "20", "GODWIT_DOUBT_MS": "200"}

    # passes

    def quiet(self):
        """Until nobody speaks to the server any more: a killed program's last command may still run."""
        self.world.there.close()
        server = self.world.server
        if not hasattr(server, "is_serving"):
            time.sleep(0.3)
            return
        end = time.monotonic() + 20
        while server.is_serving(self.world.user):
            assert time.monotonic() < end, "the server does not let go of " + self.world.user
            time.sleep(0.001)

    def run(self, *args, **environment):
        kept = dict(self.world.environment)
        self.world.environment.update(environment)
        try:
            run = self.world.run(*args, expect=None)
        finally:
            self.world.environment = kept
        told = "; ".join(run.err.strip().splitlines()[-3:])
        self.note("godwit %s: %s %s", " ".join(args), run.status, told[:400])
        assert run.status in (DONE, SOME_FAILED, REFUSED, TEMPORARY, -9) + (DISK,) * bool(environment), run
        return run

    def mask(self):
        """Without UIDPLUS two accounts wait for one another's marks: nobody may expunge what another one marked."""
        masks = [mask for mask in MASKS if not (self.second and "-UIDPLUS" in mask)]
        for world in filter(None, (self.world, self.second)):
            world.settings["server"]["quirks"] = self.chance.choice(masks)
            world.settings["server"]["connections"] = self.chance.choice([1, 1, 3])
            self.untold |= "-UIDPLUS" in world.settings["server"]["quirks"]

    # troubles

    def at_step(self, fault):
        step = self.chance.choice([self.chance.randint(1, 40), self.chance.randint(1, 300)])
        self.note(fault, step)
        self.run("sync", GODWIT_FAULT=fault % step, GODWIT_WATCH=self.world.tmp)
        self.fates.cut_off()
        self.quiet()

    def killed_at_step(self):
        self.at_step("kill %d")

    def disk_fails(self):
        self.at_step(self.chance.choice(["fail %%d %d" % errno.ENOSPC, "once %%d %d" % errno.EIO, "short %d"]))

    def ended_at_any_time(self):
        sign = self.chance.choice([signal.SIGKILL, signal.SIGTERM])
        begun = self.world.start("sync")
        time.sleep(self.chance.random() * 0.12)
        begun[0].send_signal(sign)
        run = self.world.finish(begun)
        self.note("%s ended the pass: %s", sign.name, run.status)
        self.fates.cut_off()
        self.quiet()

    def cut(self):
        """The connection ends after so many bytes; the same pass goes on, or is over."""
        with Proxy(self.world.server.port) as proxy:
            kept = self.world.settings["server"]
            self.world.settings["server"] = {**kept, "port": proxy.port, "retry": self.chance.choice(["0", "10s"]), "compress": "no"}
            limit = self.chance.randint(200, 6000)
            which = self.chance.choice(["cut_after", "cut_sent"])
            setattr(proxy, which, limit)
            proxy.cuts = self.chance.randint(1, 2)
            self.note("%s %d, %d times", which, limit, proxy.cuts)
            self.run("sync")
            self.world.settings["server"] = kept
        self.quiet()

    def only_some(self):
        """A pass over a mailbox or two."""
        boxes = sorted(set(self.boxes("there")) | set(self.boxes("here")))
        if self.away:
            self.fates.loosen()    # what was renamed, and another one made, shows only to a pass over all
        self.fates.forget_flags()  # what is moved out of a mailbox that is not looked at is copied as it is
        self.run("sync", *("acc/" + box for box in self.chance.sample(boxes, min(len(boxes), self.chance.randint(1, 2)))))

    def other_policy(self):
        keys = {"new": WAYS, "flags": WAYS, "deletes": WAYS, "create": WAYS, "expunge": ["both", "there", "here", "none"]}
        chosen = {key: self.chance.choice(values) for key, values in keys.items() if self.chance.random() < 0.5}
        if self.chance.random() < 0.3:
            chosen = {"direction": self.chance.choice(["pull", "push"])}
        self.note("policy %s", chosen)
        self.world.settings["sync"].update(chosen)
        self.run("sync")
        self.world.settings["sync"] = {"max_delete": "100%"}
        self.fates.loosen()
        self.settle_more = True
        self.kept |= bool({"deletes", "expunge", "direction"} & set(chosen))

    def retry(self):
        self.run("sync", "--retry")

    def repair(self):
        self.run("check", *self.chance.sample(["--repair", "--deep"], self.chance.randint(1, 2)))

    def plan(self):
        before = self.snapshot()
        self.run("plan")
        after = self.snapshot()
        assert before == after, "a plan changed something: %s" % difference(before, after)

    def snapshot(self):
        """But for tmp/, where a plan has what it compares."""
        here = {path: seen for path, seen in self.world.here.snapshot().items() if not path.endswith("tmp")}
        return {**self.world.there.snapshot(), **here}

    def undo(self):
        """What comes back is new here."""
        before = {box: bodies(messages) for box, messages in self.all("here").items()}
        run = self.run("undo", "acc")
        for box in set(self.boxes("here")) - set(before):
            self.compare_anew("here", box)
        for box, messages in self.all("here").items():
            for body in bodies(messages):
                if body in before.get(box, []):
                    before[box].remove(body)
                else:
                    self.fate("here", body, "undone in %s" % box).add("here", box)
        return run

    # backups

    def path(self, what):
        return self.world.state if what == "state" else self.world.here.root

    def back_up(self):
        what = self.chance.choice(sorted(self.backups))
        if os.path.isdir(self.path(what)):
            copy = os.path.join(self.tmp, "%s.%d" % (what, len(self.notes)))
            replace(self.path(what), copy)
            self.backups[what].append(copy)
            self.note("backup of the %s", what)

    def put_back(self, what):
        if not self.backups[what]:
            return False
        copy = self.chance.choice(self.backups[what])
        self.assert_nothing_lost()
        self.note("the %s is put back as it was (%s)", what, os.path.basename(copy))
        replace(copy, self.path(what))
        self.anew(what + " put back")
        return True

    def old_state(self):
        if self.put_back("state"):
            self.fates.recall()

    def old_maildir(self):
        self.put_back("Maildir")

    def lose_state(self):
        self.note("the state is deleted")
        shutil.rmtree(self.world.state, ignore_errors=True)
        self.anew("state deleted")

    def anew(self, what, only=None):
        self.settle_more = True
        self.fates.compare({side: self.all(side) for side in self.sides}, what, only)

    def renumber(self):
        """A new UIDVALIDITY."""
        box = self.chance.choice(self.boxes("there"))
        if hasattr(self.world.server, "doveadm"):
            self.quiet()
            self.note("there: %s is numbered anew", box)
            self.world.server.doveadm("mailbox", "update", "-u", self.world.user, "--uid-validity", str(2**30 + len(self.notes)), box)
            self.anew("numbered anew", {box})

    def copy_folder(self):
        """Removed, and put back as it is: another directory."""
        box = self.childless("here")
        if box:
            self.note("here: %s is another folder with the same files", box)
            folder = self.sides["here"].folder(box)
            subprocess.run(["cp", "-a", folder, folder + "+"], check=True)
            shutil.rmtree(folder)
            os.rename(folder + "+", folder)
            self.strange.add(("here", box))
            self.anew("copied folder", {box})

    def sleep(self):
        """Directory times are believed after two seconds."""
        time.sleep(2.1)
        self.note("2 seconds later")

    TROUBLES = [killed_at_step] * 6 + [disk_fails] * 2 + [ended_at_any_time] * 4 + [cut] * 4 + [only_some] * 2 + [other_policy] * 2 + [
        retry, repair, plan, undo, undo, back_up, back_up, back_up, old_state, old_state, old_maildir, lose_state, renumber,
        renumber, copy_folder, sleep]

    def trouble(self):
        self.mask()
        self.chance.choice(self.TROUBLES)(self)

    # the end of it

    def settle(self):
        """Passes until one says that all is in sync, and as many more as it may take to carry what waited."""
        self.mask()
        marked = any(DELETED.lower() in message.flags for box in self.all("there").values() for message in box)
        if marked:  # by a pass that was cut off, or told not to remove it: without UIDPLUS others would go, too
            for world in filter(None, (self.world, self.second)):
                world.settings["server"]["quirks"] = []
        self.passes()
        if self.kept:
            self.kept = False
            self.assert_nothing_lost()
            self.lose_state()  # sides that are unequal by policy are made equal
            self.passes()

    def passes(self):
        masked = "-UIDPLUS" in self.world.settings["server"]["quirks"]
        for _ in range(TRIES):
            run = self.run("sync")
            if run.status == REFUSED and "is the right disk mounted" in run.err:
                run = self.run("sync", "--approve")
            if run.status == SOME_FAILED and self.untold and NOT_SHOWN in run.err:
                run = self.run("sync", "--retry")  # a move of what another client has just moved
            if run.status == DONE:
                break
            self.quiet()
        assert run.status == DONE, "%d passes did not end with 0: %s" % (TRIES, run)
        for _ in range(2 if self.settle_more or masked or self.second else 0):
            self.run("sync")
        self.settle_more = False

    def assert_nothing_lost(self):
        """Every body is as often as it should be on one side or the other."""
        found = [self.all(side) for side in sorted(self.sides)]
        lost = self.fates.lost(found)
        assert not lost, "\n".join(lost[:60])

    def judge(self):
        """All sides are equal, every body is where and as often as it should be, and nothing is left to do."""
        found = {side: self.all(side) for side in self.sides}
        wrong = [line for side in sorted(found) for line in self.fates.wrong(found[side])]
        assert not wrong, "\n".join(wrong[:60])
        for side in sorted(found):
            assert set(found[side]) == set(found["there"]), "mailboxes: %s %s, there %s" % (
                side, sorted(found[side]), sorted(found["there"]))
            for box in found["there"]:
                assert_equal_mail("%s %s" % (side, box), found["there"][box], found[side][box], dates=False)
        for account in ["acc"] + ["second"] * bool(self.second):
            self.world.assert_noop(account)
        self.fates.begin(found["there"])
        self.away.clear()
        self.strange.clear()
        self.untold = False


def bodies(messages):
    return [message.body for message in messages]

"""The disk in trouble: full, read-only, without rights, covered by an empty one. 74 or the guard's 65, one line that
names the place, nothing lost on either side; and when the trouble is over the next pass does it all.
"""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile

import pytest

from mail import SEEN, compose
from world import GODWIT, Run, World

as_root = pytest.mark.skipif(os.getuid() != 0, reason="NOT TESTED: only root mounts file systems and runs as others")


def boxes(world, count=6):
    for name in ("INBOX", "one", "two"):
        if name != "INBOX":
            world.there.create(name)
        world.there.append_many(name, [(compose(), [SEEN], 1000) for _ in range(count)])
    world.sync()


def work(world):
    """Something to do on both sides of each mailbox."""
    for name in ("INBOX", "one", "two"):
        world.there.append(name, compose(body="x" * 20000))
        world.there.expunge(name, world.there.uids(name)[:1])
        world.here.deliver(name, compose(), "S")


def assert_done(world):
    world.sync()
    world.assert_same()
    world.assert_noop()
    assert {name: len(mail) for name, mail in world.there.all().items()} == {"INBOX": 7, "one": 7, "two": 7}


# rights


class Nobodys(World):
    """A World whose godwit runs as nobody, to whom all files belong."""

    def own(self):
        nobody = pwd.getpwnam("nobody")
        for folder, _, files in os.walk(self.tmp):
            for path in [folder] + [os.path.join(folder, name) for name in files]:
                os.chown(path, nobody.pw_uid, nobody.pw_gid)

    def run(self, *args, expect=0):
        self.write_config()
        self.own()
        done = subprocess.run([self.program, *args], cwd=self.tmp, env=self._environment(), capture_output=True,
                              stdin=subprocess.DEVNULL, text=True, user="nobody",
                              group=pwd.getpwnam("nobody").pw_gid, timeout=240)
        run = Run(args, done.returncode, done.stdout, done.stderr, 0, 0)
        assert expect is None or run.status == expect, "expected status %s of %s" % (expect, run)
        return run


@pytest.fixture
def nobodys(dovecot, request):
    tmp = tempfile.mkdtemp(prefix="godwit-nobody-")
    os.chmod(tmp, 0o755)
    os.makedirs(os.path.join(tmp, "bin"))
    world = Nobodys(dovecot, tmp, "nobodys-" + str(abs(hash(request.node.name)) % 10**9))
    world.program = shutil.copy(GODWIT, os.path.join(tmp, "bin"))  # the build may lie where nobody may not look
    boxes(world)
    work(world)
    yield world
    world.close()
    shutil.rmtree(tmp)


@as_root
@pytest.mark.parametrize("part, mode", [
    ("", 0), ("", 0o300), ("", 0o600), ("cur", 0), ("cur", 0o300), ("cur", 0o500), ("new", 0o500), ("tmp", 0o500),
    ("new", 0)])
def test_folder_without_rights(nobodys, part, mode):
    """It fails and is named; the others are done, and nothing of it is deleted on the server."""
    path = os.path.join(nobodys.here.folder("one"), part)
    os.chmod(path, mode)
    run = nobodys.sync(expect=74)
    assert [line for line in run.err.splitlines() if "acc/one: " in line], run
    there = nobodys.there.all()
    assert len(there["two"]) == len(there["INBOX"]) == 7 and len(there["one"]) >= 6
    os.chmod(path, 0o700)
    assert_done(nobodys)


@as_root
@pytest.mark.parametrize("mode", [0, 0o300, 0o500])
def test_root_without_rights(nobodys, mode):
    os.chmod(nobodys.here.root, mode)
    run = nobodys.sync(expect=74)
    assert nobodys.here.root in run.err and len(run.err.splitlines()) == 1, run
    assert {name: len(mail) for name, mail in nobodys.there.all().items()} == {"INBOX": 6, "one": 6, "two": 6}
    os.chmod(nobodys.here.root, 0o700)
    assert_done(nobodys)


@as_root
def test_file_without_rights(nobodys):
    file = [f for f in nobodys.here.files("one") if f.path.endswith("tests:2,S")][0]
    os.chmod(file.path, 0)
    run = nobodys.sync(expect=1)
    assert "acc/one: " in run.err and os.path.basename(file.path) in run.err, run
    os.chmod(file.path, 0o600)
    assert_done(nobodys)


# file systems


class Mounted(World):
    """A World in a mount namespace of its own, which the test sees through /proc."""

    def __init__(self, server, tmp, user):
        super().__init__(server, tmp, user)
        self.space = subprocess.Popen(["unshare", "-m", "--propagation", "private", "sh", "-c", "echo; exec sleep 1000"],
                                      stdout=subprocess.PIPE)
        self.space.stdout.readline()
        self.here.root = "/proc/%d/root%s" % (self.space.pid, self.here.root)

    def within(self, *command):
        subprocess.run(["nsenter", "-t", str(self.space.pid), "-m", *command], check=True, capture_output=True)

    def start(self, *args):
        program, self.program = self.program, "nsenter"
        try:
            return super().start("-t", str(self.space.pid), "-m", GODWIT, *args)
        finally:
            self.program = program

    def mount(self, path, size):
        os.makedirs(path, exist_ok=True)
        self.within("mount", "-t", "tmpfs", "-o", "size=%s,mode=700" % size, "none", path)

    def close(self):
        super().close()
        self.space.send_signal(signal.SIGKILL)
        self.space.wait()
        self.space.stdout.close()


@pytest.fixture
def mounted(dovecot, tmp_path, request):
    world = Mounted(dovecot, tmp_path, "mounted-" + str(abs(hash(request.node.name)) % 10**9))
    world.maildir = world.settings["local"]["path"]
    yield world
    world.close()


@as_root
@pytest.mark.parametrize("what", ["maildir", "state"])
def test_disk_that_is_full(mounted, what):
    world = mounted
    path = world.maildir if what == "maildir" else world.state
    world.mount(path, "10m")
    boxes(world)
    work(world)
    more = 400 if what == "state" else 40
    for _ in range(more):
        world.there.append("two", compose(body="y" * (20 if what == "state" else 20000)))
    world.within("sh", "-c", "dd if=/dev/zero of=%s/filler bs=64k; truncate -s -%d %s/filler" % (
        path, 16384 if what == "state" else 300000, path))
    run = world.sync(expect=74)
    assert "No space left on device" in run.err and len(run.err.splitlines()) == 1, run
    assert what == "maildir" or world.state in run.err
    assert world.sync(expect=None).status in (0, 74)
    world.within("rm", path + "/filler")
    world.sync()
    world.assert_same()
    world.assert_noop()
    assert len(world.there.messages("two")) == 7 + more


@as_root
@pytest.mark.parametrize("what", ["maildir", "state"])
def test_disk_that_is_read_only(mounted, what):
    world = mounted
    path = world.maildir if what == "maildir" else world.state
    world.mount(path, "10m")
    boxes(world)
    work(world)
    world.within("mount", "-o", "remount,ro", path)
    run = world.sync(expect=74)
    assert "Read-only file system" in run.err and len(run.err.splitlines()) == 1, run
    assert {name: len(mail) for name, mail in world.there.all().items()} == {"INBOX": 6, "one": 6, "two": 6}
    world.within("mount", "-o", "remount,rw", path)
    assert_done(world)


@as_root
@pytest.mark.parametrize("where", ["root", "folder", "cur"])
def test_empty_disk_in_its_place(mounted, where):
    """An empty file system covers the Maildir, a folder of it, a part of that: no mail is deleted."""
    world = mounted
    boxes(world)
    path = {"root": world.maildir, "folder": world.maildir + "/one", "cur": world.maildir + "/one/cur"}[where]
    world.mount(path, "1m")
    if where == "folder":
        world.within("sh", "-c", "mkdir %s/cur %s/new %s/tmp" % (path, path, path))
    run = world.sync(expect=None)
    assert run.status == (65 if where == "root" else 74), run
    assert {name: len(mail) for name, mail in world.there.all().items()} == {"INBOX": 6, "one": 6, "two": 6}
    world.within("umount", path)
    world.sync_same()


# symlinks, and folders that became something else


def test_root_by_a_symlink(world):
    boxes(world)
    os.rename(world.here.root, world.here.root + ".real")
    os.symlink(world.here.root + ".real", world.here.root)
    work(world)
    assert_done(world)


@pytest.mark.parametrize("part", ["", "cur", "new"])
def test_symlink_within(world, part):
    boxes(world)
    work(world)
    path = os.path.join(world.here.folder("one"), part).rstrip("/")
    os.rename(path, os.path.join(world.tmp, "elsewhere"))
    os.symlink(os.path.join(world.tmp, "elsewhere"), path)
    run = world.sync(expect=74)
    assert "acc/one: " in run.err, run
    assert len(world.there.messages("one")) == 6 and len(world.there.messages("two")) == 7
    os.unlink(path)
    os.rename(os.path.join(world.tmp, "elsewhere"), path)
    assert_done(world)


@pytest.mark.parametrize("part", ["one", "one/cur", "one/new"])
def test_file_in_the_place_of_a_folder(world, part):
    boxes(world)
    work(world)
    path = os.path.join(world.here.root, part)
    os.rename(path, os.path.join(world.tmp, "elsewhere"))
    open(path, "w").close()
    run = world.sync(expect=74)
    assert "acc/one: " in run.err, run
    assert len(world.there.messages("one")) == 6 and len(world.there.messages("two")) == 7
    os.unlink(path)
    os.rename(os.path.join(world.tmp, "elsewhere"), path)
    assert_done(world)


def test_inbox_folder_that_is_gone(world):
    boxes(world)
    shutil.rmtree(world.here.folder("INBOX"))
    run = world.sync(expect=1)
    assert "acc/INBOX: the folder is gone here" in run.err, run
    assert len(world.there.messages("INBOX")) == 6

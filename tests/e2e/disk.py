"""What a disk holds after a power cut: a model of the file system that replays the record of a run
(tests/crash/calls.c) and tells what is guaranteed, and what may have happened besides.

Guaranteed is only what was synced: the bytes of a file after an fsync() of the file, the names of a folder after
an fsync() of the folder, everything after a syncfs(). A rename is one step, also between two folders, and durable
as soon as one of the two is: so it is on every file system that has a journal. Everything else may have reached the
disk or not, each file by itself, its names in the order in which they changed, its bytes in any order and torn.
"""
import os
import shutil


class File:
    def __init__(self, data=b"", mtime=0):
        self.data, self.mtime = bytearray(data), mtime
        self.pending = []  # changes since the last sync

    def apply(self, change):
        kind, *rest = change
        if kind == "write":
            offset, data = rest
            if len(self.data) < offset:
                self.data.extend(bytes(offset - len(self.data)))
            self.data[offset:offset + len(data)] = data
        elif kind == "size":
            self.data = self.data[:rest[0]] + bytes(max(0, rest[0] - len(self.data)))
        else:
            self.mtime = rest[0]

    def sync(self):
        for change in self.pending:
            self.apply(change)
        self.pending = []

    def cut(self, chance):
        """The file as it may look after the cut. CHANCE: None: nothing that was not synced."""
        copy = File(self.data, self.mtime)
        for change in self.pending if chance else ():
            fate = chance.random()
            if fate < 0.2 and change[0] == "write":
                change = (change[0], change[1], change[2][:chance.randrange(len(change[2]) + 1)])
            if fate < 0.6:
                copy.apply(change)
        return copy


class Disk:
    """The tree below ROOT as it is now, all of it durable."""

    def __init__(self, root):
        self.root, self.ids, self.next = root, {}, 0
        self.files = {}  # id: File
        self.rights = {}  # id of a folder that was there at first: its mode
        self.now, self.safe = {}, {}  # id of a folder: {name: id}
        self.pending = []  # (folders touched, id, change of names) that no sync covers
        self.top = self._load(root)

    def _new(self, inode):
        self.next += 1
        self.ids[int(inode)] = self.next  # inode numbers come again, ours do not
        return self.next

    def _load(self, path):
        info = os.lstat(path)
        number = self._new(info.st_ino)
        if os.path.isdir(path):
            entries = {name: self._load(os.path.join(path, name)) for name in os.listdir(path)}
            self.now[number], self.safe[number] = dict(entries), dict(entries)
            self.rights[number] = info.st_mode & 0o777
        else:
            with open(path, "rb") as file:
                self.files[number] = File(file.read(), info.st_mtime_ns)
        return number

    # replaying

    def replay(self, record):
        """Everything in the file RECORD happens."""
        with open(record, "rb") as file:
            for line in file:
                kind, *fields = line.decode().rstrip("\n").split("\t")
                data = file.read(int(fields[2])) if kind == "write" else None
                getattr(self, "_" + kind)(*fields, *([data] if kind == "write" else []))

    def _place(self, path):
        """(folder, name) of a path."""
        folder = self.top
        *levels, name = os.path.relpath(path, self.root).split("/")
        for level in levels:
            folder = self.now[folder][level]
        return folder, name

    def _change(self, number, *change):
        self.pending.append((number, change))
        rename(self.now, number, change)

    def _create(self, inode, path):
        number = self._new(inode)
        self.files[number] = File()
        self._change(number, None, self._place(path))

    def _mkdir(self, inode, path):
        number = self._new(inode)
        self.now[number], self.safe[number] = {}, {}
        self._change(number, None, self._place(path))

    def _rename(self, source, target):
        folder, name = place = self._place(source)
        self._change(self.now[folder][name], place, self._place(target))

    def _link(self, source, target):
        folder, name = self._place(source)
        self._change(self.now[folder][name], None, self._place(target))

    def _unlink(self, path):
        folder, name = place = self._place(path)
        self._change(self.now[folder][name], place, None)

    _rmdir = _unlink

    def _write(self, inode, offset, _, data):
        self.files[self.ids[int(inode)]].pending.append(("write", int(offset), data))

    def _size(self, inode, length):
        self.files[self.ids[int(inode)]].pending.append(("size", int(length)))

    def _mtime(self, inode, nanoseconds):
        self.files[self.ids[int(inode)]].pending.append(("mtime", int(nanoseconds)))

    def _sync(self, inode):
        number = self.ids[int(inode)]
        if number in self.files:
            self.files[number].sync()
        else:
            self._sync_names(lambda folders: number in folders)

    def _syncfs(self):
        for file in self.files.values():
            file.sync()
        self._sync_names(lambda folders: True)

    def _sync_names(self, covered):
        """Changes that COVERED says yes to, and the earlier ones of the same files."""
        last = {}
        for index, (number, change) in enumerate(self.pending):
            if covered([place[0] for place in change if place]):
                last[number] = index
        rest = []
        for index, (number, change) in enumerate(self.pending):
            if index <= last.get(number, -1):
                rename(self.safe, number, change)
            else:
                rest.append((number, change))
        self.pending = rest

    # the cut

    def write_image(self, chance=None, names=0.0, data=False):
        """
        Replace the tree by one that may be found after the cut. NAMES: how likely it is that a change of names
        happened (0: only what was synced, 1: all of them). DATA: bytes that were not synced may be there.
        """
        tree = {folder: dict(entries) for folder, entries in self.safe.items()}
        stopped = set()
        for number, change in self.pending:
            if number in stopped or (names < 1 and (not chance or chance.random() >= names)):
                stopped.add(number)  # what a file is called changes in order
            else:
                rename(tree, number, change)
        shutil.rmtree(self.root)
        self._write_folder(self.root, self.top, tree, chance if data else None)

    def _write_folder(self, path, number, tree, chance):
        os.mkdir(path)
        os.chmod(path, self.rights.get(number, 0o700))
        for name, child in tree[number].items():
            place = os.path.join(path, name)
            if child in tree:
                self._write_folder(place, child, tree, chance)
            else:
                found = self.files[child].cut(chance)
                with open(os.open(place, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
                    file.write(found.data)
                os.utime(place, ns=(found.mtime, found.mtime))


def rename(tree, number, change):
    """NUMBER loses its old place and gets its new one; either may be missing."""
    old, new = change
    if new:
        tree[new[0]][new[1]] = number
    if old and old != new and tree[old[0]].get(old[1]) == number:
        del tree[old[0]][old[1]]

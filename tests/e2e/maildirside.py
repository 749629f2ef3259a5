"""The local side of a test: plain reads and renames, as a mail reader does them."""
import itertools
import os
import re
import shutil

from mail import LETTERS, Message, flag_set, utf7_decode, utf7_encode, wire

_numbers = itertools.count(1)


def escape_level(level, dots=False):
    """One level of a mailbox name as a folder name, by the rules of the user's manual."""
    out = []
    for index, char in enumerate(level):
        plain_percent = char == "%" and not re.match(r"[0-9A-Fa-f]{2}", level[index + 1:])
        if char == "%" and not plain_percent or char == "/" or char < " " or char == "\x7f":
            out.append("%%%02X" % ord(char))
        elif char == "." and (dots or index == 0):
            out.append("%2E")
        else:
            out.append(char)
    text = "".join(out)
    if level in ("cur", "new", "tmp") and not dots:
        text = "%%%02X" % ord(level[0]) + level[1:]
    return text


def unescape_level(text):
    return re.sub("%([0-9A-Fa-f]{2})", lambda m: chr(int(m.group(1), 16)), text)


class LocalMessage:
    def __init__(self, folder, where, name, keywords):
        self.path = os.path.join(folder, where, name)
        self.folder, self.where, self.name = folder, where, name
        self.base, _, self.letters = name.partition(":2,")
        self.mtime = int(os.stat(self.path).st_mtime)
        self.flags = flag_set(
            LETTERS[c] if c in LETTERS else keywords.get(c, "?letter-" + c) for c in self.letters)

    def body(self):
        with open(self.path, "rb") as file:
            return file.read()

    def message(self):
        return Message(wire(self.body()), self.flags, self.mtime)


class MaildirSide:
    """The Maildir tree of one account."""

    def __init__(self, root, layout="nested"):
        self.root, self.layout = root, layout

    # mailboxes

    def folder(self, mailbox):
        if self.layout == "nested":
            return os.path.join(self.root, *map(escape_level, mailbox.split("/")))
        if mailbox == "INBOX":
            return self.root
        levels = [escape_level(utf7_encode(level), dots=True) for level in mailbox.split("/")]
        return os.path.join(self.root, "." + ".".join(levels))

    def mailboxes(self):
        """The names of all folders that have cur, new and tmp."""
        return set(self._nested(self.root, []) if self.layout == "nested" else self._flat())

    def _nested(self, folder, levels):
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            if name.startswith(".") or name in ("cur", "new", "tmp") or not os.path.isdir(path):
                continue
            if is_maildir(path):
                yield "/".join(levels + [unescape_level(name)])
            yield from self._nested(path, levels + [unescape_level(name)])

    def _flat(self):
        if is_maildir(self.root):
            yield "INBOX"
        for name in sorted(os.listdir(self.root)) if os.path.isdir(self.root) else ():
            if name.startswith(".") and is_maildir(os.path.join(self.root, name)):
                yield "/".join(utf7_decode(unescape_level(level)) for level in name[1:].split("."))

    def create(self, mailbox):
        for name in ("cur", "new", "tmp"):
            os.makedirs(os.path.join(self.folder(mailbox), name), exist_ok=True)

    def remove_mailbox(self, mailbox):
        shutil.rmtree(self.folder(mailbox))

    def letters(self, mailbox):
        """{letter: keyword} of dovecot-keywords."""
        try:
            with open(os.path.join(self.folder(mailbox), "dovecot-keywords")) as file:
                lines = [line.rstrip("\n").split(" ", 1) for line in file]
        except FileNotFoundError:
            return {}
        return {chr(ord("a") + int(number)): name for number, name in lines}

    def write_letters(self, mailbox, keywords):
        with open(os.path.join(self.folder(mailbox), "dovecot-keywords"), "w") as file:
            for number, name in enumerate(keywords):
                file.write("%d %s\n" % (number, name))

    # messages

    def files(self, mailbox):
        """[LocalMessage], by name."""
        folder, letters = self.folder(mailbox), self.letters(mailbox)
        return [LocalMessage(folder, where, name, letters) for where in ("new", "cur")
                for name in sorted(os.listdir(os.path.join(folder, where)))]

    def messages(self, mailbox):
        return [file.message() for file in self.files(mailbox)]

    def all(self):
        return {name: self.messages(name) for name in self.mailboxes()}

    def find(self, mailbox, body):
        """The one file with this body."""
        found = [file for file in self.files(mailbox) if wire(file.body()) == wire(body)]
        assert len(found) == 1, "%d files in %s hold this message" % (len(found), mailbox)
        return found[0]

    def deliver(self, mailbox, body, letters=None, date=None, base=None):
        """As a mail reader stores a message: to new/, or to cur/ if LETTERS ("" too) are given."""
        self.create(mailbox)
        base = base or "%d.M%dP%d.tests" % (1600000000, next(_numbers), os.getpid())
        name = base if letters is None else base + ":2," + "".join(sorted(letters))
        temporary = os.path.join(self.folder(mailbox), "tmp", base)
        path = os.path.join(self.folder(mailbox), "new" if letters is None else "cur", name)
        with open(temporary, "wb") as file:
            file.write(body)
        if date is not None:
            os.utime(temporary, (date, date))
        os.rename(temporary, path)
        return path

    def flag(self, file, letters):
        """Give FILE exactly these LETTERS, as a mail reader does: by a rename to cur/."""
        path = os.path.join(file.folder, "cur", file.base + ":2," + "".join(sorted(letters)))
        os.rename(file.path, path)
        return path

    def remove(self, file):
        os.unlink(file.path)

    def snapshot(self):
        """{path: (inode, size, mtime)} of all files and folders below the root, but for godwit's marker."""
        found = {}
        for folder, folders, files in os.walk(self.root):
            for name in folders + files:
                path = os.path.join(folder, name)
                if path == os.path.join(self.root, ".godwit"):
                    continue
                info = os.lstat(path)
                found[os.path.relpath(path, self.root)] = (info.st_ino, info.st_size, info.st_mtime_ns)
        return found


def is_maildir(path):
    return all(os.path.isdir(os.path.join(path, name)) for name in ("cur", "new", "tmp"))

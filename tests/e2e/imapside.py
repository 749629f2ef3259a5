"""The server's side of a test, seen through imaplib, which shares nothing with godwit.

What a server can't do is done by other means where there are any: MOVE by COPY, MULTIAPPEND by many
APPENDs, UID EXPUNGE by EXPUNGE. How servers differ otherwise is in servers.py.
"""
import datetime
import imaplib
import re
import socket

from mail import Message, flag_set, utf7_decode, utf7_encode, wire
from servers import TRAITS

imaplib._MAXLINE = 100_000_000

LIST_LINE = re.compile(rb'\(([^)]*)\) ("(?:[^"\\]|\\.)*"|NIL) (.*)$', re.S)


PERSONAL = re.compile(rb'\(\("([^"]*)" (?:"(.)"|NIL)')  # the first of NAMESPACE


def imap_date(seconds, zone=0):
    """An INTERNALDATE; ZONE is in minutes east of Greenwich."""
    tz = datetime.timezone(datetime.timedelta(minutes=zone))
    moment = datetime.datetime.fromtimestamp(0, tz) + datetime.timedelta(seconds=seconds)
    month = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()[moment.month - 1]
    return '"%2d-%s-%04d %s"' % (moment.day, month, moment.year, moment.strftime("%H:%M:%S %z"))


def parse_date(text):
    return int(datetime.datetime.strptime(text.strip(), "%d-%b-%Y %H:%M:%S %z").timestamp())


class Refused(Exception):
    """The server said NO or BAD."""


class ServerSide:
    """The mailboxes of one user. Every call looks afresh: nothing is remembered between calls."""

    def __init__(self, server, user):
        self.server, self.user, self.traits = server, user, TRAITS[server.name]
        self.prefix, self.delimiter, self.can = "", "/", ()
        self.connection = None

    def close(self):
        if self.connection:
            try:
                self.connection.logout()
            except (OSError, imaplib.IMAP4.error):
                pass
            self.connection = None

    def imap(self):
        """The connection, outside any mailbox's memory: a dead one is made anew."""
        if self.connection:
            try:
                self.connection.noop()
                return self.connection
            except (OSError, imaplib.IMAP4.error):
                self.connection = None
        self.connection = imaplib.IMAP4(self.server.host, self.server.port, timeout=120)
        self.connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.login(self.user, self.server.password)
        self.can = self.connection.capability()[1][-1].decode().split()
        found = PERSONAL.match(self.connection.namespace()[1][-1])
        self.prefix, self.delimiter = found.group(1).decode(), (found.group(2) or b"/").decode()
        return self.connection

    def leave(self):
        """Let go of the selected mailbox, so that others see what was done in it. Expunges nothing."""
        if self.connection and self.connection.state == "SELECTED":
            if "UNSELECT" in self.can:
                self.connection.unselect()
            else:
                self.close()

    # names: a level is what stands between '/', and the prefix does not show

    def quote(self, mailbox):
        name = utf7_encode(mailbox).replace("/", self.delimiter)
        if mailbox != "INBOX":
            name = self.prefix + name
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

    def unquote(self, name):
        if self.prefix and name.startswith(self.prefix):
            name = name[len(self.prefix):]
        return utf7_decode(name.replace(self.delimiter, "/"))

    def command(self, name, *args, literal=None):
        connection = self.imap()
        connection.literal = literal
        kind, data = connection._simple_command(name, *args)
        if kind != "OK":
            raise Refused("%s %s: %r" % (name, " ".join(args)[:200], data))
        return data

    def uid(self, *args):
        kind, data = self.connection.uid(*args)
        if kind != "OK":
            raise Refused("UID %s: %r" % (" ".join(args)[:200], data))
        return data

    # mailboxes

    def mailboxes(self):
        """The names of all that can be selected."""
        self.command("LIST", '""', '"*"')
        names = set()
        for item in self.connection.untagged_responses.pop("LIST", []):
            if not item or item == b"":
                continue
            attributes, name = self._list_item(item)
            name = self.unquote(name)
            if not {b"\\noselect", b"\\nonexistent"} & {a.lower() for a in attributes.split()}:
                names.add("INBOX" if name.upper() == "INBOX" else name)
        return names

    @staticmethod
    def _list_item(item):
        if isinstance(item, tuple):  # the name came as a literal
            attributes = LIST_LINE.match(item[0]).group(1)
            return attributes, item[1].decode()
        attributes, _, name = LIST_LINE.match(item).groups()
        name = name.decode()
        if name.startswith('"'):
            name = re.sub(r"\\(.)", r"\1", name[1:-1])
        return attributes, name

    def create(self, mailbox):
        self.imap()
        self.command("CREATE", self.quote(mailbox))

    def delete(self, mailbox):
        self.imap()
        self.leave()
        self.imap()
        self.command("DELETE", self.quote(mailbox))

    def rename(self, old, new):
        self.imap()
        self.leave()
        self.imap()
        self.command("RENAME", self.quote(old), self.quote(new))

    def select(self, mailbox, readonly=False):
        self.imap()
        kind, data = self.connection.select(self.quote(mailbox), readonly)
        if kind != "OK":
            raise Refused("SELECT %s: %r" % (mailbox, data))

    def status(self, mailbox):
        """All numbers that change when anything does, as text."""
        self.imap()
        items = "(UIDVALIDITY UIDNEXT MESSAGES%s)" % (" HIGHESTMODSEQ" if "CONDSTORE" in self.can else "")
        data = self.command("STATUS", self.quote(mailbox), items)
        data = self.connection.untagged_responses.pop("STATUS", data)
        return re.search(rb"\(([^()]*)\)\s*$", b"".join(
            part if isinstance(part, bytes) else b"".join(part) for part in data)).group(1).decode()

    # messages

    def append(self, mailbox, body, flags=(), date=None, zone=0):
        """Returns the UID. BODY as a local file would have it."""
        self._append(mailbox, body, flags, date, zone)
        if self.traits.at_close:  # else the next session gives it another UID
            self.select(mailbox)
            self.leave()
        (uid,) = self._append_uids() or self.uids(mailbox)[-1:]
        if flags and not self.traits.flags:
            self.store(mailbox, uid, "FLAGS", flags)
        return uid

    def _append(self, mailbox, body, flags=(), date=None, zone=0):
        if self.imap().is_readonly:  # Courier stores nothing then in what is selected
            self.leave()
            self.imap()
        self.command(
            "APPEND", self.quote(mailbox), "(%s)" % " ".join(flags),
            *([imap_date(date, zone)] if date is not None else []), literal=wire(body))

    def append_many(self, mailbox, messages):
        """(body, flags, date) triples; returns the UIDs."""
        connection = self.imap()
        if "MULTIAPPEND" not in self.can:
            return self._append_one_by_one(mailbox, messages)
        parts = []
        for body, flags, date in messages:
            data = wire(body)
            parts.append(b" (%s) %s{%d+}\r\n" % (
                " ".join(flags).encode(), (imap_date(date) + " ").encode() if date else b"", len(data)) + data)
        # imaplib has no MULTIAPPEND: send the command by hand, all of it at once.
        tag = connection._new_tag()
        connection.send(tag + b" APPEND " + self.quote(mailbox).encode() + b"".join(parts) + b"\r\n")
        kind, data = connection._command_complete("APPEND", tag)
        if kind != "OK":
            raise Refused("APPEND of %d: %r" % (len(messages), data))
        return self._append_uids()

    def _append_one_by_one(self, mailbox, messages):
        """Where every append() looks for its UID, one look for all that have equal flags takes a tenth of the time."""
        flags = messages[0][1]
        if not self.traits.at_close or any(message[1] != flags for message in messages):
            return [self.append(mailbox, *message) for message in messages]
        before = set(self.uids(mailbox))
        for message in messages:
            self._append(mailbox, *message)
        self.select(mailbox)
        self.leave()
        uids = [uid for uid in self.uids(mailbox) if uid not in before]
        if flags and not self.traits.flags:
            self.store(mailbox, uids, "FLAGS", flags)
        return uids

    def _append_uids(self):
        code = self.connection.untagged_responses.pop("APPENDUID", [b""])[-1]
        return expand(code.split()[1].decode()) if code else []

    def messages(self, mailbox):
        """{uid: Message}"""
        self.select(mailbox, readonly=True)
        found = {}
        for head, body in self._fetch("(UID FLAGS INTERNALDATE BODY.PEEK[])"):
            uid = int(re.search(rb"UID (\d+)", head).group(1))
            flags = re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split()
            date = parse_date(re.search(rb'INTERNALDATE "([^"]*)"', head).group(1).decode())
            found[uid] = Message(body, flag_set(flags), date)
        return found

    def flags(self, mailbox):
        """{uid: flags}, cheap for big mailboxes."""
        self.select(mailbox, readonly=True)
        return {int(re.search(rb"UID (\d+)", head).group(1)):
                flag_set(re.search(rb"FLAGS \(([^)]*)\)", head).group(1).decode().split())
                for head, _ in self._fetch("(UID FLAGS)")}

    def _fetch(self, items):
        """(text, literal) of each message."""
        records = []
        for part in self.uid("FETCH", "1:*", items):
            if isinstance(part, tuple):
                records.append([part[0], part[1]])
            elif part and re.match(rb"\d+ \(", part):
                records.append([part, b""])
            elif part and records:
                records[-1][0] += b" " + part
        return records

    def uids(self, mailbox):
        return sorted(self.flags(mailbox))

    def find(self, mailbox, body):
        """The UIDs of the messages with this body."""
        return sorted(uid for uid, m in self.messages(mailbox).items() if m.body == wire(body))

    def store(self, mailbox, uids, change, flags):
        """CHANGE is +FLAGS, -FLAGS or FLAGS."""
        self.select(mailbox)
        self.uid("STORE", as_set(uids), change + ".SILENT", "(%s)" % " ".join(flags))
        if self.traits.at_close:
            self.leave()

    def expunge(self, mailbox, uids):
        self.select(mailbox)
        self.uid("STORE", as_set(uids), "+FLAGS.SILENT", "(\\Deleted)")
        if "UIDPLUS" in self.can:
            self.uid("EXPUNGE", as_set(uids))
        else:
            self.command("EXPUNGE")
        self.leave()

    def copy(self, mailbox, uids, target):
        self.select(mailbox)
        self.uid("COPY", as_set(uids), self.quote(target))

    def move(self, mailbox, uids, target):
        if "MOVE" in self.can:
            self.select(mailbox)
            self.uid("MOVE", as_set(uids), self.quote(target))
        else:
            self.copy(mailbox, uids, target)
            self.expunge(mailbox, uids)

    def snapshot(self):
        """Equal before and after only if nothing at all changed."""
        self.imap()
        seen = {name: self.status(name) for name in self.mailboxes()}
        if "CONDSTORE" not in self.can:  # else flags change a number
            seen.update({name: (seen[name], self.flags(name)) for name in seen})
        return seen

    def all(self):
        """{mailbox: {uid: Message}}"""
        return {name: self.messages(name) for name in self.mailboxes()}


def as_set(uids):
    return ",".join(map(str, [uids] if isinstance(uids, int) else uids))


def expand(uid_set):
    uids = []
    for part in uid_set.split(","):
        first, _, last = part.partition(":")
        uids += range(int(first), int(last or first) + 1)
    return uids

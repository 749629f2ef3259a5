"""A relay that bends what a real server says: it refuses commands, rewrites and drops answers, falls silent.

    with Bender(dovecot.port) as bender:
        bender.behind(world)                                   # the world's account goes through it, without TLS
        bender.deny("UID FETCH", "NO [UNAVAILABLE] later", times=2)
        bender.rewrite(rb"^\\* \\d+ EXISTS", lambda session, line: b"* 3 EXISTS\\r\\n")
"""
import re
import select
import socket

from proxy import Proxy

LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")


class Cut(Exception):
    """The connection ends here."""


class Units:
    """Bytes as they come, cut into lines with their literals."""

    def __init__(self):
        self.buffer, self.unit, self.literal = b"", b"", 0

    def feed(self, data):
        self.buffer += data
        while True:
            if self.literal:
                taken, self.buffer = self.buffer[:self.literal], self.buffer[self.literal:]
                self.unit += taken
                self.literal -= len(taken)
                if self.literal:
                    return
            end = self.buffer.find(b"\n") + 1
            if not end:
                return
            line, self.buffer = self.buffer[:end], self.buffer[end:]
            self.unit += line
            literal = LITERAL.search(line)
            if literal:
                self.literal = int(literal.group(1))
                continue
            unit, self.unit = self.unit, b""
            yield unit


class Session:
    """One connection. SELECTED: what the client selected last; SEEN: its commands, without tags."""

    def __init__(self, number):
        self.number, self.commands, self.seen, self.selected = number, {}, [], None
        self.silent = False

    def note(self, tag, text):
        self.commands[tag] = text
        self.seen.append(text)
        found = re.match(rb'(?:SELECT|EXAMINE) (?:"([^"]*)"|(\S+))', text, re.I)
        if found:
            self.selected = (found.group(1) or found.group(2)).decode()

    def answers(self, line):
        """The command that a tagged line answers, or None."""
        return self.commands.get(line.split(b" ", 1)[0])


class Rule:
    def __init__(self, pattern, act, times):
        self.pattern, self.act, self.times, self.used = re.compile(pattern, re.I | re.S), act, times, 0

    def takes(self, text):
        if self.times is not None and self.used >= self.times or not self.pattern.search(text):
            return False
        self.used += 1
        return True


class Bender(Proxy):
    """See above. SESSIONS: one for each connection so far."""

    def __init__(self, target):
        super().__init__(target)
        self.sessions, self.on_command, self.on_answer, self.on_greeting = [], [], [], []

    def behind(self, world):
        world.settings["server"].update(port=self.port, tls="none", compress="no")
        world.settings["server"].pop("ca_file", None)
        return self

    def commands(self):
        """All commands so far, without their tags."""
        return [text for session in self.sessions for text in session.seen]

    # what to bend

    def command(self, pattern, act, times=None):
        """ACT(session, tag, text) says what the client gets instead; None: the server answers."""
        rule = Rule(pattern if isinstance(pattern, bytes) else b"^" + pattern.encode(), act, times)
        self.on_command.append(rule)
        return rule

    def deny(self, pattern, answer, times=None):
        return self.command(pattern, lambda session, tag, text: tag + b" " + answer.encode() + b"\r\n", times)

    def bye(self, pattern, text="", times=1):
        def act(session, tag, command):
            session.goodbye = True
            return b"* BYE " + text.encode() + b"\r\n"
        return self.command(pattern, act, times)

    def cut(self, pattern, times=1):
        def act(session, tag, text):
            raise Cut
        return self.command(pattern, act, times)

    def silence(self, pattern, times=1):
        """From that command on nothing comes any more, in either direction; the connection stays."""
        def act(session, tag, text):
            session.silent = True
            return b""
        return self.command(pattern, act, times)

    def greet(self, text, times=None, when=lambda bender: True):
        """A greeting instead of the server's, and the end of the connection."""
        self.on_greeting.append((Rule(b"", text.encode() + b"\r\n", times), when))

    def rewrite(self, pattern, act, times=None):
        """ACT(session, unit) says what comes instead of a response of the server, b"" for nothing."""
        rule = Rule(pattern, act, times)
        self.on_answer.append(rule)
        return rule

    # carrying

    def _relay(self, client, server):
        session = Session(len(self.sessions) + 1)
        self.sessions.append(session)
        session.goodbye = False
        for rule, when in self.on_greeting:
            if when(self) and rule.takes(b""):
                client.sendall(rule.act)
                return
        there, here = Units(), Units()
        try:
            while not self.stopping and not session.goodbye:
                for source in select.select([client, server], [], [], 0.1)[0]:
                    data = source.recv(65536)
                    if not data:
                        return
                    if session.silent:
                        continue
                    if source is client:
                        self._from_client(session, there, data, client, server)
                    else:
                        for unit in here.feed(data):
                            if not session.silent:
                                client.sendall(self._bend(session, unit))
        except Cut:
            client.shutdown(socket.SHUT_RDWR)

    def _from_client(self, session, units, data, client, server):
        for unit in units.feed(data):
            self.sent += len(unit)
            tag, _, text = unit.partition(b" ")
            session.note(tag, text)
            answer = None
            for rule in self.on_command:
                if answer is None and rule.takes(text):
                    answer = rule.act(session, tag, text)
            if answer is None:
                server.sendall(unit)
            else:
                client.sendall(answer)

    def _bend(self, session, unit):
        for rule in self.on_answer:
            if unit and rule.takes(unit):
                unit = rule.act(session, unit)
        self.received += len(unit)
        return unit

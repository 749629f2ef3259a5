"""A relay that reads IMAP as it passes, without TLS: it counts what is fetched, and changes or swallows what a test
wants changed or swallowed.
"""
import re
import socket
import threading

LITERAL = re.compile(rb"\{(\d+)(\+?)\}\r\n$")


class Meddler:
    """with Meddler(world) as meddler: the world reaches its server through it from now on.

    stored(body):   what the server is given instead of an APPEND's BODY
    command(line):  what the server is told instead of a LINE of the client; a literal's length is set right
    before_answer:  called when the server has answered an APPEND and the client does not know it yet
    answer(line):   what the client is told instead of a LINE of the server; None: the connection ends there
    swallow:        a UID: its text is left out of what the server sends
    bodies, headers: how many whole messages and header blocks the server sent so far
    verbs:          the commands that the client sent so far
    """

    def __init__(self, world):
        self.world = world
        self.stored = lambda body: body
        self.answer = self.command = lambda line: line
        self.before_answer = self.swallow = None
        self.bodies = self.headers = 0
        self.verbs = []
        self.lock = threading.Lock()
        self.sockets = []

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        port = self.listener.getsockname()[1]
        self.kept = dict(self.world.settings["server"])
        self.world.settings["server"].update(port=port, tls="none", compress="no")
        self.world.settings["server"].pop("ca_file", None)
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        with self.lock:
            for one in self.sockets:
                hang_up(one)
        quirks = self.world.settings["server"].get("quirks")
        self.world.settings["server"].clear()
        self.world.settings["server"].update(self.kept, **({"quirks": quirks} if quirks else {}))

    def forget(self):
        """Count from here on."""
        self.bodies = self.headers = 0
        self.verbs = []

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection((self.world.server.host, self.world.server.port))
            with self.lock:
                self.sockets += [client, server]
            for relay, pair in ((self._forth, (client, server)), (self._back, (server, client))):
                threading.Thread(target=self._until_closed, args=(relay, *pair), daemon=True).start()

    @staticmethod
    def _until_closed(relay, source, target):
        try:
            with source.makefile("rb") as lines:
                relay(lines, target)
        except (OSError, ValueError):
            pass
        hang_up(source)
        hang_up(target)

    def _forth(self, lines, server):
        """What the client sends. A command goes on behind each of its literals."""
        verb = None
        for line in lines:
            if verb is None:
                words = line.upper().split()
                verb = words[1] if len(words) > 1 else b""
                verb = b" ".join(words[1:3]) if verb == b"UID" else verb
                self.verbs.append(verb.decode())
            literal = LITERAL.search(line)
            if not literal:
                server.sendall(self.command(line))
                verb = None
            elif literal.group(2):
                body = lines.read(int(literal.group(1)))
                if verb == b"APPEND":
                    body = self.stored(body)
                line = self.command(line)
                literal = LITERAL.search(line)
                server.sendall(line[:literal.start()] + b"{%d+}\r\n" % len(body) + body)
            else:
                server.sendall(line)
                server.sendall(lines.read(int(literal.group(1))))

    def _back(self, lines, client):
        for line in lines:
            literal = LITERAL.search(line)
            with self.lock:
                self.bodies += bool(literal) and b"BODY[] " in line
                self.headers += bool(literal) and b"BODY[HEADER] " in line
            if self.before_answer and b"APPENDUID" in line:
                self.before_answer()
            line = self.answer(line)
            if line is None:
                return
            text = lines.read(int(literal.group(1))) if literal else b""
            if self.swallow and literal and b"(UID %d " % self.swallow in line and b"BODY[] " in line:
                client.sendall(line[:literal.start()] + b"NIL")
            else:
                client.sendall(line + text)


def hang_up(one):
    try:
        one.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    one.close()

"""A server that means harm: an honest little IMAP server of which each scenario replaces answers.

    Scenario("list-dotdot-cve-2021-20247", {"LIST": rows(b'* LIST () "/" "../x"')})

The keys of a play are "greeting", "caps" and commands as the client sends them, UID left out ("FETCH" of
bodies: "BODY"); a value is what is sent instead of the honest answer, "$T" being the command's tag, or a
function (connection, tag, line). README.md of the tests says how a scenario is judged.
"""
import base64
import dataclasses
import os
import socket
import ssl
import subprocess
import threading
import time
import zlib

PASSWORD = "Tr0ub4dor-and-3"
CAPS = b"IMAP4rev1 SASL-IR LITERAL+ UIDPLUS ENABLE CONDSTORE ESEARCH NAMESPACE UNSELECT MOVE"
BODY = b"From: a@example.org\r\nSubject: message %d\r\nMessage-ID: <%d@example.org>\r\n\r\nhello %d\r\n"
MESSAGES = {uid: BODY % (uid, uid, uid) for uid in (1, 2, 3)}
SELECTED = (b"* FLAGS (\\Seen \\Deleted \\Flagged \\Answered \\Draft)\r\n* 3 EXISTS\r\n"
            b"* OK [PERMANENTFLAGS (\\Seen \\Deleted \\Flagged \\Answered \\Draft \\*)] x\r\n"
            b"* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 4] x\r\n* OK [HIGHESTMODSEQ 10] x\r\n")


@dataclasses.dataclass
class Scenario:
    name: str
    play: dict
    status: tuple = (0, 1, 65, 75, 76, 77)  # what godwit may end with
    tls: str = "none"
    edit: str = ""            # what happens here before the hostile pass, see Victim.edit()
    plant: str = ""           # a symlink put in the place of this, below the Maildir
    settings: dict = dataclasses.field(default_factory=dict)  # further keys, by section
    keeps: bool = True        # all three messages have to be here afterwards
    absent: tuple = ()        # must not be printed
    present: tuple = ()       # must be printed
    fresh: bool = False       # nothing is here yet
    before: dict = dataclasses.field(default_factory=dict)  # the play of the honest pass


class Gone(Exception):
    """The client went away, or the scenario hangs up."""


class Connection:
    def __init__(self, server, sock):
        self.server, self.sock, self.play = server, sock, server.play
        self.input, self.deflate, self.inflate = b"", None, None
        self.encrypted = False

    # bytes

    def send(self, data):
        try:
            self.sock.sendall(self.deflate(data) if self.deflate else data)
        except (OSError, ValueError):
            raise Gone from None
        if self.server.stopped:
            raise Gone

    def receive(self):
        try:
            data = self.sock.recv(65536)
        except (OSError, ValueError):
            raise Gone from None
        if not data:
            raise Gone
        if not self.encrypted:
            self.server.clear += data
        self.input += self.inflate(data) if self.inflate else data

    def line(self):
        while b"\r\n" not in self.input:
            self.receive()
        line, self.input = self.input.split(b"\r\n", 1)
        return line

    def octets(self, n):
        while len(self.input) < n:
            self.receive()
        data, self.input = self.input[:n], self.input[n:]
        return data

    def start_tls(self):
        try:
            self.sock = self.server.context.wrap_socket(self.sock, server_side=True)
        except (OSError, ValueError):
            raise Gone from None
        self.encrypted = True

    # the protocol

    def run(self):
        try:
            if "raw" in self.play:
                self.play["raw"](self, b"", b"")
            if self.server.implicit:
                self.start_tls()
            self.answer("greeting", b"", b"")
            while True:
                self.command()
        except Gone:
            pass
        finally:
            try:
                self.sock.close()
            except OSError:
                pass

    def command(self):
        line = self.line()
        while line.endswith(b"}"):  # literals
            size = line[line.rindex(b"{") + 1:-1]
            if not size.endswith(b"+"):
                self.answer("literal", line.split(b" ")[0], line)
            line += self.octets(int(size.rstrip(b"+"))) + self.line()
        words = line.split(b" ")
        tag = words[0]
        if len(words) < 2:
            raise Gone
        word = (words[2] if words[1].upper() == b"UID" else words[1]).upper().decode("latin-1")
        if word == "FETCH" and b"BODY.PEEK[" in line:
            word = "BODY"
        self.answer(word, tag, line)

    def answer(self, word, tag, line):
        self.server.seen.append((word, line))
        value = self.play.get(word)
        if value is None:
            self.honest(word, tag, line)
        elif callable(value):
            value(self, tag, line)
        else:
            self.send(value.replace(b"$T", tag))

    def honest(self, word, tag, line):
        method = getattr(self, "do_" + word.lower(), None)
        if method:
            method(tag, line)
        else:
            self.send(tag + b" OK done\r\n")
        if word == "LOGOUT":
            raise Gone

    def caps(self):
        return self.play.get("caps", CAPS)

    def do_greeting(self, tag, line):
        self.send(b"* OK [CAPABILITY " + self.caps() + b"] ready\r\n")

    def do_literal(self, tag, line):
        self.send(b"+ go on\r\n")

    def do_capability(self, tag, line):
        self.send(b"* CAPABILITY " + self.caps() + b"\r\n" + tag + b" OK done\r\n")

    def do_starttls(self, tag, line):
        self.send(tag + b" OK begin\r\n")
        self.start_tls()

    def do_authenticate(self, tag, line):
        if len(line.split(b" ")) < 4:
            self.send(b"+ \r\n")
            self.line()
        self.send(tag + b" OK welcome\r\n")

    def do_namespace(self, tag, line):
        self.send(b'* NAMESPACE (("" "/")) NIL NIL\r\n' + tag + b" OK done\r\n")

    def do_list(self, tag, line):
        self.send(b'* LIST (\\HasNoChildren) "/" INBOX\r\n' + tag + b" OK done\r\n")

    def do_status(self, tag, line):
        name = line.split(b" ", 2)[2].rsplit(b" (", 1)[0]
        self.send(b"* STATUS " + name + b" (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 7 HIGHESTMODSEQ 10)\r\n" +
                  tag + b" OK done\r\n")

    def do_select(self, tag, line):
        self.send(SELECTED + tag + b" OK [READ-WRITE] done\r\n")

    do_examine = do_select

    def do_search(self, tag, line):
        if b"RETURN" in line:
            self.send(b'* ESEARCH (TAG "' + tag + b'") UID ALL 1:3\r\n' + tag + b" OK done\r\n")
        else:
            self.send(b"* SEARCH 1 2 3\r\n" + tag + b" OK done\r\n")

    def do_fetch(self, tag, line):
        if b"CHANGEDSINCE" not in line:
            for uid in MESSAGES:
                self.send(b"* %d FETCH (UID %d FLAGS (\\Seen) RFC822.SIZE %d MODSEQ (5))\r\n" % (
                    uid, uid, len(MESSAGES[uid])))
        self.send(tag + b" OK done\r\n")

    def do_body(self, tag, line):
        for uid, body in MESSAGES.items():
            self.send(fetched(uid, body, b"HEADER" if b"[HEADER]" in line else b""))
        self.send(tag + b" OK done\r\n")

    def do_append(self, tag, line):
        self.send(tag + b" OK [APPENDUID 7 4] done\r\n")

    def do_logout(self, tag, line):
        self.send(b"* BYE\r\n" + tag + b" OK done\r\n")

    def do_compress(self, tag, line):
        self.send(tag + b" OK go\r\n")
        out, into = zlib.compressobj(6, zlib.DEFLATED, -15), zlib.decompressobj(-15)
        self.deflate = lambda data: out.compress(data) + out.flush(zlib.Z_SYNC_FLUSH)
        self.inflate = into.decompress


def fetched(uid, body, section=b"", seq=None):
    return b'* %d FETCH (UID %d FLAGS (\\Seen) INTERNALDATE "01-Jan-2020 00:00:00 +0000" BODY[%s] {%d}\r\n' % (
        seq or uid, uid, section, len(body)) + body + b")\r\n"


class Server:
    """Listens on 127.0.0.1 and plays what .play says; `with` ends it."""

    def __init__(self, certificates, tls="none"):
        self.play, self.seen, self.clear = {}, [], b""
        self.implicit, self.stopped = tls == "implicit", False
        self.use(certificates, "good")
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.connections = []

    def use(self, certificates, name):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(*certificates[name])

    def __enter__(self):
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()
        return self

    def accept(self):
        while not self.stopped:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            self.connections.append(sock)
            threading.Thread(target=Connection(self, sock).run, daemon=True).start()

    def __exit__(self, *exception):
        self.stopped = True
        for sock in [self.socket, *self.connections]:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()
        self.thread.join(10)


# ---- what plays are made of ----

def rows(*lines):
    """These lines, then OK."""
    return b"".join(line + b"\r\n" for line in lines) + b"$T OK done\r\n"


def first(*lines):
    """These lines before the honest answer."""
    def play(connection, tag, line):
        connection.send(b"".join(each.replace(b"$T", tag) + b"\r\n" for each in lines))
        connection.honest(word_of(line), tag, line)
    return play


def word_of(line):
    words = line.split(b" ")
    word = (words[2] if words[1].upper() == b"UID" else words[1]).upper().decode()
    return "BODY" if word == "FETCH" and b"BODY.PEEK[" in line else word


def selected(*changes):
    """The honest SELECT with replacements: (old, new), (old, new)..."""
    text = SELECTED
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text + b"$T OK [READ-WRITE] done\r\n"


def hang_up(data=b""):
    def play(connection, tag, line):
        connection.send(data.replace(b"$T", tag))
        raise Gone
    return play


def flood(chunk, start=b""):
    """START, then CHUNK without end."""
    def play(connection, tag, line):
        connection.send(start.replace(b"$T", tag))
        data = chunk.replace(b"$T", tag)
        data *= max(1, 65536 // len(data))
        while True:
            connection.send(data)
    return play


def drip(chunk, pause=0.05, start=b""):
    """START, then CHUNK again and again, an octet each PAUSE seconds."""
    def play(connection, tag, line):
        connection.send(start.replace(b"$T", tag))
        while True:
            for octet in chunk:
                connection.send(bytes([octet]))
                time.sleep(pause)
    return play


def patter(chunk, pause=0.2, start=b""):
    """START, then a whole CHUNK each PAUSE seconds."""
    def play(connection, tag, line):
        connection.send(start.replace(b"$T", tag))
        while True:
            connection.send(chunk)
            time.sleep(pause)
    return play


def silence(connection, tag, line):
    while True:
        connection.receive()
        connection.input = b""


def challenge(*plain):
    """AUTHENTICATE: these challenges, then OK."""
    def play(connection, tag, line):
        if len(line.split(b" ")) < 4 and b"SCRAM" in line:
            connection.send(b"+ \r\n")
            connection.line()
        for each in plain:
            connection.send(b"+ " + base64.b64encode(each) + b"\r\n")
            connection.line()
        connection.send(tag + b" OK welcome\r\n")
    return play


def scram(iterations):
    """The first message of a SCRAM server, with the client's own nonce in it."""
    def play(connection, tag, line):
        words = line.split(b" ")
        if len(words) < 4:
            connection.send(b"+ \r\n")
            words.append(connection.line())
        nonce = base64.b64decode(words[3]).split(b"r=")[1]
        text = b"r=%sxyz,s=%s,i=%s" % (nonce, base64.b64encode(b"salt"), iterations)
        connection.send(b"+ " + base64.b64encode(text) + b"\r\n")
        connection.line()
        connection.send(tag + b" OK welcome\r\n")
    return play


def certificates(folder):
    """{name: (certificate, key)}; the trusted CA is ca.pem."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for ca in ("ca", "foreign-ca"):
        openssl("req", "-x509", *curve, "-days", "30", "-subj", "/CN=" + ca,
                "-keyout", ca + ".key", "-out", ca + ".pem")
    names = {
        "good": ("ca", "/CN=x", "DNS:localhost,IP:127.0.0.1"),
        "common-name": ("ca", "/CN=127.0.0.1", "DNS:other.example.org"),
        "no-names": ("ca", "/CN=127.0.0.1", None),
        "foreign": ("foreign-ca", "/CN=x", "DNS:localhost,IP:127.0.0.1"),
        "control": ("foreign-ca", "/CN=\x1b[31mred\x07", "DNS:localhost,IP:127.0.0.1"),
    }
    made = {}
    for name, (ca, subject, alternative) in names.items():
        with open(os.path.join(folder, name + ".names"), "w") as file:
            file.write("subjectAltName=%s\n" % alternative if alternative else "basicConstraints=CA:FALSE\n")
        openssl("req", *curve, "-subj", subject, "-keyout", name + ".key", "-out", name + ".csr")
        openssl("x509", "-req", "-in", name + ".csr", "-CA", ca + ".pem", "-CAkey", ca + ".key",
                "-CAcreateserial", "-days", "30", "-extfile", name + ".names", "-out", name + ".pem")
        made[name] = (os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key"))
    return made

"""An IMAP server that makes its mail up as it is asked for it: a million messages, thousands of mailboxes or a message of
a gigabyte cost it nothing. It keeps nothing, knows no TLS, and understands just what godwit says.
"""
import re
import socketserver
import threading

BASE = "IMAP4rev1 IDLE NAMESPACE UIDPLUS LITERAL+ ENABLE ESEARCH UNSELECT LIST-EXTENDED LIST-STATUS SPECIAL-USE"
CAPABILITIES = {"plain": "IMAP4rev1 UIDPLUS", "qresync": BASE + " CONDSTORE QRESYNC"}
DATE = '"13-Sep-2020 12:26:40 +0000"'


class HugeServer:
    """with HugeServer({"INBOX": 1000000}) as server: connect to server.port, without TLS.

    mailboxes: how many messages each has     rung:   a key of CAPABILITIES
    stride:    from one UID to the next       filler: octets of a body besides its header
    appended:  octets of what was uploaded    commands: how many there were
    flagged:   the UIDs that are \\Flagged
    """

    name = "dovecot"  # which server's habits to expect: none

    def __init__(self, mailboxes, rung="qresync", stride=1, filler=0):
        self.mailboxes, self.capabilities = mailboxes, CAPABILITIES[rung]
        self.stride, self.filler = stride, filler
        self.modseq, self.flagged, self.appended, self.commands = 10, set(), 0, 0
        self.condstore = "CONDSTORE" in self.capabilities

    def __enter__(self):
        class Handler(socketserver.StreamRequestHandler):
            disable_nagle_algorithm, wbufsize = True, 1 << 16
            owner = self

            def handle(self):
                try:
                    Session(self.owner, self.rfile, self.wfile).run()
                except OSError:
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 64

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def add_user(self, _):
        """Everybody may come in."""

    def settings(self):
        """For a World's "server"."""
        return {"host": "127.0.0.1", "port": self.port, "tls": "none"}

    def head(self, uid):
        return b"From: a@example.org\r\nSubject: message %d\r\nMessage-ID: <%d@huge>\r\n\r\ntext %d\r\n" % (uid, uid, uid)

    def flags(self, uid):
        return b"\\Seen \\Flagged" if uid in self.flagged else b"\\Seen"

    def flag(self, uid):
        self.flagged.add(uid)
        self.modseq += 1

    def status(self, count):
        return "(MESSAGES %d UIDNEXT %d UIDVALIDITY 7%s)" % (
            count, count * self.stride + 1, " HIGHESTMODSEQ %d" % self.modseq if self.condstore else "")


class Session:
    def __init__(self, owner, rfile, wfile):
        self.owner, self.rfile, self.wfile = owner, rfile, wfile
        self.count = 0  # messages of the selected mailbox

    def say(self, text):
        self.wfile.write(text if isinstance(text, bytes) else text.encode() + b"\r\n")

    def run(self):
        self.say("* OK [CAPABILITY %s] ready" % self.owner.capabilities)
        self.wfile.flush()
        while line := self.rfile.readline():
            tag, _, command = line.decode().rstrip("\r\n").partition(" ")
            self.owner.commands += 1
            name = command.upper().split()[0]
            name = command.upper().split()[1] if name == "UID" else name
            answer = getattr(self, "do_" + name.lower(), lambda *_: None)(command, tag)
            self.say("%s %s" % (tag, answer or "OK done"))
            self.wfile.flush()
            if name == "LOGOUT":
                return

    def do_capability(self, _, _tag):
        self.say("* CAPABILITY " + self.owner.capabilities)

    def do_login(self, _, _tag):
        return "OK [CAPABILITY %s] welcome" % self.owner.capabilities

    def do_enable(self, command, _tag):
        self.say("* ENABLED " + command.partition(" ")[2])

    def do_namespace(self, _, _tag):
        self.say('* NAMESPACE (("" "/")) NIL NIL')

    def do_list(self, command, _tag):
        if command.rstrip().endswith('""'):  # what the delimiter is
            self.say('* LIST (\\Noselect) "/" ""')
            return
        for name, count in self.owner.mailboxes.items():
            self.say('* LIST () "/" %s' % name)
            if "STATUS" in command:
                self.say("* STATUS %s %s" % (name, self.owner.status(count)))

    def do_status(self, command, _tag):
        name = command.split()[1].strip('"')
        self.say("* STATUS %s %s" % (name, self.owner.status(self.owner.mailboxes[name])))

    def do_select(self, command, _tag):
        self.count = self.owner.mailboxes[command.split()[1].strip('"')]
        self.say("* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)")
        self.say("* OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft \\*)] ok")
        self.say("* %d EXISTS" % self.count)
        self.say("* OK [UIDVALIDITY 7] ok")
        self.say("* OK [UIDNEXT %d] ok" % (self.count * self.owner.stride + 1))
        if self.owner.condstore:
            self.say("* OK [HIGHESTMODSEQ %d] ok" % self.owner.modseq)
        return "OK [READ-WRITE] selected"

    do_examine = do_select

    def do_search(self, command, tag):
        stride, last = self.owner.stride, self.count * self.owner.stride
        if "RETURN" not in command:
            self.say("* SEARCH " + " ".join(map(str, range(stride, last + 1, stride))))
        elif self.count:
            every = "%d:%d" % (1, last) if stride == 1 else ",".join(map(str, range(stride, last + 1, stride)))
            self.say('* ESEARCH (TAG "%s") UID ALL %s' % (tag, every))

    def numbers(self, uids):
        """The messages that a set of UIDs names."""
        stride, last = self.owner.stride, self.count * self.owner.stride
        for part in uids.split(","):
            first, _, end = part.partition(":")
            end = last if end == "*" else int(end or first)
            for uid in range(-(-int(first) // stride) * stride, min(end, last) + 1, stride):
                yield uid // stride, uid

    def do_fetch(self, command, _tag):
        _, _, uids, items = command.split(" ", 3)
        since = re.search(r"CHANGEDSINCE (\d+)", items)
        if since:
            for uid in sorted(self.owner.flagged) if int(since.group(1)) < self.owner.modseq else []:
                self.say("* %d FETCH (UID %d FLAGS (\\Seen \\Flagged) MODSEQ (%d))" % (
                    uid // self.owner.stride, uid, self.owner.modseq))
            return
        body, header = "BODY.PEEK[]" in items, "HEADER" in items
        for number, uid in self.numbers(uids):
            head = self.owner.head(uid)
            self.say(b'* %d FETCH (UID %d FLAGS (%s)' % (number, uid, self.owner.flags(uid)))
            if "INTERNALDATE" in items:
                self.say(b" INTERNALDATE " + DATE.encode())
            if "RFC822.SIZE" in items:
                self.say(b" RFC822.SIZE %d" % (len(head) + self.owner.filler))
            if body:
                self.say(b" BODY[] {%d}\r\n%s" % (len(head) + self.owner.filler, head))
                self.fill()
            elif header:
                header_block = head[:head.index(b"\r\n\r\n") + 4]
                self.say(b" BODY[HEADER] {%d}\r\n%s" % (len(header_block), header_block))
            self.say(b")\r\n")

    def fill(self):
        line, left = b"0123456789" * 7 + b"\r\n", self.owner.filler
        piece = line * 1000
        while left > 0:
            self.say(piece[:left])
            left -= len(piece)

    def do_append(self, command, _tag):
        left = int(re.search(r"\{(\d+)\+?\}$", command).group(1))
        if not command.endswith("+}"):
            self.say("+ go on")
            self.wfile.flush()
        self.owner.appended += left
        while left > 0:
            left -= len(self.rfile.read(min(left, 1 << 16)))
        self.rfile.readline()
        return "OK [APPENDUID 7 %d] appended" % (self.count * self.owner.stride + 1)

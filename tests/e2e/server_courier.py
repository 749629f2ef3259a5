"""A throwaway Courier IMAP on 127.0.0.1: `with Courier() as server:`.

Courier asks a daemon whether a password is right and where the mail lies. AuthDaemon speaks its
protocol, so that any user name logs in with the password 'secret' and finds a Maildir of his own.
"""
import base64
import hmac
import os
import socket
import threading

import debs
from serving import PASSWORD, Serving

CAPABILITY = ("IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA "
              "AUTH=PLAIN AUTH=CRAM-MD5 AUTH=CRAM-SHA1 AUTH=CRAM-SHA256 IDLE")
DIGESTS = {"cram-md5": "md5", "cram-sha1": "sha1", "cram-sha256": "sha256"}

SETTINGS = {
    "IMAP_CAPABILITY": CAPABILITY, "IMAP_CAPABILITY_TLS": CAPABILITY, "IMAP_ACL": "1", "IMAP_KEYWORDS": "1",
    "IMAP_CHECK_ALL_FOLDERS": "0", "IMAP_OBSOLETE_CLIENT": "0", "IMAP_UMASK": "022", "IMAP_USELOCKS": "1",
    "IMAP_ENHANCEDIDLE": "1", "IMAP_TRASHFOLDERNAME": "Trash", "IMAP_MOVE_EXPUNGE_TO_TRASH": "0",
    "IMAP_MAILBOX_SANITY_CHECK": "1", "IMAP_DISABLETHREADSORT": "0", "IMAP_IDLE_TIMEOUT": "60",
    "TLS_CACHEFILE": "", "TLS_DHPARAMS": "",
}


class AuthDaemon:
    """Answers "AUTH size, service, mechanism, data" with a user's home, or FAIL."""

    def __init__(self, path, home, uid, gid):
        self.home, self.uid, self.gid = home, uid, gid
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)  # which also ends the accept()
        self.listener.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        with connection, connection.makefile("rwb") as file:
            words = [b""]
            while words[0] != b"AUTH":  # behind lines that say who is asking
                words = file.readline().split() or [b"AUTH", b"0"]
            size = int(words[1])
            _, mechanism, *data = (file.read(size).decode() + "\n").split("\n")
            user = self._user(mechanism, data)
            file.write(self._place(user) if user else b"FAIL\n")

    @staticmethod
    def _user(mechanism, data):
        if mechanism == "login":
            user, password = data[:2]
            return user if password == PASSWORD else None
        if mechanism not in DIGESTS:
            return None
        challenge, response = map(base64.b64decode, data[:2])
        user, _, proof = response.decode().rpartition(" ")
        right = hmac.new(PASSWORD.encode(), challenge, DIGESTS[mechanism]).hexdigest()
        return user if hmac.compare_digest(proof, right) else None

    def _place(self, user):
        folder = os.path.join(self.home, user)
        for name in ("", "Maildir", "Maildir/cur", "Maildir/new", "Maildir/tmp"):
            path = os.path.join(folder, name)
            if not os.path.isdir(path):
                os.mkdir(path)
                os.chown(path, self.uid, self.gid)
        return ("UID=%d\nGID=%d\nHOME=%s\nADDRESS=%s\nMAILDIR=%s/Maildir\n.\n" % (
            self.uid, self.gid, folder, user, folder)).encode()


class Courier(Serving):
    """capability: what to announce instead of all that it can"""

    name = "courier"

    def __init__(self, capability=CAPABILITY):
        super().__init__()
        self.capability = capability
        self.auth = None

    def prepare(self):
        self.root = self.copy(debs.fetch("courier-imap"))
        os.mkdir(self.path("mail"))
        with open(self.path("server.pem"), "w") as file:
            for name in ("cert.pem", "key.pem"):
                file.write(open(self.path(name)).read())
        self.give("mail", "server.pem")
        self.environment = {
            **debs.environment(self.root), **SETTINGS, "REDIRECT_SOCKET": self.path("auth"),
            "IMAP_CAPABILITY": self.capability, "IMAP_CAPABILITY_TLS": self.capability,
            "IMAP_SHAREDINDEXFILE": self.path("shared"), "TLS_CERTFILE": self.path("server.pem"),
            "TLS_TRUSTCERTS": self.ca_file, "COURIERTLS": self.program("bin/couriertls")}

    def program(self, name):
        return os.path.join(self.root, "usr", name)

    def launch(self):
        if not self.auth:
            self.auth = AuthDaemon(self.path("auth"), self.path("mail"), self.uid, self.gid)
            os.chmod(self.path("auth"), 0o666)
        self._listen(self.port, [], IMAP_STARTTLS="YES")
        self._listen(self.tls_port, [self.environment["COURIERTLS"], "-server", "-tcpd"],
                     IMAP_TLS="1", IMAP_STARTTLS="NO")

    def _listen(self, port, tls, **settings):
        self.spawn([self.program("sbin/couriertcpd"), "-address=127.0.0.1", "-maxprocs=200", "-maxperip=200",
                    "-nodnslookup", "-noidentlookup", str(port), *tls,
                    self.program("lib/courier/courier/imaplogin"), self.program("bin/imapd"), "Maildir"],
                   {**self.environment, **settings}, **self.as_user())

    def __exit__(self, *_):
        if self.auth:
            self.auth.close()
        super().__exit__()

"""A throwaway GNU mailutils imap4d on 127.0.0.1: `with Mailutils() as server:`.

It knows only the users of the system. So it runs as root in a mount namespace of its own, where
/etc/passwd and /etc/shadow are copies with the tests' users added: the machine itself gets no users.
"""
import os
import shutil
import subprocess

import debs
from serving import PASSWORD, Serving

CONFIG = """
mode daemon;
foreground yes;
pidfile {dir}/run.pid;
max-children 100;
timeout 1800;
logging {{ syslog no; }}
auth {{ authentication generic:system; authorization system; }}
gsasl {{ cram-passwd {dir}/cram; hostname localhost; realm localhost; service imap; }}
mailbox {{ mailbox-pattern "maildir:{dir}/spool/${{user}}"; mailbox-type maildir; }}
namespace personal {{
  prefix "" {{ directory "{dir}/home/$user/Mail"; delimiter "/"; mailbox-type maildir; }};
}}
server 127.0.0.1:{port} {{ tls-mode ondemand; {tls} }}
server 127.0.0.1:{tls_port} {{ tls-mode connection; {tls} }}
tcp-wrappers {{ enable no; }}
"""


class Mailutils(Serving):
    name = "mailutils"

    def prepare(self):
        if os.getuid() != 0 or not shutil.which("unshare"):
            raise debs.Unavailable("imap4d needs root and unshare for a private /etc/passwd")
        self.root = debs.fetch("mailutils-imap4d")
        for name in ("home", "spool"):
            os.mkdir(self.path(name))
        for name in ("passwd", "shadow"):
            shutil.copy("/etc/" + name, self.path(name))
        self.hash = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, text=True,
                                   stdout=subprocess.PIPE).stdout.strip()
        tls = "tls { ssl-certificate-file %s; ssl-key-file %s; }" % (self.path("cert.pem"), self.path("key.pem"))
        self.write("imap4d.conf", CONFIG.format(dir=self.dir, port=self.port, tls_port=self.tls_port, tls=tls))
        self.write("cram", "", 0o600)

    def launch(self):
        script = 'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/shadow" /etc/shadow && exec "$@"'
        self.spawn(["unshare", "-m", "sh", "-c", script, self.dir, os.path.join(self.root, "usr/sbin/imap4d"),
                    "--config-file=" + self.path("imap4d.conf")], debs.environment(self.root))

    def add_user(self, user):
        for name, line in (("passwd", "%s:x:%d:%d::%s:/bin/sh" % (user, self.uid, self.gid, self.path("home", user))),
                           ("shadow", "%s:%s:19000:0:99999:7:::" % (user, self.hash)),
                           ("cram", "%s\t%s" % (user, PASSWORD))):
            with open(self.path(name), "a") as file:  # in place: what is mounted is this very file
                file.write(line + "\n")
        # It does not make INBOX by itself.
        for name in ("cur", "new", "tmp"):
            os.makedirs(self.path("spool", user, name))
        os.makedirs(self.path("home", user, "Mail"))
        self.give("home/" + user, "spool/" + user)

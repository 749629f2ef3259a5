"""A throwaway Cyrus IMAP on 127.0.0.1: `with Cyrus() as server:`.

A user exists once add_user() was called; his INBOX is made when he logs in. With netnews=True names
have the prefix INBOX. and the delimiter '.', as in Cyrus before version 3.
"""
import glob
import os
import subprocess

import debs
from serving import PASSWORD, Serving

CONFIG = """
configdirectory: {dir}/conf
partition-default: {dir}/spool
defaultpartition: default
cyrus_user: {user}
servername: localhost
altnamespace: {modern}
unixhierarchysep: {modern}
idlesocket: {dir}/run/idle
lmtpsocket: {dir}/run/lmtp
notifysocket: {dir}/run/notify
proc_path: {dir}/run/proc
mboxname_lockpath: {dir}/run/lock
autocreate_quota: 0
conversations: yes
allowplaintext: yes
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {dir}/conf/sasldb2
failedloginpause: 0s
sasl_mech_list: PLAIN LOGIN CRAM-MD5 DIGEST-MD5 SCRAM-SHA-1 SCRAM-SHA-256
tls_server_cert: {dir}/cert.pem
tls_server_key: {dir}/key.pem
tls_server_ca_file: {dir}/ca.pem
skiplist_unsafe: yes
{extra}
"""

SERVICES = """
START {{
  recover cmd="{bin}/ctl_cyrusdb -C {conf} -r"
}}
DAEMON {{
  idled cmd="{bin}/idled -d -C {conf}"
}}
SERVICES {{
  imap cmd="{bin}/imapd -C {conf}" listen="127.0.0.1:{port}" proto="tcp4" prefork=2
  imaps cmd="{bin}/imapd -s -C {conf}" listen="127.0.0.1:{tls_port}" proto="tcp4" prefork=2
}}
EVENTS {{
}}
"""

# "socket": pushes of IDLE fail without a word if it is missing.
FOLDERS = ["spool", "run", "conf/db", "conf/socket", "conf/msg", "conf/log", "conf/proc", "conf/quota", "conf/user"]


class Cyrus(Serving):
    """netnews: the old namespace; extra: more lines for imapd.conf."""

    name = "cyrus"

    def __init__(self, netnews=False, extra=""):
        super().__init__()
        self.netnews, self.extra = netnews, extra

    def prepare(self):
        self.root = self.copy(debs.fetch("cyrus-imapd", "sasl2-bin", "libsasl2-modules", "libsasl2-modules-db"))
        plugins = glob.glob(os.path.join(self.root, "usr/lib/*-linux-*/sasl2"))
        self.environment = {**debs.environment(self.root), "SASL_PATH": ":".join(plugins)}
        for folder in FOLDERS:
            os.makedirs(self.path(folder))
        settings = {"dir": self.dir, "user": self.user, "modern": "no" if self.netnews else "yes",
                    "port": self.port, "tls_port": self.tls_port, "extra": self.extra,
                    "bin": os.path.join(self.root, "usr/lib/cyrus/bin"), "conf": self.path("imapd.conf")}
        self.write("imapd.conf", CONFIG.format(**settings))
        self.write("cyrus.conf", SERVICES.format(**settings))
        self.give("conf", "spool", "run", "key.pem")

    def launch(self):
        master = os.path.join(self.root, "usr/lib/cyrus/bin/master")
        self.spawn([master, "-D", "-C", self.path("imapd.conf"), "-M", self.path("cyrus.conf"),
                    "-p", self.path("run", "master.pid")], self.environment, **self.as_user())

    def add_user(self, user):
        program = os.path.join(self.root, "usr/sbin/saslpasswd2")
        subprocess.run([program, "-p", "-c", "-f", self.path("conf", "sasldb2"), "-u", "localhost", user],
                       input=PASSWORD.encode(), env=self.environment, check=True, **self.as_user())

"""A throwaway Dovecot on 127.0.0.1: `with Dovecot() as server:`.

Everything lies below one temporary folder and goes with it. It runs as the present user, or as nobody
if that is root. Any user name logs in with the password 'secret' and finds a mailbox of his own.
"""
import grp
import os
import subprocess

import debs
from serving import PASSWORD, Serving

CONFIG = """
base_dir = {dir}/run
state_dir = {dir}/state
instance_name = godwit-tests
log_path = {dir}/log
libexec_dir = {root}/usr/lib/dovecot
mail_plugin_dir = {root}/usr/lib/dovecot/modules
import_environment = {environment}
protocols = imap
listen = 127.0.0.1

default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
default_vsz_limit = 0
first_valid_uid = 0
first_valid_gid = 0
mail_uid = {user}
mail_gid = {group}

ssl = yes
ssl_cert = <{dir}/cert.pem
ssl_key = <{dir}/key.pem
ssl_dh =
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
auth_failure_delay = 0
auth_verbose = yes

mail_location = {store}:{dir}/mail/%u
mail_fsync = never
mail_plugins = $mail_plugins zlib notify
mail_max_userip_connections = {connections}
mail_max_keyword_length = 200

passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={dir}/home/%u
}}
protocol imap {{
  mail_plugins = $mail_plugins imap_zlib
  imap_logout_format = in=%i out=%o
  {capability}
}}
namespace inbox {{
  inbox = yes
  separator = /
  mailbox Sent {{
    special_use = \\Sent
  }}
  mailbox Trash {{
    special_use = \\Trash
  }}
}}

service imap-login {{
  chroot =
  service_count = 0
  process_min_avail = 1
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service imap {{
  process_limit = 512
  service_count = 20
}}
service anvil {{
  chroot =
  client_limit = 4000
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  client_limit = 4000
}}
service stats {{
  chroot =
  client_limit = 4000
}}
{extra}
"""


class Dovecot(Serving):
    """server.host, .port, .tls_port, .ca_file and .password say how to reach it once it runs.

    store:       Dovecot's storage driver, sdbox or maildir
    capability:  what to announce after login instead of all ("" adds nothing)
    connections: at most so many of a user at once
    extra:       more lines for dovecot.conf
    folder:      where to lie; None: among the temporary files
    """

    name = "dovecot"

    def __init__(self, store="sdbox", capability="", connections=200, extra="", folder=None):
        super().__init__(folder)
        self.store, self.capability, self.connections, self.extra = store, capability, connections, extra

    def prepare(self):
        for name in ("run", "state", "mail", "home"):
            os.mkdir(self.path(name))
        self.root = self.copy(debs.fetch("dovecot-imapd"))
        self.environment = debs.environment(self.root)
        self.config = self.path("dovecot.conf")
        if os.getuid() == 0:
            os.chown(self.dir, self.uid, self.gid)
        self.give(*(name for name in os.listdir(self.dir) if name != "root"))

    def write_config(self):
        text = CONFIG.format(
            dir=self.dir, root=self.root, user=self.user, group=grp.getgrgid(self.gid).gr_name,
            environment=" ".join("%s=%s" % item for item in self.environment.items()),
            store=self.store, connections=self.connections, password=PASSWORD,
            capability="imap_capability = " + self.capability if self.capability else "",
            port=self.port, tls_port=self.tls_port, extra=self.extra)
        with open(self.config, "w") as file:
            file.write(text)

    def program(self, name):
        """The path of a program of the package: below the unpacked root, or installed."""
        path = os.path.join(self.root, name.lstrip("/"))
        return path if os.path.exists(path) else name

    def launch(self):
        self.write_config()
        self.spawn([self.program("/usr/sbin/dovecot"), "-F", "-c", self.config], self.environment, **self.as_user())

    def log(self):
        try:
            with open(self.path("log"), errors="replace") as file:
                return super().log() + file.read()
        except OSError:
            return super().log()

    def doveadm(self, *args):
        done = subprocess.run([self.program("/usr/bin/doveadm"), "-c", self.config, *args],
                              env=self.environment, cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **self.as_user())
        if done.returncode:
            raise RuntimeError("doveadm %s: %s" % (" ".join(args), done.stdout.decode()))
        return done.stdout.decode()

    def mail_dir(self, user):
        return os.path.join(self.dir, "mail", user)

    def is_serving(self, user):
        """Does anybody speak to it as USER? Needs `verbose_proctitle = yes`."""
        with open("/proc/%d/task/%d/children" % (self.leaders[0].pid, self.leaders[0].pid)) as file:
            return any("[%s " % user in title_of(pid) for pid in file.read().split())

    def own(self, path):
        """Hand what was written below mail_dir() over to the server."""
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "%d:%d" % (self.uid, self.gid), path], check=True)


def title_of(pid):
    try:
        with open("/proc/%s/cmdline" % pid) as file:
            return file.read()
    except OSError:
        return ""

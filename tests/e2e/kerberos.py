"""A throwaway Kerberos realm on 127.0.0.1: `with Kerberos() as realm:`.

MIT's KDC from Debian's packages, unpacked and never installed. realm.environment lets programs find
it; realm.keytab holds the key of imap/localhost; realm.ticket(user) gives one to a user.
"""
import ctypes
import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import debs
from serving import free_ports

CLIENT = """
[libdefaults]
 default_realm = TEST
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
[realms]
 TEST = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 localhost = TEST
[dbmodules]
 db_module_dir = {plugins}
"""
SERVER = """
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 TEST = {{
  database_name = {dir}/principal
  key_stash_file = {dir}/stash
  acl_file = {dir}/acl
 }}
[logging]
 kdc = FILE:{dir}/kdc.log
 admin_server = FILE:{dir}/kdc.log
"""


class Kerberos:
    def __enter__(self):
        self.root = debs.fetch("krb5-kdc", "krb5-admin-server", "krb5-user")
        self.dir = tempfile.mkdtemp(prefix="kerberos-")
        os.chmod(self.dir, 0o755)
        self.kdc = None
        try:
            self._prepare()
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.kdc:
            self.kdc.terminate()
            self.kdc.wait()
        shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.dir, name)

    def _prepare(self):
        (self.port,) = free_ports(1)
        folders = glob.glob(os.path.join(self.root, "usr/lib/*-linux-*"))
        plugins = os.path.join(folders[0], "krb5/plugins/kdb")
        for name, text in (("krb5.conf", CLIENT), ("kdc.conf", SERVER), ("acl", "")):
            with open(self.path(name), "w") as file:
                file.write(text.format(dir=self.dir, port=self.port, plugins=plugins))
        self.environment = {"KRB5_CONFIG": self.path("krb5.conf")}
        self._own = {"PATH": "/usr/bin:/bin", "LD_LIBRARY_PATH": ":".join(folders),
                     "KRB5_KDC_PROFILE": self.path("kdc.conf"), **self.environment}
        self.keytab = self.path("keytab")
        self._run("sbin/kdb5_util", "create", "-s", "-r", "TEST", "-P", "master")
        self._admin("addprinc -randkey imap/localhost")
        self._admin("ktadd -k %s imap/localhost" % self.keytab)
        os.chmod(self.keytab, 0o644)

    def _run(self, program, *args, **how):
        done = subprocess.run([os.path.join(self.root, "usr", program), *args], env=self._own, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, **how)
        if done.returncode:
            raise RuntimeError("%s: %s" % (program, done.stdout))

    def _admin(self, command):
        self._run("sbin/kadmin.local", "-r", "TEST", "-q", command)

    def _start(self):
        def end_with_us():
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG

        with open(self.path("output"), "wb") as output:
            self.kdc = subprocess.Popen([os.path.join(self.root, "usr/sbin/krb5kdc"), "-n", "-r", "TEST"],
                                        env=self._own, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                        preexec_fn=end_with_us)
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if self.kdc.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the KDC does not start") from None
                time.sleep(0.05)

    def ticket(self, user):
        """What a program of USER has in its environment after kinit."""
        cache = self.path("cache-" + user)
        self._admin("addprinc -pw secret %s" % user)
        self._run("bin/kinit", "-c", cache, user + "@TEST", input="secret\n")
        return {"KRB5CCNAME": "FILE:" + cache, **self.environment}

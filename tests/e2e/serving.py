"""What the servers of the tests have in common: a folder, ports, a certificate, processes of their own."""
import ctypes
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from guardian import guard, kill_session, release

PASSWORD = "secret"


class Serving:
    """
    `with Cyrus() as server:` a server that runs from unpacked packages below one temporary folder.

    host, port, tls_port, ca_file, password: how to reach it
    name:                                    what the tests call it
    A subclass fetches the packages and writes settings in prepare(), and begins its processes with
    spawn() in launch(). It runs as the present user, or as nobody if that is root.
    """

    host = "127.0.0.1"
    password = PASSWORD
    name = ""

    def __init__(self, folder=None):
        """FOLDER: where its own is made; None: where temporary ones are."""
        self.folder, self.dir = folder, None
        self.leaders = []  # processes, each the leader of a session

    def __enter__(self):
        self.dir = tempfile.mkdtemp(prefix=self.name + "-", dir=self.folder)
        os.chmod(self.dir, 0o755)
        try:
            account = pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())
            self.uid, self.gid, self.user = account.pw_uid, account.pw_gid, account.pw_name
            self.port, self.tls_port = free_ports(2)
            self.ca_file = self.path("ca.pem")
            make_certificate(self.dir)
            self.prepare()
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def prepare(self):
        raise NotImplementedError

    def launch(self):
        raise NotImplementedError

    def add_user(self, user):
        """Called before USER logs in for the first time."""

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def write(self, name, text, mode=0o644):
        with open(self.path(name), "w") as file:
            file.write(text)
        os.chmod(self.path(name), mode)

    def copy(self, root):
        """ROOT where the user as whom the server runs can read it."""
        if os.getuid() != 0:
            return root
        shutil.copytree(root, self.path("root"), symlinks=True,
                        ignore=shutil.ignore_patterns("doc", "man", "locale", "include"))
        return self.path("root")

    def give(self, *names):
        """Hand files and folders over to the user as whom the server runs."""
        if os.getuid() == 0:
            subprocess.run(["chown", "-R", "%d:%d" % (self.uid, self.gid), *map(self.path, names)], check=True)

    def as_user(self):
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if os.getuid() == 0 else {}

    def spawn(self, command, environment, **how):
        """Begin a process that does not outlive the tests."""
        def end_with_us():
            ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG

        with open(self.path("output"), "ab") as output:
            process = subprocess.Popen(
                command, cwd=self.dir, env=environment, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True, preexec_fn=end_with_us, **how)
        guard(process.pid)
        self.leaders.append(process)

    def start(self):
        self.launch()
        deadline = time.monotonic() + 30
        while not answers(self.port):
            if any(p.poll() is not None for p in self.leaders) or time.monotonic() > deadline:
                raise RuntimeError("%s does not start:\n%s" % (self.name, self.log()))
            time.sleep(0.02)

    def stop(self):
        """Stop it; start() may follow, on the same ports with the same mail."""
        for process in reversed(self.leaders):
            process.terminate()
            end_session(process)
        self.leaders.clear()

    def log(self):
        try:
            with open(self.path("output"), errors="replace") as file:
                return file.read()[-20000:]
        except OSError:
            return ""


def end_session(process):
    """Wait a little for PROCESS; what did not want to end is of the session that it began."""
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        pass
    kill_session(process.pid)
    process.wait()
    release(process.pid)


def answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            return connection.recv(4) == b"* OK"
    except OSError:
        return False


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def make_certificate(folder, names="DNS:localhost,IP:127.0.0.1"):
    """A CA (ca.pem) and a certificate for NAMES signed by it (cert.pem, key.pem)."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=folder, check=True, stdin=subprocess.DEVNULL,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    with open(os.path.join(folder, "names"), "w") as file:
        file.write("subjectAltName=%s\n" % names)
    openssl("req", "-x509", *curve, "-days", "30", "-subj", "/CN=CA of the tests",
            "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *curve, "-subj", "/CN=localhost", "-keyout", "key.pem", "-out", "csr.pem")
    openssl("x509", "-req", "-in", "csr.pem", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "30", "-extfile", "names", "-out", "cert.pem")

"""Servers out of Debian's packages, downloaded and unpacked, never installed.

fetch(package) gives the folder below which a package and the libraries that are missing here lie
unpacked. It is kept in build/servers from run to run. environment(root) lets a program in there run
although its paths are compiled in (see redirect.c).
"""
import fcntl
import glob
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(ROOT, "build", "servers")
APT = ["apt-get", "-q", "-y", "--no-install-recommends", "-o", "Debug::NoLocking=1"]


class Unavailable(Exception):
    """The package can't be had; the text says why."""


def fetch(package):
    """The folder below which PACKAGE is unpacked, downloaded if need be."""
    place = os.path.join(CACHE, package)
    root = os.path.join(place, "root")
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test files may start at once
        if not os.path.exists(os.path.join(place, "complete")):
            shutil.rmtree(root, ignore_errors=True)
            unpack(download(package, place), root)
            build_redirect(root)
            open(os.path.join(place, "complete"), "w").close()
    return root


def environment(root):
    places = ("usr/lib/dovecot", "usr/lib/dovecot/modules/old-stats", "usr/lib/*-linux-*", "lib/*-linux-*")
    libraries = ":".join(found for p in places for found in glob.glob(os.path.join(root, p)))
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "REDIRECT_ROOT": root,
            "LD_PRELOAD": os.path.join(root, "redirect.so"), "LD_LIBRARY_PATH": libraries}


def download(package, place):
    """The files of PACKAGE and of what it depends on and is not installed."""
    debs = os.path.join(place, "debs")
    os.makedirs(os.path.join(debs, "partial"), exist_ok=True)
    cache = ["-o", "Dir::Cache::archives=" + debs, "-o", "APT::Sandbox::User="]
    # apt says nothing of what is installed already, so the package itself is asked for by name.
    if not run(APT + cache + ["--download-only", "--reinstall", "install", package], debs):
        # The system's lists are missing or too old, and only root could renew them: make our own.
        lists = os.path.join(place, "lists")
        os.makedirs(os.path.join(lists, "partial"), exist_ok=True)
        cache += ["-o", "Dir::State::lists=" + lists]
        problem = os.path.join(place, "apt.log")
        if not run(APT + cache + ["update"], debs) or not run(
                APT + cache + ["--download-only", "--reinstall", "install", package], debs, problem):
            raise Unavailable("can't download %s, see %s" % (package, problem))
        shutil.rmtree(lists)
    return glob.glob(os.path.join(debs, "*.deb"))


def run(command, folder, log=os.devnull):
    with open(log, "wb") as output:
        try:
            return subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
                                  stderr=subprocess.STDOUT, timeout=300).returncode == 0
        except (OSError, subprocess.TimeoutExpired) as problem:
            output.write(str(problem).encode())
            return False


def unpack(debs, root):
    """Of other packages (users, certificates, boot scripts) only their scripts matter, not for us."""
    for deb in debs:
        if os.path.basename(deb).startswith(("lib", "zlib", "dovecot", "cyrus", "courier")):
            subprocess.run(["dpkg", "-x", deb, root], check=True)


def build_redirect(root):
    source = os.path.join(ROOT, "tests", "e2e", "redirect.c")
    subprocess.run([os.environ.get("CC", "gcc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC",
                    "-o", os.path.join(root, "redirect.so"), source], check=True)

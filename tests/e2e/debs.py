"""Servers out of Debian's packages, downloaded and unpacked, never installed.

fetch(package, more...) gives the folder below which a package and the libraries that are missing here lie
unpacked. It is kept in build/servers from run to run. environment(root) lets a program in there run
although its paths are compiled in (see redirect.c).
"""
import fcntl
import glob
import hashlib
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(ROOT, "build", "servers")
# Of other packages (users, certificates, mail transport agents) only their scripts matter, not for us.
WANTED = ("lib", "zlib", "dovecot", "cyrus", "courier", "mailutils", "guile", "gamin", "sasl2", "krb5")
APT = ["apt-get", "-q", "-y", "--no-install-recommends", "-o", "Debug::NoLocking=1"]


class Unavailable(Exception):
    """The package can't be had; the text says why."""


def fetch(package, *more):
    """The folder below which PACKAGE is unpacked, downloaded if need be; MORE packages with it."""
    place = os.path.join(CACHE, package)
    root = os.path.join(place, "root")
    complete = os.path.join(place, "complete")
    os.makedirs(place, exist_ok=True)
    with open(os.path.join(place, "lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several test files may start at once
        if not os.path.exists(complete) or open(complete).read() != " ".join(more):
            shutil.rmtree(root, ignore_errors=True)
            unpack(download([package, *more], place), root)
            with open(complete, "w") as file:
                file.write(" ".join(more))
        redirector(root)
    return root


def environment(root):
    places = ("usr/lib", "usr/lib/dovecot", "usr/lib/dovecot/modules/old-stats", "usr/lib/*-linux-*",
              "lib/*-linux-*")
    libraries = ":".join(found for p in places for found in glob.glob(os.path.join(root, p)))
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "REDIRECT_ROOT": root,
            "LD_PRELOAD": redirector(root), "LD_LIBRARY_PATH": libraries}


def download(packages, place):
    """The files of PACKAGES and of what they depend on and is not installed."""
    debs = os.path.join(place, "debs")
    os.makedirs(os.path.join(debs, "partial"), exist_ok=True)
    cache = ["-o", "Dir::Cache::archives=" + debs, "-o", "APT::Sandbox::User="]
    # apt says nothing of what is installed already, so the package itself is asked for by name.
    if not run(APT + cache + ["--download-only", "--reinstall", "install", *packages], debs):
        # The system's lists are missing or too old, and only root could renew them: make our own.
        lists = os.path.join(place, "lists")
        os.makedirs(os.path.join(lists, "partial"), exist_ok=True)
        cache += ["-o", "Dir::State::lists=" + lists]
        problem = os.path.join(place, "apt.log")
        if not run(APT + cache + ["update"], debs) or not run(
                APT + cache + ["--download-only", "--reinstall", "install", *packages], debs, problem):
            raise Unavailable("can't download %s, see %s" % (packages[0], problem))
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
    for deb in debs:
        if os.path.basename(deb).startswith(WANTED):
            subprocess.run(["dpkg", "-x", deb, root], check=True)


def redirector(root):
    """redirect.c as a library, made anew when it changed."""
    source = os.path.join(ROOT, "tests", "e2e", "redirect.c")
    with open(source, "rb") as file:
        made = os.path.join(root, "redirect-%s.so" % hashlib.sha256(file.read()).hexdigest()[:12])
    if not os.path.exists(made):
        subprocess.run([os.environ.get("CC", "gcc"), "-std=c17", "-D_GNU_SOURCE", "-O2", "-shared", "-fPIC",
                        "-o", made + ".new", source], check=True)
        os.rename(made + ".new", made)
    return made

#!/usr/bin/python3
"""Runs clang-tidy over C files, several at once, and skips what it has found clean before.

usage: tidy.py [--jobs N] [--nodes N] [--cache DIR] FILE...

A file is known to be clean if it, all own headers that it includes, .clang-tidy and the version of
clang-tidy are what they were: DIR then holds an empty file named by the digest of all of these.

clang's analyzer, which takes nearly all of the time, gives a function up after --nodes steps of its walk.
"""
import argparse
import concurrent.futures
import hashlib
import os
import subprocess
import sys

from includes import ROOT, closure

COMPILER = ["-std=c17", "-D_GNU_SOURCE", "-Isrc", "-I.", "-Wall", "-Wextra"]


def compiler(nodes):
    return COMPILER + ["-Xclang", "-analyzer-config", "-Xclang", "max-nodes=%d" % nodes]


def digest_of(file, version, nodes):
    digest = hashlib.sha256(version + " ".join(compiler(nodes)).encode())
    for path in closure(file) + [".clang-tidy"]:
        with open(os.path.join(ROOT, path), "rb") as content:
            digest.update(path.encode() + b"\0" + content.read() + b"\0")
    return digest.hexdigest()


def tidy(file, nodes):
    """What clang-tidy has to say, "" if nothing."""
    done = subprocess.run(["clang-tidy", "--quiet", file, "--"] + compiler(nodes), cwd=ROOT,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return (done.stdout + done.stderr) if done.returncode else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--nodes", type=int, default=225000)
    parser.add_argument("--cache", default="build/lint/tidy")
    parser.add_argument("files", nargs="+")
    options = parser.parse_args()

    os.makedirs(options.cache, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], stdout=subprocess.PIPE, check=True).stdout
    stamps = {file: os.path.join(options.cache, digest_of(file, version, options.nodes)) for file in options.files}
    todo = [file for file in options.files if not os.path.exists(stamps[file])]
    dirty = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for file, complaint in zip(todo, pool.map(lambda file: tidy(file, options.nodes), todo)):
            if complaint:
                dirty += 1
                print(complaint, end="", flush=True)
            else:
                open(stamps[file], "w").close()
    # Stamps of contents that are gone are of no use any more.
    for name in set(os.listdir(options.cache)) - {os.path.basename(s) for s in stamps.values()}:
        os.remove(os.path.join(options.cache, name))
    print("clang-tidy: %d files, %d looked at, %d not clean" % (len(options.files), len(todo), dirty))
    return 1 if dirty else 0


if __name__ == "__main__":
    sys.exit(main())

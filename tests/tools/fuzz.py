#!/usr/bin/python3
"""Lets libFuzzer look for inputs that break godwit.

usage: fuzz.py --build DIR --seconds N TARGET...

Each target runs for so long on its corpus (tests/fuzz/corpus/TARGET) and with its dictionary. What it finds
is gathered in DIR/corpus/TARGET, from run to run. An input that breaks it is left as
DIR/TARGET-crash-... : make it small (DIR/fuzz_TARGET -minimize_crash=1 FILE) and keep it in the corpus,
which `make check` plays. The exit status is 0 only if no target broke.
"""
import argparse
import os
import subprocess
import sys

FUZZ = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "fuzz")


def fuzz(options, target):
    found = os.path.join(options.build, "corpus", target)
    os.makedirs(found, exist_ok=True)
    command = [os.path.join(options.build, "fuzz_" + target), found, os.path.join(FUZZ, "corpus", target),
               "-max_total_time=%d" % options.seconds, "-timeout=10", "-rss_limit_mb=1024", "-max_len=8192",
               "-print_final_stats=1", "-verbosity=0",
               "-artifact_prefix=%s/%s-" % (options.build, target)]
    dictionary = os.path.join(FUZZ, "dict", target + ".dict")
    if os.path.exists(dictionary):
        command.append("-dict=" + dictionary)
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    output = run.stdout.decode("utf-8", "replace")
    if run.returncode:
        print(output[-8000:])
    runs = [line.split()[-1] for line in output.splitlines() if "number_of_executed_units" in line]
    print("%-6s fuzz/%s: %s inputs" % ("FAILED" if run.returncode else "ok", target, runs[0] if runs else "?"))
    return run.returncode == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("targets", nargs="+")
    options = parser.parse_args()
    results = [fuzz(options, target) for target in options.targets]
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())

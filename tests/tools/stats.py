#!/usr/bin/python3
"""Prints the lengths of C functions and files. usage: stats.py FILE...

A function is what stands between a "{" and a "}" in the first column, both not counted. Aim: median
12 lines, 9 of 10 within 40, none over 80; files of 100 to 500 lines.
"""
import os
import re
import statistics
import sys

NAME = re.compile(r"^(?:[a-z].*?)?\b(\w+)\(")


def functions(lines, file):
    """(length, "FILE:LINE name") of each function."""
    name, start = None, None
    for number, line in enumerate(lines, 1):
        if start is None and (match := NAME.match(line)) and not line.startswith(("#", "\t", " ")):
            name = match.group(1)
        if line.rstrip() == "{":
            start = number
        elif line.startswith("}") and start is not None:
            if line.rstrip() == "}":
                yield number - start - 1, "%s:%d %s" % (file, start, name)
            start = None


def percentile(sorted_numbers, percent):
    return sorted_numbers[min(len(sorted_numbers) - 1, len(sorted_numbers) * percent // 100)]


def show(folder, files):
    found = sorted(f for _, fs in files for f in fs)
    lengths = [length for length, _ in found] or [0]
    sizes = [size for size, _ in files]
    print("%-10s %5d %8d %7d %5d %8d %9d %9d" % (
        folder, len(files), sum(sizes), len(found), statistics.median(lengths),
        percentile(lengths, 90), lengths[-1], max(sizes)))
    return found


def main():
    folders = {}
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as text:
            lines = text.readlines()
        folders.setdefault(os.path.dirname(file), []).append((len(lines), list(functions(lines, file))))
    print("folder     files    lines  functs  med.      p90   longest  longest file")
    for folder, files in sorted(folders.items()):
        show(folder, files)
    found = show("all", [f for files in folders.values() for f in files])
    print("\nlongest functions:")
    for length, where in reversed(found[-12:]):
        print("%5d  %s" % (length, where))
    return 0


if __name__ == "__main__":
    sys.exit(main())

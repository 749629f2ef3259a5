#!/usr/bin/python3
"""Checks the #include lines of all C files against a table. usage: includes.py tests/deps.txt

The table says which of our folders a file may include, which files are the door to a foreign
library, and which system headers a file may never include. Folders may not depend on each other in a
circle, nor headers. One line a violation, FILE:LINE: what is wrong; exit status 1 if there is any.
"""
import fnmatch
import glob
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACES = ("src/*.c", "src/*/*.[ch]", "state/*.[ch]", "config/*.[ch]", "oauth/*.[ch]", "tests/*/*.[ch]")
OWN = re.compile(r'#include "(.*)"')
FOREIGN = re.compile(r"#include <(.*)>")


class Table:
    def __init__(self, path):
        self.layers, self.doors, self.never = [], [], []
        with open(path) as file:
            for line in file:
                words = line.split("#")[0].split()
                if not words:
                    continue
                if words[0] == "door":
                    self.doors.append((words[1], words[2:]))
                elif words[0] == "never":
                    self.never.append((words[1], words[2:]))
                else:
                    alone = words[1:2] == ["alone"]
                    self.layers.append((words[0], alone, words[1 + alone:]))

    def allowed(self, file):
        """What FILE may include: folders, and files without their .h; None if no line is for it."""
        for pattern, alone, names in self.layers:
            if fnmatch.fnmatch(file, pattern):
                return names if alone else names + [folder_of(file)]
        return None


def folder_of(file):
    parts = file.split("/")
    return parts[1] if parts[0] == "src" and len(parts) > 2 else parts[0]


def resolve(include):
    """The path of an own header as it stands in an #include; None if there is no such file."""
    for candidate in ("src/" + include, include):
        if os.path.exists(os.path.join(ROOT, candidate)):
            return candidate
    return None


def includes(file):
    """(line number, own header or None, foreign header or None) of each #include."""
    with open(os.path.join(ROOT, file), encoding="utf-8") as text:
        for number, line in enumerate(text, 1):
            line = re.sub(r"^\s*#\s*include\s*", "#include ", line)
            if match := OWN.match(line):
                yield number, match.group(1), None
            elif match := FOREIGN.match(line):
                yield number, None, match.group(1)


def own_files():
    for place in PLACES:
        yield from (os.path.relpath(f, ROOT) for f in sorted(glob.glob(os.path.join(ROOT, place))))


def closure(file):
    """FILE and all own headers that it includes, directly or not."""
    seen, todo = set(), [file]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        todo += [path for _, own, _ in includes(file) if own and (path := resolve(own))]
    return sorted(seen)


def check_own(file, number, own, allowed):
    path = resolve(own)
    if not path:
        yield "%s:%d: there is no \"%s\" (name it from src/ or from the top)" % (file, number, own)
    elif not {folder_of(path), os.path.splitext(own)[0]} & set(allowed):
        yield "%s:%d: may not include \"%s\", only: %s" % (
            file, number, own, " ".join(allowed) or "nothing of ours")


def check_foreign(table, file, number, foreign):
    for pattern, files in table.doors:
        if fnmatch.fnmatch(foreign, pattern) and not any(fnmatch.fnmatch(file, f) for f in files):
            if not file.startswith("tests/"):
                yield "%s:%d: only %s may include <%s>" % (file, number, " ".join(files), foreign)
    for pattern, headers in table.never:
        if fnmatch.fnmatch(file, pattern) and any(fnmatch.fnmatch(foreign, h) for h in headers):
            yield "%s:%d: decides only, so it may not include <%s>" % (file, number, foreign)


def check_file(table, file):
    allowed = table.allowed(file)
    if allowed is None:
        yield "%s:1: no line of the table is for this file" % file
        return
    for number, own, foreign in includes(file):
        if own:
            yield from check_own(file, number, own, allowed)
        else:
            yield from check_foreign(table, file, number, foreign)


def find_cycle(graph):
    """A list of nodes that leads back to its first, or None."""
    done, path = set(), []

    def visit(node):
        if node in path:
            return path[path.index(node):] + [node]
        if node in done:
            return None
        path.append(node)
        for target in sorted(graph.get(node, ())):
            if cycle := visit(target):
                return cycle
        done.add(path.pop())
        return None

    for node in sorted(graph):
        if cycle := visit(node):
            return cycle
    return None


def check_cycles(files):
    folders, headers = {}, {}
    for file in files:
        for _, own, _ in includes(file):
            path = resolve(own) if own else None
            if not path:
                continue
            if file.endswith(".h"):
                headers.setdefault(file, set()).add(path)
            if folder_of(path) != folder_of(file):
                folders.setdefault(folder_of(file), set()).add(folder_of(path))
    for kind, graph in (("folders", folders), ("headers", headers)):
        if cycle := find_cycle(graph):
            yield "%s include each other in a circle: %s" % (kind, " -> ".join(cycle))


def main():
    table = Table(sys.argv[1])
    files = list(own_files())
    problems = [p for file in files for p in check_file(table, file)] + list(check_cycles(files))
    print("\n".join(problems) if problems else "includes: %d files obey %s" % (len(files), sys.argv[1]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())

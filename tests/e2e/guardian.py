"""Ends the servers of tests that were killed: nobody but the kernel closes our pipe then.

guard(pid) and release(pid) name the leader of a session. One process for all of them reads the names,
and at the end of its input kills every process of the sessions that are left.
"""
import os
import signal
import subprocess
import sys

_guardian = None


def guard(pid):
    _tell("+%d" % pid)


def release(pid):
    _tell("-%d" % pid)


def _tell(line):
    global _guardian
    if _guardian is None:  # in a session of its own: what interrupts the tests must not end it
        _guardian = subprocess.Popen([sys.executable, os.path.abspath(__file__)], stdin=subprocess.PIPE,
                                     stdout=subprocess.DEVNULL, start_new_session=True, text=True)
    _guardian.stdin.write(line + "\n")
    _guardian.stdin.flush()


def session_of(leader):
    """The processes of the session that process LEADER began."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open("/proc/%s/stat" % name) as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z" and int(fields[3]) == leader:
                found.append(int(name))
    return found


def kill_session(leader):
    for pid in session_of(leader):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def main():
    left = set()
    for line in sys.stdin:
        (left.add if line[0] == "+" else left.discard)(int(line[1:]))
    for leader in left:
        kill_session(leader)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
"""Runs all tests, several at once, and adds up what they say.

usage: run.py --build DIR [--san address|thread] [--jobs N] [--match WORD] [--servers NAMES] PROGRAM...

A job is a unit test PROGRAM (cmocka) or one file tests/e2e/test_*.py (pytest). Each runs from the top
of the repository and has a temporary folder of its own ($TMPDIR); all of these go at the end. A line a job says how it went;
what a failed one printed follows. The last line is "N passed, N failed" of the whole run. The exit
status is 0 only if something passed and nothing failed.
"""
import argparse
import concurrent.futures
import dataclasses
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOWN_LINES = 400  # of what a failed job printed
SHARED_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

# Of a build that was never tested nobody knows yet what takes long: these do, in this order.
USUALLY_LONG = ("test_power.py", "test_crash.py", "test_scale.py", "test_faults.py", "test_adoption.py", "test_policy.py",
                "test_cuts.py", "test_names.py", "test_moves.py", "test_messages.py")

# A sanitizer's complaint must not look like one of godwit's own exit statuses.
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "exitcode=99:detect_leaks=1:strict_string_checks=1",
    "UBSAN_OPTIONS": "exitcode=99:print_stacktrace=1",
    "TSAN_OPTIONS": "exitcode=99:halt_on_error=1",
}


@dataclasses.dataclass
class Result:
    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    cases: int = 0  # that tests say they went through
    seconds: float = 0.0
    output: str = ""
    reasons: tuple = ()  # why tests were skipped


class Runner:
    def __init__(self, options):
        self.options = options
        self.temp = tempfile.mkdtemp(prefix="godwit-tests-")
        # For what writes much and waits for the disk each time.
        self.memory = tempfile.mkdtemp(prefix="godwit-tests-", dir=SHARED_MEMORY) if SHARED_MEMORY else self.temp
        for folder in (self.temp, self.memory):
            os.chmod(folder, 0o711)  # servers may run as another user
        self.running = set()
        self.lock = threading.Lock()
        self.stopped = False
        self.environment = dict(os.environ, **SANITIZER_ENVIRONMENT)
        self.environment["GODWIT"] = os.path.join(ROOT, options.build, "godwit")
        self.environment["GODWIT_SAN"] = options.san
        self.environment["GODWIT_MEMORY"] = self.memory
        self.environment["PYTHONDONTWRITEBYTECODE"] = "1"
        self.environment["GODWIT_SERVERS"] = options.servers

    def run(self, name, command, timeout):
        """Exit status and output of the command."""
        folder = os.path.join(self.temp, name.replace("/", "_"))
        os.makedirs(folder)
        environment = dict(self.environment, TMPDIR=folder, HOME=folder)
        with open(os.path.join(folder, "output"), "w+b") as output:
            process = subprocess.Popen(
                unshuffled(self.options.san) + command, cwd=ROOT, env=environment,
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True)
            with self.lock:
                self.running.add(process)
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                kill_group(process)
                output.write(b"\nkilled after %d s\n" % timeout)
            finally:
                with self.lock:
                    self.running.discard(process)
            output.seek(0)
            status, text = process.wait(), output.read().decode("utf-8", "replace")
        subprocess.run(["rm", "-rf", folder])  # now rather than at the end, which waits for one after the other
        return status, text

    def stop(self):
        self.stopped = True
        with self.lock:
            for process in self.running:
                kill_group(process)

    def unit(self, program):
        name = os.path.relpath(program, os.path.join(self.options.build, "tests"))
        status, output = self.run(name, [os.path.abspath(program)], 300)
        result = Result(name, output=output)
        for word, field in (("PASSED ", "passed"), ("FAILED ", "failed"), ("SKIPPED", "skipped")):
            counts = re.findall(r"\[  %s \] (?:[^\n]*: )?(\d+) test\(s\)" % word, output)
            setattr(result, field, sum(map(int, counts)))
        if status != 0 and result.failed == 0:
            result.failed = 1
            result.output += "\n%s ended with status %d\n" % (name, status)
        return result

    def pytest(self, file):
        name = os.path.relpath(file, os.path.join(ROOT, "tests"))
        report = os.path.join(self.temp, os.path.basename(file) + ".xml")
        command = [sys.executable, "-m", "pytest", "-q", "-ra", "-p", "no:cacheprovider",
                   "--junitxml=" + report, file]
        if self.options.match:
            command += ["-k", self.options.match]
        patience = 3600 if os.environ.get("GODWIT_SOAK") or self.options.san else 900
        status, output = self.run(name, command, patience)
        result = Result(name, output=output)
        try:
            suite = xml.etree.ElementTree.parse(report).find("testsuite")
            result.failed = int(suite.get("failures")) + int(suite.get("errors"))
            result.skipped = int(suite.get("skipped"))
            result.passed = int(suite.get("tests")) - result.failed - result.skipped
            result.cases = sum(int(p.get("value")) for p in suite.iter("property") if p.get("name") == "cases")
            result.reasons = tuple(sorted({s.get("message") for s in suite.iter("skipped")}))
        except (OSError, xml.etree.ElementTree.ParseError):
            result.failed = 1
        # 5: nothing matched -k, which another file may.
        if status not in (0, 5) and result.failed == 0:
            result.failed = 1
        return result


def unshuffled(san):
    """The thread sanitizer of gcc 12 can't stand the address randomization of newer kernels."""
    return ["setarch", "-R"] if san == "thread" and shutil.which("setarch") else []


def kill_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def jobs_of(runner, options):
    """(name, function, argument) of each job."""
    for program in options.programs:
        if options.match.lower() in os.path.basename(program).lower():
            yield os.path.basename(program), runner.unit, program
    for file in sorted(glob.glob(os.path.join(ROOT, "tests", "e2e", "test_*.py"))):
        yield os.path.basename(file), runner.pytest, file


def load_times(path):
    try:
        with open(path) as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def show(result):
    word = "FAIL" if result.failed else "ok" if result.passed else "skip" if result.skipped else "-"
    skipped = ", %d skipped" % result.skipped if result.skipped else ""
    cases = ", %d cases" % result.cases if result.cases else ""
    print("%-4s %-36s %4d passed, %d failed%s%s  (%.1f s)" % (
        word, result.name, result.passed, result.failed, skipped, cases, result.seconds))
    for reason in result.reasons:
        print("       skipped: " + reason)
    if result.failed:
        lines = result.output.splitlines()
        if len(lines) > SHOWN_LINES:
            print("       ... %d lines left out" % (len(lines) - SHOWN_LINES))
        print("\n".join("       " + line for line in lines[-SHOWN_LINES:]))
    sys.stdout.flush()


def run_all(runner, options):
    times_file = os.path.join(options.build, "test-times.json")
    times = load_times(times_file)
    usual = {name: 1e9 * (len(USUALLY_LONG) - i + 1) for i, name in enumerate(USUALLY_LONG)}
    # The longest first, so that no core idles at the end; what is new counts as long.
    jobs = sorted(jobs_of(runner, options), key=lambda job: -times.get(job[0], usual.get(job[0], 1e9)))
    results = []

    def run_one(job):
        if runner.stopped:
            return None
        name, function, argument = job
        start = time.monotonic()
        result = function(argument)
        result.seconds = times[name] = time.monotonic() - start
        return result

    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        try:
            for future in concurrent.futures.as_completed([pool.submit(run_one, j) for j in jobs]):
                result = future.result()
                if result and (result.passed or result.failed or result.skipped):
                    results.append(result)
                    show(result)
        except BaseException:
            runner.stop()
            raise
    if not options.match:
        with open(times_file, "w") as file:
            json.dump(times, file)
    return results


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--san", default="", choices=("", "address", "thread"))
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--match", default="")
    parser.add_argument("--servers", default="dovecot cyrus courier")
    parser.add_argument("programs", nargs="*")
    options = parser.parse_args()

    runner = Runner(options)
    try:
        results = run_all(runner, options)
    finally:
        for folder in (runner.temp, runner.memory):
            subprocess.run(["rm", "-rf", folder])
    cases = sum(r.cases for r in results)
    if cases:
        print("%d cases of kills, cuts and failing disks" % cases)
    passed, failed, skipped = (
        sum(getattr(r, field) for r in results) for field in ("passed", "failed", "skipped"))
    if failed:
        print("failed: " + " ".join(r.name for r in results if r.failed))
    for reason in sorted({r for result in results for r in result.reasons if r.startswith("NO ")}):
        print("*** " + reason)
    if passed + failed == 0:
        print("no test ran" + (" that matches '%s'" % options.match if options.match else ""))
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())

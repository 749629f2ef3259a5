"""What the documents say about the program is so."""
import glob
import os
import re
import subprocess

import pytest

from world import GODWIT, ROOT

FILE_NAME = re.compile(r"(?<![\w/.*-])((?:[\w.-]+/)*[\w*?-]+\.(?:c|h|py|sh|yaml|txt|md|[15]))(?![\w/])")
FOLDER_NAME = re.compile(r"`((?:[\w.-]+/)+)`")


def read(path):
    path = os.path.join(ROOT, path)
    if not os.path.exists(path):
        pytest.skip("%s is not written yet" % os.path.basename(path))
    with open(path, encoding="utf-8") as file:
        return file.read()


def godwit(*args):
    done = subprocess.run([GODWIT, *args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


def exists(pattern):
    return any(glob.glob(os.path.join(ROOT, place, pattern)) for place in ("", "src", "tests"))


def sources():
    for pattern in ("src/*.c", "src/*/*.[ch]", "state/*.[ch]", "config/*.[ch]", "oauth/*.[ch]"):
        yield from (os.path.relpath(p, ROOT) for p in glob.glob(os.path.join(ROOT, pattern)))


def paths_in(paragraph):
    """What a paragraph names: `src/model/` makes `flags.c` in the same paragraph src/model/flags.c."""
    names = FILE_NAME.findall(paragraph)
    folders = {os.path.dirname(n) for n in names} | {f.rstrip("/") for f in FOLDER_NAME.findall(paragraph)}
    for name in names:
        found = [os.path.join(folder, name) for folder in folders | {""} if exists(os.path.join(folder, name))]
        assert found, "README.md names %s, which does not exist" % name
        yield from found


def test_readme_names_files_that_exist():
    for paragraph in read("README.md").split("\n\n"):
        names = [n for n in FILE_NAME.findall(paragraph) if n.endswith((".c", ".h", ".py", ".sh"))]
        assert names == [] or list(paths_in(paragraph))


def test_readme_names_every_source_file():
    text = read("README.md").partition("## How it works")[2].partition("\n## ")[0]
    assert text, "README.md has no section 'How it works'"
    named = {path for paragraph in text.split("\n\n") for path in paths_in(paragraph)}
    assert sorted(set(sources()) - named) == []


def test_map_of_the_program_names_files_that_exist():
    text = read("src/main.c").partition("*/")[0]
    assert [n for n in FILE_NAME.findall(text) if not exists(n)] == []


def test_tests_readme_names_files_that_exist():
    named = [n for n in FILE_NAME.findall(read("tests/README.md")) if "/" in n]
    assert [n for n in named if not exists(n)] == []


def test_each_invariant_is_held_up_by_tests_that_exist():
    rows = re.findall(r"^\| (I\d) \|(.*)$", read("tests/README.md"), re.M)
    assert [name for name, _ in rows] == ["I%d" % n for n in range(1, 9)]
    for name, row in rows:
        tests = re.findall(r"`([\w/]+\.(?:py|c))::(test_\w+)`", row)
        assert len(tests) >= 2, name
        for file, test in tests:
            assert exists(file), (name, file)
            assert re.search(r"^(?:def|static void) %s\(" % test, read("tests/" + file), re.M), (name, file, test)


def documented_commands():
    text = read("man/godwit.1")
    section = re.split(r"\n\.S[hs] ", text.partition(".Sh COMMANDS")[2])[0]
    return set(re.findall(r"^\.It Cm (\w+)", section, re.M)) | set(re.findall(r"^\.It Xo\n\.Cm (\w+)", section, re.M))


def helped_commands():
    section = godwit("--help").partition("Commands")[2].lstrip(":\n")
    return set(re.findall(r"^  (\w+)", section.partition("\n\n")[0], re.M))


def test_commands_are_documented():
    assert documented_commands() == helped_commands()


def test_options_are_documented():
    text = read("man/godwit.1")
    for command in [()] + [(c,) for c in sorted(helped_commands())]:
        for option in re.findall(r"--([a-z-]+)", godwit(*command, "--help")):
            assert re.search(r"Fl -%s\b" % option, text), "%s --%s is not in godwit.1" % (" ".join(command), option)


def test_sample_loads():
    read("sample.yaml")
    assert godwit("-c", os.path.join(ROOT, "sample.yaml"), "config")


def test_documented_keys_stand_in_the_sample():
    sample = read("sample.yaml")
    keys = set(re.findall(r"^\.It Cm ([a-z_]+\.[a-z_]+)", read("man/godwit.yaml.5"), re.M))
    assert keys
    missing = [key for key in keys if not re.search(r"\b%s:" % key.split(".")[1], sample)]
    assert missing == []


def test_man_pages_are_well_formed():
    for page in glob.glob(os.path.join(ROOT, "man", "*.[15]")):
        text = read(page)
        assert text.count("\n.Bl") == text.count("\n.El"), page
        assert text.startswith(".Dd"), page

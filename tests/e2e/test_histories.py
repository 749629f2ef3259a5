"""Long random histories that mix everything: edits of both sides (edits.py) and passes that are killed, cut off, told to do
less, or run after a backup was put back (troubles.py). After each settled pass every body that nobody deleted is there, none
is there more often than the edits made it (fates.py), both sides are equal, and the next pass has nothing to do.

GODWIT_SEED=N repeats a history, GODWIT_ROUNDS=N makes it longer. A failure prints both, what was done last, and what befell
the messages that are wrong.
"""
import concurrent.futures
import os
import random
import shutil
import tempfile

import pytest

from conftest import run_server
from fates import Fates
from lanes import SOAK, memory
from mail import compose
from troubles import Troubles
from world import World

SERVERS = ("dovecot", "cyrus") if SOAK else ("dovecot",)
SEEDS = range(1, 201) if SOAK else range(1, 5)
ROUNDS = int(os.environ.get("GODWIT_ROUNDS", "8" if SOAK else "6"))
LAST = 40  # so many of the last notes are printed
SIDE_BY_SIDE = 2


@pytest.fixture(scope="module")
def server(request):
    how = {"folder": memory(), "extra": "verbose_proctitle = yes"} if request.param == "dovecot" else {}
    yield from run_server(request.param, **how)


def make_world(server, folder, seed, chance):
    """(World, another one of the same user or None)"""
    user, layout = "history%d" % seed, chance.choice(["nested", "nested", "maildir++"])
    world = World(server, folder, user, layout=layout)
    worlds = [world]
    if chance.random() < 0.15:
        worlds.append(World(server, folder, user, account="second", layout=chance.choice(["nested", "maildir++"])))
        world.neighbours.append(worlds[1])
    for one in worlds:
        one.settings["server"] = {"host": "localhost", "port": server.port, "tls": "none", "retry": "10s", "timeout": "30s"}
        one.settings["sync"] = {"max_delete": "100%"}
    return world, worlds[1] if worlds[1:] else None


def begin(troubles):
    for name in ("b", "c", "p/q"):
        troubles.world.there.create(name)
    for name in ("INBOX", "b", "c"):
        troubles.world.there.append_many(name, [(compose(), [], 1000 + n) for n in range(4)])
    troubles.run("sync")
    troubles.fates.begin(troubles.all("there"))


def play_round(troubles, number):
    troubles.note("--- round %d", number)
    troubles.some(1, 8)
    for _ in range(troubles.chance.choice([0, 0, 1, 1, 2, 3])):
        troubles.trouble()
        troubles.some(0, 4)
    troubles.settle()
    troubles.judge()


def play(server, seed, rounds=ROUNDS):
    chance, notes = random.Random(seed), []
    folder = tempfile.mkdtemp(prefix="godwit-history-", dir=memory())
    world, second = make_world(server, folder, seed, chance)
    try:
        troubles = Troubles(world, second, chance, Fates(), notes)
        begin(troubles)
        for number in range(rounds):
            play_round(troubles, number)
    except Exception as problem:
        raise AssertionError("GODWIT_SEED=%d GODWIT_ROUNDS=%d\n%s\n%s" % (
            seed, rounds, "\n".join(notes[-LAST:]), problem)) from problem
    finally:
        world.close()
        shutil.rmtree(folder, ignore_errors=True)
    return 1


def test_history(server, record_property):
    seeds = SEEDS if server.name == "dovecot" else SEEDS[::4]  # the others are slow
    seeds = [int(os.environ["GODWIT_SEED"])] if "GODWIT_SEED" in os.environ else seeds
    with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        played = [pool.submit(play, server, seed) for seed in seeds]
        try:
            problems = [one.exception() for one in concurrent.futures.as_completed(played)]
        finally:
            for one in played:
                one.cancel()
    record_property("cases", len(problems))
    wrong = [str(problem) for problem in problems if problem]
    assert not wrong, "%d of %d histories went wrong\n%s" % (len(wrong), len(problems), "\n\n".join(wrong))

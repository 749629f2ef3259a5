"""Pairing in bulk, as of mailboxes that hold too much to be paired at once, comes to the same end as the usual one, and
needs no more memory for it.
"""
import errno
import os

import pytest

import test_adoption as adoption
import test_pairing as pairing
from hugeserver import HugeServer
from lanes import run_cases, run_lanes, thin
from mail import SEEN, compose
from test_huge import MIB, SOAK, Account
from work import WORK
from world import CRASHING

BULK = {"GODWIT_BULK": "1", "GODWIT_BULK_WINDOW": "3"}  # in windows of three messages, however few there are


def in_bulk(world):
    world.program, world.environment = CRASHING, dict(BULK)
    return world


def test_it_is_in_bulk(world):
    in_bulk(world)
    bodies = adoption.fill_both(world, 10)
    for body in bodies[:7]:  # and others that are no pairs
        world.there.append("INBOX", compose())
        world.here.deliver("INBOX", compose(), "S")
    run = world.run("-v", "sync")
    assert "comparing 17 files with 17 messages" in run.err and "10 paired" in run.out, run
    world.assert_same()
    world.assert_noop()
    assert os.listdir(world.state).count("pairing.tmp") == 0


@pytest.mark.parametrize("same", [
    adoption.test_twins_pair_one_to_one, adoption.test_without_message_ids, adoption.test_crlf_files_are_adopted,
    adoption.test_missing_final_newline_counts_as_equal, adoption.test_flags_unite,
    adoption.test_trashed_on_one_side_only_is_not_carried, pairing.test_flags_and_date_dropped_on_upload,
], ids=lambda test: test.__name__)
def test_as_usual(world, same):
    same(in_bulk(world))


@pytest.mark.parametrize("same", [
    adoption.test_twins_pair_one_to_one, adoption.test_without_message_ids, adoption.test_crlf_files_are_adopted,
    adoption.test_missing_final_newline_counts_as_equal, adoption.test_flags_unite,
    pairing.test_flags_and_date_dropped_on_upload, pairing.test_upload_that_never_arrived_is_repeated,
], ids=lambda test: test.__name__)
def test_as_usual_behind_the_sieve(world, same):
    """Of very many new messages only those are compared whose size fits a file: here of any number."""
    world.program, world.environment = CRASHING, {"GODWIT_SIEVE": "0"}
    same(world)


@pytest.mark.parametrize("changes", [False, True])
def test_numbered_anew(world, changes):
    adoption.test_new_uidvalidity(in_bulk(world), changes)


def test_many_twins(world):
    """More than a window, with dates and flags by which they go together."""
    in_bulk(world)
    body = compose("twin")
    for number in range(10):
        world.there.append("INBOX", body, [SEEN] if number % 2 else [], 1000 + number)
    for number in reversed(range(8)):
        world.here.deliver("INBOX", body, "S" if number % 2 else None, 1000 + number)
    world.sync()
    world.assert_same()
    world.assert_noop()
    assert len(world.here.files("INBOX")) == 10


def test_two_files_with_one_base(world):
    """Both are messages of the server."""
    in_bulk(world)
    bodies = [compose() for _ in range(6)]
    for number, body in enumerate(bodies):
        world.there.append("INBOX", body, [SEEN], 1000)
        world.here.deliver("INBOX", body, "S" if number % 2 else "FS", 1000, base="same%d" % (number // 2))
    world.sync_same()
    assert len(world.there.messages("INBOX")) == 6 == len({file.base for file in world.here.files("INBOX")})


@pytest.fixture(scope="module")
def lanes():
    with run_lanes() as found:
        yield found


@pytest.mark.parametrize("work", [work for work in WORK if work.name in ("adoption", "renumbered", "lost_state")],
                         ids=lambda work: work.name)
def test_killed_or_disk_full_in_bulk(lanes, work, record_property):
    lanes[0].prepare(work)
    lanes[0].environment.update(BULK)
    assert lanes[0].disturbed().status == 0
    steps, *_ = lanes[0].counted()

    def one(lane, case):
        lane.environment.update(BULK)
        run = lane.disturbed(case)
        assert run.status in ((-9, 0) if "kill" in case else (0, 74)), run
        lane.assert_recovers()
        lane.assert_nothing_left()
        assert not os.path.exists(os.path.join(lane.state, "pairing.tmp"))
        return 1

    cases = thin(["kill %d" % n for n in range(1, steps + 1)], 10 ** 6 if SOAK else 15)
    cases += thin(["fail %d %d" % (n, errno.ENOSPC) for n in range(1, steps + 1)], 10 ** 6 if SOAK else 10)
    run_cases(lanes, work, cases, one, record_property)


# ---- more that moved here than is held at once ----

MOVES = {"GODWIT_MOVES": "3"}


def moving(world, count=10):
    """A mailbox of COUNT messages, some of them equal, and one that is empty, on both sides."""
    world.program, world.environment = CRASHING, dict(MOVES)
    for name in ("old", "other"):
        world.there.create(name)
    twin = compose("twin")
    world.there.append_many("old", [(twin if n < 2 else compose(), [SEEN], 1500000000 + n) for n in range(count)])
    world.sync_same()


def assert_moved(world, count, **others):
    summary = world.sync("--json").summary()
    found = {name: summary[name] for name in ("appended", "fetched", "deleted_there", "deleted_here")}
    assert summary["moved_there"] == count, summary
    assert found == {"appended": 0, "fetched": 0, "deleted_there": 0, "deleted_here": 0, **others}, summary
    world.assert_same()
    world.assert_noop()


def test_renamed_here(world):
    moving(world)
    os.rename(world.here.folder("old"), world.here.folder("new"))
    plan = world.run("plan").out
    assert plan.count("moved here from old") == 10 and "append" not in plan, plan
    assert_moved(world, 10)


def test_moved_here_among_new_ones(world):
    """Two of them are new, and two were deleted."""
    moving(world)
    for file in world.here.files("old")[:2]:
        world.here.remove(file)
    for file in world.here.files("old"):
        os.rename(file.path, os.path.join(world.here.folder("other"), "cur", file.name))
    for _ in range(2):
        world.here.deliver("other", compose(), "S")
    assert_moved(world, 8, appended=2, deleted_there=2)


def test_moved_here_under_other_names(world):
    """By their contents only as many are recognised as are held; the others are copied."""
    moving(world)
    for number, file in enumerate(world.here.files("old")):
        os.rename(file.path, os.path.join(world.here.folder("other"), "cur", "renamed.%d:2,S" % number))
    assert_moved(world, 3, appended=7, deleted_there=7)


# ---- how much memory ----

def write_files(account, server, name, count):
    folder = account.here.folder(name)
    for part in ("cur", "new", "tmp"):
        os.makedirs(os.path.join(folder, part))
    for uid in range(1, count + 1):
        with open(os.path.join(folder, "cur", "1600000000.M%dP1.bulk:2,S" % uid), "wb") as file:
            file.write(server.head(uid).replace(b"\r\n", b"\n"))


def peak(tmp_path, count):
    """KiB of a pass that adopts so many messages, while something may have moved from elsewhere, so that nothing new is
    copied before all is known."""
    with HugeServer({"INBOX": 3}) as server:
        account = Account(server, tmp_path / str(count))
        account.program, account.environment = CRASHING, {"GODWIT_BULK": "1000"}
        account.sync()
        account.here.remove(account.here.files("INBOX")[0])
        server.mailboxes["Big"] = count
        write_files(account, server, "Big", count)
        run = account.sync("--json", expect=None)
        summary = run.summary()
        assert (summary["adopted"], summary["fetched"], summary["appended"]) == (count, 0, 0), run
        return run.peak_kib


@pytest.mark.plain_build
def test_memory_of_an_existing_maildir(tmp_path):
    """Both are more than a look holds."""
    if SOAK:
        assert peak(tmp_path, 1000000) <= 64 * MIB
        return
    small, big = peak(tmp_path, 20500), peak(tmp_path, 28000)
    assert big - small < 2 * MIB, (small, big)

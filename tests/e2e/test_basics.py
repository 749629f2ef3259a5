"""First passes, and each kind of change carried from either side to the other."""
import itertools
import os

import pytest

from mail import ANSWERED, DELETED, DRAFT, FLAGGED, FORWARDED, LETTERS, SEEN, compose
from servers import EVERYWHERE

SERVERS = EVERYWHERE

LETTER_SETS = ["".join(c) for n in range(7) for c in itertools.combinations("DFPRST", n)]


def flags_of(letters):
    return [LETTERS[letter] for letter in letters]


def test_first_pull(layout_world):
    w = layout_world
    for number in range(30):
        w.there.append("INBOX", compose(), [SEEN] if number % 2 else [], 1500000000 + number)
    w.there.create("Archive/2024")
    w.there.append("Archive/2024", compose(), [FLAGGED, SEEN], 1)
    w.sync_same()


def test_first_push(layout_world):
    w = layout_world
    for number in range(30):
        w.here.deliver("INBOX", compose(), None if number % 2 else "S", 1500000000 + number)
    w.here.deliver("Archive/2024", compose(), "FS", 1)
    w.sync_same()


def test_first_pass_over_nothing(layout_world):
    layout_world.sync_same()


def test_unseen_goes_to_new_without_info(world):
    world.there.append("INBOX", compose("unseen"))
    world.there.append("INBOX", compose("read"), [SEEN])
    world.there.append("INBOX", compose("flagged"), [FLAGGED])
    world.sync_same()
    where = {file.name: file.where for file in world.here.files("INBOX")}
    assert sorted(where.values()) == ["cur", "cur", "new"]
    assert all((":2," in name) == (place == "cur") for name, place in where.items())


def test_flagged_but_not_read(world):
    """mutt leaves such a file in new/ and gives it the letter there."""
    world.there.append("INBOX", compose("known"))
    world.sync()
    (known,) = world.here.files("INBOX")
    os.rename(known.path, known.path + ":2,F")
    world.here.deliver("INBOX", compose("unknown"), "F")
    (unknown,) = [file for file in world.here.files("INBOX") if file.where == "cur"]
    os.rename(unknown.path, os.path.join(unknown.folder, "new", unknown.name))
    world.sync_same()
    assert [(file.where, file.letters) for file in world.here.files("INBOX")] == [("new", "F"), ("new", "F")]
    assert set(world.there.flags("INBOX").values()) == {frozenset([FLAGGED.lower()])}
    world.assert_noop()
    world.there.store("INBOX", world.there.uids("INBOX"), "+FLAGS", [ANSWERED])
    world.sync_same()
    assert [(file.where, file.letters) for file in world.here.files("INBOX")] == [("cur", "FR"), ("cur", "FR")]


@pytest.mark.needs("keywords")
def test_a_name_never_changes_its_base(world):
    uid = world.there.append("INBOX", compose())
    world.sync()
    base = world.here.files("INBOX")[0].base
    for flags in ([SEEN], [SEEN, FLAGGED], [], [ANSWERED, "word"]):
        world.there.store("INBOX", uid, "FLAGS", flags)
        world.sync_same()
        assert world.here.files("INBOX")[0].base == base


@pytest.mark.needs("keywords")
def test_every_flag_combination_pulled(world):
    world.there.append_many("INBOX", [(compose(), flags_of(s), 1000) for s in LETTER_SETS])
    world.sync_same()
    assert sorted(f.letters for f in world.here.files("INBOX")) == sorted(LETTER_SETS)


@pytest.mark.needs("keywords")
def test_every_flag_combination_pushed(world):
    for letters in LETTER_SETS:
        world.here.deliver("INBOX", compose(), letters, 1000)
    world.sync_same()


@pytest.mark.needs("keywords")
@pytest.mark.parametrize("first, second", [("", "DFPRST"), ("DFPRST", ""), ("FS", "PR"), ("T", "D")])
def test_flags_change_both_ways(world, first, second):
    there = world.there.append("INBOX", compose("changed there"), flags_of(first))
    world.there.append("INBOX", compose("changed here"), flags_of(first))
    world.sync()
    world.there.store("INBOX", there, "FLAGS", flags_of(second))
    world.here.flag([f for f in world.here.files("INBOX") if b"changed here" in f.body()][0], second)
    world.sync_same()
    assert {f.letters for f in world.here.files("INBOX")} == {"".join(sorted(second))}


@pytest.mark.needs("keywords")
def test_all_flag_changes_one_by_one(world):
    """From each of 64 sets of flags to its complement, half of them on each side."""
    bodies = [compose() for _ in LETTER_SETS]
    uids = world.there.append_many("INBOX", [(b, flags_of(s), 5) for b, s in zip(bodies, LETTER_SETS)])
    world.sync()
    files = {f.body(): f for f in world.here.files("INBOX")}
    for number, (body, uid, letters) in enumerate(zip(bodies, uids, LETTER_SETS)):
        complement = "".join(sorted(set("DFPRST") - set(letters)))
        if number % 2:
            world.there.store("INBOX", uid, "FLAGS", flags_of(complement))
        else:
            world.here.flag(files[body], complement)
    world.sync_same()


def test_flags_changed_on_both_sides_unite_bit_by_bit(world):
    uid = world.there.append("INBOX", compose(), [SEEN, FLAGGED])
    world.sync()
    world.there.store("INBOX", uid, "FLAGS", [SEEN, FLAGGED, ANSWERED])  # answered there
    world.here.flag(world.here.files("INBOX")[0], "DS")  # draft, and flagged no more, here
    world.sync_same()
    assert world.here.files("INBOX")[0].letters == "DRS"


@pytest.mark.needs("keywords")
def test_keywords_both_ways(world):
    there = world.there.append("INBOX", compose("there"), ["alpha", SEEN])
    world.there.append("INBOX", compose("here"), [SEEN, "beta"])
    world.sync_same()
    letters = {word: letter for letter, word in world.here.letters("INBOX").items()}
    assert {"alpha", "beta"} == set(letters)

    world.there.store("INBOX", there, "+FLAGS", ["beta", "gamma"])
    here = [f for f in world.here.files("INBOX") if b"Subject: here" in f.body()][0]
    world.here.flag(here, "S" + letters["alpha"])
    world.sync_same()


@pytest.mark.needs("keywords")
def test_keyword_table_written_by_another_program(world):
    world.here.create("INBOX")
    world.here.write_letters("INBOX", ["zulu", "yankee"])
    world.here.deliver("INBOX", compose(), "Sb")
    world.sync_same()
    assert [m.flags for m in world.there.messages("INBOX").values()] == [{"\\seen", "yankee"}]
    world.there.append("INBOX", compose(), ["zulu", "xray"])
    world.sync_same()
    assert world.here.letters("INBOX")["a"] == "zulu" and world.here.letters("INBOX")["b"] == "yankee"


@pytest.mark.needs("keywords")
def test_keyword_case(world):
    world.there.append("INBOX", compose(), ["Work"])
    world.sync()
    world.there.append("INBOX", compose(), ["WORK"])
    world.sync_same()
    assert len(world.here.letters("INBOX")) == 1


@pytest.mark.needs("keywords")
def test_more_than_26_keywords(world):
    words = ["word%02d" % n for n in range(40)]
    uids = [world.there.append("INBOX", compose(), [w]) for w in words]
    world.sync()
    table = world.here.letters("INBOX")
    assert len(table) == 26
    # What found no letter is not removed there, neither now nor with another flag's change.
    for file in world.here.files("INBOX"):
        world.here.flag(file, set(file.letters) | {"S"})
    world.sync()
    flags = world.there.flags("INBOX")
    assert [flags[u] for u in uids] == [{"\\seen", w} for w in words]
    world.assert_noop()


def test_deletions_both_ways(world):
    uids = [world.there.append("INBOX", compose()) for _ in range(10)]
    world.sync()
    kept = world.here.files("INBOX")
    world.there.expunge("INBOX", uids[:3])
    for file in [f for f in kept if f.message() in world.there.messages("INBOX").values()][:3]:
        world.here.remove(file)
    world.sync_same()
    assert len(world.here.files("INBOX")) == 4


def test_deleted_on_both_sides(world):
    uid = world.there.append("INBOX", compose())
    world.sync()
    world.there.expunge("INBOX", uid)
    world.here.remove(world.here.files("INBOX")[0])
    world.sync_same()
    assert world.here.files("INBOX") == []


def test_deleted_there_and_flagged_here(world):
    uid = world.there.append("INBOX", compose())
    world.sync()
    world.there.expunge("INBOX", uid)
    world.here.flag(world.here.files("INBOX")[0], "F")
    world.sync_same()
    assert world.here.files("INBOX") == []


def test_flagged_there_and_deleted_here(world):
    uid = world.there.append("INBOX", compose())
    world.sync()
    world.there.store("INBOX", uid, "+FLAGS", [FLAGGED])
    world.here.remove(world.here.files("INBOX")[0])
    world.sync_same()
    assert world.there.messages("INBOX") == {}


@pytest.mark.needs("keywords")
def test_all_kinds_of_changes_at_once(layout_world):
    w = layout_world
    uids = w.there.append_many("INBOX", [(compose(), [], 1000 + n) for n in range(60)])
    w.sync()
    files = w.here.files("INBOX")
    by_body = {f.message().body: f for f in files}
    messages = w.there.messages("INBOX")
    w.there.expunge("INBOX", uids[:5])
    w.there.store("INBOX", uids[5:10], "+FLAGS", [SEEN, "seen-there"])
    for uid in uids[10:15]:
        w.here.remove(by_body[messages[uid].body])
    for uid in uids[15:20]:
        w.here.flag(by_body[messages[uid].body], "FS")
    for number in range(5):
        w.there.append("INBOX", compose(), [ANSWERED])
        w.here.deliver("INBOX", compose(), "D")
    w.there.create("made there")
    w.here.deliver("made here", compose())
    w.sync_same()
    assert len(w.here.files("INBOX")) == 60


@pytest.mark.needs("keywords")
def test_moved_by_the_server(world):
    uid = world.there.append("INBOX", compose("moved"), [SEEN, "word"], 77)
    world.there.create("Archive")
    world.sync()
    world.there.move("INBOX", uid, "Archive")
    world.sync_same()
    assert len(world.here.files("Archive")) == 1 and not world.here.files("INBOX")


def test_moved_here(world):
    world.there.append("INBOX", compose("moved"), [SEEN], 77)
    world.there.create("Archive")
    world.sync()
    file = world.here.files("INBOX")[0]
    os.rename(file.path, os.path.join(world.here.folder("Archive"), "cur", file.name))
    world.sync_same()
    assert len(world.there.messages("Archive")) == 1 and not world.there.messages("INBOX")


def test_renamed_by_a_mail_reader(world):
    """A reader may give a file another base: nothing is sent, nothing is lost."""
    world.there.append("INBOX", compose(), [SEEN])
    world.sync()
    before = world.there.snapshot()
    file = world.here.files("INBOX")[0]
    os.rename(file.path, os.path.join(file.folder, "cur", "1700000000.renamed.host:2,S"))
    world.sync_same()
    assert world.there.snapshot() == before


def test_copied_here(world):
    world.there.append("INBOX", compose(), [SEEN])
    world.sync()
    file = world.here.files("INBOX")[0]
    world.here.deliver("INBOX", file.body(), "S", file.mtime)
    world.sync_same()
    assert len(world.there.messages("INBOX")) == 2


DAY = 86400
DATES = [0, 1, DAY - 1, 951782400, 1000000000, 1078012800, 1582934400, 1600000000, 1700000001]


@pytest.mark.needs("dates")
def test_dates_pulled(world):
    for number, date in enumerate(DATES):
        for zone in (0, 330, -570, 840, -720):
            world.there.append("INBOX", compose(), [], date + DAY, zone=zone)
    world.sync_same()


@pytest.mark.needs("dates")
def test_dates_pushed(world):
    for date in DATES[world.traits.first_date:]:
        world.here.deliver("INBOX", compose(), "S", date)
    world.sync_same()


@pytest.mark.needs("dates")
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "America/St_Johns", "Asia/Kolkata"])
def test_dates_do_not_depend_on_the_time_zone(world, zone):
    world.environment["TZ"] = zone
    world.here.deliver("INBOX", compose(), "S", 1711846800)
    world.there.append("INBOX", compose(), [], 1711846800)
    world.sync_same()


@pytest.mark.needs("keywords")
def test_draft_deleted_and_forwarded_survive(world):
    world.there.append("INBOX", compose(), [DRAFT, DELETED, FORWARDED])
    world.sync_same()
    assert world.here.files("INBOX")[0].letters == "DPT"

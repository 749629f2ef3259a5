"""`plan` says what `sync` then does, and changes nothing anywhere."""
import collections
import os

import pytest

from mail import ANSWERED, SEEN, compose
from servers import EVERYWHERE

SERVERS = EVERYWHERE


def changed_world(world):
    """A World in which each kind of operation is due."""
    w = world
    uids = [w.there.append("INBOX", compose(), [], 1000 + n) for n in range(12)]
    w.there.create("Archive")
    w.sync()
    messages = w.there.messages("INBOX")
    by_body = {f.message().body: f for f in w.here.files("INBOX")}

    def file_of(uid):
        return by_body[messages[uid].body]

    w.there.expunge("INBOX", uids[0])
    w.here.remove(file_of(uids[1]))
    w.there.store("INBOX", uids[2], "+FLAGS", [SEEN])
    w.here.flag(file_of(uids[3]), "S")
    w.there.append("INBOX", compose("new there"))
    w.there.append("Archive", compose("new there"))
    w.here.deliver("INBOX", compose("new here"))
    w.here.deliver("new box", compose("in a new mailbox"))
    w.there.store("INBOX", uids[4], "+FLAGS", [ANSWERED])
    return w


def state_bytes(world):
    found = {}
    for folder, _, files in os.walk(world.state):
        for name in files:
            if "lock" not in name:
                with open(os.path.join(folder, name), "rb") as file:
                    found[name] = file.read()
    return found


def test_plan_changes_nothing(world):
    w = changed_world(world)
    there, here, state = w.there.snapshot(), w.here.snapshot(), state_bytes(w)
    bodies = w.there.all()
    w.run("plan")
    w.run("plan", "--json")
    assert w.there.snapshot() == there
    assert w.there.all() == bodies
    assert w.here.snapshot() == here
    assert state_bytes(w) == state
    w.sync_same()


def test_plan_before_the_first_pass_changes_nothing(world):
    world.there.append("INBOX", compose())
    world.there.create("box")
    run = world.run("plan")
    assert "INBOX" in run.out
    assert not os.path.exists(world.here.root) or not os.listdir(world.here.root)
    world.sync_same()


@pytest.mark.needs("says_gone")
def test_plan_counts_mailboxes_to_delete(world):
    world.there.create("gone")
    world.sync()
    world.there.delete("gone")
    run = world.run("plan")
    assert "gone on the server: deleted here" in run.out and "1 mailbox to delete" in run.out, run
    assert world.run("plan", "--json").summary()["boxes_to_delete"] == 1


def test_plan_counts_what_sync_does(world):
    w = changed_world(world)
    plan = w.run("plan", "--json")
    operations = [o for o in plan.json() if o["event"] == "operation"]
    counted = collections.Counter(o["operation"] for o in operations)
    summary = plan.summary()
    assert {k: n for k, n in summary["operations"].items() if n} == dict(counted), plan
    assert summary["boxes_to_make"] == 1
    done = w.sync("--json").summary()
    assert done["fetched"] == 2 and done["appended"] == 2, done
    assert done["deleted_here"] == 1 and done["deleted_there"] == 1, done
    assert done["flags_here"] == 2 and done["flags_there"] == 1, done
    only_in_the_state = ("refresh", "agree", "forget", "keep")
    assert sum(n for kind, n in counted.items() if kind not in only_in_the_state) == 9, plan
    w.assert_same()


def test_every_operation_has_a_reason(world):
    w = changed_world(world)
    for operation in [o for o in w.run("plan", "--json").json() if o["event"] == "operation"]:
        assert operation["reason"] and operation["account"] == "acc" and operation["mailbox"], operation
        assert operation["uid"] or operation["file"], operation


def test_nothing_to_plan(world):
    world.there.append("INBOX", compose())
    world.sync()
    run = world.run("plan", "--json")
    assert [o for o in run.json() if o["event"] == "operation"] == []

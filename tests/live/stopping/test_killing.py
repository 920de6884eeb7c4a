"""Kill: latch, process, venue, whatever of them fails; twice is once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from autarch.errors import ConfigError, VenueError
from live.journal import Draft, Journal
from live.stopping.killing import Kill
from live.stopping.latch import FileLatch
from live.stopping.process import Identity, end, hold, holder, identity_text, is_alive, own_identity, parse_identity
from live.stopping.record import KillRecord

from .fake_venue import FakeVenue, on_virtual_time

ROOT = Path(__file__).resolve().parents[3]


class Stands:
    def now_ms(self):
        return 1_000


@contextmanager
def executor(lock, *arguments):
    """A real process that holds the lock; ended with the block."""
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("holder_process.py")), str(lock), *arguments],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout.readline() == b"held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


class Desk:
    def __init__(self, folder, venue):
        self.folder, self.venue, self.told = folder, venue, []
        self.journal = folder / "journal" / "paper.sqlite3"
        self.journal.parent.mkdir(exist_ok=True)
        self.latch = FileLatch(path=folder / "latch.json", account="paper")
        self.record_path = folder / "kills" / "1.json"

    def kill(self, *, run="1"):
        async def open_venue():
            if isinstance(self.venue, Exception):
                raise self.venue
            return self.venue

        record = KillRecord(
            path=self.record_path, account="paper", by="kill", who="ann", why="drill", clock=Stands(),
            tell=self.told.append,
        )  # fmt: skip
        kill = Kill(
            account="paper", journal=self.journal, latch=self.latch, record=record, open_venue=open_venue, run=run
        )
        return on_virtual_time(kill.carry_out())[0]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path, FakeVenue(sizes={"BTCUSDT": Decimal(2)}))


def lock_of(desk):
    return desk.journal.with_name(desk.journal.name + ".lock")


def test_without_an_executor_it_latches_and_flattens(desk):
    killed = desk.kill()

    assert killed.done
    assert killed.executor == "absent"
    assert desk.venue.sizes == {"BTCUSDT": 0}
    assert desk.venue.closed
    assert str(desk.latch.read().blocks("BTCUSDT")) == "the account halted by kill (ann): drill"


def test_an_executor_that_is_stopped_by_a_signal_is_ended_all_the_same(desk):
    with executor(lock_of(desk)) as process:
        process.send_signal(signal.SIGSTOP)

        killed = desk.kill()

        assert process.wait(timeout=60) == -signal.SIGKILL
    assert killed.done
    assert killed.executor == "ended"
    assert desk.venue.sizes == {"BTCUSDT": 0}


def test_an_executor_whose_lock_is_not_signed_is_found_by_the_kernel(desk):
    with executor(lock_of(desk), "unsigned") as process:
        killed = desk.kill()

        assert process.wait(timeout=60) == -signal.SIGKILL
    assert killed.executor == "ended"


def test_the_lock_is_held_while_the_account_is_flattened_and_free_afterwards(desk):
    seen = []
    snapshot = desk.venue.snapshot

    async def look(symbols):
        seen.append(hold(lock_of(desk), role=None))
        return await snapshot(symbols)

    desk.venue.snapshot = look

    desk.kill()

    assert seen
    assert set(seen) == {None}
    free = hold(lock_of(desk), role=None)
    assert free is not None
    free.release()


def test_killing_twice_is_killing_once(desk):
    first, placed = desk.kill(), list(desk.venue.calls)
    latched = desk.latch.read()
    second = desk.kill(run="2")

    assert first.done
    assert second.done
    assert desk.venue.calls == placed
    assert desk.latch.read() == latched


def test_beside_another_kill_it_flattens_without_ending_that_one(desk):
    mine = hold(lock_of(desk), role="kill")

    killed = desk.kill()

    assert killed.done
    assert any("another kill" in line for line in desk.told)
    mine.release()


def test_an_order_whose_answer_was_never_written_is_waited_for(desk):
    body = {"order_link_id": "at-1", "symbol": "ETHUSDT", "sent_ms": 0, "qty": "1"}
    with Journal(desk.journal, account="paper") as journal:
        journal.append([Draft(time_ms=0, kind="intent", ref="at-1", body=body)])
    desk.venue.late = [(3_000, "at-1", "ETHUSDT", Decimal(1))]

    killed = desk.kill()

    assert killed.done
    assert "settle at-1" in desk.venue.calls
    assert desk.venue.sizes == {"BTCUSDT": 0, "ETHUSDT": 0}


INTENT = {"order_link_id": "at-1", "symbol": "ETHUSDT", "sent_ms": 0, "qty": "1"}
FILL = {"order_link_id": "at-1", "symbol": "ETHUSDT", "exec_type": "Trade"}


@pytest.mark.parametrize(
    ("rest", "settled"),
    [
        ([], True),
        ([("ack", "at-1", {})], True),
        ([("ack", "at-1", {}), ("execution", "e1", {**FILL, "qty": "0.4"})], True),
        ([("execution", "e1", {**FILL, "qty": "0.4"}), ("execution", "e2", {**FILL, "qty": "0.6"})], False),
        ([("execution", "e1", {**FILL, "order_link_id": "at-2", "qty": "1"})], True),
        ([("ack", "at-1", {}), ("done", "at-1", {})], False),
        ([("rejected", "at-1", {})], False),
        ([("missed", "at-1", {})], False),
        ([("resent", "at-1", {"sent_ms": 9})], True),
    ],
)
def test_an_order_is_settled_until_the_journal_tells_its_end(desk, rest, settled):
    drafts = [
        Draft(time_ms=0, kind=kind, ref=ref, body=body) for kind, ref, body in [("intent", "at-1", INTENT), *rest]
    ]
    with Journal(desk.journal, account="paper") as journal:
        journal.append(drafts)

    assert desk.kill().done
    assert ("settle at-1" in desk.venue.calls) is settled


def test_a_broken_journal_is_said_and_the_account_flattened_all_the_same(desk):
    desk.journal.write_bytes(b"no database" * 1000)

    killed = desk.kill()

    assert killed.done
    assert any("what was in flight is not known" in problem for problem in killed.problems)


def test_a_journal_of_another_shape_is_as_unknown_as_none(desk):
    with Journal(desk.journal, account="paper") as journal:
        journal.append([Draft(time_ms=0, kind="intent", ref="at-1", body={"sent_ms": "soon"})])

    killed = desk.kill()

    assert killed.done
    assert any("what was in flight is not known" in problem for problem in killed.problems)


def test_a_bug_on_the_way_is_told_of_with_latch_and_record_in_place(desk):
    async def broken(_symbols):
        raise KeyError("positionIdx")

    desk.venue.snapshot = broken

    killed = desk.kill()

    assert not killed.done
    assert killed.latched
    assert any("close the positions by hand: KeyError('positionIdx')" in problem for problem in killed.problems)
    assert json.loads(desk.record_path.read_text())["outcome"]["done"] is False


def test_a_latch_that_cannot_be_written_leaves_the_kill_undone_but_the_account_flat(desk, tmp_path):
    desk.latch = FileLatch(path=tmp_path / "gone" / "latch.json", account="paper")

    killed = desk.kill()

    assert desk.venue.sizes == {"BTCUSDT": 0}
    assert not killed.done
    assert any("a restart would trade again" in problem for problem in killed.problems)


def test_a_record_that_cannot_be_written_holds_nothing_up(desk):
    desk.record_path.parent.write_bytes(b"a file where the folder should be")

    killed = desk.kill()

    assert killed.done
    assert any("the record is not on disk" in problem for problem in killed.problems)


@pytest.mark.parametrize("error", [VenueError("nobody answers"), ConfigError("no kill key")])
def test_without_a_venue_the_executor_is_ended_and_the_rest_is_said(desk, error):
    desk.venue = error

    with executor(lock_of(desk)) as process:
        killed = desk.kill()

        assert process.wait(timeout=60) == -signal.SIGKILL
    assert not killed.done
    assert killed.latched
    assert any("could not be reached with the kill key" in problem for problem in killed.problems)


def test_the_record_says_every_step_and_how_it_ended(desk):
    desk.kill()

    record = json.loads(desk.record_path.read_text())

    assert [step["what"].split(":")[0] for step in record["steps"]] == ["set the halt latch", "close BTCUSDT"]
    assert record["outcome"]["done"] is True
    assert record["outcome"]["before"] == {"BTCUSDT": "2"}
    assert (record["who"], record["why"], record["by"]) == ("ann", "drill", "kill")


def test_a_pid_that_is_used_again_is_not_hit(tmp_path):
    with executor(tmp_path / "lock") as process:
        signed = holder(tmp_path / "lock")
        assert signed is not None
        earlier = Identity(
            pid=signed.pid, started=signed.started - 1, boot=signed.boot, host=signed.host, role="executor"
        )
        before_boot = Identity(pid=signed.pid, started=signed.started, boot="x", host=signed.host, role="executor")

        assert end(earlier, wait_s=0.0) == "absent"
        assert end(before_boot, wait_s=0.0) == "elsewhere"
        assert process.poll() is None
        assert is_alive(signed)
        assert not is_alive(earlier)


def test_the_identity_in_a_lock_file_is_the_process_that_wrote_it():
    assert parse_identity(identity_text("executor")) == own_identity("executor")
    assert is_alive(own_identity("kill"))
    assert own_identity("kill").pid == os.getpid()
    assert parse_identity(b"") is None
    assert parse_identity(b'{"pid": "1"}') is None


def test_a_lock_that_nobody_holds_has_no_holder(tmp_path):
    assert holder(tmp_path / "lock") is None

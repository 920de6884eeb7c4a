"""The latch: set by anybody, released by a human alone, and a halt whenever it cannot be read."""

from __future__ import annotations

import json
from multiprocessing import get_context

import pytest

from autarch.errors import ConfigError
from live.stopping.latch import FileLatch, Halted, Latched, MemoryLatch, Release
from live.stopping.places import Places

ALL = Halted(by="human", who="ann", why="drill", at_ms=1)
ONE = Halted(by="executor", who="host", why="position differs", at_ms=2, symbol="BTCUSDT")
LEAVE = Release(start="flat", who="ann", at_ms=3)


@pytest.fixture(params=["file", "memory"])
def latch(request, tmp_path):
    if request.param == "memory":
        return MemoryLatch()
    return FileLatch(path=tmp_path / "latch.json", account="paper")


def test_no_latch_blocks_nothing(latch):
    assert latch.read() == Latched()
    assert latch.read().blocks("BTCUSDT") is None
    assert latch.read().blocks("") is None


def test_an_account_halt_blocks_every_symbol_and_a_symbol_halt_its_own(latch):
    latch.halt(ONE)
    assert latch.read().blocks("BTCUSDT") == "BTCUSDT halted by executor (host): position differs"
    assert latch.read().blocks("ETHUSDT") is None
    assert latch.read().blocks("") is None

    latch.halt(ALL)
    assert latch.read().blocks("ETHUSDT") == "the account halted by human (ann): drill"


def test_a_release_in_waiting_lifts_nothing_until_it_is_carried_out(latch):
    latch.halt(ALL)
    latch.ask(LEAVE)

    assert latch.read().release == LEAVE
    assert latch.read().blocks("BTCUSDT") is not None

    assert latch.released(LEAVE)
    assert latch.read() == Latched()


def test_a_halt_that_comes_while_a_release_waits_voids_it(latch):
    latch.halt(ALL)
    latch.ask(LEAVE)
    latch.halt(ONE)

    assert latch.read().release is None
    assert not latch.released(LEAVE)
    assert latch.read().halts == (ALL, ONE)


def test_the_same_halt_again_voids_the_release_and_adds_no_line(latch):
    latch.halt(ALL)
    latch.ask(LEAVE)
    latch.halt(Halted(by="human", who="ann", why="again", at_ms=9))

    assert latch.read() == Latched(halts=(ALL,))


def test_a_release_other_than_the_one_asked_for_releases_nothing(latch):
    latch.halt(ALL)
    latch.ask(LEAVE)

    assert not latch.released(Release(start="adopt", who="ann", at_ms=3, seen="x"))
    assert latch.read().blocks("") is not None


def test_a_release_that_was_refused_is_taken_back_and_the_halt_stays(latch):
    latch.halt(ALL)
    latch.ask(LEAVE)

    latch.withdraw(Release(start="flat", who="bob", at_ms=4))
    assert latch.read().release == LEAVE
    latch.withdraw(LEAVE)

    assert latch.read() == Latched(halts=(ALL,))


def test_a_label_that_stays_on_writes_the_file_once(tmp_path):
    latch = FileLatch(path=tmp_path / "latch.json", account="paper")
    latch.halt(ALL)
    before = latch.path.stat().st_ino

    latch.halt(ALL)

    assert latch.path.stat().st_ino == before


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff", b"[]", b'{"schema":2,"account":"paper","halts":[],"release":null}',
     b'{"schema":1,"account":"other","halts":[],"release":null}',
     b'{"schema":1,"account":"paper","halts":[],"release":null,"more":1}', b" " * (1 << 21)],
)  # fmt: skip
def test_a_file_that_is_no_latch_of_ours_halts_the_account(tmp_path, content):
    latch = FileLatch(path=tmp_path / "latch.json", account="paper")
    latch.path.write_bytes(content)

    assert "is not a latch of ours" in latch.read().blocks("")


def test_a_latch_that_may_not_be_read_halts(tmp_path):
    latch = FileLatch(path=tmp_path / "latch.json", account="paper")
    latch.path.mkdir()

    assert "cannot be read" in latch.read().blocks("BTCUSDT")


def test_a_latch_that_cannot_be_written_says_so(tmp_path):
    with pytest.raises(ConfigError, match="cannot write the latch"):
        FileLatch(path=tmp_path / "absent" / "latch.json", account="paper").halt(ALL)


def test_a_human_can_read_the_file(tmp_path):
    latch = FileLatch(path=tmp_path / "latch.json", account="paper")
    latch.halt(ALL)

    assert json.loads(latch.path.read_text())["halts"] == [
        {"by": "human", "who": "ann", "why": "drill", "at_ms": 1, "symbol": ""}
    ]


def _halt_often(path, who):
    latch = FileLatch(path=path, account="paper")
    for number in range(10):
        latch.halt(Halted(by="phone", who=f"{who}-{number}", why="", at_ms=0))


def test_halts_of_several_processes_are_all_kept(tmp_path):
    context = get_context("fork")
    writers = [context.Process(target=_halt_often, args=(tmp_path / "latch.json", n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    found = FileLatch(path=tmp_path / "latch.json", account="paper").read()

    assert {halted.who for halted in found.halts} == {f"{n}-{k}" for n in range(3) for k in range(10)}


def test_an_account_name_cannot_lead_out_of_the_folder(tmp_path):
    from autarch.errors import UsageError

    with pytest.raises(UsageError, match="no account's name"):
        Places(root=tmp_path, account="../other")

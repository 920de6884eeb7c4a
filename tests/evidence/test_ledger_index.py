"""What was read of a ledger is kept beside the cache: faster, and never another answer."""

from __future__ import annotations

import gc
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from autarch.errors import UndecidedError
from autarch.evidence import ledger_index
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_index import LedgerIndex

from .test_ledger import key, ledger, new_repo, repo, reservation, result, trust

DAMAGED = r"is damaged .* has been removed; run it again"

__all__ = ["key", "ledger", "repo", "trust"]


@pytest.fixture(autouse=True)
def small(monkeypatch, tmp_path):
    """Keep from the third entry on, in a cache of this test's own."""
    monkeypatch.setattr(ledger_index, "KEPT_FROM", 3)
    monkeypatch.setattr(ledger_index, "BUSY_S", 0.0)
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def files(tmp_path):
    return lambda: sorted((tmp_path / "cache").glob("ledgers/*.sqlite3"))


def new_clone(repo):
    """Return the same objects under a path whose ledger nobody has read."""
    other = new_repo(repo.path.with_name("clone"))
    other.run("fetch", "--quiet", str(repo.path), "refs/heads/*:refs/heads/*")
    return other


def grow(ledger, key, count, *, start=1):
    return [ledger.append(reservation(number), key=key) for number in range(start, start + count)]


def read(repo, trust, **arguments):
    return Ledger(repo, trust=trust).entries(**arguments)


def damage(kept, name):
    """Overwrite the page in which one table or index of a kept file begins."""
    with closing(sqlite3.connect(kept)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page_bytes,) = database.execute("PRAGMA page_size").fetchone()
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
    content = bytearray(kept.read_bytes())
    content[(page - 1) * page_bytes : page * page_bytes] = b"\xa5" * page_bytes
    kept.write_bytes(bytes(content))


def test_a_small_ledger_leaves_no_file(repo, trust, ledger, key, files):
    grow(ledger, key, 2)
    assert len(read(repo, trust)) == 2

    assert files() == []


def test_a_kept_ledger_reads_as_one_that_never_was(repo, trust, ledger, key, monkeypatch):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    grown += grow(ledger, key, 3, start=5)

    assert read(repo, trust) == tuple(grown)
    assert read(repo, trust, head=grown[1].commit) == tuple(grown[:2])
    monkeypatch.setattr(ledger_index, "KEPT_FROM", 99)
    assert read(new_clone(repo), trust, head=grown[-1].commit) == tuple(grown)


def test_an_index_answers_for_a_pull_request_and_a_reservation(repo, trust, ledger, key):
    first, *_ = grow(ledger, key, 4)
    answer = ledger.append(result(first), key=key)
    read(repo, trust)

    again = Ledger(repo, trust=trust)
    assert again.reserve(reservation(2), key=key).entry.seq == 2
    assert again.answer(first, result(first), key=key) == answer
    assert again.head() == answer.commit


def test_a_damaged_file_is_read_again_from_git(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    (kept,) = files()
    for name in (kept, *kept.parent.glob(f"{kept.name}-*")):
        name.write_bytes(b"not a database, whatever it says it is" * 200)

    assert read(repo, trust) == tuple(grown)


def test_a_file_with_one_damaged_page_is_no_answer_and_is_read_anew_the_next_time(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    (kept,) = files()
    damage(kept, "sqlite_autoindex_entries_1")

    with pytest.raises(UndecidedError, match=DAMAGED):
        read(repo, trust)

    assert read(repo, trust) == tuple(grown)


def test_a_page_that_only_writing_meets_is_no_answer_and_is_read_anew_the_next_time(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    (kept,) = files()
    grown += grow(ledger, key, 1, start=5)
    damage(kept, "by_pr")
    late = Ledger(repo, trust=trust)

    with pytest.raises(UndecidedError, match=DAMAGED):
        late.entries()

    assert late.entries() == tuple(grown)
    assert LedgerIndex(repo.path).tip() == grown[-1].commit


def test_a_text_that_cannot_be_read_is_no_answer_and_is_read_anew_the_next_time(repo, trust, ledger, key, files):
    grown = tuple(grow(ledger, key, 4))
    for change in ("commit_id = CAST(x'ff' AS TEXT)", "body = x'ff'", "body = replace(body, '\"kind\"', '\"kynd\"')"):
        assert read(repo, trust) == grown
        (kept,) = files()
        with closing(sqlite3.connect(kept)) as database, database:
            database.execute(f"UPDATE entries SET {change} WHERE seq = 2")  # noqa: S608  changes of ours

        with pytest.raises(UndecidedError, match=DAMAGED):
            read(repo, trust)

    assert read(repo, trust) == grown


def test_a_beginning_that_cannot_be_read_is_read_anew(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    (kept,) = files()
    with closing(sqlite3.connect(kept)) as database, database:
        database.execute("UPDATE beginning SET commit_id = CAST(x'ff' AS TEXT)")

    assert read(repo, trust) == tuple(grown)


def test_a_rewritten_ledger_is_read_while_its_file_is_busy(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    (kept,) = files()
    repo.update_ref("refs/heads/autarch/ledger", grown[1].commit, old=grown[3].commit)
    other = Ledger(repo, trust=trust).append(reservation(9), key=key)
    with closing(sqlite3.connect(kept, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")

        assert read(repo, trust) == (*grown[:2], other)


def test_threads_that_keep_one_ledger_at_once_all_read_it_whole(repo, trust, ledger, key, files):
    grown = tuple(grow(ledger, key, 4))
    clone = new_clone(repo)
    late = [Ledger(clone, trust=trust) for _ in range(8)]

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(Ledger.entries, late)) == {grown}

    assert LedgerIndex(clone.path).upto(4) == grown
    assert not list(files()[0].parent.glob("tmp*"))


def test_what_is_kept_does_not_vouch_for_a_rewritten_ledger(repo, trust, ledger, key):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    repo.update_ref("refs/heads/autarch/ledger", grown[1].commit, old=grown[3].commit)
    other = Ledger(repo, trust=trust).append(reservation(9), key=key)

    assert read(repo, trust) == (*grown[:2], other)
    assert read(repo, trust, head=grown[3].commit) == tuple(grown)


def test_a_file_that_cannot_be_written_costs_only_time(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    (kept,) = files()
    grown += grow(ledger, key, 2, start=5)
    with closing(sqlite3.connect(kept, isolation_level=None)) as busy:
        busy.execute("BEGIN IMMEDIATE")

        assert read(repo, trust) == tuple(grown)
    assert LedgerIndex(repo.path).tip() == grown[3].commit


def test_a_busy_file_is_left_alone(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    ours = set(files())
    clone = new_clone(repo)
    read(clone, trust)
    (kept,) = set(files()) - ours
    gc.collect()
    with closing(sqlite3.connect(kept, isolation_level=None)) as busy:
        busy.execute("PRAGMA locking_mode = EXCLUSIVE")
        busy.execute("BEGIN EXCLUSIVE")

        assert read(clone, trust) == tuple(grown)
        assert LedgerIndex(clone.path).tip() is None
    assert LedgerIndex(clone.path).tip() == grown[3].commit


def test_a_damaged_file_takes_its_log_with_it(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    (kept,) = files()
    log = kept.with_name(f"{kept.name}-wal")
    log.write_bytes(b"a log of the file before")
    kept.write_bytes(b"not a database, whatever it says it is" * 200)

    assert LedgerIndex(repo.path).tip() is None

    assert not kept.exists()
    assert not log.exists()
    assert read(repo, trust) == tuple(grown)


def test_a_file_that_another_process_kept_meanwhile_is_not_replaced(repo, trust, ledger, key, files):
    grown = grow(ledger, key, 4)
    late = Ledger(repo, trust=trust)
    read(repo, trust)
    (kept,) = files()
    before = kept.stat().st_ino

    assert late.entries() == tuple(grown)

    assert kept.stat().st_ino == before


def test_two_readers_of_one_file_do_not_mix_their_histories(tmp_path, repo, trust, ledger, key):
    grown = grow(ledger, key, 4)
    read(repo, trust)
    one, other = LedgerIndex(repo.path), LedgerIndex(repo.path)
    fifth = ledger.append(reservation(5), key=key)
    one.add([fifth], after=grown[3].commit)
    other.add([fifth], after=grown[3].commit)

    assert other.upto(5) == (*grown, fifth)
    assert LedgerIndex(new_repo(tmp_path / "stranger").path).tip() is None

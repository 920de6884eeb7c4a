"""live.journal: append-only, chained, one tag a bar, one writer."""

from __future__ import annotations

import multiprocessing
import sqlite3
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from autarch.canonical import canonical_json
from autarch.errors import ConfigError, RefusedError
from live.journal import BarClaim, Draft, Journal
from live.journal_body import body_text


def draft(number=1, kind="decision", ref=""):
    return Draft(time_ms=number, kind=kind, body={"number": number}, ref=ref)


def claim(tag="v0.1.0", bar=900_000):
    return BarClaim(symbol="BTCUSDT", bar=bar, tag=tag)


@pytest.fixture
def path(tmp_path):
    where = tmp_path / "paper.sqlite3"
    with Journal(where, account="paper") as journal:
        journal.append([draft(1), draft(2, "intent", "abc")])
        journal.append([draft(3, "execution", "e1")], claims=[claim()])
    return where


def test_events_read_back_in_order_and_by_name(path):
    with Journal(path, account="paper", read_only=True) as journal:
        assert [event.body["number"] for event in journal.events()] == [1, 2, 3]
        assert [event.seq for event in journal.events("intent", "execution")] == [2, 3]
        assert [event.kind for event in journal.events(after=2)] == ["execution"]
        assert [event.seq for event in journal.about("abc")] == [2]
        assert journal.about("") == ()
        assert journal.last("decision").seq == 1
        assert journal.last("state") is None
        assert journal.tag_of("BTCUSDT", 900_000) == "v0.1.0"
        assert journal.verify() == 3


scalars = (
    st.none()
    | st.booleans()
    | st.integers(1 - 2**53, 2**53 - 1)
    | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False)
)


@given(st.dictionaries(st.text(max_size=8), scalars | st.lists(scalars, max_size=4), max_size=6))
@example({"b": 1e-5, "a": -0.0, "c": 1e21, "d": 5e15, "e": 1e16, "f": "\x7f\x1f\u2028", "é": 0.1, "g": 2.0**53})
def test_a_body_is_written_as_the_canonical_bytes(body):
    assert body_text(body) == canonical_json(body).decode()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 2**53 + 1, {1: 2}, object()])
def test_a_body_without_canonical_form_is_not_written(value):
    with pytest.raises(ValueError, match="canonical JSON holds"):
        body_text({"value": value})


def test_a_reopened_journal_continues_its_chain(path):
    with Journal(path, account="paper") as journal:
        journal.append([draft(4)])

    with Journal(path, account="paper", read_only=True) as journal:
        assert journal.verify() == 4
        assert journal.head[0] == 4


@pytest.mark.parametrize("table", ["events", "bars", "meta"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET rowid = rowid", "DELETE FROM {}"])
def test_the_file_itself_refuses_updates_and_deletes(path, table, verb):
    columns = {"events": "kind = 'x'", "bars": "tag = 'x'", "meta": "value = 'x'"}
    statement = verb.format(table).replace("rowid = rowid", columns[table])

    with sqlite3.connect(path) as database, pytest.raises(sqlite3.IntegrityError, match="append-only"):
        database.execute(statement)
    database.close()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE events SET body = '{\"number\":9}' WHERE seq = 2",
        "UPDATE events SET time_ms = 9 WHERE seq = 3",
        "UPDATE events SET ref = 'x' WHERE seq = 2",
        "DELETE FROM events WHERE seq = 2",
        "UPDATE events SET hash = prev WHERE seq = 1",
    ],
)
def test_whoever_drops_the_triggers_and_edits_breaks_the_chain(path, tampering):
    database = sqlite3.connect(path)
    for verb in ("update", "delete"):
        database.execute(f"DROP TRIGGER events_no_{verb}")
    database.execute(tampering)
    database.commit()
    database.close()

    with Journal(path, account="paper", read_only=True) as journal, pytest.raises(RefusedError, match="chain"):
        journal.verify()


def test_another_tag_may_not_trade_the_same_bar_and_nothing_of_it_is_written(path):
    with Journal(path, account="paper") as journal:
        journal.append([draft(4)], claims=[claim()])

        with pytest.raises(RefusedError, match=r"already traded by v0.1.0; v0.2.0 may not"):
            journal.append([draft(5)], claims=[claim("v0.2.0", bar=1_800_000), claim("v0.2.0")])

        assert journal.tag_of("BTCUSDT", 1_800_000) is None
        journal.append([draft(6)])
        assert [event.body["number"] for event in journal.events()] == [1, 2, 3, 4, 6]
        assert journal.verify() == 5


def test_a_journal_of_another_account_or_a_newer_schema_is_refused(path):
    with pytest.raises(ConfigError, match="belongs to account 'paper', not 'other'"):
        Journal(path, account="other")
    database = sqlite3.connect(path)
    database.execute("DROP TRIGGER meta_no_update")
    database.execute("UPDATE meta SET value = '2' WHERE name = 'schema'")
    database.commit()
    database.close()

    with pytest.raises(ConfigError, match="has schema 2"):
        Journal(path, account="paper")
    database = sqlite3.connect(path)
    database.execute("UPDATE meta SET value = 'two' WHERE name = 'schema'")
    database.commit()
    database.close()
    with pytest.raises(ConfigError, match="has schema two; this runtime reads 1"):
        Journal(path, account="paper")


def test_a_file_that_is_no_journal_is_refused(tmp_path):
    (tmp_path / "text").write_text("hello " * 200)
    other = sqlite3.connect(tmp_path / "other")
    other.execute("CREATE TABLE t (x)")
    other.close()

    with pytest.raises(ConfigError, match="not a journal"):
        Journal(tmp_path / "text", account="paper")
    with pytest.raises(ConfigError, match="not a journal"):
        Journal(tmp_path / "other", account="paper")
    with pytest.raises(ConfigError, match="no journal at"):
        Journal(tmp_path / "absent", account="paper", read_only=True)


def _second_writer(path, answers):
    try:
        Journal(path, account="paper").close()
        answers.put("opened")
    except ConfigError as error:
        answers.put(str(error))


def test_a_second_writer_is_refused_while_readers_are_welcome(path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    with Journal(path, account="paper"), Journal(path, account="paper", read_only=True) as reader:
        process = context.Process(target=_second_writer, args=(path, answers))
        process.start()
        answer = answers.get(timeout=120)
        process.join()

        assert "another process writes" in answer
        assert reader.verify() == 3


def test_a_damaged_page_is_said_with_the_files_name(path):
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"paper\.sqlite3"), Journal(path, account="paper", read_only=True) as journal:
        journal.verify()


FILLING = """
import resource, sys
from pathlib import Path
from autarch.errors import ConfigError
from live.journal import Draft, Journal
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
with Journal(Path(sys.argv[1]), account="paper") as journal:
    try:
        for number in range(10_000):
            journal.append([Draft(time_ms=number, kind="decision", body={"text": "x" * 5000})])
    except ConfigError as error:
        print(number, "free some space" in str(error))
"""


def test_a_full_disk_is_said_and_the_journal_goes_on_where_it_ended(path):
    answer = subprocess.run([sys.executable, "-c", FILLING, str(path)], capture_output=True, text=True, check=False)

    assert answer.stderr == ""
    written, said = answer.stdout.split()
    assert said == "True"
    with Journal(path, account="paper") as journal:
        assert journal.verify() == 3 + int(written)
        journal.append([draft(4)])
        assert journal.verify() == 4 + int(written)


def test_an_unknown_kind_is_a_bug_of_ours(path):
    with Journal(path, account="paper") as journal, pytest.raises(ValueError, match="unknown kind"):
        journal.append([draft(1, "gossip")])

"""A parcel is a stranger's: size, form, head and base are checked before anything in it is looked at."""

from __future__ import annotations

import dataclasses
import os
import zlib

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.decisions import Decisions
from autarch.evidence.claim import ClaimedCheck
from autarch.manifest import parse_source
from ci.actions import parcel as parcels
from ci.actions.hidden import NOT_ASKED, Answer, answer_text, parse_answer
from ci.actions.parcel import (
    PARCEL_NAME,
    PackedDecisions,
    Parcel,
    PoisonedError,
    StaleError,
    Wanted,
    drawn_of,
    pack_decisions,
    read_file,
    results_of,
    unpack_decisions,
    unwrap,
)
from ci.policy import CHECK_NAMES

from .ground import HONEST, MANIFEST

HEAD, BASE = "a" * 40, "b" * 40
WANTED = Wanted(head=HEAD, base=BASE, engine="1" * 64, policy="2" * 64, dataset="hills@3", numerics="4" * 64)
SOURCE = parse_source(slug="a_trend", manifest_bytes=MANIFEST.format(slug="a_trend").encode(), code=HONEST.encode())
CLASSES = dict.fromkeys(CHECK_NAMES, "law")


def a_check(name: str = "scope", **changes: object) -> ClaimedCheck:
    return msgspec.structs.replace(
        ClaimedCheck(name=name, klass="law", verdict="passed", measures=(), detail="fine"), **changes
    )


def a_parcel(**changes: object) -> Parcel:
    fields = dataclasses.asdict(WANTED) | {"schema": 1, "checks": (a_check(),)}
    return Parcel(**(fields | changes))


def packed(**changes: object) -> bytes:
    return msgspec.msgpack.encode(a_parcel(**changes))


def some_decisions(rows: int = 5) -> Decisions:
    rng = np.random.default_rng(1)
    return Decisions(
        symbols=("BTCUSDT",),
        interval="15m",
        mode="each",
        max_leverage=1.0,
        exposure=rng.choice([0.0, 1.0, -0.5], (rows, 1)),
        stop_loss=np.full((rows, 1), np.nan),
        take_profit=np.full((rows, 1), 0.1),
        counts=np.arange(rows)[:, None] > 1,
    )


def test_a_parcel_comes_out_as_it_went_in():
    assert unwrap(packed(), WANTED) == a_parcel()


@pytest.mark.parametrize("name", ["head", "engine", "policy", "dataset", "numerics"])
def test_one_about_something_else_is_poisoned(name):
    with pytest.raises(PoisonedError, match=r"head|names"):
        unwrap(packed(**{name: "c" * 40}), WANTED)


def test_one_of_another_main_is_stale_and_says_what_to_do():
    with pytest.raises(StaleError, match="bring the branch up to date"):
        unwrap(packed(base="c" * 40), WANTED)


@pytest.mark.parametrize(
    "checks",
    [
        (a_check("scope"), a_check("scope")),
        (a_check("policy"), a_check("scope")),
        (a_check("gate"),),
    ],
)
def test_checks_twice_out_of_order_or_unknown_are_poisoned(checks):
    with pytest.raises(PoisonedError, match="checks that there are not"):
        unwrap(packed(checks=checks), WANTED)


@pytest.mark.parametrize("content", [b"", b"\xc1", b"{}", b"\x91" * 50_000, bytes(range(64))])
def test_bytes_of_another_form_are_poisoned(content):
    with pytest.raises(PoisonedError, match="schema 1"):
        unwrap(content, WANTED)


def test_an_unknown_key_is_poisoned():
    raw = msgspec.to_builtins(a_parcel()) | {"score": 3.0}

    with pytest.raises(PoisonedError, match="schema 1"):
        unwrap(msgspec.msgpack.encode(raw), WANTED)


def test_what_is_said_of_a_poisoned_one_is_one_line_that_no_log_obeys():
    raw = msgspec.to_builtins(a_parcel()) | {"a\n::set-output name=words::{}\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}": 1}

    with pytest.raises(PoisonedError, match="unknown field") as refused:
        unwrap(msgspec.msgpack.encode(raw), WANTED)

    assert str(refused.value).isprintable()


def test_the_artifact_holds_one_regular_file_of_bounded_size(tmp_path, monkeypatch):
    with pytest.raises(PoisonedError, match="nothing"):
        read_file(tmp_path)
    (tmp_path / PARCEL_NAME).write_bytes(b"x")
    assert read_file(tmp_path) == b"x"
    (tmp_path / "more").write_bytes(b"")
    with pytest.raises(PoisonedError, match="more"):
        read_file(tmp_path)
    (tmp_path / "more").unlink()
    monkeypatch.setattr(parcels, "PARCEL_BYTES_MAX", 0)
    with pytest.raises(PoisonedError, match="more than 0 bytes"):
        read_file(tmp_path)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_link_a_pipe_or_a_folder_in_its_place_is_poisoned(tmp_path, kind):
    folder = tmp_path / "parcel"
    folder.mkdir()
    path = folder / PARCEL_NAME
    if kind == "link":
        (tmp_path / "secret").write_text("key")
        path.symlink_to(tmp_path / "secret")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()

    with pytest.raises(PoisonedError, match="regular file"):
        read_file(folder)


def test_decisions_come_out_with_the_digest_they_had():
    decisions = some_decisions()

    found = unpack_decisions(pack_decisions(decisions), SOURCE.manifest, rows=5)

    assert found.digest() == decisions.digest()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda p: msgspec.structs.replace(p, rows=4), "shape"),
        (lambda p: msgspec.structs.replace(p, columns=2), "shape"),
        (lambda p: msgspec.structs.replace(p, content=p.content[:-3]), "another size|cannot be unpacked"),
        (lambda p: msgspec.structs.replace(p, content=p.content + b"x"), "another size"),
        (lambda p: msgspec.structs.replace(p, content=zlib.compress(bytes(10_000_000))), "another size"),
        (lambda p: msgspec.structs.replace(p, content=b"nonsense"), "cannot be unpacked"),
    ],
)
def test_decisions_of_another_size_than_they_say_are_poisoned(change, why):
    with pytest.raises(PoisonedError, match=why):
        unpack_decisions(change(pack_decisions(some_decisions())), SOURCE.manifest, rows=5)


@pytest.mark.parametrize("value", [1.5, np.nan, np.inf])
def test_an_exposure_that_no_strategy_may_have_is_poisoned(value):
    decisions = some_decisions()
    decisions.exposure[3, 0] = value

    with pytest.raises(PoisonedError, match="no strategy may have"):
        unpack_decisions(pack_decisions(decisions), SOURCE.manifest, rows=5)


def test_a_small_parcel_that_claims_many_cells_is_not_unpacked():
    huge = PackedDecisions(rows=10**9, columns=1, content=b"")

    with pytest.raises(PoisonedError, match="shape"):
        unpack_decisions(huge, SOURCE.manifest, rows=10**9)


@pytest.mark.parametrize("changes", [{"klass": "advice"}, {"verdict": "waived"}])
def test_nobody_demotes_or_waives_in_the_untrusted_half(changes):
    with pytest.raises(PoisonedError, match="scope"):
        results_of(a_parcel(checks=(a_check(**changes),)), CLASSES)


def test_returns_that_cannot_be_read_are_poisoned():
    with pytest.raises(PoisonedError, match="cannot be read"):
        drawn_of(a_parcel(drawn=("bm9uc2Vuc2U=",)))


def test_words_of_the_hidden_bars_come_out_as_they_went_in():
    answer = Answer(decisions="confirmed", look="no change", seal=f"{'f' * 64}:QUJD")

    assert parse_answer(answer_text(answer)) == answer
    assert parse_answer("") == NOT_ASKED
    assert parse_answer(answer_text(answer)).words().look.word == "no change"


@given(st.text(max_size=80))
def test_whatever_else_the_hidden_job_says_is_nothing(text):
    if text == "":
        return
    try:
        found = parse_answer(text)
    except parcels.UndecidedError:
        return
    assert answer_text(found)


@pytest.mark.parametrize(
    "said",
    [
        '{"decisions":"confirmed","look":"sharpe 1.7"}',
        '{"decisions":"confirmed","look":"improved","seal":"1.7"}',
        '{"decisions":"confirmed","bars":[1,2]}',
        '{"look":"improved"}',
        f'{{"decisions":"confirmed","seal":"{"f" * 64}:{"A" * 5000}"}}',
    ],
)
def test_a_number_or_a_bar_of_the_hidden_ones_does_not_pass(said):
    with pytest.raises(parcels.UndecidedError, match="may not say"):
        parse_answer(said)

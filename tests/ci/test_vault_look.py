"""The holdout says one word of a proposal: improved, no change, worse or not computed, and seals the rest."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from autarch.evidence.sealing import place_key, seal
from autarch.market.load import load_market
from autarch.market.parts import DAY_MS, looked_until_ms
from autarch.repo import signing
from ci.vault.bars import _chained, rows_until
from ci.vault.days import live_days
from ci.vault.looking import Question, compared, look
from ci.vault.opening import Vault

from .test_hidden import GAP, MAIN, Clock

NEXT = "    rises = np.roll(bars.close, -1) > bars.close\n"
SEES = f"{NEXT}    return Targets(exposure=np.where(rises, 0.5, -0.5))\n"  # no gate would let it this far
SEES_AND_LOSES = f"{NEXT}    return Targets(exposure=np.where(rises, -0.5, 0.5))\n"
STILL = "    return Targets(exposure=np.zeros(bars.close.size))\n"
HALF = f"{GAP}    return Targets(exposure=np.where(gap > 0, 0.25, -0.25))\n"
RAISES = "    return Targets(exposure=bars.close / 0)[7]\n"
SECONDS = 5.0


@pytest.fixture
def vault(inputs, workers, tmp_path: Path):
    key = tmp_path / "ci"
    signing.generate_key(key, comment="ci")
    clock = Clock()
    return Vault(stores=inputs.stores, worker=workers.main, key=key, clock=clock, sleep=clock.sleep)


@pytest.fixture
def ask(inputs, kit):
    def question(body: str, beside: str | None, **changes: object) -> Question:
        asked = Question(
            lock=inputs.lock,
            candidate=kit.candidate(body).source,
            incumbent=None if beside is None else kit.candidate(beside).source,
            capital=100_000.0,
            place="reservation",
            seconds=SECONDS,
        )
        return dataclasses.replace(asked, **changes)

    return question


@pytest.mark.parametrize(
    ("body", "beside", "word"),
    [
        (SEES, MAIN, "improved"),
        (SEES, None, "improved"),
        (SEES_AND_LOSES, MAIN, "worse"),
        (SEES_AND_LOSES, None, "worse"),
        (MAIN, MAIN, "no change"),
        (MAIN, SEES, "worse"),
        (RAISES, MAIN, "not computed"),
        (STILL, None, "not computed"),  # it never moved on train: nothing to divide by
    ],
)
def test_the_word_is_what_the_days_say(vault, ask, body, beside, word) -> None:
    assert look(vault, ask(body, beside)).word == word


def test_leverage_buys_nothing(vault, ask) -> None:
    (_, full), (_, half) = (compared(vault, ask(body, SEES)) for body in (MAIN, HALF))

    assert half["mean"] == pytest.approx(full["mean"], rel=0.02)  # fees and rounding of quantities differ a little


def test_the_answer_takes_the_same_time_whatever_it_is(vault, ask) -> None:
    for body in (SEES, RAISES):
        look(vault, ask(body, MAIN))

    assert vault.clock.slept == [SECONDS - 1.0, SECONDS - 1.0]


def test_who_burns_time_is_told_nothing(vault, ask) -> None:
    slow = dataclasses.replace(vault, clock=Clock(took=SECONDS + 1.0))

    assert look(slow, ask(SEES, MAIN)).word == "not computed"


def test_a_data_set_without_holdout_is_not_computed(vault, ask, inputs) -> None:
    splits = msgspec.structs.replace(inputs.lock.splits, holdout=(inputs.lock.splits.train[1],) * 2)
    lock = msgspec.structs.replace(inputs.lock, splits=splits)

    assert look(vault, ask(SEES, MAIN, lock=lock)).word == "not computed"


def test_what_is_sealed_can_be_opened_by_whoever_has_the_key_and_nobody_else(vault, ask) -> None:
    question = ask(SEES, MAIN)
    word, numbers = compared(vault, question)

    found = look(vault, question)

    assert found.sealed == seal(place_key(vault.key.read_bytes(), "reservation"), {"word": word, **numbers})
    assert found.sealed != look(vault, dataclasses.replace(question, place="another")).sealed
    assert set(numbers) == {"mean", "eta", "days", "score"}


def test_a_look_opens_the_first_part_of_the_holdout_alone(vault, ask, inputs) -> None:
    until = looked_until_ms(*inputs.lock.splits.span("holdout"))
    market = load_market(inputs.lock, split="holdout", symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)
    seen = market.ts < until
    early = set(market.series[0].close[seen])
    late = next(close for close in market.series[0].close[~seen] if close not in early)
    stumbles = SEES.replace("np.where(rises", f"np.where(bars.close == {float(late)!r}, np.nan, np.where(rises")
    body = stumbles.replace("-0.5))", "-0.5)))")

    word, numbers = compared(vault, ask(body, MAIN))

    assert word == "improved"  # were the later bar opened, its NaN would be an error and leave nothing computed
    assert numbers["days"] == (until - inputs.lock.splits.span("holdout")[0]) / DAY_MS
    assert rows_until(market, until).ts[-1] == until - market.interval_ms


def test_what_is_stamped_at_the_end_of_the_first_part_belongs_to_the_second(inputs) -> None:
    market = load_market(inputs.lock, split="holdout", symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)
    stamp = int(market.series[0].funding_ms[3])

    found = rows_until(market, stamp).series[0]

    assert found.funding_ms.tolist() == market.series[0].funding_ms[:3].tolist()
    assert (found.mark_ms < stamp).all()
    assert found.funding_rate.size == 3


def test_a_run_of_one_part_is_that_part(inputs) -> None:
    market = load_market(inputs.lock, split="holdout", symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)
    series = market.series[0]

    found = _chained([series], 5)

    assert found.close.tolist() == series.close[5:].tolist()
    assert (found.symbol, found.funding_ms.tolist()) == (series.symbol, series.funding_ms.tolist())


def test_days_in_live_form_begin_at_the_first_bar_that_is_asked_about(inputs, workers, kit) -> None:
    start, end = inputs.lock.splits.span("holdout")
    since = end - 3 * DAY_MS
    market = load_market(inputs.lock, split="holdout", symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)

    def days(since_ms: int):
        source = kit.candidate(STILL).source
        return live_days(
            [workers.main],
            stores=inputs.stores,
            lock=inputs.lock,
            source=source,
            split="holdout",
            capital=1e4,
            since_ms=since_ms,
        )

    found, none = days(since), days(end)

    assert start < since
    assert found.from_ms == market.ts[np.searchsorted(market.ts, since)]
    assert found.to_ms == market.ts[-1] + market.interval_ms
    assert (found.daily == 0.0).all()
    assert found.daily.size in {3, 4}
    assert (none.from_ms, none.to_ms, none.daily.size) == (None, None, 0)

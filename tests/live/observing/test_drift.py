"""Drift: an honest account stays within every band; a dear, a lazy, a foreign and a losing one leave theirs."""

from __future__ import annotations

import asyncio
import dataclasses
import math
from decimal import Decimal

import numpy as np
import pytest

from autarch.cli.live_drift import drift_text
from live.assembling import recorded_venue
from live.feeds.recorded import RecordedBars
from live.lines import lines_of
from live.observing.drifting import LiveOrder, Promise, against_promise, against_twin, half_width, promise_of
from live.observing.twin import stretches, twin_of
from live.rehearsal import UNLIMITED, Told
from live.trading.executor import Executor
from live.trading.memory import MemoryJournal
from live.trading.release import RECORDED, Release, SleeveTerms, World
from tests.live.conftest import COSTS, decisions, manifest, market


@pytest.fixture(scope="module")
def traded():
    """A journal of one sleeve on made-up bars, traded by the executor on the paper venue, and what it was made of."""
    made = market(n_bars=300, seed=3)
    table, card = decisions(made, seed=4), manifest(made.symbols)
    lines = lines_of(made, card, COSTS)
    sleeves = {"one_idea": {"capital": "100000", "interval_ms": 900_000, "symbols": list(made.symbols)}}
    release = Release(
        tag="v0.1.0",
        account="paper",
        sleeves={"one_idea": SleeveTerms(strategy="one_idea", tag="v0.1.0", lines=lines, capital=100_000.0)},
        limits=UNLIMITED,
        capital=Decimal(100_000),
        opened={"feed": "forward", "sleeves": sleeves, "capital": "100000"},
    )
    venue = recorded_venue(release, {"one_idea": made}, COSTS)
    bars = RecordedBars({"one_idea": made}, move=venue.advance)
    journal = MemoryJournal(account="paper")
    world = World(journal=journal, venue=venue, bars=bars, brains={"one_idea": Told(table)}, clock=bars)
    asyncio.run(Executor(release, world, RECORDED).run())
    return journal, made, card


def figures(orders, twin):
    found = against_twin(orders, twin.result, first_row=twin.first_row, last_row=twin.last_row)
    return {figure.name: figure for figure in found}


@pytest.fixture(scope="module")
def twin(traded):
    journal, made, card = traded
    return twin_of(stretches(journal)["one_idea"], made, card, COSTS)


def test_an_account_that_trades_as_backtested_is_its_twin(twin):
    found = figures(twin.orders, twin)

    assert found["shortfall_bp"].n > 100
    assert found["shortfall_bp"].value == 0.0
    assert (found["missing_frac"].value, found["extra_orders"].value) == (0.0, 0.0)
    assert twin.equity_apart == 0.0
    assert not any(figure.drifts for figure in found.values())


def test_the_curve_is_thinned_and_ends_at_the_newest_decision(twin):
    whole, thin = twin.curve(10_000), twin.curve(7)

    assert len(whole) == len(twin.live_equity)
    assert len(thin) <= 8
    assert thin[0] == whole[0]
    assert thin[-1] == whole[-1] == (int(twin.market.ts[twin.last_row]) // 1000, *[twin.live_equity[twin.last_row]] * 2)


def dearer(orders, bp):
    """Return orders that each paid `bp` basis points more than they did."""
    return [dataclasses.replace(o, price=o.price * (1 + math.copysign(bp, o.qty) / 1e4)) for o in orders]


def test_orders_that_pay_more_than_the_model_leave_their_band(twin):
    # 25 bp of one order's noise leave the mean of 147 a band of 7.44 bp, and 1 bp of bias is allowed
    inside, outside = (figures(dearer(twin.orders, bp), twin)["shortfall_bp"] for bp in (8.4, 8.5))

    assert inside.value == pytest.approx(8.4)
    assert not inside.drifts
    assert outside.drifts


def test_orders_that_were_not_made_and_orders_too_many_are_counted(twin):
    lazy = figures(twin.orders[::2], twin)["missing_frac"]
    row = next(r for r in range(twin.first_row, twin.last_row) if r not in {o.row for o in twin.orders})
    foreign = LiveOrder(row=row, symbol="AAAUSDT", leg="enter", qty=1.0, price=1000.0)

    assert lazy.value == pytest.approx(0.5, abs=0.01)
    assert lazy.drifts
    assert figures([*twin.orders, foreign], twin)["extra_orders"].drifts
    assert not figures(twin.orders[:-1], twin)["missing_frac"].drifts


def test_the_twin_begins_with_a_sleeve_that_was_taken_over_once_it_stands_flat(traded):
    journal, made, card = traded
    later = _Doctored(journal, made)

    (stretch,) = stretches(later).values()

    first = min(stretch.decisions)
    assert stretch.tag == "v0.2.0"
    assert first > later.bar
    assert all(one["exposure"] == 0.0 for one in stretch.decisions[first].values())
    assert twin_of(stretch, made, card, COSTS).equity_apart == pytest.approx(0.0, abs=1e-12)


class _Doctored:
    """A journal in which another release took over between two bars, with what was held."""

    def __init__(self, journal, made):
        self.journal, self.bar = journal, int(made.ts[60])

    def events(self, *kinds):
        (opened,) = self.journal.events("opened")
        handed = False
        for event in self.journal.events(*kinds):
            bar = event.body.get("bar", 0)
            if event.kind in {"decision", "intent"} and bar >= self.bar:
                if not handed:
                    handed = True
                    yield dataclasses.replace(opened, body={**opened.body, "tag": "v0.2.0", "handover": {}})
                yield dataclasses.replace(event, body={**event.body, "tag": "v0.2.0"})
            else:
                yield event


def test_returns_beside_the_promise_of_the_evidence():
    promise = promise_of({"sharpe": 2.0, "volatility": 0.365**0.5 * 0.2, "max_drawdown": 0.15})
    # mean = 2 x 0.1208 / 365, deviation = 0.1208 / sqrt(365): 0.02 x sqrt(0.1) / 1 = 0.0063246
    assert promise.mean == pytest.approx(2 * 0.2 * 0.365**0.5 / 365)
    assert promise.deviation == pytest.approx(0.2 * 0.001**0.5)
    rng = np.random.default_rng(1)
    honest = (promise.mean + promise.deviation * rng.standard_normal(250)).tolist()
    losing = [value - promise.mean - 0.25 * promise.deviation for value in honest]

    kept, left = (against_promise(r, promise, drawdown=0.1) for r in (honest, losing))
    deep = against_promise(honest, promise, drawdown=0.16)

    assert [figure.drifts for figure in kept] == [False, False]
    assert [figure.drifts for figure in left] == [True, False]
    assert [figure.drifts for figure in deep] == [False, True]


def test_without_evidence_nothing_is_judged():
    (shown,) = against_promise([0.5] * 100, None, drawdown=0.9)

    assert not shown.drifts
    assert promise_of({"sharpe": None, "volatility": 0.1, "max_drawdown": 0.1}) is None


def test_the_band_holds_at_every_look_with_the_probability_it_names():
    rng = np.random.default_rng(7)
    sums = np.cumsum(rng.standard_normal((2000, 400)), axis=1)
    widths = np.array([half_width(n, deviation=1.0) * n for n in range(1, 401)])

    ever = (np.abs(sums) > widths).any(axis=1).mean()

    assert ever <= 0.01
    assert half_width(60, deviation=1.0) == pytest.approx(0.455, abs=0.01)
    assert half_width(0, deviation=1.0) == math.inf


def test_what_drifts_is_named_with_its_band(twin):
    found = figures(dearer(twin.orders, 20.0), twin)
    sleeve = {
        "sleeve": "one_idea", "tag": "v0.1.0", "decisions": 280, "drifts": True,
        "figures": [figure.to_json() for figure in found.values()], "notes": ["no evidence"],
    }  # fmt: skip

    text = drift_text("paper", [sleeve])

    assert "shortfall_bp       +20.00000" in text
    assert text.splitlines()[-1] == "paper: DRIFTS: one_idea shortfall_bp; look before it trades on"
    assert "note: no evidence" in text
    assert "no twin yet" in drift_text("paper", [])
    assert isinstance(promise_of({"sharpe": 1.0, "volatility": 0.1, "max_drawdown": 0.1}), Promise)

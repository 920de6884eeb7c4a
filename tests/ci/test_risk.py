"""The risk check: what was held meets the worst hours, and leverage nobody saw is refused; limits as committed."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.market.load import load_market
from autarch.metrics import summarise
from ci.checks import risk
from ci.context import Judged
from ci.policy import load_policy

CAPITAL = 100_000.0


@pytest.fixture(scope="module")
def market(bars_on_disk):
    lock, stores = bars_on_disk
    return load_market(lock, split="train", symbols=("BTCUSDT", "ETHUSDT"), interval="15m", stores=stores)


def decisions_of(market, exposure, *, max_leverage, mode="panel", stop=np.nan):
    shape = (market.n_bars, 2)
    return Decisions(
        symbols=market.symbols,
        interval="15m",
        mode=mode,
        max_leverage=max_leverage,
        exposure=np.broadcast_to(np.array(exposure, dtype=np.float64), shape).copy(),
        stop_loss=np.full(shape, stop),
        take_profit=np.full(shape, np.nan),
        counts=np.ones(shape, dtype=np.bool_),
    )


@pytest.fixture(scope="module")
def ask(market, bars_on_disk, root):
    lock, _ = bars_on_disk
    costs = CostModel.from_lock(lock)

    def run(decided):
        result = backtest(market, decided, costs=costs, capital=CAPITAL)
        judged = Judged(decisions=decided, result=result, metrics=summarise(result, market, costs=costs))
        return risk.check(judged, market, lock=lock, policy=load_policy(root))

    return run


def measures(answer):
    return {one.name: one for one in answer.measures}


def test_half_the_equity_in_two_symbols_is_within_every_limit(market, ask) -> None:
    answer = ask(decisions_of(market, [0.1, -0.1], max_leverage=0.5))

    assert answer.verdict == "passed"
    assert all(one.holds for one in answer.measures)
    assert measures(answer)["crash_loss"].value == pytest.approx(0.03, rel=0.5)  # 15 % of 0.2, as both drift
    assert measures(answer)["worst_hour_fall"].value > 0.0


def test_what_an_hour_may_take_is_held_against_the_limit(market, ask) -> None:
    answer = ask(decisions_of(market, [2.0, -2.0], max_leverage=4.0))

    crash = measures(answer)["crash_loss"]
    assert answer.verdict == "failed"
    assert crash.value >= 0.15 * 3.9  # four times the equity, against each side at once
    assert not crash.holds
    assert "crash_loss is beyond its limit: hold less at once" in answer.detail


def test_leverage_that_train_never_used_is_refused(market, ask) -> None:
    slept = measures(ask(decisions_of(market, [0.3, -0.3], max_leverage=3.0)))["leverage_unused"]
    used = measures(ask(decisions_of(market, [1.0, -1.0], max_leverage=3.0)))["leverage_unused"]
    small = measures(ask(decisions_of(market, [0.1, 0.0], max_leverage=1.0)))["leverage_unused"]

    assert (slept.value, slept.holds) == (3.0, False)
    assert (used.value, used.holds) == (1.5, True)
    assert (small.value, small.holds) == (1.0, True)


def test_in_each_mode_leverage_is_that_of_the_largest_symbol(market) -> None:
    assert risk.leverage_unused(decisions_of(market, [2.0, 0.5], max_leverage=2.0, mode="each")) == 1.0
    assert risk.leverage_unused(decisions_of(market, [2.0, 0.5], max_leverage=2.5, mode="panel")) == 1.0

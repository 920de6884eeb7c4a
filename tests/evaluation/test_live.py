"""Every bar in live form: the same bytes as blocks for who is causal, and the truth about who is not."""

from __future__ import annotations

import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.errors import StrategyError, UsageError
from autarch.evaluation import decide_blocks, decide_stepwise

HONEST = {
    "talib, a scalar stop, a late listing": (
        (
            "e = talib.EMA(bars.close, p.fast)\n"
            "return Targets(exposure=np.where(bars.close > e, 1.0, -0.5), stop_loss=0.02)"
        ),
        {"symbols": ("BTCUSDT", "ETHUSDT", "SOLUSDT")},
    ),
    "pandas, distances of every bar": (
        (
            "w = pd.Series(bars.close).pct_change().rolling(p.fast).std().to_numpy()\n"
            "d = np.clip(np.nan_to_num(8.0 * w), 0.001, 0.5)\n"
            "return Targets(exposure=np.clip(np.nan_to_num(0.001 / w), 0.0, 1.0), stop_loss=d, take_profit=np.sqrt(d))"
        ),
        {},
    ),
    "a panel": (
        (
            "r = ops.rank(pd.DataFrame(bars.close).pct_change(p.fast).to_numpy())\n"
            "return Targets(exposure=np.nan_to_num(r - 0.5) / 3.0, stop_loss=np.where(r > 0.5, 0.1, np.nan))"
        ),
        {"symbols": ("SOLUSDT", "BTCUSDT", "ETHUSDT"), "mode": "panel"},
    ),
    "a context and higher bars": (
        (
            "h = bars.context['ETHUSDT'].resample('4h')\n"
            "return Targets(exposure=np.where(h.spread(h.close / talib.SMA(h.close, 5)) > 1.0, p.fast / 20, 0.0))"
        ),
        {"symbols": ("BTCUSDT", "SOLUSDT"), "context": ("ETHUSDT",)},
    ),
}


def assert_same_bytes(one: Decisions, other: Decisions) -> None:
    for name in ("exposure", "stop_loss", "take_profit", "counts"):
        assert getattr(one, name).tobytes() == getattr(other, name).tobytes(), name


@pytest.mark.parametrize(("body", "manifest"), HONEST.values(), ids=HONEST)
def test_every_bar_in_live_form_gives_the_bytes_of_whole_blocks(worker, market_of, source_of, body, manifest) -> None:
    market, source = market_of(n_bars=1000, first_rows={"ETHUSDT": 20}), source_of(body, **manifest)

    stepwise = decide_stepwise([worker, worker], source, market)

    assert stepwise.counts.any()
    assert_same_bytes(stepwise, decide_blocks(worker, source, market))


def test_symbols_listed_at_other_times_are_decided_each_from_its_first_block(worker, market_of, source_of) -> None:
    body, manifest = HONEST["talib, a scalar stop, a late listing"]
    market, source = market_of(n_bars=1000, first_rows={"ETHUSDT": 400}), source_of(body, **manifest)

    stepwise = decide_stepwise([worker], source, market)

    assert stepwise.counts.argmax(axis=0).tolist() == [416, 920, 416]
    assert_same_bytes(stepwise, decide_blocks(worker, source, market))


def test_who_peeks_decides_otherwise_live(worker, market_of, source_of) -> None:
    source = source_of("return Targets(exposure=np.where(np.roll(bars.close, -1) > bars.close, 1.0, 0.0))", params="")
    market = market_of(n_bars=600)

    blocks, stepwise = decide_blocks(worker, source, market), decide_stepwise([worker], source, market)

    # The bar after the newest one is, rolled, the first of the window, whose close the newest is compared with.
    first = market.of("BTCUSDT").close[416 - 60]
    assert (stepwise.exposure[416:, 0] == (first > market.of("BTCUSDT").close[416:])).all()
    assert (blocks.exposure != stepwise.exposure).any()


def test_only_the_rows_asked_about_count(worker, market_of, source_of) -> None:
    body, manifest = HONEST["pandas, distances of every bar"]
    market, source = market_of(n_bars=600), source_of(body, **manifest)

    some = decide_stepwise([worker, worker, worker], source, market, rows=range(500, 502))
    none = decide_stepwise([worker], source, market, rows=range(0))

    assert np.flatnonzero(some.counts.any(axis=1)).tolist() == [500, 501]
    assert some.exposure[500:502].tobytes() == decide_blocks(worker, source, market).exposure[500:502].tobytes()
    assert not none.counts.any()


def test_parameters_are_replaced_by_name(worker, market_of, source_of) -> None:
    body, manifest = HONEST["talib, a scalar stop, a late listing"]
    market, source = market_of(n_bars=460), source_of(body, **manifest)

    assert_same_bytes(
        decide_stepwise([worker], source, market, params={"fast": 5}),
        decide_blocks(worker, source, market, params={"fast": 5}),
    )


def test_a_strategy_that_fails_live_fails(worker, market_of, source_of) -> None:
    source = source_of("return Targets(exposure=np.full(len(bars), 1.0 if len(bars) < 70 else 2.0))", params="")

    with pytest.raises(StrategyError, match="max_leverage"):
        decide_stepwise([worker, worker], source, market_of(n_bars=600))
    with pytest.raises(UsageError, match="no worker"):
        decide_stepwise([], source, market_of(n_bars=600))

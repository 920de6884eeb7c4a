"""An engine that is wrong in one rule parts from the referee, and the first bar of it is named.

Half of the faults are planted in the engine's own rules, interpreted in a process of their own; the
other half by showing the engine a market or decisions on which the right rules do what wrong ones
would do on the true ones.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from autarch.engine import backtest
from autarch.referee import disagreement, referee

HERE = Path(__file__).resolve().parent


def parted(pitch, true, shown, *, costs=None, engine_costs=None):
    """Play the true case by the referee and the shown one by the engine."""
    costs = costs or pitch.dear
    return disagreement(
        backtest(*shown, costs=engine_costs or costs, capital=1000.0), referee(*true, costs=costs, capital=1000.0)
    )


def with_series(market, **changes):
    return dataclasses.replace(market, series=tuple(dataclasses.replace(s, **changes) for s in market.series))


def test_a_stop_that_is_armed_a_bar_late_is_caught(pitch) -> None:
    rows = [(100.0, 100.0, 100.0, 100.0), (100.0, 101.0, 97.0, 100.0), (100.0, 101.0, 97.0, 99.0)]
    true = pitch.market(pitch.by_hand("AAAUSDT", rows))
    hidden = pitch.market(pitch.by_hand("AAAUSDT", [rows[0], (100.0, 101.0, 100.0, 100.0), rows[2]]))
    decisions = pitch.decided(true, [1.0, 1.0, 1.0], stop=0.02)  # 98 is met in the entry bar

    found = parted(pitch, (true, decisions), (hidden, decisions), costs=pitch.free)

    assert found is not None
    assert (found.row, found.symbol, found.what, found.engine, found.referee) == (1, "AAAUSDT", "fills", 1.0, 2.0)


def test_a_wrong_fee_is_caught(pitch) -> None:
    case = pitch.case(4)

    found = parted(pitch, case, case, engine_costs=dataclasses.replace(pitch.dear, fee_factor=1.0 + 1e-7))

    assert found is not None
    assert found.what == "fill fee"


def test_funding_paid_by_the_wrong_side_is_caught(pitch) -> None:
    market, decisions = pitch.case(4, symbols=1)
    (series,) = market.series

    found = parted(pitch, (market, decisions), (with_series(market, funding_rate=-series.funding_rate), decisions))

    assert found is not None
    assert (found.what, found.symbol) == ("equity", None)


@pytest.mark.parametrize("minutes", [15, -15])
def test_funding_in_the_wrong_bar_is_caught(pitch, minutes) -> None:
    market, decisions = pitch.case(4, symbols=1)
    (series,) = market.series
    late = with_series(market, funding_ms=series.funding_ms + minutes * 60_000)

    found = parted(pitch, (market, decisions), (late, decisions))

    assert found is not None
    assert (market.ts[found.row] - market.ts[0]) // 60_000 % 480 in {0, 480 - 15}


def test_funding_at_the_open_that_waits_for_the_bars_triggers_is_caught(pitch) -> None:
    rows = [(100.0, 100.0, 100.0, 100.0)] * 2 + [(100.0, 100.0, 90.0, 95.0)] * 2
    true = pitch.market(pitch.by_hand("AAAUSDT", rows, funding={30: 0.01}))  # the third bar's open
    late = pitch.market(pitch.by_hand("AAAUSDT", rows, funding={31: 0.01}))  # after its stop
    decisions = pitch.decided(true, [1.0] * 4, stop=0.02)

    found = parted(pitch, (true, decisions), (late, decisions), costs=pitch.free)

    assert found is not None
    assert (found.row, found.what) == (2, "equity")
    assert found.engine - found.referee == pytest.approx(1000 * 0.01, abs=0.1)


def test_a_wrong_mark_is_caught(pitch) -> None:
    market, decisions = pitch.case(4, symbols=1)

    found = parted(
        pitch, (market, decisions), (with_series(market, mark_ms=np.empty(0, "i8"), mark_close=np.empty(0)), decisions)
    )

    assert found is not None
    assert found.what == "equity"


@pytest.mark.parametrize("change", [{"half_spread_bps": 2.5}, {"impact_k": 0.0}, {"impact_cap_bps": 1e9}])
def test_wrong_slippage_is_caught(pitch, change) -> None:
    case = pitch.case(4, turnover=30.0)

    found = parted(pitch, case, case, engine_costs=dataclasses.replace(pitch.dear, **change))

    assert found is not None
    assert found.what == "fill price"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"tick_size": Decimal("0.2")}, "fill price"),
        ({"qty_step": Decimal("0.0005")}, "fill qty"),
        ({"min_notional": Decimal(200)}, "fills"),
        ({"max_market_qty": Decimal("1.5")}, "fills"),
    ],
)
def test_a_filter_read_wrongly_is_caught(pitch, change, what) -> None:
    market, decisions = pitch.case(4, min_notional=Decimal(20))
    wrong = tuple(dataclasses.replace(i, **change) for i in market.instruments)

    found = parted(pitch, (market, decisions), (dataclasses.replace(market, instruments=wrong), decisions))

    assert found is not None
    assert found.what in {what, "fill qty"}


def test_fills_one_bar_late_are_caught(pitch) -> None:
    market, decisions = pitch.case(4, stop=0.0, take=0.0, gap_frac=0.0)
    late = dataclasses.replace(decisions, exposure=np.vstack([np.zeros((1, 2)), decisions.exposure[:-1]]))
    first = int(np.argmax((decisions.exposure != 0.0).any(axis=1)))

    found = parted(pitch, (market, decisions), (market, late))

    assert found is not None
    assert (found.row, found.what) == (first + 1, "fills")


def test_fills_at_the_close_that_decided_are_caught(pitch) -> None:
    market, decisions = pitch.case(4, stop=0.0, take=0.0, gap_frac=0.0)
    series = tuple(
        dataclasses.replace(
            s,
            open=np.concatenate([s.open[:1], s.close[:-1]]),
            high=np.maximum(s.high, np.concatenate([s.open[:1], s.close[:-1]])),
            low=np.minimum(s.low, np.concatenate([s.open[:1], s.close[:-1]])),
        )
        for s in market.series
    )

    found = parted(pitch, (market, decisions), (dataclasses.replace(market, series=series), decisions))

    assert found is not None
    assert found.what == "fill price"


def test_a_latch_that_lets_go_too_soon_is_caught(pitch) -> None:
    rows = [(100.0, 100.0, 100.0, 100.0)] * 2 + [(100.0, 100.0, 90.0, 95.0)] + [(95.0, 95.0, 95.0, 95.0)] * 3
    market = pitch.market(pitch.by_hand("AAAUSDT", rows))
    wanted = [1.0, 1.0, 1.0, 0.9, 0.9, 0.9]  # stopped out in the third bar: 0.9 is the same side
    released = [1.0, 1.0, 0.0, 0.9, 0.9, 0.9]

    found = parted(
        pitch,
        (market, pitch.decided(market, wanted, stop=0.05)),
        (market, pitch.decided(market, released, stop=0.05)),
        costs=pitch.free,
    )

    assert found is not None
    assert (found.row, found.what, found.engine, found.referee) == (4, "fills", 1.0, 0.0)


def test_slices_of_the_sleeve_taken_for_the_whole_are_caught(pitch) -> None:
    market, decisions = pitch.case(4)

    found = parted(pitch, (market, decisions), (market, dataclasses.replace(decisions, mode="panel", max_leverage=2.0)))

    assert found is not None
    assert found.what == "fill qty"


def test_equity_of_one_bar_that_is_off_by_more_than_the_tolerance_is_named(pitch) -> None:
    both = pitch.play(*pitch.case(4))
    for factor, agrees in ((1.0 + 5e-10, True), (1.0 + 2e-9, False)):
        off = both.engine.equity.copy()
        off[77] *= factor

        found = disagreement(dataclasses.replace(both.engine, equity=off), both.referee)

        assert (found is None) == agrees
        if found is not None:
            assert (found.row, found.symbol, found.what, found.engine) == (77, None, "equity", off[77])


def test_equity_that_is_no_number_never_agrees(pitch) -> None:
    both = pitch.play(*pitch.case(4))
    off = both.engine.equity.copy()
    off[5] = np.nan

    found = disagreement(dataclasses.replace(both.engine, equity=off), both.referee)

    assert found is not None
    assert found.row == 5


@pytest.fixture(scope="module")
def mutants() -> dict[str, object]:
    """What the referee says to the engine with one rule replaced, by the fault's name."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, "-P", str(HERE / "mutants.py")], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
def test_the_rules_as_they_are_agree_when_interpreted(mutants) -> None:
    assert mutants["none"] is None


@pytest.mark.slow
def test_a_fault_in_any_rule_is_caught(mutants) -> None:
    faults = {name: said for name, said in mutants.items() if name != "none"}

    assert len(faults) >= 15
    assert [name for name, said in faults.items() if said is None] == []

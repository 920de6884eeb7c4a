"""What must hold on any market: cash is conserved, the future does not matter, the same bytes come out."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.engine import layout as at

SEEDS = st.integers(0, 10**6)


@given(seed=SEEDS)
@settings(max_examples=40)
def test_cash_is_conserved(desk_class, seed):
    market, decisions = desk_class.random_case(seed)

    result = desk_class.backtest(market, decisions, costs=desk_class.rough)

    fills, paid = result.fills, result.funding["payment"].sum()
    cash = 1000.0 - (fills["qty"] * fills["price"]).sum() - fills["fee"].sum() - paid
    held = [fills["qty"][fills["symbol"] == j].sum() for j in range(2)]
    worth = sum(q * market.series[j].close[-1] for j, q in enumerate(held))
    t = result.totals
    assert result.equity[-1] == pytest.approx(cash + worth, rel=1e-9, abs=1e-7)
    assert result.equity[-1] == pytest.approx(1000 + t.realised + t.unrealised - t.fees - t.funding, rel=1e-9, abs=1e-7)
    assert t.fees == pytest.approx(fills["fee"].sum(), rel=1e-9)
    assert t.realised == pytest.approx(fills["realised"].sum(), rel=1e-9, abs=1e-7)


@given(seed=SEEDS, keep=st.integers(2, 119))
@settings(max_examples=40)
def test_truncating_the_future_changes_no_past(desk_class, seed, keep):
    market, decisions = desk_class.random_case(seed)
    whole = desk_class.backtest(market, decisions, costs=desk_class.rough)

    cut = desk_class.backtest(truncated(market, keep), decisions_until(decisions, keep), costs=desk_class.rough)

    assert cut.equity.tobytes() == whole.equity[:keep].tobytes()
    assert cut.exposure.tobytes() == whole.exposure[:keep].tobytes()
    assert cut.fills.tolist() == whole.fills[whole.fills["row"] < keep].tolist()
    assert cut.funding.tolist() == whole.funding[whole.funding["row"] < keep].tolist()
    assert cut.skipped.tolist() == whole.skipped[whole.skipped["row"] < keep].tolist()


@given(seed=SEEDS)
@settings(max_examples=40)
def test_no_position_is_without_its_stop_when_a_distance_was_given(desk_class, seed):
    market, decisions = desk_class.random_case(seed)
    guarded = replace(decisions, stop_loss=np.where(np.isnan(decisions.stop_loss), 0.05, decisions.stop_loss))

    for keep in (30, 60, 90, 120):
        result = desk_class.backtest(truncated(market, keep), decisions_until(guarded, keep), costs=desk_class.rough)

        for state in result.states:
            armed = np.isfinite(state[at.STOP])
            assert armed == (state[at.POSITION] != 0.0)
            if armed:
                assert (state[at.ENTRY] - state[at.STOP]) * state[at.POSITION] > 0.0


@given(seed=SEEDS)
@settings(max_examples=40)
def test_fills_stay_on_ticks_and_steps_and_never_flatter_the_trader(desk_class, seed):
    market, decisions = desk_class.random_case(seed)

    fills = desk_class.backtest(market, decisions, costs=desk_class.rough).fills

    assert fills["price"].tolist() == np.round(fills["price"], 1).tolist()
    assert fills["qty"].tolist() == np.round(fills["qty"], 3).tolist()
    assert (fills["slippage"] >= 0.0).all()
    assert (fills["qty"] * (fills["price"] - fills["reference"]) >= 0.0).all()
    assert (np.abs(fills["qty"])[fills["kind"] < at.STOP_OUT] <= 3.0).all()  # max_market_qty


def test_two_processes_with_other_hash_seeds_give_the_same_bytes(root, desk):
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); import conftest as c\n"
        "r = c.Desk.backtest(*c.random_case(11, n_symbols=3), costs=c.ROUGH)\n"
        "print(r.fills_digest(), r.equity_digest(), r.fills.size)"
    )
    answers = {
        subprocess.run(
            [sys.executable, "-c", code, str(root / "tests" / "engine")],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "4242")
    }
    here = desk.backtest(*desk.random_case(11, n_symbols=3), costs=desk.rough)

    assert answers == {f"{here.fills_digest()} {here.equity_digest()} {here.fills.size}\n"}


def test_digests_see_one_changed_byte(desk):
    result = desk.backtest(*desk.random_case(5), costs=desk.rough)
    fills, equity = result.fills.copy(), result.equity.copy()
    fills["price"][3] = np.nextafter(fills["price"][3], np.inf)
    equity[-1] = np.nextafter(equity[-1], np.inf)

    assert replace(result, fills=fills).fills_digest() != result.fills_digest()
    assert replace(result, equity=equity).equity_digest() != result.equity_digest()
    assert replace(result, symbols=("A", "B")).fills_digest() != result.fills_digest()


def test_read_only_and_strided_arrays_give_the_same_result(desk):
    market, decisions = desk.random_case(8)
    wide = np.repeat(decisions.exposure, 2, axis=1)[:, ::2]
    wide.setflags(write=False)
    market.ts.setflags(write=False)

    again = desk.backtest(market, replace(decisions, exposure=wide), costs=desk.rough)

    assert again.fills_digest() == desk.backtest(market, decisions, costs=desk.rough).fills_digest()


def truncated(market, keep):
    end = int(market.ts[keep - 1]) + market.interval_ms

    def cut(series):
        changes = {
            f.name: getattr(series, f.name)[:keep]
            for f in fields(series)
            if isinstance(getattr(series, f.name), np.ndarray)
            and getattr(series, f.name).size == market.n_bars
            and f.name not in {"funding_ms", "funding_rate", "mark_ms", "mark_close"}
        }
        stamps, marks = series.funding_ms < end, series.mark_ms < end
        return replace(
            series,
            **changes,
            funding_ms=series.funding_ms[stamps],
            funding_rate=series.funding_rate[stamps],
            mark_ms=series.mark_ms[marks],
            mark_close=series.mark_close[marks],
        )

    return replace(market, ts=market.ts[:keep], series=tuple(cut(s) for s in market.series))


def decisions_until(decisions, keep):
    names = ("exposure", "stop_loss", "take_profit", "counts")
    return replace(decisions, **{name: getattr(decisions, name)[:keep] for name in names})

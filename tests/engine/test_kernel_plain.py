"""The kernel looks ahead, marks whole chunks and goes back for a ruin; the rules played plainly give the same bits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autarch.engine import Sleeve, backtest_account, memory
from autarch.engine import layout as at
from autarch.engine.result import tables_of

from .plain import Plain, listed

SEEDS = st.integers(0, 10**6)
MODES = ("isolated", "cross")
CASES = {"seed": SEEDS, "mode": st.sampled_from(MODES)}


def assert_same(result, plain, *, sleeve=0):
    """Say where a sleeve's result is not the plainly played one, bit by bit; the gap to 1e-12."""
    columns = [j for j, (g, _, _) in enumerate(plain.columns) if g == sleeve]
    tables = tables_of(np.array(plain.events).reshape(-1, at.N_EVENT), first_symbol=columns[0], n_symbols=len(columns))
    equity = np.array(plain.equity)[:, sleeve]
    assert result.equity.tobytes() == equity.tobytes()
    assert result.fills.tobytes() == tables.fills.tobytes()
    assert result.funding.tobytes() == tables.funding.tobytes()
    assert result.skipped.tobytes() == tables.skipped.tobytes()
    assert result.ruined_row == plain.broke[sleeve]
    of_one_open = (at.TAKEN_BUY, at.TAKEN_SELL)  # set anew before they are read; the kernel skips where nobody reads
    fields = [field for field in range(at.N_STATE) if field not in {at.LIQUIDATION_GAP, *of_one_open}]
    assert np.array_equal(result.states[:, fields], plain.states[columns][:, fields], equal_nan=True)
    assert result.liquidation_gap == pytest.approx(plain.states[columns, at.LIQUIDATION_GAP], rel=1e-12)
    last = [plain.series[j].close[-1] * plain.states[j, at.POSITION] * 0.001 for j in columns]
    shares = np.where(np.array(last) == 0.0, 0.0, np.array(last) / equity[-1] if equity[-1] > 0 else np.nan)
    assert result.exposure[-1] == pytest.approx(shares, rel=1e-9, nan_ok=True)


@given(**CASES, symbols=st.integers(1, 3), leverage=st.sampled_from([0.5, 3.0, 20.0]))
@settings(max_examples=25)
def test_the_kernel_equals_the_rules_played_plainly(desk_class, seed, mode, symbols, leverage):
    market, decisions = desk_class.random_case(seed, n_symbols=symbols, max_leverage=leverage)
    costs = replace(desk_class.rough, margin_mode=mode)

    result = desk_class.backtest(market, decisions, costs=costs)

    assert_same(result, Plain(market, [(decisions, 1000.0)], costs).play())


@given(**CASES, calm=st.integers(0, 3))
@settings(max_examples=10)
def test_long_quiet_stretches_are_the_same_too(desk_class, seed, mode, calm):
    market, decisions = desk_class.random_case(seed, n_bars=500, n_symbols=2, max_leverage=1.0)
    held = np.repeat(decisions.exposure[::167], 167, axis=0)[:500]
    wide = replace(decisions, exposure=held, stop_loss=np.full(held.shape, 0.9 if calm else 0.3))
    costs = replace(desk_class.rough, margin_mode=mode)
    funded = [replace(s, funding_ms=s.funding_ms[:calm], funding_rate=s.funding_rate[:calm]) for s in market.series]
    market = replace(market, series=tuple(funded))

    result = desk_class.backtest(market, wide, costs=costs)

    assert_same(result, Plain(market, [(wide, 1000.0)], costs).play())


@pytest.mark.parametrize("mode", MODES)
def test_ruin_in_a_later_chunk_and_a_log_too_short_change_nothing(desk, monkeypatch, mode) -> None:
    monkeypatch.setattr(memory, "_LOG_ROWS", 1)
    monkeypatch.setattr(memory, "_BARS_AN_EVENT", 10**9)
    market, both = desk.random_case(37, n_bars=memory.CHUNK + 150, n_symbols=2, max_leverage=20.0)
    calm = np.where(np.arange(market.n_bars) < memory.CHUNK - 20, 0.0, 1.0)[:, np.newaxis]
    both = replace(both, exposure=both.exposure * calm)
    sleeves = [part_of(both, "a", [0], 0.5), part_of(both, "b", [1], 0.5)]
    costs = replace(desk.rough, margin_mode=mode)

    account = backtest_account(market, sleeves, costs=costs, capital=1000.0, margin_mode=mode)

    plain = Plain(market, [(s.decisions, 500.0) for s in sleeves], costs).play()
    for index, result in enumerate(account.sleeves):
        assert_same(result, plain, sleeve=index)
    assert account.ruined_row == plain.broke[-1]
    if mode == "cross":
        assert memory.CHUNK < plain.broke[0] < plain.broke[1]


@given(**CASES, listing=st.integers(0, 60), delisting=st.integers(50, 119), late=st.sampled_from([0, 1, 450_000]))
@settings(max_examples=12)
def test_listings_and_delistings_are_the_same_too(  # noqa: PLR0913, PLR0917  one argument a drawn value
    desk_class, seed, mode, listing, delisting, late
):
    market, decisions = desk_class.random_case(seed)
    market = listed(market, symbol=0, delisted_row=delisting, into_bar_ms=late)
    market = listed(market, symbol=1, listed_row=listing, into_bar_ms=late)
    costs = replace(desk_class.rough, margin_mode=mode)

    result = desk_class.backtest(market, decisions, costs=costs)

    assert_same(result, Plain(market, [(decisions, 1000.0)], costs).play())
    gone, come = result.fills[result.fills["symbol"] == 0], result.fills[result.fills["symbol"] == 1]
    last = delisting - 1 if late == 0 else delisting
    assert (gone["row"] <= last).all()
    assert (gone["row"][gone["kind"] == at.SETTLED] == last).all()
    assert result.states[0, at.POSITION] == 0.0
    assert (come["row"] >= (listing if late == 0 else listing + 1)).all()
    assert (result.funding["ts"][result.funding["symbol"] == 0] < market.instruments[0].delisted_ms).all()


@given(**CASES, weights=st.sampled_from([(0.5, 0.5), (0.3, 0.2), (0.05, 0.01)]))
@settings(max_examples=15)
def test_an_account_of_two_sleeves_equals_the_rules_and_conserves_cash(desk_class, seed, mode, weights):
    market, both = desk_class.random_case(seed, n_symbols=3, max_leverage=3.0)
    sleeves = [part_of(both, "a", [0, 1], weights[0]), part_of(both, "b", [2], weights[1])]
    costs = replace(desk_class.rough, margin_mode=mode)

    account = backtest_account(market, sleeves, costs=costs, capital=1000.0, margin_mode=mode)

    capitals = [1000.0 * weight for weight in weights]
    spare = 1000.0 - sum(capitals)
    plain = Plain(
        market,
        [(s.decisions, c) for s, c in zip(sleeves, capitals, strict=True)],
        costs,
        spare=spare if spare > 1e-6 else 0.0,
    ).play()
    for index, result in enumerate(account.sleeves):
        assert_same(result, plain, sleeve=index)
    assert account.equity.tobytes() == np.array(plain.equity)[:, -1].tobytes()
    assert account.ruined_row == plain.broke[-1]
    t = [result.totals for result in account.sleeves]
    earned = sum(x.realised + x.unrealised - x.fees - x.funding for x in t)
    assert account.equity[-1] == pytest.approx(1000.0 + earned, rel=1e-9, abs=1e-7)
    cash = 1000.0
    for result in account.sleeves:
        cash -= (result.fills["qty"] * result.fills["price"]).sum()
        cash -= result.fills["fee"].sum() + result.funding["payment"].sum()
    worth = sum(plain.series[j].close[-1] * plain.states[j, at.POSITION] * 0.001 for j in range(3))
    assert account.equity[-1] == pytest.approx(cash + worth, rel=1e-9, abs=1e-7)


def test_the_random_markets_meet_what_these_tests_are_about(desk):
    liquidated = {"isolated": 0, "cross": 0}
    ruined = 0
    for seed in range(30):
        market, decisions = desk.random_case(seed, n_symbols=2, max_leverage=20.0)
        for mode in MODES:
            result = desk.backtest(market, decisions, costs=replace(desk.rough, margin_mode=mode))
            liquidated[mode] += result.liquidations.size
            ruined += result.ruined_row is not None

    assert liquidated["isolated"] > 20
    assert liquidated["cross"] > 10
    assert ruined > 10


def test_the_comparison_sees_one_wrong_bit(desk):
    market, decisions = desk.random_case(3)
    plain = Plain(market, [(decisions, 1000.0)], desk.rough).play()
    result = desk.backtest(market, decisions, costs=desk.rough)
    assert_same(result, plain)

    plain.equity[60][0] = np.nextafter(plain.equity[60][0], np.inf)

    with pytest.raises(AssertionError):
        assert_same(result, plain)


def part_of(decisions, name, columns, weight):
    chosen = replace(
        decisions,
        symbols=tuple(decisions.symbols[j] for j in columns),
        exposure=decisions.exposure[:, columns],
        stop_loss=decisions.stop_loss[:, columns],
        take_profit=decisions.take_profit[:, columns],
        counts=decisions.counts[:, columns],
    )
    return Sleeve(name=name, decisions=chosen, weight=weight)

"""parity: a strategy that decides otherwise bar by bar fails; a live path that trades otherwise decides nothing."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.engine import CostModel, backtest
from autarch.market.load import load_market
from autarch.referee.process import RehearsalProcess
from ci.checks import parity
from ci.checks.parting import parting

PEEK = """\
    last = bars.close[-1]
    return Targets(exposure=np.where(bars.close > last, 1.0, 0.0))
"""


def measures(result) -> dict[str, float]:
    return {measure.name: measure.value for measure in result.measures}


@pytest.fixture(scope="module")
def process():
    with RehearsalProcess() as process:
        yield process


@pytest.fixture(scope="module")
def asked(inputs, kit):
    """A window of made decisions with stops and take-profits."""
    market = load_market(
        inputs.lock, split="train", symbols=("BTCUSDT", "ETHUSDT"), interval="15m", stores=inputs.stores
    )
    shape = (market.n_bars, 2)
    rng = np.random.default_rng(5)
    turns = rng.choice([-1.0, 0.0, 0.5, 1.0], (market.n_bars // 30 + 1, 2))
    decisions = Decisions(
        symbols=market.symbols,
        interval="15m",
        mode="each",
        max_leverage=1.0,
        exposure=np.repeat(turns, 30, axis=0)[: market.n_bars],
        stop_loss=np.where(rng.random(shape) < 0.7, 0.01, np.nan),
        take_profit=np.full(shape, 0.02),
        counts=np.ones(shape, dtype=np.bool_),
    )
    source = kit.candidate(kit.trend, symbols=("BTCUSDT", "ETHUSDT")).source
    rows = parity.tail(decisions, bars=1200)
    window, wanted = parity.cut(market, decisions, rows)
    return parity.Rehearsal(
        market=window,
        decisions=wanted,
        manifest=source.manifest,
        costs=CostModel.from_lock(inputs.lock),
        capital=100_000.0,
    )


@pytest.fixture(scope="module")
def played(asked, process):
    """A window and its decisions, its backtest, and what the live path makes of it."""
    return both(asked, process)


def both(asked, process):
    (live,) = process.answer(process.ask((asked,)))
    result = backtest(asked.market, asked.decisions, costs=asked.costs, capital=asked.capital)
    return asked.market, asked.decisions, result, live


def test_the_live_path_trades_the_backtest_to_the_last_bit(played) -> None:
    window, wanted, result, live = played

    assert parting(window, wanted, result, live) is None
    assert set(live.fills["cause"]) == {"order", "stop", "take-profit"}
    assert len(live.fills) == len(result.fills) > 30
    assert len(live.funding) == len(result.funding) > 10
    assert np.array_equal(live.equity, result.equity)


def test_a_shared_margin_that_is_taken_over_is_the_backtests_to_the_last_bit(asked, process) -> None:
    risen, table = [], asked.decisions.exposure.copy()
    table[290:] = -1.0
    for one in asked.market.series:
        prices = {name: getattr(one, name).copy() for name in ("open", "high", "low", "close")}
        for column in prices.values():
            column[300:] *= 3.0  # a short of all the money loses twice of it
        risen.append(dataclasses.replace(one, **prices))
    shared = dataclasses.replace(
        asked,
        market=dataclasses.replace(asked.market, series=tuple(risen)),
        decisions=dataclasses.replace(
            asked.decisions,
            exposure=table,
            stop_loss=np.full(table.shape, np.nan),
            take_profit=np.full(table.shape, np.nan),
        ),
        costs=dataclasses.replace(asked.costs, margin_mode="cross"),
    )

    window, wanted, result, live = both(shared, process)

    assert result.ruined_row == 300
    assert list(live.fills["cause"]).count("liquidation") == 2
    assert parting(window, wanted, result, live) is None


def changed(live, table: str, index: int, **values):
    """Return what the live path would have said with one entry of one table changed."""
    copy = getattr(live, table).copy()
    for name, value in values.items():
        copy[name][index] = value
    return dataclasses.replace(live, **{table: copy})


def first(table, **values) -> int:
    """Return the index of the first entry with these values."""
    found = np.ones(len(table), dtype=np.bool_)
    for name, value in values.items():
        found &= table[name] == value
    return int(np.flatnonzero(found)[0])


def test_a_stop_on_another_bar_is_named(played) -> None:
    window, wanted, result, live = played
    index = first(live.fills, cause="stop")
    row = int(live.fills["row"][index])

    found = parting(window, wanted, result, changed(live, "fills", index, row=row + 1))

    assert (found.what, found.row) == ("fill", row)
    assert f"row {row} cause 'stop'" in found.backtest
    assert f"row {row + 1} cause 'stop'" in found.live


def test_a_fill_one_tick_off_is_named(played) -> None:
    window, wanted, result, live = played
    index = first(live.fills, symbol=1, cause="order")
    price, tick = float(live.fills["price"][index]), float(window.instruments[1].tick_size)

    found = parting(window, wanted, result, changed(live, "fills", index, price=price + tick))

    assert (found.what, found.symbol, found.row) == ("fill", "ETHUSDT", int(live.fills["row"][index]))
    assert f"price {price!r}" in found.backtest
    assert f"price {price + tick!r}" in found.live


def test_funding_at_another_instant_is_named(played) -> None:
    window, wanted, result, live = played
    stamp = int(live.funding["ts"][0])

    found = parting(window, wanted, result, changed(live, "funding", 0, ts=stamp + 60_000))

    row = int(np.searchsorted(window.ts, stamp, side="right")) - 1  # the bar that the stamp falls into
    assert (found.what, found.row) == ("funding", row)
    assert f"ts {stamp} " in found.backtest
    assert f"ts {stamp + 60_000} " in found.live


def test_an_order_too_few_and_one_too_many_are_named(played) -> None:
    window, wanted, result, live = played
    fewer = dataclasses.replace(live, orders=live.orders[:-1])
    more = dataclasses.replace(live, orders=np.concatenate([live.orders, live.orders[-1:]]))

    assert parting(window, wanted, result, fewer).live == "none"
    assert parting(window, wanted, result, more).backtest == "none"


def test_another_decision_is_named_before_what_follows_from_it(played) -> None:
    window, wanted, result, live = played
    exposure = live.wanted["exposure"].copy()
    exposure[100, 0] = np.nextafter(exposure[100, 0], 2.0)
    undecided = live.decided.copy()
    undecided[7, 1] = False

    off = parting(window, wanted, result, dataclasses.replace(live, wanted={**live.wanted, "exposure": exposure}))
    missed = parting(window, wanted, result, dataclasses.replace(live, decided=undecided))

    assert (off.what, off.symbol, off.row) == ("decision", "BTCUSDT", 100)
    assert (missed.what, missed.symbol, missed.row, missed.live) == ("decision", "ETHUSDT", 7, "none")


def test_equity_at_the_tolerance_passes_and_beyond_it_is_named(played) -> None:
    window, wanted, result, live = played
    near, far = live.equity.copy(), live.equity.copy()
    near[300] *= 1 + 9e-10
    far[300] *= 1 + 1.1e-9

    assert parting(window, wanted, result, dataclasses.replace(live, equity=near)) is None
    found = parting(window, wanted, result, dataclasses.replace(live, equity=far))
    assert (found.what, found.symbol, found.row) == ("equity", None, 300)


def test_the_gate_says_how_much_was_traded_and_asked(gate, kit) -> None:
    result = kit.check(gate(kit.candidate(kit.trend), only=frozenset({"parity"})), "parity")

    assert (result.verdict, result.klass) == ("passed", "law")
    # 500 changes or all there are, and 200 drawn, of one symbol
    assert 200 < measures(result)["parity_decisions"] <= 700
    assert measures(result)["parity_bars"] == 3000
    assert measures(result)["parity_fills"] > 20
    assert "asked bar by bar" in result.detail


def test_a_decision_that_differs_bar_by_bar_is_the_strategys_failure(gate, kit) -> None:
    result = kit.check(gate(kit.candidate(PEEK), only=frozenset({"parity"})), "parity")

    assert result.verdict == "failed"
    assert "when it is asked bar by bar as on a live market" in result.detail
    assert measures(result)["parity_decisions_differing"] > 100


def test_rows_are_drawn_by_the_base_commit_and_hold_changes(played) -> None:
    _, wanted, _, _ = played
    policy = parity.ParityPolicy(bars=1, changes=20, random_bars=20)

    one, again, other = (parity.asked_rows(wanted, policy, seed=seed) for seed in (b"a" * 40, b"a" * 40, b"c" * 40))

    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    moved = np.flatnonzero((np.diff(wanted.exposure, axis=0) != 0).any(axis=1)) + 1
    assert len(one) == 20  # 40 calls over two symbols
    assert np.isin(moved, one).sum() == 10


@pytest.mark.parametrize("late", [False, True])
def test_the_window_holds_a_change_of_decision_where_there_is_one(played, late) -> None:
    _, wanted, _, _ = played
    exposure = np.zeros_like(wanted.exposure)
    exposure[200:] = 1.0
    if late:
        exposure[590:] = 0.5
    rows = parity.tail(dataclasses.replace(wanted, exposure=exposure), bars=200)

    assert len(rows) == 100
    assert rows.stop == 600 if late else rows.start == 175


def test_a_live_path_that_cannot_play_leaves_the_gate_undecided(gate, kit) -> None:
    with RehearsalProcess(python="/bin/false") as broken:
        without = dataclasses.replace(gate, workers=dataclasses.replace(gate.workers, rehearsal=broken))
        found = kit.check(without(kit.candidate(kit.trend), only=frozenset({"parity"})), "parity")

    assert found.verdict == "undecided"
    assert "the live path's process" in found.detail


def test_a_live_path_that_trades_otherwise_leaves_the_gate_undecided(gate, kit) -> None:
    class Dearer(RehearsalProcess):
        """Rehearses with another fee: a live path that differs."""

        def ask(self, sheets):
            dear = [
                dataclasses.replace(sheet, costs=dataclasses.replace(sheet.costs, fee_factor=1.01)) for sheet in sheets
            ]
            return super().ask(dear)

    with Dearer() as other:
        differing = dataclasses.replace(gate, workers=dataclasses.replace(gate.workers, rehearsal=other))
        outcome = differing(kit.candidate(kit.trend), only=frozenset({"parity"}))

    found = kit.check(outcome, "parity")
    assert found.verdict == "undecided"
    assert "the executor does not trade what was backtested. train row " in found.detail
    assert measures(found)["parity_parted"] == 1.0

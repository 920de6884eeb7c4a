"""Parity over the wire: bars by the public stream, orders by REST, fills by the private stream: the backtest."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import random
from decimal import Decimal

import numpy as np
import pytest

from autarch.engine.run import backtest
from live.brain import wanted_of
from live.feeds.bybit_public import BybitPublicBars, FeedOptions, FeedSleeve, Wire
from live.lines import lines_of
from live.ports.brain import Decided
from live.rehearsal import UNLIMITED, read_off
from live.simulator.serving.replay import Replay, site_of
from live.trading.executor import Executor
from live.trading.hearing import TAKEN_OVER
from live.trading.memory import MemoryJournal
from live.trading.release import Release, SleeveTerms, World
from live.venue.bybit.options import BybitOptions
from tests.live.bybit import in_process
from tests.live.bybit.in_process import Hall, HallStreams, HallTransport, virtual
from tests.live.bybit.test_public_feed import MADE
from tests.live.conftest import COSTS, INTERVAL_MS, decisions, manifest
from tests.live.simulator_site import KEY

BEGIN, DECIDED, CAPITAL = 150, 16, 100_000.0
SEED = 27
pytestmark = pytest.mark.slow


class ByTime:
    """A brain that reads a table of the recorded rows by the live rows' times."""

    def __init__(self, table, feed, thinks_s):
        self.table, self.feed, self.thinks_s = table, feed, thinks_s

    async def decide(self, row):
        await asyncio.sleep(self.thinks_s)
        bar = int(self.feed.market("one_idea").ts[row])
        wanted = wanted_of(self.table, int(np.searchsorted(MADE.ts, bar)))
        return Decided(inputs=hashlib.sha256(str(bar).encode()).hexdigest(), symbols=wanted) if wanted else None

    def close(self):
        pass


def lived(table, *, made=MADE, costs=COSTS, bars_max=DECIDED, thinks_s=0.0):
    """Return the journal of an executor that traded `table` against the simulated venue, on virtual time."""
    journal = MemoryJournal(account="sim")
    card = manifest(made.symbols)

    async def main():
        site = site_of(made, Replay(costs=costs, lag_ms=40))
        shared = costs.margin_mode == "cross"  # what is put in is then what may be lost
        site.add_key(KEY, deposit=Decimal(100_000 if shared else 10_000_000))
        if shared:
            site.exchange.set_margin_mode(KEY.uid, "REGULAR_MARGIN")
        start = int(made.ts[BEGIN]) + 5_000
        site.advance(start)
        hall = Hall(site=site, start_ms=start)
        instruments = dict(zip(made.symbols, made.instruments, strict=True))
        feed = BybitPublicBars(
            Wire(transport=HallTransport(hall), streams=HallStreams(hall), clock=hall, rng=random.Random(1)),  # noqa: S311  jitter
            {
                "one_idea": FeedSleeve(
                    symbols=made.symbols, interval="15m", interval_ms=INTERVAL_MS, warmup=10, block=32
                )
            },
            instruments,
            FeedOptions(silence_s=1000, patience=BybitOptions(environment="sim")),
        )
        ticking = asyncio.create_task(hall.ticking(5.0))
        try:
            await feed.start()
            terms = SleeveTerms(strategy="one_idea", tag="v0.1.0", lines=lines_of(made, card, costs), capital=CAPITAL)
            release = Release(
                tag="v0.1.0", account="sim", sleeves={"one_idea": terms}, limits=UNLIMITED,
                capital=Decimal(str(CAPITAL)), opened={}, margin_mode=costs.margin_mode,
            )  # fmt: skip
            brains = {"one_idea": ByTime(table, feed, thinks_s)}
            world = World(
                journal=journal, venue=hall.venue(margin_mode=costs.margin_mode), bars=feed, brains=brains, clock=hall
            )
            await Executor(release, world).run(bars_max=bars_max)
        finally:
            ticking.cancel()
            await feed.close()

    virtual(main)
    return journal


def expected(table, made=MADE, costs=COSTS):
    """Return the decisions that were there to be made, and what the backtest makes of them from flat."""
    counts = table.counts.copy()
    counts[:BEGIN] = False
    blank = {
        name: np.where(counts, getattr(table, name), fill)
        for name, fill in (("exposure", 0.0), ("stop_loss", np.nan), ("take_profit", np.nan))
    }
    table = dataclasses.replace(table, counts=counts, **blank)
    return table, backtest(made, table, costs=costs, capital=CAPITAL)


def by_symbol(rows, *names):
    """Return the named fields of a table, symbol by symbol, in the order in which things happened."""
    return sorted((tuple(row[name].item() for name in ("symbol", *names)) for row in rows), key=lambda row: row[0])


def crashing(row):
    """Return the market with a fall by 60 % at the open of `row`, and decisions that are long of all of it before."""
    fallen = []
    for one in MADE.series:
        prices = {name: getattr(one, name).copy() for name in ("open", "high", "low", "close")}
        for column in prices.values():
            column[row:] = np.round(column[row:] * 0.4 / 0.05) * 5 / 100
        fallen.append(dataclasses.replace(one, **prices))
    table = decisions(MADE, seed=SEED, counts_from=BEGIN)
    table.exposure[BEGIN:] = 1.9
    table.stop_loss[:] = table.take_profit[:] = np.nan
    return dataclasses.replace(MADE, series=tuple(fallen)), table


@pytest.mark.parametrize("latency_s", [0.3])
def test_through_the_venues_own_messages_everything_is_the_backtests(monkeypatch, latency_s):
    monkeypatch.setattr(in_process, "LATENCY_S", latency_s)  # each way
    table, result = expected(decisions(MADE, seed=SEED, counts_from=BEGIN))

    live = read_off(lived(table).events(), MADE, MADE.symbols)

    end = BEGIN + DECIDED  # what was decided last has not been lived through
    fills, ours = result.fills[result.fills["row"] < end], live.fills[live.fills["row"] < end]
    assert set(ours["cause"]) == {"order", "stop", "take-profit"}
    assert by_symbol(ours, "row", "qty", "price") == by_symbol(fills, "row", "qty", "price")
    assert len(fills) > 15
    # The venue's text has eight decimals of a fee.
    assert [f[1] for f in by_symbol(ours, "fee")] == pytest.approx([f[1] for f in by_symbol(fills, "fee")], abs=1e-8)
    paid, owed = (rows[rows["ts"] < MADE.ts[end]] for rows in (live.funding, result.funding))
    assert by_symbol(paid, "ts", "qty") == by_symbol(owed, "ts", "qty")
    assert [f[1] for f in by_symbol(paid, "payment")] == pytest.approx(
        [f[1] for f in by_symbol(owed, "payment")], abs=1e-8
    )
    assert len(owed) > 2
    decided = live.decided.any(axis=1)
    assert np.flatnonzero(decided).tolist() == list(range(BEGIN, end))
    for name, values in live.wanted.items():
        assert np.array_equal(values[decided], getattr(table, name)[decided], equal_nan=True)
    assert live.equity[decided] == pytest.approx(result.equity[decided], rel=1e-9)


def test_a_takeover_of_a_shared_margin_comes_through_them_as_in_the_backtest(monkeypatch):
    monkeypatch.setattr(in_process, "LATENCY_S", 0.3)
    shared = dataclasses.replace(COSTS, margin_mode="cross")
    made, table = crashing(BEGIN + 5)
    table, result = expected(table, made, shared)

    journal = lived(table, made=made, costs=shared, bars_max=8)

    live = read_off(journal.events(), made, made.symbols)
    fills, ours = (rows[rows["row"] < BEGIN + 8] for rows in (result.fills, live.fills))
    assert list(ours["cause"]).count("liquidation") == len(made.symbols) == 2
    assert by_symbol(ours, "row", "qty", "price") == by_symbol(fills, "row", "qty", "price")
    decided = live.decided.any(axis=1)
    assert live.equity[decided] == pytest.approx(result.equity[decided], rel=1e-9, abs=1e-4)
    assert {event.body["reason"] for event in journal.events("state")} == {TAKEN_OVER}


def test_a_decision_that_takes_longer_than_its_deadline_is_missed_and_no_parity():
    table, result = expected(decisions(MADE, seed=SEED, counts_from=BEGIN))

    journal = lived(table, bars_max=4, thinks_s=25.0)

    assert {event.body["reason"] for event in journal.events("missed")} == {"its bar's entry deadline is over"}
    live = read_off(journal.events(), MADE, MADE.symbols)
    fills = result.fills[result.fills["row"] < BEGIN + 4]
    assert by_symbol(live.fills, "row", "qty", "price") != by_symbol(fills, "row", "qty", "price")

"""The live path, played once in memory: `python -m live.rehearsal` reads rehearsals on stdin and answers on stdout.

Executor, account, plan, intents and paper venue are those that trade; only the journal keeps no file, no limit of
an account applies, and decisions are read from a table. What is answered is read off the journal, so that it is
what a journal would say.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.market.types import Market
from autarch.referee.rehearsal import FILLED, ORDERED, PAID, Rehearsal, Rehearsed
from autarch.referee.serve import serve
from live.assembling import recorded_venue
from live.brain import wanted_of
from live.feeds.recorded import RecordedBars
from live.journal import Event
from live.lines import lines_of
from live.observing.picture import cause_of
from live.portfolio import Limits
from live.ports.brain import Decided
from live.trading.executor import Executor
from live.trading.memory import MemoryJournal
from live.trading.release import RECORDED, Release, SleeveTerms, World

ACCOUNT, TAG = "rehearsal", "rehearsal"
FIELDS = ("exposure", "stop_loss", "take_profit")
UNLIMITED = Limits(
    max_gross_leverage=1e9,
    max_order_notional=Decimal(10**30),
    orders_per_minute=10**9,
    max_daily_loss_frac=1e9,
    max_drawdown_frac=1e9,
    max_price_deviation_frac=1e9,
)


class Told:
    """A brain that reads a table of decisions."""

    def __init__(self, table: Decisions) -> None:
        self._table = table

    async def decide(self, row: int) -> Decided | None:
        """See `live.ports.brain.Brain`."""
        wanted = wanted_of(self._table, row)
        return Decided(inputs=Sha256(hashlib.sha256(b"%d" % row).hexdigest()), symbols=wanted) if wanted else None

    def close(self) -> None:
        """Do nothing."""


def rehearse(asked: Rehearsal) -> Rehearsed:
    """Trade the decisions of `asked` from flat and return what the journal says.

    Raises:
        AutarchError: as the executor raises.
    """
    strategy, capital = asked.manifest.name, Decimal(repr(asked.capital))
    lines = lines_of(asked.market, asked.manifest, asked.costs)
    release = Release(
        tag=TAG,
        account=ACCOUNT,
        sleeves={strategy: SleeveTerms(strategy=strategy, tag=TAG, lines=lines, capital=asked.capital)},
        limits=UNLIMITED,
        capital=capital,
        margin_mode=asked.costs.margin_mode,
        opened={},
    )
    markets = {strategy: asked.market}
    venue = recorded_venue(release, markets, asked.costs)
    bars = RecordedBars(markets, move=venue.advance)
    journal = MemoryJournal(account=ACCOUNT)
    world = World(journal=journal, venue=venue, bars=bars, brains={strategy: Told(asked.decisions)}, clock=bars)
    asyncio.run(Executor(release, world, RECORDED).run())
    return read_off(journal.events(), asked.market, tuple(line.symbol for line in lines))


def read_off(events: Iterable[Event], market: Market, symbols: tuple[str, ...]) -> Rehearsed:
    """Return what a journal over `market` says of `symbols`."""
    reading = _Reading(market, symbols)
    for event in events:
        reading.take(event.kind, event.time_ms, event.body)
    return reading.done()


class _Reading:
    """Gathers a journal's events into tables."""

    def __init__(self, market: Market, symbols: tuple[str, ...]) -> None:
        shape = market.n_bars, len(symbols)
        self._first, self._step = int(market.ts[0]), market.interval_ms
        self._column = {symbol: column for column, symbol in enumerate(symbols)}
        self._decided = np.zeros(shape, dtype=np.bool_)
        self._wanted = {name: np.full(shape, np.nan) for name in FIELDS}
        self._equity = np.full(market.n_bars, np.nan)
        self._orders: list[tuple[Any, ...]] = []
        self._fills: list[tuple[Any, ...]] = []
        self._funding: list[tuple[Any, ...]] = []

    def take(self, kind: str, time_ms: int, body: Mapping[str, Any]) -> None:
        if kind == "decision":
            row = self._row(body["bar"])
            self._equity[row] = body["equity"]
            for symbol, wanted in body["symbols"].items():
                self._decided[row, self._column[symbol]] = True
                for name in FIELDS:
                    value = wanted[name]
                    self._wanted[name][row, self._column[symbol]] = math.nan if value is None else value
        elif kind == "intent":
            signed = _signed(body)
            self._orders.append((self._row(body["bar"]) + 1, self._column[body["symbol"]], body["leg"], signed))
        elif kind == "execution":
            self._happened(time_ms, body)

    def done(self) -> Rehearsed:
        return Rehearsed(
            decided=self._decided,
            wanted=self._wanted,
            equity=self._equity,
            orders=np.array(self._orders, dtype=ORDERED),
            fills=np.array(self._fills, dtype=FILLED),
            funding=np.array(self._funding, dtype=PAID),
        )

    def _happened(self, time_ms: int, body: Mapping[str, Any]) -> None:
        column, signed = self._column[body["symbol"]], _signed(body)
        price, fee = float(body["price"]), float(body["fee"])
        if body["exec_type"] == "Funding":
            self._funding.append((time_ms, column, signed, price, fee))
        else:
            self._fills.append((self._row(time_ms), column, cause_of(body), signed, price, fee))

    def _row(self, time_ms: int) -> int:
        return (int(time_ms) - self._first) // self._step


def _signed(body: Mapping[str, Any]) -> float:
    return float(body["qty"]) * (1.0 if body["side"] == "Buy" else -1.0)


def main() -> int:
    """Serve `Rehearsed` for each rehearsal."""
    return serve(rehearse)


if __name__ == "__main__":
    raise SystemExit(main())

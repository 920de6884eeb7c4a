"""The live path, played once in memory: `python -m live.rehearsal` reads rehearsals on stdin and answers on stdout.

Executor, account, plan, intents and paper venue are those that trade; only the journal keeps no file, no limit of
an account applies, and decisions are read from a table. What is answered is read off the journal, so that it is
what a journal would say.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import numpy as np

from autarch.canonical import Sha256
from autarch.decisions import Decisions
from autarch.market.types import Market
from autarch.referee.rehearsal import FILLED, ORDERED, PAID, Rehearsal, Rehearsed
from autarch.referee.serve import serve
from live.account import AccountState, SleeveState
from live.brain import Decided
from live.executor import Executor
from live.journal import GENESIS, BarClaim, Draft, Event
from live.lines import lines_of
from live.orders import RiskGate
from live.portfolio import Limits
from live.venue.book import OrderBook
from live.venue.matching import SymbolMatching
from live.venue.paper import PaperVenue

ACCOUNT, TAG = "rehearsal", "rehearsal"
CAUSES = {
    "CreateByUser": "order",
    "CreateByStopLoss": "stop",
    "CreateByTakeProfit": "take-profit",
    "CreateByLiq": "liquidation",
    "CreateBySettle": "settlement",
}
FIELDS = ("exposure", "stop_loss", "take_profit")
UNLIMITED = Limits(
    max_gross_leverage=1e9,
    max_order_notional=Decimal(10**30),
    orders_per_minute=10**9,
    max_daily_loss_frac=1e9,
    max_drawdown_frac=1e9,
)


class Pages:
    """A journal that nobody reads after the process: events in memory, without a chain."""

    def __init__(self) -> None:
        self.written: list[Event] = []

    def append(self, drafts: Sequence[Draft], *, claims: Sequence[BarClaim] = ()) -> None:  # noqa: ARG002  the port's
        """Take the drafts; claims are not checked, since nobody else trades."""
        for draft in drafts:
            seq = len(self.written) + 1
            self.written.append(
                Event(
                    seq=seq,
                    time_ms=draft.time_ms,
                    kind=draft.kind,
                    ref=draft.ref,
                    body=draft.body,
                    prev=GENESIS,
                    hash=GENESIS,
                )
            )

    def events(self, *kinds: str, after: int = 0) -> Iterator[Event]:
        """Yield events in order, of `kinds` only when some are named."""
        return (event for event in self.written[after:] if not kinds or event.kind in kinds)

    def verify(self) -> int:
        """Return the number of events."""
        return len(self.written)


class Told:
    """A brain that reads a table of decisions."""

    def __init__(self, table: Decisions) -> None:
        self._table = table

    def decide(self, row: int) -> Decided | None:
        """See `live.brain.Brain`."""
        table = self._table
        columns = [c for c in range(len(table.symbols)) if table.counts[row, c]]
        wanted = {table.symbols[c]: {name: _told(getattr(table, name)[row, c]) for name in FIELDS} for c in columns}
        return Decided(inputs=Sha256(hashlib.sha256(b"%d" % row).hexdigest()), symbols=wanted) if wanted else None

    def close(self) -> None:
        """Do nothing."""


def rehearse(asked: Rehearsal) -> Rehearsed:
    """Trade the decisions of `asked` from flat and return what the journal says.

    Raises:
        AutarchError: as the executor raises.
    """
    strategy = asked.manifest.name
    lines = lines_of(asked.market, asked.manifest, asked.costs)
    symbols = {line.symbol: SymbolMatching(line, asked.market) for line in lines}
    book, pages = OrderBook(), Pages()
    venue = PaperVenue(account=ACCOUNT, symbols=symbols, book=book)
    account = AccountState(
        sleeves={strategy: SleeveState(strategy=strategy, lines=lines, capital=asked.capital)},
        gate=RiskGate(limits=UNLIMITED, capital=Decimal(repr(asked.capital))),
    )
    executor = Executor(
        tag=TAG,
        account_name=ACCOUNT,
        account=account,
        journal=pages,  # type: ignore[arg-type]
        venue=venue,
        feed=venue,
        markets={strategy: asked.market},
        deciders={strategy: Told(asked.decisions)},
        opened={"tag": TAG},
    )
    executor.run()
    book.close()
    return read_off(pages.written, asked.market, tuple(line.symbol for line in lines))


def read_off(events: Sequence[Event], market: Market, symbols: tuple[str, ...]) -> Rehearsed:
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
            cause = CAUSES.get(body["create_type"], body["create_type"])
            self._fills.append((self._row(time_ms), column, cause, signed, price, fee))

    def _row(self, time_ms: int) -> int:
        return (int(time_ms) - self._first) // self._step


def _signed(body: Mapping[str, Any]) -> float:
    return float(body["qty"]) * (1.0 if body["side"] == "Buy" else -1.0)


def _told(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def main() -> int:
    """Serve `Rehearsed` for each rehearsal."""
    return serve(rehearse)


if __name__ == "__main__":
    raise SystemExit(main())

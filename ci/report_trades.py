"""Which trades a change adds, removes or moves: the round trips of two backtests, matched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, cast

from autarch.engine import Backtest
from autarch.engine.result import Table
from autarch.market.types import Ints
from autarch.metrics import round_trips

What = Literal["added", "removed", "moved", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One round trip: `entry_ms` and `exit_ms` are opens of its bars, `profit` quote after fees and funding."""

    symbol: str
    side: Literal["long", "short"]
    entry_ms: int
    exit_ms: int
    profit: float
    profit_frac: float
    """Profit over the capital the backtest began with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeChange:
    """One trade of either side; both are there when it moved or stayed."""

    what: What
    own: Trade | None
    theirs: Trade | None

    @property
    def shown(self) -> Trade:
        """The candidate's trade, else the incumbent's."""
        return self.own or cast("Trade", self.theirs)  # one of the two made the change

    @property
    def profit_change(self) -> float:
        """How much more profit in quote the candidate makes of it."""
        return (self.own.profit if self.own else 0.0) - (self.theirs.profit if self.theirs else 0.0)


def trades_of(result: Backtest, ts: Ints) -> tuple[Trade, ...]:
    """Return the closed round trips of a backtest on bars that open at `ts`, ordered by entry, then symbol."""
    trips = round_trips(result.fills, result.funding)
    found = [_trade(trip, result, ts) for trip in _rows(trips)]
    return tuple(sorted(found, key=lambda trade: (trade.entry_ms, trade.symbol, trade.exit_ms)))


def trade_changes(own: tuple[Trade, ...], theirs: tuple[Trade, ...]) -> tuple[TradeChange, ...]:
    """Return every trade of both sides once, in order of entry.

    The same: equal symbol, side, entry and exit. Moved: of one symbol and side, held at the same time at least
    in part; each is matched once, the earliest first. What finds no partner is added or removed. Takes time in
    proportion to their number, since trades of one symbol and side never overlap each other.
    """
    groups = dict.fromkeys((trade.symbol, trade.side) for trade in (*own, *theirs))
    found = [
        change for symbol, side in groups for change in _matched(_of(own, symbol, side), _of(theirs, symbol, side))
    ]
    return tuple(sorted(found, key=lambda change: (change.shown.entry_ms, change.shown.symbol, change.what)))


def counts(changes: tuple[TradeChange, ...]) -> dict[What, int]:
    """Return how many there are of each, zeros included."""
    found: dict[What, int] = {"added": 0, "removed": 0, "moved": 0, "same": 0}
    for change in changes:
        found[change.what] += 1
    return found


def _of(trades: tuple[Trade, ...], symbol: str, side: str) -> list[Trade]:
    return [trade for trade in trades if (trade.symbol, trade.side) == (symbol, side)]


def _matched(own: list[Trade], theirs: list[Trade]) -> Iterator[TradeChange]:
    """Yield the changes of one symbol and side, whose trades follow one another on either side."""
    ours, others = iter(own), iter(theirs)
    mine, other = next(ours, None), next(others, None)
    while mine is not None or other is not None:
        if other is None or (mine is not None and mine.exit_ms < other.entry_ms):
            yield TradeChange(what="added", own=mine, theirs=None)
            mine = next(ours, None)
        elif mine is None or other.exit_ms < mine.entry_ms:
            yield TradeChange(what="removed", own=None, theirs=other)
            other = next(others, None)
        else:
            alike = (mine.entry_ms, mine.exit_ms) == (other.entry_ms, other.exit_ms)
            yield TradeChange(what="same" if alike else "moved", own=mine, theirs=other)
            mine, other = next(ours, None), next(others, None)


def _rows(trips: Table) -> Iterator[dict[str, Any]]:
    names = trips.dtype.names or ()
    for values in trips.tolist():
        yield dict(zip(names, values, strict=True))


def _trade(trip: dict[str, Any], result: Backtest, ts: Ints) -> Trade:
    return Trade(
        symbol=result.symbols[trip["symbol"]],
        side="long" if trip["side"] > 0 else "short",
        entry_ms=int(ts[trip["entry_row"]]),
        exit_ms=int(ts[trip["exit_row"]]),
        profit=float(trip["profit"]),
        profit_frac=float(trip["profit"]) / result.capital,
    )
